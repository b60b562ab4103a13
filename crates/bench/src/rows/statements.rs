//! How many statements PostgreSQL runs for each thousand buffered writes: what the buffer saves it.

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit};
use crate::schools::creates;

/// Statements that change rows, in the database of the services. What the measuring itself runs only reads.
const COUNT: &str = "
SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.query ~* '^[[:space:]]*(insert|update|delete|merge|with[[:space:]].*(insert|update|delete|merge))'";

/// Writes a second of the steady loads.
const RATES: [f64; 2] = [1_000.0, 5_000.0];

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let server = bench.homework("buffered", "buffered").await?;
    let mut findings = Vec::new();
    for rate in RATES {
        let mut statements = Samples::default();
        for _ in 0..bench.rounds.min(3) {
            bench.stores.until_saved().await?;
            let mut connection = bench.stores.superuser().await?;
            sqlx::query("SELECT pg_stat_statements_reset()").execute(&mut connection).await?;
            let spec = bench.closed(&server, 64, 201, creates(&bench.schools.teachers, false)).paced(rate);
            let report = crate::server::load(&spec).await?;
            bench.stores.until_saved().await?;
            let count: i64 = sqlx::query_scalar(COUNT).fetch_one(&mut connection).await?;
            statements.push(count as f64 * 1_000.0 / report.all as f64);
        }
        let what = format!("write statements in PostgreSQL for 1,000 buffered writes, at {} a second", crate::figures::thousands(rate));
        findings.push(Finding::new(what, Goal::AtMost(10.0), Unit::Decimal(""), statements));
    }
    server.stop().await?;
    let notes = vec![
        "statements: a steady number of creates a second in 16 schools; `pg_stat_statements` counts every INSERT, UPDATE and DELETE until all is saved, those for leases, \
         watermarks and the outbox included."
            .to_owned(),
    ];
    Ok(Outcome { findings, sides: Vec::new(), notes })
}
