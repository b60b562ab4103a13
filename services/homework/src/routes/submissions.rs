//! Submissions: hand in, list, show.

use actix_web::web::Data;
use actix_web::{get, post};
use chrono::{DateTime, Utc};
use directory::Glance;
use domain::{EventKind, HomeworkId, Points, ServiceName, StudentId, SubmissionId, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, IdPath, IdempotencyKey, IfNoneMatch, Kind, Limit, NotModifiedOr, Page, Paging, Params, Permit, Problem,
    permits,
};
use store::StoreError;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::{Absence, Found, Operation, ReadError, Written};

use super::access::Viewer;
use super::homework::idempotency;
use super::{Refusal, Rooms, retried};
use crate::events;
use crate::model::homework::Homework;
use crate::model::submission::{Refused, Status, Submission, hand_in, id_of};
use crate::store::{SubmissionFilter, find_homework, find_submission, list_submissions};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(submit).service(list).service(show);
}

/// A student's submission. Marks and feedback are shown to students and parents once it was given back.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubmissionView {
    /// Its id.
    id: SubmissionId,
    /// What it answers.
    homework_id: HomeworkId,
    /// Who handed it in.
    student_id: StudentId,
    /// Which attempt it is, from 1.
    attempt: u8,
    /// Where it stands; `graded` shows as `submitted` until it is given back.
    status: Status,
    /// What was handed in.
    content: String,
    /// When the server received it.
    submitted_at: DateTime<Utc>,
    /// Whether that was after the due time.
    is_late: bool,
    /// By how many seconds.
    late_seconds: i64,
    /// The marks that the work earned.
    points: Option<Points>,
    /// The marks that are left after the late policy.
    points_after_penalty: Option<Points>,
    /// What the teacher says about it.
    feedback: Option<String>,
    /// Who graded it.
    graded_by: Option<UserId>,
    /// When it was graded.
    graded_at: Option<DateTime<Utc>>,
    /// When it was given back.
    returned_at: Option<DateTime<Utc>>,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
}

impl SubmissionView {
    /// As a teacher or the office sees it.
    pub(super) fn whole(row: Submission) -> Self {
        Self {
            id: row.id,
            homework_id: row.homework_id,
            student_id: row.student_id,
            attempt: row.attempt,
            status: row.status,
            content: row.content,
            submitted_at: row.submitted_at,
            is_late: row.is_late,
            late_seconds: row.late_seconds,
            points: row.points,
            points_after_penalty: row.points_after_penalty,
            feedback: row.feedback,
            graded_by: row.graded_by,
            graded_at: row.graded_at,
            returned_at: row.returned_at,
            version: row.version,
        }
    }

    /// As `viewer` may see it.
    fn seen_by(viewer: &Viewer, homework: &Homework, row: Submission) -> Self {
        if viewer.may_change(homework) || row.status == Status::Returned {
            return Self::whole(row);
        }
        let ungraded = Submission {
            status: Status::Submitted,
            points: None,
            points_after_penalty: None,
            feedback: None,
            graded_by: None,
            graded_at: None,
            ..row
        };
        Self::whole(ungraded)
    }
}

/// What a student hands in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The work, as text.
    content: Text<50000>,
}

