//! The stores under measurement, as their superuser sees them. No service works this way.

use std::time::Duration;

use anyhow::{Context, bail};
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::config::Config;
use fred::types::{Builder, ClusterHash, CustomCommand};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

/// Where they are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Addresses {
    /// PostgreSQL as the superuser; the database is that of the services.
    #[arg(long, env = "BENCH_POSTGRES_URL", hide_env_values = true)]
    postgres_url: String,
    /// Process id of the PostgreSQL server.
    #[arg(long, env = "BENCH_POSTGRES_PID")]
    postgres_pid: u32,
    /// The Redis server.
    #[arg(long, env = "BENCH_REDIS_URL", hide_env_values = true)]
    redis_url: String,
    /// Its process id.
    #[arg(long, env = "BENCH_REDIS_PID")]
    redis_pid: u32,
}

pub(crate) struct Stores {
    postgres: PgConnectOptions,
    redis: Client,
    pub(crate) postgres_pid: u32,
    pub(crate) redis_pid: u32,
}

/// How many writes wait in all logs of a service.
const WAITING: &str = "local n = 0 for p = 0, 63 do n = n + redis.call('XLEN', 'write_log:' .. ARGV[1] .. ':{p' .. p .. '}') end return n";

impl Stores {
    pub(crate) async fn connect(addresses: &Addresses) -> anyhow::Result<Self> {
        let redis = Builder::from_config(Config::from_url(&addresses.redis_url)?).build()?;
        redis.init().await.context("Redis does not answer")?;
        Ok(Self { postgres: addresses.postgres_url.parse()?, redis, postgres_pid: addresses.postgres_pid, redis_pid: addresses.redis_pid })
    }

    pub(crate) async fn superuser(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect_with(&self.postgres).await.context("PostgreSQL does not answer")
    }

    /// Any command of Redis.
    pub(crate) async fn redis<T: fred::types::FromValue>(&self, command: &'static str, arguments: &[&str]) -> anyhow::Result<T> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
        Ok(self.redis.custom(command, arguments).await?)
    }

    /// `always` or `everysec`.
    pub(crate) async fn append_fsync(&self, policy: &str) -> anyhow::Result<()> {
        self.redis::<()>("CONFIG", &["SET", "appendfsync", policy]).await
    }

    pub(crate) async fn waiting(&self) -> anyhow::Result<u64> {
        self.waiting_of("homework").await
    }

    async fn waiting_of(&self, service: &str) -> anyhow::Result<u64> {
        self.redis("EVAL", &[WAITING, "0", service]).await
    }

    /// Until no homework waits to be saved; how long that took.
    pub(crate) async fn until_saved(&self) -> anyhow::Result<Duration> {
        self.until_saved_of("homework").await
    }

    /// Until nothing of `service` waits to be saved; how long that took.
    pub(crate) async fn until_saved_of(&self, service: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        while self.waiting_of(service).await? > 0 {
            if started.elapsed() > Duration::from_mins(2) {
                bail!("what was buffered is not saved after two minutes");
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(started.elapsed())
    }

    /// Takes all that was measured with out of both stores, so that one row of the table does not pay for the one before. Waits until it is saved.
    pub(crate) async fn clear(&self) -> anyhow::Result<()> {
        for service in ["homework", "quiz", "attendance", "bus-route"] {
            self.until_saved_of(service).await?;
        }
        let mut connection = self.superuser().await?;
        sqlx::raw_sql("TRUNCATE homework, quizzes, attendance_sessions, vehicle_positions CASCADE; CHECKPOINT")
            .execute(&mut connection)
            .await?;
        let mut cursor = "0".to_owned();
        loop {
            let (next, keys): (String, Vec<String>) = self.redis("SCAN", &[&cursor, "MATCH", "write_buffer:*", "COUNT", "5000"]).await?;
            if !keys.is_empty() {
                let _: u64 = self.redis.unlink(keys).await?;
            }
            if next == "0" {
                return Ok(());
            }
            cursor = next;
        }
    }
}
