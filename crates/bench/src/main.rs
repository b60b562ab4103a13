//! `bench`: measures what docs/benchmarks.md claims. A tool of developers; no release contains it. `scripts/bench` runs it.
//!
//! `run` measures rows of the table (`rows/`), with servers and load generators as processes of their own (`server.rs`, `load/`), on the stores that
//! `scripts/bench` has started. To add a subcommand: a module with `Args` and `run`, its variant in [`Command`] and its line in `main`.

// Counts, sizes and microseconds here are far below 2^52.
#![allow(clippy::cast_precision_loss)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod bench;
mod dictionary;
mod document;
mod echo;
mod figures;
mod load;
mod machine;
mod memory;
mod rows;
mod schools;
mod server;
mod sides;
mod stores;
mod train;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Schools24. Start it through `scripts/bench`, which brings the stores.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures rows of the table and prints it.
    Run(bench::Args),
    /// Generates load, as standard input says.
    Load(load::Args),
    /// Sits exams, as standard input says.
    Exam,
    /// Drives and watches buses, as standard input says.
    Buses,
    /// Serves a bare JSON echo: the most that the HTTP library could do.
    Echo(echo::Args),
    /// Measures what rows take in Redis.
    Memory(memory::Args),
    /// Makes a dictionary for values in Redis and prints it.
    Dictionary,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => bench::run(args),
        Command::Load(args) => load::run(&args),
        Command::Exam => load::exam::run(),
        Command::Buses => load::buses::run(),
        Command::Echo(args) => echo::run(&args),
        Command::Memory(args) => memory::run(&args),
        Command::Dictionary => dictionary::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
