//! Scales: what percentages are called at this school.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, GradeScaleId, Text, Version};
use records::{Listing, Table, rows};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{GradesRead, ScalesManage};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::grade_scales::{ActiveModel, Column, Entity, Model};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::scale::{InvalidScale, Scale, Step};
use crate::store::{RULES, steps};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A step of a scale: everything from `from_percent` up to the next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepView {
    /// Such as `A` or `very good`.
    #[schema(value_type = String, min_length = 1, max_length = 50)]
    letter: Text<50>,
    /// The lowest percentage that earns it, as shown: two decimals.
    #[serde(with = "super::number")]
    #[schema(value_type = f64, minimum = 0, maximum = 100)]
    from_percent: Decimal,
    /// What it counts in a grade point average.
    #[serde(default, with = "super::number::option")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 100)]
    grade_points: Option<Decimal>,
}

/// A scale.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScaleView {
    /// Its id.
    id: GradeScaleId,
    /// What it is called.
    name: String,
    /// From the highest to the lowest.
    steps: Vec<StepView>,
    /// Whether classes that name no other use it.
    is_default: bool,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for ScaleView {
    fn from(row: Model) -> Self {
        let step = |step: Step| {
            Some(StepView {
                letter: Text::try_from(step.letter.as_str()).ok()?,
                from_percent: step.from_percent,
                grade_points: step.grade_points,
            })
        };
        Self {
            id: row.id.into(),
            name: row.name,
            // Were they ever unreadable, the book says so.
            steps: steps(&row.steps).unwrap_or_default().into_iter().filter_map(step).collect(),
            is_default: row.is_default,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A scale to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScale {
    /// What it is called; once in the school.
    name: Text<100>,
    /// Its steps, in any order; the lowest starts at 0.
    #[schema(min_items = 1, max_items = 50)]
    steps: Vec<StepView>,
    /// Whether classes that name no other use it; one scale of a school can be that.
    #[serde(default)]
    is_default: bool,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeScale {
    /// What it is called; once in the school.
    name: Option<Text<100>>,
    /// Its steps, in any order; the lowest starts at 0.
    #[schema(min_items = 1, max_items = 50)]
    steps: Option<Vec<StepView>>,
    /// Whether classes that name no other use it.
    is_default: Option<bool>,
}

/// Which scales.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScaleFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ScaleFilter);

/// The most steps of a scale.
const STEPS: usize = 50;

/// The steps as they are stored, or what is wrong with them.
fn checked(given: &[StepView]) -> Result<serde_json::Value, Problem> {
    let step = |step: &StepView| Step {
        letter: step.letter.as_str().to_owned(),
        from_percent: step.from_percent,
        grade_points: step.grade_points,
    };
    if given.len() > STEPS {
        return Err(Problem::invalid(vec![Fault::new("/steps", format!("must be at most {STEPS}"))]));
    }
    let scale = Scale::new(given.iter().map(step).collect()).map_err(|invalid| {
        let pointer = match invalid {
            InvalidScale::NoFloor => "/steps".to_owned(),
            InvalidScale::SameStart(index) | InvalidScale::OutOfRange(index) => format!("/steps/{index}/from_percent"),
            InvalidScale::SameLetter(index) => format!("/steps/{index}/letter"),
            InvalidScale::GradePoints(index) => format!("/steps/{index}/grade_points"),
        };
        Problem::invalid(vec![Fault::new(pointer, invalid.to_string())])
    })?;
    let stored =
        |step: &Step| serde_json::json!({"letter": step.letter, "from_percent": step.from_percent, "grade_points": step.grade_points});
    Ok(scale.steps().iter().map(stored).collect())
}

/// The school's scales, by name.
#[utoipa::path(params(ScaleFilter, ("limit" = Option<u16>, Query, description = "How many to a page, from 1 to 200; 50 if left out."), ("cursor" = Option<String>, Query, description = "Where to go on: `next_cursor` of the page before.")), responses((status = 200, body = Page<ScaleView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/grade-scales")]
async fn list(desk: Desk<GradesRead>, filter: Params<ScaleFilter>) -> Result<Page<ScaleView>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "grade-scales", &filter.0)?;
    let transaction = desk.read().await?;
    let select = rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active"));
    let found = listing.slice(select, Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(ScaleView::from))
}

/// Adds a scale.
#[utoipa::path(request_body = NewScale, params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe: the first answer is given again.")), responses((status = 201, body = ScaleView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/grade-scales")]
async fn create(desk: Desk<ScalesManage>, body: Body<NewScale>) -> Result<HttpResponse, Problem> {
    let steps = checked(&body.steps)?;
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(GradeScaleId::generate().as_uuid()),
            name: Set(body.name.as_str().to_owned()),
            steps: Set(steps),
            is_default: Set(body.is_default),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/grade-scales/{}", row.id), version: Version::FIRST, body: ScaleView::from(row) })
    })
    .await
}

/// A scale.
#[utoipa::path(params(("id" = GradeScaleId, Path)), responses((status = 200, body = ScaleView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/grade-scales/{id}")]
async fn show(desk: Desk<GradesRead>, id: IdPath<GradeScaleId>, known: IfNoneMatch) -> Result<NotModifiedOr<ScaleView>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a scale. Letters follow at once everywhere: they are never stored.
#[utoipa::path(
    params(("id" = GradeScaleId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeScale,
    responses((status = 200, body = ScaleView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/grade-scales/{id}")]
async fn edit(
    desk: Desk<ScalesManage>,
    id: IdPath<GradeScaleId>,
    based_on: IfMatch,
    body: Body<ChangeScale>,
) -> Result<Versioned<ScaleView>, Problem> {
    let change = body.into_inner();
    let steps = change.steps.as_deref().map(checked).transpose()?;
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            steps: rows::patch_required(steps),
            is_default: rows::patch_required(change.is_default),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a scale that no class uses.
#[utoipa::path(
    params(("id" = GradeScaleId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/grade-scales/{id}")]
async fn remove(desk: Desk<ScalesManage>, id: IdPath<GradeScaleId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
