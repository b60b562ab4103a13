//! Reading one piece of homework: from Redis, from PostgreSQL, and what a bare echo of the same JSON would cost.

use serde_json::Value;
use sqlx::types::Uuid;

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Unit, ratios};
use crate::load::Template;
use crate::schools::answer;
use crate::sides::Side;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let stores = &bench.stores;
    let cached = bench.homework("buffered", "buffered").await?;
    let uncached = bench.homework("through", "through").await?;
    let echo = bench.echo().await?;
    let reads = reads(bench, &cached, if bench.smoke { 100 } else { 2_000 }).await?;
    let shown = answer(cached.address, reads.first().ok_or_else(|| anyhow::anyhow!("nothing to read"))?, 200).await?;
    let echoed = vec![Template::new("POST", "/echo", None).body(&shown)];

    let mut sides = [Side::new("read: cached"), Side::new("read: from PostgreSQL"), Side::new("read: bare JSON echo")];
    for round in 0..bench.rounds {
        let mut order = [0, 1, 2];
        order.rotate_left(usize::try_from(round)? % 3);
        for index in order {
            let (server, requests) = match index {
                0 => (&cached, reads.clone()),
                1 => (&uncached, reads.clone()),
                _ => (&echo, echoed.clone()),
            };
            if let Some(side) = sides.get_mut(index) {
                side.measure(stores, server, &bench.closed(server, 64, 200, requests)).await?;
            }
        }
    }
    let [first, second, third] = sides;
    let findings = vec![
        Finding::new(
            "cached read: requests/s against the uncached read",
            Goal::AtLeast(4.0),
            Unit::Times,
            ratios(&first.per_second, &second.per_second),
        ),
        Finding::new("cached read: p99 against the uncached read", Goal::None, Unit::Times, ratios(&first.p99, &second.p99)),
        Finding::new(
            "cached read: requests/s against a bare JSON echo",
            Goal::AtLeast(0.6),
            Unit::Times,
            ratios(&first.per_second, &third.per_second),
        ),
    ];
    let notes = vec![format!(
        "read: {} pieces of homework, {} bytes as JSON. The uncached side is the same route in write-through mode, which asks PostgreSQL for the row and never fills a cache; \
         what it knows of the teacher is cached on both sides. The echo parses a request of that JSON into a struct and writes it back: no authentication, no store.",
        reads.len(),
        shown.to_string().len(),
    )];
    cached.stop().await?;
    uncached.stop().await?;
    echo.stop().await?;
    Ok(Outcome { findings, sides: vec![first, second, third], notes })
}

/// Requests for `count` saved pieces of homework, each by the teacher who set it. All are in Redis once this returns.
pub(super) async fn reads(bench: &Bench, server: &crate::server::Server, count: usize) -> anyhow::Result<Vec<Template>> {
    bench.fill(server, count).await?;
    bench.stores.until_saved().await?;
    let mut connection = bench.stores.superuser().await?;
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as("SELECT id, created_by FROM homework ORDER BY md5(id::text) LIMIT $1")
        .bind(i64::try_from(count)?)
        .fetch_all(&mut connection)
        .await?;
    let token = |author: Uuid| bench.schools.teachers.iter().find(|teacher| teacher.user == author).map(|teacher| teacher.token.as_str());
    let reads: Vec<Template> =
        rows.into_iter().map(|(id, author)| Template::new("GET", format!("/api/v1/homework/{id}"), token(author))).collect();
    let mut warm = crate::load::Spec::each_once(server.address, 16, 60.0, 200, reads.clone());
    warm.patient = false;
    crate::server::load(&warm).await?;
    let _: Value = answer(server.address, reads.first().ok_or_else(|| anyhow::anyhow!("nothing to read"))?, 200).await?;
    Ok(reads)
}
