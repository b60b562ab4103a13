//! Returns: a loan comes back, or something of what was issued.

use actix_web::{HttpResponse, post};
use domain::{Fault, InventoryLocationId, LoanId, MovementId, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, Created, EditProblems, IdempotencyKey, Problem};
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::KeepersDesk;
use crate::model::loan::{Loan, State};
use crate::model::movement::{Kind, Movement};
use crate::model::valuation::returned_value;
use crate::store::{Books, LoanScope, Note, Pieces, closing, find_loan, loan_of_serial, movement, returned_so_far};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create);
}

/// A return to be: of a loan, by its id or by the serial number of what was lent; or of something that was issued.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReturn {
    /// The loan, which is closed with it.
    loan_id: Option<LoanId>,
    /// The serial number of a unit that is on loan; instead of `loan_id`.
    serial_number: Option<Text<64>>,
    /// The movement by which it was issued; instead of a loan.
    issue_id: Option<MovementId>,
    /// How many of what was issued come back; all of a loan always do, unless it is split before.
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<i32>,
    /// Where it is put; left out: where it came from.
    location_id: Option<InventoryLocationId>,
    /// What is worth knowing.
    reason: Option<Text<500>>,
}

/// What came back.
#[derive(Debug, Serialize, ToSchema)]
pub struct Returned {
    /// The movement.
    movements: Vec<Movement>,
    /// How many are at the location now.
    on_hand: i32,
    /// The loan that is closed; `penalty_minor` is what the borrower owes.
    loan: Option<Loan>,
}

impl Returned {
    fn created(movements: Vec<Movement>, loan: Option<Loan>) -> Result<Created<Self>, Problem> {
        let Some(first) = movements.first() else { return Err(Problem::internal(anyhow::anyhow!("nothing moved"))) };
        let (location, on_hand) = (format!("/api/v1/inventory/movements/{}", first.id), first.balance);
        Ok(Created { location, version: Version::FIRST, body: Self { movements, on_hand, loan } })
    }
}

/// Takes something back. A loan is closed once, whoever tries at the same time: the others get 409. What a student owes for being late goes to fee as
/// `inventory:penalty_due`. If somebody waits for it, it is kept for them.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")),
    request_body = NewReturn,
    responses((status = 201, body = Returned), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/returns")]
async fn create(desk: KeepersDesk, _key: IdempotencyKey, body: Body<NewReturn>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    let fault = |pointer: &str, detail: &str| Problem::invalid(vec![Fault::new(pointer, detail)]);
    desk.create(&body.0, async |transaction| match (new.loan_id, &new.serial_number, new.issue_id) {
        (None, None, Some(issue)) => of_issue(&desk, transaction, issue, &new).await,
        (loan, serial, None) if loan.is_some() != serial.is_some() => {
            if new.quantity.is_some() {
                return Err(fault("/quantity", "is for what was issued; a loan comes back as a whole, or is split before"));
            }
            let loan = match (loan, serial) {
                (Some(loan), _) => find_loan(transaction, loan, &LoanScope::default()).await?,
                (None, Some(serial)) => loan_of_serial(transaction, serial.as_str()).await?,
                (None, None) => return Err(fault("/loan_id", "is required")),
            };
            of_loan(&desk, transaction, &loan, &new).await
        }
        _ => Err(fault("/loan_id", "give one of loan_id, serial_number and issue_id")),
    })
    .await
}

async fn of_loan(
    desk: &KeepersDesk,
    transaction: &mut SchoolTransaction,
    seen: &Loan,
    new: &NewReturn,
) -> Result<Created<Returned>, Problem> {
    let mut books = Books::open(desk, transaction, "/loan_id", seen.item_id).await?;
    let place = new.location_id.unwrap_or(seen.location_id);
    if new.location_id.is_some() {
        books.open_place("/location_id", place).await?;
    }
    let loan = closing(&mut books, seen.id, State::Returned, 0).await?;
    let note = Note {
        loan: Some(loan.id.as_uuid()),
        party: Some(loan.borrower_user_id),
        reason: new.reason.clone().map(String::from),
        ..Note::default()
    };
    let pieces = Pieces::of(loan.unit_id.map(Into::into), loan.quantity);
    let movements = books.put(place, &pieces, Kind::LoanReturn, 0, &note).await?;
    let today = books.today;
    books.close().await?;
    let loan = find_loan(transaction, loan.id, &LoanScope::default()).await?.seen_on(today);
    Returned::created(movements, Some(loan))
}

async fn of_issue(
    desk: &KeepersDesk,
    transaction: &mut SchoolTransaction,
    issue: MovementId,
    new: &NewReturn,
) -> Result<Created<Returned>, Problem> {
    let invalid = |detail: &str| Problem::invalid(vec![Fault::new("/issue_id", detail)]);
    let issued = movement(transaction, issue).await.map_err(|_| invalid("there is no such movement in this school"))?;
    if issued.kind != Kind::Issue {
        return Err(invalid("is no issue"));
    }
    let mut books = Books::open(desk, transaction, "/issue_id", issued.item_id).await?;
    let place = new.location_id.unwrap_or(issued.location_id);
    books.open_place("/location_id", place).await?;
    let quantity = new.quantity.unwrap_or(-issued.quantity);
    if !(1..=-issued.quantity).contains(&quantity) {
        let detail = format!("must be from 1 to {}, which is what was issued", -issued.quantity);
        return Err(Problem::invalid(vec![Fault::new("/quantity", detail)]));
    }
    let (pieces, value) = returned_so_far(&mut books, issue).await?;
    let worth = returned_value(-issued.value_minor, -issued.quantity, pieces, value, quantity).ok_or_else(|| {
        let left = -issued.quantity - pieces;
        Problem::conflict(service_kit::Kind::Conflict, format!("Of what was issued, {left} can still come back."))
            .with_faults(vec![Fault::new("/quantity", format!("must be at most {left}"))])
    })?;
    let note = Note {
        returns: Some(issue.as_uuid()),
        party: issued.party_user_id,
        class: issued.class_id,
        purpose: issued.purpose,
        reason: new.reason.clone().map(String::from),
        ..Note::default()
    };
    let pieces = Pieces::of(issued.unit_id.map(Into::into), quantity);
    let movements = books.put(place, &pieces, Kind::Return, worth, &note).await?;
    books.close().await?;
    Returned::created(movements, None)
}
