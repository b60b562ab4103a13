//! One transfer or cheque that pays for several, such as brothers and sisters. Each part is a payment with a receipt of its own; together they have one number at
//! the bank, and are cleared, bounce or are voided together.

use actix_web::{HttpResponse, post};
use domain::{Amount, Currency, Fault, InvoiceId, StudentId, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesCollect;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdempotencyKey, Kind, Problem};
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::payments::{NewCheque, OfflineMethod, goes_with, payable};
use super::views::{PaymentView, whole_payments};
use crate::desk::{Desk, create_in_book};
use crate::store::{Book, NewPayment, find_invoice, lock_students, receive, student_exists};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(share);
}

/// A transfer or cheque that pays for several.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSharedPayment {
    /// How it was handed in: not `cash`, of which each part is a payment by itself.
    method: OfflineMethod,
    /// The currency of all parts.
    currency: Currency,
    /// The bank's number of the transfer: required for `upi` and `bank_transfer`.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    reference: Option<Text<64>>,
    /// The cheque: required for `cheque`.
    cheque: Option<NewCheque>,
    /// Who handed it in.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    paid_by: Option<Text<200>>,
    /// What there is to say.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    note: Option<Text<1000>>,
    /// What it pays: an invoice once, and a student without an invoice once.
    #[schema(min_items = 2, max_items = 10)]
    parts: Vec<NewPart>,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPart {
    /// The invoice that it is for. What is more than it costs becomes the student's credit.
    invoice_id: Option<InvoiceId>,
    /// Whose fees it pays, the earliest due first: this, or `invoice_id`.
    student_id: Option<StudentId>,
    /// How much, in minor units.
    amount_minor: Amount,
}

/// What one transfer or cheque paid.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SharedPaymentView {
    /// What its payments have in common.
    batch_id: Uuid,
    /// What all of them are together, in minor units.
    amount_minor: i64,
    /// The payments, in the order of the parts.
    payments: Vec<PaymentView>,
}

impl NewSharedPayment {
    fn faults(&self) -> Result<(), Problem> {
        let mut faults = domain::Faults::none();
        faults.require(self.method != OfflineMethod::Cash, "/method", "must be cheque, upi or bank_transfer");
        if self.method != OfflineMethod::Cash {
            goes_with(self.method, self.reference.as_ref(), self.cheque.as_ref(), &mut faults);
        }
        faults.require((2..=10).contains(&self.parts.len()), "/parts", "must be 2 to 10");
        for (n, part) in self.parts.iter().enumerate() {
            let is_one = part.invoice_id.is_some() != part.student_id.is_some();
            faults.require(is_one, &format!("/parts/{n}"), "must name an invoice or a student, not both");
            let is_same = |other: &NewPart| (other.invoice_id, other.student_id) == (part.invoice_id, part.student_id);
            faults.require(!self.parts.iter().take(n).any(is_same), &format!("/parts/{n}"), "stands there already");
        }
        faults.into_result().map_err(Problem::invalid)
    }

    /// Whom each part is for, or all that is wrong with them. Nothing is locked yet.
    async fn students(&self, transaction: &mut SchoolTransaction) -> Result<Vec<Uuid>, Problem> {
        let (mut students, mut faults) = (Vec::with_capacity(self.parts.len()), Vec::new());
        for (n, part) in self.parts.iter().enumerate() {
            if let Some(invoice) = part.invoice_id {
                match find_invoice(transaction, invoice.as_uuid()).await {
                    Ok(invoice) => students.push(invoice.student_id),
                    Err(problem) if problem.kind() == Kind::NotFound => {
                        faults.push(Fault::new(format!("/parts/{n}/invoice_id"), "there is no such invoice in this school"));
                    }
                    Err(problem) => return Err(problem),
                }
            } else if let Some(student) = part.student_id.map(StudentId::as_uuid) {
                if student_exists(transaction, student).await? {
                    students.push(student);
                } else {
                    faults.push(Fault::new(format!("/parts/{n}/student_id"), "there is no such student in this school"));
                }
            }
        }
        if faults.is_empty() { Ok(students) } else { Err(Problem::invalid(faults)) }
    }
}

/// Takes a transfer or cheque that pays for several: all of it or nothing, a receipt for each part. The same key again gets the same answer.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: the same transfer sent again is taken once.")),
    request_body = NewSharedPayment,
    responses((status = 201, body = SharedPaymentView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/shared")]
async fn share(desk: Desk<FeesCollect>, _key: IdempotencyKey, body: Body<NewSharedPayment>) -> Result<HttpResponse, Problem> {
    body.faults()?;
    let new = body.0.clone();
    create_in_book(&desk, &body.0, async |transaction, book| {
        if let Some(cheque) = &new.cheque {
            cheque.of_these_months(book)?;
        }
        let students = new.students(transaction).await?;
        // All at once, in the order of their ids: two who share for the same family wait for each other instead of in each other's way.
        lock_students(transaction, &students).await?;
        let batch_id = Book::id();
        let mut payments = Vec::with_capacity(students.len());
        for ((position, part), student_id) in (1..).zip(&new.parts).zip(students) {
            if let Some(invoice) = part.invoice_id {
                payable(transaction, invoice.as_uuid(), new.currency, &format!("/parts/{}", position - 1)).await?;
            }
            let payment = NewPayment {
                student_id,
                invoice_id: part.invoice_id.map(InvoiceId::as_uuid),
                method: new.method.as_str(),
                currency: new.currency.code().to_owned(),
                amount: part.amount_minor.minor(),
                reference: new.reference.clone().map(String::from),
                cheque: new.cheque.clone().map(NewCheque::parts),
                paid_by: new.paid_by.clone().map(String::from),
                note: new.note.clone().map(String::from),
                batch: Some((batch_id, position)),
            };
            payments.push(receive(transaction, book, payment).await?);
        }
        let payments = whole_payments(transaction, payments).await?;
        let amount_minor = new.parts.iter().map(|part| part.amount_minor.minor()).sum();
        let location = format!("/api/v1/payments?batch_id={batch_id}");
        Ok(Created { location, version: Version::FIRST, body: SharedPaymentView { batch_id, amount_minor, payments } })
    })
    .await
}
