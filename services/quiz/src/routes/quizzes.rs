//! Quizzes and exams: create, list, show, change, publish, close, release, remove.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};

use domain::{ClassId, EventKind, Fault, Patch, Permission, QuizId, Timestamp, Version};
use rand::Rng;
use serde::Deserialize;
use service_kit::{
    Body, Caller, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind as Problems, Limit, MaybeIdempotencyKey,
    NoContent, NotModifiedOr, Page, Paging, Params, Permit, Problem, Versioned, permits,
};
use store::StoreError;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::Viewer;
use super::settings::{ChangeQuiz, CreateQuiz};
use super::views::QuizView;
use super::{Rooms, outbox};
use crate::events::about_quiz;
use crate::model::mark::Mark;
use crate::model::paper::{Slot, short_of_questions};
use crate::model::password;
use crate::model::quiz::{Kind, Quiz, Refused, Status};
use crate::store::{QuizFilter, Sheet, insert_quiz, list_quizzes, lock_sheet, remove_quiz, save_quiz, save_slots};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(change).service(remove).service(publish).service(close).service(release);
}

/// Makes a quiz or an exam for a class, as a draft.
#[utoipa::path(
    tag = "quiz",
    request_body = CreateQuiz,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = QuizView), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes")]
async fn create(
    permit: Permit<permits::QuizWrite>,
    key: MaybeIdempotencyKey,
    rooms: Data<Rooms>,
    request: HttpRequest,
    body: Body<CreateQuiz>,
) -> Result<HttpResponse, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let quiz = draft(&rooms, caller, &viewer, body.0.clone()).await?;
    rooms
        .create(caller, key.0, "POST /api/v1/quizzes", &body.0, &request, async |transaction| {
            insert_quiz(transaction, &quiz).await?;
            let (version, location) = (quiz.version, format!("/api/v1/quizzes/{}", quiz.id));
            Ok(Created { body: QuizView::of(&quiz, 0, None).for_setter(&quiz, true), version, location })
        })
        .await
}

async fn draft(rooms: &Rooms, caller: &Caller, viewer: &Viewer, body: CreateQuiz) -> Result<Quiz, Problem> {
    let class = rooms.directory.class(caller.school_id, body.class_id).await?;
    // To a teacher of other classes the class is as good as not there.
    let class = class.filter(|class| caller.role.is_office() || viewer.teaches(class.class_id));
    let mut faults = Vec::new();
    match &class {
        None => faults.push(Fault::new("/class_id", "is no class that you teach")),
        Some(class) if body.subject_id.is_some_and(|subject| !class.subjects.contains(&subject)) => {
            faults.push(Fault::new("/subject_id", "is not taught in this class"));
        }
        Some(_) => {}
    }
    let (class_id, subject_id, password, safe_browser) = (body.class_id, body.subject_id, body.password.clone(), body.safe_browser.clone());
    let settings = body.settings();
    faults.extend(settings.check().err().unwrap_or_default());
    faults.extend(safe_browser.check().err().unwrap_or_default());
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let now = rooms.platform.clock().now();
    Ok(Quiz {
        id: QuizId::generate(),
        school_id: caller.school_id,
        class_id,
        subject_id,
        teacher_id: viewer.teacher_id(),
        created_by: caller.user_id,
        settings,
        password_hash: password.map(|text| password::keep(text.as_str(), rand::rng().random())),
        safe_browser,
        status: Status::Draft,
        max_points: Mark::ZERO,
        published_at: None,
        released_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    })
}

/// Which quizzes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuizzes {
    /// Of this class only.
    class_id: Option<ClassId>,
    /// In this state only.
    #[param(inline)]
    status: Option<Status>,
    /// Only quizzes, or only exams.
    #[param(inline)]
    kind: Option<Kind>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists quizzes, newest first: a teacher's classes and own, a student's classes, a parent's children's classes, the whole school for the office.
