//! Invoices: making, issuing and cancelling them, fines and waivers. Whoever calls holds the student's lock.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{EventKind, Version};
use serde::Serialize;
use serde_json::json;
use service_kit::{Kind, Problem};
use sqlx::FromRow;
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::allocations::{apply_credit_to, release_all};
use super::book::Book;
use super::ledger::{About, post};
use super::{db, rows_of};
use crate::events::{event, tell, tell_all};
use crate::model::charge::{Line, LineKind, Sums};
use crate::model::ledger::{Account, Posting};

/// A row of `invoices`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct InvoiceRow {
    pub(crate) id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) fee_structure_id: Option<Uuid>,
    pub(crate) period: String,
    pub(crate) number: Option<String>,
    pub(crate) currency: String,
    pub(crate) status: String,
    pub(crate) total_minor: i64,
    pub(crate) paid_minor: i64,
    pub(crate) waived_minor: i64,
    pub(crate) due_on: NaiveDate,
    pub(crate) issued_at: Option<DateTime<Utc>>,
    pub(crate) cancelled_at: Option<DateTime<Utc>>,
    pub(crate) cancel_reason: Option<String>,
    pub(crate) reminder_count: i32,
    pub(crate) source: String,
    pub(crate) source_ref: Option<String>,
    pub(crate) payer: Option<String>,
    /// Whether a run bills the student again after this one was cancelled.
    pub(crate) rebill: bool,
    pub(crate) version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl InvoiceRow {
    /// The version.
    pub(crate) fn version(&self) -> Result<Version, Problem> {
        Version::try_from(self.version).map_err(Problem::internal)
    }

    /// What is still owed.
    pub(crate) const fn open_minor(&self) -> i64 {
        self.total_minor - self.paid_minor - self.waived_minor
    }

    /// Whether money may be set against it.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "issued" | "partly_paid")
    }

    /// Why no money may be set against it.
    pub(crate) fn why_not_open(&self) -> &'static str {
        match self.status.as_str() {
            "draft" => "The invoice is a draft: nothing is owed before it is issued.",
            "cancelled" => "The invoice was cancelled: it takes no payment.",
            _ => "The invoice is paid: nothing is owed any more.",
        }
    }

    /// What the ledger says of it.
    pub(crate) fn about(&self, memo: &str) -> About {
        let name = self.number.as_deref().unwrap_or(&self.period);
        let memo = format!("{memo} {name}");
        About { student_id: Some(self.student_id), invoice_id: Some(self.id), currency: self.currency.clone(), memo, ..About::default() }
    }
}

/// A row of `invoice_lines`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct LineRow {
    pub(crate) invoice_id: Uuid,
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) fee_item_id: Option<Uuid>,
    pub(crate) concession_id: Option<Uuid>,
    pub(crate) fine_rule_id: Option<Uuid>,
    pub(crate) amount_minor: i64,
}

impl LineRow {
    /// Its kind and amount.
    pub(crate) fn figure(&self) -> (LineKind, &i64) {
        let kind = match self.kind.as_str() {
            "tax" => LineKind::Tax,
            "fine" => LineKind::Fine,
            "concession" => LineKind::Concession,
            _ => LineKind::Fee,
        };
        (kind, &self.amount_minor)
    }
}

/// An invoice to be.
#[derive(Debug, Clone)]
pub(crate) struct NewInvoice {
    pub(crate) id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) fee_structure_id: Option<Uuid>,
    pub(crate) period: String,
    pub(crate) source: &'static str,
    pub(crate) source_ref: Option<String>,
    pub(crate) currency: String,
    pub(crate) due_on: NaiveDate,
    pub(crate) payer: Option<String>,
    pub(crate) lines: Vec<Line>,
}

