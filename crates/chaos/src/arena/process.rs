//! Processes of the arena: started, killed, stopped and woken. Each ends with the harness, however that comes about.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How a process is started, each time.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Where it is started: an empty folder, so that no `.env` is read.
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    /// Run as the user `postgres`: the server refuses root.
    pub(crate) as_postgres: bool,
}

/// A process that may run.
pub(crate) struct Process {
    recipe: Recipe,
    child: Option<Child>,
}

impl Process {
    pub(crate) const fn new(recipe: Recipe) -> Self {
        Self { recipe, child: None }
    }

    /// Starts it, and does not wait for anything.
    pub(crate) fn spawn(&mut self) -> anyhow::Result<()> {
        let log = File::options().append(true).create(true).open(&self.recipe.log)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if self.recipe.as_postgres {
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
        }
        command.arg("--").arg(&self.recipe.program).args(&self.recipe.arguments);
        command.envs(self.recipe.variables.iter().map(|(name, value)| (name, value))).current_dir(&self.recipe.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} can't be started", self.recipe.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Its id and those of its children.
    fn family(&self) -> Vec<u32> {
        let Some(pid) = self.child.as_ref().and_then(Child::id) else { return Vec::new() };
        let mut family = vec![pid];
        family.extend(children(pid));
        family
    }

    async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let family = self.family();
        if family.is_empty() {
            return Ok(());
        }
        let mut command = Command::new("kill");
        command.args(["-s", signal]).args(family.iter().map(ToString::to_string));
        // A child may have ended in between.
        let _ = command.stdin(Stdio::null()).stderr(Stdio::null()).status().await?;
        Ok(())
    }

    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        self.signal("STOP").await?;
        // What was forked while the signals went out.
        self.signal("STOP").await
    }

    pub(crate) async fn wake(&self) -> anyhow::Result<()> {
        self.signal("CONT").await
    }

    /// `SIGKILL` to the process and its children; returns when all are gone.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        let family = self.family();
        self.signal("KILL").await?;
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        // Orphans of a process that was killed in the middle of a fork.
        while family.iter().any(|pid| is_running(*pid)) {
            if Instant::now() > deadline {
                bail!("processes {family:?} can't be killed");
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn last_words(&self) -> String {
        last_lines(&self.recipe.log)
    }

    /// Fails if it has ended by itself.
    pub(crate) fn must_run(&mut self) -> anyhow::Result<()> {
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait()?
        {
            bail!("{} ended by itself with {status}: {}", self.recipe.program.display(), last_lines(&self.recipe.log));
        }
        Ok(())
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// The fields of /proc/<pid>/stat after the command's name: state, parent, ….
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

fn is_running(pid: u32) -> bool {
    // A zombie holds nothing any more; who reaps it is not our concern.
    stat(pid).and_then(|fields| fields.first().cloned()).is_some_and(|state| state != "Z" && state != "X")
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).and_then(|fields| fields.get(1)?.parse::<u32>().ok()) == Some(parent)).collect()
}
