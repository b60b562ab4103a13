//! Runs that make an invoice for everybody whom a fee structure concerns: a hundred students at a time, each in one transaction with the mark of how far it
//! got. A run that was cut short goes on from there, by whoever hears of it; two who work on it take turns. Nobody is billed twice for a period.

use chrono::{DateTime, Utc};
use domain::{Actor, EventKind, SchoolId, ServiceName};
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::{Kind, Platform, Problem};
use sqlx::FromRow;
use sqlx::types::Json;
use store::{Postgres, SchoolTransaction};
use uuid::Uuid;

use super::book::Book;
use super::concessions::approved;
use super::db;
use super::invoices::{NewInvoice, insert_all, issue_all};
use super::structures::{ItemRow, StructureRow, items_of};
use super::students::{Billed, billed, lock_students};
use crate::events::tell;
use crate::model::charge;
use crate::remember::commit;

/// Students of one transaction.
const CHUNK: i64 = 100;

/// A row of `jobs` that is a run.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct RunRow {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) progress: i32,
    pub(crate) input: Json<Input>,
    pub(crate) result: Option<Json<Tally>>,
    pub(crate) error: Option<String>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) fee_structure_id: Uuid,
    pub(crate) instalment: i32,
    pub(crate) issue: bool,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// The last student who was looked at.
    pub(crate) after: Option<Uuid>,
    pub(crate) students: i64,
    pub(crate) created: i64,
    pub(crate) existing: i64,
    /// Students whose invoice was cancelled, and not to be made again.
    #[serde(default)]
    pub(crate) skipped: i64,
    /// Invoices that were issued: those that were made, and drafts of earlier runs.
    #[serde(default)]
    pub(crate) issued: i64,
}

/// The kind of these jobs.
pub(crate) const KIND: &str = "invoices";

/// The run, or 404.
pub(crate) async fn find_run(transaction: &mut SchoolTransaction, id: Uuid) -> Result<RunRow, Problem> {
    sqlx::query_as("SELECT * FROM jobs WHERE school_id = $1 AND id = $2 AND kind = $3")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .bind(KIND)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("invoice run"))
}

/// Which runs: of a structure, in a state; after a place, newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct WhichRuns {
    pub(crate) fee_structure_id: Option<Uuid>,
    pub(crate) status: Option<&'static str>,
    pub(crate) after: Option<(DateTime<Utc>, Uuid)>,
    pub(crate) limit: i64,
}

