//! Answers of an attempt that runs: save, check.
//!
//! Saving writes one small row. Each answer that was acknowledged is on Redis's disk, and is there when the attempt ends, whatever dies in between.

use actix_web::web::Data;
use actix_web::{HttpRequest, post, put};
use chrono::{DateTime, Utc};
use directory::Glance;
use domain::{AttemptId, Fault, Patch, ServiceName, SlotId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use service_kit::{Body, Caller, CommonProblems, IdPath, Kind, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::Operation;

use super::ending::{ended, time_is_up};
use super::{Refusal, Rooms, retried};
use crate::model::attempt::{Answer, AnswerState, Refused, Said};
use crate::model::certainty::Certainty;
use crate::model::checked::{Checked, checked};
use crate::model::mark::Fraction;
use crate::model::question::Content;
use crate::model::response::Response;
use crate::model::terms::Terms;
use crate::model::timing::{Clock, clock, due_at};
use crate::store::{Sheet, find_answer};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(save).service(check);
}

/// What is answered; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveAnswer {
    /// The answer; null takes it back.
    #[serde(default)]
    #[schema(value_type = Option<Response>)]
    response: Patch<Response>,
    /// Whether to come back to it.
    is_flagged: Option<bool>,
    /// How sure one is of it, where that counts; null takes it back.
    #[serde(default)]
    #[schema(value_type = Option<Certainty>)]
    certainty: Patch<Certainty>,
}

/// An answer as it was saved.
#[derive(Debug, Serialize, ToSchema)]
pub struct SavedAnswer {
    /// The slot.
    slot_id: SlotId,
    /// What is answered now.
    response: Option<Response>,
    /// Whether to come back to it.
    is_flagged: bool,
    /// When it was saved.
    answered_at: Option<DateTime<Utc>>,
    /// How often it was checked.
    tries: i16,
    /// The best that a check earned, penalties taken off, where the quiz shows it.
    best_fraction: Option<Fraction>,
    /// How sure one is of it, where that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    certainty: Option<Certainty>,
    /// What checks have told, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Checked>)]
    checked: Option<Box<Checked>>,
    /// How many seconds are left; null if there is no end.
    seconds_left: Option<i64>,
    /// Its version.
    version: Version,
}

/// Saves an answer. Acknowledged once it is on Redis's disk. Each answer is a row of its own: two tabs that answer two questions don't touch each other.
/// An attempt that was begun may be finished, also when the student leaves the class meanwhile; only beginning one asks for being enrolled.
#[utoipa::path(
    tag = "quiz",
    request_body = SaveAnswer,
    params(("id" = AttemptId, Path, description = "The attempt."), ("slot_id" = SlotId, Path, description = "The slot.")),
    responses(
        (status = 200, body = SavedAnswer),
        (status = 409, description = "The attempt has ended, its time is up, or the answer was checked and stays what it is."),
        CommonProblems
    ),
    security(("bearer" = []))
)]
#[put("/api/v1/attempts/{id}/answers/{slot_id}")]
async fn save(
    permit: Permit<permits::QuizAttempt>,
    path: IdPath<(AttemptId, SlotId)>,
    rooms: Data<Rooms>,
    request: HttpRequest,
    body: Body<SaveAnswer, { 512 * 1024 }>,
) -> Result<Versioned<SavedAnswer>, Problem> {
    let body = body.into_inner();
    rooms
        .alter(permit.caller(), &request, path.0, |sheet, answer, content, now| {
            let response = match body.response.clone() {
                Patch::Keep => answer.response.clone(),
                Patch::Clear => None,
                Patch::Set(response) => {
                    let here = |fault: Fault| Fault::new(format!("/response{}", fault.pointer), fault.detail);
                    response.check(&content.answer).map_err(|faults| faults.into_iter().map(here).collect::<Vec<_>>())?;
                    Some(response)
                }
            };
            let is_flagged = body.is_flagged.unwrap_or(answer.is_flagged);
            let said = Said { response, certainty: body.certainty.clone().apply(answer.certainty), is_flagged };
            answer.answered(&sheet.quiz, content, said, now).map_err(refused)
        })
        .await
}

