//! bcrypt, on a few threads of its own: a hash takes a quarter of a second of a core, and a storm of logins must not take the cores from everybody else.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use service_kit::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::password::LONGEST_BYTES;

/// What a new hash costs: 2^12 rounds.
pub const COST: u32 = 12;

/// Who may wait for each thread; whoever comes then is told to come back.
const QUEUE: usize = 32;

struct Slots {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

fn slots() -> &'static Slots {
    static SLOTS: OnceLock<Slots> = OnceLock::new();
    SLOTS.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Slots { running: Arc::new(Semaphore::new(cores)), waiting: Arc::new(Semaphore::new(cores * (QUEUE + 1))) }
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
    let busy = || Problem::unavailable(Duration::from_secs(2), "Room for another password check");
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
            if let Some(hash) = hash.filter(|_| password.len() <= LONGEST_BYTES) {
                return bcrypt::verify(&password, &hash).map_err(anyhow::Error::from);
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

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> Result<T, Problem> {
        // The thread goes on when the request is given up, and so keeps its share of the slot.
        let running = Arc::clone(&self.running);
        let done = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(running);
            outcome
        });
        Ok(done.await.map_err(Problem::internal)??)
    }
}
