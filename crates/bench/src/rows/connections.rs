//! Ten thousand open connections, most of them waiting, as of phones in pockets, with a steady load over all of them.

use super::Outcome;
use super::read::reads;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit, thousands};
use crate::load::Spec;
use crate::machine;
use crate::server::load_with_errors;
use crate::sides::Side;

const MIB: f64 = 1024.0 * 1024.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let connections: u32 = if bench.smoke { 500 } else { 10_000 };
    let rate = if bench.smoke { 500.0 } else { 2_000.0 };
    let server = bench.homework("connections", "buffered").await?;
    let reads = reads(bench, &server, if bench.smoke { 100 } else { 2_000 }).await?;
    let resident = || machine::resident(server.pid) as f64 / MIB;
    let before = resident();
    // Long enough that each connection sends its share more than once.
    let seconds = if bench.smoke { 2.0 } else { (bench.seconds * 5.0).max(20.0) };
    let mut side =
        Side::new(format!("{} connections, {} reads a second over all of them", thousands(f64::from(connections)), thousands(rate)));
    let mut notes = Vec::new();
    let (mut failed, mut memory) = (0, Samples::default());
    for _ in 0..2 {
        let mut spec = Spec::closed(server.address, usize::try_from(connections)?, 2.0, seconds, 200, reads.clone()).paced(rate);
        spec.primed = true;
        let report = load_with_errors(&spec).await?;
        memory.push(resident());
        failed += report.failed();
        for (what, count) in &report.errors {
            notes.push(format!("connections: {count} × {what}; the first: {}", report.sample.as_deref().unwrap_or_default()));
        }
        side.note(&report);
    }
    server.stop().await?;
    let (first, second) = (memory.0.first().copied().unwrap_or(f64::NAN), memory.0.last().copied().unwrap_or(f64::NAN));
    let what = format!("{} open connections with steady load", thousands(f64::from(connections)));
    let findings = vec![
        Finding::single(format!("{what}: requests that failed"), Goal::AtMost(0.0), Unit::Count(""), failed as f64),
        Finding::single(
            format!("{what}: memory for each connection"),
            Goal::AtMost(64.0),
            Unit::Decimal(" KiB"),
            (first - before) * 1024.0 / f64::from(connections),
        ),
        Finding::single(
            format!("{what}: memory after the second time against after the first"),
            Goal::AtMost(1.1),
            Unit::Times,
            second / first,
        ),
    ];
    notes.push(format!(
        "connections: resident memory before {before:.0} MiB, after the first {seconds:.0} s {first:.0} MiB, after as long again with new connections {second:.0} MiB. \
         The bounds of 64 KiB a connection and a tenth more for doing it again are this table's own reading of \"bounded memory\".",
    ));
    Ok(Outcome { findings, sides: vec![side], notes })
}
