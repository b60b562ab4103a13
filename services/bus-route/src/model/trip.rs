//! One run of a bus along its route: planned, running, finished or cancelled.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BusRouteId, BusTripId, SchoolId, StaffId, Timestamp, VehicleId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::route::Direction;

/// How far a trip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusTripState)]
pub enum TripState {
    /// It has not begun.
    Planned,
    /// The bus is on its way.
    Running,
    /// It is over.
    Finished,
    /// It does not take place.
    Cancelled,
}

impl TripState {
    /// The state of this name; what is unknown is over.
    #[must_use]
    pub fn of(name: &str) -> Self {
        [Self::Planned, Self::Running, Self::Cancelled].into_iter().find(|state| state.as_str() == name).unwrap_or(Self::Finished)
    }

    /// As it stands in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusTrip)]
pub struct Trip {
    /// Its id.
    pub id: BusTripId,
    /// The school.
    pub school_id: SchoolId,
    /// The route.
    pub route_id: BusRouteId,
    /// The vehicle.
    pub vehicle_id: VehicleId,
    /// Who drives: a member of staff.
    pub driver_staff_id: Option<StaffId>,
    /// Which way.
    pub direction: Direction,
    /// The school's day that it belongs to.
    pub service_date: NaiveDate,
    /// How far it is.
    pub state: TripState,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What happens to a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It begins.
    Start,
    /// It ends.
    End,
    /// It is called off.
    Cancel,
}

impl Trip {
    /// Whether it can start when it is `today` at the school: on its day, or a day before or after.
    #[must_use]
    pub fn may_start_on(&self, today: NaiveDate) -> bool {
        (self.service_date - today).num_days().abs() <= 1
    }

    /// The trip after `step`, or why that can't be.
    pub fn after(&self, step: Step, now: Timestamp) -> Result<Self, &'static str> {
        let next = Self { version: self.version.next(), updated_at: now, ..self.clone() };
        match (step, self.state) {
            (Step::Start, TripState::Planned) if self.driver_staff_id.is_none() => Err("The trip has no driver yet."),
            (Step::Start, TripState::Planned) => Ok(Self { state: TripState::Running, started_at: Some(now), ..next }),
            (Step::Start, _) => Err("Only a planned trip can begin."),
            // Two clocks may differ: a trip never ends before it began.
            (Step::End, TripState::Running) => Ok(Self { state: TripState::Finished, ended_at: self.started_at.max(Some(now)), ..next }),
            (Step::End, _) => Err("Only a running trip can end."),
            (Step::Cancel, TripState::Planned) => Ok(Self { state: TripState::Cancelled, ..next }),
            (Step::Cancel, _) => Err("Only a planned trip can be cancelled."),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn a_trip_goes_one_way_only() {
        let now: Timestamp = "2026-07-01T01:50:00Z".parse().unwrap();
        let planned = Trip {
            id: BusTripId::generate(),
            school_id: SchoolId::generate(),
            route_id: BusRouteId::generate(),
            vehicle_id: VehicleId::generate(),
            driver_staff_id: Some(StaffId::generate()),
            direction: Direction::Pickup,
            service_date: now.date_naive(),
            state: TripState::Planned,
            started_at: None,
            ended_at: None,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        for (days, may) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            assert_eq!(planned.may_start_on(now.date_naive() + Duration::days(days)), may, "{days}");
        }
        let running = planned.after(Step::Start, now).unwrap();
        assert_eq!((running.state, running.started_at, running.version.get()), (TripState::Running, Some(now), 2));
        let finished = running.after(Step::End, now - Duration::seconds(5)).unwrap();
        assert_eq!((finished.state, finished.ended_at), (TripState::Finished, Some(now)), "it does not end before it began");
        let cancelled = planned.after(Step::Cancel, now).unwrap();
        assert!(Trip { driver_staff_id: None, ..planned.clone() }.after(Step::Start, now).is_err());
        for (trip, steps) in [
            (&planned, [Step::End].as_slice()),
            (&running, &[Step::Start, Step::Cancel]),
            (&finished, &[Step::Start, Step::End, Step::Cancel]),
            (&cancelled, &[Step::Start, Step::End, Step::Cancel]),
        ] {
            for step in steps {
                assert!(trip.after(*step, now).is_err(), "{:?} {step:?}", trip.state);
            }
        }
    }
}
