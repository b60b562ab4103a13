-- Bus-route: vehicles, routes and their stops, who sits where, and where the bus is. Positions are buffered, seats are not.

CREATE TABLE vehicles (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    registration text NOT NULL CHECK (char_length(registration) BETWEEN 1 AND 32),
    name text CHECK (char_length(name) <= 100),
    capacity integer NOT NULL CHECK (capacity BETWEEN 1 AND 200),
    insurance_expires_on date,
    fitness_expires_on date,
    permit_expires_on date,
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, registration)
);
CALL adopt_tenant_table('vehicles', 'schools24_bus_route');

CREATE TABLE bus_routes (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    code text CHECK (char_length(code) BETWEEN 1 AND 32),
    vehicle_id uuid,
    driver_staff_id uuid,
    capacity integer NOT NULL CHECK (capacity BETWEEN 1 AND 200),
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, name),
    UNIQUE (school_id, code),
    -- What assignments point at: see bus_assignments.
    UNIQUE (school_id, id, capacity),
    FOREIGN KEY (school_id, vehicle_id) REFERENCES vehicles (school_id, id),
    FOREIGN KEY (school_id, driver_staff_id) REFERENCES staff (school_id, id)
);
CALL adopt_tenant_table('bus_routes', 'schools24_bus_route');

CREATE TABLE route_stops (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    route_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 1),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    pickup_time time,
    drop_time time,
    distance_metres integer CHECK (distance_metres >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    UNIQUE (school_id, route_id, position) DEFERRABLE INITIALLY IMMEDIATE,
    UNIQUE (school_id, route_id, id),
    FOREIGN KEY (school_id, route_id) REFERENCES bus_routes (school_id, id) ON DELETE CASCADE
);
CALL adopt_tenant_table('route_stops', 'schools24_bus_route');

-- A student's seat on a route, in one direction, for a time. No two students have a seat at once, and a seat's number is at
-- most the route's capacity, which travels along by the foreign key: so the bus can't be overfull on any day. Taking seats
-- out of a route on which they are taken is refused by the same check.
CREATE TABLE bus_assignments (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    student_id uuid NOT NULL,
    route_id uuid NOT NULL,
    route_capacity integer NOT NULL,
    stop_id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('pickup', 'drop')),
    seat integer NOT NULL CHECK (seat >= 1),
    begin_date date NOT NULL,
    end_date date CHECK (end_date >= begin_date),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'cancelled')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, student_id) REFERENCES students (school_id, id),
    FOREIGN KEY (school_id, route_id, route_capacity) REFERENCES bus_routes (school_id, id, capacity) ON UPDATE CASCADE,
    FOREIGN KEY (school_id, route_id, stop_id) REFERENCES route_stops (school_id, route_id, id),
    CONSTRAINT bus_assignments_within_capacity CHECK (seat <= route_capacity OR status <> 'active'),
    CONSTRAINT bus_assignments_one_a_seat EXCLUDE USING gist (
        school_id WITH =, route_id WITH =, direction WITH =, seat WITH =, daterange(begin_date, end_date, '[]') WITH &&
    ) WHERE (status = 'active'),
    CONSTRAINT bus_assignments_one_a_student EXCLUDE USING gist (
        school_id WITH =, student_id WITH =, direction WITH =, daterange(begin_date, end_date, '[]') WITH &&
    ) WHERE (status = 'active')
);
CALL adopt_tenant_table('bus_assignments', 'schools24_bus_route');

CREATE TABLE bus_trips (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    route_id uuid NOT NULL,
    vehicle_id uuid NOT NULL,
    driver_staff_id uuid,
    direction text NOT NULL CHECK (direction IN ('pickup', 'drop')),
    service_date date NOT NULL,
    state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'running', 'finished', 'cancelled')),
    started_at timestamptz,
    ended_at timestamptz CHECK (ended_at >= started_at),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    FOREIGN KEY (school_id, route_id) REFERENCES bus_routes (school_id, id),
    FOREIGN KEY (school_id, vehicle_id) REFERENCES vehicles (school_id, id),
    FOREIGN KEY (school_id, driver_staff_id) REFERENCES staff (school_id, id),
    CHECK (state NOT IN ('running', 'finished') OR started_at IS NOT NULL),
    CHECK ((state = 'finished') = (ended_at IS NOT NULL)),
    -- A bus and a driver are on one trip at a time.
    CONSTRAINT bus_trips_one_a_vehicle EXCLUDE USING gist (
        school_id WITH =, vehicle_id WITH =, tstzrange(started_at, ended_at) WITH &&
    ) WHERE (state IN ('running', 'finished')),
    CONSTRAINT bus_trips_one_a_driver EXCLUDE USING gist (
        school_id WITH =, driver_staff_id WITH =, tstzrange(started_at, ended_at) WITH &&
    ) WHERE (state IN ('running', 'finished') AND driver_staff_id IS NOT NULL)
);
CREATE INDEX bus_trips_day ON bus_trips (school_id, service_date);
CALL adopt_tenant_table('bus_trips', 'schools24_bus_route');

CREATE TABLE vehicle_positions (
    id uuid NOT NULL,
    school_id uuid NOT NULL REFERENCES schools,
    vehicle_id uuid NOT NULL,
    trip_id uuid,
    recorded_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    speed_mps real CHECK (speed_mps BETWEEN 0 AND 100),
    heading_degrees real CHECK (heading_degrees >= 0 AND heading_degrees < 360),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (school_id, id),
    -- Also "the latest of this bus": a late position sorts where it was, not last.
    UNIQUE (school_id, vehicle_id, recorded_at),
    FOREIGN KEY (school_id, vehicle_id) REFERENCES vehicles (school_id, id),
    FOREIGN KEY (school_id, trip_id) REFERENCES bus_trips (school_id, id)
);
CALL adopt_tenant_table('vehicle_positions', 'schools24_bus_route', buffered => true);
