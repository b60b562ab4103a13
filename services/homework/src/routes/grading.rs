//! Grading a submission and giving it back.

use actix_web::post;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use directory::Glance;
use domain::{EventKind, Permission, Points, ServiceName, SubmissionId, Text};
use serde::Deserialize;
use service_kit::{Body, Caller, CommonProblems, EditProblems, IdPath, IfMatch, Kind, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::Operation;

use super::submissions::SubmissionView;
use super::{Refusal, Rooms, retried};
use crate::events;
use crate::model::grade::{Refused, give_back as given_back, grade as graded};
use crate::model::homework::Homework;
use crate::model::submission::Submission;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(grade).service(give_back);
}

/// A grade.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// The marks that the work earned, before the late policy; at most the homework's `max_points`.
    points: Points,
    /// What the teacher says about it.
    feedback: Option<Text<20000>>,
}

/// Grades a submission. Two teachers who grade at once: one is told with 412, and neither grade is lost unseen. Grading again takes a returned grade back.
#[utoipa::path(
    request_body = Grade,
    params(("id" = SubmissionId, Path, description = "The submission."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = SubmissionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/submissions/{id}/grade")]
async fn grade(
    permit: Permit<permits::HomeworkGrade>,
    id: IdPath<SubmissionId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<Grade>,
) -> Result<Versioned<SubmissionView>, Problem> {
    let caller = permit.caller();
    let feedback = body.0.feedback.as_ref().map(|text| text.as_str().to_owned());
    edit(&rooms, caller, *id, seen, EventKind::HomeworkGraded, |homework, row, now| {
        graded(row, homework, body.0.points, feedback.clone(), caller.user_id, now)
    })
    .await
}

/// Gives a graded submission back: from now on the student and the parents see marks and feedback.
#[utoipa::path(
    params(("id" = SubmissionId, Path, description = "The submission."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = SubmissionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/submissions/{id}/return")]
async fn give_back(
    permit: Permit<permits::HomeworkGrade>,
    id: IdPath<SubmissionId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<SubmissionView>, Problem> {
    edit(&rooms, permit.caller(), *id, seen, EventKind::HomeworkReturned, |_, row, now| given_back(row, now)).await
}

/// Writes what `alter` makes of the submission, if the caller may grade it and has seen its present version.
async fn edit(
    rooms: &Rooms,
    caller: &Caller,
    id: SubmissionId,
    seen: IfMatch,
    tells: EventKind,
    alter: impl Fn(&Homework, &Submission, DateTime<Utc>) -> Result<Submission, Refused>,
) -> Result<Versioned<SubmissionView>, Problem> {
    let now = rooms.platform.clock().now();
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, caller).await?;
        retried(async || {
            let (homework, row) = rooms.submission(glance, &viewer, caller, id).await?;
            if !viewer.may_change(&homework) {
                return Err(Problem::forbidden(Permission::HomeworkGrade).into());
            }
            seen.require(row.version)?;
            let changed = alter(&homework, &row, now).map_err(refused)?;
            let event = events::about(tells, caller, &homework, &changed, now)?;
            let operation = Operation::new(caller.school_id, ServiceName::Homework).update(&changed, row.version).event(event);
            let operation = operation.guarded(glance.guard());
            rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Homework), operation).await.map_err(Refusal::Write)?;
            Ok(changed)
        })
        .await
    };
    let changed: Submission = rooms.directory.consult(caller.school_id, work).await?;
    let version = changed.version;
    Ok(Versioned(SubmissionView::whole(changed), version))
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Marks(fault) => Problem::invalid(vec![fault]),
        Refused::NotGraded => Problem::conflict(Kind::Conflict, "It is not graded yet."),
    }
}
