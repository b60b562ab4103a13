//! What PostgreSQL answers, as callers see it.

use std::time::Duration;

use domain::ServiceName;
use secrecy::SecretString;
use store::{Identity, Postgres, PostgresConfig, StoreError};

use crate::support::{PASSWORD, TestDatabase, commit, run};

#[tokio::test]
async fn each_kind_of_refusal_is_told_apart_and_names_its_constraint() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = database.as_service(ServiceName::Auth);
        let id = school.0;
        let outcome = async |sql: String| commit(&auth, school, &sql).await.unwrap_err();

        let twice =
            outcome(format!("INSERT INTO subjects (school_id, id, name, code) VALUES ('{id}', gen_random_uuid(), 'M', 'MAT')")).await;
        assert!(
            matches!(twice, StoreError::UniqueViolation { ref constraint, .. } if constraint == "subjects_school_id_code_key"),
            "{twice:?}"
        );
        let pointless = outcome(format!(
            "INSERT INTO terms (school_id, id, academic_year_id, name, starts_on, ends_on)
             VALUES ('{id}', gen_random_uuid(), gen_random_uuid(), 'X', '2027-01-01', '2027-02-01')"
        ))
        .await;
        assert!(matches!(pointless, StoreError::ForeignKeyViolation { .. }), "{pointless:?}");
        let backwards = outcome(format!("UPDATE academic_years SET ends_on = '2020-01-01' WHERE school_id = '{id}'")).await;
        assert!(matches!(backwards, StoreError::CheckViolation { .. }), "{backwards:?}");
        let overlapping = outcome(format!(
            "INSERT INTO terms (school_id, id, academic_year_id, name, starts_on, ends_on)
             VALUES ('{id}', gen_random_uuid(), {}, 'X', '2026-12-31', '2027-02-01')",
            school.id("year")
        ))
        .await;
        assert!(
            matches!(overlapping, StoreError::ExclusionViolation { ref constraint, .. } if constraint == "terms_no_overlap"),
            "{overlapping:?}"
        );
        for bad in [
            format!("UPDATE users SET phone = repeat('1', 10), last_login_at = 'soon' WHERE id = {}", school.id("teacher")),
            format!("UPDATE subjects SET name = NULL WHERE school_id = '{id}'"),
        ] {
            let bad = outcome(bad).await;
            assert!(matches!(bad, StoreError::InvalidData(_)), "{bad:?}");
            assert!(!bad.is_transient());
        }
        let foreign = outcome(format!("UPDATE homework SET title = 'x' WHERE school_id = '{id}'")).await;
        assert!(matches!(foreign, StoreError::NotPermitted(_)), "{foreign:?}");
        let nonsense = outcome("SELEC".to_owned()).await;
        assert!(matches!(nonsense, StoreError::Other { .. }), "{nonsense:?}");
        assert_eq!(nonsense.sqlstate().as_deref(), Some("42601"));
    })
    .await;
}

#[tokio::test]
async fn a_deadlock_and_a_lock_that_is_not_given_up_are_worth_another_try() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let mut config = database.config("schools24_app", PASSWORD);
        config.lock_timeout = Duration::from_millis(50);
        let auth = Postgres::connect(&config, Identity::Service(ServiceName::Auth));
        let lock = "UPDATE subjects SET version = version + 1";
        let mut holder = auth.school(school.0).await.unwrap();
        run(&mut holder, lock).await.unwrap();
        let mut waiter = auth.school(school.0).await.unwrap();
        let error = run(&mut waiter, lock).await.unwrap_err();
        assert!(matches!(error, StoreError::Serialization(_)), "{error:?}");
        assert!(error.is_transient());
    })
    .await;
}

#[tokio::test]
async fn a_pool_starts_without_a_server_and_then_says_that_it_is_unavailable() {
    // Nothing listens on port 1.
    let mut config = PostgresConfig::new("127.0.0.1", 1, "schools24", "schools24_app", SecretString::from("x"));
    config.acquire_timeout = Duration::from_millis(300);
    let postgres = Postgres::connect(&config, Identity::Batch);
    let error = postgres.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn no_secret_shows_in_debug_output() {
    let config = PostgresConfig::new("db", 5432, "schools24", "schools24_app", SecretString::from("hunter2"));
    let postgres = Postgres::connect(&config, Identity::Batch);
    assert!(!format!("{config:?} {postgres:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cancelled() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let mut config = database.config("schools24_app", PASSWORD);
        config.statement_timeout = Duration::from_millis(100);
        let postgres = Postgres::connect(&config, Identity::Batch);
        let mut transaction = postgres.school(school.0).await.unwrap();
        let error = run(&mut transaction, "SELECT pg_sleep(5)").await.unwrap_err();
        assert_eq!(error.sqlstate().as_deref(), Some("57014"), "{error}");
        assert!(!error.is_transient(), "the same statement would take as long again");
    })
    .await;
}
