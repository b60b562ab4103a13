//! Payments over the counter, and cheques that are cleared or bounce.

use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Amount, Currency, Fault, InvoiceId, PaymentId, StudentId, Text};
use serde::{Deserialize, Serialize};
use service_kit::permits::{FeesCollect, FeesRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IdempotencyKey, IfMatch, IfNoneMatch, Kind, Limit, NotModifiedOr, Page, Params,
    Problem, Versioned, filters,
};
use store::SchoolTransaction;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access;
use super::views::PaymentView;
use crate::desk::Desk;
use crate::store::{
    Book, InvoiceRow, NewPayment, PaymentRow, Payments, bounce, charge_fine, clear, db, find_payment, lock_invoice, lock_payment,
    lock_student, receive, student_exists,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(pay).service(show).service(clear_cheque).service(bounce_cheque);
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
    const fn as_str(self) -> &'static str {
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
        faults.require(
            (self.method == OfflineMethod::Cheque) == self.cheque.is_some(),
            "/cheque",
            "goes with the method cheque, and only with it",
        );
        let transfer = matches!(self.method, OfflineMethod::Upi | OfflineMethod::BankTransfer);
        faults.require(transfer == self.reference.is_some(), "/reference", "goes with upi and bank_transfer, and only with them");
        let clean = |number: &str| number.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let number = self.cheque.as_ref().is_none_or(|cheque| clean(cheque.number.as_str()));
        faults.require(number, "/cheque/number", "must be letters, digits and hyphens");
        faults.into_result().map_err(Problem::invalid)
    }
}

/// When the bank credited a cheque.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Clearing {
    /// The day; not one to come, nor one before the cheque was handed in.
    cleared_on: NaiveDate,
}

/// Why the bank did not honour a cheque.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounce {
    /// Why.
    reason: Text<1000>,
    /// What the invoice that it was for is fined, in minor units.
    #[schema(value_type = Option<Amount>)]
    fine_minor: Option<Amount>,
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
    /// In the books of this day.
    #[param(inline)]
    booked_on: Option<NaiveDate>,
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
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.created_at, row.id)).map(PaymentView::from))
}

