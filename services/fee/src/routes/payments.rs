//! Payments over the counter. What one transfer or cheque pays for several is in [`shared_payments`](super::shared_payments), what happens to a payment afterwards
//! in [`payment_moves`](super::payment_moves).

use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Amount, ClassId, Currency, Fault, InvoiceId, PaymentId, ServiceName, StudentId, TermId, Text};
use serde::{Deserialize, Serialize};
use service_kit::permits::{FeesCollect, FeesRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IdempotencyKey, IfNoneMatch, Kind, Limit, NotModifiedOr, Page, Params, Problem,
    filters,
};
use store::SchoolTransaction;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access;
use super::views::{PaymentView, whole_payment};
use crate::desk::{Desk, create_in_book};
use crate::store::{
    Book, InvoiceRow, NewPayment, PaymentRow, Payments, db, find_payment, lock_invoice, lock_student, receive, student_exists,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(pay).service(show);
}

/// How money was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfflineMethod {
    /// Notes and coins.
    Cash,
    /// A cheque, which the bank may not honour.
    Cheque,
    /// A transfer by UPI, outside of any provider.
    Upi,
    /// A transfer from bank to bank.
    BankTransfer,
}

impl OfflineMethod {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Cheque => "cheque",
            Self::Upi => "upi",
            Self::BankTransfer => "bank_transfer",
        }
    }
}

/// How far a cheque's date may be from the day on which it is handed in: banks pay none that is older.
const CHEQUE_MONTHS: u32 = 6;

/// A cheque.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCheque {
    /// Its number: letters, digits and hyphens.
    number: Text<32>,
    /// Its bank.
    bank: Text<100>,
    /// Its date, within six months of today.
    date: NaiveDate,
}

impl NewCheque {
    /// Its number, bank and date.
    pub(super) fn parts(self) -> (String, String, NaiveDate) {
        (self.number.into(), self.bank.into(), self.date)
    }

    /// Whether a bank would take it now.
    pub(super) fn of_these_months(&self, book: &Book) -> Result<(), Problem> {
        let months = chrono::Months::new(CHEQUE_MONTHS);
        let (first, last) = (book.today.checked_sub_months(months), book.today.checked_add_months(months));
        if first.is_some_and(|first| self.date < first) || last.is_some_and(|last| self.date > last) {
            let detail = format!("must be within {CHEQUE_MONTHS} months of today");
            return Err(Problem::invalid(vec![Fault::new("/cheque/date", detail)]));
        }
        Ok(())
    }
}

/// What a method must come with, and must not.
pub(super) fn goes_with(method: OfflineMethod, reference: Option<&Text<64>>, cheque: Option<&NewCheque>, faults: &mut domain::Faults) {
    faults.require((method == OfflineMethod::Cheque) == cheque.is_some(), "/cheque", "goes with the method cheque, and only with it");
    let transfer = matches!(method, OfflineMethod::Upi | OfflineMethod::BankTransfer);
    faults.require(transfer == reference.is_some(), "/reference", "goes with upi and bank_transfer, and only with them");
    let clean = |number: &str| number.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let number = cheque.is_none_or(|cheque| clean(cheque.number.as_str()));
    faults.require(number, "/cheque/number", "must be letters, digits and hyphens");
}

/// Money that was handed in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOfflinePayment {
    /// The invoice that it is for. What is more than it costs becomes the student's credit.
    invoice_id: Option<InvoiceId>,
    /// Whose fees it pays: required without an invoice; then it pays what is owed, the earliest due first, and the rest is credit.
    student_id: Option<StudentId>,
    /// How it was handed in.
    method: OfflineMethod,
    /// How much, in minor units.
    amount_minor: Amount,
    /// The currency: the invoice's.
    currency: Currency,
    /// The bank's number of the transfer: required for `upi` and `bank_transfer`. Good for one payment, in whatever case it is spelled.
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
}

impl NewOfflinePayment {
    fn faults(&self) -> Result<(), Problem> {
        let mut faults = domain::Faults::none();
        faults.require(self.invoice_id.is_some() || self.student_id.is_some(), "/student_id", "is required without an invoice");
        goes_with(self.method, self.reference.as_ref(), self.cheque.as_ref(), &mut faults);
        faults.into_result().map_err(Problem::invalid)
    }
}

