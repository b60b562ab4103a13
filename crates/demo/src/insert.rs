//! Many rows in one statement: PostgreSQL takes them as one JSON array and gives each value its column's type.

use anyhow::{Context, ensure};
use domain::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// Rows of one statement: enough to make its cost theirs, few enough to keep its text small.
const ROWS: usize = 4000;

/// Adds rows to a table of the school. All of them have the same columns; `created_at` is `now` unless they say otherwise.
pub(crate) async fn school_rows(
    connection: &mut PgConnection,
    school: Uuid,
    now: Timestamp,
    table: &'static str,
    rows: &[Value],
) -> anyhow::Result<()> {
    let Some(columns) = columns(rows) else { return Ok(()) };
    let columns: Vec<&str> = columns.into_iter().filter(|column| *column != "created_at").collect();
    let columns = columns.join(", ");
    let sql = format!(
        "INSERT INTO {table} (school_id, created_at, updated_at, {columns})
         SELECT $2, coalesce(created_at, $3), coalesce(created_at, $3), {columns} FROM jsonb_populate_recordset(NULL::{table}, $1)"
    );
    for chunk in rows.chunks(ROWS) {
        let insert = sqlx::query(AssertSqlSafe(sql.as_str())).bind(Json(chunk)).bind(school).bind(now);
        let added = insert.execute(&mut *connection).await.with_context(|| format!("can't add rows to {table}"))?.rows_affected();
        ensure!(usize::try_from(added).is_ok_and(|added| added == chunk.len()), "{table} took {added} of {} rows", chunk.len());
    }
    Ok(())
}

/// Adds rows to a table that belongs to no school; those that are there already stay as they are.
pub(crate) async fn global_rows(connection: &mut PgConnection, table: &'static str, rows: &[Value]) -> anyhow::Result<()> {
    let Some(columns) = columns(rows) else { return Ok(()) };
    let columns = columns.join(", ");
    let sql =
        format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1) ON CONFLICT DO NOTHING");
    for chunk in rows.chunks(ROWS) {
        let insert = sqlx::query(AssertSqlSafe(sql.as_str())).bind(Json(chunk));
        insert.execute(&mut *connection).await.with_context(|| format!("can't add rows to {table}"))?;
    }
    Ok(())
}

fn columns(rows: &[Value]) -> Option<Vec<&str>> {
    Some(rows.first()?.as_object()?.keys().map(String::as_str).collect())
}
