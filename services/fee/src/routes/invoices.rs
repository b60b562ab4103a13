//! Invoices: lists, one, and drafts made by hand. What happens to one afterwards is in [`moves`](super::moves).

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::NaiveDate;
use domain::{ClassId, Currency, Fault, FeeStructureId, InvoiceId, Patch, StudentId, TermId, Text};
use serde::{Deserialize, Serialize};
use service_kit::permits::{FeesManage, FeesRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Params,
    Problem, Versioned, filters,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access;
use super::charges::{self, NewCharge};
use super::invoice_views::{InvoiceView, whole};
use crate::desk::{Desk, create_in_book};
use crate::model::charge;
use crate::store::{
    Billed, InvoiceRow, NewInvoice, add, approved, billed, db, find_invoice, given_back, issue, lock_invoice, lock_student, student_exists,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Not sent to anybody yet.
    Draft,
    /// Owed.
    Issued,
    /// Owed in part.
    PartlyPaid,
    /// Paid, or given up.
    Paid,
    /// Taken back.
    Cancelled,
    /// Taken back, and what had been paid was given back.
    Refunded,
}

impl InvoiceStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Issued => "issued",
            Self::PartlyPaid => "partly_paid",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }
}

/// Which invoices.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvoiceFilter {
    /// Of this student.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// Made from this structure.
    #[param(inline)]
    fee_structure_id: Option<FeeStructureId>,
    /// In this state.
    #[param(inline)]
    status: Option<InvoiceStatus>,
    /// Of students whose home class is this one.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Due on this day or later.
    #[param(inline)]
    from: Option<NaiveDate>,
    /// Due on this day or earlier.
    #[param(inline)]
    to: Option<NaiveDate>,
    /// Made from a structure of this term; or, where that is for a whole year or there is none, due in its days.
    #[param(inline)]
    term_id: Option<TermId>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(InvoiceFilter);

/// An invoice to be, made by hand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewManualInvoice {
    /// Who owes it.
    student_id: StudentId,
    /// What it is for, such as an excursion.
    period: Text<64>,
    /// The currency of all amounts.
    currency: Currency,
    /// When it is due.
    due_on: NaiveDate,
    /// What is charged.
    #[schema(min_items = 1, max_items = 100)]
    charges: Vec<NewCharge>,
    /// Whether the student's concessions count.
    #[serde(default)]
    with_concessions: bool,
    /// Whether it is issued at once.
    #[serde(default)]
    issue: bool,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeInvoice {
    /// When it is due. Of an invoice that is not paid or cancelled.
    due_on: Option<NaiveDate>,
    /// Who pays, where that is neither the student nor a guardian.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    payer: Patch<Text<200>>,
}

