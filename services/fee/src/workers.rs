//! What the fee office does when it hears of something: charges of other services, runs of invoices, refunds through a provider, payments that changed.
//!
//! Each is done once however often it is told: a charge by its source, a run by the mark of how far it got, a refund by its state and by its id as the
//! provider's idempotency key, a cached payment by its version.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{Amount, Currency, EventEnvelope, EventKind, InvoiceId, PaymentId, SchoolId, ServiceName, StudentId, Text};
use events::{Consumer, HandleError, Handler};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_kit::{Kind, Platform, Problem};
use uuid::Uuid;

use crate::model::charge::{Charge, lines};
use crate::providers::{Gateways, ProviderError, ProviderName, RefundRequest, RefundWord, Sum};
use crate::remember::{NotRemembered, commit, remember};
use crate::store::{
    Book, FINE_RUNS, INVOICE_RUNS, NewInvoice, Word, fail_run, find_payment, find_refund, fine_all, insert_all, issue_all, lock_refund,
    lock_student, settle_refund, student_exists, work_off,
};

/// The consumers of this service.
pub(crate) fn consumers(platform: &Platform) -> Vec<Consumer> {
    let gateways = Gateways::default();
    vec![
        Consumer {
            group: "fee-charges",
            kinds: &[EventKind::InventoryPenaltyDue, EventKind::TransportFeeDue],
            handler: Arc::new(Charges(platform.clone())),
        },
        Consumer { group: "fee-runs", kinds: &[EventKind::InvoiceRunRequested], handler: Arc::new(Runs(platform.clone())) },
        Consumer { group: "fee-fines", kinds: &[EventKind::FineRunRequested], handler: Arc::new(Fines(platform.clone())) },
        Consumer { group: "fee-refunds", kinds: &[EventKind::RefundRequested], handler: Arc::new(Refunds(platform.clone(), gateways)) },
        Consumer {
            group: "fee-payments",
            kinds: &[
                EventKind::PaymentCaptured,
                EventKind::PaymentFailed,
                EventKind::PaymentBounced,
                EventKind::PaymentVoided,
                EventKind::PaymentChanged,
            ],
            handler: Arc::new(Remembered(platform.clone())),
        },
    ]
}

/// A store that is away is worth waiting for; anything else is the event's own fault.
#[allow(clippy::needless_pass_by_value)] // it is for `map_err`
fn sorted(problem: Problem) -> HandleError {
    if problem.kind() == Kind::Unavailable {
        HandleError::Unavailable(problem.to_string())
    } else {
        HandleError::Failed(explained(&problem))
    }
}

fn explained(problem: &Problem) -> String {
    let faults: Vec<String> = problem.faults().iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect();
    format!("{problem} {}", faults.join("; "))
}

fn store(error: store::StoreError) -> HandleError {
    sorted(error.into())
}

fn data<T: DeserializeOwned>(event: &EventEnvelope) -> Result<T, HandleError> {
    serde_json::from_str(&event.data).map_err(|error| HandleError::Failed(error.to_string()))
}

/// Charges of other services become issued invoices.
struct Charges(Platform);

#[derive(Deserialize)]
struct Penalty {
    student_id: StudentId,
    loan_id: Uuid,
    amount_minor: Amount,
    currency: Currency,
    reason: Text<200>,
    due_on: NaiveDate,
}

#[derive(Deserialize)]
struct Fare {
    student_id: StudentId,
    allocation_id: Uuid,
    amount_minor: Amount,
    currency: Currency,
    period: Text<64>,
    description: Text<300>,
    due_on: NaiveDate,
}

#[async_trait]
impl Handler for Charges {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let (student, currency, charge, invoice) = if event.kind == EventKind::InventoryPenaltyDue {
            let due: Penalty = data(event)?;
            let source = ("inventory", due.loan_id.to_string(), format!("loan/{}", due.loan_id), due.due_on);
            (due.student_id, due.currency, (format!("Loan: {}", due.reason.as_str()), due.amount_minor), source)
        } else {
            let due: Fare = data(event)?;
            let period = String::from(due.period);
            // A seat is paid for again in each period.
            let source = ("transport", format!("{}/{period}", due.allocation_id), period, due.due_on);
            (due.student_id, due.currency, (String::from(due.description), due.amount_minor), source)
        };
        let (source, source_ref, period, due_on) = invoice;
        let charge = Charge { fee_item_id: None, head: charge.0, amount: charge.1.minor(), tax_basis_points: 0 };
        let new = NewInvoice {
            id: InvoiceId::generate().as_uuid(),
            student_id: student.as_uuid(),
            fee_structure_id: None,
            period,
            source,
            source_ref: Some(source_ref),
            currency: currency.code().to_owned(),
            due_on,
            payer: None,
            lines: lines(&[charge], &[], ""),
        };
        self.charge(event, new).await
    }
}

impl Charges {
    async fn charge(&self, event: &EventEnvelope, new: NewInvoice) -> Result<(), HandleError> {
        let mut transaction = self.0.postgres(ServiceName::Fee).school(event.school_id).await.map_err(store)?;
        if !student_exists(&mut transaction, new.student_id).await.map_err(sorted)? {
            return Err(HandleError::Failed("there is no such student in this school".to_owned()));
        }
        let book = Book::open(&mut transaction, event.actor, self.0.clock().now()).await.map_err(sorted)?;
        lock_student(&mut transaction, new.student_id).await.map_err(sorted)?;
        let added = insert_all(&mut transaction, &book, &[new]).await.map_err(sorted)?;
        // Told before: the invoice is there.
        if !added.is_empty() {
            issue_all(&mut transaction, &book, &added).await.map_err(sorted)?;
        }
        commit(&self.0, transaction, &book).await.map_err(sorted)
    }
}

