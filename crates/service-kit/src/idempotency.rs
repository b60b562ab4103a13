//! Idempotency keys for routes that commit in PostgreSQL: the answer is stored in the transaction that does the work, so that a
//! retry gets the first answer and the work is done once, whatever crashes in between.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::{SchoolTransaction, StoreError};

use crate::extract::{Caller, IdempotencyKey, etag};
use crate::problem::{Kind, Problem};
use crate::respond::Created;

/// What stands in the header of an answer that is given again.
pub const REPLAYED: &str = "Idempotency-Replayed";

/// An answer that can be stored and given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    /// `body` as JSON with `status`.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { status: status.as_u16(), headers: BTreeMap::new(), body: serde_json::to_vec(body)? })
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.into());
        self
    }

    /// What a [`Created`] answers.
    pub fn created<T: Serialize>(created: Created<T>) -> Result<Self, Problem> {
        let answer = Self::json(StatusCode::CREATED, &created.body)?;
        Ok(answer.with_header("location", created.location).with_header("etag", etag(created.version)))
    }

    fn respond(self, replayed: bool) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = HttpResponseBuilder::new(status);
        for (name, value) in self.headers {
            response.insert_header((name, value));
        }
        if replayed {
            response.insert_header((REPLAYED, "true"));
        }
        response.content_type("application/json").body(self.body)
    }
}

/// What tells one request from another under the same key.
pub fn fingerprint(body: &impl Serialize) -> Result<[u8; 32], Problem> {
    Ok(Sha256::digest(serde_json::to_vec(body)?).into())
}

/// Does `work` in `transaction` once for this caller, route and key, and commits. A retry gets the stored answer with `Idempotency-Replayed: true`; the same key
/// with another fingerprint is 422, and a retry while the first is still at it is 409. If `work` fails, nothing is stored and the key is free again.
pub async fn once(
    mut transaction: SchoolTransaction,
    caller: &Caller,
    route: &str,
    key: &IdempotencyKey,
    fingerprint: [u8; 32],
    work: impl AsyncFnOnce(&mut SchoolTransaction) -> Result<Answer, Problem>,
) -> Result<HttpResponse, Problem> {
    let place: [Value; 4] = [caller.school_id.as_uuid().into(), caller.user_id.as_uuid().into(), route.into(), key.as_str().into()];
    if !lock(&transaction, &place).await? {
        return Err(Problem::conflict(Kind::IdempotencyKeyInFlight, "A request with this Idempotency-Key is being worked on.")
            .with_retry_after(std::time::Duration::from_secs(1)));
    }
    if let Some((stored_fingerprint, answer)) = stored(&transaction, &place).await? {
        // The key's lock ends with the transaction: whoever repeats the request right after this answer must not find it still taken.
        transaction.rollback().await?;
        if stored_fingerprint == fingerprint {
            return Ok(answer.respond(true));
        }
        return Err(Problem::new(Kind::IdempotencyKeyReused, "This Idempotency-Key came with another body before."));
    }
    let answer = match work(&mut transaction).await {
        Ok(answer) => answer,
        Err(problem) => {
            // Likewise; if it can't be rolled back now, it is when the connection ends.
            let _ = transaction.rollback().await;
            return Err(problem);
        }
    };
    let mut values: Vec<Value> = place.to_vec();
    values.push(fingerprint.to_vec().into());
    values.push(i32::from(answer.status).into());
    values.push(serde_json::to_value(&answer.headers)?.into());
    values.push(answer.body.clone().into());
    let insert = "INSERT INTO idempotency_keys (school_id, user_id, route, key, fingerprint, status, headers, body, expires_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + interval '24 hours') \
                  ON CONFLICT (school_id, user_id, route, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status, \
                  headers = excluded.headers, body = excluded.body, created_at = now(), expires_at = excluded.expires_at";
    execute(&transaction, insert, values).await?;
    transaction.commit().await?;
    Ok(answer.respond(false))
}

/// Until the transaction ends; given up with it, also when the process dies.
async fn lock(transaction: &SchoolTransaction, place: &[Value; 4]) -> Result<bool, Problem> {
    let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended(concat_ws(E'\\x1f', $1::text, $2::text, $3, $4), 24)) AS locked";
    let row = transaction.query_one_raw(statement(transaction, sql, place.to_vec())).await?;
    Ok(row.map(|row| row.try_get("", "locked")).transpose()?.unwrap_or(false))
}

async fn stored(transaction: &SchoolTransaction, place: &[Value; 4]) -> Result<Option<(Vec<u8>, Answer)>, Problem> {
    let sql = "SELECT fingerprint, status, headers, body FROM idempotency_keys \
               WHERE school_id = $1 AND user_id = $2 AND route = $3 AND key = $4 AND expires_at > now()";
    let Some(row) = transaction.query_one_raw(statement(transaction, sql, place.to_vec())).await? else { return Ok(None) };
    let status: i32 = row.try_get("", "status")?;
    let headers: serde_json::Value = row.try_get("", "headers")?;
    let answer =
        Answer { status: u16::try_from(status).unwrap_or(200), headers: serde_json::from_value(headers)?, body: row.try_get("", "body")? };
    Ok(Some((row.try_get("", "fingerprint")?, answer)))
}

async fn execute(transaction: &SchoolTransaction, sql: &str, values: Vec<Value>) -> Result<(), StoreError> {
    transaction.execute_raw(statement(transaction, sql, values)).await?;
    Ok(())
}

fn statement(transaction: &SchoolTransaction, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(transaction.get_database_backend(), sql, values)
}
