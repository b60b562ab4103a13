//! What seats cost, and charging a month.

use actix_web::web::Json;
use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::NaiveDate;
use domain::{BusFeeSlabId, Patch, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Limit, NoContent, Page, Params, Problem, Versioned, filters,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::paging::{Sort, page};
use super::wrong;
use crate::desk::Desk;
use crate::model::fee::{FeeSlab, Month};
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove).service(charge);
}

/// What a seat is to cost at a distance.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusFeeSlab)]
pub struct NewFeeSlab {
    /// From so many metres on.
    #[schema(minimum = 0)]
    from_metres: i32,
    /// Up to so many metres, exclusive; none means any distance. Slabs of the same time don't overlap.
    #[schema(minimum = 1)]
    below_metres: Option<i32>,
    /// ISO 4217.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "INR")]
    currency: Text<3>,
    /// For one direction and one month, in the currency's minor unit.
    #[schema(minimum = 1)]
    amount_minor: i64,
    /// The first day on which it holds.
    valid_from: NaiveDate,
    /// The last day, inclusive; none means open.
    valid_to: Option<NaiveDate>,
}

/// What changes; what is left out stays as it is. To change a price, end the slab and add another.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeBusFeeSlab)]
pub struct ChangeFeeSlab {
    /// The last day, inclusive; null means open.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    valid_to: Patch<NaiveDate>,
}

/// Which slabs.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeeSlabFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those that hold on this day.
    on: Option<NaiveDate>,
}
filters!(FeeSlabFilter);

/// A month to be charged.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChargeBusFees)]
pub struct ChargeMonth {
    /// The month: the last one, this one or the next.
    #[schema(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", example = "2026-11")]
    period: String,
}

/// What was charged.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ChargedBusFees)]
pub struct Charged {
    /// The month.
    period: String,
    /// How many seats were charged now. Those that had been before are not again.
    charged: usize,
}

/// What seats cost, the nearest first.
#[utoipa::path(tag = "bus-route", params(FeeSlabFilter), responses((status = 200, body = Page<FeeSlab>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/fee-slabs")]
async fn list(desk: Desk<TransportManage>, filter: Params<FeeSlabFilter>) -> Result<Page<FeeSlab>, Problem> {
    let sort = Sort { by: "lpad(t.from_metres::text, 10, '0')", key: |row: &FeeSlab| format!("{:010}", row.from_metres) };
    let condition = "$5->>'on' IS NULL OR daterange(t.valid_from, t.valid_to, '[]') @> ($5->>'on')::date";
    page(&desk, "bus fee slabs", &filter.0, sort, condition).await
}

/// Says what seats cost at a distance.
#[utoipa::path(tag = "bus-route", request_body = NewFeeSlab, responses((status = 201, body = FeeSlab), (status = 409, description = "It overlaps a slab of the same time."), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/fee-slabs")]
async fn create(desk: Desk<TransportManage>, body: Body<NewFeeSlab>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = FeeSlab {
            id: BusFeeSlabId::generate(),
            school_id: transaction.school_id(),
            from_metres: new.from_metres,
            below_metres: new.below_metres,
            currency: new.currency.into(),
            amount_minor: new.amount_minor,
            valid_from: new.valid_from,
            valid_to: new.valid_to,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        row.check()?;
        store::insert(transaction, &row).await?;
        Ok(Created { location: format!("/api/v1/bus/fee-slabs/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// What seats cost at a distance.
#[utoipa::path(tag = "bus-route", params(("id" = BusFeeSlabId, Path)), responses((status = 200, body = FeeSlab), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/fee-slabs/{id}")]
async fn show(desk: Desk<TransportManage>, id: IdPath<BusFeeSlabId>) -> Result<Versioned<FeeSlab>, Problem> {
    let row = store::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(Versioned(row, version))
}

/// Changes until when a slab holds. What was charged stays as it was.
#[utoipa::path(tag = "bus-route", params(("id" = BusFeeSlabId, Path)), request_body = ChangeFeeSlab, responses((status = 200, body = FeeSlab), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/fee-slabs/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<BusFeeSlabId>,
    based_on: IfMatch,
    body: Body<ChangeFeeSlab>,
) -> Result<Versioned<FeeSlab>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = store::edit(transaction, *id, based_on).await?;
        let row = FeeSlab { valid_to: change.valid_to.apply(row.valid_to), version: row.version.next(), updated_at: desk.now(), ..row };
        row.check()?;
        store::save(transaction, &row).await?;
        let version = row.version;
        Ok(Versioned(row, version))
    })
    .await
}

/// Removes a slab by which nothing was charged.
#[utoipa::path(tag = "bus-route", params(("id" = BusFeeSlabId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/bus/fee-slabs/{id}")]
async fn remove(desk: Desk<TransportManage>, id: IdPath<BusFeeSlabId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        store::edit(transaction, *id, based_on).await?;
        store::remove(transaction, *id).await
    })
    .await?;
    Ok(NoContent)
}

/// Charges everybody who has a seat in a month, and was not charged for it yet. As often as one likes: each student is charged once a month in each direction.
#[utoipa::path(tag = "bus-route", request_body = ChargeMonth, responses((status = 200, body = Charged), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/fees/charge")]
async fn charge(desk: Desk<TransportManage>, body: Body<ChargeMonth>) -> Result<Json<Charged>, Problem> {
    let month = Month::parse(&body.period).ok_or_else(|| wrong("/period", "must be a month, such as 2026-11"))?;
    let by = desk.caller().actor();
    let charged = desk
        .change(async |transaction| {
            if !month.may_be_charged_on(desk.today(transaction).await?) {
                return Err(wrong("/period", "must be the last month, this one or the next"));
            }
            store::charge_month(transaction, month, Some(by), desk.now()).await
        })
        .await?;
    Ok(Json(Charged { period: month.to_string(), charged }))
}
