//! Loans: what is lent to whom, until when, and what is overdue.

use actix_web::{HttpResponse, get, post};
use chrono::NaiveDate;
use domain::{Fault, InventoryItemId, InventoryLocationId, LoanId, StudentId, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::LoansRead;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IdempotencyKey, IfMatch, Kind as ProblemKind, Limit, Page, Params, Problem,
    Versioned, filters,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access::scope;
use crate::desk::{Desk, KeepersDesk};
use crate::events::item_lost;
use crate::model::loan::{InvalidDue, Loan, State, due, renewed};
use crate::model::movement::Kind;
use crate::store::{
    Books, LoanFilter, LoanScope, Note, Pieces, borrower, change_loan, closing, find_loan, fulfil, list_loans, lock_loan, open_loan,
    overdue_loans, unit_of_serial,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(overdue).service(show).service(renew).service(lose);
}

/// A loan to be. What is lent is named by its serial number or, where things have none, by item and location.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLoan {
    /// The serial number of the unit.
    serial_number: Option<Text<64>>,
    /// The item; if it has no serial numbers.
    item_id: Option<InventoryItemId>,
    /// From where; if the item has no serial numbers.
    location_id: Option<InventoryLocationId>,
    /// How many; 1 unless said otherwise.
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<i32>,
    /// To whom.
    borrower_user_id: Option<UserId>,
    /// To which student; instead of `borrower_user_id`.
    student_id: Option<StudentId>,
    /// The last day, in the school's time zone; left out: as its category says.
    due_on: Option<NaiveDate>,
}

/// A renewal.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The new last day; left out: today and as long as its category says.
    due_on: Option<NaiveDate>,
}

/// A loss.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// What happened.
    reason: Option<Text<500>>,
    /// Whether the borrower pays what the item says that a lost one costs; yes, unless said otherwise.
    #[serde(default = "yes")]
    charge_replacement: bool,
}

const fn yes() -> bool {
    true
}

/// Which loans.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LoansOf {
    /// Of this item.
    #[param(inline)]
    item_id: Option<InventoryItemId>,
    /// To this user.
    #[param(inline)]
    borrower_user_id: Option<UserId>,
    /// To this student.
    #[param(inline)]
    student_id: Option<StudentId>,
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
filters!(LoansOf, OverdueOf);

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OverdueOf {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}

/// Loans, the latest first: a student's own, a parent's children's, for others all.
#[utoipa::path(params(LoansOf), responses((status = 200, body = Page<Loan>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/loans")]
async fn list(desk: Desk<LoansRead>, filter: Params<LoansOf>) -> Result<Page<Loan>, Problem> {
    let paging = desk.paging("loans", &filter.0);
    let wanted = LoanFilter { item: filter.item_id, borrower: filter.borrower_user_id, student: filter.student_id, state: filter.state };
    let scope = scope(&desk).await?;
    let mut transaction = desk.read().await?;
    let today = desk.today(&transaction).await?;
    let found = list_loans(&mut transaction, &scope, &wanted, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |loan| loan.id.as_uuid()).map(|loan| loan.seen_on(today)))
}

/// Loans that are open after their due day, the longest overdue first.
#[utoipa::path(params(OverdueOf), responses((status = 200, body = Page<Loan>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/loans/overdue")]
async fn overdue(desk: Desk<LoansRead>, filter: Params<OverdueOf>) -> Result<Page<Loan>, Problem> {
    let paging = desk.paging("loans overdue", &filter.0);
    let scope = scope(&desk).await?;
    let mut transaction = desk.read().await?;
    let today = desk.today(&transaction).await?;
    let found = overdue_loans(&mut transaction, &scope, today, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |loan| (loan.due_on, loan.id.as_uuid())).map(|loan| loan.seen_on(today)))
}

/// A loan.
#[utoipa::path(params(("id" = LoanId, Path)), responses((status = 200, body = Loan), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/loans/{id}")]
async fn show(desk: Desk<LoansRead>, id: IdPath<LoanId>) -> Result<Versioned<Loan>, Problem> {
    let scope = scope(&desk).await?;
    let mut transaction = desk.read().await?;
    let today = desk.today(&transaction).await?;
    versioned(find_loan(&mut transaction, *id, &scope).await?.seen_on(today))
}

pub(super) fn version_of(loan: &Loan) -> Result<Version, Problem> {
    Version::try_from(loan.version).map_err(Problem::internal)
}

fn versioned(loan: Loan) -> Result<Versioned<Loan>, Problem> {
    let version = version_of(&loan)?;
    Ok(Versioned(loan, version))
}

