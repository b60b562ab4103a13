//! Keepers: which members of the staff keep the library, the laboratory store, or everything. Staff who keep nothing only read.

use actix_web::{HttpResponse, delete, get, post};
use domain::{InventoryLocationId, KeeperId, UserId, Version};
use records::References;
use serde::{Deserialize, Serialize};
use service_kit::permits::{InventoryManage, InventoryRead};
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Limit, NoContent, Page, Params, Problem, filters};
use store::entity::inventory_locations;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::store::{Keeper, appoint, dismiss, find_keeper, list_keepers};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(remove);
}

/// A keeper to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKeeper {
    /// Who; a member of the staff.
    user_id: UserId,
    /// Which place, with all places within it; left out: everything.
    location_id: Option<InventoryLocationId>,
}

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeeperFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(KeeperFilter);

/// Who keeps what.
#[utoipa::path(params(KeeperFilter), responses((status = 200, body = Page<Keeper>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/keepers")]
async fn list(desk: Desk<InventoryRead>, filter: Params<KeeperFilter>) -> Result<Page<Keeper>, Problem> {
    let paging = desk.paging("inventory-keepers", &filter.0);
    let found = list_keepers(&mut desk.read().await?, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |keeper| keeper.id.as_uuid()))
}

/// Appoints a member of the staff to keep a place, or everything. A keeper of any place may also keep items, categories, suppliers and locations; what moves,
/// moves from and to the places that they keep. The office needs no appointment.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header, description = "A retry under the same key gets the first answer.")),
    request_body = NewKeeper,
    responses((status = 201, body = Keeper), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/keepers")]
async fn create(desk: Desk<InventoryManage>, body: Body<NewKeeper>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        references.check::<inventory_locations::Entity>(transaction, "/location_id", new.location_id).await?;
        references.settle()?;
        let id = appoint(transaction, new.user_id, new.location_id, desk.caller().user_id, desk.now()).await?;
        let keeper = find_keeper(transaction, id).await?;
        Ok(Created { location: format!("/api/v1/inventory/keepers/{id}"), version: Version::FIRST, body: keeper })
    })
    .await
}

/// Dismisses a keeper, at once.
#[utoipa::path(
    params(("id" = KeeperId, Path), ("If-Match" = String, Header, description = "The `ETag` of the appointment: `\"v1\"`.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/inventory/keepers/{id}")]
async fn remove(desk: Desk<InventoryManage>, id: IdPath<KeeperId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        based_on.require(Version::FIRST)?;
        dismiss(transaction, *id).await
    })
    .await?;
    Ok(NoContent)
}
