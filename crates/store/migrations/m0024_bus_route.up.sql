-- Bus-route, third part: what is noticed of trips that nobody ends or starts, what is told of those that are called off, and delays that end with their trips.

ALTER TABLE bus_alerts
    DROP CONSTRAINT bus_alerts_kind_check,
    ADD CONSTRAINT bus_alerts_kind_check CHECK (kind IN ('notice', 'delay', 'not_alighted', 'not_ended', 'cancelled')),
    DROP CONSTRAINT bus_alerts_about,
    ADD CONSTRAINT bus_alerts_about CHECK (CASE kind WHEN 'not_alighted' THEN trip_id IS NOT NULL AND student_id IS NOT NULL
        WHEN 'delay' THEN trip_id IS NOT NULL WHEN 'not_ended' THEN trip_id IS NOT NULL AND student_id IS NULL
        WHEN 'cancelled' THEN trip_id IS NOT NULL AND student_id IS NULL ELSE student_id IS NULL END);
CREATE UNIQUE INDEX bus_alerts_one_of_a_kind_a_trip ON bus_alerts (school_id, trip_id, kind) WHERE kind IN ('not_ended', 'cancelled');
-- What riders and the office ask for again and again is the few that hold now.
CREATE INDEX bus_alerts_open ON bus_alerts (school_id, begins_at, id) WHERE resolved_at IS NULL;

-- A delay ends with its trip; so far none did.
ALTER TABLE bus_alerts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE bus_trips NO FORCE ROW LEVEL SECURITY;
UPDATE bus_alerts a SET resolved_at = greatest(coalesce(t.ended_at, now()), a.begins_at), version = a.version + 1, updated_at = now()
    FROM bus_trips t
    WHERE t.school_id = a.school_id AND t.id = a.trip_id AND t.state IN ('finished', 'cancelled') AND a.kind = 'delay' AND a.resolved_at IS NULL;
ALTER TABLE bus_trips FORCE ROW LEVEL SECURITY;
ALTER TABLE bus_alerts FORCE ROW LEVEL SECURITY;