/// The invoices that the caller may see, the earliest due first. Students and parents see what was issued.
#[utoipa::path(params(InvoiceFilter), responses((status = 200, body = Page<InvoiceView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/invoices")]
async fn list(desk: Desk<FeesRead>, filter: Params<InvoiceFilter>) -> Result<Page<InvoiceView>, Problem> {
    let paging = desk.paging("invoices", &filter.0);
    let (due, id) = paging.after::<(NaiveDate, Uuid)>()?.unzip();
    let visible = access::visible(&desk).await?;
    let mut transaction = desk.read().await?;
    let rows: Vec<InvoiceRow> = sqlx::query_as(
        "SELECT * FROM invoices WHERE school_id = $1 AND ($2::uuid[] IS NULL OR (student_id = ANY($2) AND status <> 'draft' AND issued_at IS NOT NULL))
             AND ($3::uuid IS NULL OR student_id = $3) AND ($4::uuid IS NULL OR fee_structure_id = $4)
             AND CASE WHEN $5::text IS NULL THEN true
                      WHEN $5 IN ('cancelled', 'refunded') THEN status = 'cancelled' AND invoice_is_given_back(school_id, id) = ($5 = 'refunded')
                      ELSE status = $5 END
             AND ($6::date IS NULL OR (due_on, id) > ($6, $7)) AND ($9::date IS NULL OR due_on >= $9) AND ($10::date IS NULL OR due_on <= $10)
             AND ($11::uuid IS NULL OR EXISTS (SELECT FROM students s WHERE s.school_id = $1 AND s.id = invoices.student_id AND s.class_id = $11))
             AND ($12::uuid IS NULL OR EXISTS (
                 SELECT FROM terms t LEFT JOIN fee_structures f ON f.school_id = t.school_id AND f.id = invoices.fee_structure_id
                 WHERE t.school_id = $1 AND t.id = $12
                   AND CASE WHEN f.term_id IS NULL THEN due_on BETWEEN t.starts_on AND t.ends_on ELSE f.term_id = t.id END))
         ORDER BY due_on, id LIMIT $8",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(visible)
    .bind(filter.student_id.map(StudentId::as_uuid))
    .bind(filter.fee_structure_id.map(FeeStructureId::as_uuid))
    .bind(filter.status.map(InvoiceStatus::as_str))
    .bind(due)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .bind(filter.from)
    .bind(filter.to)
    .bind(filter.class_id.map(ClassId::as_uuid))
    .bind(filter.term_id.map(TermId::as_uuid))
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let page = paging.page(rows, |row| (row.due_on, row.id));
    let refunded = given_back(&mut transaction, &page.items).await?;
    Ok(page.map(|row| {
        let is_given_back = refunded.contains(&row.id);
        InvoiceView::of(row, is_given_back, None)
    }))
}

/// Makes an invoice by hand.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewManualInvoice,
    responses((status = 201, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices")]
async fn create(desk: Desk<FeesManage>, body: Body<NewManualInvoice>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    charges::faults(&new.charges)?;
    create_in_book(&desk, &body.0, async |transaction, book| {
        let student = new.student_id.as_uuid();
        if !student_exists(transaction, student).await? {
            return Err(Problem::invalid(vec![Fault::new("/student_id", "there is no such student in this school")]));
        }
        lock_student(transaction, student).await?;
        let billing = billed(transaction, Billed::One(student), new.due_on, None, 1).await?.into_iter().next();
        let mut concessions = Vec::new();
        if let (true, Some(billing)) = (new.with_concessions, &billing) {
            let pupil = billing.pupil();
            concessions = approved(transaction, new.currency.code(), new.due_on).await?;
            concessions.retain(|concession| concession.covers(&pupil, new.due_on));
        }
        let charges = charges::resolve(transaction, book, student, new.currency, &new.charges).await?;
        let invoice = NewInvoice {
            id: InvoiceId::generate().as_uuid(),
            student_id: student,
            fee_structure_id: None,
            period: new.period.into(),
            source: "manual",
            source_ref: None,
            currency: new.currency.code().to_owned(),
            due_on: new.due_on,
            payer: billing.and_then(|billing| billing.payer),
            lines: charge::lines(&charges, &concessions, &book.settings.tax_name),
        };
        let mut row = add(transaction, book, invoice).await?;
        if new.issue {
            row = issue(transaction, book, &row).await?;
        }
        let location = format!("/api/v1/invoices/{}", row.id);
        let Versioned(body, version) = whole(transaction, row).await?;
        Ok(Created { location, version, body })
    })
    .await
}

/// An invoice.
#[utoipa::path(params(("id" = InvoiceId, Path)), responses((status = 200, body = InvoiceView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/invoices/{id}")]
async fn show(desk: Desk<FeesRead>, id: IdPath<InvoiceId>, known: IfNoneMatch) -> Result<NotModifiedOr<InvoiceView>, Problem> {
    let visible = access::visible(&desk).await?;
    let mut transaction = desk.read().await?;
    let row = find_invoice(&mut transaction, id.as_uuid()).await?;
    access::among(visible.as_deref(), row.student_id, "invoice")?;
    // What was never issued is the office's own.
    if row.issued_at.is_none() && !desk.caller().role.is_office() {
        return Err(Problem::not_found("invoice"));
    }
    let Versioned(view, version) = whole(&mut transaction, row).await?;
    let view = if desk.caller().role.is_office() { view } else { view.for_family() };
    Ok(NotModifiedOr(known, view, version))
}

/// Changes when an invoice is due and who pays it.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeInvoice,
    responses((status = 200, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/invoices/{id}")]
async fn edit(
    desk: Desk<FeesManage>,
    id: IdPath<InvoiceId>,
    based_on: IfMatch,
    body: Body<ChangeInvoice>,
) -> Result<Versioned<InvoiceView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = lock_invoice(transaction, id.as_uuid()).await?;
        based_on.require(row.version()?)?;
        if matches!(row.status.as_str(), "paid" | "cancelled") {
            return Err(Problem::conflict(Kind::Conflict, format!("It is {}.", row.status)));
        }
        let payer = change.payer.apply(row.payer.and_then(|payer| Text::try_from(payer).ok()));
        let row: InvoiceRow = sqlx::query_as(
            "UPDATE invoices SET due_on = coalesce($3, due_on), payer = $4, version = version + 1, updated_at = $5
             WHERE school_id = $1 AND id = $2 RETURNING *",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(change.due_on)
        .bind(payer.map(String::from))
        .bind(desk.now())
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        whole(transaction, row).await
    })
    .await
}

/// Removes a draft. What was issued is cancelled instead, and stays.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/invoices/{id}")]
async fn remove(desk: Desk<FeesManage>, id: IdPath<InvoiceId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        let row = lock_invoice(transaction, id.as_uuid()).await?;
        based_on.require(row.version()?)?;
        if row.status != "draft" {
            return Err(Problem::conflict(Kind::Conflict, "Only a draft can be removed."));
        }
        // Its lines go with it.
        sqlx::query("DELETE FROM invoices WHERE school_id = $1 AND id = $2")
            .bind(transaction.school_id().as_uuid())
            .bind(row.id)
            .execute(transaction.connection()?)
            .await
            .map_err(db)?;
        Ok(NoContent)
    })
    .await
}
