//! Runs that fine every invoice that is late by a rule: a hundred at a time, each hundred in one transaction with the mark of how far it got. A rule adds what it
//! comes to on the day of the run less what it has charged before, so that a run that is done again, or by two at once, charges nothing twice.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Actor, EventKind, Fault, SchoolId, ServiceName};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{Kind, Platform, Problem};
use sqlx::FromRow;
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::book::Book;
use super::invoices::{InvoiceRow, LineRow, charge_fine};
use super::structures::FineRuleRow;
use super::students::lock_students;
use super::{db, rows_of};
use crate::events::tell;
use crate::remember::commit;

/// Invoices of one transaction.
const CHUNK: i64 = 100;

/// The kind of these jobs.
pub(crate) const KIND: &str = "fines";

/// A row of `jobs` that is such a run.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct FineRunRow {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) input: Json<FineInput>,
    pub(crate) result: Option<Json<FineTally>>,
    pub(crate) error: Option<String>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FineInput {
    pub(crate) fine_rule_id: Uuid,
    /// The day on which what is late is reckoned.
    pub(crate) as_of: NaiveDate,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FineTally {
    /// The last invoice that was looked at.
    pub(crate) after: Option<Uuid>,
    pub(crate) invoices: i64,
    pub(crate) fined: i64,
    pub(crate) amount_minor: i64,
}

/// The rule, if it is in use; refused otherwise.
pub(crate) async fn rule_in_use(transaction: &mut SchoolTransaction, id: Uuid) -> Result<FineRuleRow, Problem> {
    let rule: Option<FineRuleRow> = sqlx::query_as("SELECT * FROM fine_rules WHERE school_id = $1 AND id = $2 AND is_active")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
    rule.ok_or_else(|| Problem::invalid(vec![Fault::new("/fine_rule_id", "there is no such rule in use in this school")]))
}

/// What the rule adds to the invoice on `day`, with what it has charged on it before taken into account.
pub(crate) fn more_by(rule: &FineRuleRow, invoice: &InvoiceRow, lines: &[LineRow], day: NaiveDate) -> i64 {
    let own = || lines.iter().filter(|line| line.invoice_id == invoice.id);
    let charged: i64 = own().filter(|line| line.fine_rule_id == Some(rule.id)).map(|line| line.amount_minor).sum();
    let fines: i64 = own().filter(|line| line.kind == "fine").map(|line| line.amount_minor).sum();
    // Fines bear no fines: what was paid counts for the fees first.
    let owed = (invoice.open_minor() - fines).max(0);
    rule.rule().more(invoice.due_on, day, owed, charged)
}

/// The run, or 404.
pub(crate) async fn find_fine_run(transaction: &mut SchoolTransaction, id: Uuid) -> Result<FineRunRow, Problem> {
    sqlx::query_as("SELECT * FROM jobs WHERE school_id = $1 AND id = $2 AND kind = $3")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .bind(KIND)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("fine run"))
}

#[derive(Serialize)]
struct Told {
    run_id: Uuid,
}

/// Asks for a run. One of the same rule and day that is under way is joined; one that is done is done again, for what became late since.
pub(crate) async fn begin_fine_run(transaction: &mut SchoolTransaction, book: &Book, rule: Uuid) -> Result<FineRunRow, Problem> {
    rule_in_use(transaction, rule).await?;
    let input = FineInput { fine_rule_id: rule, as_of: book.today };
    let key = format!("{rule}/{}", input.as_of);
    let id: Uuid = sqlx::query_scalar(
        "INSERT INTO jobs (school_id, id, kind, input, requested_by, dedupe_key, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (school_id, kind, dedupe_key) DO UPDATE SET
             status = CASE WHEN jobs.finished_at IS NULL THEN jobs.status ELSE 'queued' END,
             result = CASE WHEN jobs.finished_at IS NULL THEN jobs.result END,
             attempts = 0, error = NULL, finished_at = NULL, version = jobs.version + 1, updated_at = $7
         RETURNING id",
    )
    .bind(book.school.as_uuid())
    .bind(Book::id())
    .bind(KIND)
    .bind(Json(input))
    .bind(book.user())
    .bind(key)
    .bind(book.now)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)?;
    tell(transaction, book, EventKind::FineRunRequested, id, &Told { run_id: id }).await?;
    find_fine_run(transaction, id).await
}

