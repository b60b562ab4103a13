//! How many students a class takes.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// From 1 to 10,000 students.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i32")]
pub struct Capacity(i32);

/// No number of students that a class can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number from 1 to 10000")]
pub struct InvalidCapacity;

impl TryFrom<i64> for Capacity {
    type Error = InvalidCapacity;
    fn try_from(number: i64) -> Result<Self, InvalidCapacity> {
        i32::try_from(number).ok().filter(|number| (1..=10_000).contains(number)).map(Self).ok_or(InvalidCapacity)
    }
}

impl From<Capacity> for i32 {
    fn from(capacity: Capacity) -> Self {
        capacity.0
    }
}

impl utoipa::PartialSchema for Capacity {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(10_000)).into()
    }
}
impl utoipa::ToSchema for Capacity {}
