//! The school's book, opened for one transaction: which day it is, on which day entries go, how numbers are given.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Actor, SchoolId, Timestamp};
use service_kit::{Kind, Problem};
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::db;
use crate::model::fiscal;

/// A row of `fee_settings`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SettingsRow {
    pub(crate) fiscal_year_starts_in: i32,
    pub(crate) invoice_prefix: String,
    pub(crate) receipt_prefix: String,
    pub(crate) tax_name: String,
    pub(crate) applies_credit: bool,
    pub(crate) version: i32,
    pub(crate) updated_at: DateTime<Utc>,
}

/// How the school keeps its books.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) fiscal_year_starts_in: u32,
    pub(crate) invoice_prefix: String,
    pub(crate) receipt_prefix: String,
    pub(crate) tax_name: String,
    pub(crate) applies_credit: bool,
}

/// The school's settings. Those that nobody has changed yet are the usual ones, in their first version.
pub(crate) async fn settings_row(transaction: &mut SchoolTransaction) -> Result<SettingsRow, Problem> {
    sqlx::query_as(
        "SELECT coalesce(f.fiscal_year_starts_in, 4) AS fiscal_year_starts_in, coalesce(f.invoice_prefix, 'INV') AS invoice_prefix,
             coalesce(f.receipt_prefix, 'R') AS receipt_prefix, coalesce(f.tax_name, 'Tax') AS tax_name, coalesce(f.applies_credit, true) AS applies_credit,
             coalesce(f.version, 1) AS version, coalesce(f.updated_at, s.created_at) AS updated_at
         FROM schools s LEFT JOIN fee_settings f ON f.school_id = s.id WHERE s.id = $1",
    )
    .bind(transaction.school_id().as_uuid())
    .fetch_optional(transaction.connection()?)
    .await
    .map_err(db)?
    .ok_or_else(|| Problem::not_found("school"))
}

/// The school's settings, to be changed: a row of their own, which nobody else changes until the transaction ends.
pub(crate) async fn lock_settings(transaction: &mut SchoolTransaction) -> Result<SettingsRow, Problem> {
    let school = transaction.school_id().as_uuid();
    sqlx::query("INSERT INTO fee_settings (school_id, id) VALUES ($1, $1) ON CONFLICT DO NOTHING")
        .bind(school)
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
    sqlx::query_as("SELECT * FROM fee_settings WHERE school_id = $1 FOR NO KEY UPDATE")
        .bind(school)
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)
}

/// The book. While its transaction lasts, no day is closed.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) school: SchoolId,
    /// What the school is called.
    pub(crate) name: String,
    /// Who writes; none for what happens by itself.
    pub(crate) by: Option<Actor>,
    pub(crate) now: Timestamp,
    /// The day at the school.
    pub(crate) today: NaiveDate,
    /// The day under which entries go: today, or the first day after the last one that is closed.
    pub(crate) books_on: NaiveDate,
    pub(crate) settings: Settings,
    /// The payments that the transaction changes; what is cached of them is old once it commits.
    pub(crate) touched: Touched,
}

/// Payments that a transaction changes. Cheap to clone: all clones are one list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched(Arc<Mutex<BTreeSet<Uuid>>>);

impl Touched {
    /// Notes a payment.
    pub(crate) fn note(&self, payment: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(payment);
    }

    /// The payments.
    pub(crate) fn payments(&self) -> Vec<Uuid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

#[derive(FromRow)]
struct Opening {
    name: String,
    time_zone: String,
    fiscal_year_starts_in: i32,
    invoice_prefix: String,
    receipt_prefix: String,
    tax_name: String,
    applies_credit: bool,
    closed_on: Option<NaiveDate>,
}

impl Book {
    /// Opens the book of the transaction's school. It comes before every other lock: whoever holds a student's and waited for the book here would wait for a
    /// closing that waits for whoever has the book and waits for the student.
    pub(crate) async fn open(transaction: &mut SchoolTransaction, by: Option<Actor>, now: Timestamp) -> Result<Self, Problem> {
        let school = transaction.school_id();
        // A statement of its own: what it waited for must be seen by the next one.
        sqlx::query("SELECT pg_advisory_xact_lock_shared(book_lock($1))")
            .bind(school.as_uuid())
            .execute(transaction.connection()?)
            .await
            .map_err(db)?;
        Self::read(transaction, by, now).await
    }

    /// Opens the book so that nobody else writes in it until the transaction ends: for what depends on a sum of all that is there.
    pub(crate) async fn open_alone(transaction: &mut SchoolTransaction, by: Option<Actor>, now: Timestamp) -> Result<Self, Problem> {
        sqlx::query("SELECT pg_advisory_xact_lock(book_lock($1))")
            .bind(transaction.school_id().as_uuid())
            .execute(transaction.connection()?)
            .await
            .map_err(db)?;
        Self::read(transaction, by, now).await
    }

