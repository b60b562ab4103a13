//! The question bank: create, list, show, change, publish, retire.
//!
//! A question's content never changes: a change is a new version, and quizzes and attempts stay with the one that they were given.

use actix_web::web::{Data, Json};
use actix_web::{delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, Patch, QuestionCategoryId, QuestionId, UserId, Version};
use rand::Rng;
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, Caller, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Paging,
    Params, Permit, Problem, Versioned, permits,
};
use store::SchoolTransaction;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::question::{Content, Spec};
use crate::store::{BankFilter, Categories, Question, QuestionStatus};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create)
        .service(list)
        .service(show)
        .service(versions)
        .service(one_version)
        .service(change)
        .service(publish)
        .service(retire);
}

/// A version of a question.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuestionView {
    /// The question's id.
    id: QuestionId,
    /// The version; the `ETag` of the newest one is this number as `"v3"`.
    version: Version,
    /// The category.
    category_id: QuestionCategoryId,
    /// Where this version stands.
    status: QuestionStatus,
    /// What it says.
    content: Content,
    /// What it is about.
    tags: Vec<String>,
    /// From 1, easy, to 5, hard.
    difficulty: Option<u8>,
    /// Who wrote this version.
    author: UserId,
    /// The format that it was imported from.
    source: Option<String>,
    /// When this version was written.
    created_at: DateTime<Utc>,
}

impl From<Question> for QuestionView {
    fn from(row: Question) -> Self {
        Self {
            id: row.id,
            version: row.version,
            category_id: row.category_id,
            status: row.status,
            content: row.content,
            tags: row.tags,
            difficulty: row.difficulty,
            author: row.author,
            source: row.source,
            created_at: row.created_at,
        }
    }
}

/// A question to be written.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateQuestion {
    /// The category.
    category_id: QuestionCategoryId,
    /// What it says. Keys of its parts may be left out: they are made up.
    content: Content,
    /// What it is about.
    #[serde(default)]
    #[schema(max_items = 100)]
    tags: Vec<String>,
    /// From 1, easy, to 5, hard.
    #[schema(minimum = 1, maximum = 5)]
    difficulty: Option<u8>,
    /// Whether quizzes can use it at once; a draft otherwise.
    #[serde(default)]
    publish: bool,
}

/// What changes: each change is a new version. What is left out is taken over.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeQuestion {
    /// The category.
    category_id: Option<QuestionCategoryId>,
    /// What it says. Parts that stay keep their keys, so that a regrade by the new version understands old answers.
    content: Option<Content>,
    /// What it is about.
    #[schema(max_items = 100)]
    tags: Option<Vec<String>>,
    /// From 1, easy, to 5, hard.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 5)]
    difficulty: Patch<u8>,
    /// Whether quizzes can use the new version at once; a draft otherwise.
    #[serde(default)]
    publish: bool,
}

/// Makes up keys that tell nothing.
pub(super) fn name_parts(spec: &mut Spec) {
    let mut random = rand::rng();
    spec.name_parts(|| format!("{:08x}", random.random::<u32>()));
}

fn at_content(fault: Fault) -> Fault {
    Fault::new(format!("/content{}", fault.pointer), fault.detail)
}

fn check_labels(tags: &[String], difficulty: Option<u8>) -> Vec<Fault> {
    let mut faults = domain::Faults::none();
    let fit = |tag: &String| (1..=100).contains(&tag.trim().chars().count()) && !tag.chars().any(char::is_control);
    faults.require(tags.iter().all(fit), "/tags", "a tag is 1 to 100 characters");
    let mut sorted: Vec<&String> = tags.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    faults.require(sorted.len() == tags.len(), "/tags", "a tag is given twice");
    faults.require(tags.len() <= 100, "/tags", "must be at most 100");
    faults.require(difficulty.is_none_or(|level| (1..=5).contains(&level)), "/difficulty", "must be from 1 to 5");
    faults.into_result().err().unwrap_or_default()
}

impl Rooms {
    /// Holds the category, which can't be removed until the transaction ends; a fault if there is none.
    async fn hold_category(&self, transaction: &mut SchoolTransaction, id: QuestionCategoryId) -> Result<Option<Fault>, Problem> {
        let missing = Categories::hold(transaction, [id]).await?;
        Ok(missing.map(|_| Fault::new("/category_id", "there is no such category in this school")))
    }

