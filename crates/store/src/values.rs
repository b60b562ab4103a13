//! Values on their way to PostgreSQL and back.

use sqlx::types::Json;
use uuid::Uuid;

/// Rows that a query selected as JSON, as what they are.
#[must_use]
pub fn plain<T>(rows: Vec<Json<T>>) -> Vec<T> {
    rows.into_iter().map(|Json(row)| row).collect()
}

/// Typed ids as PostgreSQL takes them in a `uuid[]`.
#[must_use]
pub fn uuids<T: Copy + Into<Uuid>>(ids: &[T]) -> Vec<Uuid> {
    ids.iter().map(|id| (*id).into()).collect()
}
