//! The text of docs/benchmarks.md.

use std::fmt::Write;

use domain::{Clock, SystemClock};

use crate::bench::Bench;
use crate::figures::latency;
use crate::machine;
use crate::rows::{Outcome, Row};
use crate::sides::Side;

const ABOUT: &str = "\
Everything here was measured by one command, `scripts/bench --write`, which wrote this page. Each figure has its row's own
command beside it. Absolute figures are this machine's; ratios are what carries over.

- Two cores do everything: the services, PostgreSQL, Redis, MongoDB and the load generator, which is a process of its own.
- The sides of a comparison take turns, in changing order, on the same stores. A ratio is taken within each round; the
  table shows the median of the rounds, and the least and the most of them.
- PostgreSQL runs with `fsync` and `synchronous_commit` on, Redis with `appendonly yes` and `appendfsync always` unless
  the row says otherwise, on the same disk. The batch processor saves what the load writes while the load goes on.
- Every answer's status is checked. A single unexpected one fails the run, except where failures are what is counted.
- Latencies are those of the generator. Without a rate each connection sends its next request when the last is answered,
  so they are what one of that many users waits.
- The data: 16 schools, each in a partition of its own, with 4 classes, 4 teachers and 28 students; teachers create
  homework with a title and a description of about 300 bytes, and read what they have set, each with an access token.
- \"Through PostgreSQL\" is our own route in write-through mode (`REDIS_WRITE_BUFFER_MODE=through`): the same checks, the
  same prepared statements, pooled connections, one transaction a request.
";

/// The whole page.
pub(crate) async fn text(bench: &Bench, outcomes: &[(Row, Outcome)]) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "# Benchmarks\n\n{ABOUT}\n## Where and when\n\n| | |\n|---|---|")?;
    writeln!(text, "| Date | {} |", SystemClock.now().format("%Y-%m-%d"))?;
    writeln!(text, "| Commit | {} |", commit())?;
    for (what, which) in machine::facts() {
        writeln!(text, "| {what} | {which} |")?;
    }
    let mut superuser = bench.stores.superuser().await?;
    let (postgres, fsync, commit, method): (String, String, String, String) = sqlx::query_as(
        "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'), current_setting('wal_sync_method')",
    )
    .fetch_one(&mut superuser)
    .await?;
    writeln!(text, "| PostgreSQL | {postgres}, fsync {fsync}, synchronous_commit {commit}, {method} |")?;
    writeln!(text, "| Syncing 8 KiB to disk | {} |", latency(machine::sync_microseconds(bench.logs())?))?;
    writeln!(text, "| Rounds | {}, each side {} s a round |", bench.rounds, bench.seconds)?;

    writeln!(text, "\n## Goals\n")?;
    let missed: Vec<&str> =
        outcomes.iter().flat_map(|(_, outcome)| &outcome.findings).filter(|f| f.met() == Some(false)).map(|f| f.what.as_str()).collect();
    if bench.smoke {
        writeln!(text, "A trial run: these figures mean nothing.\n")?;
    } else if missed.is_empty() {
        writeln!(text, "All goals are met.\n")?;
    } else {
        writeln!(text, "Not met: {}.\n", missed.join("; "))?;
    }
    writeln!(text, "| what | goal | measured | spread | |\n|---|---|--:|---|---|")?;
    for finding in outcomes.iter().flat_map(|(_, outcome)| &outcome.findings) {
        writeln!(text, "{}", finding.line())?;
    }

    writeln!(text, "\n## Each side\n\nThe last four columns are processor time for each request, the batch processor's share included.\n")?;
    writeln!(text, "{}", Side::HEADING)?;
    for side in outcomes.iter().flat_map(|(_, outcome)| &outcome.sides) {
        writeln!(text, "{}", side.line())?;
    }

    writeln!(text, "\n## How each row is measured\n")?;
    for (row, outcome) in outcomes {
        writeln!(text, "- `scripts/bench {}`", row.name())?;
        for note in &outcome.notes {
            writeln!(text, "  - {note}")?;
        }
    }
    Ok(text)
}

/// The commit that was built, and whether anything was changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ":!docs"]).is_some_and(|changes| !changes.is_empty());
    if changed { format!("{commit}, with changes that are not committed") } else { commit }
}
