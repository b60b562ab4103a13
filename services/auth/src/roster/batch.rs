//! Writing many rows of one table with one statement, so that a row that says nothing new is not touched.

use std::fmt::Write as _;

use chrono::NaiveDate;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use store::StoreError;
use uuid::Uuid;

use super::log::Place;
use super::report::Counts;
use super::work::Stop;

/// Rows of one statement. Bounds its time and memory; more gain nothing.
const CHUNK: usize = 5_000;

/// What a row that is there does with the file's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Takes it, none included.
    Take,
    /// Takes it if there is one: an empty cell means unknown, and what somebody entered by hand stays.
    TakeIfAny,
    /// Keeps its own: the file's is for new rows.
    Keep,
}

/// A column that the import writes.
pub(super) type ColumnSpec = (&'static str, &'static str, Rule);

/// A table that the import writes, besides `id`, `school_id` and `status`, which becomes `active`.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [ColumnSpec],
}

impl Table {
    /// `$1` is the school, `$2` the ids, then the columns.
    fn upsert(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, ..)| *name).collect();
        let names = names.join(", ");
        let mut arrays = "$2::uuid[]".to_owned();
        let (mut set, mut old, mut new) = ("status = 'active'".to_owned(), "t.status".to_owned(), "'active'".to_owned());
        for (index, (name, kind, rule)) in self.columns.iter().enumerate() {
            let _ = write!(arrays, ", ${}::{kind}[]", index + 3);
            let value = match rule {
                Rule::Take => format!("excluded.{name}"),
                Rule::TakeIfAny => format!("coalesce(excluded.{name}, t.{name})"),
                Rule::Keep => continue,
            };
            let _ = write!(set, ", {name} = {value}");
            let _ = write!(old, ", t.{name}");
            let _ = write!(new, ", {value}");
        }
        format!(
            "INSERT INTO {table} AS t (school_id, id, {names}) SELECT $1, x.* FROM unnest({arrays}) AS x (id, {names}) \
             ON CONFLICT (school_id, id) DO UPDATE SET {set}, version = t.version + 1, updated_at = now() \
             WHERE ROW({old}) IS DISTINCT FROM ROW({new})",
            table = self.name
        )
    }
}

/// The values of one column, row by row.
#[derive(Debug)]
pub(super) enum Column {
    Id(Vec<Option<Uuid>>),
    Text(Vec<Option<String>>),
    Date(Vec<Option<NaiveDate>>),
    Flag(Vec<bool>),
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

impl Column {
    fn bind<'q>(&'q self, query: Statement<'q>, from: usize, to: usize) -> Statement<'q> {
        match self {
            Self::Id(values) => query.bind(values.get(from..to).unwrap_or_default()),
            Self::Text(values) => query.bind(values.get(from..to).unwrap_or_default()),
            Self::Date(values) => query.bind(values.get(from..to).unwrap_or_default()),
            Self::Flag(values) => query.bind(values.get(from..to).unwrap_or_default()),
        }
    }

    pub(super) fn ids(values: impl IntoIterator<Item = Uuid>) -> Self {
        Self::Id(values.into_iter().map(Some).collect())
    }

    pub(super) fn texts(values: impl IntoIterator<Item = String>) -> Self {
        Self::Text(values.into_iter().map(Some).collect())
    }

    pub(super) fn dates(values: impl IntoIterator<Item = NaiveDate>) -> Self {
        Self::Date(values.into_iter().map(Some).collect())
    }
}

/// Rows to write. Every column is as long as `ids`.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) table: &'static Table,
    pub(super) ids: Vec<Uuid>,
    /// How many of the ids are new.
    pub(super) created: usize,
    pub(super) places: Vec<Place>,
    pub(super) columns: Vec<Column>,
}

/// Why a batch was not written.
#[derive(Debug)]
pub(super) enum Refused {
    /// The database refuses this row, by this rule.
    Row(Option<Place>, String),
    /// No row is to blame.
    Stop(Stop),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Stop(Stop::Store(error))
    }
}

/// What a row can be blamed for.
fn rule(error: &StoreError) -> Option<String> {
    let data = || matches!(error, StoreError::InvalidData(_)).then_some("data type");
    error.constraint().or_else(data).map(str::to_owned)
}

impl Batch {
    /// Writes all rows. The first one that breaks a constraint that nobody foresaw is named.
    pub(super) async fn put(&self, connection: &mut PgConnection, school: Uuid) -> Result<Counts, Refused> {
        let sql = self.table.upsert();
        let (mut from, mut touched) = (0, 0);
        while from < self.ids.len() {
            let to = (from + CHUNK).min(self.ids.len());
            match self.write(connection, &sql, school, (from, to), true).await {
                Ok(rows) => touched += usize::try_from(rows).unwrap_or(usize::MAX),
                Err(error) => return Err(self.blame(connection, &sql, school, (from, to), error).await),
            }
            from = to;
        }
        let changed = touched.saturating_sub(self.created);
        Ok(Counts { created: self.created, changed, unchanged: self.ids.len().saturating_sub(self.created + changed), removed: 0 })
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        sql: &str,
        school: Uuid,
        rows: (usize, usize),
        keep: bool,
    ) -> Result<u64, StoreError> {
        let (from, to) = rows;
        sqlx::raw_sql("SAVEPOINT roster").execute(&mut *connection).await?;
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(school).bind(self.ids.get(from..to).unwrap_or_default());
        for column in &self.columns {
            query = column.bind(query, from, to);
        }
        let outcome = query.execute(&mut *connection).await;
        let end = if keep && outcome.is_ok() { "RELEASE SAVEPOINT roster" } else { "ROLLBACK TO SAVEPOINT roster" };
        sqlx::raw_sql(end).execute(&mut *connection).await?;
        Ok(outcome?.rows_affected())
    }

    /// Finds the first row at fault: the longest run of rows from the beginning that is accepted ends before it.
    async fn blame(&self, connection: &mut PgConnection, sql: &str, school: Uuid, rows: (usize, usize), error: StoreError) -> Refused {
        let Some(mut why) = rule(&error) else { return error.into() };
        let (mut good, mut bad) = rows;
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match self.write(connection, sql, school, (rows.0, middle), false).await {
                Ok(_) => good = middle,
                Err(error) => {
                    let Some(rule) = rule(&error) else { return error.into() };
                    (bad, why) = (middle, rule);
                }
            }
        }
        Refused::Row(self.places.get(good).copied(), why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_rewritten_only_where_a_written_column_differs() {
        let table = Table {
            name: "terms",
            columns: &[("name", "text", Rule::Take), ("ends_on", "date", Rule::TakeIfAny), ("kind", "text", Rule::Keep)],
        };
        assert_eq!(
            table.upsert(),
            "INSERT INTO terms AS t (school_id, id, name, ends_on, kind) SELECT $1, x.* FROM unnest($2::uuid[], $3::text[], $4::date[], $5::text[]) \
             AS x (id, name, ends_on, kind) ON CONFLICT (school_id, id) DO UPDATE SET status = 'active', name = excluded.name, \
             ends_on = coalesce(excluded.ends_on, t.ends_on), version = t.version + 1, updated_at = now() \
             WHERE ROW(t.status, t.name, t.ends_on) IS DISTINCT FROM ROW('active', excluded.name, coalesce(excluded.ends_on, t.ends_on))"
        );
    }
}
