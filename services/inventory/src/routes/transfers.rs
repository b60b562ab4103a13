//! Transfers: from one place of the school to another, in one step.

use actix_web::{HttpResponse, post};
use domain::{Fault, InventoryItemId, InventoryLocationId, Text};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IdempotencyKey, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::movements::Posted;
use crate::desk::KeepersDesk;
use crate::model::movement::Kind;
use crate::store::{Books, Note};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create);
}

/// A transfer to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// What is moved.
    item_id: InventoryItemId,
    /// From where.
    from_location_id: InventoryLocationId,
    /// To where.
    to_location_id: InventoryLocationId,
    /// How many; left out for an item with serial numbers.
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<i32>,
    /// The units, for an item with serial numbers.
    #[schema(min_items = 1, max_items = 200)]
    serial_numbers: Option<Vec<Text<64>>>,
    /// Why.
    reason: Option<Text<500>>,
}

/// Moves something to another place: what left the one has come to the other, or neither. `on_hand` is what is at the second place.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")),
    request_body = NewTransfer,
    responses((status = 201, body = Posted), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/transfers")]
async fn create(desk: KeepersDesk, _key: IdempotencyKey, body: Body<NewTransfer>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    if new.from_location_id == new.to_location_id {
        return Err(Problem::invalid(vec![Fault::new("/to_location_id", "must be another place than from_location_id")]));
    }
    desk.create(&body.0, async |transaction| {
        let mut books = Books::open(&desk, transaction, "/item_id", new.item_id).await?;
        books.open_place("/to_location_id", new.to_location_id).await?;
        let pieces = books.pieces(new.quantity, new.serial_numbers.as_deref()).await?;
        let note = Note { transfer: Some(Uuid::now_v7()), reason: new.reason.map(String::from), ..Note::default() };
        let mut movements = books.take(new.from_location_id, &pieces, Kind::TransferOut, &note).await?;
        movements.extend(books.put(new.to_location_id, &pieces, Kind::TransferIn, 0, &note).await?);
        books.close().await?;
        Posted::created(movements)
    })
    .await
}
