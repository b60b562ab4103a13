//! How the grade book reaches its tables and comes back. Grades, their changes and sheets are buffered; scales, categories, items and settings commit in PostgreSQL
//! before the answer.

mod grades;
mod history;
mod outcomes;
mod outline;
mod rules;
mod sheets;
mod sources;
mod targets;

use domain::{Points, SchoolId, ServiceName};
use rust_decimal::{Decimal, RoundingStrategy};
use service_kit::Platform;
use store::{SchoolTransaction, StoreError, plain};

pub(crate) use grades::{Grades, changes_of, find_grade, grades_in, grades_of, grades_to_write, look_for_grade};
pub(crate) use history::{OutlineChange, OutlineFilter, outline_changes};
pub(crate) use outcomes::{Outcome, Sheet, Shown, assessed_on, is_assessed, levels_of, link_id, pupils_of, shown, write_levels};
pub(crate) use outline::{
    Book, Family, Pupil, Rules, book, book_for, book_in, ensure_item, is_locked, item, items_of, shows_effort, steps,
};
pub use rules::RULES;
pub(crate) use sheets::{Seat, announce, submit};
pub(crate) use sources::{Fed, PATIENCE, Source, fed_by, source_item, sources_of, withheld};
pub(crate) use targets::{target, targets};

/// A transaction that only reads.
pub(crate) async fn reading(platform: &Platform, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
    platform.postgres(ServiceName::Report).school_read(school).await
}

/// A transaction that only reads, and whose statements all see the same.
pub(crate) async fn snapshot(platform: &Platform, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
    platform.postgres(ServiceName::Report).school_snapshot(school).await
}

/// Marks of a table, rounded half up to a hundredth: the grade book keeps no finer ones.
pub(crate) fn points(stored: Decimal) -> Option<Points> {
    let mut rounded = stored.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(2);
    i32::try_from(rounded.mantissa()).ok().and_then(|hundredths| Points::from_hundredths(hundredths).ok())
}
