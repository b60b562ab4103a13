//! The demo schools, seeded into real stores.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

mod invariants;
mod repetition;

use demo::Report;
use sqlx::{AssertSqlSafe, PgConnection};
use testkit::Fleet;

/// A fleet with MongoDB's collections made, and both schools seeded.
async fn seeded() -> (Fleet, Report) {
    let fleet = Fleet::start(&[homework::SERVICE]).await;
    fleet.platform.mongo().ensure_collections().await.unwrap();
    let report = demo::seed(&fleet.platform).await.unwrap();
    (fleet, report)
}

async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Every table with what is in it, as a count and a hash.
async fn contents(connection: &mut PgConnection) -> Vec<(String, i64, Option<String>)> {
    let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'drain_watermarks' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await.unwrap();
    let mut contents = Vec::new();
    for table in tables {
        let sql = format!("SELECT count(*), md5(string_agg(row::text, E'\\n' ORDER BY row::text)) FROM {table} AS row");
        let (count, hash) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.unwrap();
        contents.push((table, count, hash));
    }
    contents
}
