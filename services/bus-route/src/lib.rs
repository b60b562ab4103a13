//! Buses, routes, allocations and live positions.
//!
//! So far this service owns its tables (`vehicles`, `bus_routes`, `route_stops`, `bus_assignments`, `bus_trips`, `vehicle_positions`)
//! and answers `/health` and `/ready`; it has no routes yet.

use domain::ServiceName;
use service_kit::Service;

/// The bus-route service.
pub const SERVICE: Service = Service::new(ServiceName::BusRoute, "Buses, routes, allocations and live positions.");
