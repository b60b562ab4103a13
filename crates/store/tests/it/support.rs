//! A PostgreSQL database for one test: made, migrated, filled on request, dropped.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, resume_unwind};

use domain::{SchoolId, ServiceName};
use futures_util::FutureExt;
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use store::migrate::migrate_up;
use store::{Identity, Postgres, PostgresConfig, SchoolTransaction, StoreError};
use uuid::Uuid;

/// Tables with a `school_id` that nevertheless belong to no school: a super admin's session has none, and what is dead may
/// not have been decodable. Only one role may touch them at all.
pub(crate) const SCHOOLLESS: &[&str] = &["sessions", "dead_letters"];

/// Roles belong to the whole scratch server, so every crate's tests must give them the same password: `testkit`'s.
pub(crate) const PASSWORD: &str = "for-tests-only";

pub(crate) struct TestDatabase {
    name: String,
    admin: PgConnectOptions,
}

impl TestDatabase {
    /// Runs `test` on a fresh database with the whole schema.
    pub(crate) async fn run(test: impl AsyncFnOnce(&Self)) {
        Self::run_empty(async |database| {
            migrate_up(&database.owner(), &app_password()).await.unwrap();
            test(database).await;
        })
        .await;
    }

    /// Runs `test` on a fresh database with nothing in it.
    pub(crate) async fn run_empty(test: impl AsyncFnOnce(&Self)) {
        let url = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is the superuser's URL of a scratch cluster");
        let admin: PgConnectOptions = url.parse().unwrap();
        let database = Self { name: format!("store_{}", Uuid::now_v7().simple()), admin };
        let mut connection = database.admin.connect().await.unwrap();
        sqlx::raw_sql(
            "DO $$ BEGIN
                IF to_regrole('schools24_owner') IS NULL THEN CREATE ROLE schools24_owner LOGIN CREATEROLE PASSWORD 'for-tests-only'; END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        admin_sql(&mut connection, &format!("CREATE DATABASE {} OWNER schools24_owner", database.name)).await;
        let outcome = AssertUnwindSafe(test(&database)).catch_unwind().await;
        admin_sql(&mut connection, &format!("DROP DATABASE {} WITH (FORCE)", database.name)).await;
        connection.close().await.unwrap();
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }

    /// A superuser's connection, past every rule.
    pub(crate) async fn superuser(&self) -> PgConnection {
        self.admin.clone().database(&self.name).connect().await.unwrap()
    }

    pub(crate) fn config(&self, user: &str, password: &str) -> PostgresConfig {
        let socket = self.admin.get_socket().map(|path| path.to_string_lossy().into_owned());
        let host = socket.unwrap_or_else(|| self.admin.get_host().to_owned());
        PostgresConfig::new(&host, self.admin.get_port(), &self.name, user, SecretString::from(password))
    }

    pub(crate) fn owner(&self) -> Postgres {
        Postgres::connect(&self.config("schools24_owner", PASSWORD), Identity::Owner)
    }

    pub(crate) fn as_identity(&self, identity: Identity) -> Postgres {
        Postgres::connect(&self.config("schools24_app", PASSWORD), identity)
    }

    pub(crate) fn as_service(&self, service: ServiceName) -> Postgres {
        self.as_identity(Identity::Service(service))
    }

    /// A school with at least one row in every tenant table.
    pub(crate) async fn full_school(&self) -> FixtureSchool {
        let school = FixtureSchool(SchoolId::generate());
        let mut connection = self.superuser().await;
        let sql = include_str!("fixture.sql").replace("{school}", &school.0.to_string());
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        school
    }
}

/// A school that was filled by `fixture.sql`, which derives ids from names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixtureSchool(pub(crate) SchoolId);

impl FixtureSchool {
    /// The SQL of the id of the row that the fixture calls `name`.
    pub(crate) fn id(self, name: &str) -> String {
        format!("md5('{}:{name}')::uuid", self.0)
    }
}

pub(crate) fn app_password() -> SecretString {
    SecretString::from(PASSWORD)
}

/// Everybody who may talk to the database: the ten services and the batch processor.
pub(crate) fn identities() -> impl Iterator<Item = Identity> {
    ServiceName::ALL.iter().map(|service| Identity::Service(*service)).chain([Identity::Batch])
}

pub(crate) async fn admin_sql(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// Runs a statement in a transaction; how many rows it touched.
pub(crate) async fn run(transaction: &mut SchoolTransaction, sql: &str) -> Result<u64, StoreError> {
    Ok(sqlx::raw_sql(AssertSqlSafe(sql)).execute(transaction.connection()?).await?.rows_affected())
}

/// Runs a statement as `postgres` in `school` and commits.
pub(crate) async fn commit(postgres: &Postgres, school: FixtureSchool, sql: &str) -> Result<u64, StoreError> {
    let mut transaction = postgres.school(school.0).await?;
    let rows = run(&mut transaction, sql).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// All tables with a `school_id` column.
pub(crate) async fn tables_with_school(connection: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'school_id' AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    assert!(tables.len() > 50, "the query finds tenant tables: {tables:?}");
    tables
}

/// Those of them whose rows belong to a school.
pub(crate) async fn tenant_tables(connection: &mut PgConnection) -> Vec<String> {
    let mut tables = tables_with_school(connection).await;
    tables.retain(|table| !SCHOOLLESS.contains(&table.as_str()));
    tables
}

#[track_caller]
pub(crate) fn assert_state<T: Debug>(outcome: Result<T, StoreError>, sqlstate: &str, what: &str) {
    match outcome {
        Ok(value) => panic!("{what}: expected SQLSTATE {sqlstate}, but it worked: {value:?}"),
        Err(error) => assert_eq!(error.sqlstate().as_deref(), Some(sqlstate), "{what}: {error}"),
    }
}

#[track_caller]
pub(crate) fn assert_constraint<T: Debug>(outcome: Result<T, StoreError>, constraint: &str) {
    match outcome {
        Ok(value) => panic!("expected {constraint} to be violated, but it worked: {value:?}"),
        Err(error) => assert_eq!(error.constraint(), Some(constraint), "{error}"),
    }
}
