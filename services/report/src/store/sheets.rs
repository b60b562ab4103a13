//! The table `grade_sheets`: where those who write an item's grades meet those who change its rules.
//!
//! Grades are buffered in Redis, items commit in PostgreSQL. Without more, a mark of 9 could be written while an item comes to be worth 5, both by rules that held
//! when they were looked at. So both move one row in Redis, the item's [`GradeSheet`], from the version that they have seen:
//!
//! - a **writer** reads the sheet, then the item, then the grades, and moves the sheet in the same step as it writes ([`Seat`]). If the sheet awaits a later item
//!   than the one that was read, it writes nothing and waits ([`Seat::agrees`]);
//! - a **change of rules** (what an item is worth, its lock, its removal) locks the item in PostgreSQL, lets the sheet await the item's next version ([`announce`]),
//!   reads the grades only then, checks them, and commits that version.
//!
//! Why no writer that succeeds misses a change. Let a writer read the sheet at `R`, the item at version `m` after it, and write at `W`. The sheet moved by nobody
//! between `R` and `W`, or the write had failed. So a change was announced
//!
//! - after `W`: it reads the grades after its announcement, and finds those that were written; or
//! - before `R`: the sheet that was read awaits the change's version `c`, and the writer goes on only if `m >= c`. Nobody else gives the item a version from the
//!   announcement on, because the change holds the lock, so that `m >= c` means that the change is over, and the item was read as it left it.
//!
//! A change that fails after it was announced leaves a sheet that awaits what doesn't come. Who finds that waits for the item's lock and, if the item is still of an
//! earlier version, takes the announcement back. The sheet is read before the lock is waited for: a change that was announced by then is over once the lock is had,
//! and one that is announced later moves the sheet, so that taking back fails. No step relies on time, and a command that arrives late finds the sheet moved.
//!
//! A change of an item that is no writer's business, such as its name, is not announced, nor is what an item takes over from its source: no rule ties that to the
//! grades that are there.

use async_trait::async_trait;
use domain::{GradeItemId, SchoolId, ServiceName, Timestamp, Version};
use futures_util::lock::Mutex;
use records::{Table, rows};
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use store::entity::grade_items;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::{Buffered, Found, Operation, ReadError, WriteError};

use super::{plain, reading};
use crate::model::sheet::GradeSheet;

