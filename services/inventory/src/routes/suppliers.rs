//! Suppliers: who things are bought from.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Email, Patch, SupplierId, Text, Version};
use records::{Listing, Table, rows};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::inventory_suppliers::{ActiveModel, Column, Entity, Model};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::{Desk, KeepersDesk};
use crate::model::item::Status;
use crate::store::RULES;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A supplier.
#[derive(Debug, Serialize, ToSchema)]
pub struct SupplierView {
    /// Its id.
    id: SupplierId,
    /// What it is called; once in the school.
    name: String,
    /// Whom to ask for.
    contact: Option<String>,
    /// Where to write to.
    email: Option<String>,
    /// Where to call.
    phone: Option<String>,
    /// Where it is.
    address: Option<String>,
    /// Whether it is in use.
    status: String,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for SupplierView {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            contact: row.contact,
            email: row.email,
            phone: row.phone,
            address: row.address,
            status: row.status,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A supplier to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSupplier {
    /// What it is called; once in the school.
    name: Text<200>,
    /// Whom to ask for.
    contact: Option<Text<200>>,
    /// Where to write to.
    email: Option<Email>,
    /// Where to call.
    phone: Option<Text<32>>,
    /// Where it is.
    address: Option<Text<500>>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSupplier {
    /// What it is called; once in the school.
    name: Option<Text<200>>,
    /// Whom to ask for.
    #[serde(default)]
    #[schema(value_type = Option<Text<200>>)]
    contact: Patch<Text<200>>,
    /// Where to write to.
    #[serde(default)]
    #[schema(value_type = Option<Email>)]
    email: Patch<Email>,
    /// Where to call.
    #[serde(default)]
    #[schema(value_type = Option<Text<32>>)]
    phone: Patch<Text<32>>,
    /// Where it is.
    #[serde(default)]
    #[schema(value_type = Option<Text<500>>)]
    address: Patch<Text<500>>,
    /// Whether it is in use.
    status: Option<Status>,
}

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SupplierFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(SupplierFilter);

/// The school's suppliers, by name.
#[utoipa::path(params(SupplierFilter), responses((status = 200, body = Page<SupplierView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/suppliers")]
async fn list(desk: Desk<InventoryRead>, filter: Params<SupplierFilter>) -> Result<Page<SupplierView>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "inventory-suppliers", &filter.0)?;
    let transaction = desk.read().await?;
    let found = listing.slice(rows::rows::<Entity>(&transaction), Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(SupplierView::from))
}

/// Adds a supplier.
#[utoipa::path(request_body = NewSupplier, responses((status = 201, body = SupplierView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/inventory/suppliers")]
async fn create(desk: KeepersDesk, body: Body<NewSupplier>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(SupplierId::generate().as_uuid()),
            name: Set(new.name.into()),
            contact: Set(new.contact.map(String::from)),
            email: Set(new.email.map(String::from)),
            phone: Set(new.phone.map(String::from)),
            address: Set(new.address.map(String::from)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/inventory/suppliers/{}", row.id), version: Version::FIRST, body: SupplierView::from(row) })
    })
    .await
}

/// A supplier.
#[utoipa::path(params(("id" = SupplierId, Path)), responses((status = 200, body = SupplierView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/suppliers/{id}")]
async fn show(desk: Desk<InventoryRead>, id: IdPath<SupplierId>, known: IfNoneMatch) -> Result<NotModifiedOr<SupplierView>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a supplier.
#[utoipa::path(
    params(("id" = SupplierId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeSupplier,
    responses((status = 200, body = SupplierView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/inventory/suppliers/{id}")]
async fn edit(
    desk: KeepersDesk,
    id: IdPath<SupplierId>,
    based_on: IfMatch,
    body: Body<ChangeSupplier>,
) -> Result<Versioned<SupplierView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            contact: rows::patch(change.contact),
            email: rows::patch(change.email),
            phone: rows::patch(change.phone),
            address: rows::patch(change.address),
            status: rows::patch_required(change.status.map(|status| status.as_str().to_owned())),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a supplier that nothing refers to; what is in use can be made inactive.
#[utoipa::path(
    params(("id" = SupplierId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/inventory/suppliers/{id}")]
async fn remove(desk: KeepersDesk, id: IdPath<SupplierId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
