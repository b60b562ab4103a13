//! Regrading: marks follow the questions and the settings as they are now. What was answered never changes.

use actix_web::post;
use actix_web::web::Data;
use domain::{AttemptId, Permission, QuizId, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::{Body, Caller, CommonProblems, IdPath, Permit, Problem, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Rooms, retried};
use crate::model::attempt::{Answer, Attempt};
use crate::model::mark::Mark;
use crate::model::paper::Pinned;
use crate::store::{AttemptFilter, Sheet, answers_of, answers_to_change, find_attempt, list_attempts};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(regrade);
}

/// What to regrade.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Regrade {
    /// Only these attempts; all that were submitted if left out.
    #[schema(max_items = 1000)]
    attempts: Option<Vec<AttemptId>>,
    /// Also what a person has marked.
    #[serde(default)]
    marks_of_persons: bool,
    /// Only tells what would change.
    #[serde(default)]
    dry_run: bool,
}

/// What a regrade changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Regraded {
    /// How many attempts were looked at.
    looked_at: usize,
    /// Whether nothing was written.
    dry_run: bool,
    /// The attempts whose marks changed.
    changed: Vec<ChangedScore>,
}

/// An attempt whose marks changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedScore {
    /// The attempt.
    attempt_id: AttemptId,
    /// Whose it is.
    student_id: StudentId,
    /// Its score before.
    before: Option<Mark>,
    /// Its score now.
    after: Option<Mark>,
}

/// Marks submitted attempts anew, by each slot's present marks and question version and the quiz's present settings. Responses stay what they are, and so does
/// the version that the student saw. Running it again changes nothing more.
#[utoipa::path(
    tag = "quiz",
    request_body = Regrade,
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses((status = 200, body = Regraded), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/regrade")]
async fn regrade(
    permit: Permit<permits::QuizGrade>,
    id: IdPath<QuizId>,
    rooms: Data<Rooms>,
    body: Body<Regrade>,
) -> Result<actix_web::web::Json<Regraded>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let sheet = rooms.own_sheet(&viewer, *id, Permission::QuizGrade).await?;
    let mut attempts = list_attempts(&rooms.platform, caller.school_id, &AttemptFilter::all(*id), None).await?;
    attempts.retain(|attempt| attempt.state.is_submitted());
    if let Some(only) = &body.attempts {
        attempts.retain(|attempt| only.contains(&attempt.id));
    }
    let mut changed = Vec::new();
    for attempt in &attempts {
        if let Some(change) = rooms.regrade_one(caller, &sheet, attempt.id, &body.0).await? {
            changed.push(change);
        }
    }
    Ok(actix_web::web::Json(Regraded { looked_at: attempts.len(), dry_run: body.dry_run, changed }))
}

impl Rooms {
    async fn regrade_one(&self, caller: &Caller, sheet: &Sheet, id: AttemptId, asked: &Regrade) -> Result<Option<ChangedScore>, Problem> {
        let changed = retried(async || {
            let found = find_attempt(&self.platform, None, caller.school_id, id).await?.row();
            let Some(attempt) = found.filter(|attempt| attempt.state.is_submitted()) else { return Ok(None) };
            let answers = if asked.dry_run {
                answers_of(&self.platform, &attempt).await?
            } else {
                answers_to_change(&self.platform, &attempt).await?
            };
            let now = self.platform.clock().now();
            let versions: Vec<Pinned> = answers.iter().map(|answer| by(sheet, answer)).collect();
            let questions = self.bank.contents(caller.school_id, &versions).await?;
            let again = |answer: &Answer| {
                if answer.graded_by.is_some() && !asked.marks_of_persons {
                    return answer.clone();
                }
                let by = by(sheet, answer);
                let Some(content) = questions.get(&by) else { return answer.clone() };
                let max_mark = sheet
                    .slots
                    .iter()
                    .find(|slot| slot.id == answer.slot_id)
                    .map_or(answer.max_mark, |slot| sheet.quiz.settings.worth(slot.max_mark));
                let worth = Answer { max_mark, ..answer.clone() };
                let marked = worth.marked_by_rule(&sheet.quiz, content, by.version, now);
                let same = marked.mark == answer.mark && marked.max_mark == answer.max_mark && marked.state == answer.state;
                if same { answer.clone() } else { marked }
            };
            let after: Vec<Answer> = answers.iter().map(again).collect();
            let scored = attempt.scored(&sheet.quiz, &after, now);
            let (seen, moved): (Vec<_>, Vec<Answer>) =
                answers.iter().zip(after).filter(|(old, new)| old.version != new.version).map(|(old, new)| (old.version, new)).unzip();
            if moved.is_empty() && scored.score == attempt.score {
                return Ok(None);
            }
            if !asked.dry_run {
                self.write(&sheet.quiz, Some(caller), None, &attempt, &scored, &seen, &moved, now).await?;
            }
            Ok(Some((attempt, scored)))
        })
        .await?;
        let Some((before, after)) = changed else { return Ok(None) };
        if !asked.dry_run {
            self.show_on_leaderboard(&sheet.quiz, &after).await;
        }
        Ok(Some(change(&before, &after)))
    }
}

fn change(before: &Attempt, after: &Attempt) -> ChangedScore {
    ChangedScore { attempt_id: before.id, student_id: before.student_id, before: before.score, after: after.score }
}

/// By which version an answer is marked now: its slot's, if that asks the same question, else the one that was seen.
fn by(sheet: &Sheet, answer: &Answer) -> Pinned {
    let slot = sheet.slots.iter().find(|slot| slot.id == answer.slot_id).and_then(crate::model::paper::Slot::pinned);
    slot.filter(|pinned| pinned.question_id == answer.question_id).unwrap_or_else(|| answer.pinned())
}
