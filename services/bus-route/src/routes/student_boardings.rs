//! On which buses a student was: for the student's own parents, the student, and the office. For everybody else there is no such student.

use actix_web::get;
use actix_web::web::Data;
use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::{BusRouteId, BusTripId, Role, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportRead;
use service_kit::{Caller, CommonProblems, IdPath, Limit, Page, Paging, Params, Permit, Problem};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access::is_office;
use super::{Rooms, wrong};
use crate::model::boarding::{Boarding, Note};
use crate::model::route::Direction;
use crate::store::{self, Ridden};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// How many days are covered unless said otherwise.
const USUAL: Days = Days::new(29);
/// How many days are covered at most.
const LONGEST: i64 = 366;

/// Which days.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StudentBoardingList {
    /// How many to a page.
    #[serde(default)]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// The first day of a trip; thirty days are covered unless said otherwise, and 366 at most.
    from: Option<NaiveDate>,
    /// The last day of a trip, inclusive; today unless said otherwise.
    to: Option<NaiveDate>,
}

/// A student's part in a trip, and which trip it was.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StudentBoarding)]
pub struct StudentBoarding {
    /// The trip.
    trip_id: BusTripId,
    /// The school's day.
    service_date: NaiveDate,
    /// Which way.
    direction: Direction,
    /// The route.
    route_id: BusRouteId,
    /// What it is called.
    route_name: String,
    /// Whether the student is on the bus, as far as was noted.
    is_aboard: bool,
    /// When the student got on, the last time.
    boarded_at: DateTime<Utc>,
    /// When the student got off; none while on board.
    alighted_at: Option<DateTime<Utc>>,
    /// Everything that was noted. At which stop is for the parents and the office alone.
    log: Vec<Note>,
}

impl StudentBoarding {
    fn of((row, ridden): (Boarding, Ridden), sees_stops: bool) -> Self {
        let is_aboard = row.is_aboard();
        let log = row.log.into_iter().map(|note| Note { stop_id: note.stop_id.filter(|_| sees_stops), ..note });
        Self {
            trip_id: ridden.trip_id,
            service_date: ridden.service_date,
            direction: ridden.direction,
            route_id: ridden.route_id,
            route_name: ridden.route_name,
            is_aboard,
            boarded_at: row.boarded_at,
            alighted_at: row.alighted_at,
            log: log.collect(),
        }
    }
}

/// On which trips a student was, the latest first. What was noted a moment ago is in it.
#[utoipa::path(tag = "bus-route", params(("id" = StudentId, Path), StudentBoardingList), responses((status = 200, body = Page<StudentBoarding>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/students/{id}/boardings")]
async fn list(
    permit: Permit<TransportRead>,
    id: IdPath<StudentId>,
    rooms: Data<Rooms>,
    list: Params<StudentBoardingList>,
) -> Result<Page<StudentBoarding>, Problem> {
    let caller = permit.caller();
    if !rooms.may_see_boardings(caller, *id).await? {
        return Err(Problem::not_found("student"));
    }
    let days = days(list.from, list.to, rooms.today(caller).await?)?;
    let paging = Paging::asking(&rooms.platform, caller, "boardings of a student", (*id, days), list.limit, list.cursor.as_deref());
    let after: Option<(NaiveDate, DateTime<Utc>, Uuid)> = paging.after()?;
    let mut rows = store::boardings_of_student(&rooms.platform, caller.school_id, *id, days).await?;
    let place = |(row, ridden): &(Boarding, Ridden)| (ridden.service_date, row.created_at, row.id);
    rows.retain(|row| after.is_none_or(|after| place(row) < after));
    let sees_stops = caller.role != Role::Student;
    Ok(paging.page(rows, place).map(|row| StudentBoarding::of(row, sees_stops)))
}

/// The days from `from` to `to`, both inclusive.
fn days(from: Option<NaiveDate>, to: Option<NaiveDate>, today: NaiveDate) -> Result<(NaiveDate, NaiveDate), Problem> {
    let to = to.unwrap_or(today);
    let from = from.or_else(|| to.checked_sub_days(USUAL)).unwrap_or(to);
    if from > to {
        return Err(wrong("query:from", "must not be after to"));
    }
    if (to - from).num_days() >= LONGEST {
        return Err(wrong("query:from", "must be less than 366 days before to"));
    }
    Ok((from, to))
}

impl Rooms {
    async fn may_see_boardings(&self, caller: &Caller, student: StudentId) -> Result<bool, Problem> {
        match caller.role {
            _ if is_office(caller) => Ok(self.directory.learner(caller.school_id, student).await?.is_some()),
            Role::Parent => Ok(self.children(caller).await?.contains(&student)),
            Role::Student => {
                let person = self.directory.person(caller.school_id, caller.user_id).await?;
                Ok(person.student.is_some_and(|own| own.student_id == student))
            }
            _ => Ok(false),
        }
    }
}