/// The invoice, or 404.
pub(crate) async fn find_invoice(transaction: &mut SchoolTransaction, id: Uuid) -> Result<InvoiceRow, Problem> {
    sqlx::query_as("SELECT * FROM invoices WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("invoice"))
}

/// The invoice, which nobody else changes until the transaction ends; its student's lock comes first.
pub(crate) async fn lock_invoice(transaction: &mut SchoolTransaction, id: Uuid) -> Result<InvoiceRow, Problem> {
    let row = find_invoice(transaction, id).await?;
    super::lock_student(transaction, row.student_id).await?;
    sqlx::query_as("SELECT * FROM invoices WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("invoice"))
}

/// The lines of an invoice, in their order.
pub(crate) async fn lines_of(transaction: &mut SchoolTransaction, invoice: Uuid) -> Result<Vec<LineRow>, Problem> {
    sqlx::query_as("SELECT * FROM invoice_lines WHERE school_id = $1 AND invoice_id = $2 ORDER BY position")
        .bind(transaction.school_id().as_uuid())
        .bind(invoice)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(db)
}

/// Adds drafts, and answers the ids of those that were not there yet: a student has one invoice of a structure and period, and a source one invoice.
pub(crate) async fn insert_all(transaction: &mut SchoolTransaction, book: &Book, new: &[NewInvoice]) -> Result<Vec<Uuid>, Problem> {
    let rows: Vec<serde_json::Value> = new
        .iter()
        .map(|one| {
            json!({"id": one.id, "student_id": one.student_id, "fee_structure_id": one.fee_structure_id, "period": one.period, "source": one.source,
                "source_ref": one.source_ref, "currency": one.currency, "due_on": one.due_on, "payer": one.payer,
                "total_minor": one.lines.iter().map(|line| line.amount).sum::<i64>()})
        })
        .collect();
    let added: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO invoices (school_id, id, student_id, fee_structure_id, period, source, source_ref, currency, due_on, payer, total_minor,
             created_at, updated_at)
         SELECT $1, id, student_id, fee_structure_id, period, source, source_ref, currency, due_on, payer, total_minor, $2, $2
         FROM jsonb_populate_recordset(NULL::invoices, $3) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(book.school.as_uuid())
    .bind(book.now)
    .bind(Json(rows))
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let mut lines: Vec<(Uuid, usize, &Line)> = Vec::new();
    for one in new.iter().filter(|one| added.contains(&one.id)) {
        lines.extend(one.lines.iter().enumerate().map(|(n, line)| (one.id, n + 1, line)));
    }
    put_lines(transaction, book, &lines).await?;
    Ok(added)
}

/// Adds one draft; a conflict is refused.
pub(crate) async fn add(transaction: &mut SchoolTransaction, book: &Book, new: NewInvoice) -> Result<InvoiceRow, Problem> {
    let id = new.id;
    if insert_all(transaction, book, &[new]).await?.is_empty() {
        return Err(Problem::new(Kind::AlreadyExists, "The student has this invoice already."));
    }
    find_invoice(transaction, id).await
}

/// Adds lines at their positions.
async fn put_lines(transaction: &mut SchoolTransaction, book: &Book, lines: &[(Uuid, usize, &Line)]) -> Result<(), Problem> {
    let rows: Vec<serde_json::Value> = lines
        .iter()
        .map(|(invoice, position, line)| {
            json!({"id": Book::id(), "invoice_id": invoice, "position": position, "kind": line.kind.as_str(), "description": line.description,
                "fee_item_id": line.fee_item_id, "concession_id": line.concession_id, "fine_rule_id": line.fine_rule_id, "amount_minor": line.amount})
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO invoice_lines (school_id, id, invoice_id, position, kind, description, fee_item_id, concession_id, fine_rule_id, amount_minor,
             created_at, updated_at)
         SELECT $1, id, invoice_id, position, kind, description, fee_item_id, concession_id, fine_rule_id, amount_minor, $2, $2
         FROM jsonb_populate_recordset(NULL::invoice_lines, $3)",
    )
    .bind(book.school.as_uuid())
    .bind(book.now)
    .bind(Json(rows))
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(())
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
struct Told {
    invoice_id: Uuid,
    student_id: Uuid,
}

async fn tell_of(transaction: &SchoolTransaction, book: &Book, kind: EventKind, invoice: Uuid, student: Uuid) -> Result<(), Problem> {
    tell(transaction, book, kind, invoice, &Told { invoice_id: invoice, student_id: student }).await
}

/// Issues drafts: they get their numbers, the ledger gets the debt, and credit that the students have is set against them.
pub(crate) async fn issue_all(transaction: &mut SchoolTransaction, book: &Book, drafts: &[Uuid]) -> Result<(), Problem> {
    let numbers = book.next_invoices(transaction, drafts.len()).await?;
    let issued: Vec<InvoiceRow> = sqlx::query_as(
        "UPDATE invoices i SET number = n.number, status = CASE WHEN i.total_minor = 0 THEN 'paid' ELSE 'issued' END, issued_at = $2,
             version = i.version + 1, updated_at = $2
         FROM unnest($3::uuid[], $4::text[]) AS n (id, number) WHERE i.school_id = $1 AND i.id = n.id AND i.status = 'draft' RETURNING i.*",
    )
    .bind(book.school.as_uuid())
    .bind(book.now)
    .bind(drafts)
    .bind(&numbers)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let lines: Vec<LineRow> =
        rows_of(transaction, "SELECT * FROM invoice_lines WHERE school_id = $1 AND invoice_id = ANY($2)", drafts).await?;
    let mut postings = Vec::with_capacity(issued.len());
    for invoice in &issued {
        let sums = Sums::of(lines.iter().filter(|line| line.invoice_id == invoice.id).map(LineRow::figure));
        postings.push((Book::id(), Posting::issue(&sums), invoice.about("Invoice")));
    }
    post(transaction, book, &postings).await?;
    let told = |invoice: &InvoiceRow| {
        event(book, EventKind::InvoiceIssued, invoice.id, &Told { invoice_id: invoice.id, student_id: invoice.student_id })
    };
    let told: Result<Vec<_>, _> = issued.iter().map(told).collect();
    tell_all(transaction, &told?).await?;
    if book.settings.applies_credit {
        apply_credit_to(transaction, book, &issued).await?;
    }
    Ok(())
}

/// Issues a draft.
pub(crate) async fn issue(transaction: &mut SchoolTransaction, book: &Book, invoice: &InvoiceRow) -> Result<InvoiceRow, Problem> {
    if invoice.status != "draft" {
        return Err(Problem::conflict(Kind::Conflict, "Only a draft can be issued."));
    }
    issue_all(transaction, book, &[invoice.id]).await?;
    find_invoice(transaction, invoice.id).await
}

/// How an invoice is cancelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cancelling<'a> {
    pub(crate) reason: &'a str,
    /// Whether what was paid of it becomes the student's credit; else an invoice that money was paid for stays.
    pub(crate) to_credit: bool,
    /// Whether a run bills the student again.
    pub(crate) rebill: bool,
}

/// Cancels an invoice.
pub(crate) async fn cancel(
    transaction: &mut SchoolTransaction,
    book: &Book,
    invoice: &InvoiceRow,
    how: Cancelling<'_>,
) -> Result<InvoiceRow, Problem> {
    if invoice.status == "cancelled" {
        return Err(Problem::conflict(Kind::Conflict, "It is cancelled already."));
    }
    if invoice.paid_minor > 0 && !how.to_credit {
        let detail = "Money was paid for it. Cancel it with to_credit, and what was paid becomes the student's credit.";
        return Err(Problem::conflict(Kind::Conflict, detail));
    }
    release_all(transaction, book, invoice).await?;
    if invoice.status != "draft" {
        let lines = lines_of(transaction, invoice.id).await?;
        let sums = Sums::of(lines.iter().map(LineRow::figure));
        let (id, about) = (Book::id(), invoice.about("Cancelled"));
        let waived = Posting::transfer(Account::Receivable, Account::Waivers, invoice.waived_minor);
        post(transaction, book, &[(id, Posting::issue(&sums).reversed(), about.clone()), (id, waived, about)]).await?;
    }
    let row: InvoiceRow = sqlx::query_as(
        "UPDATE invoices SET status = 'cancelled', cancelled_at = $3, cancel_reason = $4, rebill = $5, version = version + 1, updated_at = $3
         WHERE school_id = $1 AND id = $2 RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(invoice.id)
    .bind(book.now)
    .bind(how.reason)
    .bind(how.rebill)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)?;
    tell_of(transaction, book, EventKind::InvoiceCancelled, invoice.id, invoice.student_id).await?;
    Ok(row)
}

/// Adds a fine of `amount` under a rule, or none.
pub(crate) async fn charge_fine(
    transaction: &mut SchoolTransaction,
    book: &Book,
    invoice: &InvoiceRow,
    description: String,
    rule: Option<Uuid>,
    amount: i64,
) -> Result<InvoiceRow, Problem> {
    let position: i32 =
        sqlx::query_scalar("SELECT coalesce(max(position), 0) + 1 FROM invoice_lines WHERE school_id = $1 AND invoice_id = $2")
            .bind(book.school.as_uuid())
            .bind(invoice.id)
            .fetch_one(transaction.connection()?)
            .await
            .map_err(db)?;
    let line = Line { kind: LineKind::Fine, description, fee_item_id: None, concession_id: None, fine_rule_id: rule, amount };
    put_lines(transaction, book, &[(invoice.id, usize::try_from(position).unwrap_or(1), &line)]).await?;
    let posting = Posting::transfer(Account::Receivable, Account::FineIncome, amount);
    post(transaction, book, &[(Book::id(), posting, invoice.about("Fine on"))]).await?;
    sqlx::query_as(
        "UPDATE invoices SET total_minor = total_minor + $3, status = CASE WHEN paid_minor > 0 THEN 'partly_paid' ELSE 'issued' END,
             version = version + 1, updated_at = $4
         WHERE school_id = $1 AND id = $2 RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(invoice.id)
    .bind(amount)
    .bind(book.now)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)
}

/// Gives up `amount` of an invoice.
pub(crate) async fn waive(
    transaction: &mut SchoolTransaction,
    book: &Book,
    invoice: &InvoiceRow,
    amount: i64,
    reason: &str,
) -> Result<InvoiceRow, Problem> {
    sqlx::query(
        "INSERT INTO waivers (school_id, id, invoice_id, currency, amount_minor, reason, approved_by, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(book.school.as_uuid())
    .bind(Book::id())
    .bind(invoice.id)
    .bind(&invoice.currency)
    .bind(amount)
    .bind(reason)
    .bind(book.user())
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    let posting = Posting::transfer(Account::Waivers, Account::Receivable, amount);
    post(transaction, book, &[(Book::id(), posting, invoice.about("Waived of"))]).await?;
    sqlx::query_as(
        "UPDATE invoices SET waived_minor = waived_minor + $3, status = CASE WHEN total_minor = paid_minor + waived_minor + $3 THEN 'paid' ELSE status END,
             version = version + 1, updated_at = $4
         WHERE school_id = $1 AND id = $2 RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(invoice.id)
    .bind(amount)
    .bind(book.now)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)
}

/// Something became of money that had been set against invoices that were cancelled: they are not what was read of them, though nothing of their own changes.
pub(super) async fn touch_cancelled(transaction: &mut SchoolTransaction, book: &Book, payment: Uuid) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE invoices SET version = version + 1, updated_at = $3 WHERE school_id = $1 AND status = 'cancelled'
             AND id IN (SELECT invoice_id FROM payment_allocations WHERE school_id = $1 AND payment_id = $2)",
    )
    .bind(book.school.as_uuid())
    .bind(payment)
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(())
}

/// Counts a reminder, and tells whoever sends it.
pub(crate) async fn remind(transaction: &mut SchoolTransaction, book: &Book, invoice: &InvoiceRow) -> Result<InvoiceRow, Problem> {
    tell_of(transaction, book, EventKind::InvoiceReminded, invoice.id, invoice.student_id).await?;
    sqlx::query_as(
        "UPDATE invoices SET reminder_count = reminder_count + 1, version = version + 1, updated_at = $3 WHERE school_id = $1 AND id = $2 RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(invoice.id)
    .bind(book.now)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)
}
