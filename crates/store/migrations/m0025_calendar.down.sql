DROP INDEX appointment_bookings_one_a_series;
DROP TRIGGER appointment_series ON appointment_bookings;
DROP TRIGGER appointment_series ON appointment_slots;
DROP FUNCTION appointment_series;
ALTER TABLE appointment_bookings
    DROP CONSTRAINT appointment_bookings_parent_free,
    DROP CONSTRAINT appointment_bookings_who_books_comes,
    DROP CONSTRAINT appointment_bookings_slot,
    DROP COLUMN attending_parent,
    DROP COLUMN series_id;
ALTER TABLE appointment_slots
    DROP CONSTRAINT appointment_slots_terms,
    DROP COLUMN series_id,
    DROP CONSTRAINT appointment_slots_within_a_day,
    ADD CONSTRAINT appointment_slots_terms UNIQUE (school_id, id, capacity, starts_at, ends_at);
ALTER TABLE appointment_bookings
    ADD CONSTRAINT appointment_bookings_slot FOREIGN KEY (school_id, slot_id, slot_capacity, starts_at, ends_at)
        REFERENCES appointment_slots (school_id, id, capacity, starts_at, ends_at) ON UPDATE CASCADE;
DROP INDEX appointment_bookings_slot_id;
DROP INDEX appointment_slots_teacher;
DROP INDEX room_bookings_starts;
CREATE INDEX calendar_events_last_day ON calendar_events (school_id, last_day);
DROP INDEX calendar_events_long;
DROP INDEX calendar_events_short;
DROP TRIGGER calendar_event_days ON calendar_events;
DROP FUNCTION calendar_event_days;
ALTER TABLE calendar_events
    DROP CONSTRAINT calendar_events_bounded,
    DROP COLUMN touches_to,
    DROP COLUMN touches_from;
