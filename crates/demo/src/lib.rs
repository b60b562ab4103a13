//! The demo schools: a large one with a term of everyday data behind it, and a small second one whose people must see nothing of the first.
//!
//! Everything follows from the figures in `spec`, from fixed seeds, and from the instant at which a school was first seeded (its `created_at`): every
//! machine gets the same people, dates lie around the day of the first seeding, and seeding again changes nothing. Ids are fixed (`ids`), names are common
//! ones combined by chance, and all addresses but the documented logins are under a domain that can't exist.
//!
//! Each part (people, homework, attendance …) is one transaction under the role of the service that owns its tables: it is there as a whole or not at
//! all, and a seeding that was cut short is completed by the next one. To add a part: a module with a `write`, and its line in `seed`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod attendance;
mod bus;
mod calendar;
mod counts;
mod dates;
mod fees;
mod grades;
mod homework;
mod ids;
mod insert;
mod inventory;
mod names;
mod people;
mod questions;
mod quizzes;
mod random;
mod report;
mod roster;
mod spec;
mod timetable;

use std::time::Instant;

use anyhow::Context;
use directory::Directory;
use domain::{SchoolId, ServiceName};
use service_kit::Platform;
use sqlx::AssertSqlSafe;
use store::{MongoError, SchoolTransaction};

pub use self::report::{Login, Report};
pub use counts::SchoolCounts;

use dates::Dates;
use ids::{Kind, id};
use roster::Roster;
use spec::{GREENFIELD, RIVERSIDE, Spec};

/// Makes the demo schools, or completes them. Safe to repeat, and to run from several places at once.
///
/// `platform` needs PostgreSQL with all migrations. Without MongoDB there are no questions, and so no quizzes: the report says so.
pub async fn seed(platform: &Platform) -> anyhow::Result<Report> {
    let started = Instant::now();
    let mut report = Report::default();
    let mut hashes = None;
    for spec in [&GREENFIELD, &RIVERSIDE] {
        let changed = school(platform, spec, &mut hashes, &mut report.notes).await.with_context(|| format!("seeding {}", spec.name))?;
        if changed {
            let school = SchoolId::from_uuid(id(spec.number, Kind::School, 0));
            Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Auth).clone()).changed(school).await;
        }
        report.schools.push(counts::of(platform, spec).await?);
    }
    report.logins = report::logins();
    report.took = started.elapsed();
    Ok(report)
}

/// Seeds what is missing of one school; whether anything was.
async fn school(
    platform: &Platform,
    spec: &'static Spec,
    hashes: &mut Option<people::Hashes>,
    notes: &mut Vec<String>,
) -> anyhow::Result<bool> {
    let school = SchoolId::from_uuid(id(spec.number, Kind::School, 0));
    let mut changed = false;
    if let Some(mut transaction) = missing(platform, ServiceName::Auth, school, "memberships").await? {
        if hashes.is_none() {
            let fresh = people::hashes().await?;
            people::root(platform, &fresh).await?;
            *hashes = Some(fresh);
        }
        let mut roster = Roster::of(spec, Dates::around(platform.clock().now(), spec.zone)?)?;
        people::write(&mut transaction, &mut roster, hashes.as_ref().context("the passwords are hashed")?).await?;
        transaction.commit().await?;
        changed = true;
    }
    let roster = seeded(platform, spec, school).await?;
    if let Some(mut transaction) = missing(platform, ServiceName::Homework, school, "homework").await? {
        homework::write(&mut transaction, &roster).await.context("homework")?;
        transaction.commit().await?;
        changed = true;
    }
    if let Some(mut transaction) = missing(platform, ServiceName::Attendance, school, "attendance_sessions").await? {
        attendance::write(&mut transaction, &roster).await.context("attendance")?;
        transaction.commit().await?;
        changed = true;
    }
    if let Some(mut transaction) = missing(platform, ServiceName::Calendar, school, "timetable_entries").await? {
        calendar::write(&mut transaction, &roster).await.context("calendar")?;
        transaction.commit().await?;
        changed = true;
    }
    if let Some(mut transaction) = missing(platform, ServiceName::BusRoute, school, "vehicles").await? {
        bus::write(&mut transaction, &roster).await.context("buses")?;
        transaction.commit().await?;
        changed = true;
    }
    if let Some(mut transaction) = missing(platform, ServiceName::Fee, school, "fee_structures").await? {
        fees::write(&mut transaction, &roster).await.context("fees")?;
        transaction.commit().await?;
        changed = true;
    }
    if let Some(mut transaction) = missing(platform, ServiceName::Inventory, school, "inventory_items").await? {
        inventory::write(&mut transaction, &roster).await.context("inventory")?;
        transaction.commit().await?;
        changed = true;
    }
    if let Some(mut transaction) = missing(platform, ServiceName::Quiz, school, "quizzes").await? {
        match questions::write(platform.mongo(), &roster).await {
            Ok(bank) => {
                quizzes::write(&mut transaction, &roster, &bank).await.context("quizzes")?;
                transaction.commit().await?;
                changed = true;
            }
            Err(error) if error.downcast_ref::<MongoError>().is_some_and(MongoError::is_transient) => {
                notes.push(format!("no quizzes for {}: MongoDB, which holds the questions, does not answer", spec.name));
            }
            Err(error) => return Err(error).context("questions"),
        }
    }
    // Last: it has what homework and quizzes gave back.
    if let Some(mut transaction) = missing(platform, ServiceName::Report, school, "grade_items").await? {
        grades::write(&mut transaction, &roster).await.context("grade book")?;
        transaction.commit().await?;
        changed = true;
    }
    Ok(changed)
}

/// A transaction to write a part in, unless the table that it fills has rows already. Whoever else seeds waits for it.
async fn missing(
    platform: &Platform,
    service: ServiceName,
    school: SchoolId,
    table: &'static str,
) -> anyhow::Result<Option<SchoolTransaction>> {
    let mut transaction = platform.postgres(service).school(school).await?;
    let connection = transaction.connection()?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('demo ' || $1, 24))").bind(table).execute(&mut *connection).await?;
    let sql = format!("SELECT EXISTS (SELECT FROM {table})");
    let there: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
    Ok(if there { None } else { Some(transaction) })
}

/// The people of a school that is there, in the year around its first seeding.
async fn seeded(platform: &Platform, spec: &'static Spec, school: SchoolId) -> anyhow::Result<Roster> {
    let mut transaction = platform.postgres(ServiceName::Auth).school(school).await?;
    let first = sqlx::query_scalar("SELECT created_at FROM schools WHERE id = $1")
        .bind(school.as_uuid())
        .fetch_one(transaction.connection()?)
        .await?;
    let mut roster = Roster::of(spec, Dates::around(first, spec.zone)?)?;
    people::find_users(&mut transaction, &mut roster).await?;
    Ok(roster)
}
