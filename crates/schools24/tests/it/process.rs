//! Stores of the test's own, and `schools24` processes on them.

use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;
use testkit::{RedisServer, TestDatabase};
use tokio::process::{Child, Command};
use uuid::Uuid;

pub(crate) struct Ground {
    pub(crate) database: TestDatabase,
    pub(crate) redis: RedisServer,
    settings: Vec<(&'static str, String)>,
}

impl Ground {
    pub(crate) async fn lay() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (database, redis) = (TestDatabase::create().await, RedisServer::start().await);
        let (app, owner) = (database.app(), database.owner());
        let settings = vec![
            ("HTTP_HOST", "127.0.0.1".to_owned()),
            ("POSTGRES_HOST", app.host.clone()),
            ("POSTGRES_PORT", app.port.to_string()),
            ("POSTGRES_DB", app.database.clone()),
            ("POSTGRES_USER", app.user.clone()),
            ("POSTGRES_PASSWORD", app.password.expose_secret().to_owned()),
            ("POSTGRES_OWNER_USER", owner.user.clone()),
            ("POSTGRES_OWNER_PASSWORD", owner.password.expose_secret().to_owned()),
            ("POSTGRES_MAX_CONNECTIONS", "12".to_owned()),
            ("REDIS_HOST", "127.0.0.1".to_owned()),
            ("REDIS_PORT", redis.port().to_string()),
            ("MONGODB_URI", testkit::mongodb_uri()),
            ("JWT_SECRET", format!("for-tests-only-{}", Uuid::now_v7())),
            ("ENABLE_PROMETHEUS", "false".to_owned()),
            ("RUST_LOG", "warn".to_owned()),
        ];
        Self { database, redis, settings }
    }

    /// A command line of `schools24`. Run in an empty folder, so that no `.env` is read.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_schools24")]).args(arguments);
        command.envs(self.settings.iter().map(|(name, value)| (name, value))).current_dir(self.redis.directory());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end: exit code, standard output, standard error.
    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = tokio::time::timeout(Duration::from_mins(1), self.command(arguments).output()).await.expect("it ends").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Starts a process that serves on `port` and waits until it is ready.
    pub(crate) async fn serve(&self, arguments: &[&str], port: u16) -> Child {
        let mut command = self.command(arguments);
        // Nobody reads what a server says here; a full pipe would stop it.
        let child = command.env("PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..400 {
            let ready = reqwest::get(format!("http://127.0.0.1:{port}/ready")).await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return child;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("schools24 {arguments:?} is never ready");
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
