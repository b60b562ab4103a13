//! The books attacked at the database itself, with the service's own rights.

use serde_json::json;

use crate::school::{School, id};

#[tokio::test]
async fn documents_that_differ_from_the_ledger_are_not_committed() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = id(&school.cash(&invoice, 600).await.expect(201));
    let invoice = id(&invoice);
    let at = format!("WHERE school_id = '{}'", school.school);
    for (sql, constraint) in [
        (format!("UPDATE invoices SET paid_minor = 700 {at}"), "invoices_owed_is_in_the_ledger"),
        (format!("UPDATE invoices SET waived_minor = 100 {at}"), "invoices_owed_is_in_the_ledger"),
        (format!("UPDATE invoices SET total_minor = 999 {at}"), "invoices_owed_is_in_the_ledger"),
        (format!("UPDATE invoice_lines SET amount_minor = 1 {at}"), "invoices_total_is_their_lines"),
        (format!("DELETE FROM invoice_lines {at}"), "invoices_total_is_their_lines"),
        (format!("UPDATE payment_allocations SET released_minor = 1 {at}"), "invoices_paid_is_their_allocations"),
        (format!("UPDATE payments SET allocated_minor = 0 {at}"), "payments_credit_is_in_the_ledger"),
        (format!("UPDATE payments SET refunded_minor = 1, allocated_minor = 599 {at}"), "payments_money_is_in_the_ledger"),
        (format!("UPDATE payments SET amount_minor = 1000000 {at}"), "payment_is_final"),
        (format!("UPDATE payments SET receipt_number = 7 {at}"), "payment_is_final"),
        (format!("UPDATE payments SET receipt_prefix = 'X' {at}"), "payment_is_final"),
        (format!("DELETE FROM payments {at}"), "payment_is_final"),
        (format!("UPDATE payments SET allocated_minor = 601 {at}"), "payments_within_amount"),
        (format!("UPDATE payments SET status = 'failed' {at}"), "payments_only_captured_pays"),
        (format!("UPDATE receipt_counters SET last_number = last_number + 1 {at}"), "receipts_have_no_gaps"),
        (format!("UPDATE receipt_counters SET last_number = last_number - 1 {at}"), "receipts_have_no_gaps"),
        (format!("DELETE FROM receipt_counters {at}"), "payments_school_id_fiscal_year_fkey"),
        (
            format!(
                "INSERT INTO payment_allocations (school_id, id, payment_id, invoice_id, currency, amount_minor)
                 VALUES ('{}', gen_random_uuid(), '{payment}', '{invoice}', 'INR', 1)",
                school.school
            ),
            "invoices_paid_is_their_allocations",
        ),
        (
            format!(
                "INSERT INTO ledger_entries (school_id, id, transaction_id, account, invoice_id, currency, debit_minor, credit_minor, entry_date)
                 SELECT '{}', gen_random_uuid(), '{invoice}', account, '{invoice}', 'INR', debit, credit, '2100-01-01'
                 FROM (VALUES ('cash', 100, 0), ('receivable', 0, 100)) AS side (account, debit, credit)",
                school.school
            ),
            "invoices_owed_is_in_the_ledger",
        ),
    ] {
        let refused = school.attacker().attempt(&sql).await.expect_err(&sql);
        assert_eq!(refused.constraint(), Some(constraint), "{sql}: {refused}");
    }
    for sql in [
        format!("UPDATE ledger_entries SET debit_minor = 1 {at}"),
        format!("DELETE FROM waivers {at}"),
        format!("DELETE FROM day_closings {at}"),
    ] {
        assert_eq!(school.attacker().attempt(&sql).await.expect_err(&sql).sqlstate().as_deref(), Some("42501"), "{sql}");
    }
    school.books_agree().await;
}

#[tokio::test]
async fn the_ledger_takes_nothing_on_a_closed_day() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    school.cash(&invoice, 600).await.expect(201);
    let close = json!({"closed_on": school.day(0), "cash": [{"currency": "INR", "counted_minor": 600}]});
    let closed = school.office.post("/api/v1/fees/day-closings", &close).await.expect(201);
    assert_eq!(closed["counted"][0]["difference_minor"], json!(0));
    let entry = format!(
        "INSERT INTO ledger_entries (school_id, id, transaction_id, account, currency, debit_minor, credit_minor, entry_date)
         SELECT '{}', gen_random_uuid(), '{}', account, 'INR', debit, credit, '{}'
         FROM (VALUES ('cash', 1, 0), ('bank', 0, 1)) AS side (account, debit, credit)",
        school.school,
        uuid::Uuid::now_v7(),
        school.day(0)
    );
    assert_eq!(school.attacker().attempt(&entry).await.unwrap_err().constraint(), Some("ledger_day_is_open"));
}

