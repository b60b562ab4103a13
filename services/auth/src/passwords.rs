//! bcrypt, on a few threads of its own, fewer than there are cores, which only get what the others leave: a hash takes a quarter of a second of a core, and a
//! storm of logins must not take the cores from everybody else. Where the others leave too little for a second, the hash is computed a second time by a thread that
//! gets a small share in any case: a busy morning makes logins slow, and never stops them.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use service_kit::Problem;
use thread_priority::{ThreadPriority, ThreadPriorityValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::crowd::Crowd;
use crate::model::password::LONGEST_BYTES;

/// What a new hash costs: 2^12 rounds.
pub const COST: u32 = 12;

/// Who may wait for each thread; whoever comes then is told to come back.
const QUEUE: usize = 32;

/// A hash that is not done by then gets too little of the cores: it takes a quarter of that.
const STARVED: Duration = Duration::from_secs(1);

/// What a hash takes of a core, about.
const HASH: Duration = Duration::from_millis(250);

struct Slots {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    sent_away: Crowd,
}

fn slots() -> &'static Slots {
    static SLOTS: OnceLock<Slots> = OnceLock::new();
    SLOTS.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // One core is left to everything else: giving way does not help where the kernel shares the cores out among containers or sessions first.
        let threads = cores.saturating_sub(1).max(1);
        Slots {
            running: Arc::new(Semaphore::new(threads)),
            waiting: Arc::new(Semaphore::new(threads * (QUEUE + 1))),
            sent_away: Crowd::new(HASH / u32::try_from(threads).unwrap_or(u32::MAX)),
        }
    })
}

/// The right to compute one hash at a time. Whatever decides whether a guess is looked at is read while holding it: then no more guesses than there are
/// slots can be under way past a lock.
#[derive(Debug)]
pub struct Slot {
    running: Arc<OwnedSemaphorePermit>,
    _waiting: OwnedSemaphorePermit,
}

/// Waits for a slot; 503 with `Retry-After` if too many wait already.
pub async fn slot() -> Result<Slot, Problem> {
    let busy = || {
        let chance = rand::random::<f64>();
        Problem::unavailable(slots().sent_away.send_away(Instant::now(), chance), "Room for another password check")
    };
    let waiting = Arc::clone(&slots().waiting).try_acquire_owned().map_err(|_| {
        metrics::counter!("password_checks_refused_total").increment(1);
        busy()
    })?;
    let running = Arc::clone(&slots().running).acquire_owned().await.map_err(|_| busy())?;
    Ok(Slot { running: Arc::new(running), _waiting: waiting })
}

impl Slot {
    /// Whether `password` is the one in `hash`. Without a hash, or with a password that can't be anybody's, the answer is no and takes as long.
    pub async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, Problem> {
        let password = password.to_owned();
        self.run(move || {
            if let Some(hash) = hash.as_ref().filter(|_| password.len() <= LONGEST_BYTES) {
                return bcrypt::verify(&password, hash).map_err(anyhow::Error::from);
            }
            std::hint::black_box(bcrypt::bcrypt(COST, [0x24; 16], b"nobody's"));
            Ok(false)
        })
        .await
    }

    /// The hash of `password`, to be stored.
    pub async fn hash(&self, password: &str) -> Result<String, Problem> {
        let password = password.to_owned();
        self.run(move || crate::credentials::hash(&password, COST).map_err(anyhow::Error::from)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl Fn() -> anyhow::Result<T> + Clone + Send + 'static) -> Result<T, Problem> {
        let mut first = self.spawn(work.clone(), Share::Idle)?;
        let outcome = if let Ok(outcome) = timeout(STARVED, &mut first).await {
            outcome
        } else {
            metrics::counter!("password_checks_starved_total").increment(1);
            let second = self.spawn(work, Share::Small)?;
            tokio::select! { outcome = first => outcome, outcome = second => outcome }
        };
        Ok(outcome.map_err(Problem::internal)??)
    }

    fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
        share: Share,
    ) -> Result<oneshot::Receiver<anyhow::Result<T>>, Problem> {
        // The thread goes on when the request is given up, and so keeps its share of the slot.
        let running = Arc::clone(&self.running);
        let (answer, done) = oneshot::channel();
        // Not one of the runtime's: what a thread has given away it can't take back, and the next work on it may be urgent. Beside a hash, starting a
        // thread costs nothing.
        let hash = move || {
            if let Err(error) = share.take() {
                tracing::warn!(?error, "password checks compete with everything else");
            }
            let outcome = work();
            drop(running);
            let _ = answer.send(outcome);
        };
        thread::Builder::new().name("password".to_owned()).spawn(hash).map_err(Problem::internal)?;
        Ok(done)
    }
}

/// What a thread that computes a hash gets of the cores.
#[derive(Debug, Clone, Copy)]
enum Share {
    /// What nobody else wants. Where Linux schedules a thread as idle, a core that runs it counts as a free one: whoever wakes up gets it at once. Niceness, which
    /// is all that other systems have, leaves a slice of time to the nice one first.
    Idle,
    /// A tenth of what others get.
    Small,
}

impl Share {
    /// Lets the threads that answer requests, and the stores on the same machine, go first.
    fn take(self) -> Result<(), thread_priority::Error> {
        #[cfg(target_os = "linux")]
        if let Self::Idle = self {
            use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id};
            let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
            return set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
        }
        // A quarter of the way up from the nicest: niceness 10.
        let nice = ThreadPriorityValue::try_from(25_u8).map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
        thread_priority::set_current_thread_priority(nice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn hashing_gets_what_the_others_leave() {
        use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy};
        let policy = || thread_schedule_policy().map_err(|error| anyhow::anyhow!("{error:?}"));
        let before = policy().unwrap();
        let hashing = slot().await.unwrap().run(policy).await.unwrap();
        assert_eq!(hashing, ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle));
        assert_eq!(policy().unwrap(), before);
        assert_ne!(before, hashing);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_hash_that_gets_nothing_of_the_cores_is_computed_by_a_thread_that_gets_something() {
        use std::sync::Mutex;
        use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy};
        let (starving, never) = std::sync::mpsc::channel::<()>();
        let never = Arc::new(Mutex::new(never));
        let work = move || {
            let policy = thread_schedule_policy().map_err(|error| anyhow::anyhow!("{error:?}"))?;
            if policy == ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle) {
                // As long as the test runs.
                let _ = never.lock().unwrap().recv();
            }
            Ok(policy)
        };
        let policy = slot().await.unwrap().run(work).await.unwrap();
        assert_eq!(policy, ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other));
        drop(starving);
    }

    #[tokio::test]
    async fn a_hash_that_panics_frees_its_slot() {
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for _ in 0..2 * threads {
            let refused = slot().await.unwrap().run(|| -> anyhow::Result<()> { panic!("on purpose") }).await;
            assert!(refused.is_err());
        }
    }
}
