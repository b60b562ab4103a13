-- Buses of the large school, each on its way with one child on board, and the child's parent. `:name` are replaced by the caller, with values of its own.
CREATE TEMPORARY TABLE ride AS
SELECT n, s.id AS student, s.school_id AS school, gen_random_uuid() AS parent, gen_random_uuid() AS vehicle, gen_random_uuid() AS route,
    gen_random_uuid() AS stop, gen_random_uuid() AS trip
FROM schools JOIN students s ON s.school_id = schools.id CROSS JOIN LATERAL (SELECT s.admission_number::int AS n) numbered
WHERE schools.code = 'MEASURED:number' AND n <= :buses;

INSERT INTO users (id, email, full_name) SELECT parent, format('parent-%s-:number@measured.example', n), 'Parent ' || n FROM ride
UNION ALL SELECT gen_random_uuid(), 'office-:number@measured.example', 'Office';
INSERT INTO credentials (user_id, password_hash)
SELECT u.id, (SELECT c.password_hash FROM credentials c JOIN users s ON s.id = c.user_id WHERE s.email = 'student-1-:number@measured.example')
FROM users u WHERE u.email ~ '^(parent-[0-9]+|office)-:number@measured.example$';
INSERT INTO memberships (school_id, id, user_id, role)
SELECT schools.id, gen_random_uuid(), u.id, CASE WHEN u.email LIKE 'office%' THEN 'school_admin' ELSE 'parent' END
FROM users u, schools WHERE schools.code = 'MEASURED:number' AND u.email ~ '^(parent-[0-9]+|office)-:number@measured.example$';
INSERT INTO student_guardians (school_id, id, student_id, guardian_user_id) SELECT school, gen_random_uuid(), student, parent FROM ride;

INSERT INTO vehicles (school_id, id, registration, capacity) SELECT school, vehicle, 'BUS ' || n, 40 FROM ride;
INSERT INTO bus_routes (school_id, id, name, vehicle_id, capacity) SELECT school, route, 'Route ' || n, vehicle, 40 FROM ride;
-- Six stops along a meridian, away from where the buses drive: what is measured is the way of a position, not that of an arrival.
INSERT INTO route_stops (school_id, id, route_id, position, name, latitude, longitude, pickup_time)
SELECT school, CASE p WHEN 3 THEN stop ELSE gen_random_uuid() END, route, p, 'Stop ' || p, 13.0 + p * 0.01, 77.7, time '23:40' + p * interval '2 minutes'
FROM ride, generate_series(1, 6) p;
INSERT INTO bus_assignments (school_id, id, student_id, route_id, route_capacity, stop_id, direction, seat, begin_date)
SELECT school, gen_random_uuid(), student, route, 40, stop, 'pickup', 1, current_date - 1 FROM ride;
INSERT INTO bus_trips (school_id, id, route_id, vehicle_id, direction, service_date, state, started_at)
SELECT school, trip, route, vehicle, 'pickup', current_date + 1, 'running', now() FROM ride;
DROP TABLE ride;