/// Hands in homework. Acknowledged once it is on Redis's disk. The server's clock decides whether it is late.
#[utoipa::path(
    request_body = Submit,
    params(
        ("id" = HomeworkId, Path, description = "The homework."),
        ("Idempotency-Key" = String, Header, description = "Names the request, so that a retry gets its first answer instead of using up another attempt."),
    ),
    responses((status = 201, body = SubmissionView), (status = 409, description = "Closed, too late, or no attempts left."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/homework/{id}/submissions")]
async fn submit(
    permit: Permit<permits::HomeworkSubmit>,
    id: IdPath<HomeworkId>,
    key: IdempotencyKey,
    rooms: Data<Rooms>,
    body: Body<Submit>,
) -> Result<Created<SubmissionView>, Problem> {
    let caller = permit.caller();
    let now = rooms.platform.clock().now();
    let key = idempotency(caller, &format!("POST /api/v1/homework/{}/submissions", *id), key.as_str(), &body.0)?;
    let buffer = rooms.platform.buffer();
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, caller).await?;
        let homework = viewer.see(find_homework(&rooms.platform, glance.guard(), caller.school_id, *id).await?)?;
        let student = enrolled(glance, &viewer, &homework, now).await?;
        let row = retried(async || {
            // Before the attempts are counted: the retry's own first try is among them.
            if let Some(first) = buffer.recall(ServiceName::Homework, caller.school_id, &key).await? {
                return replayed(&rooms, &homework, SubmissionId::from_uuid(first)).await;
            }
            let Some((attempt, absence)) = next_attempt(&rooms, &homework, student).await? else {
                // A twin of this request may have used the last one since: then its key is known by now.
                let first = buffer.recall(ServiceName::Homework, caller.school_id, &key).await?;
                let first = first.ok_or_else(|| refused(Refused::NoAttemptsLeft))?;
                return replayed(&rooms, &homework, SubmissionId::from_uuid(first)).await;
            };
            let content = body.0.content.as_str().to_owned();
            let row = hand_in(&homework, student, attempt, content, now).map_err(refused)?;
            let event = events::about(EventKind::HomeworkSubmitted, caller, &homework, &row, now)?;
            let operation = Operation::new(caller.school_id, ServiceName::Homework).create_absent(&row, absence).event(event);
            let operation = operation.idempotent(Some(key.clone())).guarded(glance.guard());
            match buffer.write(rooms.platform.postgres(ServiceName::Homework), operation).await.map_err(Refusal::Write)? {
                Written::New => Ok(row),
                Written::Replayed(first) => replayed(&rooms, &homework, SubmissionId::from_uuid(first)).await,
            }
        })
        .await?;
        Ok::<_, Problem>((viewer, homework, row))
    };
    let (viewer, homework, row) = rooms.directory.consult(caller.school_id, work).await?;
    let (version, location) = (row.version, format!("/api/v1/submissions/{}", row.id));
    Ok(Created { body: SubmissionView::seen_by(&viewer, &homework, row), version, location })
}

/// The caller, enrolled in the homework's class today, by the school's calendar.
async fn enrolled(glance: &Glance<'_>, viewer: &Viewer, homework: &Homework, now: DateTime<Utc>) -> Result<StudentId, Problem> {
    let class = glance.class(homework.class_id).await?;
    let zone = class.and_then(|class| class.time_zone.parse::<chrono_tz::Tz>().ok()).unwrap_or(chrono_tz::UTC);
    let today = now.with_timezone(&zone).date_naive();
    let student = viewer.as_student().filter(|learner| learner.is_in(homework.class_id, today));
    student.map(|learner| learner.student_id).ok_or_else(|| Problem::conflict(Kind::Conflict, "You are not enrolled in this class today."))
}

async fn replayed(rooms: &Rooms, homework: &Homework, id: SubmissionId) -> Result<Submission, Refusal> {
    let first = find_submission(&rooms.platform, None, homework.school_id, id).await?.row();
    Ok(first.ok_or_else(|| Problem::not_found("submission"))?)
}

