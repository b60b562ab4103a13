//! Barcodes: what is printed on a product (GTIN: EAN-13, EAN-8, UPC-A, GTIN-14, ISBN-13), and what a school prints on its own labels (Code 128).
//! An ISBN of ten digits is the one of thirteen that it became in 2007.
//!
//! A code that has a GTIN's length and nothing but digits must have its check digit right: a scanner that misread would otherwise find another product, or
//! none. Ten digits are an ISBN if their check digit is right; if it is wrong, they are one with a slip of the pen where they stand in an ISBN's four parts, and
//! else a code of the school's own. Sources: GS1 General Specifications, 7.9, "Check digit calculations"; ISBN Users' Manual.

use std::fmt::{self, Display};

use barcoders::generators::svg::SVG;
use barcoders::sym::code128::Code128;
use barcoders::sym::ean8::EAN8;
use barcoders::sym::ean13::EAN13;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A barcode, in one spelling: without spaces and hyphens, UPC-A and ISBN-10 as the EAN-13 that they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Barcode(String);

/// Why a text is no barcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidBarcode {
    /// Empty, too long, or with characters that a label can't hold.
    #[error("must be 1 to 64 letters, digits and signs of ASCII")]
    Characters,
    /// The last digit doesn't go with the others.
    #[error("has a wrong check digit: {0} would be right")]
    CheckDigit(char),
}

impl Barcode {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a GTIN, a number that is the product's all over the world.
    #[must_use]
    pub fn is_gtin(&self) -> bool {
        is_gtin(&self.0)
    }

    /// A label with `code`, as SVG: EAN where it is one, else Code 128; none for characters that Code 128 does not have.
    #[must_use]
    pub fn printed(code: &str) -> Option<String> {
        const HEIGHT: u32 = 80;
        let ean = is_gtin(code);
        let bars = match code.len() {
            13 if ean => EAN13::new(code).ok().map(|code| code.encode()),
            8 if ean => EAN8::new(code).ok().map(|code| code.encode()),
            _ => None,
        };
        let bars = match bars {
            Some(bars) => bars,
            None if code.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => {
                // U+0181 selects character set B, which has all of printable ASCII.
                Code128::new(format!("\u{181}{code}")).ok()?.encode()
            }
            None => return None,
        };
        // Bars touch the edge; a scanner wants eleven modules of white on either side (GS1 General Specifications, 5.2.3.4).
        let quiet = std::iter::repeat_n(0, 11);
        let bars: Vec<u8> = quiet.clone().chain(bars).chain(quiet).collect();
        SVG::new(HEIGHT).xdim(2).xmlns("http://www.w3.org/2000/svg".to_owned()).generate(bars).ok()
    }
}

fn is_gtin(code: &str) -> bool {
    matches!(code.len(), 8 | 12 | 13 | 14) && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// The check digit of `digits`, which come without it: weights 3 and 1 in turn, from the right.
#[must_use]
pub fn check_digit(digits: &str) -> Option<u32> {
    let weighted = digits.chars().rev().zip([3, 1].into_iter().cycle());
    let sum = weighted.map(|(digit, weight)| digit.to_digit(10).map(|digit| digit * weight)).sum::<Option<u32>>()?;
    Some((10 - sum % 10) % 10)
}

impl TryFrom<String> for Barcode {
    type Error = InvalidBarcode;

    fn try_from(raw: String) -> Result<Self, InvalidBarcode> {
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.len() > 64 || !trimmed.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(InvalidBarcode::Characters);
        }
        let digits: String = trimmed.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if let Some((body, last)) = of_isbn_10(&digits) {
            let right = check_digit_10(body).ok_or(InvalidBarcode::Characters)?;
            let has_four_parts = trimmed.split([' ', '-']).count() == 4;
            return match isbn_13(body) {
                Some(isbn) if last == right => Ok(Self(isbn)),
                _ if has_four_parts => Err(InvalidBarcode::CheckDigit(right)),
                _ => Ok(Self(trimmed.to_owned())),
            };
        }
        if !is_gtin(&digits) {
            return Ok(Self(trimmed.to_owned()));
        }
        let (body, last) = digits.split_at(digits.len() - 1);
        let right = check_digit(body).and_then(|right| char::from_digit(right, 10)).ok_or(InvalidBarcode::Characters)?;
        if last.starts_with(right) { Ok(Self(canonical(digits))) } else { Err(InvalidBarcode::CheckDigit(right)) }
    }
}

/// The nine digits of what looks like an ISBN-10, and its check digit, which may be an X.
fn of_isbn_10(code: &str) -> Option<(&str, char)> {
    let (body, last) = code.split_at_checked(9)?;
    let last = last.parse::<char>().ok()?.to_ascii_uppercase();
    (body.bytes().all(|byte| byte.is_ascii_digit()) && (last.is_ascii_digit() || last == 'X')).then_some((body, last))
}

