//! One lesson on one day: called off, at another time, in another period or in another room. Whole days are [`days`](super::days), another teacher is
//! [`cover`](super::cover).

use actix_web::web::Path;
use actix_web::{delete, get, put};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{EventKind, Fault, RoomId, SchoolId, Text, TimetableEntryId, Version};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IfMatch, Kind, NoContent, Problem, Versioned, permits};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Records;
use super::access::Viewer;
use super::days::named;
use super::timetable::{meets_nobody, take_room};
use crate::events::{about_lesson_day, tell};
use crate::model::lesson::{Lesson, Status};
use crate::model::lesson_day::{LessonDay, State};
use crate::store::{
    LESSON_DAY_RULES, OnDay, Queue, find_lesson, find_lesson_day, hold_rooms_of, lesson_on_day, period_of_day, queue_up, save_lesson_day,
    teacher_has_appointment, zone_of,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(say).service(restore);
}

/// What is said of a lesson on a day; what is null is as usual.
#[derive(Debug, Serialize, ToSchema)]
pub struct LessonDayView {
    /// The lesson.
    entry_id: TimetableEntryId,
    /// The day.
    day: NaiveDate,
    /// How it is that day.
    state: State,
    /// The number of its period.
    period: Option<u8>,
    /// When it begins, in minutes since midnight in the school's zone.
    start_minute: Option<u16>,
    /// When it is over.
    end_minute: Option<u16>,
    /// Where.
    room_id: Option<RoomId>,
    /// Why.
    reason: Option<String>,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
}

impl From<LessonDay> for LessonDayView {
    fn from(row: LessonDay) -> Self {
        let LessonDay { entry_id, day, state, period, start_minute, end_minute, room_id, reason, version, .. } = row;
        Self { entry_id, day, state, period, start_minute, end_minute, room_id, reason, version }
    }
}

/// What happens to the lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LessonDayChange {
    /// It is called off.
    Cancelled,
    /// It is at another time, in another period or in another room.
    Moved,
}

/// How a lesson is to be on a day.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SayLessonDay {
    /// What happens to it.
    state: LessonDayChange,
    /// The number of its period, if that is another; also that of its register. Its time is then where the day's bell has this period, unless a time is said.
    #[schema(minimum = 0, maximum = 99)]
    period: Option<u8>,
    /// When it begins, if that is another time, in minutes since midnight in the school's zone.
    #[schema(minimum = 0, maximum = 1439)]
    start_minute: Option<u16>,
    /// When it is over; goes with `start_minute`.
    #[schema(minimum = 1, maximum = 1440)]
    end_minute: Option<u16>,
    /// Where, if that is another room.
    room_id: Option<RoomId>,
    /// Why, in words that students and parents read.
    reason: Option<Text<500>>,
}

/// The lesson and the day that a path names.
pub(super) fn of_path((id, day): &(String, String)) -> Result<(TimetableEntryId, NaiveDate), Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::malformed("The lesson's id is no UUID."))?;
    Ok((TimetableEntryId::from_uuid(id), named(day)?))
}

/// The lesson, which cover is not.
pub(super) async fn lesson(connection: &mut PgConnection, school: SchoolId, id: TimetableEntryId) -> Result<Lesson, Problem> {
    let lesson = find_lesson(connection, school, id).await?;
    let lesson = lesson.filter(|lesson| lesson.status == Status::Active && lesson.covers_entry_id.is_none());
    lesson.ok_or_else(|| Problem::not_found("lesson"))
}

/// The lesson as it is on the day.
pub(super) async fn on_day(connection: &mut PgConnection, lesson: &Lesson, day: NaiveDate) -> Result<OnDay, Problem> {
    let on_day = lesson_on_day(connection, lesson.school_id, lesson.id, day).await?;
    on_day.ok_or_else(|| Problem::invalid(vec![Fault::new("path:day", "is no day of the lesson")]))
}

