//! Statistics of a quiz, for those who set it.

use std::collections::{BTreeMap, HashMap};

use actix_web::get;
use actix_web::web::{Data, Json};
use domain::{AttemptId, Permission, QuizId, SlotId};
use service_kit::{CommonProblems, IdPath, Permit, Problem, permits};
use sha2::{Digest, Sha256};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::views::pinned;
use crate::model::attempt::{Answer, Attempt, Questions, State};
use crate::model::grade::{Outcome, grade, guess_score};
use crate::model::mark::Fraction;
use crate::model::paper::Pinned;
use crate::model::question::Spec;
use crate::model::quiz::GradeMethod;
use crate::model::statistics::{Responses, compute};
use crate::store::{Analysis, AttemptFilter, ItemAnalysis, Sheet, find_analysis, keep_analysis, list_attempts, marked_rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(statistics);
}

/// The statistics of a quiz, from one marked attempt of each student: the one that counts, or the first where the mean counts. They are computed when an attempt
/// was added or marked anew, kept in MongoDB, and then found there.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses((status = 200, body = Analysis), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/statistics")]
async fn statistics(permit: Permit<permits::QuizGrade>, id: IdPath<QuizId>, rooms: Data<Rooms>) -> Result<Json<Analysis>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let sheet = rooms.own_sheet(&viewer, *id, Permission::QuizGrade).await?;
    rooms.settled(caller.school_id).await?;
    let all = list_attempts(&rooms.platform, caller.school_id, &AttemptFilter::all(*id), None).await?;
    let counted = counted(sheet.quiz.settings.grade_method, all);
    let hash = hash(&counted);
    if let Some(known) = find_analysis(&rooms.platform, caller.school_id, *id, &hash).await? {
        return Ok(Json(known));
    }
    let ids: Vec<AttemptId> = counted.iter().map(|attempt| attempt.id).collect();
    let mut transaction = rooms.reading(caller.school_id).await?;
    let answers = marked_rows(&mut transaction, &ids).await?;
    drop(transaction);
    let questions = rooms.bank.contents(caller.school_id, &pinned(&answers)).await?;
    let (whole, items) = analyse(&sheet, &counted, &answers, &questions);
    let analysis = Analysis { quiz_id: *id, attempts_hash: hash, computed_at: rooms.platform.clock().now(), whole, items };
    keep_analysis(&rooms.platform, caller.school_id, &analysis).await?;
    Ok(Json(analysis))
}

/// One marked attempt of each student, by student.
fn counted(method: GradeMethod, attempts: Vec<Attempt>) -> Vec<Attempt> {
    let mut of: BTreeMap<_, Attempt> = BTreeMap::new();
    for attempt in attempts.into_iter().filter(|attempt| attempt.state == State::Graded) {
        let better = |present: &Attempt| match method {
            GradeMethod::Highest => {
                (attempt.score, std::cmp::Reverse(attempt.attempt)) > (present.score, std::cmp::Reverse(present.attempt))
            }
            GradeMethod::Average | GradeMethod::First => attempt.attempt < present.attempt,
            GradeMethod::Last => attempt.attempt > present.attempt,
        };
        if of.get(&attempt.student_id).is_none_or(better) {
            of.insert(attempt.student_id, attempt);
        }
    }
    of.into_values().collect()
}

/// Names a set of attempts, as they are.
fn hash(attempts: &[Attempt]) -> String {
    let mut hasher = Sha256::new();
    // The first part tells figures of different releases apart.
    hasher.update(b"2");
    for attempt in attempts {
        hasher.update(attempt.id.as_uuid().as_bytes());
        hasher.update(attempt.version.get().to_be_bytes());
    }
    hex::encode(hasher.finalize())
}

fn analyse(
    sheet: &Sheet,
    attempts: &[Attempt],
    answers: &[Answer],
    questions: &Questions,
) -> (crate::model::statistics::Whole, Vec<ItemAnalysis>) {
    let by_place: HashMap<(AttemptId, SlotId), &Answer> =
        answers.iter().map(|answer| ((answer.attempt_id, answer.slot_id), answer)).collect();
    let slots: Vec<_> = sheet.slots.iter().filter(|slot| slot.max_mark.steps() > 0).collect();
    let mark = |attempt: &Attempt, slot: SlotId| {
        let answer = by_place.get(&(attempt.id, slot));
        answer.and_then(|answer| answer.mark).map_or(0.0, crate::model::mark::Mark::as_f64)
    };
    let responses = Responses {
        max_marks: slots.iter().map(|slot| sheet.quiz.settings.worth(slot.max_mark).as_f64()).collect(),
        marks: attempts.iter().map(|attempt| slots.iter().map(|slot| mark(attempt, slot.id)).collect()).collect(),
        scores: attempts.iter().filter_map(|attempt| attempt.score).map(crate::model::mark::Mark::as_f64).collect(),
    };
    let (whole, figures) = compute(&responses);
    let item = |(slot, figures): (&&crate::model::paper::Slot, _)| {
        let given: Vec<&Answer> = attempts.iter().filter_map(|attempt| by_place.get(&(attempt.id, slot.id)).copied()).collect();
        let pinned = most_asked(&given).or_else(|| slot.pinned())?;
        let mut distribution = BTreeMap::new();
        for answer in &given {
            if let Some(content) = questions.get(&answer.pinned()) {
                for line in said(&answer.asked(content).answer, answer) {
                    *distribution.entry(line).or_insert(0) += 1;
                }
            }
        }
        Some(ItemAnalysis {
            slot_id: slot.id,
            question_id: pinned.question_id,
            version: pinned.version,
            n: given.len(),
            guess_score: questions.get(&pinned).and_then(|content| guess_score(&content.answer)),
            figures,
            distribution,
        })
    };
    (whole, slots.iter().zip(figures).filter_map(item).collect())
}

fn most_asked(answers: &[&Answer]) -> Option<Pinned> {
    let mut counts: HashMap<Pinned, usize> = HashMap::new();
    for answer in answers {
        *counts.entry(answer.pinned()).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(pinned, count)| (*count, pinned.question_id, pinned.version)).map(|(pinned, _)| pinned)
}

/// What an answer counts as in the distribution.
fn said(spec: &Spec, answer: &Answer) -> Vec<String> {
    let Some(response) = answer.response.as_ref().filter(|response| !response.is_empty()) else { return vec!["none".to_owned()] };
    match spec {
        Spec::SingleChoice { .. } | Spec::MultipleChoice { .. } => response.keys.clone().unwrap_or_default(),
        Spec::TrueFalse { .. } => vec![response.is_true.unwrap_or_default().to_string()],
        _ => vec![
            match grade(spec, Some(response)) {
                Outcome::Earned(earned) if earned == Fraction::ONE => "right",
                Outcome::Earned(earned) if earned > Fraction::ZERO => "partly_right",
                Outcome::Earned(_) => "wrong",
                Outcome::ByHand | Outcome::NotAsked => "answered",
            }
            .to_owned(),
        ],
    }
}
