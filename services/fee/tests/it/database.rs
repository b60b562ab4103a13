//! The books attacked at the database itself, with the service's own rights.

use domain::ServiceName;
use serde_json::json;
use sqlx::AssertSqlSafe;
use store::StoreError;

use crate::school::{School, id};

/// Runs `sql` as the fee service would, and commits.
async fn attack(school: &School, sql: &str) -> Result<(), StoreError> {
    let mut transaction = school.fleet.platform.postgres(ServiceName::Fee).school(school.school).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(transaction.connection()?).await?;
    transaction.commit().await
}

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
        let refused = attack(&school, &sql).await.expect_err(&sql);
        assert_eq!(refused.constraint(), Some(constraint), "{sql}: {refused}");
    }
    for sql in [
        format!("UPDATE ledger_entries SET debit_minor = 1 {at}"),
        format!("DELETE FROM waivers {at}"),
        format!("DELETE FROM day_closings {at}"),
    ] {
        assert_eq!(attack(&school, &sql).await.expect_err(&sql).sqlstate().as_deref(), Some("42501"), "{sql}");
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
    assert_eq!(attack(&school, &entry).await.unwrap_err().constraint(), Some("ledger_day_is_open"));
}
