//! The timetable as it is given: each lesson on each of its days, where and when it is that day, by whom, and whether it is called off.

use actix_web::get;
use actix_web::web::Json;
use chrono::NaiveDate;
use directory::timetable::{GivenFilter, lessons_given};
use domain::{ClassId, Fault, RoomId, TeacherId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Params, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use super::access::Viewer;
use crate::model::given::{GivenLesson, without_holidays};
use crate::model::month::Window;
use crate::store::{events_between, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// The most days to look at: six weeks, as a month is shown.
const MOST_DAYS: i64 = 42;

/// Which lessons to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListGiven {
    /// The first day, in the school's zone.
    from: NaiveDate,
    /// The last day, inclusive; less than 42 days later.
    to: NaiveDate,
    /// Of this class only. Whoever works here names a class, a teacher or a room.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// That this teacher gives, or is stood in for.
    #[param(inline)]
    teacher_id: Option<TeacherId>,
    /// In this room only.
    #[param(inline)]
    room_id: Option<RoomId>,
}

/// The lessons of some days.
#[derive(Debug, Serialize, ToSchema)]
pub struct Timetable {
    /// The zone whose clocks count.
    time_zone: String,
    /// In order of time.
    items: Vec<GivenLesson>,
}

/// Lists lessons day by day: with cover, by the day's own rotation and bell, without holidays; where they were moved, and those that are called off as such. Students and parents see their own classes.
#[utoipa::path(params(ListGiven), responses((status = 200, body = Timetable), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/timetable")]
async fn list(desk: Records<permits::CalendarRead>, params: Params<ListGiven>) -> Result<Json<Timetable>, Problem> {
    let caller = *desk.caller();
    let zone = zone_of(desk.platform(), caller.school_id).await?;
    Window::asked(params.from, params.to, zone)?;
    if (params.to - params.from).num_days() >= MOST_DAYS {
        return Err(Problem::invalid(vec![Fault::new("query:to", format!("must be less than {MOST_DAYS} days after from"))]));
    }
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    let own = (!viewer.works_here()).then(|| viewer.classes());
    let classes = match (params.class_id, own) {
        (Some(class), Some(own)) if !own.contains(&class) => return Err(Problem::not_found("class")),
        (Some(class), _) => Some(vec![class]),
        (None, own) => own,
    };
    if classes.is_none() && params.teacher_id.is_none() && params.room_id.is_none() {
        return Err(Problem::invalid(vec![Fault::new("query:class_id", "say whose lessons: a class's, a teacher's or a room's")]));
    }
    let filter = GivenFilter { classes, teacher: params.teacher_id, room: params.room_id, called_off: true };
    let events = events_between(desk.platform(), caller.school_id, params.from, params.to).await?;
    let mut transaction = desk.read().await?;
    let given = lessons_given(&mut transaction, (params.from, params.to), &filter).await?;
    let items = without_holidays(given, &events).into_iter().map(|lesson| GivenLesson::of(lesson, zone)).collect();
    Ok(Json(Timetable { time_zone: zone.name().to_owned(), items }))
}
