//! Invariants that the database keeps by itself, attacked at the database itself.

use domain::ServiceName;
use futures_util::future::join_all;

use crate::support::{TestDatabase, admin_sql, assert_constraint, assert_state, commit, run};

#[tokio::test]
async fn a_student_is_in_a_class_once_at_a_time_but_may_come_back() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = database.as_service(ServiceName::Auth);
        let enroll = |begin: &str, end: &str| {
            format!(
                "INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date, end_date)
                 VALUES ('{}', gen_random_uuid(), {}, {}, '{begin}', {end})",
                school.0,
                school.id("class"),
                school.id("student row")
            )
        };
        // The fixture's enrolment ends on 30 September, which is its last day.
        assert_constraint(commit(&auth, school, &enroll("2026-09-30", "NULL")).await, "enrollments_no_overlap");
        let again = enroll("2026-10-01", "NULL");
        let attempts = join_all((0..20).map(|_| commit(&auth, school, &again))).await;
        assert_eq!(attempts.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{attempts:?}");
    })
    .await;
}

#[tokio::test]
async fn the_ledger_balances_or_is_not_written_and_is_never_rewritten() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let fee = database.as_service(ServiceName::Fee);
        let entry = |transaction: &str, debit: i64, credit: i64, currency: &str| {
            format!(
                "INSERT INTO ledger_entries (school_id, id, transaction_id, account, currency, debit_minor, credit_minor, entry_date)
                 VALUES ('{}', gen_random_uuid(), {transaction}, 'cash', '{currency}', {debit}, {credit}, '2026-07-01')",
                school.0
            )
        };
        let new = school.id("another entry");
        let lopsided = format!("{}; {}", entry(&new, 100, 0, "INR"), entry(&new, 0, 99, "INR"));
        assert_constraint(commit(&fee, school, &lopsided).await, "ledger_is_balanced");
        let mixed = format!("{}; {}", entry(&new, 100, 0, "INR"), entry(&new, 0, 100, "USD"));
        assert_constraint(commit(&fee, school, &mixed).await, "ledger_is_balanced");
        assert_constraint(commit(&fee, school, &entry(&school.id("entry"), 5, 0, "INR")).await, "ledger_is_balanced");
        assert_constraint(commit(&fee, school, &entry(&new, 5, 5, "INR")).await, "ledger_entries_one_side");
        let balanced = format!("{}; {}", entry(&new, 100, 0, "INR"), entry(&new, 0, 100, "INR"));
        commit(&fee, school, &balanced).await.unwrap();
        assert_state(commit(&fee, school, "UPDATE ledger_entries SET debit_minor = 1").await, "42501", "rewriting");
        assert_state(commit(&fee, school, "DELETE FROM ledger_entries").await, "42501", "erasing");
    })
    .await;
}

#[tokio::test]
async fn stock_never_goes_below_zero_however_many_take_from_it_at_once() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let inventory = database.as_service(ServiceName::Inventory);
        let take = format!(
            "INSERT INTO stock_movements (school_id, id, item_id, location_id, kind, quantity, moved_by)
             VALUES ('{}', gen_random_uuid(), {}, {}, 'issue', -3, {})",
            school.0,
            school.id("chalk"),
            school.id("store room"),
            school.id("office")
        );
        let attempts = join_all((0..20).map(|_| commit(&inventory, school, &take))).await;
        assert_eq!(attempts.iter().filter(|outcome| outcome.is_ok()).count(), 3, "ten pieces, three at a time: {attempts:?}");
        // One is left here and another is away for repair: two are owned, and not two are there.
        let both = take.replace("'issue', -3", "'issue', -2");
        assert_constraint(commit(&inventory, school, &both).await, "inventory_stock_not_negative");
        assert_constraint(commit(&inventory, school, &take).await, "inventory_valuations_not_negative");
        let by_hand = commit(&inventory, school, "UPDATE inventory_stock SET on_hand = on_hand + 1").await;
        assert_state(by_hand, "42501", "a balance that is no sum of movements");
    })
    .await;
}

