//! The schema goes up, down to nothing, and up again.

use sqlx::PgConnection;
use store::migrate::{migrate_down, migrate_up, status};

use crate::support::{TestDatabase, app_password};

/// Everything that the migrations make, as text: columns, constraints, indexes, triggers, policies, privileges, functions.
async fn catalogue(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'seaql_migrations' AND relname <> 'seaql_migrations_pkey')
         SELECT concat_ws(' ', 'relation', relname, relkind, relrowsecurity, relforcerowsecurity, relacl) AS line FROM ours
         UNION ALL SELECT concat_ws(' ', 'column', ours.relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                pg_get_expr(adbin, adrelid), col_description(ours.oid, attnum), attacl)
            FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
            LEFT JOIN pg_attrdef ON adrelid = ours.oid AND adnum = attnum WHERE relkind = 'r'
         UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE conrelid IN (SELECT oid FROM ours)
         UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid IN (SELECT oid FROM ours)
         UNION ALL SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(oid)) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM ours) AND NOT tgisinternal
         UNION ALL SELECT concat_ws(' ', 'policy', tablename, policyname, permissive, roles, cmd, qual, with_check) FROM pg_policies
         UNION ALL SELECT concat_ws(' ', 'function', oid::regprocedure, prosrc, pg_get_function_sqlbody(oid), proacl) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
         UNION ALL SELECT concat_ws(' ', 'extension', extname) FROM pg_extension WHERE extname <> 'plpgsql'
         ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn up_down_to_nothing_and_up_again_leaves_the_same_schema() {
    TestDatabase::run_empty(async |database| {
        let owner = database.owner();
        let mut superuser = database.superuser().await;
        assert_eq!(catalogue(&mut superuser).await, [""; 0], "a fresh database");
        migrate_up(&owner, &app_password()).await.unwrap();
        let first = catalogue(&mut superuser).await;
        assert!(first.len() > 1000, "the query sees the schema: {} lines", first.len());

        migrate_down(&owner, None).await.unwrap();
        assert_eq!(catalogue(&mut superuser).await, [""; 0], "down leaves nothing");
        assert!(status(&owner).await.unwrap().iter().all(|migration| !migration.is_applied));

        migrate_up(&owner, &app_password()).await.unwrap();
        assert_eq!(catalogue(&mut superuser).await, first);
    })
    .await;
}

#[tokio::test]
async fn each_step_down_and_up_again_changes_nothing() {
    TestDatabase::run(async |database| {
        let owner = database.owner();
        let mut superuser = database.superuser().await;
        let full = catalogue(&mut superuser).await;
        for steps in 1..=status(&owner).await.unwrap().len() {
            migrate_down(&owner, Some(u32::try_from(steps).unwrap())).await.unwrap();
            let pending = status(&owner).await.unwrap().iter().filter(|migration| !migration.is_applied).count();
            assert_eq!(pending, steps);
            migrate_up(&owner, &app_password()).await.unwrap();
            assert_eq!(catalogue(&mut superuser).await, full, "after {steps} steps down and up");
        }
    })
    .await;
}

#[tokio::test]
async fn events_slots_and_bookings_of_before_get_their_days_and_their_series() {
    TestDatabase::run(async |database| {
        let owner = database.owner();
        let mut superuser = database.superuser().await;
        database.full_school().await;
        let newer = status(&owner).await.unwrap().iter().filter(|migration| migration.name.as_str() >= "m0025").count();
        migrate_down(&owner, Some(u32::try_from(newer).unwrap())).await.unwrap();
        migrate_up(&owner, &app_password()).await.unwrap();
        let query = "SELECT (SELECT count(*) FROM calendar_events WHERE touches_from = start_date AND touches_to = end_date + 2),
            (SELECT count(*) FROM appointment_slots WHERE series_id = id), (SELECT count(*) FROM appointment_bookings WHERE series_id = slot_id)";
        let there: (i64, i64, i64) = sqlx::query_as(query).fetch_one(&mut superuser).await.unwrap();
        assert_eq!(there, (1, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_class_concession_ends_on_the_way_down_and_what_a_provider_told_is_to_be_settled_anew() {
    TestDatabase::run(async |database| {
        let owner = database.owner();
        let mut superuser = database.superuser().await;
        database.full_school().await;
        for sql in [
            "INSERT INTO concessions (school_id, id, name, kind, class_id, percent_basis_points, valid_from, status, approved_by)
             SELECT school_id, gen_random_uuid(), 'Of the class', 'class', id, 1000, '2026-06-01', 'approved', (SELECT id FROM users LIMIT 1) FROM classes LIMIT 1",
            "UPDATE provider_events SET resolved_at = now(), resolved_by = (SELECT id FROM users LIMIT 1), resolution = 'Told the bank'",
        ] {
            sqlx::query(sql).execute(&mut superuser).await.unwrap();
        }
        let newer = status(&owner).await.unwrap().iter().filter(|migration| migration.name.as_str() >= "m0026").count();
        migrate_down(&owner, Some(u32::try_from(newer).unwrap())).await.unwrap();
        let query = "SELECT kind, status, category LIKE 'class %' FROM concessions WHERE name = 'Of the class'";
        let there: (String, String, bool) = sqlx::query_as(query).fetch_one(&mut superuser).await.unwrap();
        assert_eq!(there, ("category".to_owned(), "ended".to_owned(), true));
        migrate_up(&owner, &app_password()).await.unwrap();
        let query = "SELECT (SELECT count(*) FROM provider_events WHERE resolved_at IS NULL), (SELECT count(*) FROM concessions WHERE class_id IS NULL)";
        let there: (i64, i64) = sqlx::query_as(query).fetch_one(&mut superuser).await.unwrap();
        assert_eq!(there, (1, 2));
    })
    .await;
}

#[tokio::test]
async fn migrations_that_start_at_the_same_time_queue_up() {
    TestDatabase::run_empty(async |database| {
        let (one, two, three) = (database.owner(), database.owner(), database.owner());
        let password = app_password();
        let (one, two, three) = tokio::join!(migrate_up(&one, &password), migrate_up(&two, &password), migrate_up(&three, &password));
        one.unwrap();
        two.unwrap();
        three.unwrap();
        assert!(status(&database.owner()).await.unwrap().iter().all(|migration| migration.is_applied));
    })
    .await;
}

#[tokio::test]
async fn status_changes_nothing_and_names_every_file() {
    TestDatabase::run_empty(async |database| {
        let migrations = status(&database.owner()).await.unwrap();
        let mut superuser = database.superuser().await;
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        assert_eq!(tables, 0);
        let mut files: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .filter_map(|file| file.unwrap().file_name().to_string_lossy().strip_suffix(".up.sql").map(str::to_owned))
            .collect();
        files.sort();
        let names: Vec<String> = migrations.into_iter().map(|migration| migration.name).collect();
        assert_eq!(names, files, "every file is listed, in order");
    })
    .await;
}

#[tokio::test]
async fn every_partition_of_every_service_has_its_watermark() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let mut rows: Vec<(String, i32, i64, i64)> =
            sqlx::query_as("SELECT service, partition, epoch, seq FROM drain_watermarks").fetch_all(&mut superuser).await.unwrap();
        rows.sort();
        let mut expected: Vec<_> = domain::ServiceName::ALL
            .iter()
            .flat_map(|service| {
                domain::Partition::all().map(|partition| (service.as_str().to_owned(), i32::from(partition.number()), 0, 0))
            })
            .collect();
        expected.sort();
        assert_eq!(rows, expected);
    })
    .await;
}
