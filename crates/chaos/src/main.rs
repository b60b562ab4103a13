//! `chaos`: attacks what docs/guarantees.md promises, with real processes. A tool of developers; no release contains it. `scripts/chaos` runs it.
//!
//! A run has one [`arena`]: private stores, two services, two batch processors, and a relay on every connection between a process and a store. Each round
//! makes schools of its own there. Its seed decides the [`plan`] (which faults, when, for how long) and what each client of the [`workload`] does. Everything
//! that clients did and were told is the [`history`]; what the stores hold in the end is the [`evidence`]. The [`checker`] is a function of the two and
//! knows nothing else, so that its own tests can show it bad histories.
//!
//! A seed replays the plan and the clients' choices. It does not replay how the operating system interleaves the processes, and what a client chooses among
//! depends on what it was answered: a failure that needed a narrow race may take several replays.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod arena;
mod checker;
mod evidence;
mod faults;
mod history;
mod letters;
mod plan;
mod report;
mod round;
mod run;
mod sabotage;
mod workload;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// 0: all is well. 1: a guarantee was broken. 2: the harness itself failed, which says nothing about the guarantees.
fn main() -> ExitCode {
    match run::run(run::Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}
