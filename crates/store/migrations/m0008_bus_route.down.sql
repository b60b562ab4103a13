DROP TABLE vehicle_positions;
DROP TABLE bus_trips;
DROP TABLE bus_assignments;
DROP TABLE route_stops;
DROP TABLE bus_routes;
DROP TABLE vehicles;
