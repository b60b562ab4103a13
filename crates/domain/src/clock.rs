//! One clock for the whole fleet. Code asks a [`Clock`] for the time, never the system, so that a test can move it.

use std::fmt::Debug;
use std::sync::Mutex;

use chrono::{DateTime, Duration, Utc};

/// An instant, UTC. PostgreSQL keeps microseconds, so [`SystemClock`] hands out no finer ones: what is written compares equal when read.
pub type Timestamp = DateTime<Utc>;

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync {
    /// The current instant, truncated to microseconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    // The one place that may ask the system: everything else takes a `Clock`.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        truncate(Utc::now())
    }
}

/// A clock that stands still until it is moved: for tests of deadlines, lock-outs and token expiry.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock standing at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(Mutex::new(truncate(start)))
    }

    /// Moves the clock by `by`, backwards if negative.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn truncate(instant: Timestamp) -> Timestamp {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}