/// Works a run off.
pub(crate) async fn fine_all(platform: &Platform, actor: Option<Actor>, school: SchoolId, run: Uuid) -> Result<(), Problem> {
    loop {
        let mut transaction = platform.postgres(ServiceName::Fee).school(school).await?;
        let book = Book::open(&mut transaction, actor, platform.clock().now()).await?;
        let row: Option<FineRunRow> =
            sqlx::query_as("SELECT * FROM jobs WHERE school_id = $1 AND id = $2 AND kind = $3 AND finished_at IS NULL FOR UPDATE")
                .bind(school.as_uuid())
                .bind(run)
                .bind(KIND)
                .fetch_optional(transaction.connection()?)
                .await
                .map_err(db)?;
        let Some(row) = row else { return Ok(()) };
        let is_done = chunk(&mut transaction, &book, row).await?;
        commit(platform, transaction, &book).await?;
        if is_done {
            return Ok(());
        }
    }
}

#[derive(FromRow)]
struct Late {
    id: Uuid,
    student_id: Uuid,
}

/// Fines the next invoices; whether those were all.
async fn chunk(transaction: &mut SchoolTransaction, book: &Book, row: FineRunRow) -> Result<bool, Problem> {
    let input = row.input.0;
    let mut tally = row.result.map(|Json(tally)| tally).unwrap_or_default();
    let rule = rule_in_use(transaction, input.fine_rule_id).await.map_err(|problem| match problem.kind() {
        Kind::Unavailable => problem,
        _ => Problem::conflict(Kind::Conflict, "The rule is not in use any more."),
    })?;
    let late: Vec<Late> = sqlx::query_as(
        "SELECT id, student_id FROM invoices WHERE school_id = $1 AND status IN ('issued', 'partly_paid') AND currency = $2 AND due_on < $3
             AND ($4::uuid IS NULL OR id > $4)
         ORDER BY id LIMIT $5",
    )
    .bind(book.school.as_uuid())
    .bind(&rule.currency)
    .bind(input.as_of)
    .bind(tally.after)
    .bind(CHUNK)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let (ids, students): (Vec<Uuid>, Vec<Uuid>) = late.iter().map(|one| (one.id, one.student_id)).unzip();
    lock_students(transaction, &students).await?;
    // Whoever held a student's lock may have been paying: what is late is what is late now.
    let open = "SELECT * FROM invoices WHERE school_id = $1 AND id = ANY($2) AND status IN ('issued', 'partly_paid') ORDER BY id FOR NO KEY UPDATE";
    let invoices: Vec<InvoiceRow> = rows_of(transaction, open, &ids).await?;
    let lines: Vec<LineRow> =
        rows_of(transaction, "SELECT * FROM invoice_lines WHERE school_id = $1 AND invoice_id = ANY($2)", &ids).await?;
    for invoice in &invoices {
        let amount = more_by(&rule, invoice, &lines, input.as_of);
        if amount > 0 {
            charge_fine(transaction, book, invoice, rule.name.clone(), Some(rule.id), amount).await?;
            tally.fined += 1;
            tally.amount_minor += amount;
        }
    }
    let seen = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    tally.invoices += seen;
    tally.after = ids.last().copied().or(tally.after);
    let is_done = seen < CHUNK;
    sqlx::query(
        "UPDATE jobs SET status = $3, progress = CASE WHEN $3 = 'succeeded' THEN 100 ELSE progress END, result = $4, started_at = coalesce(started_at, $5),
             finished_at = CASE WHEN $3 = 'succeeded' THEN $5 END, error = NULL, version = version + 1, updated_at = $5
         WHERE school_id = $1 AND id = $2",
    )
    .bind(book.school.as_uuid())
    .bind(row.id)
    .bind(if is_done { "succeeded" } else { "running" })
    .bind(json!(tally))
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(is_done)
}
