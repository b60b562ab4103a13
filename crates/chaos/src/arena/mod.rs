//! Where rounds take place: private stores, two services, two batch processors, and a relay on each connection between a process and a store.
//!
//! One arena serves a whole run. Every round makes schools of its own in it and leaves everything running.

mod process;
mod relay;
mod schools;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::config::Config;
use fred::types::{Builder, ClusterHash, CustomCommand};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::plan::{LEASE_SECONDS, Node, Trouble};
use process::{Process, Recipe};
use relay::Relay;
pub(crate) use schools::{School, open as open_schools};

/// Unsaved writes of a partition before writers are sent away: little, so that an outage of seconds gets there.
pub(crate) const BACKLOG: usize = 150;
const DATABASE: &str = "schools24";
const PATIENCE: Duration = Duration::from_secs(40);
const PROCESSES: [Node; 4] = [Node::Service(0), Node::Service(1), Node::Processor(0), Node::Processor(1)];
const STORES: [Node; 3] = [Node::Redis, Node::Postgres, Node::Mongo];

/// What an arena is made of. `scripts/chaos` says it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Ground {
    /// The `schools24` to attack.
    #[arg(long)]
    pub(crate) binary: PathBuf,
    /// A folder for data and logs, of this run alone.
    #[arg(long)]
    pub(crate) folder: PathBuf,
    /// Where PostgreSQL's programs are.
    #[arg(long)]
    postgres_bin: PathBuf,
    /// An initialised data directory.
    #[arg(long)]
    postgres_data: PathBuf,
    /// The password of its superuser `postgres`.
    #[arg(long, env = "CHAOS_POSTGRES_PASSWORD", hide_env_values = true)]
    postgres_password: String,
    /// Run PostgreSQL as the user `postgres`: it refuses root.
    #[arg(long)]
    postgres_as_postgres: bool,
    /// What seals tokens in this arena.
    #[arg(long, env = "CHAOS_SECRET", hide_env_values = true)]
    secret: String,
}

/// Ports of one node.
struct Place {
    node: Node,
    port: u16,
    process: Mutex<Process>,
}

/// The arena.
pub(crate) struct Arena {
    ground: Ground,
    places: Vec<Place>,
    /// By process and store.
    relays: Vec<(Node, Node, Relay)>,
    http: reqwest::Client,
}

