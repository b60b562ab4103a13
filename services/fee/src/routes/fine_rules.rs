//! Rules for fines.

use actix_web::{HttpResponse, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Amount, Currency, Fault, FineRuleId, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesManage;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Limit, Page, Params, Problem, Versioned, filters};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{FineRuleRow, db};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit);
}

/// How a fine is reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FineKind {
    /// So much, once.
    Fixed,
    /// So much for each day after the last day of grace.
    PerDay,
    /// Of what is still owed, once.
    Percent,
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct FineRuleView {
    /// Its id.
    id: FineRuleId,
    /// What it is called; stands on the invoice.
    name: String,
    /// `fixed`, `per_day` or `percent`.
    kind: String,
    /// The currency: it is for invoices in this one.
    currency: String,
    /// How much, in minor units.
    amount_minor: Option<i64>,
    /// How much of what is owed, in hundredths of a percent.
    basis_points: Option<i32>,
    /// Days after the due date that cost nothing.
    grace_days: i32,
    /// The most that it comes to on one invoice.
    cap_minor: Option<i64>,
    /// Whether it is in use.
    is_active: bool,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<FineRuleRow> for FineRuleView {
    fn from(row: FineRuleRow) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            kind: row.kind,
            currency: row.currency,
            amount_minor: row.amount_minor,
            basis_points: row.basis_points,
            grace_days: row.grace_days,
            cap_minor: row.cap_minor,
            is_active: row.is_active,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A rule to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFineRule {
    /// What it is called; once.
    name: Text<100>,
    /// How it is reckoned.
    kind: FineKind,
    /// The currency.
    currency: Currency,
    /// How much, for `fixed` and `per_day`.
    #[schema(value_type = Option<Amount>)]
    amount_minor: Option<Amount>,
    /// How much of what is owed, for `percent`, in hundredths of a percent.
    #[schema(minimum = 1, maximum = 10000)]
    basis_points: Option<u16>,
    /// Days after the due date that cost nothing.
    #[serde(default)]
    #[schema(maximum = 365)]
    grace_days: u16,
    /// The most that it comes to on one invoice.
    #[schema(value_type = Option<Amount>)]
    cap_minor: Option<Amount>,
}

/// What changes. The figures of a rule stay: fines that were charged by it must be told apart.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFineRule {
    /// What it is called; once.
    name: Option<Text<100>>,
    /// Whether it is in use.
    is_active: Option<bool>,
}

/// Which rules.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FineRuleFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(FineRuleFilter);

/// The rules, by name.
#[utoipa::path(params(FineRuleFilter), responses((status = 200, body = Page<FineRuleView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fine-rules")]
async fn list(desk: Desk<FeesManage>, filter: Params<FineRuleFilter>) -> Result<Page<FineRuleView>, Problem> {
    let paging = desk.paging("fine-rules", &filter.0);
    let (name, id) = paging.after::<(String, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    let rows: Vec<FineRuleRow> = sqlx::query_as(
        "SELECT * FROM fine_rules WHERE school_id = $1 AND ($2::text IS NULL OR (name, id) > ($2, $3)) ORDER BY name, id LIMIT $4",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(name)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.name.clone(), row.id)).map(FineRuleView::from))
}

/// Adds a rule.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewFineRule,
    responses((status = 201, body = FineRuleView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fine-rules")]
async fn create(desk: Desk<FeesManage>, body: Body<NewFineRule>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    let mut faults = Vec::new();
    let is_percent = new.kind == FineKind::Percent;
    if is_percent == new.basis_points.is_none() || new.basis_points.is_some_and(|points| !(1..=10_000).contains(&points)) {
        faults.push(Fault::new("/basis_points", "must be 1 to 10000 for percent, and left out otherwise"));
    }
    if is_percent == new.amount_minor.is_some() {
        faults.push(Fault::new("/amount_minor", "must be given unless the kind is percent, and left out then"));
    }
    if new.grace_days > 365 {
        faults.push(Fault::new("/grace_days", "must be at most 365"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    desk.create(&body.0, async |transaction| {
        let row: FineRuleRow = sqlx::query_as(
            "INSERT INTO fine_rules (school_id, id, name, kind, currency, amount_minor, basis_points, grace_days, cap_minor, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING *",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(FineRuleId::generate().as_uuid())
        .bind(String::from(new.name))
        .bind(match new.kind {
            FineKind::Fixed => "fixed",
            FineKind::PerDay => "per_day",
            FineKind::Percent => "percent",
        })
        .bind(new.currency.code())
        .bind(new.amount_minor.map(Amount::minor))
        .bind(new.basis_points.map(i32::from))
        .bind(i32::from(new.grace_days))
        .bind(new.cap_minor.map(Amount::minor))
        .bind(desk.now())
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        Ok(Created { location: format!("/api/v1/fine-rules/{}", row.id), version: Version::FIRST, body: FineRuleView::from(row) })
    })
    .await
}

async fn find(transaction: &mut store::SchoolTransaction, id: Uuid) -> Result<(FineRuleRow, Version), Problem> {
    let row: Option<FineRuleRow> = sqlx::query_as("SELECT * FROM fine_rules WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
    let row = row.ok_or_else(|| Problem::not_found("fine rule"))?;
    let version = Version::try_from(row.version).map_err(Problem::internal)?;
    Ok((row, version))
}

/// A rule.
#[utoipa::path(params(("id" = FineRuleId, Path)), responses((status = 200, body = FineRuleView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fine-rules/{id}")]
async fn show(desk: Desk<FeesManage>, id: IdPath<FineRuleId>) -> Result<Versioned<FineRuleView>, Problem> {
    let (row, version) = find(&mut desk.read().await?, id.as_uuid()).await?;
    Ok(Versioned(row.into(), version))
}

/// Renames a rule, or takes it in or out of use.
#[utoipa::path(
    params(("id" = FineRuleId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeFineRule,
    responses((status = 200, body = FineRuleView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/fine-rules/{id}")]
async fn edit(
    desk: Desk<FeesManage>,
    id: IdPath<FineRuleId>,
    based_on: IfMatch,
    body: Body<ChangeFineRule>,
) -> Result<Versioned<FineRuleView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let saved: Option<FineRuleRow> = sqlx::query_as(
            "UPDATE fine_rules SET name = coalesce($3, name), is_active = coalesce($4, is_active), version = version + 1, updated_at = $5
             WHERE school_id = $1 AND id = $2 AND version = $6 RETURNING *",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(change.name.map(String::from))
        .bind(change.is_active)
        .bind(desk.now())
        .bind(based_on.0.get())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
        let Some(row) = saved else {
            let (_, version) = find(transaction, id.as_uuid()).await?;
            return Err(Problem::precondition_failed(version));
        };
        let version = Version::try_from(row.version).map_err(Problem::internal)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}
