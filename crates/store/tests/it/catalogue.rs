//! Walks the catalogue: what must hold for every tenant table, those of next year included.

use sqlx::PgConnection;

use crate::support::{SCHOOLLESS, TestDatabase, tables_with_school, tenant_tables};

/// What the write buffer saves; the batch processor may write these for all schools.
pub(crate) const BUFFERED: &[&str] = &[
    "attendance_corrections",
    "attendance_records",
    "attendance_sessions",
    "bus_boardings",
    "calendar_events",
    "grade_changes",
    "grade_sheets",
    "grades",
    "homework",
    "homework_files",
    "homework_overrides",
    "homework_submissions",
    "quiz_answers",
    "quiz_attempts",
    "vehicle_positions",
];

async fn names(connection: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn every_table_with_a_school_has_forced_row_security_and_a_policy() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let bare = names(
            &mut superuser,
            "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'school_id'
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
               AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))",
        )
        .await;
        assert_eq!(bare, [""; 0], "row security is not forced, or there is no policy");

        let tables = tables_with_school(&mut superuser).await;
        for table in SCHOOLLESS {
            assert!(tables.iter().any(|name| name == table), "{table} is listed as an exception and doesn't exist");
        }
        let fenced = names(
            &mut superuser,
            "SELECT tablename::text FROM pg_policies WHERE policyname = 'tenant' AND roles = '{public}' AND cmd = 'ALL'
               AND permissive = 'PERMISSIVE' AND qual LIKE '%(school_id = ( SELECT current_school() AS current_school))%'
               AND with_check LIKE '%(school_id = current_school())%' ORDER BY 1",
        )
        .await;
        assert_eq!(fenced, tenant_tables(&mut superuser).await, "every tenant table has the tenant policy, for reading and for writing");
    })
    .await;
}

#[tokio::test]
async fn no_policy_opens_a_tenant_table_wider_than_agreed() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let mut others = names(
            &mut superuser,
            "SELECT concat_ws(' ', tablename, policyname, array_to_string(roles, ','), cmd) FROM pg_policies WHERE policyname <> 'tenant' ORDER BY 1",
        )
        .await;
        let mut agreed: Vec<String> = BUFFERED.iter().map(|table| format!("{table} batch schools24_batch ALL")).collect();
        agreed.extend(
            [
                // Sends every school's events, clears every school's expired keys, and buries its own dead.
                "outbox batch schools24_batch ALL",
                "idempotency_keys batch schools24_batch ALL",
                "dead_letters batch schools24_batch ALL",
                "dead_letters owner schools24_owner SELECT",
                // A login finds its schools.
                "memberships login schools24_auth SELECT",
                // Whoever looks after queues and due days asks in which schools anything is due.
                "inventory_loans batch schools24_batch SELECT",
                "inventory_reservations batch schools24_batch SELECT",
                // The global tables.
                "schools batch schools24_batch SELECT",
                "schools own public SELECT",
                "schools platform schools24_auth ALL",
                "sessions platform schools24_auth ALL",
                "users members public SELECT",
                "users platform schools24_auth ALL",
            ]
            .map(str::to_owned),
        );
        agreed.sort();
        others.sort();
        assert_eq!(others, agreed);
    })
    .await;
}

#[tokio::test]
async fn a_foreign_key_between_tenant_tables_carries_the_school_on_both_sides() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let (checked, loose): (i64, Vec<String>) = sqlx::query_as(
            "WITH tenant AS (
                SELECT attrelid AS oid, attnum FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
                WHERE attname = 'school_id' AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
             ), keys AS (
                SELECT f.conrelid::regclass || '.' || f.conname AS name,
                       EXISTS (SELECT FROM unnest(f.conkey, f.confkey) AS pair (here, there)
                               WHERE pair.here = own.attnum AND pair.there = other.attnum) AS is_composite
                FROM pg_constraint f JOIN tenant own ON own.oid = f.conrelid JOIN tenant other ON other.oid = f.confrelid
                WHERE f.contype = 'f')
             SELECT count(*), coalesce(array_agg(name) FILTER (WHERE NOT is_composite), '{}') FROM keys",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert!(checked > 60, "the query finds foreign keys: {checked}");
        assert_eq!(loose, [""; 0], "a row of one school could point into another");

        let outside = names(
            &mut superuser,
            "SELECT DISTINCT f.confrelid::regclass::text FROM pg_constraint f
             JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attname = 'school_id'
             WHERE f.contype = 'f' AND NOT EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = f.confrelid AND b.attname = 'school_id') ORDER BY 1",
        )
        .await;
        assert_eq!(outside, ["schools", "users"], "tenant rows point at no other global tables");
    })
    .await;
}