/// The check digit of an ISBN-10's nine digits: with weights from 10 down to 2, and it itself with 1, the sum can be divided by eleven.
fn check_digit_10(body: &str) -> Option<char> {
    let sum =
        body.chars().zip((2..=10).rev()).map(|(digit, weight)| digit.to_digit(10).map(|digit| digit * weight)).sum::<Option<u32>>()?;
    match (11 - sum % 11) % 11 {
        10 => Some('X'),
        digit => char::from_digit(digit, 10),
    }
}

/// The ISBN-13 of an ISBN-10's nine digits.
fn isbn_13(body: &str) -> Option<String> {
    let body = format!("978{body}");
    check_digit(&body).map(|last| format!("{body}{last}"))
}

/// Leading zeros don't change a GTIN: scanners give UPC-A as 12 digits or as 13, and a GTIN-14 that starts with 0 is an EAN-13.
fn canonical(digits: String) -> String {
    match digits.len() {
        12 => format!("0{digits}"),
        14 => digits.strip_prefix('0').map_or(digits.clone(), str::to_owned),
        _ => digits,
    }
}

impl TryFrom<&str> for Barcode {
    type Error = InvalidBarcode;
    fn try_from(raw: &str) -> Result<Self, InvalidBarcode> {
        raw.to_owned().try_into()
    }
}

impl From<Barcode> for String {
    fn from(code: Barcode) -> Self {
        code.0
    }
}

impl Display for Barcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl utoipa::PartialSchema for Barcode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(64))
            .description(Some(
                "A GTIN (8, 12, 13 or 14 digits with a right check digit; spaces and hyphens don't count), an ISBN of ten digits, which is kept as \
                 the one of thirteen, or a code of the school's own.",
            ))
            .into()
    }
}
impl utoipa::ToSchema for Barcode {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(code: &str) -> Result<String, InvalidBarcode> {
        Barcode::try_from(code).map(String::from)
    }

    #[test]
    fn published_examples_have_the_check_digits_that_are_printed_on_them() {
        // ISBN-13 of the ISBN Users' Manual, GTIN examples of GS1, and a UPC-A.
        for (code, canonical) in [
            ("978-0-306-40615-7", "9780306406157"),
            ("6291041500213", "6291041500213"),
            ("036000291452", "0036000291452"),
            ("73513537", "73513537"),
            ("00012345600012", "0012345600012"),
            ("10012345600019", "10012345600019"),
        ] {
            assert_eq!(parse(code).as_deref(), Ok(canonical), "{code}");
        }
        assert_eq!(parse("9780306406158"), Err(InvalidBarcode::CheckDigit('7')));
    }

    #[test]
    fn an_isbn_of_ten_digits_is_the_one_of_thirteen() {
        for ten in ["0-306-40615-2", "0306406152", "0 306 40615 2"] {
            assert_eq!(parse(ten).as_deref(), Ok("9780306406157"), "{ten}");
        }
        for ten in ["0-8044-2957-X", "080442957x"] {
            assert_eq!(parse(ten).as_deref(), Ok("9780804429573"), "{ten}");
        }
        assert_eq!(parse("0-306-40615-3"), Err(InvalidBarcode::CheckDigit('2')));
        assert_eq!(parse("0-8044-2957-0"), Err(InvalidBarcode::CheckDigit('X')));
        // A school may number its things with ten digits, if it doesn't write them as an ISBN.
        for own in ["0306406153", "2026-11-0001", "12345678XY"] {
            assert_eq!(parse(own).as_deref(), Ok(own));
        }
    }

    #[test]
    fn a_schools_own_code_is_taken_as_it_is() {
        assert_eq!(parse(" LIB-000123 ").as_deref(), Ok("LIB-000123"));
        assert_eq!(parse("12345").as_deref(), Ok("12345"));
        for bad in ["", "   ", "ä", "a\tb", &"x".repeat(65)] {
            assert_eq!(parse(bad), Err(InvalidBarcode::Characters), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_always_noticed(body in "[0-9]{12}", at in 0..13_usize, other in 1..10_u32) {
            let code = format!("{body}{}", check_digit(&body).unwrap());
            prop_assert!(Barcode::try_from(code.as_str()).is_ok());
            let mut digits: Vec<u32> = code.chars().map(|c| c.to_digit(10).unwrap()).collect();
            digits[at] = (digits[at] + other) % 10;
            let wrong: String = digits.iter().map(u32::to_string).collect();
            prop_assert!(matches!(Barcode::try_from(wrong), Err(InvalidBarcode::CheckDigit(_))));
        }

        #[test]
        fn every_barcode_can_be_printed_and_reads_back(code in "[ -~]{1,64}") {
            if let Ok(barcode) = Barcode::try_from(code) {
                let svg = Barcode::printed(barcode.as_str()).unwrap();
                prop_assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
                prop_assert_eq!(Barcode::try_from(barcode.as_str()).unwrap(), barcode);
            }
        }
    }
}
