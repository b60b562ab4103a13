//! Whether the books agree: the ledger with itself, with the documents, and with what providers told.

use actix_web::get;
use actix_web::web::Json;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Fault, PaymentId, RefundId};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesCollect;
use service_kit::{CommonProblems, Params, Problem};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{Book, RefundRow, db};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(reconcile);
}

/// Which days.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationFilter {
    /// From this day; left out: from the first of the month.
    from: Option<NaiveDate>,
    /// To this day; left out: today.
    to: Option<NaiveDate>,
}

/// Whether the books agree.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationView {
    /// From this day.
    from: NaiveDate,
    /// To this day.
    to: NaiveDate,
    /// Whether every comparison agrees.
    agrees: bool,
    /// What moved in each account, and what is in it now.
    accounts: Vec<AccountSum>,
    /// The ledger beside the documents, of all time.
    comparisons: Vec<Comparison>,
    /// What providers told, nobody could enter and nobody has settled; at most a hundred.
    unmatched_events: Vec<UnmatchedEvent>,
    /// Orders that nobody has paid for a day; at most a hundred.
    stale_orders: Vec<StaleOrder>,
    /// Refunds that a provider has not settled for a day; at most a hundred.
    stale_refunds: Vec<StaleRefund>,
}

/// What moved in an account.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct AccountSum {
    /// The account.
    account: String,
    /// The currency.
    currency: String,
    /// Debits of these days.
    debit_minor: i64,
    /// Credits of these days.
    credit_minor: i64,
    /// Debits less credits of all time.
    balance_minor: i64,
}

/// The ledger beside the documents.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct Comparison {
    /// What is compared.
    of: String,
    /// The currency.
    currency: String,
    /// What the ledger says.
    ledger_minor: i64,
    /// What the documents say.
    documents_minor: i64,
}

/// What a provider told and nobody could enter.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct UnmatchedEvent {
    /// Our id of it, by which it is settled.
    id: Uuid,
    /// The provider.
    provider: String,
    /// The provider's id of it.
    event_id: String,
    /// What happened.
    kind: String,
    /// Why it could not be entered.
    outcome: Option<String>,
    /// When it came.
    received_at: DateTime<Utc>,
}

/// An order that nobody has paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaleOrder {
    /// The payment.
    payment_id: PaymentId,
    /// The provider.
    provider: Option<String>,
    /// The provider's order.
    provider_order_id: Option<String>,
    /// The currency.
    currency: String,
    /// How much.
    amount_minor: i64,
    /// When it was made.
    created_at: DateTime<Utc>,
}

/// A refund that a provider has not settled.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaleRefund {
    /// The refund.
    refund_id: RefundId,
    /// The payment.
    payment_id: PaymentId,
    /// The provider's refund; null if it never took it.
    provider_refund_id: Option<String>,
    /// The currency.
    currency: String,
    /// How much.
    amount_minor: i64,
    /// When it was asked for.
    created_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Order {
    id: Uuid,
    provider: Option<String>,
    provider_order_id: Option<String>,
    currency: String,
    amount_minor: i64,
    created_at: DateTime<Utc>,
}

const COMPARISONS: &str = "
WITH ledger AS (SELECT account, currency, sum(debit_minor - credit_minor) AS balance FROM ledger_entries WHERE school_id = $1 GROUP BY account, currency),
documents AS (
    SELECT 'everything' AS of, currency, 0::numeric AS said FROM ledger GROUP BY currency
    UNION ALL SELECT 'receivable', currency, sum(total_minor - paid_minor - waived_minor) FROM invoices
        WHERE school_id = $1 AND status NOT IN ('draft', 'cancelled') GROUP BY currency
    UNION ALL SELECT 'student_credit', currency, -sum(amount_minor - refunded_minor - allocated_minor) FROM payments
        WHERE school_id = $1 AND status = 'captured' GROUP BY currency
    UNION ALL SELECT 'money', currency, sum(amount_minor - refunded_minor) FROM payments WHERE school_id = $1 AND status = 'captured' GROUP BY currency
),
said AS (
    SELECT 'everything' AS of, currency, sum(balance) AS balance FROM ledger GROUP BY currency
    UNION ALL SELECT account, currency, balance FROM ledger WHERE account IN ('receivable', 'student_credit')
    UNION ALL SELECT 'money', currency, sum(balance) FROM ledger WHERE account IN ('cash', 'bank', 'cheques', 'gateway', 'refunds_payable', 'provider_fees',
        'cash_over_short')
        GROUP BY currency
)
SELECT of, currency, coalesce(s.balance, 0)::bigint AS ledger_minor, coalesce(d.said, 0)::bigint AS documents_minor
FROM said s FULL JOIN documents d USING (of, currency) ORDER BY currency, of";

