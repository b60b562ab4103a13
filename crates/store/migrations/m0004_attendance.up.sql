-- Attendance: registers, their marks, and leave. Registers and marks are buffered.

-- A school's own codes (P, A, L, sick, trip …) and what each counts as.
CREATE TABLE attendance_codes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    code text NOT NULL CHECK (char_length(code) BETWEEN 1 AND 16),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    counts_as text NOT NULL CHECK (counts_as IN ('present', 'absent', 'late', 'excused', 'not_counted')),
    is_default boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, code)
);
CREATE UNIQUE INDEX attendance_codes_one_default ON attendance_codes (school_id) WHERE is_default;
CALL adopt_tenant_table('attendance_codes', 'schools24_attendance');

-- A register: one class on one day, for the whole day or for one period.
CREATE TABLE attendance_sessions (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    subject_id uuid,
    teacher_id uuid,
    held_on date NOT NULL,
    kind text NOT NULL DEFAULT 'daily' CHECK (kind IN ('daily', 'period')),
    period integer CHECK (period BETWEEN 0 AND 99),
    starts_at timestamptz,
    ends_at timestamptz,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'taken', 'locked')),
    taken_by uuid REFERENCES users,
    taken_at timestamptz,
    locked_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT attendance_sessions_once UNIQUE NULLS NOT DISTINCT (school_id, class_id, held_on, period),
    -- What marks point at, so that a mark carries its register's day and kind and can't disagree with them.
    UNIQUE (school_id, id, held_on, kind),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, subject_id) REFERENCES subjects (school_id, id),
    FOREIGN KEY (school_id, teacher_id) REFERENCES teachers (school_id, id),
    CHECK ((kind = 'period') = (period IS NOT NULL)),
    CHECK (ends_at > starts_at),
    CHECK (state = 'open' OR taken_at IS NOT NULL)
);
CREATE INDEX attendance_sessions_day ON attendance_sessions (school_id, held_on);
CALL adopt_tenant_table('attendance_sessions', 'schools24_attendance', buffered => true);

CREATE TABLE attendance_records (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    session_id uuid NOT NULL,
    student_id uuid NOT NULL,
    held_on date NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    minutes_late integer CHECK (minutes_late BETWEEN 0 AND 1440),
    note text CHECK (char_length(note) <= 1000),
    marked_by uuid NOT NULL REFERENCES users,
    marked_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, session_id, student_id),
    FOREIGN KEY (school_id, session_id, held_on, kind) REFERENCES attendance_sessions (school_id, id, held_on, kind),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, code) REFERENCES attendance_codes (school_id, code)
);
-- A student has one daily mark a day, whichever class took it.
CREATE UNIQUE INDEX attendance_records_one_a_day ON attendance_records (school_id, student_id, held_on) WHERE kind = 'daily';
CREATE INDEX attendance_records_student ON attendance_records (school_id, student_id, held_on);
CALL adopt_tenant_table('attendance_records', 'schools24_attendance', buffered => true);

CREATE TABLE leave_requests (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid NOT NULL,
    from_date date NOT NULL,
    to_date date NOT NULL,
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 2000),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'withdrawn')),
    requested_by uuid NOT NULL REFERENCES users,
    decided_by uuid REFERENCES users,
    decided_at timestamptz,
    decision_note text CHECK (char_length(decision_note) <= 2000),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CHECK (to_date >= from_date),
    CHECK ((status IN ('approved', 'rejected')) = (decided_at IS NOT NULL)),
    CONSTRAINT leave_requests_no_overlap EXCLUDE USING gist (
        school_id WITH =, student_id WITH =, daterange(from_date, to_date, '[]') WITH &&
    ) WHERE (status IN ('pending', 'approved'))
);
CALL adopt_tenant_table('leave_requests', 'schools24_attendance');
