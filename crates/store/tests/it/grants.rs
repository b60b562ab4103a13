//! Every role at every table, for real: what isn't its own it can't write.

use domain::ServiceName;
use store::{Identity, Postgres, StoreError};

use crate::catalogue::BUFFERED;
use crate::support::{PASSWORD, TestDatabase, admin_sql, assert_state, identities};

/// Who owns what, as the design has it.
const OWNERS: &[(ServiceName, &[&str])] = &[
    (
        ServiceName::Auth,
        &[
            "academic_years",
            "class_subjects",
            "classes",
            "credentials",
            "enrollments",
            "memberships",
            "schools",
            "sessions",
            "signing_key_secrets",
            "signing_keys",
            "staff",
            "student_guardians",
            "students",
            "subjects",
            "teachers",
            "terms",
            "users",
        ],
    ),
    (ServiceName::Dashboard, &["device_tokens", "notification_preferences", "notifications"]),
    (
        ServiceName::Quiz,
        &[
            "question_categories",
            "quiz_answers",
            "quiz_attempts",
            "quiz_override_members",
            "quiz_overrides",
            "quiz_preferences",
            "quiz_slots",
            "quizzes",
        ],
    ),
    (ServiceName::Homework, &["homework", "homework_files", "homework_overrides", "homework_submissions"]),
    (
        ServiceName::Attendance,
        &[
            "attendance_alert_rules",
            "attendance_alerts",
            "attendance_codes",
            "attendance_corrections",
            "attendance_records",
            "attendance_sessions",
            "attendance_settings",
            "leave_requests",
        ],
    ),
    (
        ServiceName::Fee,
        &[
            "concessions",
            "day_closings",
            "fee_items",
            "fee_profiles",
            "fee_settings",
            "fee_structures",
            "fine_rules",
            "invoice_counters",
            "invoice_lines",
            "invoices",
            "ledger_entries",
            "payment_allocations",
            "payments",
            "provider_events",
            "receipt_counters",
            "refunds",
            "voucher_counters",
            "waivers",
        ],
    ),
    (
        ServiceName::Inventory,
        &[
            "inventory_books",
            "inventory_categories",
            "inventory_counts",
            "inventory_items",
            "inventory_keepers",
            "inventory_loans",
            "inventory_locations",
            "inventory_repairs",
            "inventory_reservations",
            "inventory_stock",
            "inventory_stock_takes",
            "inventory_suppliers",
            "inventory_units",
            "inventory_valuations",
            "stock_movements",
        ],
    ),
    (
        ServiceName::BusRoute,
        &[
            "bus_alarms",
            "bus_alerts",
            "bus_assignments",
            "bus_boardings",
            "bus_drivers",
            "bus_fee_charges",
            "bus_fee_slabs",
            "bus_problems",
            "bus_routes",
            "bus_stop_visits",
            "bus_trips",
            "route_stops",
            "vehicle_maintenance",
            "vehicle_positions",
            "vehicles",
        ],
    ),
    (
        ServiceName::Calendar,
        &[
            "appointment_bookings",
            "appointment_slots",
            "calendar_events",
            "calendar_feeds",
            "room_bookings",
            "rooms",
            "timetable_blocks",
            "timetable_columns",
            "timetable_days",
            "timetable_entries",
            "timetable_handovers",
            "timetable_lesson_days",
        ],
    ),
    (
        ServiceName::Report,
        &[
            "grade_book_changes",
            "grade_book_settings",
            "grade_categories",
            "grade_changes",
            "grade_items",
            "grade_scales",
            "grade_sheets",
            "grade_targets",
            "grades",
            "honour_rules",
            "learning_outcomes",
            "outcome_items",
            "outcome_results",
            "report_cards",
            "report_jobs",
        ],
    ),
];

/// Rows that are never changed or removed, by anybody.
const APPEND_ONLY: &[&str] = &[
    "attendance_corrections",
    "day_closings",
    "waivers",
    "bus_fee_charges",
    "bus_stop_visits",
    "grade_book_changes",
    "grade_changes",
    "ledger_entries",
    "stock_movements",
];

/// What only its owner may read.
const PRIVATE: &[&str] =
    &["calendar_feeds", "credentials", "dead_letters", "device_tokens", "provider_events", "sessions", "signing_key_secrets"];