/// The invoice that is to be paid, locked, if it takes money in `currency`.
async fn payable(transaction: &mut SchoolTransaction, id: Uuid, currency: Currency) -> Result<InvoiceRow, Problem> {
    let invoice = match lock_invoice(transaction, id).await {
        Err(problem) if problem.kind() == Kind::NotFound => {
            return Err(Problem::invalid(vec![Fault::new("/invoice_id", "there is no such invoice in this school")]));
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
    let mut taken = None;
    let response = desk
        .create(&body.0, async |transaction| {
            let book = Book::open(transaction, Some(desk.caller().actor()), desk.now()).await?;
            if let Some(cheque) = &new.cheque {
                let months = chrono::Months::new(CHEQUE_MONTHS);
                let (first, last) = (book.today.checked_sub_months(months), book.today.checked_add_months(months));
                if first.is_some_and(|first| cheque.date < first) || last.is_some_and(|last| cheque.date > last) {
                    return Err(Problem::invalid(vec![Fault::new(
                        "/cheque/date",
                        format!("must be within {CHEQUE_MONTHS} months of today"),
                    )]));
                }
            }
            let mut student = new.student_id.map(StudentId::as_uuid);
            if let Some(invoice) = new.invoice_id {
                let invoice = payable(transaction, invoice.as_uuid(), new.currency).await?;
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
                cheque: new.cheque.map(|cheque| (cheque.number.into(), cheque.bank.into(), cheque.date)),
                paid_by: new.paid_by.map(String::from),
                note: new.note.map(String::from),
            };
            let row = receive(transaction, &book, payment).await?;
            let (version, view) = (row.version()?, PaymentView::from(row));
            taken = Some((view.clone(), version));
            Ok(Created { location: format!("/api/v1/payments/{}", view.id), version, body: view })
        })
        .await?;
    if let Some((view, version)) = taken {
        Payments::of(desk.platform()).put(desk.caller().school_id, view.id, version, &view).await;
    }
    Ok(response)
}

/// A payment.
#[utoipa::path(params(("id" = PaymentId, Path)), responses((status = 200, body = PaymentView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/payments/{id}")]
async fn show(desk: Desk<FeesRead>, id: IdPath<PaymentId>, known: IfNoneMatch) -> Result<NotModifiedOr<PaymentView>, Problem> {
    let (cache, school) = (Payments::of(desk.platform()), desk.caller().school_id);
    let cached: Option<PaymentView> = cache.get(school, *id).await;
    let view = if let Some(view) = cached {
        view
    } else {
        let view = PaymentView::from(find_payment(&mut desk.read().await?, id.as_uuid()).await?);
        cache.put(school, *id, version(&view)?, &view).await;
        view
    };
    access::see(&desk, view.student_id, "payment").await?;
    let version = version(&view)?;
    Ok(NotModifiedOr(known, view, version))
}

fn version(view: &PaymentView) -> Result<domain::Version, Problem> {
    domain::Version::try_from(view.version).map_err(Problem::internal)
}

/// Does `work` to the payment if it still is what the request is based on, and puts what it is then into Redis.
async fn with_payment(
    desk: &Desk<FeesCollect>,
    id: PaymentId,
    based_on: IfMatch,
    work: impl AsyncFnOnce(&mut SchoolTransaction, &Book, PaymentRow) -> Result<PaymentRow, Problem>,
) -> Result<Versioned<PaymentView>, Problem> {
    let row = desk
        .change(async |transaction| {
            let book = Book::open(transaction, Some(desk.caller().actor()), desk.now()).await?;
            let row = lock_payment(transaction, id.as_uuid()).await?;
            based_on.require(row.version()?)?;
            work(transaction, &book, row).await
        })
        .await?;
    let (version, view) = (row.version()?, PaymentView::from(row));
    Payments::of(desk.platform()).put(desk.caller().school_id, id, version, &view).await;
    Ok(Versioned(view, version))
}

/// Notes that the bank has credited a cheque.
#[utoipa::path(
    params(("id" = PaymentId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Clearing,
    responses((status = 200, body = PaymentView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/{id}/clear")]
async fn clear_cheque(
    desk: Desk<FeesCollect>,
    id: IdPath<PaymentId>,
    based_on: IfMatch,
    body: Body<Clearing>,
) -> Result<Versioned<PaymentView>, Problem> {
    with_payment(&desk, *id, based_on, async |transaction, book, row| {
        if body.cleared_on > book.today {
            return Err(Problem::invalid(vec![Fault::new("/cleared_on", "must not be to come")]));
        }
        // Under a day that is closed nothing is booked: what came late on it stands under the next one.
        if row.booked_on.is_some_and(|day| body.cleared_on < day.min(book.today)) {
            return Err(Problem::invalid(vec![Fault::new("/cleared_on", "must not be before the cheque was handed in")]));
        }
        clear(transaction, book, &row, body.cleared_on).await
    })
    .await
}

/// Notes that the bank has not honoured a cheque: what it paid is owed again. Its receipt keeps its number.
#[utoipa::path(
    params(("id" = PaymentId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Bounce,
    responses((status = 200, body = PaymentView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/{id}/bounce")]
async fn bounce_cheque(
    desk: Desk<FeesCollect>,
    id: IdPath<PaymentId>,
    based_on: IfMatch,
    body: Body<Bounce>,
) -> Result<Versioned<PaymentView>, Problem> {
    let bounced = body.into_inner();
    with_payment(&desk, *id, based_on, async |transaction, book, row| {
        let row = bounce(transaction, book, &row, bounced.reason.as_str()).await?;
        if let Some(fine) = bounced.fine_minor {
            let nothing = || Problem::invalid(vec![Fault::new("/fine_minor", "there is no open invoice to fine")]);
            let invoice = lock_invoice(transaction, row.invoice_id.ok_or_else(nothing)?).await?;
            if !invoice.is_open() {
                return Err(nothing());
            }
            charge_fine(transaction, book, &invoice, "Cheque returned by the bank".to_owned(), None, fine.minor()).await?;
        }
        Ok(row)
    })
    .await
}
