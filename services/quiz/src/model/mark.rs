//! Marks and fractions of marks, exact.
//!
//! A [`Mark`] is kept in ten-thousandths, as the tables do (`numeric(9,4)`), a [`Fraction`] in ten-millionths, which holds a third as well as Moodle does
//! (`numeric(12,7)`). Their product is rounded half away from zero to a ten-thousandth, once. In every format both are plain numbers: a tagged enum
//! forgets on the way in which format it came from, so there is one form for all.

use std::fmt::{self, Display};
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// Not a number that fits: out of range, too many decimals, not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Not a mark.
    #[error("must be a number from -99999.9999 to 99999.9999 with at most four decimals")]
    Mark,
    /// Not a fraction.
    #[error("must be a number from -1 to 1 with at most seven decimals")]
    Fraction,
}

/// A number of steps of `1 / scale` that is nearest to `value`, if it is one and within `bound` steps.
fn steps(value: f64, scale: f64, bound: i64) -> Option<i64> {
    let scaled = value * scale;
    let whole = scaled.round();
    // Doubles hold numbers of this size to better than 1e-5 of a step; more than that is a digit too many.
    #[allow(clippy::cast_precision_loss)]
    let fits = whole.is_finite() && whole.abs() <= bound as f64 && (scaled - whole).abs() <= 1e-4;
    // Whole and in range, so the cast is exact.
    #[allow(clippy::cast_possible_truncation)]
    fits.then_some(whole as i64)
}

macro_rules! exact {
    ($(#[$doc:meta])* $name:ident, $scale:literal, $bound:literal, $invalid:expr, $about:literal, $low:literal, $high:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(i64);

        impl $name {
            /// Steps to one.
            pub const SCALE: i64 = $scale;
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// One.
            pub const ONE: Self = Self($scale);

            /// From steps; kept within the bounds.
            #[must_use]
            pub const fn from_steps(steps: i64) -> Self {
                if steps > $bound { Self($bound) } else if steps < -$bound { Self(-$bound) } else { Self(steps) }
            }

            /// How many steps it is.
            #[must_use]
            pub const fn steps(self) -> i64 {
                self.0
            }

            /// As a floating point number.
            #[must_use]
            #[allow(clippy::cast_precision_loss)]
            pub fn as_f64(self) -> f64 {
                self.0 as f64 / f64::from($scale)
            }

            /// Whether it is less than nothing.
            #[must_use]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = Invalid;
            fn try_from(value: f64) -> Result<Self, Invalid> {
                steps(value, f64::from($scale), $bound).map(Self).ok_or($invalid)
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.as_f64())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.0 % $scale == 0 { serializer.serialize_i64(self.0 / $scale) } else { serializer.serialize_f64(self.as_f64()) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                f64::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Number)
                    .minimum(Some($low))
                    .maximum(Some($high))
                    .description(Some($about))
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}
    };
}

exact!(
    /// Marks, to a ten-thousandth. Wrong answers may cost, so a mark can be negative.
    Mark, 10_000, 999_999_999, Invalid::Mark, "Marks, at most four decimals.", -99_999.999_9, 99_999.999_9
);

exact!(
    /// The part of a question's marks that an answer earns, from −1 to 1.
    Fraction, 10_000_000, 10_000_000, Invalid::Fraction, "The part of the marks that is earned, at most seven decimals.", -1.0, 1.0
);

impl Mark {
    /// `fraction` of it, rounded half away from zero.
    #[must_use]
    pub fn times(self, fraction: Fraction) -> Self {
        Self::from_steps(ratio(i128::from(self.0) * i128::from(fraction.0), i128::from(Fraction::SCALE)))
    }

    /// The part of `max` that it is; none of nothing.
    #[must_use]
    pub fn out_of(self, max: Self) -> Option<Fraction> {
        (max.0 > 0).then(|| Fraction::from_steps(ratio(i128::from(self.0) * i128::from(Fraction::SCALE), i128::from(max.0))))
    }

    /// The mean of marks, rounded half away from zero; none of none.
    #[must_use]
    pub fn mean(marks: &[Self]) -> Option<Self> {
        let count = i128::try_from(marks.len()).ok().filter(|count| *count > 0)?;
        Some(Self::from_steps(ratio(marks.iter().map(|mark| i128::from(mark.0)).sum(), count)))
    }

    /// As the tables keep it.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 4)
    }
}