/// Shows what is said of a lesson on a day.
#[utoipa::path(
    params(
        ("id" = TimetableEntryId, Path, description = "The lesson."),
        ("day" = String, Path, description = "The day, such as `2026-11-24`."),
    ),
    responses((status = 200, body = LessonDayView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/timetable-entries/{id}/days/{day}")]
async fn show(desk: Records<permits::CalendarRead>, path: Path<(String, String)>) -> Result<Versioned<LessonDayView>, Problem> {
    let ((id, day), caller) = (of_path(&path)?, *desk.caller());
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    let mut transaction = desk.read().await?;
    let connection = transaction.connection()?;
    let lesson = lesson(connection, caller.school_id, id).await?;
    if !viewer.works_here() && !viewer.classes().contains(&lesson.class_id) {
        return Err(Problem::not_found("lesson"));
    }
    let said = find_lesson_day(connection, &lesson, day).await?.unwrap_or_else(|| LessonDay::usual(&lesson, day));
    let version = said.version;
    Ok(Versioned(said.into(), version))
}

/// Calls a lesson off on a day, or moves it to another time, period or room that day. What was said of it before is no longer said. 409 if its teacher, its class or
/// its room has another lesson then, the teacher an appointment, or the room a booking or an appointment.
#[utoipa::path(
    request_body = SayLessonDay,
    params(
        ("id" = TimetableEntryId, Path, description = "The lesson."),
        ("day" = String, Path, description = "The day, such as `2026-11-24`."),
        ("If-Match" = String, Header, description = "The `ETag` that was read."),
    ),
    responses((status = 200, body = LessonDayView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/timetable-entries/{id}/days/{day}")]
async fn say(
    desk: Records<permits::CalendarManage>,
    path: Path<(String, String)>,
    seen: IfMatch,
    body: Body<SayLessonDay>,
) -> Result<Versioned<LessonDayView>, Problem> {
    let ((id, day), caller, now) = (of_path(&path)?, *desk.caller(), desk.now());
    let zone = zone_of(desk.platform(), caller.school_id).await?;
    let said = desk
        .change(async |transaction| {
            let connection = transaction.connection()?;
            let (lesson, before) = held(connection, caller.school_id, id, day, seen).await?;
            let said = planned(connection, &lesson, &before, body.0.clone()).await?;
            hold_rooms_of(connection, &lesson).await?;
            if said.room_id.is_some() {
                take_room(connection, &Lesson { room_id: said.room_id, ..lesson.clone() }).await?;
            }
            save_lesson_day(connection, &said, now).await.map_err(|error| refuse(LESSON_DAY_RULES, error))?;
            let on_day = on_day(connection, &lesson, day).await?;
            meets_nobody(connection, &lesson, zone, now).await?;
            // Who only goes to another room is where they were.
            if said.start_minute.is_some() || said.period.is_some() {
                teacher_is_free(connection, &lesson, day, zone, now).await?;
            }
            let kind = if said.state == State::Cancelled { EventKind::TimetableCancelled } else { EventKind::TimetableMoved };
            tell(&*transaction, &about_lesson_day(kind, &caller, &lesson, day, &on_day, now)?).await?;
            Ok(said)
        })
        .await?;
    let version = said.version;
    Ok(Versioned(said.into(), version))
}

/// Has a lesson be as usual again on a day on which it was called off or moved. 409 if something else is there by now.
#[utoipa::path(
    params(
        ("id" = TimetableEntryId, Path, description = "The lesson."),
        ("day" = String, Path, description = "The day, such as `2026-11-24`."),
        ("If-Match" = String, Header, description = "The `ETag` that was read."),
    ),
    responses((status = 204, description = "It is as usual."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/timetable-entries/{id}/days/{day}")]
async fn restore(desk: Records<permits::CalendarManage>, path: Path<(String, String)>, seen: IfMatch) -> Result<NoContent, Problem> {
    let ((id, day), caller, now) = (of_path(&path)?, *desk.caller(), desk.now());
    let zone = zone_of(desk.platform(), caller.school_id).await?;
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        let (lesson, before) = held(connection, caller.school_id, id, day, seen).await?;
        if before.state == State::AsUsual {
            return Err(Problem::not_found("change of the lesson on this day"));
        }
        let on_day = lesson_on_day(connection, caller.school_id, id, day).await?;
        hold_rooms_of(connection, &lesson).await?;
        save_lesson_day(connection, &before.restored(&lesson), now).await.map_err(|error| refuse(LESSON_DAY_RULES, error))?;
        meets_nobody(connection, &lesson, zone, now).await?;
        teacher_is_free(connection, &lesson, day, zone, now).await?;
        // The day may be none of the lesson's by now: then nobody has it to be told of.
        if let Some(on_day) = lesson_on_day(connection, caller.school_id, id, day).await?.or(on_day) {
            tell(&*transaction, &about_lesson_day(EventKind::TimetableRestored, &caller, &lesson, day, &on_day, now)?).await?;
        }
        Ok(())
    })
    .await?;
    Ok(NoContent)
}

/// Refuses a change of a lesson's day that was just written if whoever gives it has an appointment then.
async fn teacher_is_free(
    connection: &mut PgConnection,
    lesson: &Lesson,
    day: NaiveDate,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    if teacher_has_appointment(connection, lesson.school_id, lesson.id, day, zone, now).await? {
        let fault = Fault::new("/start_minute", "the teacher has an appointment at this time");
        return Err(Problem::conflict(Kind::Conflict, "The teacher has an appointment at this time.").with_faults(vec![fault]));
    }
    Ok(())
}

/// The lesson and what is said of it on the day, which nobody else changes until the transaction ends, if it still has the version that the change is based on.
async fn held(
    connection: &mut PgConnection,
    school: SchoolId,
    id: TimetableEntryId,
    day: NaiveDate,
    seen: IfMatch,
) -> Result<(Lesson, LessonDay), Problem> {
    queue_up(connection, school, &[Queue::Timetable]).await?;
    let lesson = lesson(connection, school, id).await?;
    let said = find_lesson_day(connection, &lesson, day).await?.unwrap_or_else(|| LessonDay::usual(&lesson, day));
    seen.require(said.version)?;
    Ok((lesson, said))
}

/// What is to be said of the lesson instead of what was.
async fn planned(connection: &mut PgConnection, lesson: &Lesson, before: &LessonDay, body: SayLessonDay) -> Result<LessonDay, Problem> {
    let SayLessonDay { state, period, start_minute, end_minute, room_id, reason } = body;
    let state = match state {
        LessonDayChange::Cancelled => State::Cancelled,
        LessonDayChange::Moved => State::Moved,
    };
    let reason = reason.map(Into::into);
    let said = LessonDay { state, period, start_minute, end_minute, room_id, reason, version: before.version.next(), ..before.clone() };
    let said = said.apart_from(lesson);
    said.check()?;
    let (Some(period), None) = (said.period, said.start_minute) else { return Ok(said) };
    let Some((from, to)) = period_of_day(connection, lesson.school_id, said.day, period).await? else {
        let fault = Fault::new("/start_minute", "must be said: the day has no bell with this period");
        return Err(Problem::invalid(vec![fault]));
    };
    Ok(LessonDay { start_minute: Some(from), end_minute: Some(to), ..said })
}
