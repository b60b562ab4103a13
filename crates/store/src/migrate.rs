//! The schema, up and down, and the roles that it is for.
//!
//! The SQL is plain and lives in `migrations/`, one pair of files for each owner of tables. Each file runs in a transaction of its own.
//! Roles belong to the cluster rather than to a database: they are made before the migrations, again and again if need be,
//! and stay when the schema is undone.
//!
//! The owner must own the database and have CREATEROLE; it needs neither SUPERUSER nor BYPASSRLS.

use domain::ServiceName;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use secrecy::{ExposeSecret, SecretString};
use sqlx::AssertSqlSafe;

use crate::{Identity, PlatformTransaction, Postgres, StoreError};

/// The role that services and the batch processor log in as.
pub const APP_ROLE: &str = "schools24_app";

/// `UNIQUE NULLS NOT DISTINCT` came with 15.
const OLDEST_SERVER: i32 = 150_000;

/// A migration, and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// The name of its file.
    pub name: String,
    /// Whether it has been applied.
    pub is_applied: bool,
}

/// Makes the roles that are missing and applies the migrations that are missing. Safe to run from several places at once: they
/// queue up. `app_password` is given to the login role when that is made here; a role that exists keeps its password.
pub async fn migrate_up(owner: &Postgres, app_password: &SecretString) -> Result<(), StoreError> {
    let lock = lock(owner).await?;
    ensure_roles(owner, app_password).await?;
    Migrator::up(&owner.unscoped(), None).await?;
    lock.rollback().await
}

/// Undoes the last `steps` migrations, or all of them. Their tables and rows are gone afterwards.
pub async fn migrate_down(owner: &Postgres, steps: Option<u32>) -> Result<(), StoreError> {
    let lock = lock(owner).await?;
    Migrator::down(&owner.unscoped(), steps).await?;
    lock.rollback().await
}

/// Every migration, oldest first. Changes nothing.
pub async fn status(owner: &Postgres) -> Result<Vec<MigrationState>, StoreError> {
    let migrations = Migrator::get_migration_with_status_read_only(&owner.unscoped()).await?;
    let state = |migration: &sea_orm_migration::Migration| MigrationState {
        name: migration.name().to_owned(),
        is_applied: migration.status() == sea_orm_migration::MigrationStatus::Applied,
    };
    Ok(migrations.iter().map(state).collect())
}

/// Holds an advisory lock while its transaction is open, so that one migration runs at a time. Also refuses servers that are too old.
async fn lock(owner: &Postgres) -> Result<PlatformTransaction, StoreError> {
    let mut transaction = owner.platform().await?;
    let connection = transaction.connection()?;
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int").fetch_one(&mut *connection).await?;
    if version < OLDEST_SERVER {
        return Err(StoreError::other(format!("PostgreSQL 15 or newer is needed; this server says {version}")));
    }
    // The number is arbitrary, but every version of this program must use the same one.
    sqlx::raw_sql("SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(240024)").execute(connection).await?;
    Ok(transaction)
}

/// Makes the group roles, the login role and its memberships, as far as they are missing. Another database's migration may be
/// doing the same at this moment (roles are shared by the cluster), so "exists by now" is fine everywhere.
async fn ensure_roles(owner: &Postgres, app_password: &SecretString) -> Result<(), StoreError> {
    let mut transaction = owner.platform().await?;
    let connection = transaction.connection()?;
    // A DO block takes no parameters: the password reaches it as a setting that ends with the transaction.
    sqlx::query("SELECT set_config('schools24.app_password', $1, true)")
        .bind(app_password.expose_secret())
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql(
        "DO $$ BEGIN
            IF to_regrole('schools24_app') IS NULL THEN
                EXECUTE format('CREATE ROLE schools24_app LOGIN NOINHERIT PASSWORD %L', current_setting('schools24.app_password'));
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$",
    )
    .execute(&mut *connection)
    .await?;
    let roles = ServiceName::ALL.iter().map(|service| Identity::Service(*service)).chain([Identity::Batch]);
    for role in roles.filter_map(Identity::database_role) {
        // Role names come from this program, not from outside.
        let ensure = format!(
            "DO $$ BEGIN
                IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role} NOLOGIN; END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$;
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_auth_members WHERE roleid = '{role}'::regrole AND member = '{APP_ROLE}'::regrole) THEN
                    GRANT {role} TO {APP_ROLE};
                END IF;
            EXCEPTION WHEN unique_violation THEN NULL;
            END $$"
        );
        sqlx::raw_sql(AssertSqlSafe(ensure)).execute(&mut *connection).await?;
    }
    let above_the_rules: bool = sqlx::query_scalar("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = $1")
        .bind(APP_ROLE)
        .fetch_one(&mut *connection)
        .await?;
    if above_the_rules {
        return Err(StoreError::other(format!(
            "{APP_ROLE} is a superuser or has BYPASSRLS, so row level security would not hold: ALTER ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS"
        )));
    }
    transaction.commit().await
}

/// A pair of SQL files.
struct SqlMigration {
    name: &'static str,
    up: &'static str,
    down: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        [$(SqlMigration {
            name: $name,
            up: include_str!(concat!("../migrations/", $name, ".up.sql")),
            down: include_str!(concat!("../migrations/", $name, ".down.sql")),
        }),+]
    };
}

impl MigrationName for SqlMigration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SqlMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use sea_orm::ConnectionTrait;
        manager.get_connection().execute_unprepared(self.up).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use sea_orm::ConnectionTrait;
        manager.get_connection().execute_unprepared(self.down).await.map(drop)
    }
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let migrations = migrations![
            "m0001_foundation",
            "m0002_auth",
            "m0003_homework",
            "m0004_attendance",
            "m0005_quiz",
            "m0006_fee",
            "m0007_inventory",
            "m0008_bus_route",
            "m0009_calendar",
            "m0010_report",
            "m0011_dashboard",
            "m0012_write_behind",
            "m0013_attendance",
            "m0014_quiz",
            "m0015_grade_book",
            "m0016_fee",
            "m0017_inventory",
            "m0018_bus_route",
            "m0019_calendar",
            "m0020_quiz",
            "m0021_grade_book",
            "m0022_fee",
            "m0023_inventory",
            "m0024_bus_route",
            "m0025_calendar",
            "m0026_fee",
            "m0027_bus_route",
            "m0028_calendar",
        ];
        migrations.into_iter().map(|migration| Box::new(migration) as Box<dyn MigrationTrait>).collect()
    }
}
