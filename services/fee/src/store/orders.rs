//! Orders at providers, and what providers tell: each event is kept word for word, once, and applied in the transaction that keeps it.

use domain::EventKind;
use service_kit::Problem;
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::book::Book;
use super::payments::{Change, PaymentRow, capture, change, tell_of};
use super::refunds::{Settled, Word, lock_refund, settle_refund};
use super::{db, lock_payment};
use crate::providers::{Event, Notice, RefundWord};

/// Notes the provider's order of a payment, and answers the payment. Of two who asked at once, the order of the first counts.
pub(crate) async fn ordered(transaction: &mut SchoolTransaction, book: &Book, id: Uuid, order: &str) -> Result<PaymentRow, Problem> {
    let payment = lock_payment(transaction, id).await?;
    if payment.provider_order_id.is_some() {
        return Ok(payment);
    }
    tell_of(transaction, book, EventKind::PaymentChanged, &payment).await?;
    change(transaction, book, id, Change { provider_order_id: Some(order), ..Change::default() }).await
}

/// Notes that there will be no order.
pub(crate) async fn not_ordered(transaction: &mut SchoolTransaction, book: &Book, id: Uuid, reason: &str) -> Result<(), Problem> {
    let payment = lock_payment(transaction, id).await?;
    if payment.status != "created" || payment.provider_order_id.is_some() {
        return Ok(());
    }
    tell_of(transaction, book, EventKind::PaymentFailed, &payment).await?;
    change(transaction, book, id, Change { status: Some("failed"), failure: Some(reason), ..Change::default() }).await?;
    Ok(())
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It changed something.
    Applied,
    /// It said what was known.
    AlreadyKnown,
    /// It is of no kind that changes anything here.
    OfNoConcern,
    /// It is about no order or refund of this school.
    Unknown,
    /// Somebody paid an order that was paid already.
    SecondPayment,
    /// It speaks of another amount than the order.
    OtherAmount,
    /// It speaks of another currency than the order.
    OtherCurrency,
    /// It says of a refund the opposite of what was entered: that it failed after it had succeeded, or the other way round.
    RefundContradicted,
    /// Whoever paid disputes it at their bank.
    Disputed,
    /// Asked about an order, the provider spoke of another one.
    OtherOrder,
    /// The provider had the money, and some of it went back before it was entered here.
    GivenBack,
}

impl Outcome {
    /// As it is kept.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::AlreadyKnown => "already known",
            Self::OfNoConcern => "of no concern",
            Self::Unknown => "about nothing that is known here",
            Self::SecondPayment => "a second payment of the same order",
            Self::OtherAmount => "another amount than the order's",
            Self::OtherCurrency => "another currency than the order's",
            Self::RefundContradicted => "the opposite of what was entered of the refund",
            Self::Disputed => "a payment is disputed",
            Self::OtherOrder => "another order than was asked about",
            Self::GivenBack => "paid, and given back or disputed at the provider",
        }
    }

    /// Whether a person must look at it.
    pub(crate) const fn needs_a_look(self) -> bool {
        !matches!(self, Self::Applied | Self::AlreadyKnown | Self::OfNoConcern)
    }
}

/// Keeps an event and applies it. `None` if it is known already. Where the provider was asked about one order, `of` is that.
pub(crate) async fn take(
    transaction: &mut SchoolTransaction,
    book: &Book,
    provider: &str,
    event: &Event,
    payload: &serde_json::Value,
    of: Option<&str>,
) -> Result<Option<Outcome>, Problem> {
    let id: Option<Uuid> = sqlx::query_scalar(
        "INSERT INTO provider_events (school_id, id, provider, event_id, kind, payload, received_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7) ON CONFLICT (school_id, provider, event_id) DO NOTHING RETURNING id",
    )
    .bind(book.school.as_uuid())
    .bind(Book::id())
    .bind(provider)
    .bind(&event.id)
    .bind(&event.kind)
    .bind(Json(payload))
    .bind(book.now)
    .fetch_optional(transaction.connection()?)
    .await
    .map_err(db)?;
    let Some(id) = id else { return Ok(None) };
    let is_other = of.is_some_and(|order| event.notice.order().is_some_and(|other| other != order));
    let outcome = if is_other { Outcome::OtherOrder } else { apply(transaction, book, provider, &event.notice).await? };
    sqlx::query(
        "UPDATE provider_events SET outcome = $3, applied_at = CASE WHEN $4 THEN $5::timestamptz END, version = version + 1, updated_at = $5
         WHERE school_id = $1 AND id = $2",
    )
    .bind(book.school.as_uuid())
    .bind(id)
    .bind(outcome.as_str())
    .bind(!outcome.needs_a_look())
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(Some(outcome))
}

