//! Who may see what of a run: the office and its driver all of it, parents the stops of their children. For everybody else there is no such run.

use chrono::NaiveDate;
use domain::{BusTripId, Role, StaffId, StopId, StudentId};
use service_kit::{Caller, Problem};

use super::Rooms;
use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::store::{self, Driven};

/// What somebody may see of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All stops.
    All,
    /// These stops.
    Stops(Vec<StopId>),
}

impl Sight {
    /// Whether the stop is in sight.
    pub(crate) fn holds(&self, stop: StopId) -> bool {
        match self {
            Self::All => true,
            Self::Stops(stops) => stops.contains(&stop),
        }
    }
}

/// Whether the role counts as the school's office here.
pub(super) const fn is_office(caller: &Caller) -> bool {
    matches!(caller.role, Role::SchoolAdmin | Role::Admin)
}

impl Rooms {
    /// What the caller may see of a run on a day; none if nothing.
    pub(crate) async fn sight(
        &self,
        caller: &Caller,
        run: Driven,
        day: NaiveDate,
        driver: Option<StaffId>,
    ) -> Result<Option<Sight>, Problem> {
        let school = caller.school_id;
        match caller.role {
            _ if is_office(caller) => Ok(Some(Sight::All)),
            Role::Parent => {
                let children: Vec<StudentId> = self.children(caller).await?;
                if children.is_empty() {
                    return Ok(None);
                }
                let mut transaction = store::reading(&self.platform, school).await?;
                let stops = store::stops_on_trip(transaction.connection()?, school, run, day, &children).await?;
                Ok(if stops.is_empty() { None } else { Some(Sight::Stops(stops)) })
            }
            Role::Staff => {
                let mut transaction = store::reading(&self.platform, school).await?;
                let staff = store::staff_of(transaction.connection()?, school, caller.user_id).await?;
                Ok(if staff.is_some() && staff == driver { Some(Sight::All) } else { None })
            }
            _ => Ok(None),
        }
    }

    /// The caller's children; the role counts, not only the link.
    pub(super) async fn children(&self, caller: &Caller) -> Result<Vec<StudentId>, Problem> {
        if caller.role != Role::Parent {
            return Ok(Vec::new());
        }
        let person = self.directory.person(caller.school_id, caller.user_id).await?;
        Ok(person.children.iter().map(|child| child.student_id).collect())
    }

    /// The trip, if the caller may see anything of it, and what.
    pub(crate) async fn seen_trip(&self, caller: &Caller, trip: BusTripId) -> Result<(Course, TripState, Sight), Problem> {
        let missing = || Problem::not_found("trip");
        let (course, state) = match store::course(&self.platform, caller.school_id, trip).await? {
            Some(course) => (course, TripState::Running),
            None => store::any_course(&self.platform, caller.school_id, trip).await?.ok_or_else(missing)?,
        };
        let run = (course.route_id, course.direction);
        let sight = self.sight(caller, run, course.service_date, course.driver_staff_id).await?;
        Ok((course, state, sight.ok_or_else(missing)?))
    }

    /// The trip, if it is the caller's to run: its driver's and the office's.
    pub(super) async fn own_trip(&self, caller: &Caller, trip: BusTripId) -> Result<(Course, TripState), Problem> {
        let missing = || Problem::not_found("trip");
        let (course, state) = match store::course(&self.platform, caller.school_id, trip).await? {
            Some(course) => (course, TripState::Running),
            None => store::any_course(&self.platform, caller.school_id, trip).await?.ok_or_else(missing)?,
        };
        if is_office(caller) || course.driver_user_id == Some(caller.user_id) { Ok((course, state)) } else { Err(missing()) }
    }
}
