//! What a round does to the arena: drawn from the seed alone, so that the seed replays it.

use std::fmt::{self, Display};

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

/// Seconds after which a batch processor's partitions go to another one. Short, so that rounds are.
pub(crate) const LEASE_SECONDS: u64 = 1;

/// Something that can be killed and stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Node {
    Service(usize),
    Processor(usize),
    Redis,
    Postgres,
    Mongo,
}

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(number) => write!(f, "service-{number}"),
            Self::Processor(number) => write!(f, "processor-{number}"),
            Self::Redis => f.write_str("redis"),
            Self::Postgres => f.write_str("postgres"),
            Self::Mongo => f.write_str("mongo"),
        }
    }
}

/// What a link does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trouble {
    /// Connections break, and new ones are refused.
    Cut,
    /// Nothing arrives until it is over; then everything does, late.
    Stall,
    /// Requests arrive and answers are lost; then connections break.
    Deaf,
    /// Every piece takes so many milliseconds longer.
    Slow(u64),
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// `SIGKILL`, and a new start at its end.
    Kill(Node),
    /// `SIGSTOP`, and `SIGCONT` at its end.
    Pause(Node),
    /// Redis takes no more, and throws out what it may.
    Full,
    /// Redis throws out what it may: every row that is saved.
    Evict,
    /// The link from a process to a store.
    Link { process: Node, store: Node, trouble: Trouble },
}

/// The names that `--faults` takes, with how often each is drawn.
const NAMES: &[(&str, u32)] = &[
    ("kill-service", 3),
    ("kill-processor", 3),
    ("kill-redis", 3),
    ("kill-postgres", 3),
    ("kill-mongo", 1),
    ("pause-service", 1),
    ("pause-processor", 3),
    ("pause-redis", 2),
    ("pause-postgres", 2),
    ("cut-link", 3),
    ("stall-link", 3),
    ("deaf-link", 3),
    ("slow-link", 2),
    ("full-redis", 1),
    ("evict", 2),
    ("poison", 0),
];

impl Kind {
    /// Its name for `--faults` and the summary.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill(Node::Service(_)) => "kill-service",
            Self::Kill(Node::Processor(_)) => "kill-processor",
            Self::Kill(Node::Redis) => "kill-redis",
            Self::Kill(Node::Postgres) => "kill-postgres",
            Self::Kill(Node::Mongo) => "kill-mongo",
            Self::Pause(Node::Service(_)) => "pause-service",
            Self::Pause(Node::Processor(_)) => "pause-processor",
            Self::Pause(Node::Redis) => "pause-redis",
            Self::Pause(Node::Postgres) => "pause-postgres",
            Self::Pause(Node::Mongo) => "pause-mongo",
            Self::Full => "full-redis",
            Self::Evict => "evict",
            Self::Link { trouble: Trouble::Cut, .. } => "cut-link",
            Self::Link { trouble: Trouble::Stall, .. } => "stall-link",
            Self::Link { trouble: Trouble::Deaf, .. } => "deaf-link",
            Self::Link { trouble: Trouble::Slow(_), .. } => "slow-link",
        }
    }

    fn draw(name: &str, random: &mut ChaCha8Rng) -> Option<(Self, u64)> {
        let service = Node::Service(random.random_range(0..2));
        let processor = Node::Processor(random.random_range(0..2));
        let process = if random.random_bool(0.6) { service } else { processor };
        let store = if random.random_bool(0.6) { Node::Redis } else { Node::Postgres };
        let link = |trouble| Self::Link { process, store, trouble };
        Some(match name {
            "kill-service" => (Self::Kill(service), random.random_range(50..600)),
            "kill-processor" => (Self::Kill(processor), random.random_range(50..900)),
            "kill-redis" => (Self::Kill(Node::Redis), random.random_range(20..900)),
            "kill-postgres" => (Self::Kill(Node::Postgres), random.random_range(50..1_800)),
            "kill-mongo" => (Self::Kill(Node::Mongo), random.random_range(100..1_500)),
            "pause-service" => (Self::Pause(service), random.random_range(100..900)),
            // Most of them beyond the lease: the other takes over, and this one wakes up.
            "pause-processor" => (Self::Pause(processor), random.random_range(700..LEASE_SECONDS * 1_000 + 1_500)),
            "pause-redis" => (Self::Pause(Node::Redis), random.random_range(100..1_500)),
            "pause-postgres" => (Self::Pause(Node::Postgres), random.random_range(100..1_500)),
            "cut-link" => (link(Trouble::Cut), random.random_range(50..1_500)),
            // Some of them beyond the time that a command may take: it arrives when nobody waits for it any more.
            "stall-link" => (link(Trouble::Stall), random.random_range(200..2_800)),
            "deaf-link" => (link(Trouble::Deaf), random.random_range(100..1_500)),
            "slow-link" => (link(Trouble::Slow(random.random_range(5..60))), random.random_range(500..2_500)),
            "full-redis" => (Self::Full, random.random_range(200..1_000)),
            "evict" => (Self::Evict, 0),
            _ => return None,
        })
    }

    /// Two faults that share something don't overlap.
    fn excludes(self, other: Self) -> bool {
        let of = |kind: Self| match kind {
            Self::Kill(node) | Self::Pause(node) => (node, None),
            Self::Full | Self::Evict => (Node::Redis, None),
            Self::Link { process, store, .. } => (process, Some(store)),
        };
        of(self) == of(other)
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(node) => write!(f, "kill {node}"),
            Self::Pause(node) => write!(f, "pause {node}"),
            Self::Full => f.write_str("fill redis"),
            Self::Evict => f.write_str("evict"),
            Self::Link { process, store, trouble } => match trouble {
                Trouble::Cut => write!(f, "cut {process}–{store}"),
                Trouble::Stall => write!(f, "stall {process}–{store}"),
                Trouble::Deaf => write!(f, "deafen {process}–{store}"),
                Trouble::Slow(by) => write!(f, "slow {process}–{store} by {by} ms"),
            },
        }
    }
}

