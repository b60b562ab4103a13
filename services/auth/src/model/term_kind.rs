//! What part of a year a term is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What part of a year a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TermKind {
    /// Half a year.
    Semester,
    /// A term.
    #[default]
    Term,
    /// Part of a term, at the end of which grades are given.
    GradingPeriod,
}

impl TermKind {
    /// As it stands in a table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Semester => "semester",
            Self::Term => "term",
            Self::GradingPeriod => "grading_period",
        }
    }

    /// From a table.
    #[must_use]
    pub fn of(stored: &str) -> Self {
        [Self::Semester, Self::GradingPeriod].into_iter().find(|kind| kind.as_str() == stored).unwrap_or_default()
    }
}
