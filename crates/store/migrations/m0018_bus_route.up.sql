-- Bus-route, second part: drivers and documents, stops in order, fees, what happens on a trip, and what there is to tell about it.

ALTER TABLE vehicles
    ADD COLUMN registration_expires_on date,
    ADD COLUMN pollution_expires_on date,
    -- What routes point at: see bus_routes.
    ADD CONSTRAINT vehicles_of_capacity UNIQUE (school_id, id, capacity);
COMMENT ON COLUMN vehicles.pollution_expires_on IS 'the emission test''s';

-- Work on a vehicle: planned, and done.
CREATE TABLE vehicle_maintenance (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    vehicle_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('service', 'repair', 'inspection', 'tyres', 'cleaning', 'other')),
    description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 1000),
    due_on date,
    due_at_km integer CHECK (due_at_km >= 0),
    done_on date,
    odometer_km integer CHECK (odometer_km >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT vehicle_maintenance_vehicle FOREIGN KEY (school_id, vehicle_id) REFERENCES vehicles (school_id, id),
    CONSTRAINT vehicle_maintenance_planned_or_done CHECK (due_on IS NOT NULL OR due_at_km IS NOT NULL OR done_on IS NOT NULL)
);
CALL adopt_tenant_table('vehicle_maintenance', 'schools24_bus_route');

-- A member of staff who may drive.
CREATE TABLE bus_drivers (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    staff_id uuid NOT NULL,
    licence_number text NOT NULL CHECK (char_length(licence_number) BETWEEN 1 AND 64),
    licence_expires_on date NOT NULL,
    badge_expires_on date,
    phone text CHECK (char_length(phone) BETWEEN 1 AND 32),
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT bus_drivers_once UNIQUE (school_id, staff_id),
    CONSTRAINT bus_drivers_licence UNIQUE (school_id, licence_number),
    CONSTRAINT bus_drivers_staff FOREIGN KEY (school_id, staff_id) REFERENCES staff (school_id, id)
);
COMMENT ON COLUMN bus_drivers.badge_expires_on IS 'the public service badge''s, or the police verification''s';
CALL adopt_tenant_table('bus_drivers', 'schools24_bus_route');

-- A route has at most as many seats as its vehicle, whose capacity travels along by the foreign key.
ALTER TABLE bus_routes ADD COLUMN vehicle_capacity integer;
ALTER TABLE bus_routes NO FORCE ROW LEVEL SECURITY;
ALTER TABLE vehicles NO FORCE ROW LEVEL SECURITY;
UPDATE bus_routes r SET vehicle_capacity = v.capacity FROM vehicles v WHERE v.school_id = r.school_id AND v.id = r.vehicle_id;
UPDATE bus_routes SET vehicle_id = NULL, vehicle_capacity = NULL WHERE capacity > vehicle_capacity;
ALTER TABLE vehicles FORCE ROW LEVEL SECURITY;
ALTER TABLE bus_routes FORCE ROW LEVEL SECURITY;
ALTER TABLE bus_routes
    ADD CONSTRAINT bus_routes_vehicle FOREIGN KEY (school_id, vehicle_id, vehicle_capacity) REFERENCES vehicles (school_id, id, capacity) ON UPDATE CASCADE,
    ADD CONSTRAINT bus_routes_fit_their_vehicle CHECK (vehicle_id IS NULL OR (vehicle_capacity IS NOT NULL AND capacity <= vehicle_capacity));

CREATE FUNCTION bus_routes_vehicle_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.vehicle_capacity := (SELECT capacity FROM vehicles WHERE school_id = NEW.school_id AND id = NEW.vehicle_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER bus_routes_vehicle_capacity BEFORE INSERT OR UPDATE OF vehicle_id ON bus_routes
    FOR EACH ROW EXECUTE FUNCTION bus_routes_vehicle_capacity();

-- Stops are in the order in which the bus picks up, so pick-up times go up with the position; on the way home the bus runs the stops the other way round, so drop
-- times go down. Whoever changes a route's stops has the route to themselves until the commit: two who each add a stop can't both be right alone and wrong together.
CREATE FUNCTION route_stops_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM bus_routes WHERE school_id = NEW.school_id AND id = NEW.route_id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM route_stops a JOIN route_stops b ON b.school_id = a.school_id AND b.route_id = a.route_id AND b.position > a.position
        WHERE a.school_id = NEW.school_id AND a.route_id = NEW.route_id AND (b.pickup_time <= a.pickup_time OR b.drop_time >= a.drop_time)
    ) THEN
        RAISE EXCEPTION 'the stops of route % are not in the order of their times', NEW.route_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'route_stops_in_order', TABLE = 'route_stops';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER route_stops_in_order AFTER INSERT OR UPDATE ON route_stops
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION route_stops_in_order();
COMMENT ON TABLE route_stops IS 'a stop without times is not served any more, and stays for the sake of what refers to it';

