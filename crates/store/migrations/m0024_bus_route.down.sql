DROP INDEX bus_alerts_open;
DROP INDEX bus_alerts_one_of_a_kind_a_trip;
ALTER TABLE bus_alerts NO FORCE ROW LEVEL SECURITY;
DELETE FROM bus_alerts WHERE kind IN ('not_ended', 'cancelled');
ALTER TABLE bus_alerts FORCE ROW LEVEL SECURITY;
ALTER TABLE bus_alerts
    DROP CONSTRAINT bus_alerts_about,
    ADD CONSTRAINT bus_alerts_about CHECK (CASE kind WHEN 'delay' THEN trip_id IS NOT NULL WHEN 'not_alighted' THEN trip_id IS NOT NULL AND student_id IS NOT NULL
        ELSE student_id IS NULL END),
    DROP CONSTRAINT bus_alerts_kind_check,
    ADD CONSTRAINT bus_alerts_kind_check CHECK (kind IN ('notice', 'delay', 'not_alighted'));
