//! A third school tries every door of the other two, and nobody sees anything before saying whose rows are meant.

use domain::{SchoolId, ServiceName, UserId};
use sqlx::AssertSqlSafe;
use store::{Identity, Postgres, StoreError};
use uuid::Uuid;

use crate::catalogue::BUFFERED;
use crate::support::{FixtureSchool, TestDatabase, assert_state, commit, identities, run, tenant_tables};

/// What a role that spans schools by design sees without a school.
fn spans_schools(identity: Identity, table: &str) -> bool {
    let others = ["outbox", "idempotency_keys", "inventory_loans", "inventory_reservations"];
    identity == Identity::Batch && (BUFFERED.contains(&table) || others.contains(&table))
}

/// The number of rows, or none if the role may not even look.
fn rows(outcome: Result<i64, sqlx::Error>) -> Option<i64> {
    match outcome.map_err(StoreError::from) {
        Ok(count) => Some(count),
        Err(StoreError::NotPermitted(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn count(transaction: &mut sqlx::PgConnection, sql: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(transaction).await
}

#[tokio::test]
async fn the_fixture_fills_every_tenant_table() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let mut superuser = database.superuser().await;
        for table in tenant_tables(&mut superuser).await {
            let sql = format!("SELECT count(*) FROM {table} WHERE school_id = '{}'", school.0);
            assert!(count(&mut superuser, &sql).await.unwrap() > 0, "{table} has no row in fixture.sql, so the tests below don't cover it");
        }
    })
    .await;
}

#[tokio::test]
async fn with_no_school_set_no_role_reads_a_row_of_any_tenant_table() {
    TestDatabase::run(async |database| {
        database.full_school().await;
        let mut superuser = database.superuser().await;
        let tables = tenant_tables(&mut superuser).await;
        for identity in identities() {
            let postgres = database.as_identity(identity);
            let mut readable = 0;
            for table in &tables {
                let mut transaction = postgres.platform().await.unwrap();
                let seen = rows(count(transaction.connection().unwrap(), &format!("SELECT count(*) FROM {table}")).await);
                readable += usize::from(seen.is_some());
                let expected = spans_schools(identity, table);
                assert_eq!(seen.unwrap_or(0) > 0, expected, "{table} read by {}: {seen:?}", identity.name());
            }
            assert!(readable >= BUFFERED.len(), "{} may look at its tables, so the zeroes mean something", identity.name());
        }
        // The other way round, so that "nothing" isn't simply what this test always finds.
        let mut transaction = database.as_service(ServiceName::Homework).platform().await.unwrap();
        for table in ["users", "schools"] {
            let seen = count(transaction.connection().unwrap(), &format!("SELECT count(*) FROM {table}")).await.unwrap();
            assert_eq!(seen, 0, "{table} without a school");
        }
    })
    .await;
}

#[tokio::test]
async fn a_third_school_finds_every_door_of_the_other_two_closed() {
    TestDatabase::run(async |database| {
        let (first, second, third) = (database.full_school().await, database.full_school().await, database.full_school().await);
        let mut superuser = database.superuser().await;
        let tables = tenant_tables(&mut superuser).await;
        for identity in identities() {
            let postgres = database.as_identity(identity);
            let mut own_rows = 0;
            for table in &tables {
                if spans_schools(identity, table) {
                    continue;
                }
                let what = format!("{table} by {}", identity.name());
                let others = format!("school_id IN ('{}', '{}')", first.0, second.0);
                let mut look = postgres.school(third.0).await.unwrap();
                let foreign = rows(count(look.connection().unwrap(), &format!("SELECT count(*) FROM {table} WHERE {others}")).await);
                assert_eq!(foreign.unwrap_or(0), 0, "SELECT from {what}");
                let mut look = postgres.school(third.0).await.unwrap();
                let own = rows(count(look.connection().unwrap(), &format!("SELECT count(*) FROM {table}")).await);
                own_rows += own.unwrap_or(0);
                drop(look);

                for write in
                    [format!("UPDATE {table} SET school_id = school_id WHERE {others}"), format!("DELETE FROM {table} WHERE {others}")]
                {
                    let mut transaction = postgres.school(third.0).await.unwrap();
                    match run(&mut transaction, &write).await {
                        Ok(touched) => assert_eq!(touched, 0, "{write} ({what})"),
                        Err(error) => assert_state::<()>(Err(error), "42501", &what),
                    }
                }
                // Give a row of its own away, and take one over by inserting a copy.
                let mut transaction = postgres.school(third.0).await.unwrap();
                let moved = run(&mut transaction, &format!("UPDATE {table} SET school_id = '{}'", first.0)).await;
                match moved {
                    Ok(touched) => assert_eq!(touched, 0, "rows of {what} moved to another school"),
                    Err(error) => assert_state::<()>(Err(error), "42501", &format!("moving rows of {what}")),
                }
                let copy: String = sqlx::query_scalar(AssertSqlSafe(format!(
                    "SELECT to_jsonb(t)::text FROM {table} t WHERE school_id = '{}' LIMIT 1",
                    first.0
                )))
                .fetch_one(&mut superuser)
                .await
                .unwrap();
                let mut transaction = postgres.school(third.0).await.unwrap();
                let insert =
                    format!("INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_record(NULL::{table}, $1::jsonb)");
                let planted = sqlx::query(AssertSqlSafe(insert)).bind(copy).execute(transaction.connection().unwrap()).await;
                assert_state(planted.map_err(StoreError::from), "42501", &format!("planting a row into {what}"));
            }
            assert!(identity == Identity::Batch || own_rows > 30, "{} sees its own school: {own_rows}", identity.name());
        }
    })
    .await;
}

#[tokio::test]
async fn without_forced_row_security_the_doors_would_be_seen_open() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let mut superuser = database.superuser().await;
        crate::support::admin_sql(&mut superuser, "ALTER TABLE homework DISABLE ROW LEVEL SECURITY").await;
        let mut other = database.as_service(ServiceName::Homework).school(SchoolId::generate()).await.unwrap();
        let seen = count(other.connection().unwrap(), &format!("SELECT count(*) FROM homework WHERE school_id = '{}'", school.0)).await;
        assert_eq!(seen.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_owner_of_the_tables_is_held_to_the_rules_too() {
    TestDatabase::run(async |database| {
        database.full_school().await;
        let mut transaction = database.owner().platform().await.unwrap();
        for table in ["homework", "students", "users", "schools", "invoices", "sessions"] {
            assert_eq!(count(transaction.connection().unwrap(), &format!("SELECT count(*) FROM {table}")).await.unwrap(), 0, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_cannot_point_at_a_row_of_another_school_even_when_its_id_is_known() {
    TestDatabase::run(async |database| {
        let (own, other) = (database.full_school().await, database.full_school().await);
        let homework = database.as_service(ServiceName::Homework);
        let insert = |class: String| {
            format!(
                "INSERT INTO homework (school_id, id, class_id, created_by, title, due_at) VALUES ('{}', gen_random_uuid(), {class}, {}, 'T', now())",
                own.0,
                own.id("teacher")
            )
        };
        assert_state(commit(&homework, own, &insert(other.id("class"))).await, "23503", "another school's class");
        assert_eq!(commit(&homework, own, &insert(own.id("class"))).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_login_sees_its_users_memberships_in_all_schools_and_nothing_else() {
    TestDatabase::run(async |database| {
        let (first, second) = (database.full_school().await, database.full_school().await);
        let mut superuser = database.superuser().await;
        let user: Uuid =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT {}", first.id("teacher")))).fetch_one(&mut superuser).await.unwrap();
        crate::support::admin_sql(
            &mut superuser,
            &format!(
                "INSERT INTO memberships (school_id, id, user_id, role) VALUES ('{}', gen_random_uuid(), '{user}', 'parent')",
                second.0
            ),
        )
        .await;
        let seen_by = async |service: ServiceName| -> Vec<(Uuid, Uuid)> {
            let mut login = database.as_service(service).login(UserId::from_uuid(user)).await.unwrap();
            assert_eq!(login.user_id().as_uuid(), user);
            let connection = login.connection().unwrap();
            let students = count(connection, "SELECT count(*) FROM students").await.unwrap();
            assert_eq!(students, 0, "no other tenant table opens");
            sqlx::query_as("SELECT school_id, user_id FROM memberships ORDER BY school_id").fetch_all(connection).await.unwrap()
        };
        let mut expected = vec![(first.0.as_uuid(), user), (second.0.as_uuid(), user)];
        expected.sort_unstable();
        assert_eq!(seen_by(ServiceName::Auth).await, expected);
        assert_eq!(seen_by(ServiceName::Report).await, [], "only auth logs people in");
    })
    .await;
}

#[tokio::test]
async fn a_service_sees_the_people_and_the_record_of_its_school_only() {
    TestDatabase::run(async |database| {
        let (own, _other) = (database.full_school().await, database.full_school().await);
        let seen = async |postgres: &Postgres, school: FixtureSchool, table: &str| {
            let mut transaction = postgres.school(school.0).await.unwrap();
            count(transaction.connection().unwrap(), &format!("SELECT count(*) FROM {table}")).await.unwrap()
        };
        let homework = database.as_service(ServiceName::Homework);
        assert_eq!(seen(&homework, own, "users").await, 5);
        assert_eq!(seen(&homework, own, "schools").await, 1);
        let auth = database.as_service(ServiceName::Auth);
        assert_eq!(seen(&auth, own, "users").await, 10, "auth runs the platform");
        assert_eq!(seen(&auth, own, "schools").await, 2);
    })
    .await;
}

#[tokio::test]
async fn services_that_share_a_table_do_not_share_its_rows() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let fee = database.as_service(ServiceName::Fee);
        for table in ["outbox", "jobs", "idempotency_keys"] {
            let mut transaction = fee.school(school.0).await.unwrap();
            let services: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT service FROM {table}")))
                .fetch_all(transaction.connection().unwrap())
                .await
                .unwrap();
            assert_eq!(services, ["fee"], "{table}");
        }
        let forged = format!("INSERT INTO outbox (school_id, service, event) VALUES ('{}', 'homework', '{{}}')", school.0);
        assert_state(commit(&fee, school, &forged).await, "42501", "an event in another service's name");
        let own = format!("INSERT INTO outbox (school_id, event) VALUES ('{}', '{{}}')", school.0);
        let bus = database.as_service(ServiceName::BusRoute);
        assert_eq!(commit(&bus, school, &own).await.unwrap(), 1, "a service need not say who it is");
    })
    .await;
}

#[tokio::test]
async fn a_school_that_is_no_uuid_is_an_error_and_not_an_open_door() {
    TestDatabase::run(async |database| {
        database.full_school().await;
        let mut transaction = database.as_service(ServiceName::Homework).platform().await.unwrap();
        let connection = transaction.connection().unwrap();
        sqlx::query("SELECT set_config('app.current_school', '%', true)").execute(&mut *connection).await.unwrap();
        let outcome = count(connection, "SELECT count(*) FROM homework").await;
        assert_state(outcome.map_err(StoreError::from), "22P02", "a malformed school");
    })
    .await;
}

#[tokio::test]
async fn a_row_is_found_by_its_key_whatever_school_the_plan_was_made_for() {
    TestDatabase::run(async |database| {
        let (large, empty) = (database.full_school().await, SchoolId::generate());
        let mut superuser = database.superuser().await;
        crate::support::admin_sql(
            &mut superuser,
            &format!(
                "INSERT INTO subjects (school_id, id, name) SELECT '{}', gen_random_uuid(), 'S' FROM generate_series(1, 5000); ANALYZE subjects",
                large.0
            ),
        )
        .await;
        for school in [large.0, empty] {
            let mut transaction = database.as_service(ServiceName::Homework).school_read(school).await.unwrap();
            let plan: Vec<String> = sqlx::query_scalar("EXPLAIN SELECT * FROM subjects WHERE id = '00000000-0000-0000-0000-000000000001'")
                .fetch_all(transaction.connection().unwrap())
                .await
                .unwrap();
            assert!(plan.iter().any(|line| line.contains("subjects_pkey")), "{plan:#?}");
        }
    })
    .await;
}
