//! A process that has nothing to do: how soon it is ready, what memory it holds, how large its program is.

use std::time::Duration;

use tokio::time::sleep;

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit};
use crate::machine;

const MIB: f64 = 1024.0 * 1024.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let settle = Duration::from_secs(if bench.smoke { 1 } else { 5 });
    let mut findings = Vec::new();
    let fleets: [(&str, &str, &[&str], Goal); 2] = [
        ("all ten services in one process, batch processor included", "all", &["serve"], Goal::AtMost(100.0)),
        ("the homework service alone", "alone", &["serve", "--services", "homework"], Goal::None),
    ];
    for (what, name, arguments, goal) in fleets {
        let (mut memory, mut ready) = (Samples::default(), Samples::default());
        for _ in 0..bench.rounds.min(3) {
            let server = bench.serve(name, arguments, &[]).await?;
            ready.push(server.ready_after.as_secs_f64() * 1e3);
            sleep(settle).await;
            memory.push(machine::resident(server.pid) as f64 / MIB);
            server.stop().await?;
        }
        findings.push(Finding::new(format!("{what}, idle: resident memory"), goal, Unit::Decimal(" MiB"), memory));
        findings.push(Finding::new(format!("{what}: from start to ready"), Goal::None, Unit::Count(" ms"), ready));
    }
    let size = std::fs::metadata(&bench.binary)?.len() as f64 / MIB;
    findings.push(Finding::single("the program `schools24`, with line tables for backtraces", Goal::None, Unit::Decimal(" MiB"), size));
    if let Some(stripped) = stripped(bench)? {
        findings.push(Finding::single("the program `schools24`, stripped", Goal::None, Unit::Decimal(" MiB"), stripped));
    }
    let notes = vec![format!(
        "idle: resident memory (`VmRSS`) {} s after the process said that it is ready; nobody has asked it anything else.",
        settle.as_secs()
    )];
    Ok(Outcome { findings, sides: Vec::new(), notes })
}

/// The size without symbols, where `strip` is at hand.
fn stripped(bench: &Bench) -> anyhow::Result<Option<f64>> {
    let target = bench.logs().join("schools24.stripped");
    let done = std::process::Command::new("strip").arg("-o").arg(&target).arg(&bench.binary).status();
    if !done.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let size = std::fs::metadata(&target)?.len() as f64 / MIB;
    std::fs::remove_file(target)?;
    Ok(Some(size))
}
