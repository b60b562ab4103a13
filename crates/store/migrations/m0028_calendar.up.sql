-- Calendar, fourth part: a lesson that on one day is called off, or at another time, or in another room; and who gave a lesson before.

-- What is said of one lesson on one day. Minutes are of the school's local day, as the lesson's. What is null is as usual: a lesson that only changes its room is at
-- its own minutes, or where the day's bell has its period. A day that is as usual again keeps its row, so that whoever was told of the change is told of that too.
ALTER TABLE timetable_entries ADD CONSTRAINT timetable_entries_of_class UNIQUE (school_id, id, class_id);
CREATE TABLE timetable_lesson_days (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    entry_id uuid NOT NULL,
    -- The lesson's.
    class_id uuid NOT NULL,
    day date NOT NULL CHECK (day BETWEEN '1970-01-01' AND '2200-12-31'),
    state text NOT NULL CHECK (state IN ('as_usual', 'cancelled', 'moved')),
    period integer CHECK (period BETWEEN 0 AND 99),
    start_minute integer CHECK (start_minute BETWEEN 0 AND 1439),
    end_minute integer CHECK (end_minute BETWEEN 1 AND 1440),
    room_id uuid,
    reason text CHECK (char_length(reason) BETWEEN 1 AND 500),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT timetable_lesson_days_once UNIQUE (school_id, entry_id, day),
    CONSTRAINT timetable_lesson_days_lesson FOREIGN KEY (school_id, entry_id, class_id) REFERENCES timetable_entries (school_id, id, class_id) ON UPDATE CASCADE,
    CONSTRAINT timetable_lesson_days_room FOREIGN KEY (school_id, room_id) REFERENCES rooms (school_id, id),
    CONSTRAINT timetable_lesson_days_has_an_end CHECK ((start_minute IS NULL) = (end_minute IS NULL) AND end_minute > start_minute),
    CONSTRAINT timetable_lesson_days_moved_somewhere CHECK ((state = 'moved') = (num_nonnulls(period, start_minute, room_id) > 0)),
    -- Of what is moved to minutes of its own no two are in one room, or of one class. What else is in its way, its trigger sees.
    CONSTRAINT timetable_lesson_days_room_free EXCLUDE USING gist (
        school_id WITH =, room_id WITH =, day WITH =, int4range(start_minute, end_minute) WITH &&
    ) WHERE (state = 'moved' AND room_id IS NOT NULL AND start_minute IS NOT NULL),
    CONSTRAINT timetable_lesson_days_class_free EXCLUDE USING gist (
        school_id WITH =, class_id WITH =, day WITH =, int4range(start_minute, end_minute) WITH &&
    ) WHERE (state = 'moved' AND start_minute IS NOT NULL)
);
-- A class has one register a period and day.
CREATE UNIQUE INDEX timetable_lesson_days_class_period ON timetable_lesson_days (school_id, class_id, day, period) WHERE state = 'moved' AND period IS NOT NULL;
CREATE INDEX timetable_lesson_days_moved ON timetable_lesson_days (school_id, day) WHERE state = 'moved';
CALL adopt_tenant_table('timetable_lesson_days', 'schools24_calendar');

