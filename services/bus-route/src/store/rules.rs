//! The constraints that stand behind the service's own checks, in words.

use records::Rule;

/// What a violated constraint means to a client.
pub(crate) const RULES: &[Rule] = &[
    Rule::once("vehicles_school_id_registration_key", "/registration", "the school has a vehicle with this number plate"),
    Rule::exists("vehicle_maintenance_vehicle", "/vehicle_id", "there is no such vehicle in this school"),
    Rule::once("bus_drivers_once", "/staff_id", "this member of staff is a driver already"),
    Rule::once("bus_drivers_licence", "/licence_number", "another driver has this licence"),
    Rule::exists("bus_drivers_staff", "/staff_id", "there is no such member of staff in this school"),
    Rule::once("bus_routes_school_id_name_key", "/name", "the school has a route of this name"),
    Rule::once("bus_routes_school_id_code_key", "/code", "the school has a route with this code"),
    Rule::overlap("bus_routes_fit_their_vehicle", "/capacity", "is more than the vehicle has"),
    Rule::overlap("bus_assignments_within_capacity", "/capacity", "is less than the seats that are taken"),
    Rule::overlap("route_stops_in_order", "/stops", "are not in the order of their times"),
    Rule::overlap("bus_assignments_one_a_student", "/student_id", "has a seat in this direction in that time"),
    Rule::overlap("bus_assignments_one_a_seat", "/begin_date", "is in a time in which the seat is taken"),
    Rule::overlap("bus_fee_slabs_one_a_distance", "/from_metres", "overlaps a slab of the same time"),
    Rule::once("bus_trips_one_a_run", "/service_date", "is a day on which the route is run in this direction already"),
    Rule::once("bus_alarms_once", "/assignment_id", "you have an alarm for this seat already"),
    Rule::overlap("bus_trips_one_a_vehicle", "/vehicle_id", "is on another trip"),
    Rule::overlap("bus_trips_one_a_driver", "/driver_staff_id", "is on another trip"),
];
