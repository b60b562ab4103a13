//! Row versions, for optimistic concurrency.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A row's version: 1 when created, one more with each change. Carried as the `ETag` `"v3"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Version(i32);

/// Not a version: zero, negative, or more than an `integer` column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a version is a whole number from 1 to 2147483647")]
pub struct InvalidVersion;

impl Version {
    /// The version of a row that was just created.
    pub const FIRST: Self = Self(1);

    /// The version after this one. Saturates; a row changed two thousand million times has other problems.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for Version {
    type Error = InvalidVersion;
    fn try_from(number: i32) -> Result<Self, InvalidVersion> {
        if number >= 1 { Ok(Self(number)) } else { Err(InvalidVersion) }
    }
}

impl From<Version> for i32 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Version {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .description(Some("Row version; the `ETag` is this number as `\"v3\"`."))
            .into()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Version {}
