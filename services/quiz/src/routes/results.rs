//! Results: what counts of each student's attempts.

use std::collections::BTreeMap;

use actix_web::get;
use actix_web::web::{Data, Json};
use domain::{QuizId, StudentId};
use serde::Serialize;
use service_kit::{CommonProblems, IdPath, Permit, Problem, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::views::AttemptView;
use crate::model::attempt::{Attempt, State};
use crate::model::mark::{Fraction, Mark};
use crate::model::quiz::GradeMethod;
use crate::model::scoring;
use crate::store::{AttemptFilter, list_attempts};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(results);
}

/// The results of a quiz.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResultsView {
    /// The quiz.
    quiz_id: QuizId,
    /// Which attempt counts.
    grade_method: GradeMethod,
    /// What the quiz is worth.
    max_points: Mark,
    /// How many students have begun.
    begun: usize,
    /// How many have a result.
    with_result: usize,
    /// The mean of the results, for teachers and the office.
    mean: Option<Mark>,
    /// One line a student who has begun, by student id.
    results: Vec<ResultView>,
}

/// The result of a student.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResultView {
    /// The student.
    student_id: StudentId,
    /// What counts; null while something waits to be marked, and while it is not shown.
    result: Option<Mark>,
    /// The same as a part of what the quiz is worth.
    fraction: Option<Fraction>,
    /// Whether an answer waits to be marked by a person.
    is_waiting: bool,
    /// The attempts, in their order.
    attempts: Vec<AttemptView>,
}

/// Shows what counts of each student's attempts: everybody's to the quiz's teachers and the office, one's own to a student, the children's to a parent, once it
/// is shown to them. What was acknowledged a moment ago is in it.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses((status = 200, body = ResultsView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/results")]
async fn results(permit: Permit<permits::QuizRead>, id: IdPath<QuizId>, rooms: Data<Rooms>) -> Result<Json<ResultsView>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let sheet = rooms.sheet(&viewer, *id).await?;
    let all = viewer.may_change(&sheet.quiz);
    let students = (!all).then(|| viewer.learners().iter().map(|learner| learner.student_id).collect());
    let filter = AttemptFilter { students, ..AttemptFilter::all(*id) };
    let attempts = list_attempts(&rooms.platform, caller.school_id, &filter, None).await?;
    let mut by_student: BTreeMap<StudentId, Vec<Attempt>> = BTreeMap::new();
    for attempt in attempts {
        by_student.entry(attempt.student_id).or_default().push(attempt);
    }
    let method = sheet.quiz.settings.grade_method;
    let line = |(student_id, mut attempts): (StudentId, Vec<Attempt>)| {
        attempts.sort_by_key(|attempt| attempt.attempt);
        // A result that is made of attempts shows when all of them do.
        let ended = || attempts.iter().filter(|attempt| attempt.state.is_submitted());
        let is_shown = all || ended().all(|attempt| rooms.shown(&viewer, &sheet, attempt).marks);
        let result = scoring::result(method, &attempts).filter(|_| is_shown);
        ResultView {
            student_id,
            result,
            fraction: result.and_then(|result| result.out_of(sheet.quiz.max_points)),
            is_waiting: attempts.iter().any(|attempt| attempt.state == State::Submitted),
            attempts: attempts.iter().map(|attempt| rooms.seen(&viewer, &sheet, attempt)).collect(),
        }
    };
    let results: Vec<ResultView> = by_student.into_iter().map(line).collect();
    let marks: Vec<Mark> = results.iter().filter_map(|line| line.result).collect();
    Ok(Json(ResultsView {
        quiz_id: *id,
        grade_method: method,
        max_points: sheet.quiz.max_points,
        begun: results.len(),
        with_result: marks.len(),
        mean: Mark::mean(&marks).filter(|_| all),
        results,
    }))
}
