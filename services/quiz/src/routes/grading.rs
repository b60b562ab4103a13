//! Marking by hand, question by question: everybody's answers to one question, one after the other, without names.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use domain::{AnswerId, AttemptId, Fault, Permission, QuizId, ServiceName, SlotId, StudentId, Text};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, EditProblems, IdPath, IfMatch, Kind, Limit, Page, Paging, Params, Permit, Problem, Versioned, permits,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::answers::refused;
use super::review::{ReviewedAnswer, reviewed_answer};
use super::views::AttemptView;
use super::{Refusal, Rooms, owned, retried};
use crate::model::attempt::Answer;
use crate::model::mark::Mark;
use crate::model::review::Shown;
use crate::store::{Waiting, answers_to_change, other_attempts, waiting};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(mark).service(reopen);
}

/// An answer to be marked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ToMark {
    /// The attempt.
    attempt_id: AttemptId,
    /// Whose it is; null when marking blind.
    student_id: Option<StudentId>,
    /// The answer.
    answer: ReviewedAnswer,
}

/// Which answers to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListToMark {
    /// Also those that are marked already.
    #[serde(default)]
    all: bool,
    /// Without telling whose they are.
    #[serde(default)]
    blind: bool,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// The answers to one question that wait to be marked by a person, in an order that says nothing about who wrote them.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz."), ("slot_id" = SlotId, Path, description = "The slot."), ListToMark),
    responses((status = 200, body = Page<ToMark>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/slots/{slot_id}/answers")]
async fn list(
    permit: Permit<permits::QuizGrade>,
    path: IdPath<(QuizId, SlotId)>,
    rooms: Data<Rooms>,
    params: Params<ListToMark>,
) -> Result<Page<ToMark>, Problem> {
    let (caller, (id, slot)) = (permit.caller(), path.0);
    let viewer = rooms.viewer(caller).await?;
    let sheet = rooms.own_sheet(&viewer, id, Permission::QuizGrade).await?;
    rooms.settled(caller.school_id).await?;
    let paging =
        Paging::asking(&rooms.platform, caller, "to mark", (id, slot, params.all, params.blind), params.limit, params.cursor.as_deref());
    let after: Option<AnswerId> = paging.after()?;
    let list = Waiting { quiz: id, slot, all: params.all, after };
    let mut transaction = rooms.reading(caller.school_id).await?;
    let rows = waiting(&mut transaction, list, paging.limit()).await?;
    drop(transaction);
    let asked_there: Vec<_> = rows.iter().map(|(answer, _)| answer.pinned()).collect();
    let questions = rooms.bank.contents(caller.school_id, &asked_there).await?;
    let page = paging.page(rows, |(last, _)| last.id);
    let mut items = Vec::with_capacity(page.items.len());
    for (answer, attempt) in &page.items {
        let content = questions.get(&answer.pinned()).ok_or_else(|| Problem::not_found("question"))?;
        let number = attempt.layout.iter().position(|own| *own == answer.slot_id).map_or(1, |at| at + 1);
        items.push(ToMark {
            attempt_id: attempt.id,
            student_id: Some(attempt.student_id).filter(|_| !params.blind),
            answer: reviewed_answer(&sheet, attempt, answer, number, content, Shown::all(), true),
        });
    }
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// A mark.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkAnswer {
    /// What the answer earns; at most what the question is worth, and not below the quiz's floor: where that is `question`, not less than nothing.
    mark: Mark,
    /// What the marker says.
    comment: Option<Text<20000>>,
}

/// Marks an answer of a submitted attempt, also one that a rule has marked. The attempt's score follows at once.
#[utoipa::path(
    tag = "quiz",
    request_body = MarkAnswer,
    params(
        ("id" = AttemptId, Path, description = "The attempt."),
        ("slot_id" = SlotId, Path, description = "The slot."),
        ("If-Match" = String, Header, description = "The answer's version, as `\"v3\"`."),
    ),
    responses((status = 200, body = ReviewedAnswer), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/attempts/{id}/answers/{slot_id}/grade")]
async fn mark(
    permit: Permit<permits::QuizGrade>,
    path: IdPath<(AttemptId, SlotId)>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<MarkAnswer>,
) -> Result<Versioned<ReviewedAnswer>, Problem> {
    let (caller, (id, slot)) = (permit.caller(), path.0);
    let viewer = rooms.viewer(caller).await?;
    let (sheet, attempt, answer) = retried(async || {
        let (sheet, attempt) = rooms.attempt(&viewer, id).await?;
        if !viewer.may_change(&sheet.quiz) {
            return Err(Problem::forbidden(Permission::QuizGrade).into());
        }
        if !attempt.state.is_submitted() {
            return Err(refused(crate::model::attempt::Refused::Running).into());
        }
        let now = rooms.platform.clock().now();
        let mut answers = answers_to_change(&rooms.platform, &attempt).await?;
        let answer = answers.iter_mut().find(|answer| answer.slot_id == slot).ok_or_else(|| Problem::not_found("slot"))?;
        let version = answer.version;
        seen.require(version)?;
        if answer.max_mark == Mark::ZERO {
            return Err(Problem::invalid(vec![Fault::new("/mark", "nothing is to be earned here")]).into());
        }
        *answer = answer.marked_by(&sheet.quiz, caller.user_id, body.mark, body.comment.clone().map(owned), now).map_err(refused)?;
        let marked = answer.clone();
        let after = attempt.scored(&sheet.quiz, &answers, now);
        let only = std::slice::from_ref(&marked);
        // The attempt's version guards its score: two markers of two answers can't both add up what they saw.
        rooms.write(&sheet.quiz, Some(caller), None, &attempt, &after, &[version], only, now).await?;
        Ok((sheet, after, marked))
    })
    .await?;
    rooms.show_on_leaderboard(&sheet.quiz, &attempt).await;
    let content = rooms.bank.content(caller.school_id, answer.pinned()).await?;
    let number = attempt.layout.iter().position(|own| *own == slot).map_or(1, |at| at + 1);
    let version = answer.version;
    Ok(Versioned(reviewed_answer(&sheet, &attempt, &answer, number, &content, Shown::all(), true), version))
}

/// Opens an attempt that has ended: a teacher gives another chance. Its answers stay, its marks are gone. Time runs as before: where it is up, give the student
/// an override first.
#[utoipa::path(
    tag = "quiz",
    params(("id" = AttemptId, Path, description = "The attempt."), ("If-Match" = String, Header, description = "The attempt's `ETag`.")),
    responses((status = 200, body = AttemptView), (status = 409, description = "It runs, or another attempt of the student does."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attempts/{id}/reopen")]
async fn reopen(
    permit: Permit<permits::QuizGrade>,
    id: IdPath<AttemptId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<AttemptView>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let (sheet, attempt) = retried(async || {
        let (sheet, attempt) = rooms.attempt(&viewer, *id).await?;
        if !viewer.may_change(&sheet.quiz) {
            return Err(Problem::forbidden(Permission::QuizGrade).into());
        }
        seen.require(attempt.version)?;
        let now = rooms.platform.clock().now();
        let answers = answers_to_change(&rooms.platform, &attempt).await?;
        let versions: Vec<_> = answers.iter().map(|answer| answer.version).collect();
        let (after, answers): (_, Vec<Answer>) = attempt.reopened(&answers, now).map_err(refused)?;
        let others = other_attempts(&rooms.platform, &sheet.quiz, &after).await?;
        if others.iter().any(|other| other.state.is_running()) {
            return Err(Problem::conflict(Kind::Conflict, "Another attempt of this student is under way.").into());
        }
        let mut operation = rooms.operation(&sheet.quiz, Some(caller), None, &attempt, &after, &versions, &answers, now).await?;
        // One that begins or is reopened at this moment writes the last one too.
        let last = others.iter().filter(|other| other.attempt > attempt.attempt).max_by_key(|other| other.attempt);
        if let Some(last) = last {
            operation = operation.update(&last.followed(now), last.version);
        }
        // Whoever got in between has changed what was seen: the next round says whether it is this attempt or another one.
        rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Quiz), operation).await.map_err(Refusal::Write)?;
        Ok((sheet, after))
    })
    .await?;
    rooms.show_on_leaderboard(&sheet.quiz, &attempt).await;
    let version = attempt.version;
    Ok(Versioned(rooms.seen(&viewer, &sheet, &attempt), version))
}