    /// The newest version, unless the question was retired.
    async fn question(&self, caller: &Caller, id: QuestionId) -> Result<Question, Problem> {
        let latest = self.bank.latest(caller.school_id, id).await?;
        latest.filter(|question| question.status != QuestionStatus::Retired).ok_or_else(|| Problem::not_found("question"))
    }
}

/// Writes a question.
#[utoipa::path(
    tag = "quiz",
    request_body = CreateQuestion,
    responses((status = 201, body = QuestionView), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/questions")]
async fn create(
    permit: Permit<permits::QuizWrite>,
    rooms: Data<Rooms>,
    body: Body<CreateQuestion, { 512 * 1024 }>,
) -> Result<Created<QuestionView>, Problem> {
    let caller = permit.caller();
    let mut body = body.into_inner();
    name_parts(&mut body.content.answer);
    let mut faults = body.content.check().err().unwrap_or_default().into_iter().map(at_content).collect::<Vec<_>>();
    faults.extend(check_labels(&body.tags, body.difficulty));
    let mut transaction = rooms.writing(caller.school_id).await?;
    faults.extend(rooms.hold_category(&mut transaction, body.category_id).await?);
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let question = Question {
        id: QuestionId::generate(),
        version: Version::FIRST,
        category_id: body.category_id,
        status: if body.publish { QuestionStatus::Published } else { QuestionStatus::Draft },
        content: body.content,
        tags: body.tags,
        difficulty: body.difficulty,
        author: caller.user_id,
        source: None,
        created_at: rooms.platform.clock().now(),
    };
    rooms.bank.insert(caller.school_id, std::slice::from_ref(&question)).await?;
    transaction.commit().await?;
    let location = format!("/api/v1/questions/{}", question.id);
    Ok(Created { body: question.into(), version: Version::FIRST, location })
}

/// Which questions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuestions {
    /// Of this category only.
    category_id: Option<QuestionCategoryId>,
    /// Whose newest version stands here; drafts and published ones if left out.
    #[param(inline)]
    status: Option<QuestionStatus>,
    /// With all of these tags, separated by commas.
    #[param(max_length = 500)]
    tags: Option<String>,
    /// Of this type only, such as `single_choice`.
    #[serde(rename = "type")]
    #[param(max_length = 30)]
    kind: Option<String>,
    /// Of this difficulty only.
    #[param(minimum = 1, maximum = 5)]
    difficulty: Option<u8>,
    /// With these words in what is asked.
    #[param(max_length = 200)]
    search: Option<String>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists the newest version of each question, latest question first.
#[utoipa::path(tag = "quiz", params(ListQuestions), responses((status = 200, body = Page<QuestionView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/questions")]
async fn list(
    permit: Permit<permits::QuizWrite>,
    rooms: Data<Rooms>,
    params: Params<ListQuestions>,
) -> Result<Page<QuestionView>, Problem> {
    let caller = permit.caller();
    let tags: Vec<String> =
        params.tags.iter().flat_map(|tags| tags.split(',')).map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
    let paging = Paging::asking(
        &rooms.platform,
        caller,
        "questions",
        (params.category_id, params.status, &tags, &params.kind, params.difficulty, &params.search),
        params.limit,
        params.cursor.as_deref(),
    );
    let after: Option<QuestionId> = paging.after()?;
    let filter = BankFilter {
        category: params.category_id,
        status: params.status,
        tags: tags.clone(),
        kind: params.kind.clone(),
        difficulty: params.difficulty,
        search: params.search.clone().filter(|words| !words.trim().is_empty()),
        after,
    };
    let rows = rooms.bank.list(caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| last.id);
    Ok(page.map(Into::into))
}

/// Shows the newest version of a question.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuestionId, Path, description = "The question.")),
    responses((status = 200, body = QuestionView), (status = 304, description = "The version in If-None-Match is the newest one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/questions/{id}")]
async fn show(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<QuestionView>, Problem> {
    let question = rooms.question(permit.caller(), *id).await?;
    let version = question.version;
    // Publishing changes where a version stands and not what it says, so a client must ask again.
    let known = if question.status == QuestionStatus::Draft { IfNoneMatch::default() } else { known };
    Ok(NotModifiedOr(known, question.into(), version))
}

/// All versions of a question, newest first.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuestionId, Path, description = "The question.")),
    responses((status = 200, body = Vec<QuestionView>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/questions/{id}/versions")]
async fn versions(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionId>,
    rooms: Data<Rooms>,
) -> Result<Json<Vec<QuestionView>>, Problem> {
    let versions = rooms.bank.versions(permit.school_id, *id).await?;
    if versions.is_empty() {
        return Err(Problem::not_found("question"));
    }
    Ok(Json(versions.into_iter().map(Into::into).collect()))
}

/// Which version.
#[derive(Debug, Clone, Copy, Deserialize)]
struct VersionPath {
    id: QuestionId,
    version: i32,
}

/// One version of a question, as it was given to whoever was asked it.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuestionId, Path, description = "The question."), ("version" = i32, Path, description = "The version.")),
    responses((status = 200, body = QuestionView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/questions/{id}/versions/{version}")]
async fn one_version(
    permit: Permit<permits::QuizWrite>,
    path: IdPath<VersionPath>,
    rooms: Data<Rooms>,
) -> Result<Json<QuestionView>, Problem> {
    let missing = || Problem::not_found("version");
    let version = Version::try_from(path.version).map_err(|_| missing())?;
    let pinned = crate::model::paper::Pinned { question_id: path.id, version };
    Ok(Json(rooms.bank.version(permit.school_id, pinned).await?.ok_or_else(missing)?.into()))
}

/// Changes a question: adds a version. Of two who change the same version one is told with 412.
#[utoipa::path(
    tag = "quiz",
    request_body = ChangeQuestion,
    params(("id" = QuestionId, Path, description = "The question."), ("If-Match" = String, Header, description = "The newest version's `ETag`.")),
    responses((status = 200, body = QuestionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/questions/{id}")]
async fn change(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeQuestion, { 512 * 1024 }>,
) -> Result<Versioned<QuestionView>, Problem> {
    let caller = permit.caller();
    let old = rooms.question(caller, *id).await?;
    seen.require(old.version)?;
    let mut body = body.into_inner();
    let mut faults = Vec::new();
    if let Some(content) = &mut body.content {
        name_parts(&mut content.answer);
        faults.extend(content.check().err().unwrap_or_default().into_iter().map(at_content));
    }
    let (tags, difficulty) = (body.tags.unwrap_or_else(|| old.tags.clone()), body.difficulty.apply(old.difficulty));
    faults.extend(check_labels(&tags, difficulty));
    let mut held = None;
    if let Some(category) = body.category_id {
        let mut transaction = rooms.writing(caller.school_id).await?;
        faults.extend(rooms.hold_category(&mut transaction, category).await?);
        held = Some(transaction);
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let next = Question {
        version: old.version.next(),
        category_id: body.category_id.unwrap_or(old.category_id),
        status: if body.publish { QuestionStatus::Published } else { QuestionStatus::Draft },
        content: body.content.unwrap_or_else(|| old.content.clone()),
        tags,
        difficulty,
        author: caller.user_id,
        created_at: rooms.platform.clock().now(),
        ..old
    };
    if !rooms.bank.add_version(caller.school_id, &next).await? {
        return Err(Problem::precondition_failed(next.version));
    }
    if let Some(transaction) = held {
        transaction.commit().await?;
    }
    let version = next.version;
    Ok(Versioned(next.into(), version))
}

/// Lets quizzes use the newest version. Doing so again changes nothing.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuestionId, Path, description = "The question."), ("If-Match" = String, Header, description = "The newest version's `ETag`.")),
    responses((status = 200, body = QuestionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/questions/{id}/publish")]
async fn publish(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<QuestionView>, Problem> {
    let caller = permit.caller();
    let question = rooms.question(caller, *id).await?;
    seen.require(question.version)?;
    let from = [QuestionStatus::Draft, QuestionStatus::Published];
    if !rooms.bank.set_status(caller.school_id, question.pinned(), &from, QuestionStatus::Published).await? {
        return Err(Problem::conflict(Kind::Conflict, "It was retired meanwhile."));
    }
    let version = question.version;
    Ok(Versioned(Question { status: QuestionStatus::Published, ..question }.into(), version))
}

/// Takes a question out of use. Quizzes that have it keep it.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuestionId, Path, description = "The question."), ("If-Match" = String, Header, description = "The newest version's `ETag`.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/questions/{id}")]
async fn retire(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<NoContent, Problem> {
    let caller = permit.caller();
    let question = rooms.question(caller, *id).await?;
    seen.require(question.version)?;
    rooms.bank.retire(caller.school_id, *id).await?;
    Ok(NoContent)
}