/// How a payment was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// Notes and coins.
    Cash,
    /// A cheque.
    Cheque,
    /// A transfer by UPI, outside of any provider.
    Upi,
    /// A transfer from bank to bank.
    BankTransfer,
    /// Through a provider.
    Online,
}

impl PaymentMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Cheque => "cheque",
            Self::Upi => "upi",
            Self::BankTransfer => "bank_transfer",
            Self::Online => "online",
        }
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// An order that nobody has paid yet.
    Created,
    /// The money is there.
    Captured,
    /// Nothing came of it.
    Failed,
    /// The bank did not honour the cheque.
    Bounced,
    /// It was entered by mistake.
    Voided,
}

impl PaymentStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Captured => "captured",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
            Self::Voided => "voided",
        }
    }
}

/// Which payments.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PaymentFilter {
    /// Of this student.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// Meant for this invoice.
    #[param(inline)]
    invoice_id: Option<InvoiceId>,
    /// Of students whose home class is this one.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// In this state.
    #[param(inline)]
    status: Option<PaymentStatus>,
    /// Made this way.
    #[param(inline)]
    method: Option<PaymentMethod>,
    /// In the books of this day.
    #[param(inline)]
    booked_on: Option<NaiveDate>,
    /// In the books of this day or a later one.
    #[param(inline)]
    from: Option<NaiveDate>,
    /// In the books of this day or an earlier one.
    #[param(inline)]
    to: Option<NaiveDate>,
    /// In the books of the days of this term.
    #[param(inline)]
    term_id: Option<TermId>,
    /// Of this transfer or cheque, which paid for several.
    #[param(value_type = Option<String>, format = Uuid)]
    batch_id: Option<Uuid>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(PaymentFilter);

/// The payments that the caller may see, the oldest first.
#[utoipa::path(params(PaymentFilter), responses((status = 200, body = Page<PaymentView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/payments")]
async fn list(desk: Desk<FeesRead>, filter: Params<PaymentFilter>) -> Result<Page<PaymentView>, Problem> {
    let paging = desk.paging("payments", &filter.0);
    let (at, id) = paging.after::<(DateTime<Utc>, Uuid)>()?.unzip();
    let visible = access::visible(&desk).await?;
    let mut transaction = desk.read().await?;
    let rows: Vec<PaymentRow> = sqlx::query_as(
        "SELECT * FROM payments WHERE school_id = $1 AND ($2::uuid[] IS NULL OR student_id = ANY($2)) AND ($3::uuid IS NULL OR student_id = $3)
             AND ($4::uuid IS NULL OR invoice_id = $4) AND ($5::date IS NULL OR booked_on = $5) AND ($6::timestamptz IS NULL OR (created_at, id) > ($6, $7))
             AND ($9::uuid IS NULL OR batch_id = $9) AND ($10::text IS NULL OR status = $10) AND ($11::text IS NULL OR method = $11)
             AND ($12::date IS NULL OR booked_on >= $12) AND ($13::date IS NULL OR booked_on <= $13)
             AND ($14::uuid IS NULL OR EXISTS (SELECT FROM students s WHERE s.school_id = $1 AND s.id = payments.student_id AND s.class_id = $14))
             AND ($15::uuid IS NULL OR EXISTS (SELECT FROM terms t WHERE t.school_id = $1 AND t.id = $15 AND booked_on BETWEEN t.starts_on AND t.ends_on))
         ORDER BY created_at, id LIMIT $8",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(visible)
    .bind(filter.student_id.map(StudentId::as_uuid))
    .bind(filter.invoice_id.map(InvoiceId::as_uuid))
    .bind(filter.booked_on)
    .bind(at)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .bind(filter.batch_id)
    .bind(filter.status.map(PaymentStatus::as_str))
    .bind(filter.method.map(PaymentMethod::as_str))
    .bind(filter.from)
    .bind(filter.to)
    .bind(filter.class_id.map(ClassId::as_uuid))
    .bind(filter.term_id.map(TermId::as_uuid))
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.created_at, row.id)).map(PaymentView::from))
}

