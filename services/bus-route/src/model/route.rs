//! Routes, their stops, and seats on them.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use domain::{BusAssignmentId, BusRouteId, SchoolId, StaffId, StopId, StudentId, VehicleId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::geo::Place;

/// Which way the bus goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusDirection)]
pub enum Direction {
    /// To school.
    Pickup,
    /// Home.
    Drop,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Pickup, Self::Drop];

    /// The direction of this name; what is not home is to school.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if name == Self::Drop.as_str() { Self::Drop } else { Self::Pickup }
    }

    /// As it stands in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pickup => "pickup",
            Self::Drop => "drop",
        }
    }

    /// As people say it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Pickup => "to school",
            Self::Drop => "home",
        }
    }
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BusRoute {
    /// Its id.
    pub id: BusRouteId,
    /// The school.
    pub school_id: SchoolId,
    /// What it is called.
    pub name: String,
    /// What stands on the front of the bus.
    pub code: Option<String>,
    /// The vehicle that usually runs it.
    pub vehicle_id: Option<VehicleId>,
    /// Who usually drives it: a member of staff.
    pub driver_staff_id: Option<StaffId>,
    /// Seats that can be given out in each direction, on each day.
    pub capacity: i32,
    /// Whether it is run.
    pub is_active: bool,
    /// Its version; changing the stops counts as a change of the route.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A stop. One without times is not served any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusStop)]
pub struct Stop {
    /// Its id.
    pub id: StopId,
    /// The school.
    pub school_id: SchoolId,
    /// The route.
    pub route_id: BusRouteId,
    /// Its place, from 1, in the order in which the bus picks up.
    pub position: i32,
    /// What it is called.
    pub name: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// When the bus comes in the morning, by the school's clock.
    pub pickup_time: Option<NaiveTime>,
    /// When it comes on the way home.
    pub drop_time: Option<NaiveTime>,
    /// How far it is from the school along the road.
    pub distance_metres: Option<i32>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Stop {
    /// When the bus comes in this direction.
    #[must_use]
    pub const fn time(&self, direction: Direction) -> Option<NaiveTime> {
        match direction {
            Direction::Pickup => self.pickup_time,
            Direction::Drop => self.drop_time,
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { latitude: self.latitude, longitude: self.longitude }
    }
}

/// Whether a seat is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusAssignmentStatus)]
pub enum AssignmentStatus {
    /// It is.
    Active,
    /// It was given back as if it had never been taken.
    Cancelled,
}

/// A student's seat on a route, in one direction, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusAssignment)]
pub struct Assignment {
    /// Its id.
    pub id: BusAssignmentId,
    /// The school.
    pub school_id: SchoolId,
    /// The student.
    pub student_id: StudentId,
    /// The route.
    pub route_id: BusRouteId,
    /// The route's capacity, kept the same by the foreign key.
    pub route_capacity: i32,
    /// Where the student gets on or off.
    pub stop_id: StopId,
    /// Which way.
    pub direction: Direction,
    /// The seat, a number from 1 that only serves to count; it may change.
    pub seat: i32,
    /// The first day.
    pub begin_date: NaiveDate,
    /// The last day, inclusive; none means open.
    pub end_date: Option<NaiveDate>,
    /// Whether it is held.
    pub status: AssignmentStatus,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Assignment {
    /// Whether the seat is held on `day`.
    #[must_use]
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.may_cover_from(day) && self.begin_date <= day
    }

    /// Whether the seat is held on `day` or on one after it.
    #[must_use]
    pub fn may_cover_from(&self, day: NaiveDate) -> bool {
        self.status == AssignmentStatus::Active && self.end_date.is_none_or(|end| day <= end)
    }
}
