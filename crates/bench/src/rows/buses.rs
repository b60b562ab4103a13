//! A morning of buses: 500 of them, one position a second each, and 5,000 people who watch, ten a bus.

use anyhow::{Context, ensure};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit, latency};
use crate::load::buses::{Ride, Rides};
use crate::machine;
use crate::schools::{LARGE_NUMBER, tokens};
use crate::server::rides;
use crate::sides::Side;

const BUSES: u32 = 500;
const LISTENERS: usize = 5_000;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let (buses, listeners) = if bench.smoke { (20, 100) } else { (BUSES, LISTENERS) };
    // Long enough that buffers would show.
    let seconds = if bench.smoke { 3 } else { 30 };
    let sql = include_str!("buses.sql").replace(":number", &LARGE_NUMBER.to_string()).replace(":buses", &buses.to_string());
    let mut connection = bench.stores.superuser().await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.context("buses")?;
    let trips: Vec<Uuid> = sqlx::query_scalar(
        "SELECT t.id FROM bus_trips t JOIN vehicles v ON v.school_id = t.school_id AND v.id = t.vehicle_id ORDER BY substr(v.registration, 5)::int",
    )
    .fetch_all(&mut connection)
    .await?;
    let auth = bench.serve("auth", &["serve", "--services", "auth"], &[]).await?;
    let mut emails = vec![format!("office-{LARGE_NUMBER}@measured.example")];
    emails.extend((1..=buses).map(|n| format!("parent-{n}-{LARGE_NUMBER}@measured.example")));
    let mut logged_in = tokens(auth.address, &emails).await?.into_iter();
    auth.stop().await?;
    let sender = logged_in.next().context("nobody in the office")?;
    let watched: Vec<Ride> = trips.into_iter().zip(logged_in).map(|(trip, watcher)| Ride { trip, watcher }).collect();

    let server = bench.service("bus-route", "buses", "buffered").await?;
    let before = machine::resident(server.pid) as f64 / MIB;
    let (mut told, mut seen) =
        (Side::new("buses: a position, until it is acknowledged"), Side::new("buses: a position, until a listener sees it"));
    let (mut missing, mut cut_off, mut catch_up, mut memory, mut positions) = (0_u64, 0, Samples::default(), Samples::default(), 0_u64);
    for _ in 0..2 {
        let morning = Rides { address: server.address, sender: sender.clone(), buses: watched.clone(), listeners, seconds };
        let outcome = rides(&morning).await?;
        ensure!(outcome.told.failed() == 0, "buses broke down: {}", outcome.told.sample.as_deref().unwrap_or_default());
        let sent = u64::from(buses) * u64::from(seconds);
        ensure!(outcome.told.ok == sent, "{} of {sent} positions were acknowledged", outcome.told.ok);
        positions += sent;
        let due = sent * u64::try_from(listeners)? / u64::from(buses);
        missing += due.saturating_sub(outcome.seen.ok);
        cut_off += listeners - outcome.listening;
        memory.push(machine::resident(server.pid) as f64 / MIB);
        catch_up.push(bench.stores.until_saved_of("bus-route").await?.as_secs_f64());
        told.note(&outcome.told);
        seen.note(&outcome.seen);
    }
    let saved: i64 = sqlx::query_scalar("SELECT count(*) FROM vehicle_positions").fetch_one(&mut connection).await?;
    ensure!(u64::try_from(saved)? == positions, "{positions} positions were acknowledged, and {saved} are saved");
    server.stop().await?;
    bench.stores.clear().await?;
    sqlx::raw_sql("TRUNCATE vehicles CASCADE").execute(&mut connection).await?;
    let what = format!("{buses} buses, {listeners} listeners");
    let findings = vec![
        Finding::single(format!("{what}: positions that a listener did not see"), Goal::AtMost(0.0), Unit::Count(""), missing as f64),
        Finding::single(format!("{what}: listeners that were cut off"), Goal::AtMost(0.0), Unit::Count(""), cut_off as f64),
    ];
    let notes = vec![format!(
        "buses: each of {buses} buses sends a position a second for {seconds} s, twice; ten a bus watch it over server-sent events, all of them parents of a child on board, and see \
         the stop of their own child alone. Until seen: half within {}, 99 in 100 within {}. Resident memory before {before:.0} MiB, with all listeners {:.0} MiB. All \
         {positions} positions were in PostgreSQL {:.1} s after the last at most.",
        latency(seen.p50.median()),
        latency(seen.p99.median()),
        memory.most(),
        catch_up.most(),
    )];
    Ok(Outcome { findings, sides: vec![told, seen], notes })
}
