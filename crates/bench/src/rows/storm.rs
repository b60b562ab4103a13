//! A thousand people log in at once, each at the full cost of bcrypt, while others go on working.

use super::Outcome;
use super::read::reads;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Unit, ratios};
use crate::load::{Spec, Template};
use crate::schools::{creates, storm};
use crate::server::load;
use crate::sides::Side;

/// What goes on meanwhile, a second: a school morning's reads and writes, well below what the machine can do.
const READS: f64 = 1_000.0;
const CREATES: f64 = 300.0;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    // All services in one process: what a login takes from its neighbours shows most there.
    let server = bench.serve("storm", &["serve"], &[]).await?;
    let reads = reads(bench, &server, if bench.smoke { 100 } else { 2_000 }).await?;
    let creates = creates(&bench.schools.teachers, false);
    let logins = storm();
    let logins: Vec<Template> = if bench.smoke { logins.into_iter().take(5).collect() } else { logins };
    let seconds = if bench.smoke { 1.0 } else { bench.seconds.max(4.0) };
    // A tenth of it already fills a machine with a development build, and a login gets what is left.
    let scale = if bench.smoke { 0.05 } else { 1.0 };
    let (mut read_quiet, mut create_quiet) = (Side::new("storm: reads, nobody logs in"), Side::new("storm: creates, nobody logs in"));
    let (mut read_storm, mut create_storm) =
        (Side::new("storm: reads, 1,000 people log in"), Side::new("storm: creates, 1,000 people log in"));
    let mut logged_in = Side::new("storm: the logins");
    let mut refused = 0;
    for round in 0..bench.rounds.min(3) {
        for stormy in if round % 2 == 0 { [false, true] } else { [true, false] } {
            let read = Spec::closed(server.address, 64, bench.warmup, seconds, 200, reads.clone()).paced(READS * scale);
            let create = Spec::closed(server.address, 64, bench.warmup, seconds, 201, creates.clone()).paced(CREATES * scale);
            if stormy {
                // Everybody at once, and whoever is told to come back does, until the others have been measured.
                let mut login = Spec::each_once(server.address, logins.len(), bench.warmup + seconds, 200, logins.clone());
                login.patient = true;
                let (read, create, login) = tokio::try_join!(load(&read), load(&create), load(&login))?;
                refused += login.refused;
                read_storm.note(&read);
                create_storm.note(&create);
                logged_in.note(&login);
            } else {
                let (read, create) = tokio::try_join!(load(&read), load(&create))?;
                read_quiet.note(&read);
                create_quiet.note(&create);
            }
            bench.stores.until_saved().await?;
        }
    }
    server.stop().await?;
    let findings = vec![
        Finding::new(
            "cached reads while 1,000 people log in: p99 against the quiet p99",
            Goal::AtMost(3.0),
            Unit::Times,
            ratios(&read_storm.p99, &read_quiet.p99),
        ),
        Finding::new(
            "creates while 1,000 people log in: p99 against the quiet p99",
            Goal::AtMost(3.0),
            Unit::Times,
            ratios(&create_storm.p99, &create_quiet.p99),
        ),
    ];
    let notes = vec![format!(
        "storm: {READS:.0} reads and {CREATES:.0} creates a second go on while {} people press the button at once, in one process with all ten services. Whoever is told \
         503 waits as long as `Retry-After` says and up to a second more, and tries again; that was said {refused} times in all rounds. Measured for {seconds:.0} s a round, \
         all of it within the storm.",
        logins.len(),
    )];
    Ok(Outcome { findings, sides: vec![read_quiet, read_storm, create_quiet, create_storm, logged_in], notes })
}
