//! Reservations: the queue for things that are out. First come, first served; what comes back is kept for the first in it for some days.

use actix_web::{HttpResponse, get, post};
use chrono::{Days, NaiveDate};
use domain::{Fault, InventoryItemId, ReservationId, StudentId, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::{LoansRead, LoansReserve};
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind, Limit, Page, Params, Problem, Versioned, filters};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::{Reserving, scope};
use crate::desk::Desk;
use crate::model::queue::{Reservation, State};
use crate::store::{Books, Borrower, LoanScope, QueueFilter, borrower, cancel_reservation, find_reservation, list_reservations, reserve};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(cancel);
}

/// For how long somebody waits unless they say otherwise, and at most.
const WAITS: Days = Days::new(90);
const LONGEST: i64 = 366;

/// A reservation to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReservation {
    /// For which item.
    item_id: InventoryItemId,
    /// For whom; the caller unless said otherwise.
    borrower_user_id: Option<UserId>,
    /// For which student; instead of `borrower_user_id`.
    student_id: Option<StudentId>,
    /// The last day of waiting; 90 days from today unless said otherwise.
    expires_on: Option<NaiveDate>,
}

/// Which reservations.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReservationFilter {
    /// For this item: its queue.
    #[param(inline)]
    item_id: Option<InventoryItemId>,
    /// That stand so.
    #[param(inline)]
    state: Option<State>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ReservationFilter);

/// Reservations in the order in which they were made: a student's own, a parent's children's, for others all.
#[utoipa::path(params(ReservationFilter), responses((status = 200, body = Page<Reservation>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/reservations")]
async fn list(desk: Desk<LoansRead>, filter: Params<ReservationFilter>) -> Result<Page<Reservation>, Problem> {
    let paging = desk.paging("reservations", &filter.0);
    let wanted = QueueFilter { item: filter.item_id, state: filter.state };
    let scope = scope(&desk).await?;
    let mut transaction = desk.read().await?;
    let found = list_reservations(&mut transaction, &scope, wanted, desk.now(), paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |reservation| reservation.id.as_uuid()))
}

fn versioned(reservation: Reservation) -> Result<Versioned<Reservation>, Problem> {
    let version = Version::try_from(reservation.version).map_err(Problem::internal)?;
    Ok(Versioned(reservation, version))
}

/// A reservation.
#[utoipa::path(params(("id" = ReservationId, Path)), responses((status = 200, body = Reservation), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/reservations/{id}")]
async fn show(desk: Desk<LoansRead>, id: IdPath<ReservationId>) -> Result<Versioned<Reservation>, Problem> {
    let scope = scope(&desk).await?;
    versioned(find_reservation(&mut desk.read().await?, *id, &scope, desk.now()).await?)
}

/// Puts somebody into the queue for an item; once. Everybody may wait for things themselves, parents for their children, and keepers and the office enter
/// whoever asks them. If a piece is free it is kept for them at once: `state` is `ready`.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header, description = "A retry under the same key gets the first answer.")),
    request_body = NewReservation,
    responses((status = 201, body = Reservation), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/reservations")]
async fn create(desk: Desk<LoansReserve>, body: Body<NewReservation>) -> Result<HttpResponse, Problem> {
    let (new, reserving) = (body.0.clone(), Reserving::of(&desk).await?);
    desk.create(&body.0, async |transaction| {
        let user = new.borrower_user_id.or_else(|| new.student_id.is_none().then_some(desk.caller().user_id));
        let who = borrower(transaction, "/borrower_user_id", user, new.student_id).await?;
        reserving.require(transaction, who).await?;
        let mut books = Books::open(&desk, transaction, "/item_id", new.item_id).await?;
        books.require_active()?;
        if books.item.kind != "asset" {
            return Err(Problem::invalid(vec![Fault::new("/item_id", "is used up, not lent")]));
        }
        let until = new.expires_on.or_else(|| books.today.checked_add_days(WAITS)).unwrap_or(books.today);
        if !(0..=LONGEST).contains(&(until - books.today).num_days()) {
            return Err(Problem::invalid(vec![Fault::new("/expires_on", format!("must be from today to in {LONGEST} days"))]));
        }
        // Whoever's time is over makes room first.
        books.settle_queue().await?;
        let id = reserve(&mut books, who, until).await?;
        let now = books.now;
        books.close().await?;
        let reservation = find_reservation(transaction, id, &LoanScope::default(), now).await?;
        let version = Version::try_from(reservation.version).map_err(Problem::internal)?;
        Ok(Created { location: format!("/api/v1/inventory/reservations/{id}"), version, body: reservation })
    })
    .await
}

/// Takes somebody out of the queue; what was kept for them goes to the next.
#[utoipa::path(
    params(("id" = ReservationId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = Reservation), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/reservations/{id}/cancel")]
async fn cancel(desk: Desk<LoansReserve>, id: IdPath<ReservationId>, based_on: IfMatch) -> Result<Versioned<Reservation>, Problem> {
    let (scope, reserving) = (scope(&desk).await?, Reserving::of(&desk).await?);
    desk.change(async |transaction| {
        let seen = find_reservation(transaction, *id, &scope, desk.now()).await?;
        reserving.require(transaction, Borrower { user: seen.borrower_user_id, student: seen.student_id }).await?;
        let item = seen.item_id;
        let mut books = Books::open(&desk, transaction, "/item_id", item).await?;
        // Once more, now that the queue can't change.
        let now = books.now;
        let reservation = find_reservation(books.transaction, *id, &LoanScope::default(), now).await?;
        based_on.require(Version::try_from(reservation.version).map_err(Problem::internal)?)?;
        if !matches!(reservation.state, State::Waiting | State::Ready) {
            return Err(Problem::conflict(Kind::Conflict, "The reservation is over."));
        }
        cancel_reservation(&mut books, *id).await?;
        books.close().await?;
        versioned(find_reservation(transaction, *id, &LoanScope::default(), now).await?)
    })
    .await
}
