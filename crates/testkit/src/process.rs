//! A whole process that a test may kill: the test binary runs itself again as the service.
//!
//! The test that the process runs is one of the same binary that is left out otherwise, and does nothing but [`run`]:
//!
//! ```ignore
//! #[test]
//! #[ignore = "the process that the tests of this module start"]
//! fn child() {
//!     testkit::run(SERVICES);
//! }
//! ```

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use service_kit::Service;
use tempfile::TempDir;

use crate::{Fleet, free_port};

/// The longest that a start or an end may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The exit code of a process that could not be configured, as sysexits(3) has it.
const MISCONFIGURED: i32 = 78;

/// Is the process: serves `services` until it is told to stop, and ends with the exit code that they end with.
#[allow(clippy::exit, clippy::disallowed_methods)]
pub fn run(services: &'static [Service]) -> ! {
    let code = service_kit::main(services);
    // `ExitCode` can't be turned into a number; its two ends are told apart by comparison.
    std::process::exit(if code == std::process::ExitCode::SUCCESS { 0 } else { MISCONFIGURED })
}

/// A process of the test's own. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    url: String,
    output: TempDir,
}

impl Process {
    /// Starts `test`, such as `crash::child`, of this binary with nothing but `variables` in its environment. It answers at a free port of this machine.
    #[must_use]
    pub fn start(test: &str, variables: &[(&str, &str)]) -> Self {
        let (output, port) = (TempDir::new().expect("a directory"), free_port().to_string());
        let file = |name: &str| File::create(output.path().join(name)).expect("a file");
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args([test, "--exact", "--ignored", "--nocapture"])
            .env_clear()
            .envs([("HTTP_HOST", "127.0.0.1"), ("PORT", &port)])
            .envs(variables.iter().copied())
            .current_dir(output.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("a process");
        Self { child, url: format!("http://127.0.0.1:{port}"), output }
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it says that it is ready for requests.
    pub async fn ready(&mut self) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let started = Instant::now();
        while !client.get(format!("{}/ready", self.url)).send().await.is_ok_and(|answer| answer.status().is_success()) {
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none() && started.elapsed() < PATIENCE, "it does not come up ({ended:?}): {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it at once, in the midst of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end in order.
    pub fn terminate(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "it is told");
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end: {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has told so far, its log among it.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.told("stdout")
    }

    /// What it has told of what went wrong.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.told("stderr")
    }

    fn told(&self, name: &str) -> String {
        std::fs::read_to_string(self.output.path().join(name)).expect("what it told")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fleet {
    /// Another process on the stores of this fleet, with `variables` instead of what the fleet has of them; see [`Process::start`].
    #[must_use]
    pub fn process(&self, test: &str, variables: &[(&str, &str)]) -> Process {
        let settings = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = settings.filter(|(name, _)| !matches!(*name, "HTTP_HOST" | "PORT"));
        Process::start(test, &own.chain(variables.iter().copied()).collect::<Vec<_>>())
    }
}
