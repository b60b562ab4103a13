//! The timetable. That nobody and nothing is in two places at once is for the table's constraints to say; here their words are passed on.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{ClassId, Fault, Patch, RoomId, SubjectId, TeacherId, Text, TimetableEntryId, Version};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Params,
    Problem, Versioned, filters, permits,
};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Records;
use super::access::Viewer;
use crate::events::{about_cover, about_lesson, tell, tell_all};
use crate::model::lesson::{Lesson, Status};
use crate::store::{
    LESSON_RULES, LessonFilter, Queue, find_lesson, has_stray_cover, has_stray_move, hold_rooms_of, insert_lesson, list_lessons, lock_room,
    queue_up, room_is_booked, save_lesson, zone_of,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// A lesson of the timetable, or cover of one.
#[derive(Debug, Serialize, ToSchema)]
pub struct LessonView {
    /// Its id.
    id: TimetableEntryId,
    /// The class.
    class_id: ClassId,
    /// The subject.
    subject_id: Option<SubjectId>,
    /// Who gives it, or stands in.
    teacher_id: Option<TeacherId>,
    /// Where; null for cover, which is given where its lesson is.
    room_id: Option<RoomId>,
    /// The day of the rotation: where that is the week, the day of the week, 1 is Monday.
    rotation_day: u8,
    /// The number of its period.
    period: Option<u8>,
    /// When it begins, in minutes since midnight in the school's zone.
    start_minute: u16,
    /// When it is over.
    end_minute: u16,
    /// The first day on which it counts.
    valid_from: NaiveDate,
    /// The last day; null means open.
    valid_to: Option<NaiveDate>,
    /// The lesson that this covers.
    covers_entry_id: Option<TimetableEntryId>,
    /// What to know about it.
    note: Option<String>,
    /// Whether it is given.
    status: Status,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Lesson> for LessonView {
    fn from(row: Lesson) -> Self {
        Self {
            id: row.id,
            class_id: row.class_id,
            subject_id: row.subject_id,
            teacher_id: row.teacher_id,
            room_id: row.room_id,
            rotation_day: row.rotation_day,
            period: row.period,
            start_minute: row.start_minute,
            end_minute: row.end_minute,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            covers_entry_id: row.covers_entry_id,
            note: row.note,
            status: row.status,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A lesson to be put on the timetable.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateLesson {
    /// The class.
    class_id: ClassId,
    /// The subject.
    subject_id: Option<SubjectId>,
    /// Who gives it.
    teacher_id: Option<TeacherId>,
    /// Where.
    room_id: Option<RoomId>,
    /// The day of the rotation: where that is the week, the day of the week, 1 is Monday.
    #[schema(minimum = 1, maximum = 31)]
    rotation_day: u8,
    /// The number of its period.
    #[schema(minimum = 0, maximum = 99)]
    period: Option<u8>,
    /// When it begins, in minutes since midnight in the school's zone.
    #[schema(minimum = 0, maximum = 1439)]
    start_minute: u16,
    /// When it is over.
    #[schema(minimum = 1, maximum = 1440)]
    end_minute: u16,
    /// The first day on which it counts.
    valid_from: NaiveDate,
    /// The last day; open, if left out.
    valid_to: Option<NaiveDate>,
    /// What to know about it.
    note: Option<Text<500>>,
}

/// What changes; what is left out stays as it is. Its cover moves along; days on which it was moved stay where they were moved to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeLesson {
    /// The subject.
    #[serde(default)]
    #[schema(value_type = Option<SubjectId>)]
    subject_id: Patch<SubjectId>,
    /// Who gives it.
    #[serde(default)]
    #[schema(value_type = Option<TeacherId>)]
    teacher_id: Patch<TeacherId>,
    /// Where.
    #[serde(default)]
    #[schema(value_type = Option<RoomId>)]
    room_id: Patch<RoomId>,
    /// The day of the rotation: where that is the week, the day of the week, 1 is Monday.
    #[schema(minimum = 1, maximum = 31)]
    rotation_day: Option<u8>,
    /// The number of its period.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 0, maximum = 99)]
    period: Patch<u8>,
    /// When it begins.
    #[schema(minimum = 0, maximum = 1439)]
    start_minute: Option<u16>,
    /// When it is over.
    #[schema(minimum = 1, maximum = 1440)]
    end_minute: Option<u16>,
    /// The first day on which it counts.
    valid_from: Option<NaiveDate>,
    /// The last day.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    valid_to: Patch<NaiveDate>,
    /// What to know about it.
    #[serde(default)]
    #[schema(value_type = Option<Text<500>>)]
    note: Patch<Text<500>>,
}

/// Which lessons to list.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListLessons {
    /// Of this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// By this teacher only.
    #[param(inline)]
    teacher_id: Option<TeacherId>,
    /// In this room only.
    #[param(inline)]
    room_id: Option<RoomId>,
    /// That count on this day or later.
    from: Option<NaiveDate>,
    /// That count on this day or earlier.
    to: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ListLessons);

/// Lists lessons and cover: of all classes for those who work at the school, of their own classes for students and parents.
#[utoipa::path(params(ListLessons), responses((status = 200, body = Page<LessonView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/timetable-entries")]
async fn list(desk: Records<permits::CalendarRead>, params: Params<ListLessons>) -> Result<Page<LessonView>, Problem> {
    let caller = *desk.caller();
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    let own = (!viewer.works_here()).then(|| viewer.classes());
    let classes = match (params.class_id, own) {
        (Some(class), Some(own)) if !own.contains(&class) => return Err(Problem::not_found("class")),
        (Some(class), _) => Some(vec![class]),
        (None, own) => own,
    };
    let paging = desk.paging("timetable", &params.0);
    let after: Option<Uuid> = paging.after()?;
    let (teacher, room, from, to) = (params.teacher_id, params.room_id, params.from, params.to);
    let filter = LessonFilter { classes, teacher, room, from, to, after };
    let mut transaction = desk.read().await?;
    let rows = list_lessons(transaction.connection()?, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| last.id.as_uuid());
    Ok(page.map(Into::into))
}

/// Puts a lesson on the timetable. 409 names what is in the way: the teacher, the room or the class.
#[utoipa::path(
    request_body = CreateLesson,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = LessonView), (status = 409, description = "The teacher, the room or the class is taken."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/timetable-entries")]
async fn create(desk: Records<permits::CalendarManage>, body: Body<CreateLesson>) -> Result<HttpResponse, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let school_id = caller.school_id;
    let zone = zone_of(desk.platform(), school_id).await?;
    desk.create(&body.0, async |transaction| {
        let body = body.0.clone();
        let lesson = Lesson {
            id: TimetableEntryId::generate(),
            school_id,
            class_id: body.class_id,
            subject_id: body.subject_id,
            teacher_id: body.teacher_id,
            room_id: body.room_id,
            rotation_day: body.rotation_day,
            period: body.period,
            start_minute: body.start_minute,
            end_minute: body.end_minute,
            valid_from: body.valid_from,
            valid_to: body.valid_to,
            covers_entry_id: None,
            note: body.note.map(Into::into),
            status: Status::Active,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        lesson.check()?;
        let connection = transaction.connection()?;
        queue_up(connection, school_id, &[Queue::Timetable]).await?;
        take_room(connection, &lesson).await?;
        insert_lesson(connection, &lesson).await.map_err(|error| refuse(LESSON_RULES, error))?;
        meets_nobody(connection, &lesson, zone, now).await?;
        tell(&*transaction, &about_lesson(&caller, &lesson, None, now)?).await?;
        let (version, location) = (lesson.version, format!("/api/v1/timetable-entries/{}", lesson.id));
        Ok(Created { body: LessonView::from(lesson), version, location })
    })
    .await
}

/// Holds the lesson's room until the transaction ends; it must be in use.
pub(super) async fn take_room(connection: &mut PgConnection, lesson: &Lesson) -> Result<(), Problem> {
    let Some(room) = lesson.room_id else { return Ok(()) };
    if lock_room(connection, lesson.school_id, room).await?.is_some_and(|room| room.is_active) {
        return Ok(());
    }
    Err(Problem::invalid(vec![Fault::new("/room_id", "there is no such room in use")]))
}

/// Refuses a lesson that was just written if a booking or an appointment is in its room: what its own constraint can't see.
pub(super) async fn meets_nobody(connection: &mut PgConnection, lesson: &Lesson, zone: Tz, now: DateTime<Utc>) -> Result<(), Problem> {
    if room_is_booked(connection, lesson, zone, now).await? {
        let fault = Fault::new("/room_id", "the room is booked on one of these days");
        return Err(Problem::conflict(Kind::Conflict, "The room is booked on one of these days.").with_faults(vec![fault]));
    }
    Ok(())
}

/// Shows a lesson, or cover.
#[utoipa::path(
    params(("id" = TimetableEntryId, Path, description = "The lesson.")),
    responses((status = 200, body = LessonView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/timetable-entries/{id}")]
async fn show(
    desk: Records<permits::CalendarRead>,
    id: IdPath<TimetableEntryId>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<LessonView>, Problem> {
    let caller = *desk.caller();
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    let mut transaction = desk.read().await?;
    let lesson = find_lesson(transaction.connection()?, caller.school_id, *id).await?;
    let lesson = lesson.filter(|lesson| viewer.works_here() || viewer.classes().contains(&lesson.class_id));
    let lesson = lesson.ok_or_else(|| Problem::not_found("lesson"))?;
    let version = lesson.version;
    Ok(NotModifiedOr(known, lesson.into(), version))
}

/// Changes a lesson. Cover is not changed: take it off and put other cover on.
#[utoipa::path(
    request_body = ChangeLesson,
    params(("id" = TimetableEntryId, Path, description = "The lesson."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = LessonView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/timetable-entries/{id}")]
async fn change(
    desk: Records<permits::CalendarManage>,
    id: IdPath<TimetableEntryId>,
    seen: IfMatch,
    body: Body<ChangeLesson>,
) -> Result<Versioned<LessonView>, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let zone = zone_of(desk.platform(), caller.school_id).await?;
    let lesson = desk
        .change(async |transaction| {
            let connection = transaction.connection()?;
            let before = editable(connection, caller.school_id, *id, seen).await?;
            if before.covers_entry_id.is_some() {
                return Err(Problem::conflict(Kind::Conflict, "This is cover: take it off the timetable and put other cover on."));
            }
            let (body, lesson) = (body.0.clone(), before.clone());
            let lesson = Lesson {
                subject_id: body.subject_id.apply(lesson.subject_id),
                teacher_id: body.teacher_id.apply(lesson.teacher_id),
                room_id: body.room_id.apply(lesson.room_id),
                rotation_day: body.rotation_day.unwrap_or(lesson.rotation_day),
                period: body.period.apply(lesson.period),
                start_minute: body.start_minute.unwrap_or(lesson.start_minute),
                end_minute: body.end_minute.unwrap_or(lesson.end_minute),
                valid_from: body.valid_from.unwrap_or(lesson.valid_from),
                valid_to: body.valid_to.apply(lesson.valid_to),
                note: match body.note {
                    Patch::Keep => lesson.note,
                    Patch::Clear => None,
                    Patch::Set(note) => Some(note.into()),
                },
                version: lesson.version.next(),
                updated_at: now,
                ..lesson
            };
            lesson.check()?;
            if has_stray_cover(connection, &lesson).await? {
                let fault = Fault::new("/valid_to", "somebody stands in on days on which the lesson would no longer count");
                return Err(Problem::conflict(Kind::Conflict, "There is cover outside these days.").with_faults(vec![fault]));
            }
            hold_rooms_of(connection, &lesson).await?;
            take_room(connection, &lesson).await?;
            save_lesson(connection, &lesson).await.map_err(|error| refuse(LESSON_RULES, error))?;
            if has_stray_move(connection, &lesson, now.with_timezone(&zone).date_naive()).await? {
                let fault = Fault::new("/rotation_day", "it was moved on a day that would no longer be one of its days");
                return Err(Problem::conflict(Kind::Conflict, "The lesson was moved on a day that would be none of its days.")
                    .with_faults(vec![fault]));
            }
            meets_nobody(connection, &lesson, zone, now).await?;
            tell(&*transaction, &about_lesson(&caller, &lesson, Some(&before), now)?).await?;
            Ok(lesson)
        })
        .await?;
    let version = lesson.version;
    Ok(Versioned(lesson.into(), version))
}

/// Takes a lesson off the timetable, with its cover; or takes cover off.
#[utoipa::path(
    params(("id" = TimetableEntryId, Path, description = "The lesson."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "It is no longer given."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/timetable-entries/{id}")]
async fn remove(desk: Records<permits::CalendarManage>, id: IdPath<TimetableEntryId>, seen: IfMatch) -> Result<NoContent, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        let lesson = editable(connection, caller.school_id, *id, seen).await?;
        let lesson = Lesson { status: Status::Cancelled, version: lesson.version.next(), updated_at: now, ..lesson };
        let mut gone = save_lesson(connection, &lesson).await.map_err(|error| refuse(LESSON_RULES, error))?;
        let mut told = Vec::with_capacity(gone.len() + 1);
        if lesson.covers_entry_id.is_some() {
            gone.push(lesson);
        } else {
            told.push(about_lesson(&caller, &lesson, None, now)?);
        }
        for cover in &gone {
            told.push(about_cover(&caller, cover, now)?);
        }
        tell_all(&*transaction, &told).await
    })
    .await?;
    Ok(NoContent)
}

/// The lesson or cover, which nobody else changes until the transaction ends, if it still has the version that the change is based on.
async fn editable(connection: &mut PgConnection, school: domain::SchoolId, id: TimetableEntryId, seen: IfMatch) -> Result<Lesson, Problem> {
    queue_up(connection, school, &[Queue::Timetable]).await?;
    let lesson = find_lesson(connection, school, id).await?;
    let lesson = lesson.filter(|lesson| lesson.status == Status::Active).ok_or_else(|| Problem::not_found("lesson"))?;
    seen.require(lesson.version)?;
    Ok(lesson)
}
