//! How many rows a second the batch processor saves, against inserting one after another.

use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use sqlx::types::{Decimal, Uuid};
use sqlx::{Connection, FromRow, PgConnection};
use tokio::time::Instant;

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit, ratios};

/// Inserts as a service without a buffer would, but better than one could: prepared, on one connection, in one round trip each, without row security.
const INSERT: &str = "
INSERT INTO homework (id, school_id, class_id, teacher_id, created_by, title, description, max_points, due_at, allow_late, max_attempts, status, version,
    created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

#[derive(FromRow)]
struct Row {
    school_id: Uuid,
    class_id: Uuid,
    teacher_id: Option<Uuid>,
    created_by: Uuid,
    title: String,
    description: Option<String>,
    max_points: Decimal,
    due_at: DateTime<Utc>,
    allow_late: bool,
    max_attempts: i32,
    status: String,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let rows = if bench.smoke { 1_000 } else { 60_000 };
    let server = bench.undrained().await?;
    let (mut drained, mut single) = (Samples::default(), Samples::default());
    for _ in 0..bench.rounds {
        bench.stores.clear().await?;
        bench.fill(&server, rows).await?;
        let (said, took) = bench.drain_once().await?;
        ensure!(said.starts_with(&format!("{rows} rows saved")), "drain said: {said}");
        drained.push(f64::from(u32::try_from(rows)?) / took.as_secs_f64());
        let mut connection = bench.stores.superuser().await?;
        single.push(one_by_one(&mut connection, Duration::from_secs_f64(bench.seconds.min(3.0))).await?);
        connection.close().await?;
    }
    server.stop().await?;
    let findings = vec![
        Finding::new("drain: rows/s against one insert after another", Goal::AtLeast(50.0), Unit::Times, ratios(&drained, &single)),
        Finding::new("drain: rows/s", Goal::AtLeast(40_000.0), Unit::Count("/s"), drained),
        Finding::new("one insert after another: rows/s", Goal::None, Unit::Count("/s"), single),
    ];
    let notes = vec![format!(
        "drain: {} pieces of homework of 16 schools are buffered, then `schools24 drain --once` saves them. Its whole life is timed, from the start of the process \
         to its end. The other side inserts the same rows under new ids, one committed, prepared statement after another on one connection.",
        crate::figures::thousands(f64::from(u32::try_from(rows)?)),
    )];
    Ok(Outcome { findings, sides: Vec::new(), notes })
}

/// Rows a second.
async fn one_by_one(connection: &mut PgConnection, time: Duration) -> anyhow::Result<f64> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT school_id, class_id, teacher_id, created_by, title, description, max_points, due_at, allow_late, max_attempts, status, version, created_at, \
         updated_at FROM homework LIMIT 1000",
    )
    .fetch_all(&mut *connection)
    .await?;
    let started = Instant::now();
    let mut inserted = 0_u32;
    while started.elapsed() < time {
        let row = rows.get(usize::try_from(inserted)? % rows.len().max(1)).context("there is no homework to insert again")?;
        sqlx::query(INSERT)
            .bind(Uuid::now_v7())
            .bind(row.school_id)
            .bind(row.class_id)
            .bind(row.teacher_id)
            .bind(row.created_by)
            .bind(&row.title)
            .bind(&row.description)
            .bind(row.max_points)
            .bind(row.due_at)
            .bind(row.allow_late)
            .bind(row.max_attempts)
            .bind(&row.status)
            .bind(row.version)
            .bind(row.created_at)
            .bind(row.updated_at)
            .execute(&mut *connection)
            .await?;
        inserted += 1;
    }
    Ok(f64::from(inserted) / started.elapsed().as_secs_f64())
}
