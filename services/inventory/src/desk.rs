//! Where a request stands: what this service writes commits in PostgreSQL before the answer.

use domain::ServiceName;

/// The store room, as it keeps its records.
pub(crate) struct StoreRoom;

impl records::Keeper for StoreRoom {
    const SERVICE: ServiceName = ServiceName::Inventory;
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<StoreRoom, P>;
