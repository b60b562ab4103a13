//! What a student has learnt of an outcome: one level from those that were seen in items, by the outcome's own way of counting.
//!
//! Levels are numbered from 1, the lowest. The latest is the one of the item that was due last (its day, else the day on which it was added; of two of one day the
//! one that was added later); the highest the highest; the mean is exact, and shown rounded to two decimals, half up, as every other figure. Mastery is compared
//! with the exact figure: 2.996 is shown as 3.00 and has not reached 3.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How levels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calculation {
    /// The latest.
    #[default]
    Latest,
    /// The highest.
    Highest,
    /// Their mean.
    Mean,
}

impl Calculation {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Highest => "highest",
            Self::Mean => "mean",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn of(stored: &str) -> Option<Self> {
        [Self::Latest, Self::Highest, Self::Mean].into_iter().find(|known| known.as_str() == stored)
    }
}

/// The sum of some levels and how many there are: a mean that is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attainment {
    sum: u32,
    of: u32,
}

impl Attainment {
    /// What `levels` come to, the latest last; none if there is none.
    #[must_use]
    pub fn from(levels: &[u8], calculation: Calculation) -> Option<Self> {
        let one = |level: u8| Self { sum: level.into(), of: 1 };
        match calculation {
            Calculation::Latest => levels.last().copied().map(one),
            Calculation::Highest => levels.iter().max().copied().map(one),
            Calculation::Mean => {
                let of = u32::try_from(levels.len()).ok().filter(|of| *of > 0)?;
                Some(Self { sum: levels.iter().copied().map(u32::from).sum(), of })
            }
        }
    }

    /// Whether it has reached `level`.
    #[must_use]
    pub const fn reaches(self, level: u8) -> bool {
        self.sum >= self.of * level as u32
    }

    /// To 28 significant digits.
    #[must_use]
    pub fn exact(self) -> Decimal {
        Decimal::from(self.sum).checked_div(Decimal::from(self.of)).unwrap_or_default()
    }

    /// As it is shown.
    #[must_use]
    pub fn shown(self) -> Decimal {
        self.exact().round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
    }

    /// The highest level that it has reached.
    #[must_use]
    pub fn level(self) -> u8 {
        u8::try_from(self.sum.checked_div(self.of).unwrap_or_default()).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mean_is_compared_exactly_and_shown_rounded() {
        let levels: Vec<u8> = std::iter::repeat_n(3, 299).chain([2]).collect();
        let mean = Attainment::from(&levels, Calculation::Mean).unwrap();
        assert_eq!((mean.shown(), mean.reaches(3), mean.level()), (Decimal::new(300, 2), false, 2));
        let third = Attainment::from(&[1, 2, 2], Calculation::Mean).unwrap();
        assert_eq!(third.shown(), Decimal::new(167, 2));
        assert_eq!(Attainment::from(&[4, 1], Calculation::Latest).unwrap().level(), 1);
        assert_eq!(Attainment::from(&[4, 1], Calculation::Highest).unwrap().level(), 4);
        assert_eq!(Attainment::from(&[], Calculation::Mean), None);
    }

    proptest! {
        #[test]
        fn what_is_attained_lies_among_the_levels(levels in prop::collection::vec(1..=20_u8, 1..30), more in 1..=20_u8) {
            let (lowest, highest) = (*levels.iter().min().unwrap(), *levels.iter().max().unwrap());
            for calculation in [Calculation::Latest, Calculation::Highest, Calculation::Mean] {
                let attained = Attainment::from(&levels, calculation).unwrap();
                prop_assert!(attained.reaches(lowest) && !attained.reaches(highest + 1));
                prop_assert!(attained.reaches(attained.level()) && !attained.reaches(attained.level() + 1));
                prop_assert!(Decimal::from(lowest) <= attained.shown() && attained.shown() <= Decimal::from(highest));
                prop_assert_eq!(Calculation::of(calculation.as_str()), Some(calculation));
            }
            // A higher level beside the others never lowers the highest or the mean below it.
            let mut with = levels.clone();
            with.push(more.max(highest));
            for calculation in [Calculation::Highest, Calculation::Mean] {
                prop_assert!(Attainment::from(&with, calculation).unwrap().shown() >= Attainment::from(&levels, calculation).unwrap().shown());
            }
        }
    }
}
