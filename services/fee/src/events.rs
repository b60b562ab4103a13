//! What the fee office tells others. Ids only: no amounts, no names.

use domain::{EventEnvelope, EventKind};
use events::outbox::{OutboxError, enqueue_all};
use serde::Serialize;
use service_kit::Problem;
use store::SchoolTransaction;
use uuid::Uuid;

use crate::store::Book;

/// An event, to be told with others.
pub(crate) fn event(book: &Book, kind: EventKind, subject: Uuid, data: &impl Serialize) -> Result<EventEnvelope, Problem> {
    Ok(events::envelope(kind, book.school, book.by, subject, book.now, data)?)
}

/// Puts events into the outbox of the transaction, in their order.
pub(crate) async fn tell_all(transaction: &SchoolTransaction, events: &[EventEnvelope]) -> Result<(), Problem> {
    enqueue_all(transaction, events).await.map_err(|error| match error {
        OutboxError::Store(error) => error.into(),
        OutboxError::Connection(error) => error.into(),
        other => Problem::internal(other),
    })
}

/// Puts an event into the outbox of the transaction.
pub(crate) async fn tell(
    transaction: &SchoolTransaction,
    book: &Book,
    kind: EventKind,
    subject: Uuid,
    data: &impl Serialize,
) -> Result<(), Problem> {
    tell_all(transaction, &[event(book, kind, subject, data)?]).await
}
