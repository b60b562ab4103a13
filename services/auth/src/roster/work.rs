//! One school's import under way: the transaction, the roster, and the ids that its rows have got so far.

use std::collections::HashMap;

use chrono::NaiveDate;
use oneroster::{Bundle, FileKind, Mode, SchoolRoster};
use sqlx::PgConnection;
use store::StoreError;
use uuid::Uuid;

use super::batch::{Batch, Refused};
use super::log::Log;
use super::logins::Met;
use super::removal::Removed;
use super::report::{Counts, SchoolReport};

/// Why the work on a school ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The log says why.
    Faults,
    /// PostgreSQL is away, or refused something that no row is to blame for.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Ids by sourcedId.
pub(super) type Ids<'a> = HashMap<&'a str, Uuid>;

#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) school: Uuid,
    /// Whether the importer may change accounts that other schools use too.
    pub(super) trusted: bool,
    pub(super) bundle: &'a Bundle,
    pub(super) roster: &'a SchoolRoster<'a>,
    pub(super) log: Log,
    pub(super) report: SchoolReport,
    pub(super) removed: Removed,
    pub(super) years: Ids<'a>,
    pub(super) terms: Ids<'a>,
    /// The year that each term belongs to.
    pub(super) term_years: Ids<'a>,
    pub(super) subjects: HashMap<String, Uuid>,
    pub(super) users: Ids<'a>,
    pub(super) teachers: Ids<'a>,
    pub(super) students: Ids<'a>,
    pub(super) classes: Ids<'a>,
    /// The first day of each class: of its first term, or else of its year.
    pub(super) first_days: HashMap<&'a str, NaiveDate>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        connection: &'a mut PgConnection,
        school: Uuid,
        trusted: bool,
        bundle: &'a Bundle,
        roster: &'a SchoolRoster<'a>,
        report: SchoolReport,
    ) -> Self {
        Self {
            connection,
            school,
            trusted,
            bundle,
            roster,
            log: Log::default(),
            report,
            removed: Removed::default(),
            years: Ids::new(),
            terms: Ids::new(),
            term_years: Ids::new(),
            subjects: HashMap::new(),
            users: Ids::new(),
            teachers: Ids::new(),
            students: Ids::new(),
            classes: Ids::new(),
            first_days: HashMap::new(),
        }
    }

    /// Everything, in the order of the foreign keys.
    pub(super) async fn run(&mut self, met: &mut Met) -> Result<(), Stop> {
        self.check();
        self.stop_if_faulty()?;
        self.make_room().await?;
        self.put_years().await?;
        self.put_terms().await?;
        self.put_subjects().await?;
        self.put_users(met).await?;
        self.put_memberships().await?;
        self.put_teachers().await?;
        self.put_staff().await?;
        self.put_classes().await?;
        self.put_students().await?;
        self.put_guardians().await?;
        self.put_class_subjects().await?;
        self.put_enrollments().await?;
        self.remove().await
    }

    pub(super) fn stop_if_faulty(&self) -> Result<(), Stop> {
        if self.log.total == 0 { Ok(()) } else { Err(Stop::Faults) }
    }

    /// Writes the rows, unless something is wrong with them.
    pub(super) async fn put(&mut self, batch: Batch) -> Result<Counts, Stop> {
        self.stop_if_faulty()?;
        match batch.put(self.connection, self.school).await {
            Ok(counts) => Ok(counts),
            Err(Refused::Stop(stop)) => Err(stop),
            Err(Refused::Row(place, rule)) => {
                if let Some(place) = place {
                    let message = format!("is in conflict with another row, of this file or of the school as it is (rule {rule})");
                    self.log.fault(place, None, message);
                }
                Err(Stop::Faults)
            }
        }
    }

    pub(super) fn is_bulk(&self, file: FileKind) -> bool {
        self.bundle.modes.get(&file) == Some(&Mode::Bulk)
    }
}