#[tokio::test]
async fn a_bus_is_never_overfull_on_any_day() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let mut superuser = database.superuser().await;
        // Ten more students for the one seat that is left.
        for number in 0..10 {
            admin_sql(
                &mut superuser,
                &format!(
                    "INSERT INTO users (id, email, full_name) VALUES ({user}, 's{number}@{}.example', 'S');
                     INSERT INTO students (school_id, id, user_id, admission_number) VALUES ('{}', {user}, {user}, 'S{number}')",
                    school.0,
                    school.0,
                    user = school.id(&format!("rider {number}")),
                ),
            )
            .await;
        }
        let bus = database.as_service(ServiceName::BusRoute);
        let seat = |number: usize, seat: usize, begin: &str| {
            format!(
                "INSERT INTO bus_assignments (school_id, id, student_id, route_id, route_capacity, stop_id, direction, seat, begin_date)
                 SELECT '{}', gen_random_uuid(), {}, id, capacity, {}, 'pickup', {seat}, '{begin}' FROM bus_routes",
                school.0,
                school.id(&format!("rider {number}")),
                school.id("stop")
            )
        };
        let claims: Vec<String> = (0..10).map(|number| seat(number, 2, "2026-07-01")).collect();
        let attempts = join_all(claims.iter().map(|claim| commit(&bus, school, claim))).await;
        assert_eq!(attempts.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{attempts:?}");
        let winner = attempts.iter().position(Result::is_ok).unwrap();
        let loser = (winner + 1) % 10;
        assert_constraint(commit(&bus, school, &seat(loser, 3, "2026-07-01")).await, "bus_assignments_within_capacity");
        assert_constraint(commit(&bus, school, "UPDATE bus_routes SET capacity = 1").await, "bus_assignments_within_capacity");
        assert_constraint(commit(&bus, school, &seat(loser, 2, "2026-08-01")).await, "bus_assignments_one_a_seat");
        assert_constraint(commit(&bus, school, "UPDATE bus_routes SET capacity = 3").await, "bus_routes_fit_their_vehicle");
        commit(&bus, school, "UPDATE vehicles SET capacity = 3").await.unwrap();
        commit(&bus, school, "UPDATE bus_routes SET capacity = 3").await.unwrap();
        assert_constraint(commit(&bus, school, &seat(winner, 3, "2026-08-01")).await, "bus_assignments_one_a_student");
        commit(&bus, school, &seat(loser, 3, "2026-07-01")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn no_teacher_room_or_class_is_in_two_lessons_at_once() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let mut superuser = database.superuser().await;
        admin_sql(
            &mut superuser,
            &format!("INSERT INTO classes (school_id, id, academic_year_id, name) VALUES ('{}', {}, {}, 'B')", school.0, school.id("other class"), school.id("year")),
        )
        .await;
        let calendar = database.as_service(ServiceName::Calendar);
        let lesson = |class: &str, teacher: &str, room: &str, start: i32| {
            format!(
                "INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, room_id, rotation_day, start_minute, end_minute, valid_from)
                 VALUES ('{}', gen_random_uuid(), {}, {teacher}, {room}, 1, {start}, {}, '2026-08-01')",
                school.0,
                school.id(class),
                start + 45
            )
        };
        let (teacher, room) = (school.id("teacher row"), school.id("room"));
        assert_constraint(commit(&calendar, school, &lesson("other class", &teacher, "NULL", 584)).await, "timetable_entries_teacher_free");
        assert_constraint(commit(&calendar, school, &lesson("other class", "NULL", &room, 584)).await, "timetable_entries_room_free");
        assert_constraint(commit(&calendar, school, &lesson("class", "NULL", "NULL", 584)).await, "timetable_entries_class_free");
        commit(&calendar, school, &lesson("other class", &teacher, &room, 585)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_student_has_one_daily_mark_and_it_agrees_with_its_register() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let attendance = database.as_service(ServiceName::Attendance);
        let mark = |held_on: &str, kind: &str| {
            format!(
                "INSERT INTO attendance_records (school_id, id, session_id, student_id, held_on, kind, code, marked_by, marked_at)
                 VALUES ('{}', gen_random_uuid(), {}, {}, '{held_on}', '{kind}', 'P', {}, now())",
                school.0,
                school.id("register"),
                school.id("student row"),
                school.id("teacher")
            )
        };
        commit(&attendance, school, "DELETE FROM attendance_records").await.unwrap();
        assert_state(commit(&attendance, school, &mark("2026-07-02", "daily")).await, "23503", "another day than the register's");
        assert_state(commit(&attendance, school, &mark("2026-07-01", "period")).await, "23503", "another kind than the register's");
        commit(&attendance, school, &mark("2026-07-01", "daily")).await.unwrap();
        assert_state(commit(&attendance, school, &mark("2026-07-01", "daily")).await, "23505", "a second mark");
    })
    .await;
}