-- Each lesson between two days, those that are called off among them: when and where it is that day, and in which period. Under another bell a lesson is where the
-- bell has its period, and is not given if that has none, unless it was moved to minutes of its own.
CREATE FUNCTION timetable_lessons(school uuid, first date, last date)
    RETURNS TABLE (entry_id uuid, on_day date, starts integer, ends integer, period integer, class_id uuid, room_id uuid, state text, reason text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, d.day, coalesce(e.start_minute, b.start_minute, t.start_minute), coalesce(e.end_minute, b.end_minute, t.end_minute),
        coalesce(e.period, t.period), t.class_id, coalesce(e.room_id, t.room_id), coalesce(e.state, 'as_usual'), e.reason
    FROM (SELECT first + n AS day FROM generate_series(0, last - first) AS n) AS d
    LEFT JOIN timetable_days x ON x.school_id = school AND x.day = d.day
    JOIN timetable_entries t ON t.school_id = school AND t.status = 'active' AND t.covers_entry_id IS NULL
        AND t.rotation_day = CASE WHEN x.id IS NULL THEN extract(isodow FROM d.day)::integer ELSE x.rotation_day END
        AND d.day BETWEEN t.valid_from AND coalesce(t.valid_to, 'infinity')
    LEFT JOIN timetable_blocks b ON b.school_id = school AND b.column_id = x.column_id AND b.period = t.period
    LEFT JOIN timetable_lesson_days e ON e.school_id = school AND e.entry_id = t.id AND e.day = d.day
    WHERE x.column_id IS NULL OR b.id IS NOT NULL OR e.start_minute IS NOT NULL;
END;

-- When each lesson is given between two days: as before, but without those that are called off, and with those that are moved where they are.
CREATE OR REPLACE FUNCTION timetable_between(school uuid, first date, last date)
    RETURNS TABLE (entry_id uuid, on_day date, starts integer, ends integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.entry_id, l.on_day, l.starts, l.ends FROM timetable_lessons(school, first, last) AS l WHERE l.state <> 'cancelled';
END;

-- Which rule is broken by a lesson that is moved between two days and another that is given then, one of which is `entry`; whichever they are, if that is null.
-- Lessons at their usual times are kept apart by the constraints of timetable_entries.
CREATE FUNCTION timetable_clash(school uuid, entry uuid, first date, last date) RETURNS text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH given AS MATERIALIZED (
        SELECT l.entry_id, l.on_day, l.starts, l.ends, l.period, l.class_id, l.room_id, l.state, coalesce(c.teacher_id, t.teacher_id) AS teacher_id
        FROM (SELECT DISTINCT m.day FROM timetable_lesson_days m WHERE m.school_id = school AND m.state = 'moved' AND m.day BETWEEN first AND last) AS d
        CROSS JOIN LATERAL timetable_lessons(school, d.day, d.day) AS l
        JOIN timetable_entries t ON t.school_id = school AND t.id = l.entry_id
        LEFT JOIN timetable_entries c ON c.school_id = school AND c.covers_entry_id = t.id AND c.status = 'active' AND d.day BETWEEN c.valid_from AND c.valid_to
        WHERE l.state <> 'cancelled'),
    met AS (
        SELECT a.starts < b.ends AND b.starts < a.ends AS at_once, a.room_id = b.room_id AS is_room, a.class_id = b.class_id AS is_class,
            a.period = b.period AS is_period, a.teacher_id = b.teacher_id AS is_teacher
        FROM given a JOIN given b ON b.on_day = a.on_day AND b.entry_id <> a.entry_id
        WHERE a.state = 'moved' AND (entry IS NULL OR entry IN (a.entry_id, b.entry_id)))
    SELECT CASE WHEN at_once AND is_class THEN 'timetable_lesson_days_class_free'
        WHEN at_once AND is_teacher THEN 'timetable_lesson_days_teacher_free'
        WHEN at_once AND is_room THEN 'timetable_lesson_days_room_free'
        ELSE 'timetable_lesson_days_class_period' END
    FROM met WHERE at_once AND (is_class OR is_teacher OR is_room) OR is_class AND is_period LIMIT 1;
END;

-- Whoever writes the timetable of a school does so alone: what is asked afterwards must not be changed by another who asks at the same time. The queue is the one in
-- which the service stands.
CREATE FUNCTION timetable_in_turn() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('calendar:timetable:' || coalesce(NEW.school_id, OLD.school_id), 0));
    RETURN coalesce(NEW, OLD);
END
$$;
CREATE TRIGGER timetable_in_turn BEFORE INSERT OR UPDATE OR DELETE ON timetable_entries FOR EACH ROW EXECUTE FUNCTION timetable_in_turn();
CREATE TRIGGER timetable_in_turn BEFORE INSERT OR UPDATE OR DELETE ON timetable_lesson_days FOR EACH ROW EXECUTE FUNCTION timetable_in_turn();
CREATE TRIGGER timetable_in_turn BEFORE INSERT OR UPDATE OR DELETE ON timetable_days FOR EACH ROW EXECUTE FUNCTION timetable_in_turn();
CREATE TRIGGER timetable_in_turn BEFORE INSERT OR UPDATE OR DELETE ON timetable_blocks FOR EACH ROW EXECUTE FUNCTION timetable_in_turn();

-- A teacher, a room and a class are in one place at a time also where a lesson was moved on one day, whichever of the two was written later.
CREATE FUNCTION timetable_lesson_days_free() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    school uuid := coalesce(NEW.school_id, OLD.school_id);
    -- What was once, wherever the school is, is in nobody's way.
    today date := current_date - 1;
    broken text;
BEGIN
    -- Where nothing is moved, which is the rule, nothing is asked.
    IF NOT EXISTS (SELECT FROM timetable_lesson_days m WHERE m.school_id = school AND m.state = 'moved') THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'timetable_lesson_days' THEN
        broken := timetable_clash(school, coalesce(NEW.entry_id, OLD.entry_id), coalesce(NEW.day, OLD.day), coalesce(NEW.day, OLD.day));
    ELSIF TG_TABLE_NAME = 'timetable_entries' THEN
        broken := timetable_clash(school, coalesce(NEW.covers_entry_id, NEW.id), greatest(today, least(OLD.valid_from, NEW.valid_from)),
            greatest(coalesce(OLD.valid_to, '2200-12-31'), coalesce(NEW.valid_to, '2200-12-31')));
    ELSE
        broken := timetable_clash(school, NULL, coalesce(NEW.day, OLD.day), coalesce(NEW.day, OLD.day));
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'a lesson that was moved would be in the way of another' USING ERRCODE = 'exclusion_violation', CONSTRAINT = broken, TABLE = 'timetable_lesson_days';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER timetable_lesson_days_teacher_free AFTER INSERT OR UPDATE OR DELETE ON timetable_lesson_days
    FOR EACH ROW EXECUTE FUNCTION timetable_lesson_days_free();
CREATE CONSTRAINT TRIGGER timetable_lesson_days_free AFTER INSERT OR UPDATE ON timetable_entries FOR EACH ROW EXECUTE FUNCTION timetable_lesson_days_free();
CREATE CONSTRAINT TRIGGER timetable_lesson_days_free AFTER INSERT OR UPDATE OR DELETE ON timetable_days FOR EACH ROW EXECUTE FUNCTION timetable_lesson_days_free();

-- Blocks come and go with their bell, all at once. One that goes is in nobody's way.
CREATE FUNCTION timetable_blocks_free() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    broken text := (
        SELECT min(timetable_clash(m.school_id, NULL, m.day, m.day)) FROM (
            SELECT DISTINCT m.school_id, m.day FROM changed b
            JOIN timetable_days d ON d.school_id = b.school_id AND d.column_id = b.column_id AND d.day >= current_date - 1
            JOIN timetable_lesson_days m ON m.school_id = d.school_id AND m.day = d.day AND m.state = 'moved') m);
BEGIN
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'a lesson that was moved would be in the way of another' USING ERRCODE = 'exclusion_violation', CONSTRAINT = broken, TABLE = 'timetable_lesson_days';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER timetable_lesson_days_free_of_new AFTER INSERT ON timetable_blocks REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION timetable_blocks_free();
CREATE TRIGGER timetable_lesson_days_free_of_changed AFTER UPDATE ON timetable_blocks REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION timetable_blocks_free();

-- Who gave a lesson before it was handed to another teacher: whoever holds it in a calendar of their own is told that it is theirs no more.
CREATE TABLE timetable_handovers (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    entry_id uuid NOT NULL,
    teacher_id uuid NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT timetable_handovers_once UNIQUE (school_id, teacher_id, entry_id),
    FOREIGN KEY (school_id, entry_id) REFERENCES timetable_entries (school_id, id),
    FOREIGN KEY (school_id, teacher_id) REFERENCES teachers (school_id, id)
);
COMMENT ON COLUMN timetable_handovers.updated_at IS 'when they gave it last';
CALL adopt_tenant_table('timetable_handovers', 'schools24_calendar');
CREATE FUNCTION timetable_handed_over() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timetable_handovers AS h (school_id, id, entry_id, teacher_id, created_at, updated_at)
    VALUES (OLD.school_id, gen_random_uuid(), OLD.id, OLD.teacher_id, NEW.updated_at, NEW.updated_at)
    ON CONFLICT (school_id, teacher_id, entry_id) DO UPDATE SET version = h.version + 1, updated_at = excluded.updated_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER timetable_handed_over AFTER UPDATE OF teacher_id ON timetable_entries
    FOR EACH ROW WHEN (OLD.teacher_id IS NOT NULL AND OLD.teacher_id IS DISTINCT FROM NEW.teacher_id AND OLD.covers_entry_id IS NULL)
    EXECUTE FUNCTION timetable_handed_over();
