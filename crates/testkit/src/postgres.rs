//! PostgreSQL databases, migrated and of the test's own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use store::{Identity, Postgres, PostgresConfig};
use tokio::process::Command;
use uuid::Uuid;

const OWNER: &str = "schools24_owner";
const PASSWORD: &str = "for-tests-only";
const TEMPLATE: &str = "s24_template";

/// A migrated database. Dropped with the value, as far as that is possible; the scratch server goes away anyway.
pub struct TestDatabase {
    name: String,
    superuser: String,
    host: String,
    port: u16,
}

impl TestDatabase {
    /// A fresh database on the server of `TEST_POSTGRES_URL`.
    pub async fn create() -> Self {
        Self::create_on(&crate::variable("TEST_POSTGRES_URL")).await
    }

    /// A fresh database on another server, given by its superuser's URL.
    pub async fn create_on(superuser: &str) -> Self {
        let name = format!("s24_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(superuser).await.expect("the scratch PostgreSQL answers");
        let place = sqlx::query("SELECT host(coalesce(inet_server_addr(), '127.0.0.1')), current_setting('port')::int")
            .fetch_one(&mut connection)
            .await
            .expect("its address");
        let port: i32 = place.get(1);
        let database = Self { name, superuser: superuser.to_owned(), host: place.get(0), port: u16::try_from(port).expect("a port") };
        // One test of the run makes the template, the others wait for it.
        execute(&mut connection, "SELECT pg_advisory_lock(24)").await;
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(TEMPLATE)
            .fetch_one(&mut connection)
            .await
            .expect("the catalogue");
        if !exists {
            database.make_template(&mut connection).await;
        }
        execute(&mut connection, "SELECT pg_advisory_unlock(24)").await;
        execute(&mut connection, &format!("CREATE DATABASE {} TEMPLATE {TEMPLATE} OWNER {OWNER} STRATEGY file_copy", database.name)).await;
        database
    }

    async fn make_template(&self, connection: &mut PgConnection) {
        execute(
            connection,
            &format!(
                "DO $$ BEGIN CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{PASSWORD}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            ),
        )
        .await;
        // Under another name until it is complete.
        execute(connection, "DROP DATABASE IF EXISTS s24_template_in_the_making").await;
        execute(connection, &format!("CREATE DATABASE s24_template_in_the_making OWNER {OWNER}")).await;
        let owner = Postgres::connect(&self.config("s24_template_in_the_making", OWNER), Identity::Owner);
        store::migrate::migrate_up(&owner, &SecretString::from(PASSWORD)).await.expect("migrations apply");
        owner.close().await;
        execute(connection, &format!("ALTER DATABASE s24_template_in_the_making RENAME TO {TEMPLATE}")).await;
    }

    fn config(&self, database: &str, user: &str) -> PostgresConfig {
        let mut config = PostgresConfig::new(&self.host, self.port, database, user, SecretString::from(PASSWORD));
        config.max_connections = 8;
        config
    }

    /// How services connect to it.
    #[must_use]
    pub fn app(&self) -> PostgresConfig {
        self.config(&self.name, store::migrate::APP_ROLE)
    }

    /// How migrations connect to it.
    #[must_use]
    pub fn owner(&self) -> PostgresConfig {
        self.config(&self.name, OWNER)
    }

    /// A pool that acts as `identity`.
    #[must_use]
    pub fn connect(&self, identity: Identity) -> Postgres {
        let config = if identity == Identity::Owner { self.owner() } else { self.app() };
        Postgres::connect(&config, identity)
    }

    /// A superuser's connection to it, past all row security: to look from outside.
    pub async fn superuser(&self) -> PgConnection {
        let options: sqlx::postgres::PgConnectOptions = self.superuser.parse().expect("a URL");
        PgConnection::connect_with(&options.database(&self.name)).await.expect("the scratch PostgreSQL answers")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (name, superuser) = (self.name.clone(), self.superuser.clone());
        // On a thread: the test's runtime is ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&superuser).await?;
                sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).execute(&mut connection).await?;
                anyhow::Ok(())
            })
        });
        let _ = dropped.join();
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A PostgreSQL server of the test's own, which the test may kill. Slow to make (some seconds): only for tests that need to.
pub struct PostgresServer {
    directory: PathBuf,
    port: u16,
    options: Vec<String>,
    _parent: tempfile::TempDir,
}

