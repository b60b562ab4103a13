//! Where a request to what commits in PostgreSQL stands.

use domain::ServiceName;

/// The fee office, as it keeps its records.
pub(crate) struct FeeOffice;

impl records::Keeper for FeeOffice {
    const SERVICE: ServiceName = ServiceName::Fee;
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<FeeOffice, P>;