-- Deferrable, so that seats can change hands within a transaction: a bus that has a place on each day of a time may have to reseat others to give one place throughout.
ALTER TABLE bus_assignments
    DROP CONSTRAINT bus_assignments_one_a_seat,
    ADD CONSTRAINT bus_assignments_one_a_seat EXCLUDE USING gist (
        school_id WITH =, route_id WITH =, direction WITH =, seat WITH =, daterange(begin_date, end_date, '[]') WITH &&
    ) WHERE (status = 'active') DEFERRABLE INITIALLY IMMEDIATE;
CREATE INDEX bus_assignments_student ON bus_assignments (school_id, student_id);

-- What a seat costs in one direction, by the distance of the stop.
CREATE TABLE bus_fee_slabs (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    from_metres integer NOT NULL CHECK (from_metres >= 0),
    below_metres integer CHECK (below_metres > from_metres),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 1000000000000),
    valid_from date NOT NULL,
    valid_to date CHECK (valid_to >= valid_from),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT bus_fee_slabs_one_a_distance EXCLUDE USING gist (
        school_id WITH =, int4range(from_metres, below_metres) WITH &&, daterange(valid_from, valid_to, '[]') WITH &&
    )
);
COMMENT ON COLUMN bus_fee_slabs.amount_minor IS 'for one direction and one month';
CALL adopt_tenant_table('bus_fee_slabs', 'schools24_bus_route');

-- What was told to fee: each student once a month in each direction, whichever seat it was for first.
CREATE TABLE bus_fee_charges (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    assignment_id uuid NOT NULL,
    student_id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('pickup', 'drop')),
    slab_id uuid NOT NULL,
    period text NOT NULL CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    due_on date NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT bus_fee_charges_once UNIQUE (school_id, student_id, direction, period),
    FOREIGN KEY (school_id, assignment_id) REFERENCES bus_assignments (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, slab_id) REFERENCES bus_fee_slabs (school_id, id)
);
CALL adopt_tenant_table('bus_fee_charges', 'schools24_bus_route', append_only => true);

-- A route is run once a day and direction.
CREATE UNIQUE INDEX bus_trips_one_a_run ON bus_trips (school_id, route_id, direction, service_date) WHERE state <> 'cancelled';
CREATE INDEX bus_trips_running ON bus_trips (school_id) WHERE state = 'running';

-- Who boarded and got off, one row a student and trip, with all that was noted in the order in which it was.
CREATE TABLE bus_boardings (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    trip_id uuid NOT NULL,
    student_id uuid NOT NULL,
    boarded_at timestamptz NOT NULL,
    alighted_at timestamptz CHECK (alighted_at >= boarded_at),
    log jsonb NOT NULL CHECK (CASE WHEN jsonb_typeof(log) = 'array' THEN jsonb_array_length(log) > 0 ELSE false END),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT bus_boardings_once UNIQUE (school_id, trip_id, student_id),
    FOREIGN KEY (school_id, trip_id) REFERENCES bus_trips (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id)
);
COMMENT ON COLUMN bus_boardings.boarded_at IS 'the last time; the log has all';
COMMENT ON COLUMN bus_boardings.alighted_at IS 'none while the student is on board';
CALL adopt_tenant_table('bus_boardings', 'schools24_bus_route', buffered => true);

-- When a bus reached a stop. Nobody takes that back.
CREATE TABLE bus_stop_visits (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    trip_id uuid NOT NULL,
    stop_id uuid NOT NULL,
    arrived_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT bus_stop_visits_once UNIQUE (school_id, trip_id, stop_id),
    FOREIGN KEY (school_id, trip_id) REFERENCES bus_trips (school_id, id),
    FOREIGN KEY (school_id, stop_id) REFERENCES route_stops (school_id, id)
);
CALL adopt_tenant_table('bus_stop_visits', 'schools24_bus_route', append_only => true);

