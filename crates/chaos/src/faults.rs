//! Carries out a round's plan, and writes down when each fault was really there: the checker excuses nothing outside of these windows.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::arena::Arena;
use crate::history::{Micros, Recorder};
use crate::plan::{Fault, Kind, Node, Plan, Trouble};

/// What clients may notice of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// Redis does not answer: to one service process, or to all.
    Redis(Option<usize>),
    /// Redis has no room.
    Full,
    /// What is saved was thrown out of Redis.
    Evicted,
    /// PostgreSQL does not answer. `refused`: and says so at once, as a server that is down.
    Postgres { process: Option<usize>, refused: bool },
    /// A service process does not answer.
    Service(usize),
    /// Nothing at all: a batch processor, MongoDB, a slow link.
    Nothing,
}

impl Effect {
    fn of(kind: Kind) -> Self {
        let process = |node| if let Node::Service(number) = node { Some(number) } else { None };
        match kind {
            Kind::Kill(Node::Redis) | Kind::Pause(Node::Redis) => Self::Redis(None),
            Kind::Kill(Node::Postgres) => Self::Postgres { process: None, refused: true },
            Kind::Pause(Node::Postgres) => Self::Postgres { process: None, refused: false },
            Kind::Kill(Node::Service(number)) | Kind::Pause(Node::Service(number)) => Self::Service(number),
            Kind::Full => Self::Full,
            Kind::Evict => Self::Evicted,
            Kind::Link { trouble: Trouble::Slow(_), .. } | Kind::Kill(_) | Kind::Pause(_) => Self::Nothing,
            Kind::Link { process: node, store, trouble } => match (process(node), store) {
                (Some(number), Node::Redis) => Self::Redis(Some(number)),
                (Some(number), Node::Postgres) => Self::Postgres { process: Some(number), refused: trouble == Trouble::Cut },
                _ => Self::Nothing,
            },
        }
    }
}

/// A fault as it happened.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Window {
    pub(crate) name: &'static str,
    pub(crate) effect: Effect,
    pub(crate) from: Micros,
    /// When it was mended.
    pub(crate) healed: Micros,
    /// When nobody may feel it any more: clients of Redis come back in growing steps.
    pub(crate) recovered: Micros,
}

impl Window {
    pub(crate) const fn touches(&self, from: Micros, to: Micros) -> bool {
        self.from <= to && from <= self.recovered
    }
}

/// Clients of Redis try again after 0.1, 0.2, 0.4, … 5 s, so after an outage of some length it may take about as long again until each of them has found
/// back; a second for a command that was under way at its end.
fn recovery(effect: Effect, lasted: Micros) -> Micros {
    const SECOND: Micros = 1_000_000;
    match effect {
        Effect::Redis(_) => (lasted + lasted / 5).min(5 * SECOND) + 2 * SECOND,
        Effect::Postgres { .. } | Effect::Full => 2 * SECOND,
        Effect::Service(_) => SECOND,
        Effect::Evicted | Effect::Nothing => 0,
    }
}

/// Windows of a round.
pub(crate) type Windows = Arc<Mutex<Vec<Window>>>;

/// Starts the plan; its tasks end when every fault is mended.
pub(crate) fn unleash(arena: &Arc<Arena>, recorder: &Arc<Recorder>, plan: &Plan, windows: &Windows) -> JoinSet<anyhow::Result<()>> {
    let mut tasks = JoinSet::new();
    for fault in plan.faults.clone() {
        tasks.spawn(one(Arc::clone(arena), Arc::clone(recorder), fault, Arc::clone(windows)));
    }
    tasks
}

async fn one(arena: Arc<Arena>, recorder: Arc<Recorder>, fault: Fault, windows: Windows) -> anyhow::Result<()> {
    let begin = recorder.began() + Duration::from_millis(fault.at);
    sleep_until(begin).await;
    let (kind, effect) = (fault.kind, Effect::of(fault.kind));
    let number = {
        let mut windows = windows.lock().await;
        let from = recorder.now();
        windows.push(Window { name: kind.name(), effect, from, healed: Micros::MAX, recovered: Micros::MAX });
        windows.len() - 1
    };
    recorder.note(&format!("{kind}: begins"));
    strike(&arena, kind).await?;
    sleep_until(begin + Duration::from_millis(fault.lasts)).await;
    mend(&arena, kind).await?;
    recorder.note(&format!("{kind}: over"));
    let healed = recorder.now();
    if let Some(window) = windows.lock().await.get_mut(number) {
        window.healed = healed;
        window.recovered = healed + recovery(effect, healed - window.from);
    }
    Ok(())
}

async fn strike(arena: &Arena, kind: Kind) -> anyhow::Result<()> {
    match kind {
        Kind::Kill(node) => arena.kill(node).await,
        Kind::Pause(node) => arena.pause(node).await,
        Kind::Link { process, store, trouble } => {
            arena.trouble(process, store, Some(trouble));
            Ok(())
        }
        // A limit below what is used already.
        Kind::Full => arena.redis("CONFIG", &["SET", "maxmemory", "1mb"]).await,
        Kind::Evict => arena.redis::<u64>("EVAL", &[EVICT, "0"]).await.map(drop),
    }
}

async fn mend(arena: &Arena, kind: Kind) -> anyhow::Result<()> {
    match kind {
        Kind::Kill(node) => arena.start_node(node).await,
        Kind::Pause(node) => arena.wake(node).await,
        Kind::Link { process, store, .. } => {
            arena.trouble(process, store, None);
            Ok(())
        }
        Kind::Full => arena.redis("CONFIG", &["SET", "maxmemory", "0"]).await,
        Kind::Evict => Ok(()),
    }
}

/// What Redis does when memory is short, all at once: whatever has an expiry may go at any time.
const EVICT: &str = r"
local cursor, gone = '0', 0
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', 'write_buffer:*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    if redis.call('PTTL', key) > 0 then gone = gone + redis.call('DEL', key) end
  end
until cursor == '0'
return gone";

/// Watches Redis (and, by the way, this machine) for stalls that nobody planned: a disk that takes a second to fsync looks like an outage to a client. Such
/// a stall is written down as what it is, a window in which Redis did not answer.
pub(crate) async fn watch(arena: Arc<Arena>, recorder: Arc<Recorder>, windows: Windows) {
    const LONG: Micros = 700_000;
    loop {
        let from = recorder.now();
        tokio::time::sleep(Duration::from_millis(20)).await;
        arena.redis_ping().await;
        let to = recorder.now();
        if to - from < LONG {
            continue;
        }
        let mut windows = windows.lock().await;
        let planned =
            windows.iter().any(|window| matches!(window.effect, Effect::Redis(None)) && window.from <= to && from <= window.healed);
        if !planned {
            recorder.note(&format!("Redis, or this machine, stood still for {} ms", (to - from) / 1_000));
            let effect = Effect::Redis(None);
            windows.push(Window { name: "stall", effect, from, healed: to, recovered: to + recovery(effect, to - from) });
        }
    }
}
