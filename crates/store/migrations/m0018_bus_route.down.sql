DROP TABLE bus_alarms;
DROP TABLE bus_problems;
DROP TABLE bus_alerts;
DROP TABLE bus_stop_visits;
DROP TABLE bus_boardings;
DROP INDEX bus_trips_running;
DROP INDEX bus_trips_one_a_run;
DROP TABLE bus_fee_charges;
DROP TABLE bus_fee_slabs;
DROP INDEX bus_assignments_student;
ALTER TABLE bus_assignments
    DROP CONSTRAINT bus_assignments_one_a_seat,
    ADD CONSTRAINT bus_assignments_one_a_seat EXCLUDE USING gist (
        school_id WITH =, route_id WITH =, direction WITH =, seat WITH =, daterange(begin_date, end_date, '[]') WITH &&
    ) WHERE (status = 'active');
COMMENT ON TABLE route_stops IS NULL;
DROP TRIGGER route_stops_in_order ON route_stops;
DROP FUNCTION route_stops_in_order();
DROP TRIGGER bus_routes_vehicle_capacity ON bus_routes;
DROP FUNCTION bus_routes_vehicle_capacity();
ALTER TABLE bus_routes
    DROP CONSTRAINT bus_routes_fit_their_vehicle,
    DROP CONSTRAINT bus_routes_vehicle,
    DROP COLUMN vehicle_capacity;
DROP TABLE bus_drivers;
DROP TABLE vehicle_maintenance;
ALTER TABLE vehicles
    DROP CONSTRAINT vehicles_of_capacity,
    DROP COLUMN registration_expires_on,
    DROP COLUMN pollution_expires_on;