impl PostgresServer {
    /// Creates a cluster and starts it, with fsync on.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Creates one with further settings, such as `["max_connections=12"]`.
    pub async fn start_with(settings: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), settings).await
    }

    /// Creates one that keeps its files below `parent`.
    pub async fn start_in(parent: &Path, settings: &[&str]) -> Self {
        let parent = tempfile::Builder::new().prefix("s24-postgres-").tempdir_in(parent).expect("a directory");
        let directory = parent.path().join("data");
        run(Command::new("chmod").arg("755").arg(parent.path())).await;
        run(Command::new("install").args(["-d", "-m", "700"]).args(owner_flags()).arg(&directory)).await;
        run(as_postgres("initdb").args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]).arg(&directory)).await;
        let options = settings.iter().map(|setting| format!("-c {setting}")).collect();
        let server = Self { directory, port: crate::free_port(), options, _parent: parent };
        server.launch().await;
        server
    }

    /// Starts it again; it recovers from its log.
    pub async fn launch(&self) {
        // Processes of a server that was killed may hold its shared memory for a moment, longer on a busy machine.
        for _ in 0..20 {
            if self.try_launch().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        panic!("PostgreSQL does not start:\n{}", log.lines().rev().take(20).collect::<Vec<_>>().join("\n"));
    }

    /// Like [`PostgresServer::launch`], for when it may well fail. Whether it answers.
    pub async fn try_launch(&self) -> bool {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100 -c shared_buffers=64MB {}",
            self.port,
            self.options.join(" ")
        );
        let status = as_postgres("pg_ctl")
            .args(["-s", "-w", "-t", "60", "-D"])
            .arg(&self.directory)
            .arg("-l")
            .arg(self.log())
            .args(["-o", &options, "start"])
            .stderr(Stdio::null())
            .status()
            .await;
        status.is_ok_and(|status| status.success())
    }

    /// Stops it in an orderly way, if it runs.
    pub async fn stop(&self) {
        let _ = as_postgres("pg_ctl")
            .args(["-s", "-w", "-m", "fast", "-D"])
            .arg(&self.directory)
            .arg("stop")
            .stderr(Stdio::null())
            .status()
            .await;
    }

    /// Starts it as a standby from now on: it answers, and refuses every write. [`PostgresServer::promote`] ends that.
    pub async fn demote(&self) {
        self.stop().await;
        run(Command::new("install").args(["-m", "600"]).args(owner_flags()).arg("/dev/null").arg(self.directory.join("standby.signal")))
            .await;
        self.launch().await;
    }

    /// Makes a standby take writes.
    pub async fn promote(&self) {
        run(as_postgres("pg_ctl").args(["-s", "-w", "-D"]).arg(&self.directory).arg("promote")).await;
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Where its data lie.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its TCP port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `SIGKILL` to the postmaster and, through it, to all of its processes.
    pub async fn kill(&self) {
        let pid = std::fs::read_to_string(self.directory.join("postmaster.pid")).expect("a pid file");
        let pid = pid.lines().next().unwrap_or_default().to_owned();
        // Backends of a dead postmaster would end by themselves only at their next statement.
        let _ = Command::new("pkill").args(["-KILL", "-P", &pid]).status().await;
        run(Command::new("kill").args(["-KILL", &pid])).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _ = std::fs::remove_file(self.directory.join("postmaster.pid"));
    }

    /// Its superuser's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let _ = as_postgres("pg_ctl")
            .args(["-s", "-m", "immediate", "-D"])
            .arg(&self.directory)
            .arg("stop")
            .as_std_mut()
            .stderr(Stdio::null())
            .status();
    }
}

/// A PostgreSQL program, run as the user `postgres` when we are root: the server refuses root.
fn as_postgres(program: &str) -> Command {
    let path = PathBuf::from(crate::variable("TEST_POSTGRES_BIN")).join(program);
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn owner_flags() -> &'static [&'static str] {
    if is_root() { &["-o", "postgres"] } else { &[] }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

async fn run(command: &mut Command) {
    let status = command.status().await.expect("the program starts");
    assert!(status.success(), "{command:?} failed: {status}");
}