#[utoipa::path(tag = "quiz", params(ListQuizzes), responses((status = 200, body = Page<QuizView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/quizzes")]
async fn list(permit: Permit<permits::QuizRead>, rooms: Data<Rooms>, params: Params<ListQuizzes>) -> Result<Page<QuizView>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let mut filter = QuizFilter { status: params.status, kind: params.kind, given_only: !viewer.works_here(), ..QuizFilter::default() };
    if !caller.role.is_office() {
        let mut classes = viewer.classes_taught().to_vec();
        classes.extend(viewer.learners().iter().flat_map(|learner| viewer.classes_of(learner)));
        filter.author = viewer.works_here().then_some(caller.user_id);
        filter.classes = Some(classes);
    }
    if let Some(class) = params.class_id {
        if filter.classes.as_ref().is_some_and(|classes| !classes.contains(&class)) {
            return Err(Problem::not_found("class"));
        }
        filter.classes = Some(vec![class]);
        filter.author = None;
    }
    let paging = Paging::asking(
        &rooms.platform,
        caller,
        "quizzes",
        (params.class_id, params.status, params.kind),
        params.limit,
        params.cursor.as_deref(),
    );
    filter.after = paging.after()?;
    let mut transaction = rooms.reading(caller.school_id).await?;
    let rows = list_quizzes(&mut transaction, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.created_at, last.id));
    Ok(page.map(|quiz| QuizView::of(&quiz, 0, None).for_setter(&quiz, viewer.may_change(&quiz)).without_count()))
}

/// Shows a quiz. A student, and the parent of an only child, see their own times and attempts, overrides included.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses((status = 200, body = QuizView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}")]
async fn show(
    permit: Permit<permits::QuizRead>,
    id: IdPath<QuizId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<QuizView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let sheet = rooms.sheet(&viewer, *id).await?;
    let terms = viewer.own_terms(&sheet);
    Ok(NotModifiedOr(
        known,
        QuizView::of(&sheet.quiz, sheet.slots.len(), terms).for_setter(&sheet.quiz, viewer.may_change(&sheet.quiz)),
        sheet.quiz.version,
    ))
}

