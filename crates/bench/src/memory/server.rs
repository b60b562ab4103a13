//! A Redis server for one measurement: empty, without persistence, alone.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::config::{Config, ReconnectPolicy};
use fred::types::{Builder, ClusterHash, CustomCommand, FromValue, Value};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

pub(crate) struct Server {
    client: Client,
    // Killed when dropped.
    _process: Child,
}

/// A command for Redis: its name and arguments.
pub(crate) type Call = (&'static str, Vec<Value>);

impl Server {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("redis-server does not start")?;
        let started = Instant::now();
        while let Err(error) = TcpStream::connect(("127.0.0.1", port)).await {
            if started.elapsed() > Duration::from_secs(10) {
                return Err(error).context("redis-server does not answer");
            }
            sleep(Duration::from_millis(20)).await;
        }
        let config = Config::from_url(&format!("redis://127.0.0.1:{port}"))?;
        let client = Builder::from_config(config).set_policy(ReconnectPolicy::new_constant(100, 50)).build()?;
        client.init().await.context("redis-server does not answer")?;
        Ok(Self { client, _process: process })
    }

    pub(crate) async fn call<T: FromValue>(&self, command: &'static str, arguments: &[&str]) -> anyhow::Result<T> {
        let arguments: Vec<Value> = arguments.iter().map(|argument| (*argument).into()).collect();
        Ok(self.client.custom(CustomCommand::new_static(command, ClusterHash::FirstKey, false), arguments).await?)
    }

    /// Runs `calls` in the order given; their answers.
    pub(crate) async fn all(&self, calls: Vec<Call>) -> anyhow::Result<Vec<Value>> {
        let mut answers = Vec::with_capacity(calls.len());
        let mut calls = calls.into_iter().peekable();
        while calls.peek().is_some() {
            let pipeline = self.client.pipeline();
            for (command, arguments) in calls.by_ref().take(500) {
                let () = pipeline.custom(CustomCommand::new_static(command, ClusterHash::FirstKey, false), arguments).await?;
            }
            answers.extend(pipeline.all::<Vec<Value>>().await?);
        }
        Ok(answers)
    }

    pub(crate) async fn empty(&self) -> anyhow::Result<()> {
        self.call("FLUSHALL", &["SYNC"]).await
    }

    /// What `MEMORY USAGE` says of `keys`, all elements counted, in total.
    pub(crate) async fn usage(&self, keys: Vec<Value>) -> anyhow::Result<u64> {
        let calls = keys.into_iter().map(|key| ("MEMORY", vec!["USAGE".into(), key, "SAMPLES".into(), 0.into()])).collect();
        let answers = self.all(calls).await?;
        Ok(answers.iter().filter_map(Value::as_u64).sum())
    }

    /// `used_memory` without the buffers of clients, once it stands still: tables grow in steps while Redis is idle.
    pub(crate) async fn used(&self) -> anyhow::Result<u64> {
        let (mut last, mut since, started) = (0, Instant::now(), Instant::now());
        while started.elapsed() < Duration::from_secs(20) {
            let report: String = self.call("INFO", &["memory"]).await?;
            let field = |name: &str| report.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse::<u64>().ok());
            let used = field("used_memory").context("no used_memory")? - field("mem_clients_normal").context("no mem_clients_normal")?;
            if used != last {
                (last, since) = (used, Instant::now());
            } else if since.elapsed() > Duration::from_millis(400) {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(last)
    }
}
