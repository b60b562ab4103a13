//! Splits: of several pieces that were lent together some come back, or are lost, before the others. The loan is split in two first, and each part is a loan of its
//! own from then on, so that every loan still comes back once and as a whole.

use actix_web::{HttpResponse, post};
use domain::{Fault, LoanId};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::loans::version_of;
use crate::desk::KeepersDesk;
use crate::model::loan::Loan;
use crate::model::movement::Kind;
use crate::store::{Books, LoanScope, Note, Pieces, find_loan, lock_loan, lock_open, split_loan};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(split);
}

/// A split.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSplit {
    /// How many pieces the first part has; the second has the others.
    #[schema(minimum = 1)]
    quantity: i32,
}

/// A loan that was split.
#[derive(Debug, Serialize, ToSchema)]
pub struct SplitLoan {
    /// The loan, which is closed as `split` and owes nothing.
    loan: Loan,
    /// The two loans that took its place: first the one of `quantity` pieces.
    #[schema(min_items = 2, max_items = 2)]
    parts: Vec<Loan>,
}

/// Splits a loan of several pieces in two: to the same borrower, lent when it was, due when it was, on the same terms and renewed as often. Each part is returned,
/// renewed or lost by itself, and what being late costs is owed for each by itself. Nothing leaves the borrower: what the history shows as having come back went out
/// again with it.
#[utoipa::path(
    params(("id" = LoanId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = NewSplit,
    responses((status = 200, body = SplitLoan), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/loans/{id}/split")]
async fn split(desk: KeepersDesk, id: IdPath<LoanId>, based_on: IfMatch, body: Body<NewSplit>) -> Result<HttpResponse, Problem> {
    let done = desk.change(async |transaction| {
        let seen = find_loan(transaction, *id, &LoanScope::default()).await?;
        let mut books = Books::open(&desk, transaction, "/item_id", seen.item_id).await?;
        based_on.require(version_of(&lock_loan(&mut books, *id).await?)?)?;
        let loan = lock_open(&mut books, *id).await?;
        let (first, all) = (body.quantity, loan.quantity);
        if !(1..all).contains(&first) {
            let detail = if all == 1 { "one piece is not split".to_owned() } else { format!("must be from 1 to {}", all - 1) };
            return Err(Problem::invalid(vec![Fault::new("/quantity", detail)]));
        }
        let (place, quantities) = (loan.location_id, [first, all - first]);
        let note = Note { party: Some(loan.borrower_user_id), reason: Some("Split".to_owned()), ..Note::default() };
        let parts = split_loan(&mut books, loan, quantities).await?;
        let back = Note { loan: Some(id.as_uuid()), ..note.clone() };
        books.put(place, &Pieces::Count(all), Kind::LoanReturn, 0, &back).await?;
        for (part, quantity) in parts.into_iter().zip(quantities) {
            let again = Note { loan: Some(part.as_uuid()), ..note.clone() };
            books.take(place, &Pieces::Count(quantity), Kind::Loan, &again).await?;
        }
        let today = books.today;
        books.close().await?;
        let loan = find_loan(transaction, *id, &LoanScope::default()).await?.seen_on(today);
        let mut split = SplitLoan { loan, parts: Vec::new() };
        for part in parts {
            split.parts.push(find_loan(transaction, part, &LoanScope::default()).await?.seen_on(today));
        }
        Ok(split)
    });
    Ok(HttpResponse::Ok().json(done.await?))
}
