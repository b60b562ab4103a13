//! Transactions: what they see, how they end, and that nothing of one is left for the next.

use std::time::Duration;

use domain::ServiceName;
use sea_orm::{ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, QueryFilter};
use store::entity::{homework, subjects};
use store::{Identity, Postgres, StoreError};
use uuid::Uuid;

use crate::support::{FixtureSchool, PASSWORD, TestDatabase, admin_sql, assert_state, run};

fn subject(school: FixtureSchool, name: &str) -> subjects::ActiveModel {
    subjects::ActiveModel {
        school_id: ActiveValue::Set(school.0.as_uuid()),
        id: ActiveValue::Set(Uuid::now_v7()),
        name: ActiveValue::Set(name.to_owned()),
        ..Default::default()
    }
}

async fn names(postgres: &Postgres, school: FixtureSchool) -> Vec<String> {
    let transaction = postgres.school_read(school.0).await.unwrap();
    let rows = subjects::Entity::find().all(&transaction).await.unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

/// A pool with a single connection, so that the next transaction gets the one that the last has left.
fn single(database: &TestDatabase, identity: Identity) -> Postgres {
    let mut config = database.config("schools24_app", PASSWORD);
    config.max_connections = 1;
    Postgres::connect(&config, identity)
}

#[tokio::test]
async fn entities_read_and_write_through_a_transaction() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = database.as_service(ServiceName::Auth);
        let transaction = auth.school(school.0).await.unwrap();
        assert_eq!(transaction.school_id(), school.0);
        let made = subject(school, "Physics").insert(&transaction).await.unwrap();
        assert_eq!((made.version, made.status.as_str()), (1, "active"));
        transaction.commit().await.unwrap();
        let reader = database.as_service(ServiceName::Homework).school_read(school.0).await.unwrap();
        let found = subjects::Entity::find_by_id((school.0.as_uuid(), made.id)).one(&reader).await.unwrap();
        assert_eq!(found, Some(made));
        let one = homework::Entity::find().filter(homework::Column::Status.eq("published")).one(&reader).await.unwrap().unwrap();
        assert_eq!(one.max_points.to_string(), "100.00");
    })
    .await;
}

#[tokio::test]
async fn every_entity_fits_its_table() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        macro_rules! read {
            ($transaction:expr; $($entity:ident),+) => {$(
                store::entity::$entity::Entity::find().all(&$transaction).await.unwrap_or_else(|error| panic!("{}: {error}", stringify!($entity)));
            )+};
        }
        let auth = database.as_service(ServiceName::Auth).school(school.0).await.unwrap();
        read!(auth; schools, users, memberships, credentials, sessions, signing_keys, signing_key_secrets, students, teachers, staff,
            student_guardians, academic_years, terms, subjects, classes, class_subjects, enrollments, outbox, idempotency_keys, jobs,
            homework, homework_submissions, homework_files, homework_overrides, drain_watermarks);
        let batch = database.as_identity(Identity::Batch).platform().await.unwrap();
        read!(batch; dead_letters, drain_watermarks, homework, homework_submissions, homework_files, homework_overrides, outbox);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing_and_one_that_is_committed_stays() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = single(database, Identity::Service(ServiceName::Auth));
        let dropped = auth.school(school.0).await.unwrap();
        subject(school, "Alchemy").insert(&dropped).await.unwrap();
        drop(dropped);
        let rolled_back = auth.school(school.0).await.unwrap();
        subject(school, "Astrology").insert(&rolled_back).await.unwrap();
        rolled_back.rollback().await.unwrap();
        let committed = auth.school(school.0).await.unwrap();
        subject(school, "Chemistry").insert(&committed).await.unwrap();
        committed.commit().await.unwrap();
        assert_eq!(names(&auth, school).await, ["Mathematics", "Chemistry"]);
    })
    .await;
}

#[tokio::test]
async fn a_commit_after_an_ignored_failure_is_no_success() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = single(database, Identity::Service(ServiceName::Auth));
        let transaction = auth.school(school.0).await.unwrap();
        subject(school, "Physics").insert(&transaction).await.unwrap();
        let mut twice = subject(school, "Mathematics again");
        twice.code = ActiveValue::Set(Some("MAT".to_owned()));
        twice.insert(&transaction).await.unwrap_err();
        assert_state(transaction.commit().await, "25P02", "committing an aborted transaction");
        assert_eq!(names(&auth, school).await, ["Mathematics"]);
    })
    .await;
}

#[tokio::test]
async fn a_reading_transaction_refuses_to_write() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = database.as_service(ServiceName::Auth);
        for mut transaction in [auth.school_read(school.0).await.unwrap(), auth.school_snapshot(school.0).await.unwrap()] {
            assert_state(run(&mut transaction, "UPDATE subjects SET version = 2").await, "25006", "a write");
        }
    })
    .await;
}

