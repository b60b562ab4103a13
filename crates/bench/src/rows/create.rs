//! Creating homework: acknowledged by Redis, against the same route committing to PostgreSQL.

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit, ratios};
use crate::schools::creates;
use crate::sides::Side;

/// When Redis syncs its append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fsync {
    Always,
    EverySecond,
}

impl Fsync {
    const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySecond => "everysec",
        }
    }

    const fn goal(self) -> Goal {
        match self {
            Self::Always => Goal::AtLeast(2.5),
            Self::EverySecond => Goal::AtLeast(3.5),
        }
    }
}

pub(super) async fn run(bench: &Bench, fsync: Fsync) -> anyhow::Result<Outcome> {
    let stores = &bench.stores;
    stores.append_fsync(fsync.name()).await?;
    let buffered = bench.homework("buffered", "buffered").await?;
    let through = bench.homework("through", "through").await?;
    let mut outcome = Outcome::default();
    let loads: &[(usize, bool)] =
        if fsync == Fsync::Always { &[(64, false), (256, false), (64, true)] } else { &[(64, false), (256, false)] };
    for (connections, keyed) in loads.iter().copied() {
        let with = if keyed { ", each with an Idempotency-Key" } else { "" };
        let what = format!("create, `appendfsync {}`, {connections} connections{with}", fsync.name());
        let mut first = Side::new(format!("{what}: buffered"));
        let mut second = Side::new(format!("{what}: through PostgreSQL"));
        let (mut refused, mut answered) = (0, 0);
        let (mut behind, mut catch_up) = (Samples::default(), Samples::default());
        for round in 0..bench.rounds {
            for buffers in if round % 2 == 0 { [true, false] } else { [false, true] } {
                let (side, server) = if buffers { (&mut first, &buffered) } else { (&mut second, &through) };
                let mut spec = bench.closed(server, connections, 201, creates(&bench.schools.teachers, keyed));
                // Whoever sends a key is prepared to send the request again.
                spec.patient = keyed;
                let report = side.measure(stores, server, &spec).await?;
                refused += report.refused;
                answered += report.all;
                if buffers {
                    behind.push(stores.waiting().await? as f64 / report.all as f64 * 100.0);
                    catch_up.push(stores.until_saved().await?.as_secs_f64());
                }
            }
        }
        outcome.findings.push(Finding::new(
            format!("{what}: requests/s against PostgreSQL"),
            fsync.goal(),
            Unit::Times,
            ratios(&first.per_second, &second.per_second),
        ));
        let half = if fsync == Fsync::Always { Goal::AtMost(0.5) } else { Goal::None };
        outcome.findings.push(Finding::new(format!("{what}: p99 against PostgreSQL"), half, Unit::Times, ratios(&first.p99, &second.p99)));
        outcome.notes.push(format!(
            "{what}: when the load ended, {:.0} % of what it had written was not in PostgreSQL yet; {:.2} s later all of it was.",
            behind.median(),
            catch_up.median(),
        ));
        if keyed {
            outcome.notes.push(format!("{what}: {refused} of {answered} requests were told to come back (503) and did."));
        }
        outcome.sides.extend([first, second]);
    }
    buffered.stop().await?;
    through.stop().await?;
    Ok(outcome)
}
