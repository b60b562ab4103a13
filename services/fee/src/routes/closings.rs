//! Closing the day: the cash box is counted, and nothing is entered on that day or before it any more. What comes later stands under the next day.

use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Currency, DayClosingId, Fault, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesCollect;
use service_kit::{Body, CommonProblems, Created, EditProblems, Kind, Limit, Page, Params, Problem, filters};
use sqlx::FromRow;
use sqlx::types::Json;
use store::SchoolTransaction;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::model::ledger::{Account, Posting};
use crate::store::{About, Book, db, post as enter};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(close);
}

/// What a method brought on a day.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow, ToSchema)]
pub struct MethodTotal {
    /// The currency.
    currency: String,
    /// How it was handed in.
    method: String,
    /// What came in, in minor units, less what was voided.
    received_minor: i64,
    /// What was given back this way, less what a provider could not give back.
    refunded_minor: i64,
    /// How many payments, less those that were voided.
    payments: i64,
}

/// The cash box.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CashCount {
    /// The currency.
    currency: String,
    /// What the books say is in it.
    expected_minor: i64,
    /// What was counted; null if it was not.
    counted_minor: Option<i64>,
    /// What is too much; negative: missing. It is booked with the closing, so that the next day begins with what was counted. Null if it was not counted.
    difference_minor: Option<i64>,
}

/// A closed day.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayClosingView {
    /// Its id.
    id: DayClosingId,
    /// The day.
    closed_on: NaiveDate,
    /// What came in and went out, by method.
    totals: Vec<MethodTotal>,
    /// The cash box.
    counted: Vec<CashCount>,
    /// What there is to say.
    note: Option<String>,
    /// Who closed it.
    closed_by: UserId,
    /// When.
    created_at: DateTime<Utc>,
}

/// A day to be closed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDayClosing {
    /// The day: not one to come, and after the last one that is closed.
    closed_on: NaiveDate,
    /// What was counted in the cash box, for each currency that is in it. A currency that is left out counts as not counted, and nothing is booked of it.
    #[serde(default)]
    #[schema(max_items = 20)]
    cash: Vec<CountedCash>,
    /// What there is to say; required if the count differs from the books, or was not made.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    note: Option<Text<1000>>,
}

/// What was counted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedCash {
    /// The currency; once.
    currency: Currency,
    /// How much, in minor units.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    counted_minor: u64,
}

/// Which closings.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DayClosingFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(DayClosingFilter);

#[derive(FromRow)]
struct Row {
    id: Uuid,
    closed_on: NaiveDate,
    totals: Json<Vec<MethodTotal>>,
    counted: Json<Vec<CashCount>>,
    note: Option<String>,
    closed_by: Uuid,
    created_at: DateTime<Utc>,
}

impl From<Row> for DayClosingView {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            closed_on: row.closed_on,
            totals: row.totals.0,
            counted: row.counted.0,
            note: row.note,
            closed_by: row.closed_by.into(),
            created_at: row.created_at,
        }
    }
}

