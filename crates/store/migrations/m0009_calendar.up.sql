-- Calendar: events, rooms, the timetable, and feeds. Events are buffered, the timetable's rules across rows are not.

CREATE TABLE rooms (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    capacity integer CHECK (capacity > 0),
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, name)
);
CALL adopt_tenant_table('rooms', 'schools24_calendar');

-- All-day events have dates; timed ones have the local time and its zone too, since a lesson at nine stays at nine when
-- clocks change. Rooms are not excluded from overlapping here, because an event is acknowledged before PostgreSQL sees it:
-- what needs a room for certain is a timetable entry.
CREATE TABLE calendar_events (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    uid text NOT NULL CHECK (char_length(uid) BETWEEN 1 AND 255),
    sequence integer NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    kind text NOT NULL DEFAULT 'event' CHECK (kind IN ('event', 'holiday', 'exam', 'meeting')),
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    description text CHECK (char_length(description) <= 20000),
    place text CHECK (char_length(place) <= 200),
    room_id uuid,
    is_all_day boolean NOT NULL DEFAULT false,
    start_date date,
    end_date date CHECK (end_date >= start_date),
    starts_at timestamptz,
    ends_at timestamptz CHECK (ends_at > starts_at),
    time_zone text CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    rrule text CHECK (char_length(rrule) BETWEEN 1 AND 1000),
    exdates jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(exdates) = 'array'),
    -- A moved or changed occurrence of another event.
    master_event_id uuid,
    recurrence_id text CHECK (char_length(recurrence_id) BETWEEN 8 AND 64),
    audience jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(audience) = 'object'),
    status text NOT NULL DEFAULT 'confirmed' CHECK (status IN ('tentative', 'confirmed', 'cancelled')),
    created_by uuid NOT NULL REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT calendar_events_once UNIQUE NULLS NOT DISTINCT (school_id, uid, recurrence_id),
    FOREIGN KEY (school_id, room_id) REFERENCES rooms (school_id, id),
    FOREIGN KEY (school_id, master_event_id) REFERENCES calendar_events (school_id, id),
    CHECK (CASE WHEN is_all_day
        THEN start_date IS NOT NULL AND end_date IS NOT NULL AND starts_at IS NULL AND ends_at IS NULL
        ELSE starts_at IS NOT NULL AND ends_at IS NOT NULL AND time_zone IS NOT NULL AND start_date IS NULL AND end_date IS NULL END),
    CHECK ((master_event_id IS NULL) = (recurrence_id IS NULL)),
    CHECK (rrule IS NULL OR master_event_id IS NULL)
);
COMMENT ON COLUMN calendar_events.end_date IS 'the last day, inclusive (iCalendar writes the day after)';
CREATE INDEX calendar_events_timed ON calendar_events (school_id, starts_at);
CREATE INDEX calendar_events_all_day ON calendar_events (school_id, start_date);
CALL adopt_tenant_table('calendar_events', 'schools24_calendar', buffered => true);

-- A lesson, each time its day of the rotation comes. Minutes are of the school's local day, so that changing clocks doesn't move it.
CREATE TABLE timetable_entries (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    class_id uuid NOT NULL,
    subject_id uuid,
    teacher_id uuid,
    room_id uuid,
    -- 1 is Monday where the rotation is the week.
    rotation_day integer NOT NULL CHECK (rotation_day BETWEEN 1 AND 31),
    period integer CHECK (period BETWEEN 0 AND 99),
    start_minute integer NOT NULL CHECK (start_minute BETWEEN 0 AND 1439),
    end_minute integer NOT NULL CHECK (end_minute BETWEEN 1 AND 1440),
    valid_from date NOT NULL,
    valid_to date CHECK (valid_to >= valid_from),
    -- Cover: who stands in for whom, on the days from valid_from to valid_to.
    covers_entry_id uuid,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'cancelled')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, class_id) REFERENCES classes (school_id, id),
    FOREIGN KEY (school_id, subject_id) REFERENCES subjects (school_id, id),
    FOREIGN KEY (school_id, teacher_id) REFERENCES teachers (school_id, id),
    FOREIGN KEY (school_id, room_id) REFERENCES rooms (school_id, id),
    FOREIGN KEY (school_id, covers_entry_id) REFERENCES timetable_entries (school_id, id),
    CHECK (end_minute > start_minute),
    CONSTRAINT timetable_entries_teacher_free EXCLUDE USING gist (
        school_id WITH =, teacher_id WITH =, rotation_day WITH =, int4range(start_minute, end_minute) WITH &&,
        daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (status = 'active' AND teacher_id IS NOT NULL),
    CONSTRAINT timetable_entries_room_free EXCLUDE USING gist (
        school_id WITH =, room_id WITH =, rotation_day WITH =, int4range(start_minute, end_minute) WITH &&,
        daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (status = 'active' AND room_id IS NOT NULL AND covers_entry_id IS NULL),
    CONSTRAINT timetable_entries_class_free EXCLUDE USING gist (
        school_id WITH =, class_id WITH =, rotation_day WITH =, int4range(start_minute, end_minute) WITH &&,
        daterange(valid_from, valid_to, '[]') WITH &&
    ) WHERE (status = 'active' AND covers_entry_id IS NULL)
);
CALL adopt_tenant_table('timetable_entries', 'schools24_calendar');

-- A calendar subscription. The token itself is not kept: whoever reads this table can't read anybody's calendar.
CREATE TABLE calendar_feeds (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    name text CHECK (char_length(name) <= 100),
    scope jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(scope) = 'object'),
    revoked_at timestamptz,
    last_read_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, token_hash)
);
COMMENT ON COLUMN calendar_feeds.token_hash IS 'SHA-256 of the token; the token names its school, so that a feed is found without knowing it';
CREATE INDEX calendar_feeds_user ON calendar_feeds (school_id, user_id);
CALL adopt_tenant_table('calendar_feeds', 'schools24_calendar', private => true);
