//! The live leaderboard of a quiz: a sorted set in Redis, brought up to date with each result. Who doesn't want to be shown is not, and nobody can tell from the
//! places of the others.

use actix_web::web::{Data, Json};
use actix_web::{get, put};
use cache::Leaderboard;
use domain::{QuizId, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, IdPath, Kind, Params, Permit, Problem, permits};
use tracing::warn;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::attempt::Attempt;
use crate::model::leaderboard::places;
use crate::model::quiz::Quiz;
use crate::model::review::marks_are_out;
use crate::model::scoring;
use crate::store::{AttemptFilter, hidden_students, hides, list_attempts, set_hides};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(leaderboard).service(preferences).service(set_preferences);
}

/// The most members that are read: more than any class has.
const MOST: u32 = 10_000;
/// A member below all others, which says that the set holds everybody: one that was lost begins anew with whoever submits next.
const WHOLE: (f64, &str) = (-1e9, "whole");

/// A leaderboard.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeaderboardView {
    /// What the quiz is worth.
    max_points: crate::model::mark::Mark,
    /// The best, best first.
    places: Vec<PlaceView>,
    /// The caller's own place, also if it is further down.
    own: Option<PlaceView>,
}

/// A place.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PlaceView {
    /// 1 is best; equal results share it.
    rank: usize,
    /// Who.
    student_id: StudentId,
    /// With what.
    result: f64,
}

/// How much of it to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LeaderboardParams {
    /// How many places; 10 unless said otherwise.
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 200)]
    top: u16,
}

const fn ten() -> u16 {
    10
}

/// Shows the leaderboard of a quiz that has one.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz."), LeaderboardParams),
    responses((status = 200, body = LeaderboardView), (status = 409, description = "The quiz has no leaderboard."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/leaderboard")]
async fn leaderboard(
    permit: Permit<permits::QuizRead>,
    id: IdPath<QuizId>,
    rooms: Data<Rooms>,
    params: Params<LeaderboardParams>,
) -> Result<Json<LeaderboardView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let sheet = rooms.sheet(&viewer, *id).await?;
    if !sheet.quiz.settings.has_leaderboard {
        return Err(Problem::conflict(Kind::Conflict, "This quiz has no leaderboard."));
    }
    if !viewer.may_change(&sheet.quiz) && !marks_are_out(&sheet.quiz, rooms.platform.clock().now()) {
        return Err(Problem::conflict(Kind::Conflict, "Its results are not shown yet."));
    }
    let mut transaction = rooms.reading(permit.school_id).await?;
    let hidden = hidden_students(&mut transaction).await?;
    drop(transaction);
    let scores = rooms.scores(&sheet.quiz).await?;
    let own: Vec<StudentId> = viewer.learners().iter().map(|learner| learner.student_id).collect();
    let lines = places(scores, |student| hidden.contains(student));
    let view = |line: &crate::model::leaderboard::Line<StudentId>| PlaceView { rank: line.rank, student_id: line.who, result: line.score };
    Ok(Json(LeaderboardView {
        max_points: sheet.quiz.max_points,
        places: lines.iter().take(params.top.into()).map(view).collect(),
        own: lines.iter().find(|line| own.contains(&line.who)).map(view),
    }))
}

impl Rooms {
    fn board(&self, quiz: &Quiz) -> Leaderboard {
        Leaderboard::new(self.platform.redis().clone(), &format!("quiz:{{{}}}:{}", quiz.school_id, quiz.id))
    }

    /// Everybody's result: as the sorted set has it, or, when that is not whole, from the attempts, which also mends it.
    async fn scores(&self, quiz: &Quiz) -> Result<Vec<(StudentId, f64)>, Problem> {
        let board = self.board(quiz);
        match board.top(MOST).await {
            Ok(lines) if lines.iter().any(|line| line.member == WHOLE.1) => {
                return Ok(lines.into_iter().filter_map(|line| Some((line.member.parse().ok()?, line.score))).collect());
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "a leaderboard is made of attempts"),
        }
        let attempts = list_attempts(&self.platform, quiz.school_id, &AttemptFilter::all(quiz.id), None).await?;
        let mut students: Vec<StudentId> = attempts.iter().map(|attempt| attempt.student_id).collect();
        students.sort_unstable();
        students.dedup();
        let mut scores = Vec::new();
        for student in students {
            let own: Vec<_> = attempts.iter().filter(|attempt| attempt.student_id == student).cloned().collect();
            if let Some(result) = scoring::result(quiz.settings.grade_method, &own) {
                scores.push((student, result.as_f64()));
            }
        }
        // Who submitted meanwhile stands there with what is newer.
        let members = scores.iter().map(|(student, score)| (*score, student.to_string())).chain([(WHOLE.0, WHOLE.1.to_owned())]);
        if let Err(error) = board.offer(members.collect()).await {
            warn!(%error, "a leaderboard was not kept");
        }
        Ok(scores)
    }

    /// Brings a student's place up to date when an attempt of theirs has changed. What fails here is mended when the board is next read from nothing; marks don't depend on it.
    pub(super) async fn show_on_leaderboard(&self, quiz: &Quiz, attempt: &Attempt) {
        if !quiz.settings.has_leaderboard {
            return;
        }
        let board = self.board(quiz);
        let member = attempt.student_id.to_string();
        let outcome = match self.counts(quiz, attempt).await {
            Ok(Some(result)) => board.set(&member, result.as_f64()).await,
            Ok(None) => board.remove(&member).await,
            Err(problem) => {
                warn!(%problem, "a place on a leaderboard was not brought up to date");
                return;
            }
        };
        if let Err(error) = outcome {
            warn!(%error, "a place on a leaderboard was not brought up to date");
        }
    }
}

/// What a student decides for all quizzes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preferences {
    /// Whether leaderboards leave the student out.
    hides_from_leaderboards: bool,
}

/// What the student has decided.
#[utoipa::path(tag = "quiz", responses((status = 200, body = Preferences), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/quiz-preferences")]
async fn preferences(permit: Permit<permits::QuizAttempt>, rooms: Data<Rooms>) -> Result<Json<Preferences>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let student = viewer.as_student().ok_or_else(|| Problem::not_found("student"))?.student_id;
    let mut transaction = rooms.reading(permit.school_id).await?;
    Ok(Json(Preferences { hides_from_leaderboards: hides(&mut transaction, student).await? }))
}

/// Decides whether leaderboards show the student. It holds at once, for all of them.
#[utoipa::path(
    tag = "quiz",
    request_body = Preferences,
    responses((status = 200, body = Preferences), CommonProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/quiz-preferences")]
async fn set_preferences(
    permit: Permit<permits::QuizAttempt>,
    rooms: Data<Rooms>,
    body: Body<Preferences>,
) -> Result<Json<Preferences>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let student = viewer.as_student().ok_or_else(|| Problem::not_found("student"))?.student_id;
    let mut transaction = rooms.writing(permit.school_id).await?;
    set_hides(&mut transaction, student, body.hides_from_leaderboards, rooms.platform.clock().now()).await?;
    transaction.commit().await?;
    Ok(Json(body.0))
}
