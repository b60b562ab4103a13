//! Where a student falls short: of the target that was set, or in what they put into it.
//!
//! Attainment is compared as it is shown, rounded to two decimals, with a target that has two decimals itself: what reads 79.99 is below 80, and what reads 80.00
//! is not. What was not graded, or does not count, is no concern.

use rust_decimal::Decimal;

use super::share::{Share, percent};
use super::total::Outcome;

/// The percentage that a result comes to, as it is shown; none if it doesn't count.
#[must_use]
pub fn attained(outcome: Outcome, max_points: Decimal) -> Option<Decimal> {
    outcome.effective().and_then(|earned| Share::new(earned, max_points)).map(|share| percent(share.fraction()))
}

/// Whether a percentage is below the target.
#[must_use]
pub fn below_target(attained: Option<Decimal>, target: Option<Decimal>) -> bool {
    matches!((attained, target), (Some(attained), Some(target)) if attained < target)
}

/// Whether effort is below what is expected.
#[must_use]
pub fn little_effort(effort: Option<u8>, below: Option<u8>) -> bool {
    matches!((effort, below), (Some(effort), Some(below)) if effort < below)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks(points: i64) -> Outcome {
        Outcome { points: Some(Decimal::new(points, 2)), ..Outcome::default() }
    }

    #[test]
    fn what_reads_as_the_target_is_no_concern() {
        let target = Some(Decimal::from(80));
        // 79.996 % is shown as 80.00.
        let close = attained(marks(79_996), Decimal::from(1_000));
        assert_eq!(close, Some(Decimal::new(8_000, 2)));
        assert!(!below_target(close, target));
        assert!(below_target(attained(marks(79_990), Decimal::from(1_000)), target));
        assert!(!below_target(None, target) && !below_target(close, None));
    }

    #[test]
    fn what_does_not_count_is_no_concern_and_what_is_missing_is() {
        let of = |outcome| below_target(attained(outcome, Decimal::TEN), Some(Decimal::ONE));
        assert!(!of(Outcome::default()));
        assert!(!of(Outcome { is_exempt: true, ..marks(0) }) && !of(Outcome { is_excluded: true, ..marks(0) }));
        assert!(of(Outcome { is_missing: true, ..Outcome::default() }));
        assert!(!of(Outcome { override_points: Some(Decimal::TEN), ..marks(0) }));
    }

    proptest! {
        #[test]
        fn the_higher_the_target_the_more_is_a_concern(points in 0..2_000_i64, target in 0..10_000_i64, more in 0..5_000_i64, effort in 1..=5_u8, below in 2..=5_u8) {
            let attained = attained(marks(points), Decimal::TEN);
            let of = |target: i64| below_target(attained, Some(Decimal::new(target, 2)));
            prop_assert_eq!(of(target), points * 10 < target);
            prop_assert!(!of(target) || of(target + more));
            prop_assert_eq!(little_effort(Some(effort), Some(below)), effort < below);
            prop_assert!(!little_effort(None, Some(below)) && !little_effort(Some(effort), None));
        }
    }
}