    /// Like [`open`](Self::open), for a transaction that only reads.
    pub(crate) async fn read(transaction: &mut SchoolTransaction, by: Option<Actor>, now: Timestamp) -> Result<Self, Problem> {
        let school = transaction.school_id();
        let opening: Option<Opening> = sqlx::query_as(
            "SELECT s.name, s.time_zone, coalesce(f.fiscal_year_starts_in, 4) AS fiscal_year_starts_in,
                 coalesce(f.invoice_prefix, 'INV') AS invoice_prefix, coalesce(f.receipt_prefix, 'R') AS receipt_prefix,
                 coalesce(f.tax_name, 'Tax') AS tax_name, coalesce(f.applies_credit, true) AS applies_credit,
                 (SELECT max(closed_on) FROM day_closings WHERE school_id = $1) AS closed_on
             FROM schools s LEFT JOIN fee_settings f ON f.school_id = s.id WHERE s.id = $1",
        )
        .bind(school.as_uuid())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
        let opening = opening.ok_or_else(|| Problem::not_found("school"))?;
        let zone: chrono_tz::Tz = opening.time_zone.parse().unwrap_or(chrono_tz::UTC);
        let today = now.with_timezone(&zone).date_naive();
        let after_closing = opening.closed_on.and_then(|day| day.succ_opt()).unwrap_or(today);
        Ok(Self {
            school,
            name: opening.name,
            by,
            now,
            today,
            books_on: today.max(after_closing),
            settings: Settings {
                fiscal_year_starts_in: u32::try_from(opening.fiscal_year_starts_in).unwrap_or(4),
                invoice_prefix: opening.invoice_prefix,
                receipt_prefix: opening.receipt_prefix,
                tax_name: opening.tax_name,
                applies_credit: opening.applies_credit,
            },
            touched: Touched::default(),
        })
    }

    /// Refuses a first month that would go on with numbers of a year that is over, or give a year that has begun another name. The book is open alone.
    pub(crate) async fn may_start_in(&self, transaction: &mut SchoolTransaction, month: u32) -> Result<(), Problem> {
        let (now, then) = (self.fiscal_year(), fiscal::year_of(self.books_on, month));
        if now == then {
            return Ok(());
        }
        let is_used: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM ledger_entries WHERE school_id = $1 AND entry_date >= $2) OR EXISTS (
                 SELECT FROM (SELECT school_id, fiscal_year, last_number FROM receipt_counters UNION ALL
                              SELECT school_id, fiscal_year, last_number FROM voucher_counters UNION ALL
                              SELECT school_id, fiscal_year, last_number FROM invoice_counters) c
                 WHERE school_id = $1 AND fiscal_year = $3 AND last_number > 0)",
        )
        .bind(self.school.as_uuid())
        .bind(fiscal::first_day(self.books_on, month))
        .bind(&then)
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        if is_used {
            let detail = format!(
                "The books are in {now}, and with this month they would be in {then}, in which entries were made or numbers given already."
            );
            return Err(Problem::conflict(Kind::Conflict, detail));
        }
        Ok(())
    }

    /// The fiscal year that entries go to.
    pub(crate) fn fiscal_year(&self) -> String {
        fiscal::year_of(self.books_on, self.settings.fiscal_year_starts_in)
    }

    /// Takes the next receipt number, with its fiscal year, for a payment.
    pub(crate) async fn next_receipt(&self, transaction: &mut SchoolTransaction) -> Result<(String, i64), Problem> {
        let make = "INSERT INTO receipt_counters (school_id, fiscal_year) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let take = "UPDATE receipt_counters SET last_number = last_number + 1, version = version + 1, updated_at = $3
            WHERE school_id = $1 AND fiscal_year = $2 RETURNING last_number";
        self.next(transaction, make, take).await
    }

    /// Takes the next voucher number, with its fiscal year, for money that goes back.
    pub(crate) async fn next_voucher(&self, transaction: &mut SchoolTransaction) -> Result<(String, i64), Problem> {
        let make = "INSERT INTO voucher_counters (school_id, fiscal_year) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let take = "UPDATE voucher_counters SET last_number = last_number + 1, version = version + 1, updated_at = $3
            WHERE school_id = $1 AND fiscal_year = $2 RETURNING last_number";
        self.next(transaction, make, take).await
    }

    /// The counter stays locked until the transaction ends, so that a number is given only with its document.
    async fn next(&self, transaction: &mut SchoolTransaction, make: &'static str, take: &'static str) -> Result<(String, i64), Problem> {
        let year = self.fiscal_year();
        let school = self.school.as_uuid();
        sqlx::query(make).bind(school).bind(&year).execute(transaction.connection()?).await.map_err(db)?;
        let number =
            sqlx::query_scalar(take).bind(school).bind(&year).bind(self.now).fetch_one(transaction.connection()?).await.map_err(db)?;
        Ok((year, number))
    }

    /// Takes the next `count` invoice numbers, written out.
    pub(crate) async fn next_invoices(&self, transaction: &mut SchoolTransaction, count: usize) -> Result<Vec<String>, Problem> {
        let year = fiscal::year_of(self.books_on, self.settings.fiscal_year_starts_in);
        let count = i64::try_from(count).unwrap_or(0);
        let last: i64 = sqlx::query_scalar(
            "INSERT INTO invoice_counters (school_id, fiscal_year, last_number) VALUES ($1, $2, $3)
             ON CONFLICT (school_id, fiscal_year) DO UPDATE SET last_number = invoice_counters.last_number + $3,
                 version = invoice_counters.version + 1, updated_at = $4
             RETURNING last_number",
        )
        .bind(self.school.as_uuid())
        .bind(&year)
        .bind(count)
        .bind(self.now)
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        Ok((last - count + 1..=last).map(|number| fiscal::number(&self.settings.invoice_prefix, &year, number)).collect())
    }

    /// The user who writes.
    pub(crate) fn user(&self) -> Option<Uuid> {
        self.by.map(|actor| actor.user_id.as_uuid())
    }

    /// A new id.
    pub(crate) fn id() -> Uuid {
        Uuid::now_v7()
    }
}
