//! `bench run`: what the rows work with, and the run itself.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;
use tokio::time::Instant;

use crate::document;
use crate::load::{Spec, Template};
use crate::rows::Row;
use crate::schools::{self, Schools};
use crate::server::{Server, command, load};
use crate::stores::{Addresses, Stores};

/// What to measure, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows; all of them if none is named.
    rows: Vec<Row>,
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds that one side is measured in one round.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Everything once and briefly, to see that it works. The figures mean nothing.
    #[arg(long)]
    smoke: bool,
    /// Write docs/benchmarks.md.
    #[arg(long)]
    write: bool,
    /// The program that is measured.
    #[arg(long)]
    binary: PathBuf,
    /// Where logs go.
    #[arg(long)]
    logs: PathBuf,
    #[command(flatten)]
    stores: Addresses,
}

/// What a row works with.
pub(crate) struct Bench {
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
    pub(crate) warmup: f64,
    pub(crate) smoke: bool,
    pub(crate) stores: Stores,
    pub(crate) schools: Schools,
    pub(crate) binary: PathBuf,
    logs: PathBuf,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(args))
}

async fn measure(args: Args) -> anyhow::Result<()> {
    let started = Instant::now();
    let stores = Stores::connect(&args.stores).await?;
    schools::create(&mut stores.superuser().await?).await.context("the schools can't be made")?;
    let mut bench = Bench {
        rounds: if args.smoke { 1 } else { args.rounds },
        seconds: if args.smoke { 1.0 } else { args.seconds },
        warmup: if args.smoke { 0.2 } else { 1.0 },
        smoke: args.smoke,
        stores,
        schools: Schools::default(),
        binary: args.binary,
        logs: args.logs,
    };
    let auth = bench.serve("auth", &["serve", "--services", "auth"], &[]).await?;
    bench.schools = schools::log_in(auth.address).await.context("logging in")?;
    auth.stop().await?;
    let rows = if args.rows.is_empty() { Row::ALL.to_vec() } else { args.rows };
    let mut outcomes = Vec::new();
    for row in rows {
        progress(started, row.name());
        let outcome = row.run(&bench).await.with_context(|| format!("measuring {}", row.name()))?;
        for finding in &outcome.findings {
            progress(started, &finding.line());
        }
        bench.stores.append_fsync("always").await?;
        bench.stores.clear().await?;
        outcomes.push((row, outcome));
    }
    progress(started, "done");
    let text = document::text(&bench, &outcomes).await?;
    if args.write {
        std::fs::write("docs/benchmarks.md", &text).context("docs/benchmarks.md")?;
    }
    write!(std::io::stdout(), "{text}")?;
    Ok(())
}

fn progress(started: Instant, what: &str) {
    let _ = writeln!(std::io::stderr(), "[{:4}s] {what}", started.elapsed().as_secs());
}

impl Bench {
    pub(crate) async fn serve(&self, name: &str, arguments: &[&str], variables: &[(&str, String)]) -> anyhow::Result<Server> {
        Server::schools24(&self.binary, &self.logs, name, arguments, variables).await
    }

    /// The homework service with its batch processor, in either mode.
    pub(crate) async fn homework(&self, name: &str, mode: &str) -> anyhow::Result<Server> {
        self.service("homework", name, mode).await
    }

    /// A service with its batch processor, in either mode. The pool is large enough that 64 connections never wait for each other.
    pub(crate) async fn service(&self, service: &str, name: &str, mode: &str) -> anyhow::Result<Server> {
        let variables = [("REDIS_WRITE_BUFFER_MODE", mode.to_owned()), ("POSTGRES_MAX_CONNECTIONS", "128".to_owned())];
        // In write-through mode nothing is buffered, and a second batch processor would only take turns with the first.
        let arguments: &[&str] =
            if mode == "through" { &["serve", "--services", service] } else { &["serve", "--services", service, "--drain"] };
        self.serve(name, arguments, &variables).await
    }

    /// The homework service without anything that saves what it buffers.
    pub(crate) async fn undrained(&self) -> anyhow::Result<Server> {
        self.serve("undrained", &["serve", "--services", "homework"], &[("BATCH_PROCESSOR_ENABLED", "false".to_owned())]).await
    }

    pub(crate) fn logs(&self) -> &std::path::Path {
        &self.logs
    }

    pub(crate) async fn echo(&self) -> anyhow::Result<Server> {
        Server::echo(&self.logs).await
    }

    /// A closed load of this run's length.
    pub(crate) fn closed(&self, server: &Server, connections: usize, expect: u16, requests: Vec<Template>) -> Spec {
        Spec::closed(server.address, connections, self.warmup, self.seconds, expect, requests)
    }

    /// Creates that many pieces of homework through `server`.
    pub(crate) async fn fill(&self, server: &Server, rows: usize) -> anyhow::Result<()> {
        let creates = schools::creates(&self.schools.teachers, false);
        let mut spec = Spec::closed(server.address, 64, 0.0, 120.0, 201, creates);
        spec.total = Some(u64::try_from(rows)?);
        load(&spec).await?;
        Ok(())
    }

    /// `schools24 drain --once`: what it said, and how long the process took from its start to its end.
    pub(crate) async fn drain_once(&self) -> anyhow::Result<(String, Duration)> {
        let started = Instant::now();
        let mut command: Command = command(&self.binary);
        let output = command.args(["drain", "--once"]).stderr(std::process::Stdio::null()).output().await?;
        let took = started.elapsed();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        anyhow::ensure!(output.status.success(), "drain failed: {said}");
        Ok((said, took))
    }
}
