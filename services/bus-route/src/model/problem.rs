//! Problem reports: what riders and drivers tell the office is wrong with a trip or a stop.

use chrono::{DateTime, Utc};
use domain::{BusProblemId, BusRouteId, BusTripId, SchoolId, StopId, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusProblemKind)]
pub enum ProblemKind {
    /// The bus never came.
    NeverCame,
    /// It came early.
    CameEarly,
    /// It came late.
    CameLate,
    /// It did not stop.
    DidNotStop,
    /// It was too full.
    TooFull,
    /// It was driven dangerously.
    UnsafeDriving,
    /// The stop has a wrong name.
    StopNameWrong,
    /// The stop is elsewhere.
    StopPlaceWrong,
    /// It is dangerous to wait at the stop.
    StopUnsafe,
    /// Something else.
    Other,
}

impl ProblemKind {
    /// Whether a trip can have it.
    #[must_use]
    pub const fn is_of_a_trip(self) -> bool {
        !matches!(self, Self::StopNameWrong | Self::StopPlaceWrong | Self::StopUnsafe)
    }

    /// Whether a stop can have it.
    #[must_use]
    pub const fn is_of_a_stop(self) -> bool {
        matches!(self, Self::StopNameWrong | Self::StopPlaceWrong | Self::StopUnsafe | Self::Other)
    }
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusProblem)]
pub struct Report {
    /// Its id.
    pub id: BusProblemId,
    /// The school.
    pub school_id: SchoolId,
    /// The route.
    pub route_id: BusRouteId,
    /// The trip that it is about; none if it is about a stop as such.
    pub trip_id: Option<BusTripId>,
    /// The stop that it is about, or at which it was.
    pub stop_id: Option<StopId>,
    /// What is wrong.
    pub kind: ProblemKind,
    /// In the words of whoever told it.
    pub comment: Option<String>,
    /// Who told it.
    pub reported_by: UserId,
    /// What the office answered.
    pub answer: Option<String>,
    /// When the office was done with it.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Who in the office.
    pub resolved_by: Option<UserId>,
    /// Its version.
    pub version: Version,
    /// When it was told.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_wrong_with_a_trip_or_with_a_stop_and_anything_else_with_either() {
        let both = |kind: ProblemKind| (kind.is_of_a_trip(), kind.is_of_a_stop());
        assert_eq!(both(ProblemKind::NeverCame), (true, false));
        assert_eq!(both(ProblemKind::StopUnsafe), (false, true));
        assert_eq!(both(ProblemKind::Other), (true, true));
    }
}
