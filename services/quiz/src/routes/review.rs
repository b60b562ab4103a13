//! The review of an attempt: what was asked, answered and earned, as far as the quiz shows it now.

use actix_web::get;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use domain::{AttemptId, QuestionId, SlotId, UserId, Version};
use serde::Serialize;
use service_kit::{CommonProblems, IdPath, Kind, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::views::{AttemptView, pinned};
use crate::model::asked::{Asked, asked, right_answer};
use crate::model::attempt::{Answer, AnswerState, Attempt};
use crate::model::certainty::Certainty;
use crate::model::checked::correctness;
use crate::model::grade::feedback;
use crate::model::mark::Mark;
use crate::model::question::{Content, Spec};
use crate::model::response::Response;
use crate::model::review::Shown;
use crate::store::{Sheet, answers_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(review);
}

/// The review of an attempt.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewView {
    /// The attempt.
    attempt: AttemptView,
    /// What of it is shown now.
    shown: Shown,
    /// The answers, in the order of the attempt; empty while they are not shown.
    answers: Vec<ReviewedAnswer>,
}

/// An answer in a review. What is not shown is left out.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewedAnswer {
    /// The slot.
    slot_id: SlotId,
    /// Its place on this paper, from 1.
    number: usize,
    /// The question.
    question_id: QuestionId,
    /// Its version.
    question_version: Version,
    /// What was asked.
    question: Asked,
    /// What was answered.
    response: Option<Response>,
    /// How sure the student was, where that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    certainty: Option<Certainty>,
    /// What it is worth.
    max_mark: Mark,
    /// Whether it waits to be marked by a person.
    is_waiting: bool,
    /// `right`, `partly_right` or `wrong`; null for what no rule can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    correctness: Option<&'static str>,
    /// What it earned.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<Mark>,
    /// What is said to who answers so.
    #[serde(skip_serializing_if = "Option::is_none")]
    feedback: Option<Vec<String>>,
    /// What a marker said.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// What is said about the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    general_feedback: Option<String>,
    /// An answer that earns all the marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    right_answer: Option<Response>,
    /// Who marked it, for teachers.
    #[serde(skip_serializing_if = "Option::is_none")]
    graded_by: Option<UserId>,
    /// When it was marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    graded_at: Option<DateTime<Utc>>,
    /// What a marker should look for, for teachers.
    #[serde(skip_serializing_if = "Option::is_none")]
    marking_guide: Option<String>,
    /// Its version; the `ETag` for marking it is this number as `"v3"`.
    version: Version,
}

/// Shows what came of an attempt: all of it to its teachers and the office; to its student and the student's parents what the quiz's review options show now.
#[utoipa::path(
    tag = "quiz",
    params(("id" = AttemptId, Path, description = "The attempt.")),
    responses((status = 200, body = ReviewView), (status = 409, description = "It runs, or nothing of it is shown yet."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attempts/{id}/review")]
async fn review(permit: Permit<permits::QuizRead>, id: IdPath<AttemptId>, rooms: Data<Rooms>) -> Result<Versioned<ReviewView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let (sheet, attempt) = rooms.current(&viewer, *id).await?;
    let marks_it = viewer.may_change(&sheet.quiz);
    if attempt.state.is_running() && !marks_it {
        return Err(Problem::conflict(Kind::Conflict, "The attempt has not ended yet."));
    }
    let shown = rooms.shown(&viewer, &sheet, &attempt);
    if !shown.is_open() {
        return Err(Problem::conflict(Kind::Conflict, "Its review is not open yet."));
    }
    let mut reviewed = Vec::new();
    if shown.responses {
        let answers = answers_of(&rooms.platform, &attempt).await?;
        let questions = rooms.bank.contents(permit.school_id, &pinned(&answers)).await?;
        for (number, answer) in (1..).zip(&answers) {
            if let Some(content) = questions.get(&answer.pinned()) {
                reviewed.push(reviewed_answer(&sheet, &attempt, answer, number, content, shown, marks_it));
            }
        }
    }
    let version = attempt.version;
    Ok(Versioned(ReviewView { attempt: rooms.seen(&viewer, &sheet, &attempt), shown, answers: reviewed }, version))
}

/// An answer as far as `shown` lets it be seen.
pub(super) fn reviewed_answer(
    sheet: &Sheet,
    attempt: &Attempt,
    answer: &Answer,
    number: usize,
    content: &Content,
    shown: Shown,
    marks_it: bool,
) -> ReviewedAnswer {
    let response = answer.response.as_ref();
    let content = &*answer.asked(content);
    let correctness = correctness(&content.answer, response);
    let guide = match &content.answer {
        Spec::Essay { marking_guide, .. } => marking_guide.clone(),
        _ => None,
    };
    ReviewedAnswer {
        slot_id: answer.slot_id,
        number,
        question_id: answer.question_id,
        question_version: answer.question_version,
        question: asked(content, answer.slot_id, attempt.seed, sheet.quiz.settings.shuffle_answers),
        response: answer.response.clone(),
        certainty: answer.certainty,
        max_mark: answer.max_mark,
        is_waiting: answer.state == AnswerState::Waiting,
        correctness: correctness.filter(|_| shown.correctness),
        mark: answer.mark.filter(|_| shown.marks),
        feedback: shown.feedback.then(|| feedback(&content.answer, response)),
        comment: answer.feedback.clone().filter(|_| shown.feedback),
        general_feedback: content.general_feedback.clone().filter(|_| shown.general_feedback),
        right_answer: right_answer(&content.answer).filter(|_| shown.right_answer),
        graded_by: answer.graded_by.filter(|_| marks_it),
        graded_at: answer.graded_at.filter(|_| shown.marks),
        marking_guide: guide.filter(|_| marks_it),
        version: answer.version,
    }
}
