//! Who may see what of a run: the office and its driver all of it, parents the stops of their children. For everybody else there is no such run.

use chrono::NaiveDate;
use domain::{BusRouteId, BusTripId, Role, StaffId, StopId, StudentId};
use service_kit::{Caller, Problem};

use super::Rooms;
use crate::model::progress::Course;
use crate::model::route::Stop;
use crate::model::trip::TripState;
use crate::store::{self, Driven, Live};

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

/// What is somebody's business besides the runs of a day.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    driven: Vec<BusRouteId>,
    stops: Vec<(BusRouteId, StopId)>,
}

impl Places {
    /// Whether the stop is.
    fn hold(&self, stop: &Stop) -> bool {
        self.driven.contains(&stop.route_id) || self.stops.iter().any(|(_, own)| *own == stop.id)
    }

    /// Whether the route is.
    pub(super) fn touch(&self, route: BusRouteId) -> bool {
        self.driven.contains(&route) || self.stops.iter().any(|(own, _)| *own == route)
    }
}

/// Whether the role counts as the school's office here.
pub(crate) const fn is_office(caller: &Caller) -> bool {
    matches!(caller.role, Role::SchoolAdmin | Role::Admin)
}

fn may_run(caller: &Caller, course: &Course) -> bool {
    is_office(caller) || course.driver_user_id == Some(caller.user_id)
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
        let (course, state) = store::course_now(&self.platform, caller.school_id, trip).await?.ok_or_else(missing)?;
        let run = (course.route_id, course.direction);
        let sight = self.sight(caller, run, course.service_date, course.driver_staff_id).await?;
        Ok((course, state, sight.ok_or_else(missing)?))
    }

    /// The same for somebody who comes to watch: ten who watch one bus come at once when it starts, and are let in by one look. Whoever is not in it may be new.
    pub(super) async fn watched_trip(&self, caller: &Caller, trip: BusTripId) -> Result<(Course, TripState, Sight), Problem> {
        let school = caller.school_id;
        let (Ok(generation), Some((course, state))) =
            (store::generation(self.platform.redis(), school).await, store::course_now(&self.platform, school, trip).await?)
        else {
            return self.seen_trip(caller, trip).await;
        };
        let audience = self.hub.audiences().of(&self.platform, school, trip, &generation).await?;
        match audience.and_then(|audience| audience.sight(caller)) {
            Some(sight) => Ok((course, state, sight)),
            None => self.seen_trip(caller, trip).await,
        }
    }

    /// The day that it is at the school.
    pub(super) async fn today(&self, caller: &Caller) -> Result<NaiveDate, Problem> {
        let mut transaction = store::reading(&self.platform, caller.school_id).await?;
        let zone = store::zone(transaction.connection()?, caller.school_id).await?;
        Ok(self.platform.clock().now().with_timezone(&zone).date_naive())
    }

    /// The routes and stops that are the caller's business: those at which their children have seats today or later, and the routes that they drive today with all
    /// stops. None for the office, whose business all are.
    pub(super) async fn places(&self, caller: &Caller) -> Result<Option<Places>, Problem> {
        if is_office(caller) {
            return Ok(None);
        }
        let (school, today) = (caller.school_id, self.today(caller).await?);
        let mut places = Places::default();
        match caller.role {
            Role::Parent => {
                let children = self.children(caller).await?;
                let mut transaction = store::reading(&self.platform, school).await?;
                places.stops = store::places_of(transaction.connection()?, school, &children, today).await?;
            }
            Role::Staff => {
                let mut transaction = store::reading(&self.platform, school).await?;
                let connection = transaction.connection()?;
                if let Some(staff) = store::staff_of(&mut *connection, school, caller.user_id).await? {
                    let driven = store::driven_by(connection, school, staff, today).await?;
                    places.driven = driven.into_iter().map(|(route, _)| route).collect();
                }
            }
            _ => {}
        }
        Ok(Some(places))
    }

    /// The stop, if it is the caller's business.
    pub(super) async fn seen_stop(&self, caller: &Caller, stop: StopId) -> Result<Stop, Problem> {
        let places = self.places(caller).await?;
        let mut transaction = store::reading(&self.platform, caller.school_id).await?;
        let stop = store::served_stop(transaction.connection()?, caller.school_id, stop).await?;
        let seen = stop.filter(|stop| places.is_none_or(|places| places.hold(stop)));
        seen.ok_or_else(|| Problem::not_found("stop"))
    }

    /// The trip, if it is the caller's to run: its driver's and the office's.
    pub(super) async fn own_trip(&self, caller: &Caller, trip: BusTripId) -> Result<(Course, TripState), Problem> {
        let missing = || Problem::not_found("trip");
        let (course, state) = store::course_now(&self.platform, caller.school_id, trip).await?.ok_or_else(missing)?;
        if may_run(caller, &course) { Ok((course, state)) } else { Err(missing()) }
    }

    /// The same, with how the trip goes if that is remembered.
    pub(super) async fn own_trip_and_live(&self, caller: &Caller, trip: BusTripId) -> Result<(Course, TripState, Option<Live>), Problem> {
        let missing = || Problem::not_found("trip");
        let found = store::course_and_live(&self.platform, caller.school_id, trip).await?.ok_or_else(missing)?;
        if may_run(caller, &found.0) { Ok(found) } else { Err(missing()) }
    }
}
