//! What is free: a room for some hours, a teacher to stand in for a lesson.

use actix_web::get;
use actix_web::web::{Json, Path};
use chrono::{DateTime, Duration, Utc};
use domain::{Fault, Faults, TimetableEntryId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Params, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use super::lesson_days::{lesson, of_path, on_day};
use super::rooms::RoomView;
use crate::model::lesson_day::State;
use crate::store::{FreeTeacher, free_rooms, free_teachers, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(rooms).service(teachers);
}

/// For when a room is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFreeRooms {
    /// From when.
    from: DateTime<Utc>,
    /// Until when; within a day.
    to: DateTime<Utc>,
    /// How many it must hold at least.
    #[param(minimum = 1, maximum = 100_000)]
    capacity: Option<i32>,
}

/// Rooms that are free.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreeRooms {
    /// The smallest first; those of which nobody has said how much they hold are last.
    items: Vec<RoomView>,
}

/// Lists the rooms that can be booked from a time to a time: no lesson, no booking and no appointment is in them. Events of the calendar keep no room.
#[utoipa::path(params(ListFreeRooms), responses((status = 200, body = FreeRooms), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/rooms/free")]
async fn rooms(desk: Records<permits::CalendarWrite>, params: Params<ListFreeRooms>) -> Result<Json<FreeRooms>, Problem> {
    let (from, to) = (params.from, params.to);
    let mut faults = Faults::none();
    faults.require(to > from, "query:to", "must be after from");
    faults.require(to - from <= Duration::days(1), "query:to", "must be within a day of from");
    faults.require(params.capacity.is_none_or(|least| (1..=100_000).contains(&least)), "query:capacity", "must be from 1 to 100000");
    faults.into_result()?;
    let school = desk.caller().school_id;
    let zone = zone_of(desk.platform(), school).await?;
    let mut transaction = desk.read().await?;
    let rooms = free_rooms(transaction.connection()?, school, zone, (from, to), params.capacity).await?;
    Ok(Json(FreeRooms { items: rooms.into_iter().map(Into::into).collect() }))
}

/// Teachers who are free.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreeTeachers {
    /// Whoever gives the fewest lessons that day comes first.
    items: Vec<FreeTeacher>,
}

/// Lists who could stand in for a lesson on a day: teachers who give no other lesson at its time, and have no appointment then.
#[utoipa::path(
    params(
        ("id" = TimetableEntryId, Path, description = "The lesson."),
        ("day" = String, Path, description = "The day, such as `2026-11-24`."),
    ),
    responses((status = 200, body = FreeTeachers), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/timetable-entries/{id}/days/{day}/free-teachers")]
async fn teachers(desk: Records<permits::CalendarManage>, path: Path<(String, String)>) -> Result<Json<FreeTeachers>, Problem> {
    let ((id, day), school) = (of_path(&path)?, desk.caller().school_id);
    let zone = zone_of(desk.platform(), school).await?;
    let mut transaction = desk.read().await?;
    let connection = transaction.connection()?;
    let lesson = lesson(connection, school, id).await?;
    if on_day(connection, &lesson, day).await?.state == State::Cancelled {
        return Err(Problem::invalid(vec![Fault::new("path:day", "the lesson is called off on this day")]));
    }
    Ok(Json(FreeTeachers { items: free_teachers(connection, &lesson, day, zone).await? }))
}
