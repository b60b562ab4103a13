//! Attempts: begin, show, list, submit.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, get, post};
use cache::{Guard, near};

use directory::Glance;
use domain::{AttemptId, Fault, QuizId, ServiceName, SlotId, StudentId, Text};
use fred::interfaces::KeysInterface;
use fred::types::ExpireOptions;
use serde::Deserialize;
use service_kit::extract::read_payload;
use service_kit::{Body, Caller, CommonProblems, Created, IdPath, Kind, Limit, Page, Paging, Params, Permit, Problem, Versioned, permits};
use store::StoreError;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::{Absence, Found, Operation, ReadError};

use super::access::Viewer;
use super::ending::{By, Last, ended};
use super::views::{AttemptView, pinned};
use super::{Refusal, Rooms, retried};
use crate::model::attempt::{Answer, Attempt, Questions, State, attempt_id, begin};
use crate::model::certainty::Certainty;
use crate::model::password;
use crate::model::quiz::MAX_ATTEMPTS;
use crate::model::response::Response;
use crate::model::review::{Shown, shown};
use crate::model::terms::Terms;
use crate::model::timing::{Clock, Refused, clock, may_start};
use crate::store::{AttemptFilter, Sheet, answers_of, find_attempt, list_attempts};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(start).service(begin_attempt).service(list).service(show).service(submit).service(submit_quiz);
}

/// How often a student may guess at a quiz's password in a minute.
const GUESSES: u32 = 10;
const MINUTE: Duration = Duration::from_mins(1);
const SMALL: usize = 16 * 1024;

/// What it takes to begin.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartQuiz {
    /// The quiz's password, if it has one.
    password: Option<Text<100>>,
}

