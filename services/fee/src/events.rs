//! What the fee office tells others. Ids only: no amounts, no names.

use domain::EventKind;
use events::outbox::{OutboxError, enqueue};
use serde::Serialize;
use service_kit::Problem;
use store::SchoolTransaction;
use uuid::Uuid;

use crate::store::Book;

/// Puts an event into the outbox of the transaction.
pub(crate) async fn tell(
    transaction: &SchoolTransaction,
    book: &Book,
    kind: EventKind,
    subject: Uuid,
    data: &impl Serialize,
) -> Result<(), Problem> {
    let event = events::envelope(kind, book.school, book.by, subject, book.now, data)?;
    enqueue(transaction, &event).await.map_err(|error| match error {
        OutboxError::Store(error) => error.into(),
        OutboxError::Connection(error) => error.into(),
        other => Problem::internal(other),
    })
}
