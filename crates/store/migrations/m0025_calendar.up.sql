-- Calendar, third part: days by which an index finds events, times of which a student gets one, parents who are in one place.

-- The days that an event, or a series with all that it makes, can touch. Two days of grace on either side: an event's days are its own zone's, whoever asks has
-- the school's, and zones lie more than a day apart. Plain dates rather than a range: under row level security only comparisons that leak nothing may go by an
-- index, and && is none of them. What is short is found by its first day, which lies near those that are asked for; what is long, of which there is little, by its
-- last.
ALTER TABLE calendar_events
    ADD COLUMN touches_from date,
    ADD COLUMN touches_to date;
COMMENT ON COLUMN calendar_events.touches_from IS 'nothing of it is earlier than this, in any zone';
COMMENT ON COLUMN calendar_events.touches_to IS 'nothing of it is later than this, in any zone; infinity where nobody knows';
CREATE FUNCTION calendar_event_days() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.touches_from := coalesce(NEW.start_date, (NEW.starts_at AT TIME ZONE 'UTC')::date - 2);
    NEW.touches_to := coalesce(NEW.last_day, CASE WHEN NEW.rrule IS NULL THEN coalesce(NEW.end_date, (NEW.ends_at AT TIME ZONE 'UTC')::date) END, 'infinity') + 2;
    RETURN NEW;
END
$$;
CREATE TRIGGER calendar_event_days BEFORE INSERT OR UPDATE ON calendar_events FOR EACH ROW EXECUTE FUNCTION calendar_event_days();
-- Of all schools.
ALTER TABLE calendar_events NO FORCE ROW LEVEL SECURITY;
UPDATE calendar_events SET touches_from = NULL;
ALTER TABLE calendar_events
    FORCE ROW LEVEL SECURITY,
    -- What was there before is not looked at.
    ADD CONSTRAINT calendar_events_bounded CHECK (rrule IS NULL OR last_day IS NOT NULL OR rrule ~ '(^|;)(COUNT|UNTIL)=') NOT VALID;
CREATE INDEX calendar_events_short ON calendar_events (school_id, touches_from) WHERE touches_to <= touches_from + 40;
CREATE INDEX calendar_events_long ON calendar_events (school_id, touches_to) WHERE touches_to > touches_from + 40;
DROP INDEX calendar_events_last_day;

-- What takes a room is a day long at most, so that what is in the way of some hours began at most a day before.
CREATE INDEX room_bookings_starts ON room_bookings (school_id, starts_at, id) WHERE status = 'booked';
CREATE INDEX appointment_slots_teacher ON appointment_slots (school_id, teacher_id, starts_at) WHERE teacher_id IS NOT NULL;
CREATE INDEX appointment_bookings_slot_id ON appointment_bookings (school_id, slot_id);

-- Of times that were offered together a student gets one. A booking repeats the series of its slot. What was offered before is by itself.
ALTER TABLE appointment_slots ADD COLUMN series_id uuid;
ALTER TABLE appointment_bookings
    ADD COLUMN series_id uuid,
    -- A parent is in one place at a time. Only who comes to a meeting has to be there; an exam is the student's.
    ADD COLUMN attending_parent uuid REFERENCES users;
ALTER TABLE appointment_slots NO FORCE ROW LEVEL SECURITY;
ALTER TABLE appointment_bookings NO FORCE ROW LEVEL SECURITY;
UPDATE appointment_slots SET series_id = id;
UPDATE appointment_bookings SET series_id = slot_id;
ALTER TABLE appointment_slots FORCE ROW LEVEL SECURITY;
ALTER TABLE appointment_bookings FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN appointment_slots.series_id IS 'the first of the times that were offered together, of which a student gets one; itself where it is by itself';
COMMENT ON COLUMN appointment_bookings.attending_parent IS 'the parent who comes; null where none has to, and for what was booked before this was asked';

-- A release that does not know of series offers and books times as it always did.
CREATE FUNCTION appointment_series() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'appointment_slots' THEN
        NEW.series_id := NEW.id;
    ELSE
        NEW.series_id := (SELECT series_id FROM appointment_slots WHERE school_id = NEW.school_id AND id = NEW.slot_id);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER appointment_series BEFORE INSERT ON appointment_slots FOR EACH ROW WHEN (NEW.series_id IS NULL) EXECUTE FUNCTION appointment_series();
CREATE TRIGGER appointment_series BEFORE INSERT ON appointment_bookings FOR EACH ROW WHEN (NEW.series_id IS NULL) EXECUTE FUNCTION appointment_series();

ALTER TABLE appointment_bookings DROP CONSTRAINT appointment_bookings_slot;
ALTER TABLE appointment_slots
    DROP CONSTRAINT appointment_slots_terms,
    ALTER COLUMN series_id SET NOT NULL,
    ADD CONSTRAINT appointment_slots_within_a_day CHECK (ends_at - starts_at <= interval '25 hours') NOT VALID,
    ADD CONSTRAINT appointment_slots_series FOREIGN KEY (school_id, series_id) REFERENCES appointment_slots (school_id, id),
    ADD CONSTRAINT appointment_slots_terms UNIQUE (school_id, id, series_id, capacity, starts_at, ends_at);
ALTER TABLE appointment_bookings
    ALTER COLUMN series_id SET NOT NULL,
    ADD CONSTRAINT appointment_bookings_slot FOREIGN KEY (school_id, slot_id, series_id, slot_capacity, starts_at, ends_at)
        REFERENCES appointment_slots (school_id, id, series_id, capacity, starts_at, ends_at) ON UPDATE CASCADE,
    ADD CONSTRAINT appointment_bookings_who_books_comes CHECK (attending_parent IS NULL OR attending_parent = booked_by),
    -- Two children may have one parent come to one meeting.
    ADD CONSTRAINT appointment_bookings_parent_free EXCLUDE USING gist (
        school_id WITH =, attending_parent WITH =, slot_id WITH <>, tstzrange(starts_at, ends_at) WITH &&
    ) WHERE (status = 'booked' AND attending_parent IS NOT NULL);
CREATE UNIQUE INDEX appointment_bookings_one_a_series ON appointment_bookings (school_id, series_id, student_id) WHERE status = 'booked';
