//! Cover: who stands in for a lesson's teacher, from a day to a day. Whoever stands in must be free; the constraints say whether they are.

use actix_web::{HttpResponse, post};
use chrono::NaiveDate;
use domain::{Fault, TeacherId, Text, TimetableEntryId};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, Created, IdPath, Problem, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use super::timetable::LessonView;
use crate::events::{about_cover, tell};
use crate::model::lesson::{Lesson, Status};
use crate::model::month::LONGEST;
use crate::store::{LESSON_RULES, Queue, find_lesson, insert_lesson, is_given_between, queue_up};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create);
}

/// Who is to stand in, and when.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCover {
    /// Who stands in: not the lesson's own teacher.
    teacher_id: TeacherId,
    /// The first day.
    valid_from: NaiveDate,
    /// The last day, inclusive.
    valid_to: NaiveDate,
    /// What to know about it.
    note: Option<Text<500>>,
}

/// Has somebody stand in for a lesson's teacher. 409 if whoever is to stand in gives a lesson then, or somebody stands in already.
#[utoipa::path(
    request_body = CreateCover,
    params(
        ("id" = TimetableEntryId, Path, description = "The lesson."),
        ("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer."),
    ),
    responses((status = 201, body = LessonView), (status = 409, description = "Who is to stand in is not free."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/timetable-entries/{id}/cover")]
async fn create(
    desk: Records<permits::CalendarManage>,
    id: IdPath<TimetableEntryId>,
    body: Body<CreateCover>,
) -> Result<HttpResponse, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    desk.create(&(*id, &body.0), async |transaction| {
        let CreateCover { teacher_id, valid_from, valid_to, note } = body.0.clone();
        let connection = transaction.connection()?;
        queue_up(connection, caller.school_id, &[Queue::Timetable]).await?;
        let lesson = find_lesson(connection, caller.school_id, *id).await?;
        let lesson = lesson.filter(|lesson| lesson.status == Status::Active && lesson.covers_entry_id.is_none());
        let lesson = lesson.ok_or_else(|| Problem::not_found("lesson"))?;
        check(&lesson, teacher_id, valid_from, valid_to)?;
        if !is_given_between(connection, &lesson, valid_from, valid_to).await? {
            return Err(Problem::invalid(vec![Fault::new("/valid_from", "none of these days is a day of the lesson")]));
        }
        let cover = lesson.covered(TimetableEntryId::generate(), teacher_id, (valid_from, valid_to), note.map(Into::into), now);
        insert_lesson(connection, &cover).await.map_err(|error| refuse(LESSON_RULES, error))?;
        tell(&*transaction, &about_cover(&caller, &cover, now)?).await?;
        let (version, location) = (cover.version, format!("/api/v1/timetable-entries/{}", cover.id));
        Ok(Created { body: LessonView::from(cover), version, location })
    })
    .await
}

fn check(lesson: &Lesson, teacher: TeacherId, from: NaiveDate, to: NaiveDate) -> Result<(), Problem> {
    let mut faults = Vec::new();
    if to < from {
        faults.push(Fault::new("/valid_to", "must not be before valid_from"));
    } else if (to - from).num_days() >= LONGEST {
        faults.push(Fault::new("/valid_to", format!("must be less than {LONGEST} days after valid_from")));
    } else if !lesson.counts_throughout(from, to) {
        faults.push(Fault::new("/valid_from", "the lesson is not given on all of these days"));
    }
    if lesson.teacher_id == Some(teacher) {
        faults.push(Fault::new("/teacher_id", "gives the lesson anyway"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}
