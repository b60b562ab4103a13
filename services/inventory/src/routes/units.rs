//! Units: the copies of a book, the microscopes. They are made when they are received.

use actix_web::{get, patch};
use chrono::NaiveDate;
use domain::{InventoryItemId, InventoryLocationId, InventoryUnitId, Patch, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Limit, Page, Params, Problem, Versioned, filters};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::{Desk, KeepersDesk};
use crate::model::item::{Unit, UnitState};
use crate::store::{UnitsOf, find_unit, item, refuse, units};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(of_item).service(list).service(show).service(edit);
}

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UnitFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}

/// Which units.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UnitsFilter {
    /// In whose hands: issued or lent to this user.
    #[param(inline)]
    holder_user_id: Option<UserId>,
    /// On the shelf at this location.
    #[param(inline)]
    location_id: Option<InventoryLocationId>,
    /// That are in this state.
    #[param(inline)]
    state: Option<UnitState>,
    /// Whose warranty ends before this day, or has ended.
    #[param(inline)]
    warranty_before: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(UnitFilter, UnitsFilter);

/// What changes; what is left out stays as it is. Where it is follows from movements.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUnit {
    /// Its serial number.
    serial_number: Option<Text<64>>,
    /// Until when the seller answers for it.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    warranty_until: Patch<NaiveDate>,
    /// What else is worth knowing.
    #[serde(default)]
    #[schema(value_type = Option<Text<500>>)]
    note: Patch<Text<500>>,
}

fn versioned(unit: Unit) -> Result<Versioned<Unit>, Problem> {
    let version = Version::try_from(unit.version).map_err(Problem::internal)?;
    Ok(Versioned(unit, version))
}

/// An item's units, by serial number.
#[utoipa::path(
    params(("id" = InventoryItemId, Path), UnitFilter),
    responses((status = 200, body = Page<Unit>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/inventory/items/{id}/units")]
async fn of_item(desk: Desk<InventoryRead>, id: IdPath<InventoryItemId>, filter: Params<UnitFilter>) -> Result<Page<Unit>, Problem> {
    let paging = desk.paging(format!("inventory-units {}", *id), &filter.0);
    let mut transaction = desk.read().await?;
    item(&mut transaction, *id).await?;
    let found = units(&mut transaction, &UnitsOf { item: Some(*id), ..UnitsOf::default() }, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |unit| (unit.serial_number.clone(), unit.id.as_uuid())))
}

/// The school's units, by serial number: who has what, and whose warranty runs out.
#[utoipa::path(params(UnitsFilter), responses((status = 200, body = Page<Unit>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/units")]
async fn list(desk: Desk<InventoryRead>, filter: Params<UnitsFilter>) -> Result<Page<Unit>, Problem> {
    let paging = desk.paging("inventory-units", &filter.0);
    let wanted = UnitsOf {
        item: None,
        holder: filter.holder_user_id,
        location: filter.location_id,
        state: filter.state,
        warranty_before: filter.warranty_before,
    };
    let found = units(&mut desk.read().await?, &wanted, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |unit| (unit.serial_number.clone(), unit.id.as_uuid())))
}

/// A unit: where it is, and who has it.
#[utoipa::path(params(("id" = InventoryUnitId, Path)), responses((status = 200, body = Unit), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/units/{id}")]
async fn show(desk: Desk<InventoryRead>, id: IdPath<InventoryUnitId>) -> Result<Versioned<Unit>, Problem> {
    versioned(find_unit(&mut desk.read().await?, *id).await?)
}

/// Changes what is known of a unit.
#[utoipa::path(
    params(("id" = InventoryUnitId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeUnit,
    responses((status = 200, body = Unit), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/inventory/units/{id}")]
async fn edit(
    desk: KeepersDesk,
    id: IdPath<InventoryUnitId>,
    based_on: IfMatch,
    body: Body<ChangeUnit>,
) -> Result<Versioned<Unit>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let school = transaction.school_id().as_uuid();
        let lock = "SELECT version FROM inventory_units WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE";
        let version: Option<i32> =
            sqlx::query_scalar(lock).bind(school).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
        let version = version.ok_or_else(|| Problem::not_found("unit"))?;
        based_on.require(Version::try_from(version).map_err(Problem::internal)?)?;
        let before = find_unit(transaction, *id).await?;
        let update = "UPDATE inventory_units SET serial_number = $3, warranty_until = $4, note = $5, version = version + 1, updated_at = $6
                      WHERE school_id = $1 AND id = $2";
        sqlx::query(update)
            .bind(school)
            .bind(id.as_uuid())
            .bind(change.serial_number.map_or(before.serial_number, String::from))
            .bind(change.warranty_until.apply(before.warranty_until))
            .bind(change.note.apply(before.note.and_then(|note| Text::try_from(note).ok())).map(String::from))
            .bind(desk.now())
            .execute(transaction.connection()?)
            .await
            .map_err(refuse)?;
        versioned(find_unit(transaction, *id).await?)
    })
    .await
}
