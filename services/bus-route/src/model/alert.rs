//! What there is to know about the buses: what the office tells, what the service notices.

use chrono::{DateTime, Utc};
use domain::{BusAlertId, BusRouteId, BusTripId, Fault, Faults, SchoolId, StudentId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an alert comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusAlertKind)]
pub enum AlertKind {
    /// The office tells something.
    Notice,
    /// A bus is late.
    Delay,
    /// A student boarded, and had not got off when the trip ended or should have.
    NotAlighted,
    /// A trip should have ended long ago.
    NotEnded,
    /// A trip does not take place.
    Cancelled,
}

/// What it means for riders, in the words of GTFS-Realtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = BusAlertEffect)]
pub enum Effect {
    /// The bus does not run.
    NoService,
    /// It runs less often.
    ReducedService,
    /// It is late.
    SignificantDelays,
    /// It takes another way.
    Detour,
    /// There are more buses.
    AdditionalService,
    /// It runs otherwise than usual.
    ModifiedService,
    /// Something else.
    OtherEffect,
    /// A stop is elsewhere.
    StopMoved,
    /// Nothing changes for riders.
    NoEffect,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusAlert)]
pub struct Alert {
    /// Its id.
    pub id: BusAlertId,
    /// The school.
    pub school_id: SchoolId,
    /// Where it comes from.
    pub kind: AlertKind,
    /// What it means for riders.
    pub effect: Effect,
    /// The route that it is about; none means all.
    pub route_id: Option<BusRouteId>,
    /// The trip that it is about.
    pub trip_id: Option<BusTripId>,
    /// The student that it is about.
    pub student_id: Option<StudentId>,
    /// What it says, in short.
    pub header: String,
    /// What it says.
    pub description: Option<String>,
    /// How late the bus was when it was told last.
    pub delay_seconds: Option<i32>,
    /// From when on it holds.
    pub begins_at: DateTime<Utc>,
    /// Until when; none means until it is resolved.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Who resolved it; none for what resolved itself.
    pub resolved_by: Option<UserId>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Alert {
    /// What its own values must satisfy.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require(self.ends_at.is_none_or(|end| end > self.begins_at), "/ends_at", "must be after begins_at");
        faults.into_result()
    }

    /// Whether it holds at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.resolved_at.is_none() && self.begins_at <= now && self.ends_at.is_none_or(|end| now < end)
    }
}
