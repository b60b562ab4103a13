//! Where a request to what commits in PostgreSQL stands.

use domain::ServiceName;

/// The grade book, as it keeps its records.
pub(crate) struct GradeBook;

impl records::Keeper for GradeBook {
    const SERVICE: ServiceName = ServiceName::Report;
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<GradeBook, P>;
