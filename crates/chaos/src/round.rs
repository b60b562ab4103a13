//! One round: make schools, let clients loose on them, carry out the plan, mend everything, wait, look, judge.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::arena::{self, Arena, BACKLOG, School};
use crate::checker::{self, Case, Checked, Violation};
use crate::evidence::{self, Evidence};
use crate::faults::{self, Effect, Window, Windows};
use crate::history::{Operation, Recorder};
use crate::letters;
use crate::plan::{Node, Plan, stream};
use crate::sabotage::Sabotage;
use crate::workload;

/// A round that was played to its end.
pub(crate) struct Played {
    pub(crate) plan: Plan,
    pub(crate) operations: Vec<Operation>,
    pub(crate) windows: Vec<Window>,
    pub(crate) evidence: Evidence,
    pub(crate) violations: Vec<Violation>,
    pub(crate) checked: Checked,
    /// From everything being mended to everything being saved.
    pub(crate) recovery: Duration,
}

/// Plays `plan`. The round's files go to `folder`.
pub(crate) async fn play(arena: &Arc<Arena>, plan: Plan, sabotage: Option<Sabotage>, folder: &Path) -> anyhow::Result<Played> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("plan.json"), serde_json::to_string_pretty(&plan)?)?;
    let schools = arena::open_schools(arena, &mut stream(plan.seed, "schools")).await?;
    if let Some(sabotage) = sabotage {
        sabotage.before(arena).await?;
    }
    let recorder = Arc::new(Recorder::new(&folder.join("history.jsonl"))?);
    let windows: Windows = Arc::default();
    let watcher = tokio::spawn(faults::watch(Arc::clone(arena), Arc::clone(&recorder), Arc::clone(&windows)));
    let load = workload::start(arena, &recorder, &plan, &schools);
    let mut nemesis = faults::unleash(arena, &recorder, &plan, &windows);
    if let Some(sabotage) = sabotage {
        sleep_until(recorder.began() + Duration::from_millis(plan.load / 2)).await;
        sabotage.during(arena).await?;
    }
    sleep_until(recorder.began() + Duration::from_millis(plan.load)).await;
    load.stop().await?;
    while let Some(done) = nemesis.join_next().await {
        done??;
    }
    let mended = Instant::now();
    if let Some(sabotage) = sabotage {
        sabotage.afterwards(arena, &schools).await?;
    }
    let late = evidence::until_drained(arena, &schools).await?;
    let recovery = mended.elapsed();
    watcher.abort();
    let windows = windows.lock().await.clone();
    settle(arena, &recorder, &windows, &schools).await?;
    if let Some(sabotage) = sabotage {
        sabotage.once_saved(arena, &schools).await?;
    }

    let operations = recorder.operations();
    let mut evidence = evidence::gather(arena, &schools, &checker::expected_events(&operations)).await?;
    evidence.late.extend(late);
    let partitions: Vec<(Uuid, u16)> = schools.iter().map(|school| (school.id, school.partition().number())).collect();
    let case = Case { operations: &operations, windows: &windows, evidence: &evidence, schools: &partitions, backlog: BACKLOG };
    let (mut violations, mut checked) = checker::check(case);
    // An operator decides about what is understood.
    if violations.is_empty() {
        (violations, checked.decided) = letters::decide(arena, &schools, &evidence).await?;
    }
    Ok(Played { plan, operations, windows, evidence, violations, checked, recovery })
}

/// Waits until each service has found all stores again.
async fn settle(arena: &Arena, recorder: &Recorder, windows: &[Window], schools: &[School]) -> anyhow::Result<()> {
    let redis = windows.iter().filter(|window| matches!(window.effect, Effect::Redis(_)));
    let recovered = redis.map(|window| window.recovered).max().unwrap_or(0);
    sleep_until(recorder.began() + Duration::from_micros(recovered)).await;
    if let Some(token) = schools.first().and_then(|school| school.teachers.first()) {
        arena.until_served(token).await?;
    }
    Ok(())
}

/// Where each log ends now.
pub(crate) struct Marks(Vec<(Node, PathBuf, usize)>);

impl Marks {
    pub(crate) fn set(arena: &Arena) -> Self {
        let end = |path: &Path| fs::metadata(path).map_or(0, |facts| usize::try_from(facts.len()).unwrap_or(usize::MAX));
        Self(arena.nodes().map(|node| (node, arena.log(node), end(&arena.log(node)))).collect())
    }

    /// Copies what was logged since.
    pub(crate) fn copy(&self, folder: &Path) -> std::io::Result<()> {
        for (node, log, from) in &self.0 {
            let text = fs::read(log)?;
            fs::write(folder.join(format!("{node}.log")), text.get(*from..).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl Played {
    /// Keeps what is needed to understand a failure.
    pub(crate) fn keep(&self, folder: &Path, marks: &Marks) -> anyhow::Result<()> {
        fs::write(folder.join("evidence.json"), serde_json::to_string_pretty(&self.evidence)?)?;
        let verdict = json!({"windows": self.windows, "violations": self.violations, "checked": self.checked});
        fs::write(folder.join("verdict.json"), serde_json::to_string_pretty(&verdict)?)?;
        marks.copy(folder)?;
        Ok(())
    }
}
