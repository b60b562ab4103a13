//! Money on its way to the bank: cash that somebody took there, and what a provider paid out, less what it kept. Nobody's fees change by it.

use actix_web::{HttpResponse, post};
use chrono::NaiveDate;
use domain::{Amount, Currency, Fault, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesCollect;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdempotencyKey, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::ledger::{Account, Posting};
use crate::store::{About, Book, db, post as enter};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(deposit);
}

/// Where the money was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DepositSource {
    /// The cash box.
    Cash,
    /// A provider of payments.
    Gateway,
}

impl DepositSource {
    const fn account(self) -> Account {
        match self {
            Self::Cash => Account::Cash,
            Self::Gateway => Account::Gateway,
        }
    }
}

/// Money that reached the bank.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeposit {
    /// Where it was.
    from: DepositSource,
    /// What reached the bank, in minor units.
    amount_minor: Amount,
    /// What the provider kept: only from `gateway`.
    #[schema(value_type = Option<Amount>)]
    fee_minor: Option<Amount>,
    /// The currency.
    currency: Currency,
    /// The bank's number of it.
    reference: Text<64>,
}

/// Money that reached the bank.
#[derive(Debug, Serialize, ToSchema)]
pub struct DepositView {
    /// The transaction in the ledger.
    transaction_id: String,
    /// Where it was.
    from: DepositSource,
    /// What reached the bank, in minor units.
    amount_minor: Amount,
    /// What the provider kept.
    #[schema(value_type = Option<Amount>)]
    fee_minor: Option<Amount>,
    /// The currency.
    currency: Currency,
    /// The bank's number of it.
    reference: Text<64>,
    /// The day under which it stands in the books.
    booked_on: NaiveDate,
}

/// Enters money that reached the bank. No more can than the books say is there.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: the same deposit sent again is entered once.")),
    request_body = NewDeposit,
    responses((status = 201, body = DepositView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fees/deposits")]
async fn deposit(desk: Desk<FeesCollect>, _key: IdempotencyKey, body: Body<NewDeposit>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    if new.from == DepositSource::Cash && new.fee_minor.is_some() {
        return Err(Problem::invalid(vec![Fault::new("/fee_minor", "goes with gateway, and only with it")]));
    }
    desk.create(&body.0, async |transaction| {
        let book = Book::open_alone(transaction, Some(desk.caller().actor()), desk.now()).await?;
        let (from, amount, fee) = (new.from.account(), new.amount_minor.minor(), new.fee_minor.map_or(0, Amount::minor));
        let there: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(debit_minor - credit_minor), 0)::bigint FROM ledger_entries WHERE school_id = $1 AND account = $2 AND currency = $3",
        )
        .bind(book.school.as_uuid())
        .bind(from.as_str())
        .bind(new.currency.code())
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        if amount + fee > there {
            return Err(Problem::invalid(vec![Fault::new("/amount_minor", format!("is more than what is there, {there}"))]));
        }
        let id = Book::id();
        let memo = format!("Deposit, {}", new.reference.as_str());
        let about = About { currency: new.currency.code().to_owned(), memo, ..About::default() };
        let arrived = Posting::transfer(Account::Bank, from, amount);
        let kept = Posting::transfer(Account::ProviderFees, from, fee);
        enter(transaction, &book, &[(id, arrived, about.clone()), (id, kept, about)]).await?;
        let view = DepositView {
            transaction_id: id.to_string(),
            from: new.from,
            amount_minor: new.amount_minor,
            fee_minor: new.fee_minor,
            currency: new.currency,
            reference: new.reference,
            booked_on: book.books_on,
        };
        Ok(Created { location: format!("/api/v1/fees/deposits#{id}"), version: Version::FIRST, body: view })
    })
    .await
}
