//! A Redis server of the test's own, durable like the real one, that the test may kill.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fred::clients::Pool;
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{Config, ReconnectPolicy};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A `redis-server` process with an append-only file, fsynced at every write. Gone when dropped.
pub struct RedisServer {
    directory: TempDir,
    port: u16,
    child: Option<Child>,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with further options, such as `["--maxmemory", "20mb"]`.
    pub async fn start_with(options: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), options).await
    }

    /// Starts one that keeps its files below `parent`.
    pub async fn start_in(parent: &Path, options: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("s24-redis-").tempdir_in(parent).expect("a directory");
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self { directory, port: crate::free_port(), child: None, options };
        server.launch().await;
        server
    }

    /// Starts it again, with the data that it left on disk.
    pub async fn launch(&mut self) {
        let child = Command::new("setpriv")
            // A test that is killed takes its server along.
            .args(["--pdeathsig", "KILL", "redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--maxmemory-policy", "volatile-lru", "--port", &self.port.to_string()])
            .arg("--dir")
            .arg(self.directory.path())
            .args(&self.options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server starts");
        self.child = Some(child);
        for _ in 0..400 {
            if self.answers().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not answer on port {}", self.port);
    }

    /// Whether it answers PING with PONG: while it reads its file it says LOADING.
    async fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await else { return false };
        let mut answer = [0; 7];
        let asked = async {
            stream.write_all(b"PING\r\n").await?;
            stream.read_exact(&mut answer).await
        };
        matches!(tokio::time::timeout(Duration::from_secs(2), asked).await, Ok(Ok(_))) && &answer == b"+PONG\r\n"
    }

    /// `SIGKILL`: no chance to write anything more.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("redis-server is killed");
        }
    }

    /// Whether its process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Its TCP port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where its append-only file lies.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// A pool of connections that come back by themselves.
    pub async fn pool(&self, size: usize) -> Pool {
        let config = Config::from_url(&format!("redis://127.0.0.1:{}", self.port)).expect("a URL");
        let pool = Builder::from_config(config)
            .with_performance_config(|performance| performance.default_command_timeout = Duration::from_secs(2))
            .with_connection_config(|connection| {
                connection.connection_timeout = Duration::from_secs(1);
                connection.max_command_attempts = 2;
            })
            .set_policy(ReconnectPolicy::new_constant(0, 50))
            .build_pool(size)
            .expect("a pool");
        pool.init().await.expect("redis answers");
        pool
    }

    /// Empties it, as an operator's mistake would.
    pub async fn flush(&self) {
        let pool = self.pool(1).await;
        let () = pool.flushall(false).await.expect("flushed");
        let _ = pool.quit().await;
    }
}
