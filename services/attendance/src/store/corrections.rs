//! The table `attendance_corrections`: written once, together with the register that it tells of, and never changed.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{CorrectionId, RegisterId, SchoolId, ServiceName, Timestamp, Version};
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;
use write_behind::{Buffered, merge};

use super::{plain, reading};
use crate::model::correction::Correction;

const INSERT: &str = "
INSERT INTO attendance_corrections (id, school_id, session_id, session_version, corrected_by, role, after_lock, reason, changes, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::text[], $7::bool[], $8::text[], $9::jsonb[], $10::timestamptz[],
    $10::timestamptz[])
ON CONFLICT (school_id, id) DO NOTHING
RETURNING id";

macro_rules! select_corrections {
    ($rest:literal) => {
        concat!("SELECT to_jsonb(c) FROM attendance_corrections c ", $rest)
    };
}

#[async_trait]
impl Buffered for Correction {
    const ENTITY: &'static str = "attendance_correction";
    const SERVICE: ServiceName = ServiceName::Attendance;

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    fn version(&self) -> Version {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn scopes(&self) -> Vec<String> {
        vec![register_scope(self.session_id)]
    }
    fn same_content(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, ..self.clone() } == *other
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(INSERT)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.session_id.as_uuid()))
            .bind(rows.iter().map(|row| row.session_version.get()).collect::<Vec<_>>())
            .bind(column(|row| row.corrected_by.as_uuid()))
            .bind(rows.iter().map(|row| row.role.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.after_lock).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.reason.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| Json(&row.changes)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let query =
            select_corrections!("JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON c.school_id = k.school_id AND c.id = k.id");
        Ok(plain(sqlx::query_scalar(query).bind(schools).bind(ids).fetch_all(connection).await?))
    }
}

fn register_scope(register: RegisterId) -> String {
    format!("register:{register}")
}

/// The first `limit` corrections of a register, the latest first.
pub(crate) async fn list_corrections(
    platform: &Platform,
    school: SchoolId,
    register: RegisterId,
    after: Option<(Timestamp, CorrectionId)>,
    limit: u64,
) -> Result<Vec<Correction>, Problem> {
    let unsaved: HashMap<Uuid, Correction> = platform.buffer().unsaved(school, &register_scope(register)).await?;
    let mut transaction = reading(platform, school).await?;
    let query = select_corrections!(
        "WHERE c.school_id = $1 AND c.session_id = $2 AND ($3::timestamptz IS NULL OR (c.created_at, c.id) < ($3, $4))
         ORDER BY c.created_at DESC, c.id DESC LIMIT $5"
    );
    let rows: Vec<Json<Correction>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(register.as_uuid())
        .bind(after.map(|(time, _)| time))
        .bind(after.map(|(_, id)| id.as_uuid()))
        .bind(i64::try_from(limit.saturating_add(unsaved.len() as u64)).unwrap_or(i64::MAX))
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let keep = |row: &Correction| row.session_id == register && after.is_none_or(|after| (row.created_at, row.id) < after);
    Ok(merge(plain(rows), unsaved, keep, |a, b| (b.created_at, b.id).cmp(&(a.created_at, a.id))))
}
