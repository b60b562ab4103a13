//! Dead letters: acknowledged writes that could not be saved, kept until somebody corrects and replays or discards them.
//!
//! Until then the row stays visible in Redis: whoever wrote it was told that it is kept.

use std::sync::Arc;

use cache::key;
use domain::{DeadLetterId, Partition, SchoolId, Timestamp};
use fred::clients::Pool;
use fred::types::Value;
use fred::types::scripts::Script;
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use store::{Postgres, StoreError};
use thiserror::Error;
use uuid::Uuid;

use crate::entity::{Drain, Image, SaveError};
use crate::mechanism::{Mechanism, on, text};
use crate::scripts;

/// A write that could not be saved.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// The school, unless the value could not be read.
    pub school_id: Option<SchoolId>,
    /// The service that acknowledged it.
    pub service: String,
    /// The partition's number.
    pub partition: i32,
    /// The write's number in its partition.
    pub sequence: i64,
    /// What kind of row.
    pub entity: String,
    /// The row.
    pub row_id: Uuid,
    /// The row's version.
    pub version: Option<i32>,
    /// Why it could not be saved.
    pub reason: String,
    /// PostgreSQL's code, if it was PostgreSQL that refused.
    pub sqlstate: Option<String>,
    /// The row, unless it could not be read.
    pub payload: Option<serde_json::Value>,
    /// `open`, `replayed` or `discarded`.
    pub state: String,
    /// When it was put here.
    pub created_at: Timestamp,
}

