//! The table `grade_book_changes`, which the other tables write themselves.

use chrono::{DateTime, Utc};
use domain::{ClassId, SchoolId};
use serde_json::Value;
use service_kit::{Platform, Problem};
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::reading;

/// What became of something that a grade book is made of.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct OutlineChange {
    pub(crate) number: i64,
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) entity_id: Uuid,
    pub(crate) entity_version: i32,
    pub(crate) action: String,
    pub(crate) before: Option<Json<Value>>,
    pub(crate) after: Option<Json<Value>>,
    pub(crate) changed_by: Option<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
}

/// Which changes.
#[derive(Debug)]
pub(crate) struct OutlineFilter<'f> {
    /// Of this class; none means what belongs to the whole school.
    pub(crate) class: Option<ClassId>,
    pub(crate) kind: Option<&'f str>,
    pub(crate) entity: Option<Uuid>,
    /// Before this one.
    pub(crate) before: Option<i64>,
}

/// The first `limit` changes, the latest first.
pub(crate) async fn outline_changes(
    platform: &Platform,
    school: SchoolId,
    filter: &OutlineFilter<'_>,
    limit: u64,
) -> Result<Vec<OutlineChange>, Problem> {
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT number, id, kind, entity_id, entity_version, action, before, after, changed_by, created_at FROM grade_book_changes
        WHERE school_id = $1 AND class_id IS NOT DISTINCT FROM $2 AND ($3::text IS NULL OR kind = $3) AND ($4::uuid IS NULL OR entity_id = $4)
            AND ($5::bigint IS NULL OR number < $5)
        ORDER BY number DESC LIMIT $6";
    let rows = sqlx::query_as(query)
        .bind(school.as_uuid())
        .bind(filter.class.map(ClassId::as_uuid))
        .bind(filter.kind)
        .bind(filter.entity)
        .bind(filter.before)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    Ok(rows)
}
