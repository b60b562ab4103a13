//! Learning outcomes: what students are to learn, and the levels in which that is told. A class's own, and those of the whole school.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{ClassId, Fault, OutcomeId, Patch, Permission, Text, Version};
use records::{Listing, References, Table, rows};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::GradesWrite;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::learning_outcomes::{ActiveModel, Column, Entity, Model};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::Viewer;
use crate::desk::Desk;
use crate::model::outcome::Calculation;
use crate::store::{RULES, is_assessed};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// How many levels an outcome has.
const LEVELS: std::ops::RangeInclusive<usize> = 2..=20;

/// An outcome.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomeView {
    /// Its id.
    id: OutcomeId,
    /// The class; null: of the whole school.
    class_id: Option<ClassId>,
    /// What it is called.
    name: String,
    /// What it is.
    description: Option<String>,
    /// The names of its levels, from the lowest, which is 1, to the highest.
    levels: Vec<String>,
    /// From which level on it is mastered.
    mastery_level: i32,
    /// How the levels that a student has shown become one: `latest`, `highest` or `mean`.
    calculation: String,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl TryFrom<Model> for OutcomeView {
    type Error = Problem;

    fn try_from(row: Model) -> Result<Self, Problem> {
        Ok(Self {
            id: row.id.into(),
            class_id: row.class_id.map(ClassId::from),
            name: row.name,
            description: row.description,
            levels: serde_json::from_value(row.levels)?,
            mastery_level: row.mastery_level,
            calculation: row.calculation,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// An outcome to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Adds fractions", "levels": ["Not yet", "With help", "Alone"], "mastery_level": 3}))]
pub struct NewOutcome {
    /// The class: one that the teacher teaches. Left out: of the whole school, which is for the office.
    class_id: Option<ClassId>,
    /// What it is called; once in the class, or in the school.
    name: Text<200>,
    /// What it is.
    description: Option<Text<2000>>,
    /// The names of its levels, from the lowest to the highest, each once.
    #[schema(min_items = 2, max_items = 20)]
    levels: Vec<Text<100>>,
    /// From which level on it is mastered; 1 is the lowest.
    #[schema(minimum = 1, maximum = 20)]
    mastery_level: u8,
    /// How the levels that a student has shown become one; the latest counts unless said otherwise.
    #[serde(default)]
    calculation: Calculation,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeOutcome {
    /// What it is called.
    name: Option<Text<200>>,
    /// What it is.
    #[serde(default)]
    #[schema(value_type = Option<Text<2000>>)]
    description: Patch<Text<2000>>,
    /// The names of its levels. Once somebody was assessed there must be as many as before.
    #[schema(min_items = 2, max_items = 20)]
    levels: Option<Vec<Text<100>>>,
    /// From which level on it is mastered.
    #[schema(minimum = 1, maximum = 20)]
    mastery_level: Option<u8>,
    /// How the levels that a student has shown become one.
    calculation: Option<Calculation>,
}

/// Which outcomes.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutcomeFilter {
    /// Of this class, and of the whole school; left out: of the whole school only.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// How many to a page.
    #[serde(default, skip_serializing)]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing)]
    cursor: Option<String>,
}
filters!(OutcomeFilter);

/// What is wrong with levels, and with what counts as mastery among them.
fn faults(levels: &[String], mastery_level: i32) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !LEVELS.contains(&levels.len()) {
        faults.push(Fault::new("/levels", format!("must be from {} to {}", LEVELS.start(), LEVELS.end())));
    }
    for (index, level) in levels.iter().enumerate() {
        if levels.iter().take(index).any(|other| other == level) {
            faults.push(Fault::new(format!("/levels/{index}"), "is named twice"));
        }
    }
    if !usize::try_from(mastery_level).is_ok_and(|level| (1..=levels.len()).contains(&level)) {
        faults.push(Fault::new("/mastery_level", "must be the number of a level"));
    }
    faults
}

fn named(levels: &[Text<100>]) -> Vec<String> {
    levels.iter().map(|level| level.as_str().to_owned()).collect()
}

/// Whether the caller keeps the outcomes of `class`; those of the whole school are the office's.
async fn require_keeper(desk: &Desk<GradesWrite>, class: Option<ClassId>) -> Result<(), Problem> {
    match class {
        Some(class) => Viewer::of(desk.platform(), desk.caller()).await?.keep(class).await.map(drop),
        None if desk.caller().role.is_office() => Ok(()),
        None => Err(Problem::forbidden(Permission::ScalesManage)),
    }
}

/// A class's outcomes, with those of the whole school, by name.
#[utoipa::path(params(OutcomeFilter, ("limit" = Option<u16>, Query, description = "How many to a page, from 1 to 200; 50 if left out."), ("cursor" = Option<String>, Query, description = "Where to go on: `next_cursor` of the page before.")), responses((status = 200, body = Page<OutcomeView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/learning-outcomes")]
async fn list(desk: Desk<GradesWrite>, filter: Params<OutcomeFilter>) -> Result<Page<OutcomeView>, Problem> {
    let mut of = Condition::any().add(Column::ClassId.is_null());
    if let Some(class) = filter.class_id {
        Viewer::of(desk.platform(), desk.caller()).await?.keep(class).await?;
        of = of.add(Column::ClassId.eq(class.as_uuid()));
    }
    let listing = Listing::<_, String>::open(&desk, "learning-outcomes", &filter.0)?;
    let transaction = desk.read().await?;
    let select = rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active")).filter(of);
    let found = listing.slice(select, Column::Name, Column::Id).all(&transaction).await?;
    let page = listing.page(found, |row| (row.name.clone(), row.id));
    let items = page.items.into_iter().map(OutcomeView::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// Adds an outcome.
#[utoipa::path(request_body = NewOutcome, params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe: the first answer is given again.")), responses((status = 201, body = OutcomeView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/learning-outcomes")]
async fn create(desk: Desk<GradesWrite>, body: Body<NewOutcome>) -> Result<HttpResponse, Problem> {
    require_keeper(&desk, body.class_id).await?;
    let levels = named(&body.levels);
    let faults = faults(&levels, body.mastery_level.into());
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(OutcomeId::generate().as_uuid()),
            class_id: Set(body.class_id.map(ClassId::as_uuid)),
            name: Set(body.name.as_str().to_owned()),
            description: Set(body.description.as_ref().map(|text| text.as_str().to_owned())),
            levels: Set(levels.into()),
            mastery_level: Set(body.mastery_level.into()),
            calculation: Set(body.calculation.as_str().to_owned()),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        let location = format!("/api/v1/learning-outcomes/{}", row.id);
        Ok(Created { location, version: Version::FIRST, body: OutcomeView::try_from(row)? })
    })
    .await
}

/// The outcome, if the caller may see it: one of the school's, or of a class whose book they keep.
async fn kept(desk: &Desk<GradesWrite>, id: OutcomeId) -> Result<Model, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    if let Some(class) = row.class_id
        && !Viewer::of(desk.platform(), desk.caller()).await?.keeps(class.into())
    {
        return Err(Problem::not_found(Entity::NOUN));
    }
    Ok(row)
}

/// An outcome.
#[utoipa::path(params(("id" = OutcomeId, Path)), responses((status = 200, body = OutcomeView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/learning-outcomes/{id}")]
async fn show(desk: Desk<GradesWrite>, id: IdPath<OutcomeId>, known: IfNoneMatch) -> Result<NotModifiedOr<OutcomeView>, Problem> {
    let row = kept(&desk, *id).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.try_into()?, version))
}