#[tokio::test]
async fn the_statements_of_a_snapshot_agree_with_each_other() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = database.as_service(ServiceName::Auth);
        let snapshot = auth.school_snapshot(school.0).await.unwrap();
        let plain = auth.school_read(school.0).await.unwrap();
        let count = async |transaction| subjects::Entity::find().all(transaction).await.unwrap().len();
        assert_eq!((count(&snapshot).await, count(&plain).await), (1, 1));
        let writer = auth.school(school.0).await.unwrap();
        subject(school, "Physics").insert(&writer).await.unwrap();
        writer.commit().await.unwrap();
        assert_eq!((count(&snapshot).await, count(&plain).await), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_school_is_left_on_the_connection_for_the_next() {
    TestDatabase::run(async |database| {
        let (first, second) = (database.full_school().await, database.full_school().await);
        let homework_role = single(database, Identity::Service(ServiceName::Homework));
        let visible = async |transaction: &mut sqlx::PgConnection| -> Vec<Uuid> {
            sqlx::query_scalar("SELECT school_id FROM homework").fetch_all(transaction).await.unwrap()
        };
        for end in ["commit", "rollback", "drop"] {
            let mut transaction = homework_role.school(first.0).await.unwrap();
            assert_eq!(visible(transaction.connection().unwrap()).await, [first.0.as_uuid()]);
            match end {
                "commit" => transaction.commit().await.unwrap(),
                "rollback" => transaction.rollback().await.unwrap(),
                _ => drop(transaction),
            }
            let mut platform = homework_role.platform().await.unwrap();
            assert_eq!(visible(platform.connection().unwrap()).await, Vec::<Uuid>::new(), "after {end}");
            drop(platform);
            let mut other = homework_role.school(second.0).await.unwrap();
            assert_eq!(visible(other.connection().unwrap()).await, [second.0.as_uuid()], "after {end}");
        }
    })
    .await;
}

/// Gives `work` so many turns of the scheduler and then drops it, wherever it is.
async fn cut_off_after(turns: usize, work: impl Future<Output = ()>) {
    let patience = async {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { biased; () = work => {}, () = patience => {} }
}

#[tokio::test]
async fn a_request_that_goes_away_at_any_moment_leaves_no_open_transaction_behind() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = single(database, Identity::Service(ServiceName::Auth));
        let mut finished = 0;
        for turns in 0..400 {
            let work = async {
                let transaction = auth.school(school.0).await.unwrap();
                subject(school, "Alchemy").insert(&transaction).await.unwrap();
                // Never committed, so wherever it is cut off, nothing may stay.
                finished += 1;
            };
            cut_off_after(turns * 4, work).await;
            let mut platform = auth.platform().await.unwrap();
            let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM subjects").fetch_one(platform.connection().unwrap()).await.unwrap();
            assert_eq!(seen, 0, "cut off after {turns}");
        }
        assert!((1..400).contains(&finished), "some were cut off and some were not: {finished}");
        assert_eq!(names(&auth, school).await, ["Mathematics"]);
    })
    .await;
}

#[tokio::test]
async fn a_begin_that_is_cut_off_does_not_bind_the_next_transaction() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = single(database, Identity::Service(ServiceName::Auth));
        for turns in 0..100 {
            auth.ping().await.unwrap();
            // A transaction that only reads: what begins after it must not be part of it.
            let work = async {
                auth.school_read(school.0).await.unwrap();
            };
            cut_off_after(turns, work).await;
            let mut writer = auth.school(school.0).await.unwrap();
            run(&mut writer, "UPDATE subjects SET version = version + 1").await.unwrap();
            writer.commit().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_restarted_server_is_not_noticed_by_the_next_transaction() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = database.as_service(ServiceName::Auth);
        // Several connections, all of them dead afterwards.
        let open = [auth.school(school.0).await.unwrap(), auth.school(school.0).await.unwrap(), auth.school(school.0).await.unwrap()];
        for transaction in open {
            transaction.commit().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(auth.connections(), (3, 3));
        let mut superuser = database.superuser().await;
        admin_sql(
            &mut superuser,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
        assert_eq!(names(&auth, school).await, ["Mathematics"]);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_within_a_transaction_says_so_and_is_replaced() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = single(database, Identity::Service(ServiceName::Auth));
        let mut transaction = auth.school(school.0).await.unwrap();
        run(&mut transaction, "UPDATE subjects SET name = 'Lost'").await.unwrap();
        let mut superuser = database.superuser().await;
        admin_sql(
            &mut superuser,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert_eq!(names(&auth, school).await, ["Mathematics"]);
    })
    .await;
}

#[tokio::test]
async fn transactions_of_a_school_that_queue_up_for_the_same_follow_one_another() {
    TestDatabase::run(async |database| {
        let (school, elsewhere) = (database.full_school().await, database.full_school().await);
        let postgres = database.as_service(ServiceName::Auth);
        let mut first = postgres.school(school.0).await.unwrap();
        first.queue_up("memberships").await.unwrap();
        // Another school and another matter are no queue of theirs.
        for (school, what) in [(elsewhere, "memberships"), (school, "locations")] {
            let mut other = postgres.school(school.0).await.unwrap();
            tokio::time::timeout(Duration::from_secs(10), other.queue_up(what)).await.expect("nobody is before it").unwrap();
            other.rollback().await.unwrap();
        }
        let mut second = postgres.school(school.0).await.unwrap();
        let waiting = tokio::spawn(async move {
            second.queue_up("memberships").await.unwrap();
            second.commit().await.unwrap();
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished(), "the first one is still there");
        first.commit().await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("its turn comes").unwrap();
    })
    .await;
}
