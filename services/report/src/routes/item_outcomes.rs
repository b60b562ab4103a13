//! Which outcomes an item shows, and the sheet on which a class is assessed for one of them.

use std::collections::HashSet;

use actix_web::web::Json;
use actix_web::{HttpResponse, delete, get, post, put};
use domain::{ClassId, Fault, GradeItemId, OutcomeId, StudentId, Version};
use records::{References, Table, rows};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use service_kit::permits::GradesWrite;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, NoContent, Problem, Versioned};
use store::SchoolTransaction;
use store::entity::outcome_items::{ActiveModel, Entity, Model};
use store::entity::{grade_items, learning_outcomes};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::items::kept;
use super::locking::locked;
use crate::desk::Desk;
use crate::store::{RULES, Sheet, assessed_on, is_locked, levels_of, link_id, pupils_of, write_levels};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(link).service(unlink).service(show).service(assess);
}

/// An outcome that an item shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// The item.
    item_id: GradeItemId,
    /// The outcome.
    outcome_id: OutcomeId,
    /// What that is called.
    name: String,
    /// How many students were assessed.
    assessed: i64,
    /// One more with each change of its sheet; the `ETag` is this number as `"v3"`.
    version: i32,
}

/// The outcomes that an item shows, by name.
#[utoipa::path(params(("id" = GradeItemId, Path, description = "The item.")), responses((status = 200, body = Vec<LinkView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/grade-items/{id}/outcomes")]
async fn list(desk: Desk<GradesWrite>, id: IdPath<GradeItemId>) -> Result<Json<Vec<LinkView>>, Problem> {
    kept(&desk, id.as_uuid()).await?;
    let found = assessed_on(desk.platform(), desk.caller().school_id, *id).await?;
    let view = |(outcome_id, name, version, assessed)| LinkView { item_id: *id, outcome_id, name, assessed, version };
    Ok(Json(found.into_iter().map(view).collect()))
}

/// An outcome that an item is to show.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// The outcome: one of the item's class, or of the whole school.
    outcome_id: OutcomeId,
}

/// Says that an item shows an outcome.
#[utoipa::path(
    params(("id" = GradeItemId, Path, description = "The item."), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe: the first answer is given again.")),
    request_body = NewLink,
    responses((status = 201, body = LinkView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/grade-items/{id}/outcomes")]
async fn link(desk: Desk<GradesWrite>, id: IdPath<GradeItemId>, body: Body<NewLink>) -> Result<HttpResponse, Problem> {
    let item = kept(&desk, id.as_uuid()).await?;
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        let outcome = references.hold::<learning_outcomes::Entity>(transaction, "/outcome_id", body.outcome_id.as_uuid()).await?;
        if outcome.as_ref().is_some_and(|outcome| outcome.class_id.is_some_and(|class| class != item.class_id)) {
            references.add([Fault::new("/outcome_id", "must be of the same class, or of the whole school")]);
        }
        let outcome = references.settle_with(outcome)?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(link_id(*id, body.outcome_id)),
            class_id: Set(item.class_id),
            outcome_id: Set(outcome.id),
            item_id: Set(item.id),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        let view = LinkView { item_id: *id, outcome_id: body.outcome_id, name: outcome.name, assessed: 0, version: row.version };
        let location = format!("/api/v1/grade-items/{}/outcomes/{}", *id, body.outcome_id);
        Ok(Created { location, version: Version::FIRST, body: view })
    })
    .await
}

/// Says that an item doesn't show an outcome after all, as long as nobody was assessed.
#[utoipa::path(
    params(
        ("id" = GradeItemId, Path, description = "The item."),
        ("outcome_id" = OutcomeId, Path, description = "The outcome."),
        ("If-Match" = String, Header, description = "The `ETag` that was read."),
    ),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/grade-items/{id}/outcomes/{outcome_id}")]
async fn unlink(desk: Desk<GradesWrite>, path: IdPath<(GradeItemId, OutcomeId)>, based_on: IfMatch) -> Result<NoContent, Problem> {
    let (item, outcome) = path.0;
    kept(&desk, item.as_uuid()).await?;
    desk.change(async |transaction| rows::remove::<Entity>(transaction, link_id(item, outcome), based_on).await).await?;
    Ok(NoContent)
}

/// A line of the sheet.
#[derive(Debug, Serialize, ToSchema)]
pub struct LevelLine {
    /// The student.
    student_id: StudentId,
    /// The student's name.
    student_name: String,
    /// The level, 1 is the lowest; null: not assessed.
    level: Option<u8>,
    /// What that is called.
    level_name: Option<String>,
}

/// What a class has shown of an outcome in an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct LevelSheet {
    /// The item.
    item_id: GradeItemId,
    /// The outcome.
    outcome_id: OutcomeId,
    /// The names of its levels, from the lowest, which is 1.
    levels: Vec<String>,
    /// Everybody who is or was in the class, by name.
    lines: Vec<LevelLine>,
    /// One more with each change; the `ETag` is this number as `"v3"`.
    version: Version,
}

