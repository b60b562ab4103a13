//! The paper of a quiz: which questions stand where, and what they are worth. Slots are part of their quiz: they carry its `ETag`, and changing one changes it.

use actix_web::web::Data;
use actix_web::{delete, get, patch, post};
use domain::{Fault, Permission, QuestionCategoryId, QuestionId, QuizId, SchoolId, SlotId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::quizzes::{edit_sheet, refused};
use crate::model::mark::Mark;
use crate::model::paper::{Draw, MAX_SLOTS, Pinned, Slot};
use crate::model::quiz::Quiz;
use crate::store::{BankFilter, Categories, QuestionStatus, Sheet};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(show).service(add).service(change).service(remove);
}

/// A place on the paper.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlotView {
    /// Its id.
    id: SlotId,
    /// Its place, from 1.
    position: u16,
    /// The section that it belongs to, from 1.
    section: u16,
    /// The question; null where one is drawn.
    question_id: Option<QuestionId>,
    /// Its version.
    question_version: Option<Version>,
    /// What is drawn from; null where the question is fixed.
    random_from: Option<DrawView>,
    /// What it is worth.
    max_mark: Mark,
}

/// What a question is drawn from.
#[derive(Debug, Serialize, ToSchema)]
pub struct DrawView {
    /// The category.
    category_id: QuestionCategoryId,
    /// Only questions with all of these tags.
    tags: Vec<String>,
    /// How many questions there were to draw from when the quiz was published.
    pool_size: usize,
}

/// All places of a quiz.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaperView {
    /// What the quiz is worth.
    max_points: Mark,
    /// The quiz's version; its `ETag` is this number as `"v3"`.
    version: Version,
    /// The places, in order.
    slots: Vec<SlotView>,
}

impl From<&Slot> for SlotView {
    fn from(slot: &Slot) -> Self {
        Self {
            id: slot.id,
            position: slot.position,
            section: slot.section,
            question_id: slot.question_id,
            question_version: slot.question_version,
            random_from: slot.random_from.as_ref().map(|draw| DrawView {
                category_id: draw.category_id,
                tags: draw.tags.clone(),
                pool_size: draw.pool.len(),
            }),
            max_mark: slot.max_mark,
        }
    }
}

impl PaperView {
    fn of(sheet: &Sheet) -> Versioned<Self> {
        let (version, slots) = (sheet.quiz.version, sheet.slots.iter().map(SlotView::from).collect());
        Versioned(Self { max_points: sheet.quiz.max_points, version, slots }, version)
    }
}

/// A question to be put on the paper: `question_id`, or `random_from`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSlot {
    /// The question; it must be published.
    question_id: Option<QuestionId>,
    /// Its version; the newest published one if left out.
    question_version: Option<Version>,
    /// Draws a question for each attempt.
    random_from: Option<DrawFrom>,
    /// Where it goes; at the end if left out.
    #[schema(minimum = 1)]
    position: Option<u16>,
    /// The section, by its place from 1.
    #[serde(default = "first")]
    #[schema(minimum = 1)]
    section: u16,
    /// What it is worth; what the question says if left out, 1 where one is drawn.
    max_mark: Option<Mark>,
}

const fn first() -> u16 {
    1
}

/// What to draw from.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawFrom {
    /// The category.
    category_id: QuestionCategoryId,
    /// Only questions with all of these tags.
    #[serde(default)]
    #[schema(max_items = 20)]
    tags: Vec<String>,
}

/// What changes. Of a quiz that was given to its class, also of one that is closed, only marks and the question's version: a regrade applies them to what was
/// submitted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSlot {
    /// Where it goes.
    #[schema(minimum = 1)]
    position: Option<u16>,
    /// The section, by its place from 1.
    #[schema(minimum = 1)]
    section: Option<u16>,
    /// What it is worth.
    max_mark: Option<Mark>,
    /// Another version of the same question.
    question_version: Option<Version>,
}

/// The paper of a quiz, for its teachers and the office.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses((status = 200, body = PaperView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/slots")]
async fn list(permit: Permit<permits::QuizWrite>, id: IdPath<QuizId>, rooms: Data<Rooms>) -> Result<Versioned<PaperView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let sheet = rooms.own_sheet(&viewer, *id, Permission::QuizWrite).await?;
    Ok(PaperView::of(&sheet))
}