-- What there is to know about the buses: what the office tells, what the service notices.
CREATE TABLE bus_alerts (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    kind text NOT NULL CHECK (kind IN ('notice', 'delay', 'not_alighted')),
    effect text NOT NULL DEFAULT 'OTHER_EFFECT' CHECK (effect IN ('NO_SERVICE', 'REDUCED_SERVICE', 'SIGNIFICANT_DELAYS', 'DETOUR', 'ADDITIONAL_SERVICE',
        'MODIFIED_SERVICE', 'OTHER_EFFECT', 'STOP_MOVED', 'NO_EFFECT')),
    route_id uuid,
    trip_id uuid,
    student_id uuid,
    header text NOT NULL CHECK (char_length(header) BETWEEN 1 AND 200),
    description text CHECK (char_length(description) BETWEEN 1 AND 2000),
    delay_seconds integer,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz CHECK (ends_at > begins_at),
    resolved_at timestamptz,
    resolved_by uuid REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, route_id) REFERENCES bus_routes (school_id, id),
    FOREIGN KEY (school_id, trip_id) REFERENCES bus_trips (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    CONSTRAINT bus_alerts_about CHECK (CASE kind WHEN 'delay' THEN trip_id IS NOT NULL WHEN 'not_alighted' THEN trip_id IS NOT NULL AND student_id IS NOT NULL
        ELSE student_id IS NULL END)
);
CREATE UNIQUE INDEX bus_alerts_one_delay_a_trip ON bus_alerts (school_id, trip_id) WHERE kind = 'delay';
CREATE UNIQUE INDEX bus_alerts_one_a_student ON bus_alerts (school_id, trip_id, student_id) WHERE kind = 'not_alighted';
CALL adopt_tenant_table('bus_alerts', 'schools24_bus_route');

-- What riders and drivers tell the office is wrong.
CREATE TABLE bus_problems (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    route_id uuid NOT NULL,
    trip_id uuid,
    stop_id uuid,
    kind text NOT NULL CHECK (kind IN ('never_came', 'came_early', 'came_late', 'did_not_stop', 'too_full', 'unsafe_driving', 'stop_name_wrong',
        'stop_place_wrong', 'stop_unsafe', 'other')),
    comment text CHECK (char_length(comment) BETWEEN 1 AND 1000),
    reported_by uuid NOT NULL REFERENCES users,
    answer text CHECK (char_length(answer) BETWEEN 1 AND 1000),
    resolved_at timestamptz,
    resolved_by uuid REFERENCES users,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, route_id) REFERENCES bus_routes (school_id, id),
    FOREIGN KEY (school_id, trip_id) REFERENCES bus_trips (school_id, id),
    CONSTRAINT bus_problems_stop FOREIGN KEY (school_id, route_id, stop_id) REFERENCES route_stops (school_id, route_id, id),
    CONSTRAINT bus_problems_about CHECK (trip_id IS NOT NULL OR stop_id IS NOT NULL),
    CONSTRAINT bus_problems_resolved CHECK ((resolved_at IS NULL) = (resolved_by IS NULL))
);
CREATE INDEX bus_problems_by ON bus_problems (school_id, reported_by);
CREATE INDEX bus_problems_stops ON bus_problems (school_id, stop_id);
CALL adopt_tenant_table('bus_problems', 'schools24_bus_route');

-- Who wants to be told before the bus is at a child's stop. An alarm remembers the trip for which it rang last: it rings once for each.
CREATE TABLE bus_alarms (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    user_id uuid NOT NULL REFERENCES users,
    assignment_id uuid NOT NULL,
    minutes_before integer NOT NULL CHECK (minutes_before BETWEEN 1 AND 60),
    rung_trip_id uuid,
    rung_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    CONSTRAINT bus_alarms_once UNIQUE (school_id, user_id, assignment_id),
    FOREIGN KEY (school_id, assignment_id) REFERENCES bus_assignments (school_id, id),
    FOREIGN KEY (school_id, rung_trip_id) REFERENCES bus_trips (school_id, id),
    CONSTRAINT bus_alarms_rung CHECK ((rung_trip_id IS NULL) = (rung_at IS NULL))
);
CREATE INDEX bus_alarms_seat ON bus_alarms (school_id, assignment_id);
CALL adopt_tenant_table('bus_alarms', 'schools24_bus_route');