/// Which verbs `identity` may use on `table`.
fn may(identity: Identity, table: &str, verb: &str) -> bool {
    let append_only = APPEND_ONLY.contains(&table) && matches!(verb, "UPDATE" | "DELETE");
    let is_owner = OWNERS.iter().any(|(service, tables)| identity == Identity::Service(*service) && tables.contains(&table));
    match (identity, table) {
        (_, "seaql_migrations") => false,
        (Identity::Batch, "drain_watermarks" | "dead_letters") => verb != "DELETE",
        (Identity::Batch, "schools" | "inventory_loans" | "inventory_reservations") => verb == "SELECT",
        (Identity::Batch, "outbox") => verb != "INSERT",
        (Identity::Batch, "idempotency_keys") => matches!(verb, "SELECT" | "DELETE"),
        (Identity::Batch, _) => BUFFERED.contains(&table) && !append_only,
        (_, "dead_letters") => false,
        (_, "drain_watermarks") => verb == "SELECT",
        (_, "outbox") => matches!(verb, "SELECT" | "INSERT"),
        (_, "idempotency_keys" | "jobs") => true,
        _ if is_owner => !append_only,
        _ => verb == "SELECT" && !PRIVATE.contains(&table),
    }
}

async fn attempt(postgres: &Postgres, sql: &str) -> Result<(), StoreError> {
    let mut transaction = postgres.platform().await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(transaction.connection()?).await?;
    Ok(())
}

#[tokio::test]
async fn each_role_writes_its_own_tables_and_is_refused_on_all_others() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let tables: Vec<(String, String)> = sqlx::query_as(
            "SELECT c.relname::text, (SELECT string_agg(quote_ident(attname), ',') FROM pg_attribute a
                WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attidentity = '')
             FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
        )
        .fetch_all(&mut superuser)
        .await
        .unwrap();
        for (_, owned) in OWNERS {
            for table in *owned {
                assert!(tables.iter().any(|(name, _)| name == table), "{table} exists");
            }
        }
        for identity in identities() {
            let postgres = database.as_identity(identity);
            for (table, columns) in &tables {
                let first = columns.split(',').next().unwrap();
                // None of them finds or makes a row, so whatever fails, fails for want of the privilege.
                let attempts = [
                    ("SELECT", format!("SELECT FROM {table} WHERE false")),
                    (
                        "INSERT",
                        format!(
                            "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, '{{}}') WHERE false"
                        ),
                    ),
                    ("UPDATE", format!("UPDATE {table} SET {first} = NULL WHERE false")),
                    ("DELETE", format!("DELETE FROM {table} WHERE false")),
                ];
                for (verb, sql) in attempts {
                    let outcome = attempt(&postgres, &sql).await;
                    let what = format!("{verb} on {table} by {}", identity.name());
                    if may(identity, table, verb) {
                        outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
                    } else {
                        assert_state(outcome, "42501", &what);
                    }
                }
                let truncate = attempt(&postgres, &format!("TRUNCATE {table} CASCADE")).await;
                assert_state(truncate, "42501", &format!("TRUNCATE of {table} by {}", identity.name()));
            }
            let create = attempt(&postgres, "CREATE TABLE mine (id int)").await;
            assert_state(create, "42501", &format!("CREATE TABLE by {}", identity.name()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_privilege_too_many_would_be_noticed() {
    TestDatabase::run(async |database| {
        let mut superuser = database.superuser().await;
        let homework = database.as_service(ServiceName::Homework);
        let write = "UPDATE invoices SET status = status WHERE false";
        assert_state(attempt(&homework, write).await, "42501", "before the grant");
        admin_sql(&mut superuser, "GRANT UPDATE ON invoices TO schools24_homework").await;
        attempt(&homework, write).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_login_role_by_itself_may_read_nothing() {
    TestDatabase::run(async |database| {
        let bare = Postgres::connect(&database.config("schools24_app", PASSWORD), Identity::Owner);
        for table in ["users", "homework", "drain_watermarks", "schools"] {
            assert_state(attempt(&bare, &format!("SELECT FROM {table}")).await, "42501", table);
        }
    })
    .await;
}