/// The runs, the one that was asked for last first.
pub(crate) async fn list_runs(transaction: &mut SchoolTransaction, which: WhichRuns) -> Result<Vec<RunRow>, Problem> {
    let (at, id) = which.after.unzip();
    sqlx::query_as(
        "SELECT * FROM jobs WHERE school_id = $1 AND kind = $2 AND ($3::uuid IS NULL OR input ->> 'fee_structure_id' = $3::text)
             AND ($4::text IS NULL OR status = $4) AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
         ORDER BY created_at DESC, id DESC LIMIT $7",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(KIND)
    .bind(which.fee_structure_id)
    .bind(which.status)
    .bind(at)
    .bind(id)
    .bind(which.limit)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
struct Told {
    run_id: Uuid,
}

/// Asks for a run. One that is under way is joined; one that is done is done again, for whoever came since.
pub(crate) async fn begin_run(transaction: &mut SchoolTransaction, book: &Book, input: Input) -> Result<RunRow, Problem> {
    let key = format!("{}/{}/{}", input.fee_structure_id, input.instalment, if input.issue { "issue" } else { "draft" });
    let id: Uuid = sqlx::query_scalar(
        "INSERT INTO jobs (school_id, id, kind, input, requested_by, dedupe_key, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (school_id, kind, dedupe_key) DO UPDATE SET
             status = CASE WHEN jobs.finished_at IS NULL THEN jobs.status ELSE 'queued' END,
             result = CASE WHEN jobs.finished_at IS NULL THEN jobs.result END,
             progress = CASE WHEN jobs.finished_at IS NULL THEN jobs.progress ELSE 0 END,
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
    tell(transaction, book, EventKind::InvoiceRunRequested, id, &Told { run_id: id }).await?;
    find_run(transaction, id).await
}

/// The structure that a run is about, with the items of its instalment; refused if there is nothing to bill.
pub(crate) async fn to_bill(transaction: &mut SchoolTransaction, input: &Input) -> Result<(StructureRow, Vec<ItemRow>, String), Problem> {
    let school = transaction.school_id().as_uuid();
    let structure: StructureRow = sqlx::query_as("SELECT * FROM fee_structures WHERE school_id = $1 AND id = $2")
        .bind(school)
        .bind(input.fee_structure_id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::invalid(vec![domain::Fault::new("/fee_structure_id", "there is no such fee structure in this school")]))?;
    if structure.status != "active" {
        return Err(Problem::conflict(Kind::Conflict, "The fee structure is not active."));
    }
    let items = items_of(transaction, &[structure.id]).await?;
    let items: Vec<ItemRow> = items.into_iter().filter(|item| item.instalment == input.instalment && !item.is_optional).collect();
    if items.is_empty() {
        return Err(Problem::invalid(vec![domain::Fault::new("/instalment", "the structure charges nothing in this instalment")]));
    }
    let year: String = sqlx::query_scalar("SELECT name FROM academic_years WHERE school_id = $1 AND id = $2")
        .bind(school)
        .bind(structure.academic_year_id)
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
    let period = format!("{}/{}", year.chars().take(50).collect::<String>(), input.instalment);
    Ok((structure, items, period))
}

/// Works a run off.
pub(crate) async fn work_off(platform: &Platform, actor: Option<Actor>, school: SchoolId, run: Uuid) -> Result<(), Problem> {
    loop {
        let mut transaction = platform.postgres(ServiceName::Fee).school(school).await?;
        let book = Book::open(&mut transaction, actor, platform.clock().now()).await?;
        let row: Option<RunRow> =
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

/// The drafts of a period, also those that an earlier run left. The students are locked, so that nobody else issues them.
async fn drafts_of(
    transaction: &mut SchoolTransaction,
    structure: &StructureRow,
    period: &str,
    students: &[Uuid],
) -> Result<Vec<Uuid>, Problem> {
    sqlx::query_scalar(
        "SELECT id FROM invoices WHERE school_id = $1 AND fee_structure_id = $2 AND period = $3 AND student_id = ANY($4) AND status = 'draft'
         ORDER BY student_id",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(structure.id)
    .bind(period)
    .bind(students)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)
}

/// The students whose invoice of a period was cancelled and is not to be made again; the last one that was cancelled decides. The students are locked.
async fn let_off(
    transaction: &mut SchoolTransaction,
    structure: &StructureRow,
    period: &str,
    students: &[Uuid],
) -> Result<Vec<Uuid>, Problem> {
    sqlx::query_scalar(
        "SELECT student_id FROM invoices WHERE school_id = $1 AND fee_structure_id = $2 AND period = $3 AND student_id = ANY($4)
         GROUP BY student_id HAVING bool_and(status = 'cancelled') AND NOT (array_agg(rebill ORDER BY cancelled_at DESC, id DESC))[1]",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(structure.id)
    .bind(period)
    .bind(students)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)
}

/// Bills the next students; whether those were all.
async fn chunk(transaction: &mut SchoolTransaction, book: &Book, row: RunRow) -> Result<bool, Problem> {
    let input = row.input.0;
    let mut tally = row.result.map(|Json(tally)| tally).unwrap_or_default();
    let (structure, items, period) = to_bill(transaction, &input).await?;
    let who = Billed::by(&structure, book.today);
    // One day for all heads: a structure takes no others. Those of earlier releases may have several.
    let due_on = items.iter().map(|item| item.due_on).min().unwrap_or(book.today);
    let students = billed(transaction, who, due_on, tally.after, CHUNK).await?;
    let ids: Vec<Uuid> = students.iter().map(|student| student.id).collect();
    lock_students(transaction, &ids).await?;
    let concessions = approved(transaction, &structure.currency, due_on).await?;
    let charges: Vec<charge::Charge> = items.iter().map(ItemRow::charge).collect();
    let skipped = let_off(transaction, &structure, &period, &ids).await?;
    let new: Vec<NewInvoice> = students
        .iter()
        .filter(|student| !skipped.contains(&student.id))
        .map(|student| {
            let pupil = student.pupil();
            let own: Vec<_> = concessions.iter().filter(|concession| concession.covers(&pupil, due_on)).cloned().collect();
            NewInvoice {
                id: Book::id(),
                student_id: student.id,
                fee_structure_id: Some(structure.id),
                period: period.clone(),
                source: "structure",
                source_ref: None,
                currency: structure.currency.clone(),
                due_on,
                payer: student.payer.clone(),
                lines: charge::lines(&charges, &own, &book.settings.tax_name),
            }
        })
        .collect();
    let added = insert_all(transaction, book, &new).await?;
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    if input.issue {
        let drafts = drafts_of(transaction, &structure, &period, &ids).await?;
        if !drafts.is_empty() {
            issue_all(transaction, book, &drafts).await?;
        }
        tally.issued += count(drafts.len());
    }
    tally.students += count(ids.len());
    tally.created += count(added.len());
    tally.existing += count(new.len() - added.len());
    tally.skipped += count(skipped.len());
    tally.after = ids.last().copied().or(tally.after);
    let is_done = count(ids.len()) < CHUNK;
    // Nobody knows how many there will be without counting them; what is left is guessed at by those who are done.
    let progress = if is_done { 100 } else { i32::try_from(100 - 100 * CHUNK / (tally.students + CHUNK)).unwrap_or(0) };
    sqlx::query(
        "UPDATE jobs SET status = $3, progress = $4, result = $5, started_at = coalesce(started_at, $6), finished_at = CASE WHEN $3 = 'succeeded' THEN $6 END,
             error = NULL, version = version + 1, updated_at = $6
         WHERE school_id = $1 AND id = $2",
    )
    .bind(book.school.as_uuid())
    .bind(row.id)
    .bind(if is_done { "succeeded" } else { "running" })
    .bind(progress)
    .bind(json!(tally))
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(is_done)
}

/// Gives a run of a kind up.
pub(crate) async fn fail_run(postgres: &Postgres, school: SchoolId, kind: &str, run: Uuid, reason: &str) -> Result<(), Problem> {
    let mut transaction = postgres.school(school).await?;
    sqlx::query(
        "UPDATE jobs SET status = 'failed', error = left($4, 1000), finished_at = now(), version = version + 1, updated_at = now()
         WHERE school_id = $1 AND id = $2 AND kind = $3 AND finished_at IS NULL",
    )
    .bind(school.as_uuid())
    .bind(run)
    .bind(kind)
    .bind(reason)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    transaction.commit().await?;
    Ok(())
}
