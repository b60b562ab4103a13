//! Processes that are measured: started on a free port, awaited, stopped.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::load::buses::{Rides, Watched};
use crate::load::exam::{Morning, Step, Steps};
use crate::load::{Report, Spec, Template, ask};
use crate::machine;

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(40);

/// A server process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// From being started to answering that it is ready.
    pub(crate) ready_after: Duration,
    child: Child,
    log: PathBuf,
}

/// A command that ends when this process does, however that comes about.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).kill_on_drop(true).stdin(Stdio::null());
    command
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Server {
    /// `schools24` with `arguments`, and `variables` on top of the environment.
    pub(crate) async fn schools24(
        binary: &Path,
        logs: &Path,
        name: &str,
        arguments: &[&str],
        variables: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let (port, metrics) = (free_port()?, free_port()?);
        let mut command = command(binary);
        command.args(arguments).envs(variables.iter().map(|(name, value)| (*name, value)));
        command.env("HTTP_HOST", "127.0.0.1").env("PORT", port.to_string()).env("PROMETHEUS_PORT", metrics.to_string());
        Self::start(command, port, logs, name, "/ready").await
    }

    /// The bare echo of this program, with as many threads as `schools24` has.
    pub(crate) async fn echo(logs: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let workers = std::thread::available_parallelism()?.to_string();
        let mut command = command(&std::env::current_exe()?);
        command.args(["echo", "--port", &port.to_string(), "--workers", &workers]);
        Self::start(command, port, logs, "echo", "/ready").await
    }

    async fn start(mut command: Command, port: u16, logs: &Path, name: &str, ready: &str) -> anyhow::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = std::fs::File::options().append(true).create(true).open(&log)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let started = Instant::now();
        let child = command.stdout(file.try_clone()?).stderr(file).spawn().context("setpriv (util-linux) can't be started")?;
        let pid = child.id().context("the process ended at once")?;
        let mut server = Self { address, pid, ready_after: Duration::ZERO, child, log };
        loop {
            let answer = timeout(Duration::from_secs(5), ask(address, &Template::new("GET", ready, None))).await;
            if let Ok(Ok(answer)) = answer
                && answer.status == 200
            {
                server.ready_after = started.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status}: {}", server.last_lines());
            }
            if started.elapsed() > START {
                bail!("{name} is not ready after {START:?}: {}", server.last_lines());
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Lets it finish, as an orchestrator would.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").args(["-s", "TERM", &self.pid.to_string()]).status().await?;
        timeout(STOP, self.child.wait()).await.context("a server does not stop")??;
        Ok(())
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        machine::cpu_seconds(self.pid)
    }
}

/// Applies a load from a process of its own. Answers that were not expected fail the measurement: a figure with errors in it is none.
pub(crate) async fn load(spec: &Spec) -> anyhow::Result<Report> {
    let report = load_with_errors(spec).await?;
    if report.failed() > 0 {
        bail!("answers were not as expected: {:?}; the first: {}", report.errors, report.sample.unwrap_or_default());
    }
    Ok(report)
}

/// Applies a load from a process of its own; errors are in the report.
pub(crate) async fn load_with_errors(spec: &Spec) -> anyhow::Result<Report> {
    generated("load", spec).await
}

/// Holds exams from a process of its own. Answers that were not expected fail the measurement.
pub(crate) async fn exams(morning: &Morning) -> anyhow::Result<Steps> {
    let steps: Vec<(Step, Report)> = generated("exam", morning).await?;
    for (step, report) in &steps {
        if report.failed() > 0 {
            bail!(
                "{step:?}: {} candidates did not get through; the first: {}",
                report.failed(),
                report.sample.as_deref().unwrap_or_default()
            );
        }
    }
    Ok(steps.into_iter().collect())
}

/// Drives and watches buses.
pub(crate) async fn rides(rides: &Rides) -> anyhow::Result<Watched> {
    generated("buses", rides).await
}

/// What this program's `subcommand` answers to `spec`, in a process of its own.
async fn generated<T: DeserializeOwned>(subcommand: &str, spec: &impl Serialize) -> anyhow::Result<T> {
    let mut command = command(&std::env::current_exe()?);
    let mut child = command.arg(subcommand).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("no standard input")?;
    input.write_all(serde_json::to_string(spec)?.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("the load generator failed");
    }
    serde_json::from_slice(&output.stdout).context("the load generator's report can't be read")
}
