//! When somebody who can't be served now should come back. Everybody who is told 503 comes back when told to: a thousand people with the same two seconds
//! are the same crowd again, and each time it costs those who are being served. So the larger the crowd, the further it is spread.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Nobody is sent away for less, so that asking again is worth it.
const SHORTEST: Duration = Duration::from_secs(2);

/// Nobody waits longer before asking again: who gives up meanwhile leaves room, and nobody knows who will.
const LONGEST: Duration = Duration::from_secs(20);

/// Counts those who were sent away, and spreads them.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// What serving one of them takes.
    each: Duration,
    counts: Mutex<Counts>,
}

/// Refusals in this span of [`LONGEST`], in which everybody comes back once at most, and in the one before it.
#[derive(Debug, Clone, Copy)]
struct Counts {
    since: Instant,
    current: u32,
    before: u32,
}

impl Crowd {
    pub(crate) fn new(each: Duration) -> Self {
        Self { each, counts: Mutex::new(Counts { since: Instant::now(), current: 0, before: 0 }) }
    }

    /// One more is sent away at `now`: after how long to come back, in whole seconds. `chance` is evenly spread between 0 and 1.
    pub(crate) fn send_away(&self, now: Instant, chance: f64) -> Duration {
        let size = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let spans = now.saturating_duration_since(counts.since).as_secs() / LONGEST.as_secs();
            if spans > 0 {
                *counts = Counts { since: now, current: 0, before: if spans == 1 { counts.current } else { 0 } };
            }
            counts.current = counts.current.saturating_add(1);
            counts.current.max(counts.before)
        };
        let spread = self.each.saturating_mul(size).min(LONGEST).saturating_sub(SHORTEST);
        Duration::from_secs((SHORTEST + spread.mul_f64(chance.clamp(0.0, 1.0))).as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `size` come back in each second, when they come at once and take evenly spread chances.
    fn coming_back(crowd: &Crowd, now: Instant, size: u32) -> Vec<usize> {
        let mut seconds = vec![0; 30];
        for number in 0..size {
            // A step of the golden ratio spreads evenly at every length.
            let chance = (f64::from(number) * 0.618_033_988_75).fract();
            seconds[usize::try_from(crowd.send_away(now, chance).as_secs()).unwrap()] += 1;
        }
        seconds
    }

    #[test]
    fn a_few_come_back_soon() {
        let crowd = Crowd::new(Duration::from_millis(250));
        let seconds = coming_back(&crowd, Instant::now(), 8);
        assert_eq!(seconds[2], 8, "{seconds:?}");
    }

    #[test]
    fn a_large_crowd_does_not_come_back_at_once() {
        let crowd = Crowd::new(Duration::from_millis(250));
        let now = Instant::now();
        let seconds = coming_back(&crowd, now, 1_000);
        assert!(seconds.iter().all(|&many| many < 130), "{seconds:?}");
        assert!(seconds[..2].iter().chain(&seconds[21..]).all(|&many| many == 0), "{seconds:?}");
        // The next to come is not told that it is alone, and one who comes when all is over is.
        assert!(crowd.send_away(now + LONGEST, 0.99) > Duration::from_secs(15));
        assert_eq!(crowd.send_away(now + LONGEST * 4, 0.99), SHORTEST);
    }
}