/// The invoice that is to be paid, locked, if it takes money in `currency`. `at` is where the body speaks of it.
pub(super) async fn payable(transaction: &mut SchoolTransaction, id: Uuid, currency: Currency, at: &str) -> Result<InvoiceRow, Problem> {
    let invoice = match lock_invoice(transaction, id).await {
        Err(problem) if problem.kind() == Kind::NotFound => {
            return Err(Problem::invalid(vec![Fault::new(format!("{at}/invoice_id"), "there is no such invoice in this school")]));
        }
        other => other?,
    };
    if invoice.currency != currency.code() {
        return Err(Problem::invalid(vec![Fault::new("/currency", format!("must be the invoice's, {}", invoice.currency))]));
    }
    if !invoice.is_open() {
        return Err(Problem::conflict(Kind::Conflict, invoice.why_not_open()));
    }
    Ok(invoice)
}

/// Takes money over the counter. It is in the ledger and has its receipt when this answers; the same key again gets the same answer.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: the same payment sent again is taken once.")),
    request_body = NewOfflinePayment,
    responses((status = 201, body = PaymentView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments")]
async fn pay(desk: Desk<FeesCollect>, _key: IdempotencyKey, body: Body<NewOfflinePayment>) -> Result<HttpResponse, Problem> {
    body.faults()?;
    let new = body.0.clone();
    create_in_book(&desk, &body.0, async |transaction, book| {
        if let Some(cheque) = &new.cheque {
            cheque.of_these_months(book)?;
        }
        let mut student = new.student_id.map(StudentId::as_uuid);
        if let Some(invoice) = new.invoice_id {
            let invoice = payable(transaction, invoice.as_uuid(), new.currency, "").await?;
            if student.is_some_and(|student| student != invoice.student_id) {
                return Err(Problem::invalid(vec![Fault::new("/student_id", "is not the invoice's")]));
            }
            student = Some(invoice.student_id);
        }
        let missing = || Problem::invalid(vec![Fault::new("/student_id", "there is no such student in this school")]);
        let student = student.ok_or_else(missing)?;
        if new.invoice_id.is_none() {
            if !student_exists(transaction, student).await? {
                return Err(missing());
            }
            lock_student(transaction, student).await?;
        }
        let payment = NewPayment {
            student_id: student,
            invoice_id: new.invoice_id.map(InvoiceId::as_uuid),
            method: new.method.as_str(),
            currency: new.currency.code().to_owned(),
            amount: new.amount_minor.minor(),
            reference: new.reference.map(String::from),
            cheque: new.cheque.map(NewCheque::parts),
            paid_by: new.paid_by.map(String::from),
            note: new.note.map(String::from),
            batch: None,
        };
        let row = receive(transaction, book, payment).await?;
        let (version, view) = (row.version()?, whole_payment(transaction, row).await?);
        Ok(Created { location: format!("/api/v1/payments/{}", view.id), version, body: view })
    })
    .await
}

/// A payment, with the invoices that it paid and what of it was given back.
#[utoipa::path(params(("id" = PaymentId, Path)), responses((status = 200, body = PaymentView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/payments/{id}")]
async fn show(desk: Desk<FeesRead>, id: IdPath<PaymentId>, known: IfNoneMatch) -> Result<NotModifiedOr<PaymentView>, Problem> {
    let (cache, school) = (Payments::of(desk.platform()), desk.caller().school_id);
    let cached: Option<PaymentView> = cache.get(school, *id).await;
    // What an earlier release has cached says nothing of its allocations.
    let view = if let Some(view) = cached.filter(|view| view.allocations.is_some() && view.refunds.is_some()) {
        view
    } else {
        let mut transaction = desk.platform().postgres(ServiceName::Fee).school_snapshot(school).await?;
        let row = find_payment(&mut transaction, id.as_uuid()).await?;
        let view = whole_payment(&mut transaction, row).await?;
        drop(transaction);
        if let Err(error) = cache.put(school, std::slice::from_ref(&view)).await {
            tracing::warn!(%error, "a payment could not be cached");
        }
        view
    };
    access::see(&desk, view.student_id, "payment").await?;
    let version = version(&view)?;
    Ok(NotModifiedOr(known, view, version))
}

fn version(view: &PaymentView) -> Result<domain::Version, Problem> {
    domain::Version::try_from(view.version).map_err(Problem::internal)
}
