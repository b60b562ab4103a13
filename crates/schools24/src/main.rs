//! `schools24`: any set of the ten services in one process, and what an operator does besides: migrate, seed, drain, import, look after dead letters.

mod commands;
mod fleet;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Schools24: the backend that schools run on.
///
/// Configuration comes from environment variables and `.env`; `.env.example` lists all of them.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves all services in one process behind one port, or some of them.
    Serve(commands::serve::Args),
    /// Brings the schema of PostgreSQL and MongoDB up to date, or undoes migrations.
    Migrate(commands::migrate::Args),
    /// Seeds the demo schools. Running it again changes nothing.
    Seed,
    /// Saves what Redis has acknowledged to PostgreSQL.
    Drain(commands::drain::Args),
    /// Looks after writes that could not be saved.
    DeadLetters(commands::dead_letters::Args),
    /// Imports data from a file.
    Import(commands::import::Args),
    /// Prints the OpenAPI documents, writes them to docs/openapi, or checks that those are up to date.
    Openapi(commands::openapi::Args),
    /// Prints the routing table for gateways, writes it to deploy/routes.json, or checks that that is up to date.
    Routes(commands::routes::Args),
}

fn main() -> ExitCode {
    // TLS connections need a provider; two may be linked, so one is chosen before anything connects.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = match Cli::parse().command {
        Command::Serve(args) => return commands::serve::run(&args),
        Command::Drain(args) if args.is_resident() => return commands::drain::run_resident(),
        Command::Drain(args) => fleet::block_on(commands::drain::run(args)),
        Command::Migrate(args) => fleet::block_on(commands::migrate::run(args)),
        Command::Seed => fleet::block_on(commands::seed::run()),
        Command::DeadLetters(args) => fleet::block_on(commands::dead_letters::run(args)),
        Command::Import(args) => fleet::block_on(commands::import::run(args)),
        Command::Openapi(args) => commands::openapi::run(&args),
        Command::Routes(args) => commands::routes::run(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "schools24: {error:#}");
            ExitCode::FAILURE
        }
    }
}
