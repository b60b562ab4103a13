//! Marks, exact to a hundredth.

use std::fmt::{self, Display};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Marks for a piece of work, kept as hundredths so that sums are exact. JSON shows a number with at most two decimals (`87.5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Points(i32);

/// Not marks: negative, above 99 999.99, more than two decimals, or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("marks are a number from 0 to 99999.99 with at most two decimals")]
pub struct InvalidPoints;

impl Points {
    /// The most that a piece of work can be worth: 99 999.99.
    pub const MAX: Self = Self(9_999_999);

    /// From hundredths of a mark.
    pub const fn from_hundredths(hundredths: i32) -> Result<Self, InvalidPoints> {
        if hundredths >= 0 && hundredths <= Self::MAX.0 { Ok(Self(hundredths)) } else { Err(InvalidPoints) }
    }

    /// Hundredths of a mark.
    #[must_use]
    pub const fn hundredths(self) -> i32 {
        self.0
    }

    /// Marks as a floating point number; exact when printed with two decimals.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl TryFrom<f64> for Points {
    type Error = InvalidPoints;

    fn try_from(value: f64) -> Result<Self, InvalidPoints> {
        let hundredths = (value * 100.0).round();
        // A double holds any two-decimal number of this size to far better than 1e-6: more than that is a third decimal.
        let in_range = (0.0..=f64::from(Self::MAX.0)).contains(&hundredths);
        if !in_range || (value * 100.0 - hundredths).abs() > 1e-6 {
            return Err(InvalidPoints);
        }
        // In range and whole, so the cast is exact.
        #[allow(clippy::cast_possible_truncation)]
        Ok(Self(hundredths as i32))
    }
}

impl Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_i32(self.0);
        }
        // A whole number of marks is written without a fraction.
        if self.0 % 100 == 0 { serializer.serialize_i32(self.0 / 100) } else { serializer.serialize_f64(self.as_f64()) }
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            f64::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
        } else {
            Self::from_hundredths(i32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Points {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .minimum(Some(0))
            .maximum(Some(99_999.99))
            .description(Some("Marks, at most two decimals."))
            .into()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Points {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_survive_json_and_messagepack_style_encoding(hundredths in 0..=9_999_999_i32) {
            let marks = Points::from_hundredths(hundredths).unwrap();
            let json = serde_json::to_string(&marks).unwrap();
            prop_assert_eq!(serde_json::from_str::<Points>(&json).unwrap(), marks);
        }
    }

    #[test]
    fn what_is_not_a_mark_is_refused() {
        for bad in [-0.01, 0.001, 100_000.0, f64::NAN, f64::INFINITY] {
            assert!(Points::try_from(bad).is_err(), "{bad}");
        }
    }
}
