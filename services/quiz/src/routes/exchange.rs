//! Questions from and for other systems: GIFT, Moodle XML, QTI 2.1.

use std::collections::HashMap;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Fault, QuestionCategoryId, QuestionId, Version};
use serde::{Deserialize, Serialize};
use service_kit::extract::read_payload;
use service_kit::{Body, Caller, CommonProblems, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::questions::name_parts;
use crate::formats::{Broken, Draft, Format, Imported, Loss};
use crate::store::{BankFilter, Categories, Category, Question, QuestionStatus};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(import).service(export);
}

/// The largest file.
const LIMIT: usize = 4 * 1024 * 1024;
/// The most questions that one export holds.
const MOST: u64 = 2_000;
/// How many faults of a file are told.
const FAULTS: usize = 100;

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportParams {
    /// The file's format.
    #[param(inline)]
    format: Format,
    /// Where the questions go.
    category_id: QuestionCategoryId,
    /// Whether the categories that the file names are made within that one.
    #[serde(default)]
    create_categories: bool,
    /// Whether quizzes can use them at once; drafts otherwise.
    #[serde(default)]
    publish: bool,
    /// Only tells what would come of it.
    #[serde(default)]
    dry_run: bool,
}

/// What came of an import.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// The questions, in the order of the file.
    questions: Vec<ImportedQuestion>,
    /// What could not be taken over.
    losses: Vec<Loss>,
}

/// An imported question.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedQuestion {
    /// Its id; null in a dry run.
    id: Option<QuestionId>,
    /// The line where it begins.
    line: usize,
    /// What it is called.
    name: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Imports questions from a file of at most 4 MiB, all of them or none. What is wrong with it is told with its lines (`line:12`), what can't be taken over question
