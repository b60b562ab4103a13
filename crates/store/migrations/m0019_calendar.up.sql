-- Calendar, second part: series that are found by their days, cover that stays with its lesson, rooms and times that are booked.

-- The days that an event, or a series with all that it makes, can touch, so that a month finds it without expanding every series there ever was.
ALTER TABLE calendar_events
    ADD COLUMN last_day date,
    ADD CONSTRAINT calendar_events_holiday_has_days CHECK (kind <> 'holiday' OR (is_all_day AND rrule IS NULL AND master_event_id IS NULL));
COMMENT ON COLUMN calendar_events.last_day IS 'no occurrence is later than this; null where whoever wrote the row did not say';
COMMENT ON COLUMN calendar_events.exdates IS 'recurrence ids that do not take place, such as 20261124T090000 or 20261124, in the time of the event''s zone';
CREATE INDEX calendar_events_last_day ON calendar_events (school_id, last_day);
CREATE INDEX calendar_events_master ON calendar_events (school_id, master_event_id) WHERE master_event_id IS NOT NULL;

-- Cover is of one lesson: its class, its day, its minutes, its room; when the lesson moves, its cover moves with it.
ALTER TABLE timetable_entries
    ADD COLUMN note text CHECK (char_length(note) BETWEEN 1 AND 500),
    ADD CONSTRAINT timetable_entries_place UNIQUE (school_id, id, class_id, rotation_day, start_minute, end_minute),
    ADD CONSTRAINT timetable_entries_cover_is_of_its_lesson FOREIGN KEY (school_id, covers_entry_id, class_id, rotation_day, start_minute, end_minute)
        REFERENCES timetable_entries (school_id, id, class_id, rotation_day, start_minute, end_minute) ON UPDATE CASCADE,
    ADD CONSTRAINT timetable_entries_cover_is_bounded CHECK (covers_entry_id IS NULL OR (room_id IS NULL AND teacher_id IS NOT NULL AND valid_to IS NOT NULL)),
    ADD CONSTRAINT timetable_entries_one_cover EXCLUDE USING gist (
        school_id WITH =, covers_entry_id WITH =, daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (status = 'active' AND covers_entry_id IS NOT NULL);
CREATE INDEX timetable_entries_class ON timetable_entries (school_id, class_id);
CREATE INDEX timetable_entries_covers ON timetable_entries (school_id, covers_entry_id) WHERE covers_entry_id IS NOT NULL;

-- A bell: when the periods of a day are. Lessons have minutes of their own, which are those of usual days; a day with another bell moves them to where it has
-- their period.
CREATE TABLE timetable_columns (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT timetable_columns_name UNIQUE (school_id, name)
);
CALL adopt_tenant_table('timetable_columns', 'schools24_calendar');

-- A block of a bell: a period, or what lies between two.
CREATE TABLE timetable_blocks (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    column_id uuid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- None for a break.
    period integer CHECK (period BETWEEN 0 AND 99),
    start_minute integer NOT NULL CHECK (start_minute BETWEEN 0 AND 1439),
    end_minute integer NOT NULL CHECK (end_minute BETWEEN 1 AND 1440),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, column_id) REFERENCES timetable_columns (school_id, id) ON DELETE CASCADE,
    CHECK (end_minute > start_minute),
    CONSTRAINT timetable_blocks_period UNIQUE (school_id, column_id, period),
    CONSTRAINT timetable_blocks_one_at_a_time EXCLUDE USING gist (
        school_id WITH =, column_id WITH =, int4range(start_minute, end_minute) WITH &&
    )
);
CALL adopt_tenant_table('timetable_blocks', 'schools24_calendar');

-- A day that is not as its day of the week: another day of the rotation, another bell, or no lessons at all. A school whose rotation is not the week has a row
-- for each of its days.
CREATE TABLE timetable_days (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    day date NOT NULL CHECK (day BETWEEN '1970-01-01' AND '2200-12-31'),
    -- None means no lessons.
    rotation_day integer CHECK (rotation_day BETWEEN 1 AND 31),
    -- None means that lessons are at their usual minutes.
    column_id uuid,
    note text CHECK (char_length(note) BETWEEN 1 AND 200),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT timetable_days_once UNIQUE (school_id, day),
    CONSTRAINT timetable_days_column FOREIGN KEY (school_id, column_id) REFERENCES timetable_columns (school_id, id),
    CONSTRAINT timetable_days_bell_has_lessons CHECK (column_id IS NULL OR rotation_day IS NOT NULL)
);
CREATE INDEX timetable_days_bell ON timetable_days (school_id, column_id) WHERE column_id IS NOT NULL;
CALL adopt_tenant_table('timetable_days', 'schools24_calendar');

