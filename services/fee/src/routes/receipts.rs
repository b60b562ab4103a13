//! Receipts as PDF.

use actix_web::http::header;
use actix_web::{HttpResponse, get};
use chrono::NaiveDate;
use domain::PaymentId;
use service_kit::permits::FeesRead;
use service_kit::{CommonProblems, IdPath, Kind, Problem};
use sqlx::FromRow;
use utoipa_actix_web::service_config::ServiceConfig;

use super::access;
use crate::desk::Desk;
use crate::receipt::{Receipt, Void, pdf};
use crate::store::{Book, PaymentRow, db, find_payment};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(receipt);
}

#[derive(FromRow)]
struct Payer {
    full_name: String,
    admission_number: String,
}

#[derive(FromRow)]
struct Part {
    name: String,
    held: i64,
}

fn method(payment: &PaymentRow) -> String {
    let date = |day: Option<NaiveDate>| day.map(|day| day.format(", %-d %B %Y").to_string()).unwrap_or_default();
    let reference = payment.reference.as_deref().unwrap_or_default();
    match payment.method.as_str() {
        "cash" => "Cash".to_owned(),
        "cheque" => {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("Cheque {}, {}{}", part(&payment.cheque_number), part(&payment.cheque_bank), date(payment.cheque_date))
        }
        "upi" => format!("UPI {reference}"),
        "bank_transfer" => format!("Bank transfer {reference}"),
        _ => format!("{} {}", payment.provider.as_deref().unwrap_or("online"), payment.provider_payment_id.as_deref().unwrap_or_default()),
    }
}

/// Why the receipt is good for nothing, if it is.
fn void(payment: &PaymentRow) -> Option<Void> {
    let on = |day: NaiveDate| day.format("%-d %B %Y").to_string();
    if let Some(day) = payment.bounced_on {
        let why = format!("Void: the bank did not honour the cheque, {}", on(day));
        return Some(Void { why, entered: "Cheque over", taken_back: "Not honoured" });
    }
    let why = format!("Void: it was entered by mistake, {}", on(payment.voided_on?));
    Some(Void { why, entered: "Entered", taken_back: "Voided" })
}

/// The receipt of a payment, as it stands now: what it paid, what of it is credit, what was given back.
#[utoipa::path(
    params(("id" = PaymentId, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf"), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/payments/{id}/receipt")]
async fn receipt(desk: Desk<FeesRead>, id: IdPath<PaymentId>) -> Result<HttpResponse, Problem> {
    let visible = access::visible(&desk).await?;
    let mut transaction = desk.read().await?;
    let payment = find_payment(&mut transaction, id.as_uuid()).await?;
    access::among(visible.as_deref(), payment.student_id, "payment")?;
    let (Some(number), Some(captured_at)) = (payment.receipt(), payment.captured_at) else {
        return Err(Problem::conflict(Kind::Conflict, "Nothing was paid yet, so there is no receipt."));
    };
    let school = transaction.school_id().as_uuid();
    let payer: Payer = sqlx::query_as(
        "SELECT u.full_name, s.admission_number FROM students s JOIN users u ON u.id = s.user_id WHERE s.school_id = $1 AND s.id = $2",
    )
    .bind(school)
    .bind(payment.student_id)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)?;
    let parts: Vec<Part> = sqlx::query_as(
        "SELECT coalesce(i.number, i.period) AS name, sum(a.amount_minor - a.released_minor)::bigint AS held
         FROM payment_allocations a JOIN invoices i ON i.school_id = a.school_id AND i.id = a.invoice_id
         WHERE a.school_id = $1 AND a.payment_id = $2 GROUP BY i.id, i.number, i.period HAVING sum(a.amount_minor - a.released_minor) > 0 ORDER BY 1",
    )
    .bind(school)
    .bind(payment.id)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let book = Book::read(&mut transaction, None, desk.now()).await?;
    let file = format!("receipt-{}.pdf", number.replace('/', "-"));
    let receipt = Receipt {
        school: book.name.clone(),
        number,
        received_at: captured_at,
        received_on: payment.booked_on.unwrap_or_else(|| captured_at.date_naive()),
        student: payer.full_name,
        admission_number: payer.admission_number,
        paid_by: payment.paid_by.clone(),
        method: method(&payment),
        currency: payment.currency.parse().map_err(Problem::internal)?,
        amount_minor: payment.amount_minor,
        refunded_minor: payment.refunded_minor,
        paid: parts.into_iter().map(|part| (part.name, part.held)).collect(),
        credit_minor: if payment.status == "captured" { payment.free_minor() } else { 0 },
        void: void(&payment),
    };
    drop(transaction);
    // Drawing takes milliseconds of computing, which other requests of this thread should not wait for.
    let made = actix_web::web::block(move || pdf(&receipt)).await.map_err(|_| Problem::internal(anyhow::anyhow!("no thread draws")))??;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header((header::CONTENT_DISPOSITION, format!("inline; filename=\"{file}\"")))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .body(made))
}