/// A fault and its time, in milliseconds since the load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    pub(crate) at: u64,
    pub(crate) lasts: u64,
    pub(crate) kind: Kind,
}

impl Fault {
    const fn overlaps(&self, other: &Self) -> bool {
        // A process that was started anew needs a moment.
        self.at <= other.at + other.lasts + 300 && other.at <= self.at + self.lasts + 300
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}+{}", self.kind, self.at, self.lasts)
    }
}

/// A round's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Milliseconds of load.
    pub(crate) load: u64,
    /// Whether clients write, now and then, what PostgreSQL must refuse.
    pub(crate) poison: bool,
    pub(crate) faults: Vec<Fault>,
}

impl Plan {
    /// The plan of `seed`. `only` restricts the faults by name.
    pub(crate) fn draw(seed: u64, load: u64, only: &[String]) -> Self {
        let mut random = stream(seed, "plan");
        let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
        let poison = random.random_bool(0.4) && wanted("poison");
        let names: Vec<&(&str, u32)> = NAMES.iter().filter(|(name, weight)| *weight > 0 && wanted(name)).collect();
        let count = *[1, 1, 2, 2, 2, 3, 3, 4, 5].choose(&mut random).unwrap_or(&1);
        let mut faults: Vec<Fault> = Vec::new();
        for _ in 0..count {
            let Ok((name, _)) = names.choose_weighted(&mut random, |(_, weight)| *weight) else { break };
            let Some((kind, lasts)) = Kind::draw(name, &mut random) else { break };
            // Something must have been written before, and something must be written afterwards.
            let fault = Fault { at: random.random_range(150..load * 3 / 4), lasts, kind };
            if !faults.iter().any(|other| other.kind.excludes(kind) && other.overlaps(&fault)) {
                faults.push(fault);
            }
        }
        faults.sort_by_key(|fault| fault.at);
        Self { seed, load, poison, faults }
    }

    /// The names that `--faults` takes.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        if self.poison {
            parts.push("poison".to_owned());
        }
        f.write_str(&if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") })
    }
}

/// A stream of random numbers of its own for each part of a round: what one part draws does not move another's.
pub(crate) fn stream(seed: u64, part: &str) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // FNV-1a, like the partitions: any fixed hash would do.
    random.set_stream(part.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)));
    random
}

/// The seed of the n-th round of a run. The first round's is the run's: any round can be replayed as the only one.
pub(crate) fn round_seed(run: u64, round: u64) -> u64 {
    if round == 0 {
        return run;
    }
    // Short enough to be typed.
    stream(run, &format!("round {round}")).random_range(0..1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_plan_every_time_and_another_seed_another() {
        for seed in 0..200 {
            assert_eq!(Plan::draw(seed, 3_000, &[]), Plan::draw(seed, 3_000, &[]));
        }
        assert_ne!(Plan::draw(1, 3_000, &[]), Plan::draw(2, 3_000, &[]));
    }

    #[test]
    fn a_round_of_a_run_is_the_first_round_of_a_run_with_its_own_seed() {
        let third = round_seed(7, 2);
        assert_eq!(round_seed(third, 0), third);
        assert_ne!(round_seed(7, 1), third);
    }

    #[test]
    fn faults_of_one_target_never_overlap() {
        for seed in 0..2_000 {
            let plan = Plan::draw(seed, 3_000, &[]);
            for (n, one) in plan.faults.iter().enumerate() {
                for other in &plan.faults[n + 1..] {
                    assert!(!one.kind.excludes(other.kind) || !one.overlaps(other), "{plan}");
                }
            }
        }
    }

    #[test]
    fn every_fault_is_drawn_sooner_or_later_and_only_those_that_were_asked_for() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..2_000 {
            seen.extend(Plan::draw(seed, 3_000, &[]).faults.iter().map(|fault| fault.kind.name()));
        }
        let all: std::collections::BTreeSet<&str> = Plan::names().filter(|name| *name != "poison").collect();
        assert_eq!(seen, all);
        let only = ["kill-redis".to_owned()];
        for seed in 0..200 {
            let plan = Plan::draw(seed, 3_000, &only);
            assert!(!plan.poison && plan.faults.iter().all(|fault| fault.kind == Kind::Kill(Node::Redis)));
        }
    }
}