/// Closed days, the latest first.
#[utoipa::path(params(DayClosingFilter), responses((status = 200, body = Page<DayClosingView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/day-closings")]
async fn list(desk: Desk<FeesCollect>, filter: Params<DayClosingFilter>) -> Result<Page<DayClosingView>, Problem> {
    let paging = desk.paging("day-closings", &filter.0);
    let (day, _) = paging.after::<(NaiveDate, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT * FROM day_closings WHERE school_id = $1 AND ($2::date IS NULL OR closed_on < $2) ORDER BY closed_on DESC LIMIT $3",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(day)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.closed_on, row.id)).map(DayClosingView::from))
}

#[derive(FromRow)]
struct Cash {
    currency: String,
    balance: i64,
}

async fn count(transaction: &mut SchoolTransaction, day: NaiveDate, counted: &[CountedCash]) -> Result<Vec<CashCount>, Problem> {
    let expected: Vec<Cash> = sqlx::query_as(
        "SELECT currency, sum(debit_minor - credit_minor)::bigint AS balance FROM ledger_entries
         WHERE school_id = $1 AND account = 'cash' AND entry_date <= $2 GROUP BY currency ORDER BY currency",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(day)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let mut currencies: Vec<String> = expected.iter().map(|cash| cash.currency.clone()).collect();
    currencies.extend(
        counted.iter().map(|cash| cash.currency.code().to_owned()).filter(|code| !expected.iter().any(|cash| cash.currency == *code)),
    );
    Ok(currencies
        .into_iter()
        .map(|currency| {
            let expected_minor = expected.iter().find(|cash| cash.currency == currency).map_or(0, |cash| cash.balance);
            let found = counted.iter().find(|cash| cash.currency.code() == currency);
            let counted_minor = found.and_then(|cash| i64::try_from(cash.counted_minor).ok());
            let difference_minor = counted_minor.map(|counted| counted - expected_minor);
            CashCount { currency, expected_minor, counted_minor, difference_minor }
        })
        .collect())
}

impl CashCount {
    /// Whether the count differs from the books, or there is something to count and nobody did.
    fn is_to_explain(&self) -> bool {
        self.difference_minor.unwrap_or(-self.expected_minor) != 0
    }
}

/// Books what is too much or missing, on the day that is being closed.
async fn book_differences(transaction: &mut SchoolTransaction, book: &Book, day: NaiveDate, counted: &[CashCount]) -> Result<(), Problem> {
    let on_the_day = Book { books_on: day, ..book.clone() };
    let posting = |cash: &CashCount| {
        let difference = cash.difference_minor.unwrap_or(0);
        let (posting, memo) = if difference < 0 {
            (Posting::transfer(Account::CashOverShort, Account::Cash, -difference), "Cash missing")
        } else {
            (Posting::transfer(Account::Cash, Account::CashOverShort, difference), "Cash too much")
        };
        (Book::id(), posting, About { currency: cash.currency.clone(), memo: memo.to_owned(), ..About::default() })
    };
    let postings: Vec<_> = counted.iter().map(posting).collect();
    enter(transaction, &on_the_day, &postings).await
}

/// Closes a day. What the cash box has too much or too little is booked. Whoever is taking money at this moment is waited for.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewDayClosing,
    responses((status = 201, body = DayClosingView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fees/day-closings")]
async fn close(desk: Desk<FeesCollect>, body: Body<NewDayClosing>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    let mut faults = domain::Faults::none();
    for (n, cash) in new.cash.iter().enumerate() {
        let twice = new.cash.iter().take(n).any(|other| other.currency == cash.currency);
        faults.require(!twice, &format!("/cash/{n}/currency"), "stands there already");
        let bounded = i64::try_from(cash.counted_minor).is_ok_and(|minor| minor <= domain::Amount::MAX);
        faults.require(bounded, &format!("/cash/{n}/counted_minor"), "must be a whole number from 0 to 1000000000000");
    }
    faults.into_result().map_err(Problem::invalid)?;
    desk.create(&body.0, async |transaction| {
        // Before anything is read: what is being entered now must be in the sums.
        let book = Book::open_alone(transaction, Some(desk.caller().actor()), desk.now()).await?;
        if new.closed_on > book.today {
            return Err(Problem::invalid(vec![Fault::new("/closed_on", "must not be to come")]));
        }
        let last: Option<NaiveDate> = sqlx::query_scalar("SELECT max(closed_on) FROM day_closings WHERE school_id = $1")
            .bind(book.school.as_uuid())
            .fetch_one(transaction.connection()?)
            .await
            .map_err(db)?;
        if let Some(last) = last.filter(|last| new.closed_on <= *last) {
            return Err(Problem::conflict(Kind::Conflict, format!("The books are closed up to {last} already, with this day.")));
        }
        let counted = count(transaction, new.closed_on, &new.cash).await?;
        if new.note.is_none() && counted.iter().any(CashCount::is_to_explain) {
            let detail = "is required: the count differs from the books";
            return Err(Problem::invalid(vec![Fault::new("/note", detail)]));
        }
        let totals: Vec<MethodTotal> = sqlx::query_as(
            "SELECT currency, method, sum(received)::bigint AS received_minor, sum(refunded)::bigint AS refunded_minor, sum(payments)::bigint AS payments FROM (
                 SELECT currency, method, amount_minor AS received, 0 AS refunded, 1 AS payments FROM payments
                     WHERE school_id = $1 AND booked_on > coalesce($3::date, '-infinity') AND booked_on <= $2
                 UNION ALL
                 SELECT currency, method, -amount_minor, 0, -1 FROM payments
                     WHERE school_id = $1 AND status = 'voided' AND voided_on > coalesce($3::date, '-infinity') AND voided_on <= $2
                 UNION ALL
                 SELECT l.currency, CASE r.method WHEN 'provider' THEN p.method ELSE r.method END, 0, l.debit_minor - l.credit_minor, 0
                     FROM ledger_entries l JOIN refunds r ON r.school_id = l.school_id AND r.id = l.refund_id
                     JOIN payments p ON p.school_id = r.school_id AND p.id = r.payment_id
                     WHERE l.school_id = $1 AND l.account = 'student_credit'
                       AND l.entry_date > coalesce($3::date, '-infinity') AND l.entry_date <= $2
             ) moved GROUP BY currency, method ORDER BY currency, method",
        )
        .bind(book.school.as_uuid())
        .bind(new.closed_on)
        .bind(last)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(db)?;
        book_differences(transaction, &book, new.closed_on, &counted).await?;
        let row: Row = sqlx::query_as(
            "INSERT INTO day_closings (school_id, id, closed_on, totals, counted, note, closed_by, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING *",
        )
        .bind(book.school.as_uuid())
        .bind(DayClosingId::generate().as_uuid())
        .bind(new.closed_on)
        .bind(Json(totals))
        .bind(Json(counted))
        .bind(new.note.map(String::from))
        .bind(book.user())
        .bind(book.now)
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        Ok(Created { location: format!("/api/v1/fees/day-closings#{}", row.id), version: Version::FIRST, body: DayClosingView::from(row) })
    })
    .await
}