/// The first attempt that the student has not used, with the proof that it is free; none if all are used.
async fn next_attempt(rooms: &Rooms, homework: &Homework, student: StudentId) -> Result<Option<(u8, Absence)>, Problem> {
    for attempt in 1..=homework.max_attempts {
        match find_submission(&rooms.platform, None, homework.school_id, id_of(homework, student, attempt)).await {
            Ok(Found::Row(_)) => {}
            Ok(Found::Absent(absence)) => return Ok(Some((attempt, absence))),
            // PostgreSQL is away and Redis has no such attempt: handing in goes on. Should there be one after all, the drain keeps both.
            Err(ReadError::Store(StoreError::Unavailable(_))) => return Ok(Some((attempt, Absence::unproven()))),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

fn refused(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::Closed => "This homework takes no submissions any more.",
        Refused::TooLate => "It was due before now, and late work is not taken.",
        Refused::NoAttemptsLeft => "All attempts are used.",
    };
    Problem::conflict(Kind::Conflict, detail)
}

/// Which submissions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSubmissions {
    /// Of this student only.
    student_id: Option<StudentId>,
    /// In this state only; for teachers and the office.
    status: Option<Status>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists what was handed in for a piece of homework, in the order in which it came: all of it for its teachers and the office, one's own for a student, the
/// children's for a parent.
#[utoipa::path(
    params(("id" = HomeworkId, Path, description = "The homework."), ListSubmissions),
    responses((status = 200, body = Page<SubmissionView>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/homework/{id}/submissions")]
async fn list(
    permit: Permit<permits::HomeworkRead>,
    id: IdPath<HomeworkId>,
    rooms: Data<Rooms>,
    params: Params<ListSubmissions>,
) -> Result<Page<SubmissionView>, Problem> {
    let caller = permit.caller();
    let find = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, caller).await?;
        let homework = viewer.see(find_homework(&rooms.platform, glance.guard(), caller.school_id, *id).await?)?;
        Ok::<_, Problem>((viewer, homework))
    };
    let (viewer, homework) = rooms.directory.consult(caller.school_id, find).await?;
    let all = viewer.may_change(&homework);
    let students: Option<Vec<StudentId>> = match params.student_id {
        Some(student) if all || viewer.learner(student).is_some() => Some(vec![student]),
        Some(_) => return Err(Problem::not_found("student")),
        None if all => None,
        None => Some(viewer.learners().iter().map(|learner| learner.student_id).collect()),
    };
    // A student could tell from the filter what the view hides.
    let status = params.status.filter(|_| all);
    let paging =
        Paging::asking(&rooms.platform, caller, "submissions", (*id, params.student_id, status), params.limit, params.cursor.as_deref());
    let after = paging.after()?;
    let filter = SubmissionFilter { homework: *id, students, status, after };
    let rows = list_submissions(&rooms.platform, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.submitted_at, last.id));
    Ok(page.map(|row| SubmissionView::seen_by(&viewer, &homework, row)))
}

/// Shows a submission.
#[utoipa::path(
    params(("id" = SubmissionId, Path, description = "The submission.")),
    responses((status = 200, body = SubmissionView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/submissions/{id}")]
async fn show(
    permit: Permit<permits::HomeworkRead>,
    id: IdPath<SubmissionId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<SubmissionView>, Problem> {
    let find = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, permit.caller()).await?;
        let (homework, row) = rooms.submission(glance, &viewer, permit.caller(), *id).await?;
        Ok::<_, Problem>((viewer, homework, row))
    };
    let (viewer, homework, row) = rooms.directory.consult(permit.school_id, find).await?;
    let version = row.version;
    Ok(NotModifiedOr(known, SubmissionView::seen_by(&viewer, &homework, row), version))
}

impl Rooms {
    /// The submission and its homework, if the caller may see them.
    pub(super) async fn submission(
        &self,
        glance: &Glance<'_>,
        viewer: &Viewer,
        caller: &service_kit::Caller,
        id: SubmissionId,
    ) -> Result<(Homework, Submission), Problem> {
        let missing = || Problem::not_found("submission");
        let row = find_submission(&self.platform, glance.guard(), caller.school_id, id).await?.row().ok_or_else(missing)?;
        let homework = find_homework(&self.platform, None, caller.school_id, row.homework_id).await?.ok_or_else(missing)?;
        let may = viewer.may_change(&homework) || viewer.learner(row.student_id).is_some();
        if may { Ok((homework, row)) } else { Err(missing()) }
    }
}