/// Whether the books agree. They always should: the database compares each document with the ledger at every commit.
#[utoipa::path(params(ReconciliationFilter), responses((status = 200, body = ReconciliationView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/reconciliation")]
async fn reconcile(desk: Desk<FeesCollect>, filter: Params<ReconciliationFilter>) -> Result<Json<ReconciliationView>, Problem> {
    let school = desk.caller().school_id;
    let mut transaction = desk.platform().postgres(domain::ServiceName::Fee).school_snapshot(school).await?;
    let book = Book::read(&mut transaction, None, desk.now()).await?;
    let to = filter.to.unwrap_or(book.books_on);
    let from = filter.from.unwrap_or_else(|| chrono::Datelike::with_day(&to, 1).unwrap_or(to));
    if from > to {
        return Err(Problem::invalid(vec![Fault::new("query:from", "must not be after to")]));
    }
    let accounts: Vec<AccountSum> = sqlx::query_as(
        "SELECT account, currency, coalesce(sum(debit_minor) FILTER (WHERE entry_date BETWEEN $2 AND $3), 0)::bigint AS debit_minor,
             coalesce(sum(credit_minor) FILTER (WHERE entry_date BETWEEN $2 AND $3), 0)::bigint AS credit_minor,
             sum(debit_minor - credit_minor)::bigint AS balance_minor
         FROM ledger_entries WHERE school_id = $1 GROUP BY account, currency ORDER BY currency, account",
    )
    .bind(school.as_uuid())
    .bind(from)
    .bind(to)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let comparisons: Vec<Comparison> =
        sqlx::query_as(COMPARISONS).bind(school.as_uuid()).fetch_all(transaction.connection()?).await.map_err(db)?;
    let unmatched_events: Vec<UnmatchedEvent> = sqlx::query_as(
        "SELECT id, provider, event_id, kind, outcome, received_at FROM provider_events
         WHERE school_id = $1 AND applied_at IS NULL AND resolved_at IS NULL ORDER BY received_at, id LIMIT 100",
    )
    .bind(school.as_uuid())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let stale: Vec<Order> = sqlx::query_as(
        "SELECT id, provider, provider_order_id, currency, amount_minor, created_at FROM payments
         WHERE school_id = $1 AND status = 'created' AND created_at < $2 ORDER BY created_at LIMIT 100",
    )
    .bind(school.as_uuid())
    .bind(desk.now() - chrono::Duration::days(1))
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let refunds: Vec<RefundRow> = sqlx::query_as(
        "SELECT * FROM refunds WHERE school_id = $1 AND status = 'pending' AND created_at < $2 ORDER BY created_at LIMIT 100",
    )
    .bind(school.as_uuid())
    .bind(desk.now() - chrono::Duration::days(1))
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let refund = |row: RefundRow| StaleRefund {
        refund_id: row.id.into(),
        payment_id: row.payment_id.into(),
        provider_refund_id: row.provider_refund_id,
        currency: row.currency,
        amount_minor: row.amount_minor,
        created_at: row.created_at,
    };
    let order = |row: Order| StaleOrder {
        payment_id: row.id.into(),
        provider: row.provider,
        provider_order_id: row.provider_order_id,
        currency: row.currency,
        amount_minor: row.amount_minor,
        created_at: row.created_at,
    };
    Ok(Json(ReconciliationView {
        from,
        to,
        agrees: comparisons.iter().all(|one| one.ledger_minor == one.documents_minor),
        accounts,
        comparisons,
        unmatched_events,
        stale_orders: stale.into_iter().map(order).collect(),
        stale_refunds: refunds.into_iter().map(refund).collect(),
    }))
}