/// One place on the paper, for the quiz's teachers and the office.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz."), ("slot_id" = SlotId, Path, description = "The slot.")),
    responses((status = 200, body = SlotView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/slots/{slot_id}")]
async fn show(
    permit: Permit<permits::QuizWrite>,
    path: IdPath<(QuizId, SlotId)>,
    rooms: Data<Rooms>,
) -> Result<Versioned<SlotView>, Problem> {
    let (id, slot) = path.0;
    let viewer = rooms.viewer(permit.caller()).await?;
    let sheet = rooms.own_sheet(&viewer, id, Permission::QuizWrite).await?;
    let slot = sheet.slots.iter().find(|own| own.id == slot).ok_or_else(|| Problem::not_found("slot"))?;
    Ok(Versioned(slot.into(), sheet.quiz.version))
}

/// Puts a question on the paper of a draft. Answers with the whole paper and the quiz's new `ETag`.
#[utoipa::path(
    tag = "quiz",
    request_body = AddSlot,
    params(("id" = QuizId, Path, description = "The quiz."), ("If-Match" = String, Header, description = "The quiz's `ETag`.")),
    responses((status = 200, body = PaperView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/slots")]
async fn add(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuizId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<AddSlot>,
) -> Result<Versioned<PaperView>, Problem> {
    let (caller, body) = (permit.caller(), body.into_inner());
    let sheet = edit_sheet(&rooms, caller, *id, seen, None, async |sheet, now| {
        sheet.quiz.paper_is_open().map_err(refused)?;
        let slot = rooms.new_slot(caller.school_id, sheet, &body, now).await?;
        let at = body.position.map_or(sheet.slots.len(), |position| usize::from(position.max(1)) - 1).min(sheet.slots.len());
        sheet.slots.insert(at, slot);
        renumber(&mut sheet.slots);
        Ok(sheet.quiz.next(now))
    })
    .await?;
    Ok(PaperView::of(&sheet))
}

/// Changes a place on the paper.
#[utoipa::path(
    tag = "quiz",
    request_body = ChangeSlot,
    params(
        ("id" = QuizId, Path, description = "The quiz."),
        ("slot_id" = SlotId, Path, description = "The slot."),
        ("If-Match" = String, Header, description = "The quiz's `ETag`."),
    ),
    responses((status = 200, body = PaperView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/quizzes/{id}/slots/{slot_id}")]
async fn change(
    permit: Permit<permits::QuizWrite>,
    path: IdPath<(QuizId, SlotId)>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeSlot>,
) -> Result<Versioned<PaperView>, Problem> {
    let (caller, (id, slot_id)) = (permit.caller(), path.0);
    let sheet = edit_sheet(&rooms, caller, id, seen, None, async |sheet, now| {
        if body.position.is_some() || body.section.is_some() {
            sheet.quiz.paper_is_open().map_err(refused)?;
        }
        let at = place_of(sheet, slot_id)?;
        let mut slot = sheet.slots.remove(at);
        if let Some(section) = body.section {
            check_section(&sheet.quiz, section)?;
            slot.section = section;
        }
        if let Some(mark) = body.max_mark {
            check_mark(mark)?;
            slot.max_mark = mark;
        }
        if let Some(version) = body.question_version {
            let Some(question_id) = slot.question_id else {
                return Err(Problem::invalid(vec![Fault::new("/question_version", "the question of this slot is drawn")]));
            };
            rooms.published(caller.school_id, Pinned { question_id, version }, "/question_version").await?;
            slot.question_version = Some(version);
        }
        slot.version = slot.version.next();
        slot.updated_at = now;
        let to = body.position.map_or(at, |position| usize::from(position.max(1)) - 1).min(sheet.slots.len());
        sheet.slots.insert(to, slot);
        renumber(&mut sheet.slots);
        Ok(sheet.quiz.next(now))
    })
    .await?;
    Ok(PaperView::of(&sheet))
}

/// Takes a question off the paper of a draft.
#[utoipa::path(
    tag = "quiz",
    params(
        ("id" = QuizId, Path, description = "The quiz."),
        ("slot_id" = SlotId, Path, description = "The slot."),
        ("If-Match" = String, Header, description = "The quiz's `ETag`."),
    ),
    responses((status = 200, body = PaperView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/quizzes/{id}/slots/{slot_id}")]
async fn remove(
    permit: Permit<permits::QuizWrite>,
    path: IdPath<(QuizId, SlotId)>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<PaperView>, Problem> {
    let (id, slot_id) = path.0;
    let sheet = edit_sheet(&rooms, permit.caller(), id, seen, None, async |sheet, now| {
        sheet.quiz.paper_is_open().map_err(refused)?;
        let at = place_of(sheet, slot_id)?;
        sheet.slots.remove(at);
        renumber(&mut sheet.slots);
        Ok(sheet.quiz.next(now))
    })
    .await?;
    Ok(PaperView::of(&sheet))
}

fn place_of(sheet: &Sheet, slot: SlotId) -> Result<usize, Problem> {
    sheet.slots.iter().position(|own| own.id == slot).ok_or_else(|| Problem::not_found("slot"))
}

fn renumber(slots: &mut [Slot]) {
    for (position, slot) in (1..).zip(slots) {
        slot.position = position;
    }
}

fn check_section(quiz: &Quiz, section: u16) -> Result<(), Problem> {
    // A quiz without sections is one section.
    let most = quiz.settings.sections.len().max(1);
    if (1..=most).contains(&usize::from(section)) {
        return Ok(());
    }
    Err(Problem::invalid(vec![Fault::new("/section", format!("must be from 1 to {most}, a section of the quiz"))]))
}

fn check_mark(mark: Mark) -> Result<(), Problem> {
    if mark.is_negative() { Err(Problem::invalid(vec![Fault::new("/max_mark", "must not be negative")])) } else { Ok(()) }
}

impl Rooms {
    async fn new_slot(&self, school: SchoolId, sheet: &Sheet, body: &AddSlot, now: Timestamp) -> Result<Slot, Problem> {
        if sheet.slots.len() >= MAX_SLOTS {
            return Err(Problem::invalid(vec![Fault::new("", format!("a quiz has at most {MAX_SLOTS} questions"))]));
        }
        check_section(&sheet.quiz, body.section)?;
        let mut slot = Slot {
            id: SlotId::generate(),
            school_id: school,
            quiz_id: sheet.quiz.id,
            position: 1,
            section: body.section,
            question_id: None,
            question_version: None,
            random_from: None,
            max_mark: body.max_mark.unwrap_or(Mark::ONE),
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        match (body.question_id, &body.random_from) {
            (Some(question_id), None) => {
                if sheet.slots.iter().any(|own| own.question_id == Some(question_id)) {
                    return Err(Problem::invalid(vec![Fault::new("/question_id", "is on the paper already")]));
                }
                let version = match body.question_version {
                    Some(version) => version,
                    None => self.newest_published(school, question_id).await?,
                };
                let content = self.published(school, Pinned { question_id, version }, "/question_id").await?;
                slot.question_id = Some(question_id);
                slot.question_version = Some(version);
                slot.max_mark = body.max_mark.unwrap_or(content.default_mark);
                if !content.answer.is_question() && slot.max_mark != Mark::ZERO {
                    return Err(Problem::invalid(vec![Fault::new("/max_mark", "must be 0: nothing is asked")]));
                }
            }
            (None, Some(from)) => {
                let mut transaction = self.reading(school).await?;
                if !Categories::exists(&mut transaction, from.category_id).await? {
                    return Err(Problem::invalid(vec![Fault::new("/random_from/category_id", "there is no such category in this school")]));
                }
                slot.random_from = Some(Draw { category_id: from.category_id, tags: from.tags.clone(), pool: Vec::new() });
            }
            _ => return Err(Problem::invalid(vec![Fault::new("", "give either question_id or random_from")])),
        }
        check_mark(slot.max_mark)?;
        Ok(slot)
    }

    async fn newest_published(&self, school: SchoolId, id: QuestionId) -> Result<Version, Problem> {
        let versions = self.bank.versions(school, id).await?;
        let newest = versions.iter().find(|question| question.status == QuestionStatus::Published);
        newest
            .map(|question| question.version)
            .ok_or_else(|| Problem::invalid(vec![Fault::new("/question_id", "there is no such published question in this school")]))
    }

    /// The version, if quizzes can use it.
    async fn published(&self, school: SchoolId, pinned: Pinned, pointer: &str) -> Result<crate::model::question::Content, Problem> {
        let question = self.bank.version(school, pinned).await?.filter(|question| question.status == QuestionStatus::Published);
        let missing = || Problem::invalid(vec![Fault::new(pointer, "there is no such published version of the question in this school")]);
        Ok(question.ok_or_else(missing)?.content)
    }

    /// Notes what each draw may draw: all published questions of its category that are marked or asked at all.
    pub(super) async fn fill_pools(&self, school: SchoolId, sheet: &mut Sheet) -> Result<(), Problem> {
        for slot in &mut sheet.slots {
            if let Some(draw) = &mut slot.random_from {
                let filter = BankFilter {
                    category: Some(draw.category_id),
                    status: Some(QuestionStatus::Published),
                    tags: draw.tags.clone(),
                    ..BankFilter::default()
                };
                let found = self.bank.list(school, &filter, 1_000).await?;
                let asked = found.iter().filter(|question| question.content.answer.is_question());
                draw.pool = asked.map(crate::store::Question::pinned).collect();
            }
        }
        Ok(())
    }
}
