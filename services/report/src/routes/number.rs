//! Exact numbers in JSON: plain numbers, whole or with decimals. A double holds what a weight or a percentage needs to far better than its last decimal, and its
//! shortest form is what was typed.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    rust_decimal::serde::float::serialize(value, serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    exact(f64::deserialize(deserializer)?)
}

fn exact<E: serde::de::Error>(value: f64) -> Result<Decimal, E> {
    Decimal::try_from(value).map_err(|_| E::custom("is not a number of a size that can be kept"))
}

/// An exact number where a wrapper stands around it, such as a [`domain::Patch`].
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Exact(#[serde(with = "super::number")] pub(super) Decimal);

impl From<Exact> for Decimal {
    fn from(exact: Exact) -> Self {
        exact.0
    }
}

/// The same, where there may be none.
pub(super) mod option {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serializer};

    // As serde calls it.
    #[allow(clippy::ref_option)]
    pub(crate) fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
        rust_decimal::serde::float_option::serialize(value, serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
        Option::<f64>::deserialize(deserializer)?.map(super::exact).transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Numbers {
        #[serde(with = "super")]
        one: Decimal,
        #[serde(with = "super::option")]
        other: Option<Decimal>,
    }

    #[test]
    fn whole_numbers_are_numbers_too_and_what_is_none_is_refused() {
        let numbers: Numbers = serde_json::from_str(r#"{"one": 3, "other": 40}"#).unwrap();
        assert_eq!(numbers, Numbers { one: Decimal::from(3), other: Some(Decimal::from(40)) });
        for wrong in ["\"3\"", "1e300", "null", "true"] {
            assert!(serde_json::from_str::<Numbers>(&format!(r#"{{"one": {wrong}, "other": null}}"#)).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were(one in 0..=999_999_999_i64, other in proptest::option::of(0..=999_999_999_i64)) {
            let numbers = Numbers { one: Decimal::new(one, 4).normalize(), other: other.map(|other| Decimal::new(other, 4).normalize()) };
            let json = serde_json::to_string(&numbers).unwrap();
            prop_assert_eq!(serde_json::from_str::<Numbers>(&json).unwrap(), numbers);
        }
    }
}