#[tokio::test]
async fn money_that_was_not_paid_cannot_be_given_back_and_a_payment_counts_once() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let fee = database.as_service(ServiceName::Fee);
        assert_constraint(commit(&fee, school, "UPDATE payments SET refunded_minor = 101").await, "payments_refunds_within_amount");
        assert_constraint(
            commit(&fee, school, "UPDATE invoices SET status = 'partly_paid', paid_minor = 500001").await,
            "invoices_not_overpaid",
        );
        assert_constraint(
            commit(&fee, school, "UPDATE invoices SET status = 'cancelled', cancelled_at = now(), paid_minor = 1").await,
            "invoices_cancelled_takes_no_payment",
        );
        let pay = |amount: i64, currency: &str| {
            format!(
                "INSERT INTO payments (school_id, id, student_id, invoice_id, method, provider, provider_payment_id, currency, amount_minor)
                 VALUES ('{}', gen_random_uuid(), {}, {}, 'online', 'stripe', 'pi_1', '{currency}', {amount})",
                school.0,
                school.id("student row"),
                school.id("invoice")
            )
        };
        for amount in [0, -5] {
            assert_state(commit(&fee, school, &pay(amount, "INR")).await, "23514", "no amount");
        }
        assert_state(commit(&fee, school, &pay(5, "USD")).await, "23503", "another currency than the invoice's");
        let attempts = join_all((0..50).map(|_| async { commit(&fee, school, &pay(5, "INR")).await })).await;
        assert_eq!(attempts.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let twice = attempts.into_iter().find(Result::is_err).unwrap();
        assert_constraint(twice, "payments_once");
    })
    .await;
}

#[tokio::test]
async fn receipt_numbers_have_no_gaps_even_when_payments_fail() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let fee = database.as_service(ServiceName::Fee);
        // A number, its payment and the payment's entries; without them the number could not be taken.
        let next = format!(
            "WITH taken AS (UPDATE receipt_counters SET last_number = last_number + 1 RETURNING last_number, fiscal_year),
             paid AS (
                 INSERT INTO payments (school_id, id, student_id, method, currency, amount_minor, status, fiscal_year, receipt_number, captured_at, booked_on)
                 SELECT '{}', gen_random_uuid(), {}, 'cash', 'INR', 10, 'captured', fiscal_year, last_number, now(), '2026-07-01' FROM taken
                 RETURNING school_id, id, receipt_number),
             booked AS (
                 INSERT INTO ledger_entries (school_id, id, transaction_id, account, payment_id, currency, debit_minor, credit_minor, entry_date)
                 SELECT school_id, gen_random_uuid(), id, account, id, 'INR', debit, credit, '2026-07-01'
                 FROM paid, (VALUES ('cash', 10, 0), ('student_credit', 0, 10)) AS side (account, debit, credit))
             SELECT receipt_number FROM paid",
            school.0,
            school.id("student row")
        );
        let next = next.as_str();
        let attempts = (0..30).map(|number| {
            let fee = &fee;
            async move {
                let mut transaction = fee.school(school.0).await.unwrap();
                let number_taken: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(next)).fetch_one(transaction.connection().unwrap()).await.unwrap();
                if number % 3 == 0 {
                    return None;
                }
                transaction.commit().await.unwrap();
                Some(number_taken)
            }
        });
        let mut taken: Vec<i64> = join_all(attempts).await.into_iter().flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken, (2..=21).collect::<Vec<i64>>());
        let skipped = "UPDATE receipt_counters SET last_number = last_number + 1";
        assert_constraint(commit(&fee, school, skipped).await, "receipts_have_no_gaps");
    })
    .await;
}

#[tokio::test]
async fn a_published_report_card_does_not_change() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let report = database.as_service(ServiceName::Report);
        commit(&report, school, "UPDATE report_cards SET status = 'published', published_at = now()").await.unwrap();
        assert_constraint(commit(&report, school, "UPDATE report_cards SET figures = '{\"a\": 1}'").await, "report_card_is_final");
        assert_constraint(commit(&report, school, "DELETE FROM report_cards").await, "report_card_is_final");
    })
    .await;
}

#[tokio::test]
async fn a_public_key_that_carries_its_private_part_is_refused() {
    TestDatabase::run(async |database| {
        let school = database.full_school().await;
        let auth = database.as_service(ServiceName::Auth);
        let mut transaction = auth.school(school.0).await.unwrap();
        let insert = |jwk: &str| {
            format!(
                "INSERT INTO signing_keys (kid, public_jwk, not_before, expires_at) VALUES ('k', '{jwk}', now(), now() + interval '1 day')"
            )
        };
        assert_state(run(&mut transaction, &insert(r#"{"kty":"RSA","n":"x","e":"AQAB","d":"secret"}"#)).await, "23514", "a private key");
        drop(transaction);
        commit(&auth, school, &insert(r#"{"kty":"RSA","n":"x","e":"AQAB"}"#)).await.unwrap();
    })
    .await;
}
