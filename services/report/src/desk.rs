//! Where a request to what commits in PostgreSQL stands.

use domain::ServiceName;
use service_kit::{Caller, Problem};
use store::{SchoolTransaction, StoreError};

/// The grade book, as it keeps its records.
pub(crate) struct GradeBook;

impl records::Keeper for GradeBook {
    const SERVICE: ServiceName = ServiceName::Report;

    /// The tables keep the history of what a grade book is made of; this tells them who it was.
    async fn begun(transaction: &mut SchoolTransaction, caller: &Caller) -> Result<(), Problem> {
        let tell = sqlx::query("SELECT set_config('app.current_user_id', $1, true)").bind(caller.user_id.to_string());
        tell.execute(transaction.connection()?).await.map_err(StoreError::from)?;
        Ok(())
    }
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<GradeBook, P>;
