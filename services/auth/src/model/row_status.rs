//! Whether a row is in use.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a row is in use. A roster import marks what its source has removed; that can also be done, and undone, by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum RowStatus {
    /// In use.
    #[serde(rename = "active")]
    Active,
    /// To be deleted: kept for what refers to it, and no longer seen by anybody but the office.
    #[serde(rename = "tobedeleted")]
    ToBeDeleted,
}

impl RowStatus {
    /// As it stands in a table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::ToBeDeleted => "tobedeleted",
        }
    }

    /// From a table.
    #[must_use]
    pub fn of(stored: &str) -> Self {
        if stored == "active" { Self::Active } else { Self::ToBeDeleted }
    }
}

impl From<RowStatus> for String {
    fn from(status: RowStatus) -> Self {
        status.as_str().to_owned()
    }
}