/// by question. A file of which no question can be taken over is a 422, except in a dry run.
#[utoipa::path(
    tag = "quiz",
    params(ImportParams),
    request_body(content = String, content_type = "application/octet-stream", description = "The file as it is."),
    responses((status = 200, body = ImportReport), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/questions/import")]
async fn import(
    permit: Permit<permits::QuizWrite>,
    rooms: Data<Rooms>,
    params: Params<ImportParams>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<ImportReport>, Problem> {
    let caller = permit.caller();
    let bytes = read_payload(&request, payload.into_inner(), LIMIT).await?;
    let mut transaction = rooms.reading(caller.school_id).await?;
    if !Categories::exists(&mut transaction, params.category_id).await? {
        return Err(no_category());
    }
    drop(transaction);
    let format = params.format;
    // A file of megabytes keeps a thread busy for a while; not one that answers requests.
    let read = tokio::task::spawn_blocking(move || format.import(&bytes)).await.map_err(Problem::internal)?;
    let Imported { questions, mut losses } = read.map_err(|broken| Problem::invalid(told(&broken)))?;
    if questions.is_empty() && !params.dry_run {
        return Err(Problem::invalid(nothing_in(&losses)));
    }
    check(&questions)?;
    let categories = if params.create_categories && !params.dry_run {
        rooms.categories_of(caller, params.category_id, &questions).await?
    } else {
        let named = questions.iter().filter(|draft| !draft.category.is_empty() && !params.create_categories);
        losses.extend(
            named.map(|draft| Loss { question: draft.content.name.clone(), detail: format!("the category {}", draft.category.join("/")) }),
        );
        HashMap::new()
    };
    let now = rooms.platform.clock().now();
    let question = |draft: &Draft| {
        let mut content = draft.content.clone();
        // Keys that count the parts of a file would give an order away.
        content.answer.forget_names();
        name_parts(&mut content.answer);
        Question {
            id: QuestionId::generate(),
            version: Version::FIRST,
            category_id: categories.get(&draft.category).copied().unwrap_or(params.category_id),
            status: if params.publish { QuestionStatus::Published } else { QuestionStatus::Draft },
            content,
            tags: tags_of(draft),
            difficulty: draft.difficulty,
            author: caller.user_id,
            source: Some(format.as_str().to_owned()),
            created_at: now,
        }
    };
    let rows: Vec<Question> = questions.iter().map(question).collect();
    if !params.dry_run {
        let mut transaction = rooms.writing(caller.school_id).await?;
        if Categories::hold(&mut transaction, rows.iter().map(|row| row.category_id)).await?.is_some() {
            return Err(no_category());
        }
        rooms.bank.insert(caller.school_id, &rows).await?;
        transaction.commit().await?;
    }
    let line = |(draft, row): (&Draft, &Question)| ImportedQuestion {
        id: (!params.dry_run).then_some(row.id),
        line: draft.line,
        name: draft.content.name.clone(),
        kind: draft.content.answer.kind(),
    };
    Ok(Json(ImportReport { dry_run: params.dry_run, questions: questions.iter().zip(&rows).map(line).collect(), losses }))
}

fn no_category() -> Problem {
    Problem::invalid(vec![Fault::new("query:category_id", "there is no such category in this school")])
}

/// Why nothing would be imported: who sends a file means it to hold questions.
fn nothing_in(losses: &[Loss]) -> Vec<Fault> {
    let lost = losses.iter().take(FAULTS).map(|loss| Fault::new("", format!("{}: {}", loss.question, loss.detail)));
    std::iter::once(Fault::new("", "there is no question in it that can be taken over")).chain(lost).collect()
}

fn tags_of(draft: &Draft) -> Vec<String> {
    let mut tags: Vec<String> = draft.tags.iter().map(|tag| tag.chars().take(100).collect()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.truncate(100);
    tags
}

fn told(broken: &[Broken]) -> Vec<Fault> {
    let pointer = |line: usize| if line == 0 { String::new() } else { format!("line:{line}") };
    broken.iter().take(FAULTS).map(|fault| Fault::new(pointer(fault.line), fault.detail.clone())).collect()
}

/// What reads well may still be no question: two options that are the same, nothing that is right.
fn check(questions: &[Draft]) -> Result<(), Problem> {
    let faults = questions.iter().flat_map(|draft| {
        let own = draft.content.check().err().unwrap_or_default();
        own.into_iter()
            .map(|fault| Fault::new(format!("line:{}{}", draft.line, fault.pointer), format!("{}: {}", draft.content.name, fault.detail)))
    });
    let faults: Vec<Fault> = faults.take(FAULTS).collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

impl Rooms {
    /// The categories that the file names, within `root`; those that are missing are made.
    async fn categories_of(
        &self,
        caller: &Caller,
        root: QuestionCategoryId,
        questions: &[Draft],
    ) -> Result<HashMap<Vec<String>, QuestionCategoryId>, Problem> {
        let mut transaction = self.writing(caller.school_id).await?;
        // Two imports at once must not both find a category missing.
        Categories::lock(&mut transaction, root).await?.ok_or_else(|| Problem::not_found("category"))?;
        let mut known = Categories::all(&mut transaction).await?;
        let mut paths = HashMap::new();
        for path in questions.iter().map(|draft| &draft.category).filter(|path| !path.is_empty()) {
            if paths.contains_key(path) {
                continue;
            }
            let mut parent = root;
            for name in path {
                let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
                if name.is_empty() {
                    continue;
                }
                let found =
                    known.iter().find(|category| category.parent_id == Some(parent) && category.name == name).map(|category| category.id);
                if let Some(id) = found {
                    parent = id;
                    continue;
                }
                let now = self.platform.clock().now();
                let row = Category {
                    id: QuestionCategoryId::generate(),
                    school_id: caller.school_id,
                    parent_id: Some(parent),
                    name,
                    created_by: caller.user_id,
                    version: Version::FIRST,
                    created_at: now,
                    updated_at: now,
                };
                Categories::save(&mut transaction, &row).await?;
                parent = row.id;
                known.push(row);
            }
            paths.insert(path.clone(), parent);
        }
        transaction.commit().await?;
        Ok(paths)
    }
}

/// What to export: a category, or some questions.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportQuestions {
    /// The file's format.
    format: Format,
    /// All questions of this category that are not retired.
    category_id: Option<QuestionCategoryId>,
    /// These questions, in their newest version.
    #[serde(default)]
    #[schema(max_items = 500)]
    question_ids: Vec<QuestionId>,
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedFile {
    /// Its media type.
    media_type: &'static str,
    /// How `content` is written: `utf-8` or `base64`.
    encoding: &'static str,
    /// The file.
    content: String,
    /// How many questions there were; those that the format has no type for are among the losses.
    questions: usize,
    /// What could not be said in this format.
    losses: Vec<Loss>,
}

/// Exports questions. What the format can't say is told question by question.
#[utoipa::path(
    tag = "quiz",
    request_body = ExportQuestions,
    responses((status = 200, body = ExportedFile), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/questions/export")]
async fn export(
    permit: Permit<permits::QuizWrite>,
    rooms: Data<Rooms>,
    body: Body<ExportQuestions>,
) -> Result<Json<ExportedFile>, Problem> {
    let caller = permit.caller();
    if body.category_id.is_some() != body.question_ids.is_empty() || body.question_ids.len() > 500 {
        return Err(Problem::invalid(vec![Fault::new("/question_ids", "give either category_id or up to 500 question_ids")]));
    }
    let questions = if let Some(category) = body.category_id {
        let filter = BankFilter { category: Some(category), ..BankFilter::default() };
        rooms.bank.list(caller.school_id, &filter, MOST).await?
    } else {
        let mut questions = Vec::with_capacity(body.question_ids.len());
        for (at, id) in body.question_ids.iter().enumerate() {
            let missing = || Problem::invalid(vec![Fault::new(format!("/question_ids/{at}"), "there is no such question in this school")]);
            questions.push(rooms.bank.latest(caller.school_id, *id).await?.ok_or_else(missing)?);
        }
        questions
    };
    let mut transaction = rooms.reading(caller.school_id).await?;
    let categories = Categories::all(&mut transaction).await?;
    drop(transaction);
    let drafts: Vec<Draft> = questions
        .into_iter()
        .map(|question| Draft {
            line: 0,
            category: path(&categories, question.category_id),
            content: question.content,
            tags: question.tags,
            difficulty: question.difficulty,
        })
        .collect();
    let (format, count) = (body.format, drafts.len());
    let exported = tokio::task::spawn_blocking(move || format.export(&drafts)).await.map_err(Problem::internal)?;
    let (encoding, content) = match String::from_utf8(exported.file) {
        Ok(text) => ("utf-8", text),
        Err(bytes) => ("base64", STANDARD.encode(bytes.as_bytes())),
    };
    Ok(Json(ExportedFile { media_type: format.media_type(), encoding, content, questions: count, losses: exported.losses }))
}

/// A category's path, outermost first.
fn path(categories: &[Category], id: QuestionCategoryId) -> Vec<String> {
    let mut path = Vec::new();
    let mut next = Some(id);
    // As many steps as there are categories: more would be a circle.
    for _ in 0..categories.len() {
        let Some(category) = next.and_then(|id| categories.iter().find(|category| category.id == id)) else { break };
        path.insert(0, category.name.clone());
        next = category.parent_id;
    }
    path
}