impl Arena {
    /// Starts everything.
    pub(crate) async fn start(ground: &Ground) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let (logs, bare) = (ground.folder.join("log"), ground.folder.join("bare"));
        for folder in [&logs, &bare, &ground.folder.join("redis"), &ground.folder.join("mongo")] {
            std::fs::create_dir_all(folder)?;
        }
        let mut arena = Self { ground: ground.clone(), places: Vec::new(), relays: Vec::new(), http };
        for store in STORES {
            let recipe = arena.store(store)?;
            arena.places.push(recipe);
        }
        for store in STORES {
            arena.start_node(store).await?;
        }
        arena.prepare_database().await?;
        for node in PROCESSES {
            for store in STORES {
                let relay = Relay::listen(arena.port(store)).await?;
                arena.relays.push((node, store, relay));
            }
            let place = arena.process(node)?;
            arena.places.push(place);
        }
        for node in PROCESSES {
            arena.start_node(node).await?;
        }
        Ok(arena)
    }

    fn store(&self, node: Node) -> anyhow::Result<Place> {
        let port = free_port()?;
        let folder = |name: &str| self.ground.folder.join(name).display().to_string();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (program, arguments) = match node {
            Node::Redis => {
                let mut arguments = words("--bind 127.0.0.1 --appendonly yes --appendfsync always --maxmemory-policy volatile-lru");
                // The command line goes on naming this folder: that is how a left-over would be found.
                arguments.extend(words("--set-proc-title no --save"));
                arguments.extend([String::new(), "--port".to_owned(), port.to_string(), "--dir".to_owned(), folder("redis")]);
                ("redis-server".into(), arguments)
            }
            Node::Mongo => {
                let mut arguments = words("--bind_ip 127.0.0.1 --nounixsocket --wiredTigerCacheSizeGB 0.25");
                arguments.extend(words("--setParameter diagnosticDataCollectionEnabled=false"));
                arguments.extend(["--port".to_owned(), port.to_string(), "--dbpath".to_owned(), folder("mongo")]);
                ("mongod".into(), arguments)
            }
            _ => {
                let data = self.ground.postgres_data.display().to_string();
                let mut arguments = vec!["-D".to_owned(), data, "-p".to_owned(), port.to_string()];
                // A killed server loses nothing without fsync, only a killed machine would.
                for setting in [
                    "listen_addresses=127.0.0.1",
                    "unix_socket_directories=",
                    "max_connections=200",
                    "shared_buffers=64MB",
                    "fsync=off",
                    "full_page_writes=off",
                    "track_commit_timestamp=on",
                    "timezone=UTC",
                ] {
                    arguments.extend(["-c".to_owned(), setting.to_owned()]);
                }
                (self.ground.postgres_bin.join("postgres"), arguments)
            }
        };
        let recipe = Recipe {
            program,
            arguments,
            variables: Vec::new(),
            folder: PathBuf::from("/"),
            log: self.log(node),
            as_postgres: node == Node::Postgres && self.ground.postgres_as_postgres,
        };
        Ok(Place { node, port, process: Mutex::new(Process::new(recipe)) })
    }

    fn process(&self, node: Node) -> anyhow::Result<Place> {
        let port = free_port()?;
        let arguments: &[&str] = match node {
            Node::Service(_) => &["serve", "--services", "auth,homework,dashboard"],
            _ => &["drain", "--resident"],
        };
        let mut variables = self.variables(|store| self.relay(node, store).map_or(0, Relay::port));
        variables.push(("PORT", port.to_string()));
        // One processor in small bites, the other in large ones.
        let batch = if node == Node::Processor(0) { "7" } else { "1000" };
        variables.push(("BATCH_PROCESSOR_BATCH_SIZE", batch.to_owned()));
        let recipe = Recipe {
            program: self.ground.binary.clone(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            variables,
            folder: self.ground.folder.join("bare"),
            log: self.log(node),
            as_postgres: false,
        };
        Ok(Place { node, port, process: Mutex::new(Process::new(recipe)) })
    }

    fn variables(&self, port: impl Fn(Node) -> u16) -> Vec<(&'static str, String)> {
        let fixed = [
            ("HTTP_HOST", "127.0.0.1"),
            ("HTTP_WORKERS", "2"),
            ("POSTGRES_HOST", "127.0.0.1"),
            ("POSTGRES_DB", DATABASE),
            ("POSTGRES_USER", "schools24_app"),
            ("POSTGRES_OWNER_USER", "schools24_owner"),
            ("POSTGRES_SSL_MODE", "disable"),
            ("POSTGRES_MAX_CONNECTIONS", "20"),
            ("POSTGRES_ACQUIRE_TIMEOUT_MS", "500"),
            ("REDIS_HOST", "127.0.0.1"),
            ("REDIS_POOL_SIZE", "2"),
            ("REDIS_COMMAND_TIMEOUT_MS", "1500"),
            ("REDIS_WRITE_BUFFER_TTL", "900"),
            ("BATCH_PROCESSOR_ENABLED", "false"),
            ("BATCH_PROCESSOR_INTERVAL", "0.05"),
            ("BATCH_PROCESSOR_PARALLEL_WORKERS", "3"),
            ("EVENTS_CLAIM_AFTER", "2"),
            ("ENABLE_PROMETHEUS", "false"),
            ("RUST_LOG", "info"),
        ];
        let mut variables: Vec<(&str, String)> = fixed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        variables.extend([
            ("POSTGRES_PASSWORD", self.ground.secret.clone()),
            ("POSTGRES_OWNER_PASSWORD", self.ground.secret.clone()),
            ("JWT_SECRET", self.ground.secret.clone()),
            ("POSTGRES_PORT", port(Node::Postgres).to_string()),
            ("REDIS_PORT", port(Node::Redis).to_string()),
            ("MONGODB_URI", format!("mongodb://127.0.0.1:{}/{DATABASE}", port(Node::Mongo))),
            ("BATCH_PROCESSOR_LEASE", LEASE_SECONDS.to_string()),
            ("REDIS_WRITE_BUFFER_BACKLOG", BACKLOG.to_string()),
        ]);
        variables
    }

    async fn prepare_database(&self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect_with(&self.postgres_options("postgres")).await?;
        let owner = format!("CREATE ROLE schools24_owner LOGIN CREATEROLE PASSWORD '{}'", self.ground.secret);
        sqlx::raw_sql(AssertSqlSafe(owner)).execute(&mut connection).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {DATABASE} OWNER schools24_owner"))).execute(&mut connection).await?;
        self.schools24(&["migrate", "up"]).await?;
        sqlx::raw_sql(include_str!("audit.sql")).execute(&mut self.superuser().await?).await?;
        Ok(())
    }

    /// Runs a command of `schools24` on the stores, past the relays.
    pub(crate) async fn schools24(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = tokio::process::Command::new(&self.ground.binary);
        command.args(arguments).envs(self.variables(|store| self.port(store))).current_dir(self.ground.folder.join("bare"));
        let output = timeout(Duration::from_mins(2), command.kill_on_drop(true).output()).await??;
        if !output.status.success() {
            bail!("schools24 {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn place(&self, node: Node) -> anyhow::Result<&Place> {
        self.places.iter().find(|place| place.node == node).with_context(|| format!("there is no {node}"))
    }

    fn port(&self, node: Node) -> u16 {
        self.place(node).map_or(0, |place| place.port)
    }

    fn relay(&self, process: Node, store: Node) -> Option<&Relay> {
        self.relays.iter().find(|(from, to, _)| *from == process && *to == store).map(|(.., relay)| relay)
    }

    /// The run's folder.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.ground.folder
    }

    /// The log of a node: of all its starts.
    pub(crate) fn log(&self, node: Node) -> PathBuf {
        self.ground.folder.join("log").join(format!("{node}.log"))
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.places.iter().map(|place| place.node)
    }

    /// Where a service process answers.
    pub(crate) fn url(&self, service: usize) -> String {
        format!("http://127.0.0.1:{}", self.port(Node::Service(service)))
    }

    pub(crate) const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    // --- faults ---

    /// `SIGKILL`.
    pub(crate) async fn kill(&self, node: Node) -> anyhow::Result<()> {
        self.place(node)?.process.lock().await.kill().await
    }

    pub(crate) async fn pause(&self, node: Node) -> anyhow::Result<()> {
        self.place(node)?.process.lock().await.pause().await
    }

    pub(crate) async fn wake(&self, node: Node) -> anyhow::Result<()> {
        self.place(node)?.process.lock().await.wake().await
    }

    /// Starts a node and waits until it answers, whatever is away around it.
    pub(crate) async fn start_node(&self, node: Node) -> anyhow::Result<()> {
        let place = self.place(node)?;
        if node == Node::Postgres {
            // It was killed with all of its processes: the lock is stale.
            let _ = std::fs::remove_file(self.ground.postgres_data.join("postmaster.pid"));
        }
        place.process.lock().await.spawn()?;
        let started = Instant::now();
        while !self.answers(node).await {
            let mut process = place.process.lock().await;
            process.must_run()?;
            if started.elapsed() > PATIENCE {
                bail!("{node} does not answer after {PATIENCE:?}: {}", process.last_words());
            }
            drop(process);
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub(crate) fn trouble(&self, process: Node, store: Node, trouble: Option<Trouble>) {
        if let Some(relay) = self.relay(process, store) {
            relay.set(trouble);
        }
    }

    async fn answers(&self, node: Node) -> bool {
        match node {
            Node::Redis => redis_answers(self.port(node)).await,
            Node::Postgres => {
                let options = self.postgres_options("postgres");
                matches!(timeout(Duration::from_secs(2), PgConnection::connect_with(&options)).await, Ok(Ok(_)))
            }
            Node::Mongo => TcpStream::connect((Ipv4Addr::LOCALHOST, self.port(node))).await.is_ok(),
            Node::Service(_) | Node::Processor(_) => {
                let url = format!("http://127.0.0.1:{}/health", self.port(node));
                self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
            }
        }
    }

    // --- looking at the stores from outside ---

    fn postgres_options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port(Node::Postgres))
            .username("postgres")
            .password(&self.ground.postgres_password)
            .database(database)
    }

    /// PostgreSQL past all row security.
    pub(crate) async fn superuser(&self) -> anyhow::Result<PgConnection> {
        PgConnection::connect_with(&self.postgres_options(DATABASE)).await.context("PostgreSQL does not answer")
    }

    /// A command of Redis, on a connection of its own.
    pub(crate) async fn redis<T: fred::types::FromValue>(&self, command: &'static str, arguments: &[&str]) -> anyhow::Result<T> {
        let config = Config::from_url(&format!("redis://127.0.0.1:{}", self.port(Node::Redis)))?;
        let client: Client = Builder::from_config(config).build()?;
        client.init().await.context("Redis does not answer")?;
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let answer = client.custom(CustomCommand::new_static(command, ClusterHash::FirstKey, false), arguments).await;
        let _ = client.quit().await;
        Ok(answer?)
    }

    pub(crate) async fn mongo(&self) -> anyhow::Result<mongodb::Database> {
        let uri = format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port(Node::Mongo));
        Ok(mongodb::Client::with_uri_str(uri).await?.database(DATABASE))
    }

    /// How long Redis takes to answer a ping now; none if it can't be reached.
    pub(crate) async fn redis_ping(&self) -> bool {
        redis_answers(self.port(Node::Redis)).await
    }

    /// Waits until both services answer a signed-in request: they have their keys and their connections again.
    pub(crate) async fn until_served(&self, token: &str) -> anyhow::Result<()> {
        for service in 0..2 {
            let url = format!("{}/api/v1/homework?limit=1", self.url(service));
            let started = Instant::now();
            loop {
                let answer = self.http.get(&url).bearer_auth(token).send().await;
                let status = answer.as_ref().map(reqwest::Response::status);
                if status.is_ok_and(|status| status.is_success()) {
                    break;
                }
                if started.elapsed() > PATIENCE {
                    bail!("service-{service} does not answer after everything was healed: {answer:?}");
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether Redis answers PING with PONG: while it reads its file it says LOADING.
async fn redis_answers(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n").await?;
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"+PONG\r\n")
    };
    matches!(timeout(Duration::from_secs(3), asked).await, Ok(Ok(true)))
}