/// Changes an outcome. What students have attained follows at once: it is never stored.
#[utoipa::path(
    params(("id" = OutcomeId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeOutcome,
    responses((status = 200, body = OutcomeView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/learning-outcomes/{id}")]
async fn edit(
    desk: Desk<GradesWrite>,
    id: IdPath<OutcomeId>,
    based_on: IfMatch,
    body: Body<ChangeOutcome>,
) -> Result<Versioned<OutcomeView>, Problem> {
    require_keeper(&desk, kept(&desk, *id).await?.class_id.map(ClassId::from)).await?;
    let change = body.into_inner();
    desk.change(async |transaction| {
        // Whoever assesses holds on to the row, so that nobody is given a level meanwhile that is about to go.
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let before: Vec<String> = serde_json::from_value(row.levels.clone())?;
        let levels = change.levels.as_deref().map_or_else(|| before.clone(), named);
        let mut references = References::default();
        references.add(faults(&levels, change.mastery_level.map_or(row.mastery_level, i32::from)));
        if levels.len() != before.len() && is_assessed(transaction, *id).await? {
            references.add([Fault::new("/levels", format!("must be {}, because somebody was assessed", before.len()))]);
        }
        references.settle()?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            description: rows::patch(change.description),
            levels: rows::patch_required(change.levels.is_some().then(|| serde_json::Value::from(levels))),
            mastery_level: rows::patch_required(change.mastery_level),
            calculation: rows::patch_required(change.calculation.map(|calculation| calculation.as_str().to_owned())),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.try_into()?, version))
    })
    .await
}

/// Removes an outcome that no item shows.
#[utoipa::path(
    params(("id" = OutcomeId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/learning-outcomes/{id}")]
async fn remove(desk: Desk<GradesWrite>, id: IdPath<OutcomeId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    require_keeper(&desk, kept(&desk, *id).await?.class_id.map(ClassId::from)).await?;
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