/// Begins an attempt, or goes on with the one that is under way: beginning again is harmless. The body may be left out.
#[utoipa::path(
    tag = "quiz",
    request_body = Option<StartQuiz>,
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses(
        (status = 201, body = AttemptView, description = "It has begun."),
        (status = 200, body = AttemptView, description = "One is under way; this is it."),
        (status = 409, description = "Not open, closed, no attempts left, or too soon."),
        (status = 423, description = "Too many wrong passwords: wait for `Retry-After`."),
        CommonProblems
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/start")]
async fn start(
    permit: Permit<permits::QuizAttempt>,
    id: IdPath<QuizId>,
    rooms: Data<Rooms>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    start_attempt(permit.caller(), *id, &rooms, &request, payload).await
}

/// The same as `start`, under the name of what it makes.
#[utoipa::path(
    tag = "quiz",
    request_body = Option<StartQuiz>,
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses(
        (status = 201, body = AttemptView, description = "It has begun."),
        (status = 200, body = AttemptView, description = "One is under way; this is it."),
        (status = 409, description = "Not open, closed, no attempts left, or too soon."),
        (status = 423, description = "Too many wrong passwords: wait for `Retry-After`."),
        CommonProblems
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/attempts")]
async fn begin_attempt(
    permit: Permit<permits::QuizAttempt>,
    id: IdPath<QuizId>,
    rooms: Data<Rooms>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    start_attempt(permit.caller(), *id, &rooms, &request, payload).await
}

async fn start_attempt(
    caller: &Caller,
    id: QuizId,
    rooms: &Rooms,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let body = optional_body(request, payload).await?;
    let checked = Cell::new(false);
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, caller).await?;
        retried(async || {
            let sheet = rooms.sheet(&viewer, id).await?;
            rooms.admit(request, &sheet.quiz)?;
            let now = rooms.platform.clock().now();
            let student = rooms.enrolled(glance, &viewer, &sheet.quiz, now).await?;
            let terms = Terms::of(&sheet.quiz, &sheet.overrides, student);
            let (earlier, next) = rooms.so_far(glance.guard(), &sheet, student, terms.max_attempts).await?;
            if let Some(running) = earlier.iter().find(|attempt| attempt.state.is_running()) {
                let answers = answers_of(&rooms.platform, running).await?;
                let questions = rooms.bank.contents(caller.school_id, &pinned(&answers)).await?;
                return Ok((sheet, running.clone(), answers, questions, false));
            }
            may_start(&sheet.quiz, &terms, &earlier, now).map_err(refused)?;
            if !checked.get() {
                rooms.check_password(&sheet, student, body.password.as_ref()).await?;
                checked.set(true);
            }
            let (number, absence) = next.ok_or_else(|| refused(Refused::NoAttemptsLeft))?;
            let none_left = || Problem::conflict(Kind::Conflict, "There are too few questions to draw from; tell your teacher.");
            let (attempt, answers) = begin(&sheet.quiz, &terms, &sheet.slots, student, number, now).ok_or_else(none_left)?;
            // Before it begins: time must not run while the questions can't be had.
            let questions = rooms.bank.contents(caller.school_id, &pinned(&answers)).await?;
            let drawn = |answer: Answer| match questions.get(&answer.pinned()) {
                Some(question) => answer.drawn(question, attempt.seed),
                None => answer,
            };
            let answers: Vec<Answer> = answers.into_iter().map(drawn).collect();
            let mut operation =
                Operation::new(caller.school_id, ServiceName::Quiz).create_absent(&attempt, absence).guarded(glance.guard());
            for answer in &answers {
                operation = operation.create(answer);
            }
            // Who reopens an earlier one at this moment writes the last one too: not both can come to run.
            if let Some(last) = earlier.last() {
                operation = operation.update(&last.followed(now), last.version);
            }
            rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Quiz), operation).await.map_err(Refusal::Write)?;
            rooms.sittings.remember(&attempt);
            Ok((sheet, attempt, answers, questions, true))
        })
        .await
    };
    let (sheet, attempt, answers, questions, is_new) = rooms.directory.consult(caller.school_id, work).await?;
    let view = whole(rooms, &sheet, &attempt, &answers, &questions);
    let (version, location) = (attempt.version, format!("/api/v1/attempts/{}", attempt.id));
    Ok(if is_new { Created { body: view, version, location }.respond_to(request) } else { Versioned(view, version).respond_to(request) })
}

fn whole(rooms: &Rooms, sheet: &Sheet, attempt: &Attempt, answers: &[Answer], questions: &Questions) -> AttemptView {
    let now = rooms.platform.clock().now();
    let during = sheet.quiz.settings.review_options.during;
    AttemptView::of(sheet, attempt, false, now).with_questions(sheet, attempt, answers, questions, during)
}

