//! Who is on the honour roll: the school's rules.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, HonourRuleId, Patch, Text, Version};
use records::{Listing, References, Table, rows};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{GradesRead, ScalesManage};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::honour_rules::{ActiveModel, Column, Entity, Model};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::percent_fault;
use crate::desk::Desk;
use crate::store::RULES;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A rule of the honour roll.
#[derive(Debug, Serialize, ToSchema)]
pub struct HonourRuleView {
    /// Its id.
    id: HonourRuleId,
    /// What it is called.
    name: String,
    /// The average to reach, in percent.
    #[serde(with = "super::number")]
    #[schema(value_type = f64)]
    min_average: Decimal,
    /// The percentage that no result that counts may lie below; null: any may.
    #[serde(with = "super::number::option")]
    #[schema(value_type = Option<f64>)]
    min_grade: Option<Decimal>,
    /// How many results must count at least.
    min_results: i32,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for HonourRuleView {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            min_average: row.min_average.normalize(),
            min_grade: row.min_grade.map(|grade| grade.normalize()),
            min_results: row.min_results,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A rule to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "High honours", "min_average": 90, "min_grade": 75}))]
pub struct NewHonourRule {
    /// What it is called; once in the school.
    name: Text<100>,
    /// The average to reach, in percent, at most two decimals. More than 100 takes extra work.
    #[serde(with = "super::number")]
    #[schema(value_type = f64, minimum = 0, maximum = 200)]
    min_average: Decimal,
    /// The percentage that no result that counts may lie below; left out: any may.
    #[serde(default, with = "super::number::option")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 200)]
    min_grade: Option<Decimal>,
    /// How many results must count at least; 1 unless said otherwise.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000)]
    min_results: u16,
}

const fn one() -> u16 {
    1
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeHonourRule {
    /// What it is called; once in the school.
    name: Option<Text<100>>,
    /// The average to reach, in percent.
    #[serde(default, with = "super::number::option")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 200)]
    min_average: Option<Decimal>,
    /// The percentage that no result that counts may lie below; null: any may.
    #[serde(default)]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 200)]
    min_grade: Patch<super::number::Exact>,
    /// How many results must count at least.
    #[schema(minimum = 1, maximum = 1000)]
    min_results: Option<u16>,
}

/// Which rules.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HonourRuleFilter {
    /// How many to a page.
    #[serde(default, skip_serializing)]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing)]
    cursor: Option<String>,
}
filters!(HonourRuleFilter);

/// The highest percentage that a rule may ask for: extra work goes beyond a hundred.
const MOST: i64 = 200;

fn faults(average: Option<Decimal>, grade: Option<Decimal>, results: Option<u16>) -> impl Iterator<Item = Fault> {
    let of_average = average.and_then(|average| percent_fault(average, MOST, "/min_average"));
    let of_grade = grade.and_then(|grade| percent_fault(grade, MOST, "/min_grade"));
    let of_results = results.filter(|results| !(1..=1_000).contains(results)).map(|_| Fault::new("/min_results", "must be from 1 to 1000"));
    [of_average, of_grade, of_results].into_iter().flatten()
}

/// The school's rules, by name.
#[utoipa::path(params(HonourRuleFilter, ("limit" = Option<u16>, Query, description = "How many to a page, from 1 to 200; 50 if left out."), ("cursor" = Option<String>, Query, description = "Where to go on: `next_cursor` of the page before.")), responses((status = 200, body = Page<HonourRuleView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/honour-rules")]
async fn list(desk: Desk<GradesRead>, filter: Params<HonourRuleFilter>) -> Result<Page<HonourRuleView>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "honour-rules", &filter.0)?;
    let transaction = desk.read().await?;
    let select = rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active"));
    let found = listing.slice(select, Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(HonourRuleView::from))
}

/// Adds a rule.
#[utoipa::path(request_body = NewHonourRule, params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe: the first answer is given again.")), responses((status = 201, body = HonourRuleView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/honour-rules")]
async fn create(desk: Desk<ScalesManage>, body: Body<NewHonourRule>) -> Result<HttpResponse, Problem> {
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        references.add(faults(Some(body.min_average), body.min_grade, Some(body.min_results)));
        references.settle()?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(HonourRuleId::generate().as_uuid()),
            name: Set(body.name.as_str().to_owned()),
            min_average: Set(body.min_average),
            min_grade: Set(body.min_grade),
            min_results: Set(body.min_results.into()),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/honour-rules/{}", row.id), version: Version::FIRST, body: HonourRuleView::from(row) })
    })
    .await
}

/// A rule.
#[utoipa::path(params(("id" = HonourRuleId, Path)), responses((status = 200, body = HonourRuleView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/honour-rules/{id}")]
async fn show(desk: Desk<GradesRead>, id: IdPath<HonourRuleId>, known: IfNoneMatch) -> Result<NotModifiedOr<HonourRuleView>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a rule. Rolls follow at once: they are never stored.
#[utoipa::path(
    params(("id" = HonourRuleId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeHonourRule,
    responses((status = 200, body = HonourRuleView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/honour-rules/{id}")]
async fn edit(
    desk: Desk<ScalesManage>,
    id: IdPath<HonourRuleId>,
    based_on: IfMatch,
    body: Body<ChangeHonourRule>,
) -> Result<Versioned<HonourRuleView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let grade = if let Patch::Set(grade) = &change.min_grade { Some(grade.0) } else { None };
        let mut references = References::default();
        references.add(faults(change.min_average, grade, change.min_results));
        references.settle()?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            min_average: rows::patch_required(change.min_average),
            min_grade: rows::patch(change.min_grade),
            min_results: rows::patch_required(change.min_results),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a rule.
#[utoipa::path(
    params(("id" = HonourRuleId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/honour-rules/{id}")]
async fn remove(desk: Desk<ScalesManage>, id: IdPath<HonourRuleId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