/// Checks an answer as the quiz's behaviour has it: once and for good (`immediate`), until it is right or no try is left (`interactive`), or as often as one likes
/// (`adaptive`, where the best try counts). Each wrong try costs the question's penalty. What is told of it goes by the review options.
#[utoipa::path(
    tag = "quiz",
    params(("id" = AttemptId, Path, description = "The attempt."), ("slot_id" = SlotId, Path, description = "The slot.")),
    responses(
        (status = 200, body = SavedAnswer),
        (status = 409, description = "It can't be checked, was checked already, is not answered, or the attempt has ended."),
        CommonProblems
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/attempts/{id}/answers/{slot_id}/check")]
async fn check(
    permit: Permit<permits::QuizAttempt>,
    path: IdPath<(AttemptId, SlotId)>,
    rooms: Data<Rooms>,
    request: HttpRequest,
) -> Result<Versioned<SavedAnswer>, Problem> {
    rooms
        .alter(permit.caller(), &request, path.0, |sheet, answer, content, now| answer.checked(&sheet.quiz, content, now).map_err(refused))
        .await
}

pub(super) fn refused(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::Ended => return ended(),
        Refused::Running => "The attempt has not ended yet.",
        Refused::AlreadyChecked => "It was checked, and has not changed since.",
        Refused::Final => "It was checked, and stays what it is.",
        Refused::Unanswered => "There is no answer to check.",
        Refused::NoCertainty => {
            return Problem::invalid(vec![domain::Fault::new("/certainty", "is not asked for in this quiz")]);
        }
        Refused::NotCheckable => "This answer can't be checked before the attempt is submitted.",
        Refused::Mark => return Problem::invalid(vec![domain::Fault::new("/mark", "is more, or less, than the question can earn")]),
    };
    Problem::conflict(Kind::Conflict, detail)
}

impl Rooms {
    /// Writes what `alter` makes of an answer of the caller's running attempt.
    ///
    /// Two steps into Redis: one reads the answer and the generation of the quiz, one writes. Who calls, whose attempt it is, the quiz and the question are remembered;
    /// what can change of them is confirmed by those two.
    async fn alter(
        &self,
        caller: &Caller,
        request: &HttpRequest,
        (id, slot): (AttemptId, SlotId),
        alter: impl Fn(&Sheet, &Answer, &Content, Timestamp) -> Result<Answer, Problem>,
    ) -> Result<Versioned<SavedAnswer>, Problem> {
        let school = caller.school_id;
        let missing = || Problem::not_found("attempt");
        let work = async |glance: &Glance<'_>| {
            let viewer = self.viewer_at(glance, caller).await?;
            let guard = glance.guard();
            retried(async || {
                let sitting = self.sittings.find(&self.platform, guard, school, id).await?.ok_or_else(missing)?;
                viewer.as_student().filter(|learner| learner.student_id == sitting.student_id).ok_or_else(missing)?;
                let (answer, sheet) =
                    tokio::join!(find_answer(&self.platform, guard, school, id, slot), self.sheets.find(school, sitting.quiz_id));
                let answer = answer?.ok_or_else(|| Problem::not_found("slot"))?;
                let sheet = sheet?.ok_or_else(missing)?;
                self.admit(request, &sheet.quiz)?;
                // Ending an attempt ends every answer in the same step, so the answer alone tells.
                if answer.state != AnswerState::Open {
                    return Err(ended().into());
                }
                let content = self.bank.content(school, answer.pinned()).await?;
                let now = self.platform.clock().now();
                let terms = Terms::of(&sheet.quiz, &sheet.overrides, sitting.student_id);
                match clock(&sheet.quiz, &terms, sitting.started_at, now) {
                    Clock::Running => {}
                    Clock::Grace => return Err(time_is_up().into()),
                    Clock::Over(_) => {
                        // Seldom, and large: not worth its room in every request.
                        Box::pin(self.end_if_over(guard, &sheet, id)).await?;
                        return Err(Problem::conflict(Kind::Conflict, "Time is up.").into());
                    }
                }
                // In boxes: they are waited with, and large.
                let (changed, told) = {
                    let content = answer.asked(&content);
                    let changed = Box::new(alter(&sheet, &answer, &content, now)?);
                    let told = checked(&sheet.quiz, &content, &changed).map(Box::new);
                    (changed, told)
                };
                let operation = Operation::new(school, ServiceName::Quiz).update(&*changed, answer.version).guarded(guard);
                self.platform.buffer().write(self.platform.postgres(ServiceName::Quiz), operation).await.map_err(Refusal::Write)?;
                let left = due_at(&terms, sitting.started_at).map(|due| (due - now).num_seconds().max(0));
                Ok((sheet, changed, told, left))
            })
            .await
        };
        let (sheet, answer, told, left) = self.directory.consult(school, work).await?;
        let version = answer.version;
        let saved = SavedAnswer {
            slot_id: answer.slot_id,
            response: answer.response,
            is_flagged: answer.is_flagged,
            answered_at: answer.answered_at,
            tries: answer.tries,
            best_fraction: answer.best_fraction.filter(|_| sheet.quiz.settings.review_options.during.marks),
            certainty: answer.certainty,
            checked: told,
            seconds_left: left,
            version,
        };
        Ok(Versioned(saved, version))
    }
}