impl Rooms {
    /// The student's attempts so far, those whose time is up ended, and the next number with the proof that it is free.
    async fn so_far(
        &self,
        guard: Option<&Arc<Guard>>,
        sheet: &Sheet,
        student: StudentId,
        most: Option<u8>,
    ) -> Result<(Vec<Attempt>, Option<(u8, Absence)>), Problem> {
        let mut earlier = Vec::new();
        let terms = Terms::of(&sheet.quiz, &sheet.overrides, student);
        // One more than there may be would be one that an override took away since: it is looked at too.
        for number in 1..=most.unwrap_or(MAX_ATTEMPTS).saturating_add(1).min(MAX_ATTEMPTS) {
            match find_attempt(&self.platform, guard, sheet.quiz.school_id, attempt_id(&sheet.quiz, student, number)).await {
                Ok(Found::Row(attempt)) => {
                    let now = self.platform.clock().now();
                    let over = attempt.state.is_running() && matches!(clock(&sheet.quiz, &terms, attempt.started_at, now), Clock::Over(_));
                    earlier.push(if over { self.end(sheet, attempt, By::Clock).await?.0 } else { attempt });
                }
                Ok(Found::Absent(absence)) => return Ok((earlier, Some((number, absence)))),
                // PostgreSQL is away and Redis has no such attempt: sitting goes on. Should there be one after all, the drain keeps both.
                Err(ReadError::Store(StoreError::Unavailable(_))) => return Ok((earlier, Some((number, Absence::unproven())))),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((earlier, None))
    }

    async fn check_password(&self, sheet: &Sheet, student: StudentId, given: Option<&Text<100>>) -> Result<(), Problem> {
        let Some(kept) = &sheet.quiz.password_hash else { return Ok(()) };
        // Not to know that there is one is no guess.
        let given = given.ok_or_else(|| Problem::invalid(vec![Fault::new("/password", "is needed to begin")]))?;
        let key = format!("quiz_guesses:{{{}}}:{}:{student}", sheet.quiz.school_id, sheet.quiz.id);
        let redis = near(self.platform.redis());
        // Without Redis nobody counts, and nobody can begin.
        let away = |_| Problem::unavailable(Duration::from_secs(2), "What counts wrong passwords");
        // Counted before it is looked at: of sixty guesses at once ten are looked at.
        let pipeline = redis.pipeline();
        let _: () = pipeline.incr(&key).await.map_err(away)?;
        // A minute from the first guess on; whoever dies in between leaves it to the next one to set an end.
        let _: () = pipeline.expire(&key, MINUTE.as_secs().cast_signed(), Some(ExpireOptions::NX)).await.map_err(away)?;
        let (guesses, _): (u32, u32) = pipeline.all().await.map_err(away)?;
        if guesses > GUESSES {
            return Err(Problem::locked(MINUTE, "Too many wrong passwords; wait a minute."));
        }
        if !password::fits(kept, given.as_str()) {
            return Err(Problem::invalid(vec![Fault::new("/password", "is not the quiz's password")]));
        }
        // Who knows it has nothing to guess. Should this fail, a count is left that ends by itself.
        let _: Result<(), _> = redis.del(&key).await;
        Ok(())
    }
}

fn refused(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::NotOpen(opens) => format!("It opens at {}.", opens.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        Refused::Closed => "It is closed.".to_owned(),
        Refused::NoAttemptsLeft => "All attempts are used.".to_owned(),
        Refused::TooSoon(next) => format!("The next attempt may begin at {}.", next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
    };
    Problem::conflict(Kind::Conflict, detail)
}

/// A body that may be left out, or be null.
async fn optional_body(request: &HttpRequest, payload: Payload) -> Result<StartQuiz, Problem> {
    let bytes = read_payload(request, payload.into_inner(), SMALL).await?;
    if matches!(bytes.trim_ascii(), b"" | b"null") {
        return Ok(StartQuiz::default());
    }
    Ok(Body::<StartQuiz, SMALL>::from_request(request, &mut bytes.into()).await?.into_inner())
}

/// Shows an attempt: with its questions and answers while it runs, to its student and to who marks it. What came of it is in its review.
#[utoipa::path(
    tag = "quiz",
    params(("id" = AttemptId, Path, description = "The attempt.")),
    responses((status = 200, body = AttemptView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attempts/{id}")]
async fn show(
    permit: Permit<permits::QuizRead>,
    id: IdPath<AttemptId>,
    rooms: Data<Rooms>,
    request: HttpRequest,
) -> Result<Versioned<AttemptView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let (sheet, attempt) = rooms.current(&viewer, *id).await?;
    let sits = viewer.as_student().is_some() || viewer.may_change(&sheet.quiz);
    let view = if attempt.state.is_running() && sits {
        if !viewer.may_change(&sheet.quiz) {
            rooms.admit(&request, &sheet.quiz)?;
        }
        let answers = answers_of(&rooms.platform, &attempt).await?;
        let questions = rooms.bank.contents(permit.school_id, &pinned(&answers)).await?;
        whole(&rooms, &sheet, &attempt, &answers, &questions)
    } else {
        rooms.seen(&viewer, &sheet, &attempt)
    };
    Ok(Versioned(view, attempt.version))
}

impl Rooms {
    /// The attempt as it is now: ended, if its time is up.
    pub(super) async fn current(&self, viewer: &Viewer, id: AttemptId) -> Result<(Arc<Sheet>, Attempt), Problem> {
        let (sheet, attempt) = self.attempt(viewer, id).await?;
        let terms = Terms::of(&sheet.quiz, &sheet.overrides, attempt.student_id);
        let over = matches!(clock(&sheet.quiz, &terms, attempt.started_at, self.platform.clock().now()), Clock::Over(_));
        if attempt.state.is_running() && over {
            let (attempt, _) = self.end(&sheet, attempt, By::Clock).await?;
            return Ok((sheet, attempt));
        }
        Ok((sheet, attempt))
    }

    /// What the caller may be shown of an attempt.
    pub(super) fn shown(&self, viewer: &Viewer, sheet: &Sheet, attempt: &Attempt) -> Shown {
        if viewer.may_change(&sheet.quiz) {
            return Shown::all();
        }
        let terms = Terms::of(&sheet.quiz, &sheet.overrides, attempt.student_id);
        shown(&sheet.quiz, &terms, attempt, self.platform.clock().now())
    }

    /// An attempt without its questions, as the caller may see it.
    pub(super) fn seen(&self, viewer: &Viewer, sheet: &Sheet, attempt: &Attempt) -> AttemptView {
        let sees_score = self.shown(viewer, sheet, attempt).marks && !attempt.state.is_running();
        AttemptView::of(sheet, attempt, sees_score, self.platform.clock().now())
    }
}

/// Which attempts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAttempts {
    /// Of this student only.
    student_id: Option<StudentId>,
    /// In this state only; for teachers and the office.
    #[param(inline)]
    state: Option<State>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists the attempts at a quiz, in the order in which they began: all of them for its teachers and the office, one's own for a student, the children's for a
/// parent.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz."), ListAttempts),
    responses((status = 200, body = Page<AttemptView>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/attempts")]
async fn list(
    permit: Permit<permits::QuizRead>,
    id: IdPath<QuizId>,
    rooms: Data<Rooms>,
    params: Params<ListAttempts>,
) -> Result<Page<AttemptView>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let sheet = rooms.sheet(&viewer, *id).await?;
    let all = viewer.may_change(&sheet.quiz);
    let students = match params.student_id {
        Some(student) if all || viewer.learner(student).is_some() => Some(vec![student]),
        Some(_) => return Err(Problem::not_found("student")),
        None if all => None,
        None => Some(viewer.learners().iter().map(|learner| learner.student_id).collect()),
    };
    // A student could tell from the filter what the view hides.
    let state = params.state.filter(|_| all);
    let paging =
        Paging::asking(&rooms.platform, caller, "attempts", (*id, params.student_id, state), params.limit, params.cursor.as_deref());
    let after = paging.after()?;
    let filter = AttemptFilter { quiz: *id, students, state, after };
    let rows = list_attempts(&rooms.platform, caller.school_id, &filter, Some(paging.limit())).await?;
    let page = paging.page(rows, |last| (last.started_at, last.id));
    Ok(page.map(|attempt| rooms.seen(&viewer, &sheet, &attempt)))
}

/// Submits an attempt: it is marked at once, as far as no person is needed. Submitting again changes nothing and gets the same answer.
#[utoipa::path(
    tag = "quiz",
    params(("id" = AttemptId, Path, description = "The attempt.")),
    responses((status = 200, body = AttemptView), (status = 409, description = "It was not submitted in time."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attempts/{id}/submit")]
async fn submit(
    permit: Permit<permits::QuizAttempt>,
    id: IdPath<AttemptId>,
    rooms: Data<Rooms>,
) -> Result<Versioned<AttemptView>, Problem> {
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, permit.caller()).await?;
        let (sheet, attempt) = rooms.attempt_at(glance.guard(), &viewer, *id).await?;
        rooms.submit(glance, &viewer, &sheet, attempt, &[]).await
    };
    rooms.directory.consult(permit.school_id, work).await
}

/// An attempt to be submitted, with the last answers.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitQuiz {
    /// Answers to be saved before; what was saved already need not be sent again.
    #[serde(default)]
    #[schema(max_items = 200)]
    answers: Vec<LastAnswer>,
}

/// A last answer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LastAnswer {
    /// The slot.
    slot_id: SlotId,
    /// What is answered; null for nothing.
    response: Option<Response>,
    /// How sure one is of it, where that counts; what was said before if left out.
    certainty: Option<Certainty>,
}

/// Submits the attempt that is under way, with the last answers: all or nothing. When it was submitted already with these answers, that is the answer; with others
/// it is a 409, as it is for answers that come when time is up. Send `{}` if there are no last answers. An attempt that was begun may be submitted also when the
/// student has left the class meanwhile.
#[utoipa::path(
    tag = "quiz",
    request_body = SubmitQuiz,
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses((status = 200, body = AttemptView), (status = 409, description = "There is no attempt, it was not submitted in time, or the last answers came too late."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/submit")]
async fn submit_quiz(
    permit: Permit<permits::QuizAttempt>,
    id: IdPath<QuizId>,
    rooms: Data<Rooms>,
    request: HttpRequest,
    body: Body<SubmitQuiz, { 1024 * 1024 }>,
) -> Result<Versioned<AttemptView>, Problem> {
    let last = |last: LastAnswer| Last { slot: last.slot_id, response: last.response, certainty: last.certainty };
    let answers: Vec<Last> = body.0.answers.into_iter().map(last).collect();
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, permit.caller()).await?;
        let sheet = rooms.sheet(&viewer, *id).await?;
        let student = viewer.as_student().ok_or_else(|| Problem::not_found("quiz"))?.student_id;
        // To hand in what was saved in its place is allowed from anywhere; to answer is not.
        if !answers.is_empty() {
            rooms.admit(&request, &sheet.quiz)?;
        }
        let attempt = rooms.to_submit(glance.guard(), &sheet, student).await?;
        let attempt = attempt.ok_or_else(|| Problem::conflict(Kind::Conflict, "There is no attempt: start one first."))?;
        rooms.submit(glance, &viewer, &sheet, attempt, &answers).await
    };
    rooms.directory.consult(permit.school_id, work).await
}

impl Rooms {
    /// The attempt that is under way, or else the last one: submitting that again is harmless.
    async fn to_submit(&self, guard: Option<&Arc<Guard>>, sheet: &Sheet, student: StudentId) -> Result<Option<Attempt>, Problem> {
        let mut last = None;
        for number in 1..=MAX_ATTEMPTS {
            let id = attempt_id(&sheet.quiz, student, number);
            match find_attempt(&self.platform, guard, sheet.quiz.school_id, id).await?.row() {
                Some(running) if running.state.is_running() => return Ok(Some(running)),
                Some(attempt) => last = Some(attempt),
                None => break,
            }
        }
        Ok(last)
    }

    async fn submit(
        &self,
        glance: &Glance<'_>,
        viewer: &Viewer,
        sheet: &Sheet,
        attempt: Attempt,
        last: &[Last],
    ) -> Result<Versioned<AttemptView>, Problem> {
        let (attempt, there) = self.end(sheet, attempt, By::Student(&viewer.caller, glance.guard(), last)).await?;
        if attempt.state == State::Abandoned {
            return Err(Problem::conflict(Kind::Conflict, "It was not submitted in time."));
        }
        // A repetition brings the answers that were taken the first time; whatever else comes too late was not taken, and that must be told.
        if !there {
            return Err(ended());
        }
        Ok(Versioned(self.seen(viewer, sheet, &attempt), attempt.version))
    }
}
