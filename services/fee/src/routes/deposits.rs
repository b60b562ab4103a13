//! Money on its way to the bank: cash that somebody took there, and what a provider paid out, less what it kept. Nobody's fees change by it.

use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Amount, Currency, Fault, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesCollect;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdempotencyKey, Limit, Page, Params, Problem, filters};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::model::ledger::{Account, Posting};
use crate::store::{About, Book, db, post as enter};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(deposit);
}

/// What stands in front of the bank's number in the ledger: a deposit is a transaction there, and nothing else.
const MEMO: &str = "Deposit, ";

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

/// Money that reached the bank, as the ledger has it.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct ListedDeposit {
    /// The transaction in the ledger.
    transaction_id: Uuid,
    /// `cash` or `gateway`: where it was.
    #[sqlx(rename = "source")]
    from: String,
    /// What reached the bank, in minor units.
    amount_minor: i64,
    /// What the provider kept.
    fee_minor: i64,
    /// The currency.
    currency: String,
    /// The bank's number of it.
    reference: String,
    /// The day under which it stands in the books.
    booked_on: NaiveDate,
    /// When it was entered.
    created_at: DateTime<Utc>,
}

/// Which deposits.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DepositFilter {
    /// In the books of this day or a later one.
    #[param(inline)]
    from: Option<NaiveDate>,
    /// In the books of this day or an earlier one.
    #[param(inline)]
    to: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(DepositFilter);

/// Money that reached the bank, in the order of the books.
#[utoipa::path(params(DepositFilter), responses((status = 200, body = Page<ListedDeposit>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/deposits")]
async fn list(desk: Desk<FeesCollect>, filter: Params<DepositFilter>) -> Result<Page<ListedDeposit>, Problem> {
    if filter.from.zip(filter.to).is_some_and(|(from, to)| from > to) {
        return Err(Problem::invalid(vec![Fault::new("query:from", "must not be after to")]));
    }
    let paging = desk.paging("deposits", &filter.0);
    let (day, id) = paging.after::<(NaiveDate, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    // Nothing else moves money to the bank that is no payment's.
    let rows: Vec<ListedDeposit> = sqlx::query_as(
        "SELECT b.transaction_id, o.account AS source, b.debit_minor AS amount_minor, coalesce(f.debit_minor, 0) AS fee_minor, b.currency,
             substr(b.memo, char_length($2) + 1) AS reference, b.entry_date AS booked_on, b.created_at
         FROM ledger_entries b
         JOIN LATERAL (SELECT account FROM ledger_entries WHERE school_id = $1 AND transaction_id = b.transaction_id AND account IN ('cash', 'gateway') LIMIT 1)
             o ON true
         LEFT JOIN ledger_entries f ON f.school_id = $1 AND f.transaction_id = b.transaction_id AND f.account = 'provider_fees'
         WHERE b.school_id = $1 AND b.account = 'bank' AND b.debit_minor > 0 AND b.payment_id IS NULL AND starts_with(b.memo, $2)
             AND ($3::date IS NULL OR b.entry_date >= $3) AND ($4::date IS NULL OR b.entry_date <= $4)
             AND ($5::date IS NULL OR (b.entry_date, b.transaction_id) > ($5, $6))
         ORDER BY b.entry_date, b.transaction_id LIMIT $7",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(MEMO)
    .bind(filter.from)
    .bind(filter.to)
    .bind(day)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.booked_on, row.transaction_id)))
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
        let memo = format!("{MEMO}{}", new.reference.as_str());
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
