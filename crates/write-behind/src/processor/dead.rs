//! Records that can't be saved, and why.

use cache::codec;
use domain::{DeadLetterId, Partition, SchoolId, ServiceName};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::part::Held;
use crate::entity::{Drain, SaveError};
use crate::mechanism::{Mechanism, on};

/// A record that can't be saved.
#[derive(Debug)]
pub(super) struct Dead {
    partition: Partition,
    pub(super) sequence: u64,
    pub(super) entity: String,
    pub(super) row: Uuid,
    pub(super) reason: String,
    sqlstate: Option<String>,
    school: Option<SchoolId>,
    version: Option<i32>,
    json: Option<serde_json::Value>,
    raw: Option<Vec<u8>>,
}

/// What the record did wrong.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) sqlstate: Option<String>,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), sqlstate: None }
    }

    pub(super) fn of(error: &SaveError) -> Self {
        let sqlstate = if let SaveError::Store(error) = error { error.sqlstate() } else { None };
        Self { reason: with_causes(error), sqlstate }
    }
}

impl Dead {
    /// Reads the record for people, if it can be read: only the dead are worth that.
    pub(super) fn new(held: Held, drain: Option<&dyn Drain>, fault: Fault) -> Self {
        let decoded = held.bytes.as_deref().zip(drain).and_then(|(bytes, drain)| drain.decode(bytes).ok());
        let (school, version, json) = match decoded {
            Some(decoded) => (Some(decoded.school), Some(decoded.version.get()), Some(printable(decoded.json))),
            None => (None, None, None),
        };
        Self {
            partition: held.partition,
            sequence: held.sequence,
            entity: held.row.entity.replace('\0', "\u{fffd}"),
            row: held.row.id,
            reason: fault.reason.replace('\0', "\u{fffd}"),
            sqlstate: fault.sqlstate,
            school,
            version,
            json,
            raw: held.bytes,
        }
    }

    /// Drops what only the letter itself needs.
    pub(super) fn lighten(&mut self) {
        self.json = None;
        self.raw = None;
    }
}

/// What is wrong with a value, before anybody tries to save it.
pub(super) fn damage(held: &Held) -> Option<Fault> {
    let Some(bytes) = &held.bytes else { return Some(Fault::new("the value is gone from Redis")) };
    // A value that was filled in or put back does not hold what was acknowledged.
    let written = codec::header(bytes).map_or(0, |(header, _)| header.sequence);
    (written < held.sequence && on(Mechanism::OlderValuesAreBuried))
        .then(|| Fault::new(format!("the value in Redis is of write {written}, and write {} is gone", held.sequence)))
}

/// Anything else (a missing column, a missing right) would strike every record alike: then the log waits, and nothing is buried.
pub(super) fn is_the_records(error: &StoreError) -> bool {
    match error {
        StoreError::UniqueViolation { .. }
        | StoreError::ForeignKeyViolation { .. }
        | StoreError::CheckViolation { .. }
        | StoreError::ExclusionViolation { .. }
        | StoreError::InvalidData(_) => true,
        // The stored row that it stands against can't be read.
        StoreError::Other { source: Some(source), .. } if matches!(**source, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => {
            true
        }
        // 54000: larger than an index entry may be. 54001: nested deeper than the server's stack.
        _ => matches!(error.sqlstate().as_deref(), Some("54000" | "54001")),
    }
}

/// Whether the record may be fine once others are saved: it points at one of them, or takes a name that one of them gives up.
pub(super) const fn depends_on_others(error: &StoreError) -> bool {
    matches!(error, StoreError::UniqueViolation { .. } | StoreError::ForeignKeyViolation { .. } | StoreError::ExclusionViolation { .. })
}

/// PostgreSQL has no text with a NUL in it, and a letter that can't be kept would hold up all that it came with. The raw bytes have it as it was.
fn printable(json: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match json {
        Value::String(text) => Value::String(text.replace('\0', "\u{fffd}")),
        Value::Array(values) => values.into_iter().map(printable).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name.replace('\0', "\u{fffd}"), printable(value))).collect(),
        other => other,
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

const BURY: &str = "
INSERT INTO dead_letters (id, school_id, service, partition, seq, entity, row_id, row_version, reason, sqlstate, payload, raw)
SELECT u.id, u.school_id, $1, u.partition, u.seq, u.entity, u.row_id, u.row_version, u.reason, u.sqlstate, u.payload, u.raw
FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::bigint[], $6::text[], $7::uuid[], $8::int[], $9::text[], $10::text[], $11::jsonb[], $12::bytea[])
    AS u(id, school_id, partition, seq, entity, row_id, row_version, reason, sqlstate, payload, raw)";

/// Letters that one statement keeps.
const LETTERS: usize = 200;

/// Puts `dead` into the dead letters, within the transaction of `connection`.
pub(super) async fn bury(connection: &mut PgConnection, service: ServiceName, dead: &[Dead]) -> Result<(), sqlx::Error> {
    for dead in dead.chunks(LETTERS) {
        sqlx::query(BURY)
            .bind(service.as_str())
            .bind(dead.iter().map(|_| DeadLetterId::generate().as_uuid()).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.school.map(SchoolId::as_uuid)).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| i32::from(dead.partition.number())).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| i64::try_from(dead.sequence).unwrap_or(i64::MAX)).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.entity.as_str()).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.row).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.version).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.reason.as_str()).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.sqlstate.as_deref()).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.json.as_ref().map(Json)).collect::<Vec<_>>())
            .bind(dead.iter().map(|dead| dead.raw.as_deref()).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
