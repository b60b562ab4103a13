//! Numbers of numerical questions: exact decimals, written as text so that no digit is lost on the way.

use std::fmt::{self, Display};

use rust_decimal::Decimal;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The longest text that is taken for a number.
const LONGEST: usize = 64;

/// A decimal number of up to 28 digits. JSON may give it as a number or as text (`"6.02e23"`); it is answered as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Number(pub Decimal);

impl Number {
    /// Reads what a person wrote: `3.14`, `3,14`, `-1 000`, `6.02e23`, `6.02×10^23`. One comma and no point is a decimal comma; anything else that could
    /// mean two numbers is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let mut plain: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'')).collect();
        plain = plain.replace('\u{2212}', "-").replace("×10^", "e").replace("x10^", "e").replace("*10^", "e");
        if plain.matches(',').count() == 1 && !plain.contains('.') {
            plain = plain.replace(',', ".");
        }
        let plain = plain.strip_prefix('+').unwrap_or(&plain);
        let value = if plain.contains(['e', 'E']) { Decimal::from_scientific(plain) } else { Decimal::from_str_exact(plain) };
        value.ok().map(|value| Self(value.normalize()))
    }

    /// Reads a number that may have a unit behind it: `9.81 m/s`.
    #[must_use]
    pub fn read_with_unit(text: &str) -> Option<(Self, Option<&str>)> {
        let text = text.trim();
        if let Some(number) = Self::read(text) {
            return Some((number, None));
        }
        // The longest part in front that is a number; the rest is the unit.
        let ends = text.char_indices().map(|(at, _)| at).filter(|at| *at > 0).rev();
        for at in ends.take(LONGEST) {
            let (number, unit) = text.split_at(at);
            if let Some(number) = Self::read(number) {
                return Some((number, Some(unit.trim())));
            }
        }
        None
    }

    /// The number.
    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number of at most 28 digits, or such a number as text")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value.into()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value.into()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                // The shortest text that reads back as this double: what the client wrote.
                self.visit_str(&value.to_string())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                Number::read(text).ok_or_else(|| E::invalid_value(de::Unexpected::Other("something else"), &self))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl utoipa::PartialSchema for Number {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::SchemaType;
        ObjectBuilder::new()
            .schema_type(SchemaType::Array(vec![Type::String, Type::Number]))
            .description(Some("A decimal number of at most 28 digits; may be written as text, and is answered so."))
            .into()
    }
}
impl utoipa::ToSchema for Number {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write_is_read_and_what_is_ambiguous_is_not() {
        let read = |text: &str| Number::read(text).map(|number| number.to_string());
        assert_eq!(read(" 3,14 ").as_deref(), Some("3.14"));
        assert_eq!(read("1 000.50").as_deref(), Some("1000.5"));
        assert_eq!(read("6.02e3").as_deref(), Some("6020"));
        assert_eq!(read("\u{2212}5").as_deref(), Some("-5"));
        for bad in ["", "1,000,000", "1.000,5", "NaN", "inf", "1e999", "0x10", "--1", "e5", "9".repeat(65).as_str()] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let (number, unit) = Number::read_with_unit("9.81 m/s").unwrap();
        assert_eq!((number.to_string().as_str(), unit), ("9.81", Some("m/s")));
        assert_eq!(Number::read_with_unit("m"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = Number::read_with_unit(&text);
        }

        #[test]
        fn a_number_reads_back(mantissa in any::<i64>(), scale in 0_u32..15) {
            let number = Number(Decimal::new(mantissa, scale).normalize());
            let json = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(serde_json::from_str::<Number>(&json).unwrap(), number);
        }
    }
}
