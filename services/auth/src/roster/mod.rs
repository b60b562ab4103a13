//! Putting a `OneRoster` bundle into the tables.
//!
//! Promises:
//! - **All or nothing for each school.** A school's rows are written in one transaction; a school that can't be imported is left as it was and says why, and the
//!   others stand. A bundle that can't be read is refused as a whole, before any table is touched.
//! - **Repeatable.** Importing the same file again changes no row: no version moves. A changed file changes exactly the rows that differ.
//! - **A dry run is the real thing**, rolled back at the end, so its report is the report of the import.
//! - **Nothing is deleted.** A row of status `tobedeleted` is withdrawn or deactivated, with what hangs on it; what is merely missing from a file stays.
//! - Only complete files (`bulk`) are imported: a file of changes (`delta`) is refused.
//! - Imports of one school wait for each other.
//!
//! What becomes what:
//!
//! | file | table | |
//! |---|---|---|
//! | orgs (schools) | `schools` | found by `source_id`; made if it isn't there and the platform's operator imports; `code` is the org's identifier, or else its sourcedId |
//! | academicSessions | `academic_years`, `terms` | a term without a school year goes to the year that holds its dates |
//! | courses | `subjects` | a class without a course gets a subject of its first subject's name |
//! | classes | `classes` | taught in its term, or the whole year if it names several |
//! | users | `users` | global: found by the person's `source_id` in this school, then by e-mail address |
//! | roles | `memberships`, `students`, `teachers`, `staff` | never `school_admin` or `super_admin` |
//! | agents | `student_guardians` | |
//! | demographics | `students` | date of birth and gender |
//! | enrollments | `enrollments` (students), `class_subjects` (teachers) | |
//!
//! A person without an e-mail address gets one under [`NO_EMAIL_DOMAIN`], which the standards reserve so that it can never be delivered to. Whoever has accounts in
//! other schools keeps the name and address that they have there: one school's office must not be able to take over a login that opens another school.
//! A row that was made by hand is taken over, not doubled, when it has the same natural key (a year's name, a student's user, …).

mod academics;
mod batch;
mod calendar;
mod check;
mod elsewhere;
mod enrolments;
mod identify;
mod log;
mod logins;
mod people;
mod removal;
mod report;
mod school;
mod teaching;
mod unique;
mod work;

use std::io::{Read, Seek};

use directory::Directory;
use domain::{Actor, SchoolId};
use oneroster::{Bundle, Limits, Mode, Report};
use store::{Postgres, StoreError};
use thiserror::Error;

pub use report::{Counts, ImportFault, ImportReport, ImportWarning, Outcome, SchoolReport};

/// Where the addresses of people without one live. `invalid` is reserved (RFC 6761, 6.4): no mail ever leaves for it.
pub const NO_EMAIL_DOMAIN: &str = "no-email.invalid";

/// Whose rows an import may write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// Every school in the bundle; those that don't exist are created. For the platform's operator.
    #[default]
    All,
    /// One school that exists.
    Own {
        /// Which.
        school: SchoolId,
        /// Which org of the bundle it is, for a school that isn't bound to one yet.
        org: Option<String>,
    },
}

/// How to import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportOptions {
    /// Do it all, report, and roll back.
    pub dry_run: bool,
    /// Whose rows.
    pub schools: Scope,
    /// Who imports; none for the command line.
    pub actor: Option<Actor>,
}

/// Why nothing was imported at all.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The bundle has faults.
    #[error(transparent)]
    Unreadable(#[from] Report),
    /// Files of changes only. What such a row leaves out would have to be guessed from the tables.
    #[error("only complete (bulk) files are imported; these hold changes only (delta): {}", .0.join(", "))]
    Delta(Vec<&'static str>),
    /// The importing school no longer exists.
    #[error("there is no such school")]
    NoSchool,
    /// The bundle does not hold the importer's school.
    #[error("the bundle does not hold this school; it holds {}", held(.0))]
    NotInBundle(Vec<String>),
    /// The importer's school isn't bound to an org yet, and the bundle has several.
    #[error("say which of the bundle's schools this is: {}", held(.0))]
    Ambiguous(Vec<String>),
    /// The org belongs to another school already, or the school to another org.
    #[error("the org is bound to another school, or the school to another org")]
    Bound,
    /// PostgreSQL is away, or refused something that no row is to blame for.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The event could not be put into the outbox.
    #[error(transparent)]
    Event(#[from] events::outbox::OutboxError),
    /// The thread that read the file broke.
    #[error("the bundle could not be read: {0}")]
    Reader(#[from] tokio::task::JoinError),
}

impl From<sqlx::Error> for ImportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

fn held(orgs: &[String]) -> String {
    if orgs.is_empty() { "no school".to_owned() } else { orgs.join(", ") }
}

/// Imports a bundle. `postgres` acts as auth. The work takes seconds for a hundred thousand rows; dropping the future rolls the school under way back.
///
/// A report may hold schools that were [refused](Outcome::Refused): each stands or falls alone.
pub async fn import(
    postgres: &Postgres,
    directory: &Directory,
    zip: impl Read + Seek + Send + 'static,
    options: ImportOptions,
) -> Result<ImportReport, ImportError> {
    let bundle = tokio::task::spawn_blocking(move || Bundle::read(zip, &Limits::default())).await??;
    let deltas: Vec<&'static str> =
        bundle.modes.iter().filter(|(_, mode)| **mode == Mode::Delta).map(|(file, _)| file.file_name()).collect();
    if !deltas.is_empty() {
        return Err(ImportError::Delta(deltas));
    }
    let rosters = bundle.schools();
    let mut report = ImportReport { dry_run: options.dry_run, ..ImportReport::default() };
    report.warnings.extend(bundle.warnings.iter().map(ImportWarning::from));
    let chosen = school::choose(postgres, &bundle, &rosters, &options.schools, &mut report).await?;
    let mut met = logins::Met::default();
    for roster in chosen {
        let school = school::import(postgres, &bundle, roster, &options, &mut met, &mut report.warnings).await?;
        if school.outcome == Outcome::Imported && !options.dry_run {
            directory.changed(school.school_id).await;
        }
        report.schools.push(school);
    }
    Ok(report)
}
