//! Locations: the places where things are kept, within each other.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, InventoryLocationId, Patch, Text, Version};
use records::{Listing, References, Table, rows};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::inventory_locations::{ActiveModel, Column, Entity, Model};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::{Desk, KeepersDesk};
use crate::model::item::Status;
use crate::store::{RULES, refuse};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A place is not within itself, however far around.
async fn not_within(transaction: &mut SchoolTransaction, place: Uuid, parent: Uuid) -> Result<(), Problem> {
    // Two who move places at once could close a circle together: one after the other.
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('inventory_locations ' || $1::text, 24))";
    let school = transaction.school_id().as_uuid();
    sqlx::query(lock).bind(school).execute(transaction.connection()?).await.map_err(refuse)?;
    let query = "WITH RECURSIVE around AS (
            SELECT id, parent_location_id FROM inventory_locations WHERE school_id = $1 AND id = $2
            UNION SELECT l.id, l.parent_location_id FROM inventory_locations l JOIN around a ON l.school_id = $1 AND l.id = a.parent_location_id)
        SELECT count(*) > 0, bool_or(id = $3) FROM around";
    let (exists, circle): (bool, Option<bool>) =
        sqlx::query_as(query).bind(school).bind(parent).bind(place).fetch_one(transaction.connection()?).await.map_err(refuse)?;
    let detail = match (exists, circle) {
        (false, _) => "there is no such location in this school",
        (true, Some(true)) => "is the location itself, or within it",
        _ => return Ok(()),
    };
    Err(Problem::invalid(vec![Fault::new("/parent_location_id", detail)]))
}

/// A location.
#[derive(Debug, Serialize, ToSchema)]
pub struct LocationView {
    /// Its id.
    id: InventoryLocationId,
    /// What it is called; once in the school.
    name: String,
    /// The place that it is in.
    parent_location_id: Option<InventoryLocationId>,
    /// Whether it is in use.
    status: String,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for LocationView {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            parent_location_id: row.parent_location_id.map(InventoryLocationId::from),
            status: row.status,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A location to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLocation {
    /// What it is called; once in the school.
    name: Text<200>,
    /// The place that it is in.
    parent_location_id: Option<InventoryLocationId>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeLocation {
    /// What it is called; once in the school.
    name: Option<Text<200>>,
    /// The place that it is in.
    #[serde(default)]
    #[schema(value_type = Option<InventoryLocationId>)]
    parent_location_id: Patch<InventoryLocationId>,
    /// Whether it is in use.
    status: Option<Status>,
}

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LocationFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(LocationFilter);

/// The school's locations, by name.
#[utoipa::path(params(LocationFilter), responses((status = 200, body = Page<LocationView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/locations")]
async fn list(desk: Desk<InventoryRead>, filter: Params<LocationFilter>) -> Result<Page<LocationView>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "inventory-locations", &filter.0)?;
    let transaction = desk.read().await?;
    let found = listing.slice(rows::rows::<Entity>(&transaction), Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(LocationView::from))
}

/// Adds a location.
#[utoipa::path(request_body = NewLocation, responses((status = 201, body = LocationView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/inventory/locations")]
async fn create(desk: KeepersDesk, body: Body<NewLocation>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        references.check::<Entity>(transaction, "/parent_location_id", new.parent_location_id).await?;
        references.settle()?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(InventoryLocationId::generate().as_uuid()),
            name: Set(new.name.into()),
            parent_location_id: Set(new.parent_location_id.map(InventoryLocationId::as_uuid)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/inventory/locations/{}", row.id), version: Version::FIRST, body: LocationView::from(row) })
    })
    .await
}

/// A location.
#[utoipa::path(params(("id" = InventoryLocationId, Path)), responses((status = 200, body = LocationView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/locations/{id}")]
async fn show(
    desk: Desk<InventoryRead>,
    id: IdPath<InventoryLocationId>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<LocationView>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a location.
#[utoipa::path(
    params(("id" = InventoryLocationId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeLocation,
    responses((status = 200, body = LocationView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/inventory/locations/{id}")]
async fn edit(
    desk: KeepersDesk,
    id: IdPath<InventoryLocationId>,
    based_on: IfMatch,
    body: Body<ChangeLocation>,
) -> Result<Versioned<LocationView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        if let Patch::Set(parent) = change.parent_location_id {
            not_within(transaction, id.as_uuid(), parent.as_uuid()).await?;
        }
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            parent_location_id: rows::patch(change.parent_location_id),
            status: rows::patch_required(change.status.map(|status| status.as_str().to_owned())),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a location that nothing refers to; what is in use can be made inactive.
#[utoipa::path(
    params(("id" = InventoryLocationId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/inventory/locations/{id}")]
async fn remove(desk: KeepersDesk, id: IdPath<InventoryLocationId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
