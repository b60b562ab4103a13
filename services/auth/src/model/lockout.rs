//! How long an account stays shut after wrong passwords: not at all at first, then twice as long each time.
//!
//! The wait is bounded, because whoever knows an address can shut its account: that must be a nuisance and no more.

use chrono::Duration;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Wrong passwords that are free.
pub const FREE: i32 = 5;
const FIRST_WAIT_SECONDS: i64 = 30;
const LONGEST_WAIT_SECONDS: i64 = 15 * 60;
/// How long after the last lock the count starts anew.
const FORGOTTEN_AFTER_SECONDS: i64 = 60 * 60;

/// What is remembered about failed attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// Failures in a row.
    pub failures: i32,
    /// Until when no attempt is looked at.
    pub locked_until: Option<Timestamp>,
}

impl Lockout {
    /// How long it is still locked.
    #[must_use]
    pub fn remaining(self, now: Timestamp) -> Option<std::time::Duration> {
        self.locked_until.and_then(|until| (until - now).to_std().ok()).filter(|left| !left.is_zero())
    }

    /// After one more failure at `now`.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        let forgotten = self.locked_until.is_some_and(|until| now - until > Duration::seconds(FORGOTTEN_AFTER_SECONDS));
        let failures = if forgotten { 1 } else { self.failures.saturating_add(1) };
        // A free failure is locked until now, which is not at all: what counts is that it has a time from which it is forgotten.
        let wait = if failures < FREE {
            0
        } else {
            let doublings = u32::try_from(failures - FREE).unwrap_or(0).min(10);
            (FIRST_WAIT_SECONDS << doublings).min(LONGEST_WAIT_SECONDS)
        };
        Self { failures, locked_until: Some(now + Duration::seconds(wait)) }
    }

    /// Seconds after which it may be forgotten altogether.
    pub const KEPT_SECONDS: i64 = LONGEST_WAIT_SECONDS + FORGOTTEN_AFTER_SECONDS;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_are_forgotten_in_the_end() {
        let mut now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mut lockout = Lockout::default();
        let mut waits = Vec::new();
        for _ in 0..12 {
            lockout = lockout.failed(now);
            let wait = lockout.remaining(now).map_or(0, |left| left.as_secs());
            waits.push(wait);
            now += Duration::seconds(i64::try_from(wait).unwrap());
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(lockout.remaining(now), None);
        now += Duration::hours(2);
        assert_eq!(lockout.failed(now), Lockout { failures: 1, locked_until: Some(now) });
    }
}