#[tokio::test]
async fn the_ledger_takes_only_what_balances_and_keeps_what_it_has() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    school.cash(&invoice, 600).await.expect(201);
    let known = "SELECT transaction_id::text FROM ledger_entries LIMIT 1";
    let known: String = sqlx::query_scalar(known).fetch_one(&mut school.fleet.database.superuser().await).await.unwrap();
    let fresh = uuid::Uuid::now_v7().to_string();
    let enter = |transaction: &str, sides: &str| {
        format!(
            "INSERT INTO ledger_entries (school_id, id, transaction_id, account, currency, debit_minor, credit_minor, entry_date)
             SELECT '{}', gen_random_uuid(), '{transaction}', account, currency, debit, credit, '2100-01-01'
             FROM (VALUES {sides}) AS side (account, currency, debit, credit)",
            school.school
        )
    };
    for (sql, constraint) in [
        (enter(&fresh, "('cash', 'INR', 100, 0)"), "ledger_is_balanced"),
        (enter(&fresh, "('cash', 'INR', 100, 0), ('bank', 'INR', 0, 99)"), "ledger_is_balanced"),
        (enter(&fresh, "('cash', 'INR', 100, 0), ('bank', 'USD', 0, 100)"), "ledger_is_balanced"),
        (enter(&known, "('cash', 'INR', 1, 0)"), "ledger_is_balanced"),
        (enter(&fresh, "('cash', 'INR', 0, 0)"), "ledger_entries_one_side"),
        (enter(&fresh, "('cash', 'INR', 5, 5)"), "ledger_entries_one_side"),
        (enter(&fresh, "('slush fund', 'INR', 5, 0), ('cash', 'INR', 0, 5)"), "ledger_entries_account"),
    ] {
        let refused = school.attacker().attempt(&sql).await.expect_err(&sql);
        assert_eq!(refused.constraint(), Some(constraint), "{sql}: {refused}");
    }
    for sql in [
        "DELETE FROM ledger_entries",
        "UPDATE ledger_entries SET memo = 'another'",
        "TRUNCATE ledger_entries",
        "ALTER TABLE ledger_entries DISABLE TRIGGER USER",
        "DROP TRIGGER fee_adds_up ON invoices",
        "SET session_replication_role = replica",
        "UPDATE waivers SET amount_minor = 1",
    ] {
        assert_eq!(school.attacker().attempt(sql).await.expect_err(sql).sqlstate().as_deref(), Some("42501"), "{sql}");
    }
    school.books_agree().await;
}

#[tokio::test]
async fn refunds_vouchers_and_receipts_are_what_they_were_given_out_as() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = id(&school.cash(&invoice, 600).await.expect(201));
    let back = json!({"amount_minor": 100, "method": "cash", "reason": "x"});
    school.office.post_once(&format!("/api/v1/payments/{payment}/refunds"), "r", &back).await.expect(201);
    let other = id(&school.invoice(school.classmate_id, 1_000).await);
    school.act(&school.office, &format!("/api/v1/invoices/{other}"), "cancel", &json!({"reason": "x"})).await.expect(200);
    let concession = json!({"name": "Merit", "kind": "student", "student_id": school.student_id, "percent_basis_points": 1, "reason": "x", "valid_from": school.day(0)});
    school.office.post("/api/v1/concessions", &concession).await.expect(201);
    for (sql, constraint) in [
        ("UPDATE refunds SET amount_minor = 1", "refund_is_final"),
        ("UPDATE refunds SET status = 'failed', voucher_number = NULL, fiscal_year = NULL", "refund_is_final"),
        ("UPDATE refunds SET voucher_number = 2", "refund_is_final"),
        ("DELETE FROM refunds", "refund_is_final"),
        ("UPDATE voucher_counters SET last_number = last_number + 1", "vouchers_have_no_gaps"),
        ("UPDATE voucher_counters SET last_number = 0", "vouchers_have_no_gaps"),
        (
            "INSERT INTO voucher_counters (school_id, fiscal_year, last_number) VALUES (current_school(), '1999-00', 7)",
            "vouchers_have_no_gaps",
        ),
        (
            "INSERT INTO receipt_counters (school_id, fiscal_year, last_number) VALUES (current_school(), '1999-00', 7)",
            "receipts_have_no_gaps",
        ),
        (
            "INSERT INTO payments (school_id, id, student_id, method, currency, amount_minor, fiscal_year, receipt_number)
             SELECT school_id, gen_random_uuid(), student_id, 'cash', 'INR', 1, fiscal_year, 9 FROM payments LIMIT 1",
            "receipt_is_counted",
        ),
        (
            "INSERT INTO refunds (school_id, id, payment_id, currency, amount_minor, status, requested_by, fiscal_year, voucher_number)
             SELECT school_id, gen_random_uuid(), payment_id, currency, 1, 'succeeded', requested_by, fiscal_year, 1 FROM refunds LIMIT 1",
            "refunds_voucher_once",
        ),
        (
            "INSERT INTO refunds (school_id, id, payment_id, currency, amount_minor, requested_by)
             SELECT school_id, gen_random_uuid(), payment_id, 'USD', 1, requested_by FROM refunds LIMIT 1",
            "refunds_school_id_payment_id_currency_fkey",
        ),
        (
            "INSERT INTO refunds (school_id, id, payment_id, currency, amount_minor, requested_by)
             SELECT school_id, gen_random_uuid(), payment_id, currency, 1, requested_by FROM refunds LIMIT 1",
            "payments_refunded_is_their_refunds",
        ),
        ("UPDATE invoices SET paid_minor = 1 WHERE status = 'cancelled'", "invoices_cancelled_takes_no_payment"),
        ("UPDATE invoices SET status = 'draft' WHERE status = 'partly_paid'", "invoices_owed_is_in_the_ledger"),
        ("UPDATE invoices SET status = 'issued', cancelled_at = NULL WHERE status = 'cancelled'", "invoices_owed_is_in_the_ledger"),
        ("UPDATE concessions SET status = 'approved', approved_by = requested_by", "concessions_two_people"),
    ] {
        let refused = school.attacker().attempt(sql).await.expect_err(sql);
        assert_eq!(refused.constraint(), Some(constraint), "{sql}: {refused}");
    }
    school.attacker().attempt("DELETE FROM invoices WHERE status = 'partly_paid'").await.expect_err("what the ledger names stays");
    school.books_agree().await;
}

