//! Text that a person typed, bounded and clean by construction.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A non-empty text of at most `MAX` characters, trimmed, without control characters other than line breaks and tabs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Longer than allowed.
    #[error("must be at most {0} characters")]
    TooLong(usize),
    /// A NUL or another control character, which PostgreSQL or a terminal would choke on.
    #[error("must not contain control characters")]
    Control,
}

impl<const MAX: usize> Text<MAX> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = InvalidText;

    fn try_from(raw: String) -> Result<Self, InvalidText> {
        let trimmed = raw.trim();
        if trimmed.is_empty() {
            return Err(InvalidText::Empty);
        }
        if trimmed.chars().nth(MAX).is_some() {
            return Err(InvalidText::TooLong(MAX));
        }
        if trimmed.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(InvalidText::Control);
        }
        Ok(Self(if trimmed.len() == raw.len() { raw } else { trimmed.to_owned() }))
    }
}

impl<const MAX: usize> TryFrom<&str> for Text<MAX> {
    type Error = InvalidText;
    fn try_from(raw: &str) -> Result<Self, InvalidText> {
        raw.to_owned().try_into()
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

impl<const MAX: usize> Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "openapi")]
impl<const MAX: usize> utoipa::PartialSchema for Text<MAX> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX)).into()
    }
}
#[cfg(feature = "openapi")]
impl<const MAX: usize> utoipa::ToSchema for Text<MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("Text{MAX}").into()
    }
}

/// An e-mail address, lower-cased: two spellings of one address are one user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be an e-mail address of at most 254 characters, such as name@school.example")]
pub struct InvalidEmail;

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    // Deliberately loose: only delivery proves an address. 254 is the limit of RFC 5321, 4.5.3.1.3.
    fn try_from(raw: String) -> Result<Self, InvalidEmail> {
        let address = raw.trim().to_lowercase();
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidEmail)?;
        let clean = address.chars().all(|c| !c.is_control() && !c.is_whitespace());
        let labels_ok = domain.split('.').all(|label| !label.is_empty());
        if address.len() > 254 || local.is_empty() || local.len() > 64 || !clean || !labels_ok {
            return Err(InvalidEmail);
        }
        Ok(Self(address))
    }
}

impl TryFrom<&str> for Email {
    type Error = InvalidEmail;
    fn try_from(raw: &str) -> Result<Self, InvalidEmail> {
        raw.to_owned().try_into()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Email {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .max_length(Some(254))
            .into()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Email {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_trimmed_and_bounded_in_characters_not_bytes() {
        assert_eq!(Text::<5>::try_from("  नमस्ते".trim_end_matches('े')).unwrap().as_str().chars().count(), 5);
        assert_eq!(Text::<3>::try_from("abcd"), Err(InvalidText::TooLong(3)));
        assert_eq!(Text::<3>::try_from(" \n "), Err(InvalidText::Empty));
        assert_eq!(Text::<3>::try_from("a\0b"), Err(InvalidText::Control));
    }

    #[test]
    fn two_spellings_of_an_address_are_one() {
        assert_eq!(Email::try_from(" Ada@School.Example ").unwrap().as_str(), "ada@school.example");
        for bad in ["", "ada", "@school.example", "ada@", "a b@c.d", "ada@school..example"] {
            assert!(Email::try_from(bad).is_err(), "{bad}");
        }
    }
}
