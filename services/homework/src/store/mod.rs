//! How homework and submissions reach their tables, and how lists are read: saved rows merged with unsaved ones.

mod homework;
mod submissions;

use domain::Points;
use rust_decimal::Decimal;
use store::StoreError;

pub(crate) use homework::{HomeworkFilter, find_homework, list_homework, look_for_homework};
pub(crate) use submissions::{SubmissionFilter, find_submission, list_submissions};

fn decimal(points: Points) -> Decimal {
    Decimal::new(points.hundredths().into(), 2)
}

/// A `numeric(7,2)` with a CHECK on its sign always fits; anything else was put there by hand.
fn points(stored: Decimal) -> Result<Points, StoreError> {
    let mut stored = stored;
    stored.rescale(2);
    let hundredths = i32::try_from(stored.mantissa()).ok();
    hundredths.and_then(|hundredths| Points::from_hundredths(hundredths).ok()).ok_or_else(|| unreadable("marks"))
}

/// A stored value that no release of this service has written.
fn unreadable(what: &'static str) -> StoreError {
    sqlx::Error::Decode(format!("a stored row has {what} that can't be read").into()).into()
}