#[tokio::test]
async fn what_was_issued_stays_the_students_and_a_students_money_pays_the_students_own() {
    let school = School::open().await;
    let own = id(&school.invoice(school.student_id, 1_000).await);
    let theirs = id(&school.invoice(school.classmate_id, 1_000).await);
    let paid = json!({"student_id": school.student_id, "method": "cash", "amount_minor": 1_400, "currency": "INR"});
    let payment = id(&school.office.post_once("/api/v1/payments", "k", &paid).await.expect(201));
    let (cancelled, other) = (id(&school.invoice(school.classmate_id, 10).await), school.classmate_id);
    school.act(&school.office, &format!("/api/v1/invoices/{cancelled}"), "cancel", &json!({"reason": "x"})).await.expect(200);
    let of = |invoice: &str, set: &str| format!("UPDATE invoices SET {set} WHERE id = '{invoice}'");
    for (sql, constraint) in [
        (of(&theirs, "currency = 'USD'"), "invoice_is_final"),
        (of(&theirs, &format!("student_id = '{}'", school.student_id)), "invoice_is_final"),
        (of(&own, &format!("student_id = '{other}'")), "invoice_is_final"),
        (of(&theirs, "number = 'INV-0'"), "invoice_is_final"),
        (of(&theirs, "number = NULL"), "invoice_is_final"),
        (of(&theirs, "source = 'transport'"), "invoice_is_final"),
        (of(&theirs, "source_ref = 'x'"), "invoice_is_final"),
        (of(&theirs, "period = 'x'"), "invoice_is_final"),
        (of(&theirs, "issued_at = NULL"), "invoice_is_final"),
        (of(&cancelled, "currency = 'USD'"), "invoice_is_final"),
        (format!("DELETE FROM invoices WHERE id = '{theirs}'"), "invoice_is_final"),
        (
            format!(
                "INSERT INTO payment_allocations (school_id, id, payment_id, invoice_id, currency, amount_minor)
                 VALUES (current_school(), gen_random_uuid(), '{payment}', '{theirs}', 'INR', 100)"
            ),
            "allocation_is_of_one_student",
        ),
        (format!("UPDATE payment_allocations SET invoice_id = '{theirs}'"), "allocation_is_of_one_student"),
        (of(&theirs, "rebill = true, status = 'draft'"), "invoices_owed_is_in_the_ledger"),
        // What was taken back stays taken back.
        ("UPDATE payments SET status = 'voided'".to_owned(), "payments_only_captured_pays"),
        ("UPDATE payments SET batch_id = id".to_owned(), "payments_batch_has_places"),
    ] {
        let refused = school.attacker().attempt(&sql).await.expect_err(&sql);
        assert_eq!(refused.constraint(), Some(constraint), "{sql}: {refused}");
    }
    school.act(&school.head, &format!("/api/v1/payments/{payment}"), "void", &json!({"reason": "x"})).await.expect(200);
    let back = "UPDATE payments SET status = 'captured', voided_on = NULL";
    assert_eq!(school.attacker().attempt(back).await.expect_err(back).constraint(), Some("payments_credit_is_in_the_ledger"));
    // A draft is nobody's yet: it can still be put right.
    let draft = json!({"student_id": school.student_id, "period": "x", "currency": "INR", "due_on": school.day(5), "charges": [{"head": "x", "amount_minor": 5}]});
    let draft = id(&school.office.post("/api/v1/invoices", &draft).await.expect(201));
    school.attacker().attempt(&of(&draft, "period = 'y'")).await.expect("it is not issued");
    school.books_agree().await;
}

#[tokio::test]
async fn every_rule_that_is_put_into_words_exists() {
    School::open().await.fleet.database.has_rules(fee::store::RULES.iter().map(|rule| rule.constraint)).await;
}