async fn sheet(
    transaction: &mut SchoolTransaction,
    row: &Model,
    outcome: learning_outcomes::Model,
) -> Result<Versioned<LevelSheet>, Problem> {
    let levels: Vec<String> = serde_json::from_value(outcome.levels)?;
    let given = levels_of(transaction, row.id).await?;
    let line = |(student_id, student_name): (StudentId, String)| {
        let level = given.get(&student_id).copied();
        let level_name = level.and_then(|level| levels.get(usize::from(level).checked_sub(1)?).cloned());
        LevelLine { student_id, student_name, level, level_name }
    };
    let lines = pupils_of(transaction, row.class_id.into()).await?.into_iter().map(line).collect();
    let version = Entity::version(row)?;
    let sheet = LevelSheet { item_id: row.item_id.into(), outcome_id: row.outcome_id.into(), lines, levels, version };
    Ok(Versioned(sheet, version))
}

/// The sheet of an outcome in an item: everybody who is or was in the class, whether assessed or not.
#[utoipa::path(
    params(("id" = GradeItemId, Path, description = "The item."), ("outcome_id" = OutcomeId, Path, description = "The outcome.")),
    responses((status = 200, body = LevelSheet), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/grade-items/{id}/outcomes/{outcome_id}")]
async fn show(desk: Desk<GradesWrite>, path: IdPath<(GradeItemId, OutcomeId)>) -> Result<Versioned<LevelSheet>, Problem> {
    let (item, outcome) = path.0;
    kept(&desk, item.as_uuid()).await?;
    let mut transaction = desk.read().await?;
    let row = rows::find::<Entity>(&transaction, link_id(item, outcome)).await?;
    let outcome = rows::find::<learning_outcomes::Entity>(&transaction, outcome.as_uuid()).await?;
    sheet(&mut transaction, &row, outcome).await
}

/// What a student has shown.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelEntry {
    /// The student: one of the class.
    student_id: StudentId,
    /// The level, 1 is the lowest; null: not assessed.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(minimum = 1, maximum = 20)]
    level: Option<u8>,
}

/// What a class has shown.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// At most one for each student; who isn't named stays as they are.
    #[schema(min_items = 1, max_items = 500)]
    levels: Vec<LevelEntry>,
}

/// The most lines of one request.
const LINES: usize = 500;

/// Assesses a class, all of it or nothing; what is wrong is told for every line at once. Of two who saw the same version of the sheet one is told with 412. What
/// changes nothing leaves its version as it is.
#[utoipa::path(
    params(
        ("id" = GradeItemId, Path, description = "The item."),
        ("outcome_id" = OutcomeId, Path, description = "The outcome."),
        ("If-Match" = String, Header, description = "The sheet's `ETag` that was read."),
    ),
    request_body = Levels,
    responses((status = 200, body = LevelSheet), (status = 409, description = "The item is locked."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/grade-items/{id}/outcomes/{outcome_id}")]
async fn assess(
    desk: Desk<GradesWrite>,
    path: IdPath<(GradeItemId, OutcomeId)>,
    based_on: IfMatch,
    body: Body<Levels>,
) -> Result<Versioned<LevelSheet>, Problem> {
    let (item, outcome) = path.0;
    kept(&desk, item.as_uuid()).await?;
    desk.change(async |transaction| {
        let missing = || Problem::not_found(Entity::NOUN);
        // Both hold still meanwhile: whoever locks the item, or takes levels away, comes before this or after it.
        let item = rows::hold::<grade_items::Entity>(transaction, item.as_uuid()).await?.ok_or_else(missing)?;
        let of = rows::hold::<learning_outcomes::Entity>(transaction, outcome.as_uuid()).await?.ok_or_else(missing)?;
        let row = rows::edit::<Entity>(transaction, link_id(item.id.into(), outcome), based_on).await?;
        if is_locked(&item, desk.now()) {
            return Err(locked());
        }
        let class = ClassId::from_uuid(item.class_id);
        let levels: Vec<String> = serde_json::from_value(of.levels.clone())?;
        let pupils = pupils_of(transaction, class).await?.into_iter().map(|(student, _)| student).collect();
        let wanted = checked(&body.levels, levels.len(), &pupils)?;
        let place = Sheet { class, link: row.id, by: desk.caller().user_id, now: desk.now() };
        let row = if write_levels(transaction, place, &wanted).await? {
            rows::save(transaction, RULES, &row, ActiveModel::default(), desk.now()).await?
        } else {
            row
        };
        sheet(transaction, &row, of).await
    })
    .await
}

/// What is to be written, or everything that is wrong with it.
fn checked(entries: &[LevelEntry], levels: usize, pupils: &HashSet<StudentId>) -> Result<Vec<(StudentId, Option<u8>)>, Problem> {
    if !(1..=LINES).contains(&entries.len()) {
        return Err(Problem::invalid(vec![Fault::new("/levels", format!("must be from 1 to {LINES} lines"))]));
    }
    let (mut faults, mut named) = (Vec::new(), HashSet::new());
    for (index, entry) in entries.iter().enumerate() {
        let mut wrong = |field: &str, detail: String| faults.push(Fault::new(format!("/levels/{index}/{field}"), detail));
        if !pupils.contains(&entry.student_id) {
            wrong("student_id", "is not in this class".to_owned());
        } else if !named.insert(entry.student_id) {
            wrong("student_id", "is named twice".to_owned());
        }
        if entry.level.is_some_and(|level| !(1..=levels).contains(&usize::from(level))) {
            wrong("level", format!("must be from 1 to {levels}"));
        }
    }
    if faults.is_empty() {
        Ok(entries.iter().map(|entry| (entry.student_id, entry.level)).collect())
    } else {
        Err(Problem::invalid(faults))
    }
}
