//! Work that relies on something remembered, and has it confirmed by the step into Redis that it takes anyway.

use std::sync::atomic::{AtomicU8, Ordering};

/// Whether what a [`Guard`] names is still what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has looked yet.
    Open,
    /// It was, when somebody looked.
    Holds,
    /// It is not, or was not once; then this stays.
    Broken,
}

/// A key in Redis and the value that it had when something was remembered. Whoever reads or writes Redis on behalf of the work carries the guard along,
/// compares, and tells it: a check that costs no round trip of its own. A key that isn't there counts as `0`.
#[derive(Debug)]
pub struct Guard {
    key: String,
    seen: String,
    verdict: AtomicU8,
}

impl Guard {
    /// A guard over `key`, which held `seen`.
    #[must_use]
    pub const fn new(key: String, seen: String) -> Self {
        Self { key, seen, verdict: AtomicU8::new(0) }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value that it must have.
    #[must_use]
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// Notes what the key holds now, and answers whether that is what was seen.
    pub fn compare(&self, present: Option<&str>) -> bool {
        if present.unwrap_or("0") == self.seen {
            self.hold();
            return true;
        }
        self.break_off();
        false
    }

    /// Notes that the key holds what was seen.
    pub fn hold(&self) {
        let _ = self.verdict.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Notes that it doesn't.
    pub fn break_off(&self) {
        self.verdict.store(2, Ordering::Relaxed);
    }

    /// What is known so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.verdict.load(Ordering::Relaxed) {
            0 => Verdict::Open,
            1 => Verdict::Holds,
            _ => Verdict::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_that_was_broken_once_stays_broken() {
        let guard = Guard::new("k".to_owned(), "0".to_owned());
        assert_eq!(guard.verdict(), Verdict::Open);
        assert!(guard.compare(None));
        assert_eq!(guard.verdict(), Verdict::Holds);
        assert!(!guard.compare(Some("1")));
        assert!(guard.compare(Some("0")));
        assert_eq!(guard.verdict(), Verdict::Broken);
    }
}