/// Why a dead letter could not be dealt with.
#[derive(Debug, Error)]
pub enum DeadLetterError {
    /// There is no open one with this id.
    #[error("there is no open dead letter {0}")]
    Unknown(DeadLetterId),
    /// No service of this process can save such a row.
    #[error("no handler for {0:?} in this release")]
    NoHandler(String),
    /// It has no payload that could be replayed; give one.
    #[error("its value can't be read: give a corrected payload")]
    Unreadable,
    /// The corrected payload does not fit.
    #[error("the payload does not fit: {0}")]
    Payload(String),
    /// PostgreSQL still refuses the row.
    #[error("it still can't be saved: {0}")]
    Refused(#[from] SaveError),
    /// PostgreSQL is away.
    #[error("postgresql: {0}")]
    Store(#[from] StoreError),
    /// Redis is away; the decision stands in PostgreSQL, repeat it to clear Redis too.
    #[error("redis: {0}")]
    Redis(#[from] fred::error::Error),
}

impl From<sqlx::Error> for DeadLetterError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The dead letters, for an operator.
pub struct DeadLetters {
    postgres: Postgres,
    redis: Pool,
    drains: Vec<Arc<dyn Drain>>,
}

const COLUMNS: &str = "SELECT id, school_id, service, partition, seq, entity, row_id, row_version, reason, sqlstate, payload, state, created_at FROM dead_letters";

impl DeadLetters {
    /// `postgres` acts as the batch role; `drains` are those of all services.
    #[must_use]
    pub fn new(postgres: Postgres, redis: Pool, drains: Vec<Arc<dyn Drain>>) -> Self {
        Self { postgres, redis, drains }
    }

    /// The open ones, oldest first.
    pub async fn list(&self, limit: i64) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let mut transaction = self.postgres.platform().await?;
        let query = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE state = 'open' ORDER BY created_at, id LIMIT $1"));
        let rows = sqlx::query(query).bind(limit).fetch_all(transaction.connection()?).await?;
        rows.iter().map(letter).collect()
    }

    /// One, open or not.
    pub async fn show(&self, id: DeadLetterId) -> Result<DeadLetter, DeadLetterError> {
        let mut transaction = self.postgres.platform().await?;
        let query = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
        let row = sqlx::query(query).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await?;
        letter(&row.ok_or(DeadLetterError::Unknown(id))?)
    }

    /// Saves it after all, as it was or as `corrected`. A row that is in its table in a later version by now stays as it is.
    pub async fn replay(&self, id: DeadLetterId, corrected: Option<serde_json::Value>, by: &str) -> Result<(), DeadLetterError> {
        let letter = self.show(id).await?;
        let drain = self
            .drains
            .iter()
            .find(|drain| drain.entity() == letter.entity)
            .ok_or_else(|| DeadLetterError::NoHandler(letter.entity.clone()))?;
        let json = corrected.or_else(|| letter.payload.clone()).ok_or(DeadLetterError::Unreadable)?;
        let image: Image = drain.image_of_json(json).map_err(DeadLetterError::Payload)?;
        let decoded = drain.decode(&image.bytes).map_err(SaveError::Decode)?;
        let same = image.id == letter.row_id && letter.school_id.is_none_or(|school| school == decoded.school);
        if !same && on(Mechanism::ReplayKeepsIdentity) {
            return Err(DeadLetterError::Payload("id and school_id must stay as they are".to_owned()));
        }
        if letter.state == "replayed" {
            // Decided, but Redis could not be told then.
            return self.forget(&letter, drain.as_ref(), &decoded.scopes).await;
        }
        if letter.state != "open" {
            return Err(DeadLetterError::Unknown(id));
        }
        let mut transaction = self.postgres.platform().await?;
        let connection = transaction.connection()?;
        sqlx::raw_sql("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *connection).await?;
        let saved = drain.save(connection, &[&image]).await?;
        if let Some((_, reason)) = saved.clashes.into_iter().next() {
            return Err(DeadLetterError::Payload(reason));
        }
        resolve(connection, id, "replayed", by).await?;
        transaction.commit().await?;
        self.forget(&letter, drain.as_ref(), &decoded.scopes).await
    }

    /// Gives it up. The row disappears from reads, unless it was written again since.
    pub async fn discard(&self, id: DeadLetterId, by: &str) -> Result<(), DeadLetterError> {
        let letter = self.show(id).await?;
        if letter.state != "discarded" {
            let mut transaction = self.postgres.platform().await?;
            resolve(transaction.connection()?, id, "discarded", by).await?;
            transaction.commit().await?;
        }
        let drain = self.drains.iter().find(|drain| drain.entity() == letter.entity);
        let Some(drain) = drain else { return Ok(()) };
        let payload = letter.payload.clone().and_then(|json| drain.image_of_json(json).ok());
        let scopes = payload.and_then(|image| drain.decode(&image.bytes).ok()).map(|decoded| decoded.scopes);
        self.forget(&letter, drain.as_ref(), &scopes.unwrap_or_default()).await
    }

    /// Takes the parked value out of Redis, so that reads show PostgreSQL's.
    async fn forget(&self, letter: &DeadLetter, drain: &dyn Drain, scopes: &[String]) -> Result<(), DeadLetterError> {
        let Some(partition) = u16::try_from(letter.partition).ok().and_then(Partition::from_number) else { return Ok(()) };
        let mut keys = vec![key::value(drain.entity(), partition, letter.row_id)];
        keys.extend(scopes.iter().map(|scope| key::unsaved(drain.entity(), partition, scope)));
        let arguments: Vec<Value> = vec![letter.sequence.to_string().into(), Value::Bytes(letter.row_id.as_bytes().to_vec().into())];
        let _: i64 = Script::from_lua(text(scripts::FORGET)).evalsha_with_reload(self.redis.next(), keys, arguments).await?;
        Ok(())
    }
}

async fn resolve(connection: &mut sqlx::PgConnection, id: DeadLetterId, state: &str, by: &str) -> Result<(), DeadLetterError> {
    let done = sqlx::query("UPDATE dead_letters SET state = $2, resolved_at = now(), resolved_by = $3 WHERE id = $1 AND state = 'open'")
        .bind(id.as_uuid())
        .bind(state)
        .bind(by)
        .execute(connection)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DeadLetterError::Unknown(id)) }
}

fn letter(row: &PgRow) -> Result<DeadLetter, DeadLetterError> {
    Ok(DeadLetter {
        id: DeadLetterId::from_uuid(row.try_get("id")?),
        school_id: row.try_get::<Option<Uuid>, _>("school_id")?.map(SchoolId::from_uuid),
        service: row.try_get("service")?,
        partition: row.try_get("partition")?,
        sequence: row.try_get("seq")?,
        entity: row.try_get::<Option<String>, _>("entity")?.unwrap_or_default(),
        row_id: row.try_get::<Option<Uuid>, _>("row_id")?.unwrap_or_default(),
        version: row.try_get("row_version")?,
        reason: row.try_get("reason")?,
        sqlstate: row.try_get("sqlstate")?,
        payload: row.try_get("payload")?,
        state: row.try_get("state")?,
        created_at: row.try_get("created_at")?,
    })
}
