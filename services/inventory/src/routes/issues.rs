//! Issues: things handed out to be used up or kept, such as chalk to a class or a laptop to a teacher.

use actix_web::{HttpResponse, post};
use domain::{ClassId, InventoryItemId, InventoryLocationId, Text, UserId};
use records::References;
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IdempotencyKey, Problem};
use store::entity::classes;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::movements::Posted;
use crate::desk::KeepersDesk;
use crate::model::movement::Kind;
use crate::store::{Books, Note, borrower};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create);
}

/// An issue to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIssue {
    /// What is handed out.
    item_id: InventoryItemId,
    /// From where.
    location_id: InventoryLocationId,
    /// How many; left out for an item with serial numbers.
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<i32>,
    /// The units, for an item with serial numbers.
    #[schema(min_items = 1, max_items = 200)]
    serial_numbers: Option<Vec<Text<64>>>,
    /// To whom, if it is somebody of the school; who has a unit is its holder.
    issued_to: Option<UserId>,
    /// The class that uses it up, if one does.
    class_id: Option<ClassId>,
    /// What it is used up for, in the same words each time: examinations, cleaning.
    purpose: Option<Text<200>>,
    /// What else is worth knowing.
    reason: Option<Text<500>>,
}

/// Hands something out. There is never less than nothing left: of many who issue the last pieces at once, as many succeed as there are pieces, and the others
/// get 409.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")),
    request_body = NewIssue,
    responses((status = 201, body = Posted), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/issues")]
async fn create(desk: KeepersDesk, _key: IdempotencyKey, body: Body<NewIssue>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let party = match new.issued_to {
            Some(user) => Some(borrower(transaction, "/issued_to", Some(user), None).await?.user),
            None => None,
        };
        let mut references = References::default();
        references.check::<classes::Entity>(transaction, "/class_id", new.class_id).await?;
        references.settle()?;
        let mut books = Books::open(&desk, transaction, "/item_id", new.item_id).await?;
        let pieces = books.pieces(new.quantity, new.serial_numbers.as_deref()).await?;
        books.require_free(pieces.count(), party).await?;
        let (purpose, reason) = (new.purpose.map(String::from), new.reason.map(String::from));
        let note = Note { party, class: new.class_id, purpose, reason, ..Note::default() };
        let movements = books.take(new.location_id, &pieces, Kind::Issue, &note).await?;
        books.close().await?;
        Posted::created(movements)
    })
    .await
}