/// Lends something. A unit is with one borrower at most, and what is kept for somebody who waited for it is lent to nobody else. The borrower's reservation is
/// fulfilled with it.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")),
    request_body = NewLoan,
    responses((status = 201, body = Loan), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/loans")]
async fn create(desk: KeepersDesk, _key: IdempotencyKey, body: Body<NewLoan>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    let fault = |pointer: &str, detail: &str| Problem::invalid(vec![Fault::new(pointer, detail)]);
    desk.create(&body.0, async |transaction| {
        let to = borrower(transaction, "/borrower_user_id", new.borrower_user_id, new.student_id).await?;
        let (item, unit, place) = match (&new.serial_number, new.item_id, new.location_id) {
            (Some(serial), None, None) => {
                let unit = unit_of_serial(transaction, serial.as_str()).await?;
                let unit = unit.ok_or_else(|| fault("/serial_number", "is of no unit of this school"))?;
                let place = unit.location_id.ok_or_else(|| away("The unit is not on a shelf."))?;
                (unit.item_id, Some(unit.id), place)
            }
            (None, Some(item), Some(place)) => (item, None, place),
            _ => return Err(fault("/serial_number", "give either serial_number, or item_id and location_id")),
        };
        let mut books = Books::open(&desk, transaction, "/item_id", item).await?;
        books.require_active()?;
        if books.item.kind != "asset" {
            return Err(fault("/item_id", "is used up, not lent; issue it"));
        }
        let pieces = match unit {
            Some(unit) if new.quantity.is_none_or(|quantity| quantity == 1) => Pieces::Units(vec![unit.into()]),
            Some(_) => return Err(fault("/quantity", "is 1 for a unit")),
            None => books.pieces(Some(new.quantity.unwrap_or(1)), None).await?,
        };
        let (terms, penalty) = books.terms().await?;
        let due_on = due(books.today, new.due_on, terms).map_err(|invalid| fault("/due_on", &invalid.to_string()))?;
        books.require_free(pieces.count(), Some(to.user)).await?;
        let loan = open_loan(&mut books, unit.map(Uuid::from), pieces.count(), place, to, due_on, penalty).await?;
        let note = Note { loan: Some(loan.as_uuid()), party: Some(to.user), ..Note::default() };
        books.take(place, &pieces, Kind::Loan, &note).await?;
        fulfil(&mut books, to.user, loan).await?;
        let today = books.today;
        books.close().await?;
        let loan = find_loan(transaction, loan, &LoanScope::default()).await?.seen_on(today);
        Ok(Created { location: format!("/api/v1/inventory/loans/{}", loan.id), version: version_of(&loan)?, body: loan })
    })
    .await
}

fn away(detail: &str) -> Problem {
    Problem::conflict(ProblemKind::Conflict, detail)
}

/// Puts the due day off, as often as the category allows, unless somebody waits for it.
#[utoipa::path(
    params(("id" = LoanId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Renewal,
    responses((status = 200, body = Loan), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/loans/{id}/renew")]
async fn renew(desk: KeepersDesk, id: IdPath<LoanId>, based_on: IfMatch, body: Body<Renewal>) -> Result<Versioned<Loan>, Problem> {
    desk.change(async |transaction| {
        let item = find_loan(transaction, *id, &LoanScope::default()).await?.item_id;
        let mut books = Books::open(&desk, transaction, "/item_id", item).await?;
        // Whoever's time is over waits no more.
        books.settle_queue().await?;
        let mut loan = lock_loan(&mut books, *id).await?;
        based_on.require(version_of(&loan)?)?;
        if loan.state != State::Open {
            return Err(away("The loan is closed."));
        }
        if !books.queue().await?.is_empty() {
            return Err(away("Somebody waits for it."));
        }
        let (terms, _) = books.terms().await?;
        if loan.renewals >= terms.max_renewals {
            return Err(away("It was renewed as often as its category allows."));
        }
        loan.due_on = renewed(books.today, loan.due_on, body.due_on, terms).map_err(|invalid| match (invalid, body.due_on) {
            (InvalidDue::NotLater, None) => {
                away("Renewed today, it would not be due later than it is. Renew it another day, or say a later due_on.")
            }
            _ => Problem::invalid(vec![Fault::new("/due_on", invalid.to_string())]),
        })?;
        loan.renewals += 1;
        change_loan(&mut books, &loan).await?;
        let today = books.today;
        books.close().await?;
        versioned(find_loan(transaction, *id, &LoanScope::default()).await?.seen_on(today))
    })
    .await
}

/// Gives a loan up: what was lent is written off, and the borrower owes what being late costs and what a lost one costs.
#[utoipa::path(
    params(("id" = LoanId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Loss,
    responses((status = 200, body = Loan), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/loans/{id}/lost")]
async fn lose(desk: KeepersDesk, id: IdPath<LoanId>, based_on: IfMatch, body: Body<Loss>) -> Result<Versioned<Loan>, Problem> {
    let loss = body.into_inner();
    desk.change(async |transaction| {
        let seen = find_loan(transaction, *id, &LoanScope::default()).await?;
        let mut books = Books::open(&desk, transaction, "/item_id", seen.item_id).await?;
        based_on.require(version_of(&lock_loan(&mut books, *id).await?)?)?;
        let each = if loss.charge_replacement { books.item.replacement_cost_minor.unwrap_or(0) } else { 0 };
        let replacement = each.saturating_mul(seen.quantity.into());
        let loan = closing(&mut books, *id, State::Lost, replacement).await?;
        let pieces = Pieces::of(loan.unit_id.map(Into::into), loan.quantity);
        let reason = loss.reason.map_or_else(|| "Lost on loan".to_owned(), String::from);
        let note = Note { reason: Some(reason), party: Some(loan.borrower_user_id), ..Note::default() };
        // In the books it comes back before it is written off: every loan that is closed has come back, and what leaves for good leaves from a place.
        books.put(loan.location_id, &pieces, Kind::LoanReturn, 0, &Note { loan: Some(loan.id.as_uuid()), ..note.clone() }).await?;
        books.take(loan.location_id, &pieces, Kind::WriteOff, &note).await?;
        item_lost(&mut books, loan.unit_id, Some(loan.id), loan.quantity).await?;
        let today = books.today;
        books.close().await?;
        versioned(find_loan(transaction, *id, &LoanScope::default()).await?.seen_on(today))
    })
    .await
}