/// Runs of invoices.
struct Runs(Platform);

#[derive(Deserialize)]
struct RunAsked {
    run_id: Uuid,
}

#[async_trait]
impl Handler for Runs {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let asked: RunAsked = data(event)?;
        let worked = work_off(&self.0, event.actor, event.school_id, asked.run_id).await;
        ended(&self.0, event.school_id, INVOICE_RUNS, asked.run_id, worked).await
    }
}

/// What was done of a run that can't go on stays. Asked for again, the run looks at all once more, passes over what is done, and counts only what it adds itself.
async fn ended(platform: &Platform, school: SchoolId, kind: &str, run: Uuid, worked: Result<(), Problem>) -> Result<(), HandleError> {
    let Err(problem) = worked else { return Ok(()) };
    if problem.kind() == Kind::Unavailable {
        return Err(HandleError::Unavailable(problem.to_string()));
    }
    tracing::error!(kind, %run, reason = explained(&problem), "a run failed");
    fail_run(platform.postgres(ServiceName::Fee), school, kind, run, &explained(&problem)).await.map_err(sorted)
}

/// Runs that fine what is late.
struct Fines(Platform);

#[async_trait]
impl Handler for Fines {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let asked: RunAsked = data(event)?;
        let worked = fine_all(&self.0, event.actor, event.school_id, asked.run_id).await;
        ended(&self.0, event.school_id, FINE_RUNS, asked.run_id, worked).await
    }
}

/// Refunds through a provider.
struct Refunds(Platform, Gateways);

#[derive(Deserialize)]
struct RefundAsked {
    refund_id: Uuid,
}

#[async_trait]
impl Handler for Refunds {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let asked: RefundAsked = data(event)?;
        let Some(word) = self.ask(event.school_id, asked.refund_id).await? else { return Ok(()) };
        let mut transaction = self.0.postgres(ServiceName::Fee).school(event.school_id).await.map_err(store)?;
        let book = Book::open(&mut transaction, event.actor, self.0.clock().now()).await.map_err(sorted)?;
        let (refund, payment) = lock_refund(&mut transaction, asked.refund_id).await.map_err(sorted)?;
        settle_refund(&mut transaction, &book, (&refund, &payment), &word).await.map_err(sorted)?;
        commit(&self.0, transaction, &book).await.map_err(sorted)
    }
}

impl Refunds {
    /// Asks the provider, outside of any transaction. None: it is settled already.
    async fn ask(&self, school: SchoolId, id: Uuid) -> Result<Option<Word>, HandleError> {
        let mut transaction = self.0.postgres(ServiceName::Fee).school_read(school).await.map_err(store)?;
        let refund = find_refund(&mut transaction, id).await.map_err(sorted)?;
        if refund.status != "pending" || refund.provider_refund_id.is_some() {
            return Ok(None);
        }
        let payment = find_payment(&mut transaction, refund.payment_id).await.map_err(sorted)?;
        drop(transaction);
        let failed = |reason: &str| Ok(Some(Word::Failed(reason.chars().take(1000).collect())));
        let Some(name) = payment.provider.as_deref().and_then(ProviderName::named) else { return failed("the payment has no provider") };
        let unusable = |error: ProviderError| HandleError::Failed(error.to_string());
        let Some(provider) = self.1.of(&self.0.config().payments, school, name).map_err(unusable)? else {
            return failed("the school has no account with the provider any more");
        };
        let (Some(provider_payment_id), Some(provider_order_id), Ok(currency)) =
            (payment.provider_payment_id, payment.provider_order_id, refund.currency.parse())
        else {
            return failed("the payment is not known to the provider");
        };
        let sum = Sum { minor: refund.amount_minor, currency };
        match provider.refund(&RefundRequest { refund_id: id, provider_payment_id, provider_order_id, sum }).await {
            Ok((refund_id, RefundWord::Succeeded)) => Ok(Some(Word::Succeeded(refund_id))),
            Ok((refund_id, RefundWord::Pending)) => Ok(Some(Word::Pending(refund_id))),
            Ok((_, RefundWord::Failed(reason))) | Err(ProviderError::Refused(reason) | ProviderError::Unpayable(reason)) => failed(&reason),
            // One school's account, or one provider: the refunds of others go on meanwhile.
            Err(error @ ProviderError::Away(_)) => Err(HandleError::Later(error.to_string())),
            // It may have given the money back: the refund stays pending until the provider's own word.
            Err(error) => Err(unusable(error)),
        }
    }
}

/// Payments that changed, put into Redis: also where whoever changed them died before they could, or Redis was away.
struct Remembered(Platform);

#[derive(Deserialize)]
struct PaymentTold {
    payment_id: PaymentId,
}

#[async_trait]
impl Handler for Remembered {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let told: PaymentTold = data(event)?;
        remember(&self.0, event.school_id, &[told.payment_id.as_uuid()]).await.map_err(|error| match error {
            NotRemembered::Unread(problem) => sorted(problem),
            NotRemembered::Unkept(error) => HandleError::Unavailable(error.to_string()),
        })
    }
}
