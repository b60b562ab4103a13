//! Arrival alarms: a parent's wish to be told so many minutes before the bus is at a child's stop, on every trip on which the child has that seat.

use chrono::{DateTime, Utc};
use domain::{BusAlarmId, BusAssignmentId, BusTripId, Fault, Faults, SchoolId, StopId, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An alarm, as somebody set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusAlarm)]
pub struct Alarm {
    /// Its id.
    pub id: BusAlarmId,
    /// The school.
    pub school_id: SchoolId,
    /// Whose it is.
    pub user_id: UserId,
    /// The child's seat, and so the route, the direction and the stop.
    pub assignment_id: BusAssignmentId,
    /// How many minutes before the bus is expected at the stop.
    pub minutes_before: i32,
    /// The trip for which it rang last; once for each.
    pub rung_trip_id: Option<BusTripId>,
    /// When it rang last.
    pub rung_at: Option<DateTime<Utc>>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Alarm {
    /// What its own values must satisfy.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require((1..=60).contains(&self.minutes_before), "/minutes_before", "must be from 1 to 60");
        faults.into_result()
    }
}

/// An alarm, as a trip knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bell {
    /// The alarm.
    pub alarm_id: BusAlarmId,
    /// The stop.
    pub stop_id: StopId,
    /// How many minutes before.
    pub minutes_before: i32,
}
