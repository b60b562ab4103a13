//! Where a request to what commits in PostgreSQL stands.

use domain::ServiceName;

/// The buses, as they keep their records.
pub(crate) struct Buses;

impl records::Keeper for Buses {
    const SERVICE: ServiceName = ServiceName::BusRoute;
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<Buses, P>;
