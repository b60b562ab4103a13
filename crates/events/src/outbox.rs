//! The outbox: events of writes that commit in PostgreSQL. The row commits with the write; the relay publishes it afterwards, at least once.

use std::time::Duration;

use domain::EventEnvelope;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use store::Postgres;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{PublishError, Publisher};

/// Why the outbox could not be written or relayed.
#[derive(Debug, Error)]
pub enum OutboxError {
    /// PostgreSQL refused or is away.
    #[error("postgresql: {0}")]
    Store(#[from] DbErr),
    /// PostgreSQL is away.
    #[error("postgresql: {0}")]
    Connection(#[from] store::StoreError),
    /// Redis did not take it; the row stays.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The event can't be written as JSON.
    #[error("the event can't be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

/// Puts `event` into the outbox of the transaction's school.
pub async fn enqueue(transaction: &impl ConnectionTrait, event: &EventEnvelope) -> Result<(), OutboxError> {
    let body = serde_json::to_value(event)?;
    let statement = Statement::from_sql_and_values(
        transaction.get_database_backend(),
        "INSERT INTO outbox (school_id, event) VALUES ($1, $2)",
        [event.school_id.as_uuid().into(), body.into()],
    );
    transaction.execute_raw(statement).await?;
    Ok(())
}

/// Puts `events` into the outbox, in their order and in one statement. All are of the transaction's school.
pub async fn enqueue_all(transaction: &impl ConnectionTrait, events: &[EventEnvelope]) -> Result<(), OutboxError> {
    let Some(first) = events.first() else { return Ok(()) };
    let statement = Statement::from_sql_and_values(
        transaction.get_database_backend(),
        "INSERT INTO outbox (school_id, event) SELECT $1, event FROM jsonb_array_elements($2) WITH ORDINALITY AS told (event, place) ORDER BY place",
        [first.school_id.as_uuid().into(), serde_json::to_value(events)?.into()],
    );
    transaction.execute_raw(statement).await?;
    Ok(())
}

/// Publishes what waits in the outbox, oldest first, and returns how many. Several relays may run: each row goes to one (`SKIP LOCKED`).
/// A crash between publishing and committing publishes again, with the same event id.
pub async fn relay_once(postgres: &Postgres, publisher: &Publisher, batch: u32) -> Result<usize, OutboxError> {
    let transaction = postgres.platform().await?;
    let backend = transaction.get_database_backend();
    let select = Statement::from_sql_and_values(
        backend,
        "SELECT id, event FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
        [i64::from(batch).into()],
    );
    let (mut sent, mut events, mut unreadable): (Vec<i64>, Vec<EventEnvelope>, Vec<i64>) = (Vec::new(), Vec::new(), Vec::new());
    for row in transaction.query_all_raw(select).await? {
        let (id, body): (i64, serde_json::Value) = (row.try_get("", "id")?, row.try_get("", "event")?);
        match serde_json::from_value::<EventEnvelope>(body) {
            Ok(event) => {
                sent.push(id);
                events.push(event);
            }
            // Kept as evidence, but marked, so that it does not stand in front of the others for ever.
            Err(error) => {
                warn!(%error, id, "an outbox row that is no event of this release stays unpublished");
                unreadable.push(id);
            }
        }
    }
    publisher.publish_all(&events).await?;
    let count = sent.len();
    if !unreadable.is_empty() {
        let mark = "UPDATE outbox SET sent_at = now() WHERE id = ANY($1)";
        transaction.execute_raw(Statement::from_sql_and_values(backend, mark, [unreadable.into()])).await?;
    }
    let delete = Statement::from_sql_and_values(backend, "DELETE FROM outbox WHERE id = ANY($1)", [sent.into()]);
    transaction.execute_raw(delete).await?;
    transaction.commit().await?;
    Ok(count)
}

/// The most that one transaction relays.
const MOST: u32 = 512;

/// Relays until cancelled, looking every `interval` when there was nothing. After a failure it takes half as many at once, and twice as many after a success: where
/// stores are cut off again and again, a batch that never gets through would be published anew each time, and the backlog would only grow.
pub async fn relay(postgres: &Postgres, publisher: &Publisher, interval: Duration, cancel: CancellationToken) {
    let mut batch = MOST;
    while !cancel.is_cancelled() {
        let wait = match relay_once(postgres, publisher, batch).await {
            Ok(count) => {
                batch = (batch * 2).min(MOST);
                if count == 0 { interval } else { Duration::ZERO }
            }
            Err(error) => {
                batch = (batch / 2).max(1);
                warn!(%error, batch, "the outbox waits");
                Duration::from_secs(1).max(interval)
            }
        };
        tokio::select! { () = tokio::time::sleep(wait) => {} () = cancel.cancelled() => {} }
    }
}