#[tokio::test]
async fn every_reference_is_a_foreign_key() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let loose = names(
            &mut superuser,
            "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.atttypid = 'uuid'::regtype AND a.attname <> 'id'
               AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conrelid = c.oid AND a.attnum = ANY (f.conkey))
             ORDER BY 1",
        )
        .await;
        // A question is a document of MongoDB, a grade's source is one of two tables, what a grade book's history tells of may be gone, an event is not kept here, the ledger's
        // transaction, a transfer and payments by one cheque only name rows that belong together, and the dead may point at nothing.
        let agreed = [
            "dead_letters.row_id",
            "dead_letters.school_id",
            "grade_book_changes.entity_id",
            "grade_items.source_ref",
            "grades.source_event_id",
            "ledger_entries.transaction_id",
            "payments.batch_id",
            "quiz_answers.question_id",
            "quiz_slots.question_id",
            "stock_movements.transfer_id",
        ];
        assert_eq!(loose, agreed);
    })
    .await;
}

#[tokio::test]
async fn every_key_of_a_tenant_table_leads_with_the_school() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let tables = tenant_tables(&mut superuser).await;
        let keys: Vec<(String, String, String, bool)> = sqlx::query_as(
            "SELECT t.relname::text, i.relname::text, a.attname::text, x.indisprimary
             FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
             WHERE t.relnamespace = 'public'::regnamespace AND (x.indisunique OR x.indisexclusion)",
        )
        .fetch_all(&mut superuser)
        .await
        .unwrap();
        for table in &tables {
            let own: Vec<_> = keys.iter().filter(|(name, ..)| name == table).collect();
            assert!(own.iter().any(|(_, _, _, is_primary)| *is_primary), "{table} has a primary key");
            for (_, index, first, _) in own {
                assert_eq!(first, "school_id", "{index} of {table}: a value taken in one school would be refused in another");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_tenant_row_has_its_school_its_version_and_its_times() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        // What is written once, or is no entity that anybody edits.
        let exempt = ["idempotency_keys", "outbox"];
        for table in tenant_tables(&mut superuser).await {
            let columns: Vec<String> = sqlx::query_scalar(
                "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 AND is_nullable = 'NO'
                 AND (column_name, data_type) IN (('school_id', 'uuid'), ('version', 'integer'),
                     ('created_at', 'timestamp with time zone'), ('updated_at', 'timestamp with time zone')) ORDER BY 1",
            )
            .bind(&table)
            .fetch_all(&mut superuser)
            .await
            .unwrap();
            if exempt.contains(&table.as_str()) {
                assert!(columns.contains(&"school_id".to_owned()), "{table}");
            } else {
                assert_eq!(columns, ["created_at", "school_id", "updated_at", "version"], "{table}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn no_role_of_ours_stands_above_the_rules() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let mighty = names(
            &mut superuser,
            "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'schools24%'
               AND (rolsuper OR rolbypassrls OR rolreplication OR rolcreatedb
                    OR (rolcreaterole AND rolname <> 'schools24_owner')
                    OR (rolcanlogin AND rolname NOT IN ('schools24_owner', 'schools24_app')))",
        )
        .await;
        assert_eq!(mighty, [""; 0]);
        let inherits: bool =
            sqlx::query_scalar("SELECT rolinherit FROM pg_roles WHERE rolname = 'schools24_app'").fetch_one(&mut superuser).await.unwrap();
        assert!(!inherits, "the login role can do nothing by itself");
    })
    .await;
}
