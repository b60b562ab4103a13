//! Marks as a share of what was possible: exact when compared, rounded once, at the end.

use std::cmp::Ordering;

use rust_decimal::{Decimal, RoundingStrategy};

/// What somebody got out of what was possible, in hundredths of a mark. More than all is possible, with extra credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    earned: Decimal,
    possible: Decimal,
}

impl Share {
    /// `earned` out of `possible`; none if nothing was possible, which has no share.
    #[must_use]
    pub fn new(earned: Decimal, possible: Decimal) -> Option<Self> {
        (possible > Decimal::ZERO && earned >= Decimal::ZERO).then_some(Self { earned, possible })
    }

    /// A share that is known as a fraction, such as the total of a category.
    #[must_use]
    pub const fn of_fraction(fraction: Decimal) -> Self {
        Self { earned: fraction, possible: Decimal::ONE }
    }

    /// What was earned.
    #[must_use]
    pub const fn earned(self) -> Decimal {
        self.earned
    }

    /// What was possible.
    #[must_use]
    pub const fn possible(self) -> Decimal {
        self.possible
    }

    /// Earned over possible, to 28 significant digits.
    #[must_use]
    pub fn fraction(self) -> Decimal {
        // `possible` is positive by construction.
        self.earned.checked_div(self.possible).unwrap_or_default()
    }

    /// Which of two shares is larger, exactly: one third is one third, however it was marked.
    #[must_use]
    pub fn compare(self, other: Self) -> Ordering {
        match (self.earned.checked_mul(other.possible), other.earned.checked_mul(self.possible)) {
            (Some(mine), Some(theirs)) => mine.cmp(&theirs),
            _ => self.fraction().cmp(&other.fraction()),
        }
    }
}

/// How many decimals of a fraction are trusted. A third has no last decimal, so three of them add up to a little less than one in the 28th digit; nothing that
/// marks and weights can make lies that close to a half without being one.
const TRUSTED: u32 = 18;

/// A fraction as a percentage for people: two decimals, half away from zero, as marks are rounded everywhere else.
#[must_use]
pub fn percent(fraction: Decimal) -> Decimal {
    let trusted = fraction.round_dp_with_strategy(TRUSTED, RoundingStrategy::MidpointAwayFromZero);
    let mut percent = (trusted * Decimal::ONE_HUNDRED).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    // 100 reads 100.00, as every other percentage has its two decimals.
    percent.rescale(2);
    percent
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(earned: i64, possible: i64) -> Share {
        Share::new(Decimal::from(earned), Decimal::from(possible)).unwrap()
    }

    #[test]
    fn half_a_hundredth_of_a_percent_is_rounded_up() {
        // 1/16 = 6.25 %, 1/32 = 3.125 %.
        assert_eq!(percent(share(1, 32).fraction()), Decimal::new(313, 2));
        assert_eq!(percent(share(1, 16).fraction()), Decimal::new(625, 2));
        assert_eq!(percent(share(2, 3).fraction()), Decimal::new(6667, 2));
    }

    #[test]
    fn nothing_possible_has_no_share_and_less_than_nothing_is_not_earned() {
        assert!(Share::new(Decimal::ONE, Decimal::ZERO).is_none());
        assert!(Share::new(Decimal::NEGATIVE_ONE, Decimal::ONE).is_none());
    }

    proptest! {
        #[test]
        fn equal_shares_compare_as_equal_whatever_they_were_marked_out_of(earned in 0..1_000_i64, possible in 1..1_000_i64, times in 1..1_000_i64) {
            prop_assert_eq!(share(earned, possible).compare(share(earned * times, possible * times)), Ordering::Equal);
        }

        #[test]
        fn comparing_is_what_cross_multiplication_says(a in 0..10_000_i64, b in 1..10_000_i64, c in 0..10_000_i64, d in 1..10_000_i64) {
            prop_assert_eq!(share(a, b).compare(share(c, d)), (a * d).cmp(&(c * b)));
        }
    }
}