/// Changes a quiz that is not closed.
#[utoipa::path(
    tag = "quiz",
    request_body = ChangeQuiz,
    params(("id" = QuizId, Path, description = "The quiz."), ("If-Match" = String, Header, description = "The `ETag` that the change is based on.")),
    responses((status = 200, body = QuizView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/quizzes/{id}")]
async fn change(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuizId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeQuiz>,
) -> Result<Versioned<QuizView>, Problem> {
    let change = body.into_inner();
    edit(&rooms, permit.caller(), *id, seen, None, async |sheet, now| {
        if sheet.quiz.status != Status::Draft && change.touches_paper(&sheet.quiz.settings) {
            return Err(refused(Refused::PaperFixed));
        }
        let password_hash = match &change.password {
            Patch::Keep => sheet.quiz.password_hash.clone(),
            Patch::Clear => None,
            Patch::Set(text) => Some(password::keep(text.as_str(), rand::rng().random())),
        };
        let settings = change.clone().applied_to(&sheet.quiz.settings);
        let safe_browser = change.safe_browser.clone().unwrap_or_else(|| sheet.quiz.safe_browser.clone());
        let mut faults = settings.check().err().unwrap_or_default();
        faults.extend(safe_browser.check().err().unwrap_or_default());
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let changed = sheet.quiz.changed(settings, now).map_err(refused)?;
        Ok(Quiz { password_hash, safe_browser, ..changed })
    })
    .await
}

/// Gives a draft to its class. Every question must be published, and every draw have enough to draw from; what it may draw is noted now.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = QuizView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/publish")]
async fn publish(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuizId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<QuizView>, Problem> {
    let caller = permit.caller();
    edit(&rooms, caller, *id, seen, Some(EventKind::QuizAssigned), async |sheet, now| {
        let published = sheet.quiz.published(sheet.slots.len(), now).map_err(refused)?;
        rooms.fill_pools(caller.school_id, sheet).await?;
        let short = short_of_questions(&sheet.slots);
        if !short.is_empty() {
            let places = sheet.slots.iter().filter(|slot| short.contains(&slot.id)).map(|slot| slot.position.to_string());
            let places = places.collect::<Vec<_>>().join(", ");
            return Err(Problem::conflict(
                Problems::Conflict,
                format!("There are too few published questions to draw from at place {places}."),
            ));
        }
        // Also puts them where attempts find them when MongoDB is away.
        let fixed: Vec<_> = sheet.slots.iter().filter_map(Slot::pinned).collect();
        rooms.bank.contents(caller.school_id, &fixed).await?;
        Ok(published)
    })
    .await
}

/// Takes no more attempts. Those that are under way end now.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = QuizView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/close")]
async fn close(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuizId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<QuizView>, Problem> {
    edit(&rooms, permit.caller(), *id, seen, None, async |sheet, now| sheet.quiz.closed(now).map_err(refused)).await
}

/// Shows an exam's results to students and parents.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The exam."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = QuizView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/release")]
async fn release(
    permit: Permit<permits::QuizGrade>,
    id: IdPath<QuizId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<QuizView>, Problem> {
    let tells = Some(EventKind::QuizReleased);
    edit(&rooms, permit.caller(), *id, seen, tells, async |sheet, now| sheet.quiz.released(now).map_err(refused)).await
}

/// Removes a draft. What was given to a class stays.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/quizzes/{id}")]
async fn remove(permit: Permit<permits::QuizWrite>, id: IdPath<QuizId>, seen: IfMatch, rooms: Data<Rooms>) -> Result<NoContent, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    rooms.own_sheet(&viewer, *id, Permission::QuizWrite).await?;
    let mut transaction = rooms.writing(caller.school_id).await?;
    let sheet = lock_sheet(&mut transaction, *id).await?.ok_or_else(|| Problem::not_found("quiz"))?;
    seen.require(sheet.quiz.version)?;
    sheet.quiz.paper_is_open().map_err(refused)?;
    remove_quiz(&mut transaction, *id).await?;
    transaction.commit().await?;
    rooms.changed(caller.school_id, *id).await;
    Ok(NoContent)
}

/// Commits what `alter` makes of the quiz and its slots, if the caller may change it and has seen its present version.
pub(super) async fn edit(
    rooms: &Rooms,
    caller: &Caller,
    id: QuizId,
    seen: IfMatch,
    tells: Option<EventKind>,
    alter: impl AsyncFnOnce(&mut Sheet, Timestamp) -> Result<Quiz, Problem>,
) -> Result<Versioned<QuizView>, Problem> {
    let sheet = edit_sheet(rooms, caller, id, seen, tells, alter).await?;
    Ok(Versioned(QuizView::of(&sheet.quiz, sheet.slots.len(), None).for_setter(&sheet.quiz, true), sheet.quiz.version))
}

/// The same, and the whole sheet as it is now.
pub(super) async fn edit_sheet(
    rooms: &Rooms,
    caller: &Caller,
    id: QuizId,
    seen: IfMatch,
    tells: Option<EventKind>,
    alter: impl AsyncFnOnce(&mut Sheet, Timestamp) -> Result<Quiz, Problem>,
) -> Result<Sheet, Problem> {
    let viewer = rooms.viewer(caller).await?;
    rooms.own_sheet(&viewer, id, Permission::QuizWrite).await?;
    let now = rooms.platform.clock().now();
    let mut transaction = rooms.writing(caller.school_id).await?;
    let mut sheet = lock_sheet(&mut transaction, id).await?.ok_or_else(|| Problem::not_found("quiz"))?;
    seen.require(sheet.quiz.version)?;
    let (before, as_it_was) = (sheet.slots.clone(), sheet.quiz.clone());
    let mut quiz = alter(&mut sheet, now).await?;
    // What a question is worth also goes by how the quiz is marked.
    quiz.max_points = quiz.settings.worth(sheet.slots.iter().map(|slot| slot.max_mark).sum());
    if sheet.slots != before {
        save_slots(&mut transaction, id, &sheet.slots).await?;
    }
    save_quiz(&mut transaction, &quiz).await?;
    let tells = tells.or_else(|| changes_for_others(&as_it_was, &quiz).then_some(EventKind::QuizChanged));
    if let Some(kind) = tells {
        events::outbox::enqueue(&transaction, &about_quiz(kind, caller, &quiz, now)?).await.map_err(outbox)?;
    }
    transaction.commit().await.map_err(|error: StoreError| Problem::from(error))?;
    rooms.changed(caller.school_id, id).await;
    sheet.quiz = quiz;
    Ok(sheet)
}

/// Whether what others keep of a quiz that the class has is not what it was.
fn changes_for_others(before: &Quiz, after: &Quiz) -> bool {
    let kept = |quiz: &Quiz| (quiz.settings.title.clone(), quiz.max_points, quiz.settings.closes_at, quiz.settings.grade_method);
    before.status != Status::Draft && kept(before) != kept(after)
}

pub(super) fn refused(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::AlreadyPublished => "It was published already.",
        Refused::NotPublished => "It is still a draft: publish it first.",
        Refused::Closed => "It is closed.",
        Refused::Empty => "It has no questions.",
        Refused::NoExam => "It is no exam: its results show as the review options say.",
        Refused::PaperFixed => "It was given to the class: its questions, and how they are laid out, stay as they are.",
    };
    Problem::conflict(Problems::Conflict, detail)
}