impl Fraction {
    /// `part` of `whole`, rounded to the nearest step; nothing of nothing.
    #[must_use]
    pub fn of(part: usize, whole: usize) -> Self {
        let (part, whole) = (i128::try_from(part).unwrap_or(0), i128::try_from(whole).unwrap_or(0));
        if whole == 0 { Self::ZERO } else { Self::from_steps(ratio(part * i128::from(Self::SCALE), whole)) }
    }

    /// As the tables keep it.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 7)
    }

    /// The sum of weighted fractions over the sum of the weights.
    #[must_use]
    pub fn weighted(parts: &[(Self, u16)]) -> Self {
        let weight: i128 = parts.iter().map(|(_, weight)| i128::from(*weight)).sum();
        let sum: i128 = parts.iter().map(|(fraction, weight)| i128::from(fraction.0) * i128::from(*weight)).sum();
        if weight == 0 { Self::ZERO } else { Self::from_steps(ratio(sum, weight)) }
    }
}

/// Rounded half away from zero. `below` is positive.
fn ratio(above: i128, below: i128) -> i64 {
    let rounded = (above.abs() * 2 + below) / (below * 2);
    i64::try_from(if above < 0 { -rounded } else { rounded }).unwrap_or(if above < 0 { i64::MIN } else { i64::MAX })
}

impl Add for Mark {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::from_steps(self.0.saturating_add(other.0))
    }
}

impl Sub for Mark {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::from_steps(self.0.saturating_sub(other.0))
    }
}

impl Sum for Mark {
    fn sum<I: Iterator<Item = Self>>(marks: I) -> Self {
        marks.fold(Self::ZERO, Add::add)
    }
}

impl Add for Fraction {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::from_steps(self.0.saturating_add(other.0))
    }
}

impl Sub for Fraction {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::from_steps(self.0.saturating_sub(other.0))
    }
}

impl Neg for Fraction {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_and_fractions_survive_every_format(mark in -999_999_999_i64..=999_999_999, fraction in -10_000_000_i64..=10_000_000) {
            let pair = (Mark::from_steps(mark), Fraction::from_steps(fraction));
            let json = serde_json::to_string(&pair).unwrap();
            prop_assert_eq!(serde_json::from_str::<(Mark, Fraction)>(&json).unwrap(), pair);
            let value = serde_json::to_value(pair).unwrap();
            prop_assert_eq!(serde_json::from_value::<(Mark, Fraction)>(value).unwrap(), pair);
        }

        #[test]
        fn a_product_is_the_nearest_step_and_odd(mark in 0_i64..=999_999_999, fraction in -10_000_000_i64..=10_000_000) {
            let (mark, fraction) = (Mark::from_steps(mark), Fraction::from_steps(fraction));
            let exact = mark.decimal() * fraction.decimal();
            let nearest = exact.round_dp_with_strategy(4, rust_decimal::RoundingStrategy::MidpointAwayFromZero);
            prop_assert_eq!(mark.times(fraction).decimal(), nearest);
            prop_assert_eq!(mark.times(-fraction), Mark::ZERO - mark.times(fraction));
        }

        #[test]
        fn a_mean_lies_within_its_marks(marks in proptest::collection::vec(-1_000_000_i64..=1_000_000, 1..20)) {
            let marks: Vec<Mark> = marks.into_iter().map(Mark::from_steps).collect();
            let mean = Mark::mean(&marks).unwrap();
            prop_assert!(marks.iter().min().unwrap() <= &mean && &mean <= marks.iter().max().unwrap());
        }
    }

    #[test]
    fn what_is_no_mark_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, 100_000.0, 0.000_05, -1e300] {
            assert!(Mark::try_from(bad).is_err(), "{bad}");
        }
        assert!(Fraction::try_from(1.000_001).is_err());
        assert_eq!(Fraction::try_from(0.333_333_3).map(Fraction::steps), Ok(3_333_333));
        assert_eq!(Mark::ONE.times(Fraction::of(1, 3)).to_string(), "0.3333");
    }
}
