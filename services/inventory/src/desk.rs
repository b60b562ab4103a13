//! Where a request stands: what this service writes commits in PostgreSQL before the answer, and staff write only as far as they are keepers.

use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use domain::{InventoryLocationId, Role, ServiceName};
use futures_util::future::LocalBoxFuture;
use service_kit::Problem;
use service_kit::permits::InventoryWrite;
use store::SchoolTransaction;

use crate::store::require_keeper;

/// The store room, as it keeps its records.
pub(crate) struct StoreRoom;

impl records::Keeper for StoreRoom {
    const SERVICE: ServiceName = ServiceName::Inventory;
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<StoreRoom, P>;

/// The desk of somebody who keeps the inventory: the office, and members of the staff who were appointed to keep something. What exactly they keep is looked
/// at again where something moves.
pub(crate) struct KeepersDesk(Desk<InventoryWrite>);

impl FromRequest for KeepersDesk {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let desk = Desk::<InventoryWrite>::from_request(request, payload);
        Box::pin(async move {
            let desk = desk.await?;
            if desk.caller().role == Role::Staff {
                require_keeper(&mut desk.read().await?, desk.caller().user_id, None).await?;
            }
            Ok(Self(desk))
        })
    }
}

impl KeepersDesk {
    /// 403 for staff who keep neither `place` nor a place that it is in.
    pub(crate) async fn require_place(&self, transaction: &mut SchoolTransaction, place: InventoryLocationId) -> Result<(), Problem> {
        let caller = self.caller();
        if caller.role == Role::Staff { require_keeper(transaction, caller.user_id, Some(place)).await } else { Ok(()) }
    }
}

impl Deref for KeepersDesk {
    type Target = Desk<InventoryWrite>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