-- Under another bell two lessons of one period are at the same time, whatever their usual minutes are.
ALTER TABLE timetable_entries
    ADD CONSTRAINT timetable_entries_teacher_period EXCLUDE USING gist (
        school_id WITH =, teacher_id WITH =, rotation_day WITH =, period WITH =, daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (status = 'active' AND teacher_id IS NOT NULL AND period IS NOT NULL),
    ADD CONSTRAINT timetable_entries_room_period EXCLUDE USING gist (
        school_id WITH =, room_id WITH =, rotation_day WITH =, period WITH =, daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (status = 'active' AND room_id IS NOT NULL AND covers_entry_id IS NULL AND period IS NOT NULL),
    ADD CONSTRAINT timetable_entries_class_period EXCLUDE USING gist (
        school_id WITH =, class_id WITH =, rotation_day WITH =, period WITH =, daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (status = 'active' AND covers_entry_id IS NULL AND period IS NOT NULL);

-- When each lesson is given between two days. Under another bell a lesson is where the bell has its period, and is not given if that has none.
CREATE FUNCTION timetable_between(school uuid, first date, last date)
    RETURNS TABLE (entry_id uuid, on_day date, starts integer, ends integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, d.day, coalesce(b.start_minute, t.start_minute), coalesce(b.end_minute, t.end_minute)
    FROM (SELECT first + n AS day FROM generate_series(0, last - first) AS n) AS d
    LEFT JOIN timetable_days x ON x.school_id = school AND x.day = d.day
    JOIN timetable_entries t ON t.school_id = school AND t.status = 'active' AND t.covers_entry_id IS NULL
        AND t.rotation_day = CASE WHEN x.id IS NULL THEN extract(isodow FROM d.day)::integer ELSE x.rotation_day END
        AND d.day BETWEEN t.valid_from AND coalesce(t.valid_to, 'infinity')
    LEFT JOIN timetable_blocks b ON b.school_id = school AND b.column_id = x.column_id AND b.period = t.period
    WHERE x.column_id IS NULL OR b.id IS NOT NULL;
END;

-- A room for certain, on one day.
CREATE TABLE room_bookings (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    room_id uuid NOT NULL,
    purpose text NOT NULL CHECK (char_length(purpose) BETWEEN 1 AND 200),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    booked_by uuid NOT NULL REFERENCES users,
    status text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'cancelled')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, room_id) REFERENCES rooms (school_id, id),
    CHECK (ends_at > starts_at AND ends_at - starts_at <= interval '25 hours'),
    CONSTRAINT room_bookings_room_free EXCLUDE USING gist (
        school_id WITH =, room_id WITH =, tstzrange(starts_at, ends_at) WITH &&
    ) WHERE (status = 'booked')
);
CALL adopt_tenant_table('room_bookings', 'schools24_calendar');

-- A time that can be booked: a sitting of an exam, a parent's ten minutes with a teacher.
CREATE TABLE appointment_slots (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    kind text NOT NULL CHECK (kind IN ('exam', 'meeting')),
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    -- For the students of this class only; none means any student.
    class_id uuid,
    teacher_id uuid,
    room_id uuid,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    book_until timestamptz NOT NULL,
    capacity integer NOT NULL DEFAULT 1 CHECK (capacity BETWEEN 1 AND 1000),
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'cancelled')),
    created_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    -- What a booking repeats of its slot.
    CONSTRAINT appointment_slots_terms UNIQUE (school_id, id, capacity, starts_at, ends_at),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, teacher_id) REFERENCES teachers (school_id, id),
    FOREIGN KEY (school_id, room_id) REFERENCES rooms (school_id, id),
    CHECK (ends_at > starts_at),
    CHECK (book_until <= ends_at),
    CONSTRAINT appointment_slots_teacher_free EXCLUDE USING gist (
        school_id WITH =, teacher_id WITH =, tstzrange(starts_at, ends_at) WITH &&
    ) WHERE (status = 'open' AND teacher_id IS NOT NULL),
    CONSTRAINT appointment_slots_room_free EXCLUDE USING gist (
        school_id WITH =, room_id WITH =, tstzrange(starts_at, ends_at) WITH &&
    ) WHERE (status = 'open' AND room_id IS NOT NULL)
);
CREATE INDEX appointment_slots_starts ON appointment_slots (school_id, starts_at, id);
CALL adopt_tenant_table('appointment_slots', 'schools24_calendar');

-- A student's seat in a slot. Seats have numbers, each is taken once, and none is beyond the slot's capacity: so a slot is never overbooked, whoever writes.
CREATE TABLE appointment_bookings (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    slot_id uuid NOT NULL,
    slot_capacity integer NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    seat integer NOT NULL CHECK (seat >= 1),
    student_id uuid NOT NULL,
    booked_by uuid NOT NULL REFERENCES users,
    note text CHECK (char_length(note) BETWEEN 1 AND 500),
    status text NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'cancelled')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CONSTRAINT appointment_bookings_slot FOREIGN KEY (school_id, slot_id, slot_capacity, starts_at, ends_at)
        REFERENCES appointment_slots (school_id, id, capacity, starts_at, ends_at) ON UPDATE CASCADE,
    CONSTRAINT appointment_bookings_capacity CHECK (status = 'cancelled' OR seat <= slot_capacity),
    CONSTRAINT appointment_bookings_student_free EXCLUDE USING gist (
        school_id WITH =, student_id WITH =, tstzrange(starts_at, ends_at) WITH &&
    ) WHERE (status = 'booked')
);
CREATE UNIQUE INDEX appointment_bookings_one_a_seat ON appointment_bookings (school_id, slot_id, seat) WHERE status = 'booked';
CREATE INDEX appointment_bookings_student ON appointment_bookings (school_id, student_id);
CALL adopt_tenant_table('appointment_bookings', 'schools24_calendar');
