//! Stores with a roster importer, and fixtures that a test spoils in one place.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use auth::roster::{ImportError, ImportOptions, ImportReport, Scope, import};
use directory::Directory;
use domain::{SchoolId, ServiceName};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use store::{Identity, Postgres};
use testkit::{RedisServer, TestDatabase};

/// What an import may write. Its rows are compared in full, `version` and `updated_at` among them.
const TABLES: [&str; 13] = [
    "schools",
    "users",
    "memberships",
    "students",
    "teachers",
    "staff",
    "student_guardians",
    "academic_years",
    "terms",
    "subjects",
    "classes",
    "class_subjects",
    "enrollments",
];

pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) postgres: Postgres,
    pub(crate) directory: Directory,
    _redis: RedisServer,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let (database, redis) = (TestDatabase::create().await, RedisServer::start().await);
        let postgres = database.connect(Identity::Service(ServiceName::Auth));
        let directory = Directory::new(redis.pool(1).await, postgres.clone());
        Self { database, postgres, directory, _redis: redis }
    }

    pub(crate) async fn import(&self, files: &Files) -> Result<ImportReport, ImportError> {
        self.try_out(files, Scope::All, false).await
    }

    pub(crate) async fn import_as(&self, school: SchoolId, files: &Files) -> Result<ImportReport, ImportError> {
        self.try_out(files, Scope::Own { school, org: None }, false).await
    }

    pub(crate) async fn try_out(&self, files: &Files, schools: Scope, dry_run: bool) -> Result<ImportReport, ImportError> {
        let options = ImportOptions { dry_run, schools, actor: None };
        import(&self.postgres, &self.directory, Cursor::new(files.zip()), options).await
    }

    pub(crate) async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.database.superuser().await).await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.database.superuser().await).await.unwrap()
    }

    pub(crate) async fn row(&self, sql: &str) -> Value {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.database.superuser().await).await.unwrap()
    }

    /// Every row of every table, by table and id.
    pub(crate) async fn snapshot(&self) -> BTreeMap<String, Value> {
        let mut connection = self.database.superuser().await;
        let mut rows = BTreeMap::new();
        for table in TABLES {
            let sql = format!("SELECT id::text, to_jsonb(t) FROM {table} t");
            let found: Vec<(String, Value)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
            rows.extend(found.into_iter().map(|(id, row)| (format!("{table} {id}"), row)));
        }
        rows
    }

    /// The rows that are not as they were, by table.
    pub(crate) async fn differing(&self, before: &BTreeMap<String, Value>) -> Vec<(String, Value)> {
        let now = self.snapshot().await;
        assert!(before.keys().all(|key| now.contains_key(key)), "an import deletes nothing");
        let differs = now.into_iter().filter(|(key, row)| before.get(key) != Some(row));
        differs.map(|(key, row)| (key.split(' ').next().unwrap().to_owned(), row)).collect()
    }

    /// A school without source id.
    pub(crate) async fn school(&self, code: &str) -> SchoolId {
        let school = SchoolId::generate();
        self.run(&format!("INSERT INTO schools (id, name, code) VALUES ('{school}', '{code}', '{code}')")).await;
        school
    }
}

/// The files of a bundle.
#[derive(Clone)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files {
    fn fixture(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/oneroster/tests/data").join(name);
        let files = std::fs::read_dir(folder).unwrap().map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
        });
        Self(files.collect())
    }

    /// Two schools, 98 people, 28 classes, 630 enrolments.
    pub(crate) fn contoso() -> Self {
        Self::fixture("contoso")
    }

    /// Two schools of a few people each, with everything that a roster can hold.
    pub(crate) fn small() -> Self {
        Self::fixture("small-1.1")
    }

    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8(self.0[file].clone()).unwrap()
    }

    pub(crate) fn set(mut self, file: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(file.to_owned(), content.into());
        self
    }

    /// Replaces text that must be there.
    pub(crate) fn swap(self, file: &str, from: &str, to: &str) -> Self {
        let text = self.text(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        self.set(file, text.replacen(from, to, 1))
    }

    pub(crate) fn append(self, file: &str, rows: &str) -> Self {
        let text = self.text(file) + rows;
        self.set(file, text)
    }

    pub(crate) fn zip(&self) -> Vec<u8> {
        oneroster::write_csv_zip(Cursor::new(Vec::new()), &self.0).unwrap().into_inner()
    }
}