const UPSERT: &str = "
INSERT INTO grade_sheets (id, school_id, item_version, version, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (school_id, id) DO UPDATE SET item_version = excluded.item_version, version = excluded.version, updated_at = excluded.updated_at
WHERE grade_sheets.version < excluded.version AND grade_sheets.created_at = excluded.created_at
RETURNING id";

#[async_trait]
impl Buffered for GradeSheet {
    const ENTITY: &'static str = "grade_sheet";
    const SERVICE: ServiceName = ServiceName::Report;

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    fn version(&self) -> Version {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    /// It is only ever looked for by its id.
    fn scopes(&self) -> Vec<String> {
        Vec::new()
    }

    fn same_content(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, updated_at: other.updated_at, ..self.clone() } == *other
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let written = sqlx::query_scalar(UPSERT)
            .bind(rows.iter().map(|row| row.id.as_uuid()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.school_id.as_uuid()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.item_version.get()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.version.get()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.updated_at).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let query = "SELECT to_jsonb(s) FROM grade_sheets s
            JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON s.school_id = k.school_id AND s.id = k.id";
        Ok(plain(sqlx::query_scalar(query).bind(schools).bind(ids).fetch_all(connection).await?))
    }
}

/// An item's sheet as somebody saw it who means to move it.
#[derive(Debug)]
pub(crate) struct Seat {
    school: SchoolId,
    item: GradeItemId,
    found: Found<GradeSheet>,
}

impl Seat {
    /// The sheet as it is now. The item and the grades are read after this.
    pub(crate) async fn take(platform: &Platform, school: SchoolId, item: GradeItemId) -> Result<Self, ReadError> {
        let load = || async move {
            let mut transaction = reading(platform, school).await?;
            Ok(GradeSheet::stored(transaction.connection()?, &[(school, item.as_uuid())]).await?.pop())
        };
        Ok(Self { school, item, found: platform.buffer().find(school, item.as_uuid(), load).await? })
    }

    /// The same from within a transaction, which needs no second connection.
    async fn within(platform: &Platform, transaction: &mut SchoolTransaction, item: GradeItemId) -> Result<Self, ReadError> {
        let school = transaction.school_id();
        let transaction = Mutex::new(transaction);
        let load = || async {
            let mut transaction = transaction.lock().await;
            Ok(GradeSheet::stored(transaction.connection()?, &[(school, item.as_uuid())]).await?.pop())
        };
        Ok(Self { school, item, found: platform.buffer().find(school, item.as_uuid(), load).await? })
    }

    /// Whether grades may be written by the rules of `item`, which was read after the seat was taken. If not, this waits until whoever changes the item is done;
    /// then everything is to be looked at again.
    pub(crate) async fn agrees(&self, platform: &Platform, item: &grade_items::Model) -> Result<bool, Problem> {
        let Found::Row(sheet) = &self.found else { return Ok(true) };
        if !sheet.awaits_more_than(grade_items::Entity::version(item)?) {
            return Ok(true);
        }
        let transaction = platform.postgres(ServiceName::Report).school(self.school).await?;
        let item = rows::hold::<grade_items::Entity>(&transaction, self.item.as_uuid()).await?;
        transaction.rollback().await?;
        let item = item.ok_or_else(|| Problem::not_found(grade_items::Entity::NOUN))?;
        let present = grade_items::Entity::version(&item)?;
        if sheet.awaits_more_than(present) {
            // Announced, and given up.
            let operation = self.moved(Operation::new(self.school, ServiceName::Report), platform.clock().now(), Some(present));
            submit(platform, operation).await?;
        }
        Ok(false)
    }

    /// Moves the sheet with `operation`, which fails if somebody else has.
    pub(crate) fn moves_with(&self, operation: Operation, now: Timestamp) -> Operation {
        self.moved(operation, now, None)
    }

    fn moved(&self, operation: Operation, now: Timestamp, item_version: Option<Version>) -> Operation {
        let awaiting = |sheet: GradeSheet| GradeSheet { item_version: item_version.unwrap_or(sheet.item_version), ..sheet };
        match &self.found {
            Found::Row(sheet) => operation.update(&awaiting(sheet.next(now)), sheet.version),
            Found::Absent(absence) => operation.create_absent(&awaiting(GradeSheet::first(self.school, self.item, now)), absence.clone()),
        }
    }
}

/// Lets nobody write grades by the rules of `item`, which `transaction` has locked, until it ends. The grades that rules are checked against are read after this.
pub(crate) async fn announce(platform: &Platform, transaction: &mut SchoolTransaction, item: &grade_items::Model) -> Result<(), Problem> {
    let next = grade_items::Entity::version(item)?.next();
    // Each time that this fails somebody has written grades, who first asked PostgreSQL for much more than this does.
    for _ in 0..MOST_OVERTAKEN {
        let seat = Seat::within(platform, transaction, item.id.into()).await?;
        let operation = seat.moved(Operation::new(transaction.school_id(), ServiceName::Report), platform.clock().now(), Some(next));
        if submit(platform, operation).await? {
            return Ok(());
        }
    }
    Err(Problem::unavailable(std::time::Duration::from_secs(1), "The item, whose grades are being written,"))
}

const MOST_OVERTAKEN: usize = 200;

/// Writes; false if somebody was faster, or a row left Redis: then look again.
pub(crate) async fn submit(platform: &Platform, operation: Operation) -> Result<bool, WriteError> {
    match platform.buffer().write(platform.postgres(ServiceName::Report), operation).await {
        Ok(_) => Ok(true),
        Err(WriteError::Conflict(_) | WriteError::Exists | WriteError::Evicted) => Ok(false),
        Err(error) => Err(error),
    }
}
