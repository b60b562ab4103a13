//! A student's statement: what was charged and what came in, with the balance after each.

use actix_web::get;
use actix_web::web::Json;
use chrono::NaiveDate;
use domain::{Fault, InvoiceId, PaymentId, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesRead;
use service_kit::{CommonProblems, IdPath, Params, Problem};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access;
use crate::desk::Desk;
use crate::model::fiscal;
use crate::store::{Book, db, student_exists};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(statement);
}

/// What one statement holds at most.
const MOST: i64 = 2_000;

/// Which part of it.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementFilter {
    /// From this day; left out: from the beginning of the fiscal year.
    from: Option<NaiveDate>,
    /// To this day; left out: today.
    to: Option<NaiveDate>,
}

/// A student's statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementView {
    /// The student.
    student_id: StudentId,
    /// From this day.
    from: NaiveDate,
    /// To this day.
    to: NaiveDate,
    /// One for each currency.
    currencies: Vec<CurrencyStatement>,
}

/// What happened in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurrencyStatement {
    /// The currency.
    currency: String,
    /// What was owed before; negative: credit.
    opening_minor: i64,
    /// What happened, in its order.
    lines: Vec<StatementLine>,
    /// What is owed afterwards; negative: credit.
    closing_minor: i64,
}

/// Something that changed what is owed.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLine {
    /// The day in the books.
    date: NaiveDate,
    /// What it was.
    description: String,
    /// What was charged, in minor units.
    debit_minor: i64,
    /// What was paid, given up or taken back.
    credit_minor: i64,
    /// What is owed then; negative: credit.
    balance_minor: i64,
    /// The invoice.
    invoice_id: Option<InvoiceId>,
    /// The payment.
    payment_id: Option<PaymentId>,
}

#[derive(FromRow)]
struct Opening {
    currency: String,
    balance: i64,
}

#[derive(FromRow)]
struct Row {
    currency: String,
    entry_date: NaiveDate,
    memo: Option<String>,
    moved: i64,
    invoice_id: Option<Uuid>,
    payment_id: Option<Uuid>,
}

/// A student's statement, for the office, the student and their guardians.
#[utoipa::path(
    params(("id" = StudentId, Path), StatementFilter),
    responses((status = 200, body = StatementView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/students/{id}/ledger")]
async fn statement(desk: Desk<FeesRead>, id: IdPath<StudentId>, filter: Params<StatementFilter>) -> Result<Json<StatementView>, Problem> {
    access::see(&desk, *id, "student").await?;
    // Opening balance and lines must be of the same moment.
    let mut transaction = desk.platform().postgres(domain::ServiceName::Fee).school_snapshot(desk.caller().school_id).await?;
    if !student_exists(&mut transaction, id.as_uuid()).await? {
        return Err(Problem::not_found("student"));
    }
    let book = Book::read(&mut transaction, None, desk.now()).await?;
    let to = filter.to.unwrap_or(book.books_on);
    let from = filter.from.unwrap_or_else(|| fiscal::first_day(to, book.settings.fiscal_year_starts_in));
    if from > to {
        return Err(Problem::invalid(vec![Fault::new("query:from", "must not be after to")]));
    }
    let school = transaction.school_id().as_uuid();
    let opening: Vec<Opening> = sqlx::query_as(
        "SELECT currency, sum(debit_minor - credit_minor)::bigint AS balance FROM ledger_entries
         WHERE school_id = $1 AND student_id = $2 AND account IN ('receivable', 'student_credit') AND entry_date < $3 GROUP BY currency ORDER BY currency",
    )
    .bind(school)
    .bind(id.as_uuid())
    .bind(from)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    // What only moves between credit and debt changes nothing that is owed, and is left out.
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT currency, min(entry_date) AS entry_date, (array_agg(memo ORDER BY created_at, id))[1] AS memo, sum(debit_minor - credit_minor)::bigint AS moved,
             (array_agg(invoice_id) FILTER (WHERE invoice_id IS NOT NULL))[1] AS invoice_id,
             (array_agg(payment_id) FILTER (WHERE payment_id IS NOT NULL))[1] AS payment_id
         FROM ledger_entries
         WHERE school_id = $1 AND student_id = $2 AND account IN ('receivable', 'student_credit') AND entry_date BETWEEN $3 AND $4
         GROUP BY transaction_id, currency HAVING sum(debit_minor - credit_minor) <> 0
         ORDER BY min(entry_date), min(created_at), transaction_id LIMIT $5",
    )
    .bind(school)
    .bind(id.as_uuid())
    .bind(from)
    .bind(to)
    .bind(MOST + 1)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > MOST {
        return Err(Problem::invalid(vec![Fault::new(
            "query:from",
            format!("the statement has more than {MOST} lines; ask for fewer days"),
        )]));
    }
    let mut currencies: Vec<CurrencyStatement> = opening
        .into_iter()
        .map(|one| CurrencyStatement { currency: one.currency, opening_minor: one.balance, lines: Vec::new(), closing_minor: one.balance })
        .collect();
    for row in rows {
        let place = currencies.iter().position(|one| one.currency == row.currency).unwrap_or_else(|| {
            currencies.push(CurrencyStatement { currency: row.currency.clone(), opening_minor: 0, lines: Vec::new(), closing_minor: 0 });
            currencies.len() - 1
        });
        let Some(of) = currencies.get_mut(place) else { continue };
        of.closing_minor += row.moved;
        of.lines.push(StatementLine {
            date: row.entry_date,
            description: row.memo.unwrap_or_default(),
            debit_minor: row.moved.max(0),
            credit_minor: (-row.moved).max(0),
            balance_minor: of.closing_minor,
            invoice_id: row.invoice_id.map(InvoiceId::from),
            payment_id: row.payment_id.map(PaymentId::from),
        });
    }
    Ok(Json(StatementView { student_id: *id, from, to, currencies }))
}
