-- Attendance, second part: a school's own rules, whose code a mark carries, and who corrected what.

-- Some codes only the office may give; one of them is what approved leave gives.
ALTER TABLE attendance_codes
    ADD COLUMN office_only boolean NOT NULL DEFAULT false,
    ADD COLUMN is_leave boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT attendance_codes_default_is_usable CHECK (NOT is_default OR (is_active AND NOT office_only)),
    ADD CONSTRAINT attendance_codes_leave_is_excused CHECK (NOT is_leave OR (is_active AND counts_as = 'excused'));
-- `p` beside `P` would be one code to people and two to a report.
CREATE UNIQUE INDEX attendance_codes_one_spelling ON attendance_codes (school_id, lower(code));
CREATE UNIQUE INDEX attendance_codes_one_leave ON attendance_codes (school_id) WHERE is_leave;

-- How a school takes attendance. One row a school, made when it is first needed.
CREATE TABLE attendance_settings (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    lock_after_days integer NOT NULL DEFAULT 7 CHECK (lock_after_days BETWEEN 0 AND 366),
    weekdays integer[] NOT NULL DEFAULT '{1,2,3,4,5}' CHECK (cardinality(weekdays) BETWEEN 1 AND 7 AND weekdays <@ ARRAY[1, 2, 3, 4, 5, 6, 7]),
    daily_registers boolean NOT NULL DEFAULT true,
    period_registers boolean NOT NULL DEFAULT false,
    self_registration boolean NOT NULL DEFAULT false,
    day_minutes integer NOT NULL DEFAULT 360 CHECK (day_minutes BETWEEN 1 AND 1440),
    period_minutes integer NOT NULL DEFAULT 45 CHECK (period_minutes BETWEEN 1 AND 1440),
    full_day_percent integer NOT NULL DEFAULT 75 CHECK (full_day_percent BETWEEN 1 AND 100),
    half_day_percent integer NOT NULL DEFAULT 40 CHECK (half_day_percent BETWEEN 1 AND 100),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id),
    CHECK (half_day_percent <= full_day_percent)
);
COMMENT ON COLUMN attendance_settings.self_registration IS 'whether students may say themselves that they are there';
COMMENT ON COLUMN attendance_settings.weekdays IS 'days of the week with school, 1 is Monday (ISO 8601)';
COMMENT ON COLUMN attendance_settings.lock_after_days IS 'a register can be changed by its teachers for so many days after its own';
CALL adopt_tenant_table('attendance_settings', 'schools24_attendance');

-- A register is not kept for a day to come. A day of grace: somewhere it is tomorrow already.
ALTER TABLE attendance_sessions
    ADD CONSTRAINT attendance_sessions_no_future CHECK (held_on <= (created_at AT TIME ZONE 'UTC')::date + 1),
    ADD CONSTRAINT attendance_sessions_locked_at CHECK ((state = 'locked') = (locked_at IS NOT NULL));

-- What the teacher saw, and what the office made of it; `code` is the office's if there is one.
ALTER TABLE attendance_records
    ADD COLUMN teacher_code text,
    ADD COLUMN office_code text,
    ADD FOREIGN KEY (school_id, teacher_code) REFERENCES attendance_codes (school_id, code),
    ADD FOREIGN KEY (school_id, office_code) REFERENCES attendance_codes (school_id, code),
    ADD CONSTRAINT attendance_records_office_counts CHECK (code = coalesce(office_code, teacher_code, code));

-- Who changed a register that had been taken, when, why, and what it said before. Nobody takes that back.
CREATE TABLE attendance_corrections (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    session_id uuid NOT NULL,
    session_version integer NOT NULL CHECK (session_version >= 1),
    corrected_by uuid NOT NULL REFERENCES users,
    role text NOT NULL CHECK (role IN ('super_admin', 'school_admin', 'admin', 'teacher')),
    after_lock boolean NOT NULL,
    reason text CHECK (char_length(reason) BETWEEN 1 AND 1000),
    changes jsonb NOT NULL CHECK (CASE WHEN jsonb_typeof(changes) = 'array' THEN jsonb_array_length(changes) > 0 ELSE false END),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, session_id, session_version),
    FOREIGN KEY (school_id, session_id) REFERENCES attendance_sessions (school_id, id),
    CONSTRAINT attendance_corrections_after_lock CHECK (NOT after_lock OR (role <> 'teacher' AND reason IS NOT NULL))
);
CALL adopt_tenant_table('attendance_corrections', 'schools24_attendance', buffered => true, append_only => true);

-- Leave lasts at most a year, and a decision has somebody who made it.
ALTER TABLE leave_requests
    ADD CONSTRAINT leave_requests_length CHECK (to_date - from_date <= 366),
    ADD CONSTRAINT leave_requests_decided_by CHECK ((decided_by IS NULL) = (decided_at IS NULL));
CREATE INDEX leave_requests_newest ON leave_requests (school_id, created_at, id);