/// What became of an event that is kept, and whether a person must look at it.
pub(crate) async fn outcome_of(
    transaction: &mut SchoolTransaction,
    provider: &str,
    event: &str,
) -> Result<Option<(String, bool)>, Problem> {
    sqlx::query_as(
        "SELECT coalesce(outcome, ''), applied_at IS NULL AND resolved_at IS NULL FROM provider_events WHERE school_id = $1 AND provider = $2 AND event_id = $3",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(provider)
    .bind(event)
    .fetch_optional(transaction.connection()?)
    .await
    .map_err(db)
}

async fn order(transaction: &mut SchoolTransaction, provider: &str, order: &str) -> Result<Option<PaymentRow>, Problem> {
    let id: Option<Uuid> = sqlx::query_scalar("SELECT id FROM payments WHERE school_id = $1 AND provider = $2 AND provider_order_id = $3")
        .bind(transaction.school_id().as_uuid())
        .bind(provider)
        .bind(order)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
    match id {
        Some(id) => Ok(Some(lock_payment(transaction, id).await?)),
        None => Ok(None),
    }
}

async fn apply(transaction: &mut SchoolTransaction, book: &Book, provider: &str, notice: &Notice) -> Result<Outcome, Problem> {
    match notice {
        Notice::Other => Ok(Outcome::OfNoConcern),
        Notice::Disputed => Ok(Outcome::Disputed),
        Notice::Captured { order_id, payment_id, money } => {
            let Some(payment) = order(transaction, provider, order_id).await? else { return Ok(Outcome::Unknown) };
            if money.currency.code() != payment.currency {
                return Ok(Outcome::OtherCurrency);
            }
            if money.minor != payment.amount_minor {
                return Ok(Outcome::OtherAmount);
            }
            // A failed attempt may be followed by one that succeeds, and may be told of later than that.
            if !matches!(payment.status.as_str(), "created" | "failed") {
                // Stripe names an intent's charge only in newer versions of its interface, and may answer in another than it tells in; the intent is paid once.
                let known = payment.provider_payment_id.as_deref();
                let same = known == Some(payment_id) || payment_id == order_id || known == Some(order_id);
                return Ok(if same { Outcome::AlreadyKnown } else { Outcome::SecondPayment });
            }
            capture(transaction, book, &payment, payment_id).await?;
            Ok(Outcome::Applied)
        }
        Notice::GivenBack { order_id } => {
            let Some(payment) = order(transaction, provider, order_id).await? else { return Ok(Outcome::Unknown) };
            // What was entered when it came is settled by refunds and disputes.
            Ok(if matches!(payment.status.as_str(), "created" | "failed") { Outcome::GivenBack } else { Outcome::AlreadyKnown })
        }
        Notice::Failed { order_id, reason } => {
            let Some(payment) = order(transaction, provider, order_id).await? else { return Ok(Outcome::Unknown) };
            if payment.status != "created" {
                return Ok(Outcome::AlreadyKnown);
            }
            let failed = Change { status: Some("failed"), failure: Some(reason), ..Change::default() };
            change(transaction, book, payment.id, failed).await?;
            tell_of(transaction, book, EventKind::PaymentFailed, &payment).await?;
            Ok(Outcome::Applied)
        }
        Notice::Refund { refund_id, our_id, money, word } => {
            let id: Option<Uuid> =
                sqlx::query_scalar("SELECT id FROM refunds WHERE school_id = $1 AND (provider_refund_id = $2 OR id = $3)")
                    .bind(book.school.as_uuid())
                    .bind(refund_id)
                    .bind(our_id)
                    .fetch_optional(transaction.connection()?)
                    .await
                    .map_err(db)?;
            let Some(id) = id else { return Ok(Outcome::Unknown) };
            let (refund, payment) = lock_refund(transaction, id).await?;
            if money.currency.code() != refund.currency {
                return Ok(Outcome::OtherCurrency);
            }
            if money.minor != refund.amount_minor {
                return Ok(Outcome::OtherAmount);
            }
            let word = match word {
                RefundWord::Pending => Word::Pending(refund_id.clone()),
                RefundWord::Succeeded => Word::Succeeded(refund_id.clone()),
                RefundWord::Failed(reason) => Word::Failed(reason.clone()),
            };
            Ok(match settle_refund(transaction, book, (&refund, &payment), &word).await? {
                Settled::Changed => Outcome::Applied,
                Settled::Known => Outcome::AlreadyKnown,
                Settled::Contradicted => Outcome::RefundContradicted,
            })
        }
    }
}
