//! Days that pass: what the cash box was short of, fines by the day, ages of what is owed, and a new fiscal year.

use std::sync::Arc;

use chrono::{Datelike, Duration, NaiveDate};
use domain::ManualClock;
use serde_json::{Value, json};

use crate::school::{School, id};

/// A school whose days pass when the test says so.
async fn open() -> (School, Arc<ManualClock>) {
    let mut school = School::open().await;
    let clock = Arc::new(ManualClock::at(school.fleet.platform.clock().now()));
    school.by(clock.clone()).await;
    (school, clock)
}

/// Lets days pass. The services begin anew behind them: in so long a time their keys have been replaced.
async fn pass(school: &mut School, clock: &Arc<ManualClock>, days: i64) {
    clock.advance(Duration::days(days));
    school.by(clock.clone()).await;
}

#[tokio::test]
async fn a_difference_is_booked_with_its_day_so_that_the_next_one_is_clean() {
    let (mut school, clock) = open().await;
    let close = async |school: &School, counted: i64, note: Option<&str>| {
        let body = json!({"closed_on": school.day(0), "cash": [{"currency": "INR", "counted_minor": counted}], "note": note});
        school.office.post("/api/v1/fees/day-closings", &body).await
    };
    let deposit = async |school: &School, amount: i64| {
        let body = json!({"from": "cash", "amount_minor": amount, "currency": "INR", "reference": "Slip"});
        school.office.post_once("/api/v1/fees/deposits", &uuid::Uuid::now_v7().to_string(), &body).await
    };
    let invoice = school.invoice(school.student_id, 10_000).await;
    school.cash(&invoice, 600).await.expect(201);
    assert_eq!(close(&school, 590, None).await.pointers(), ["/note"]);
    let short = close(&school, 590, Some("Ten missing")).await.expect(201);
    assert_eq!(short["counted"][0]["difference_minor"], json!(-10));
    school.books_agree().await;
    pass(&mut school, &clock, 1).await;
    school.cash(&invoice, 100).await.expect(201);
    let clean = close(&school, 690, None).await.expect(201);
    assert_eq!((&clean["counted"][0]["expected_minor"], &clean["counted"][0]["difference_minor"]), (&json!(690), &json!(0)), "{clean:#}");
    // What is too much is there, and can be taken to the bank.
    pass(&mut school, &clock, 1).await;
    close(&school, 705, Some("Fifteen too much")).await.expect(201);
    assert_eq!(deposit(&school, 706).await.pointers(), ["/amount_minor"]);
    deposit(&school, 705).await.expect(201);
    // A box that nobody counted is explained, and nothing is booked of it.
    pass(&mut school, &clock, 1).await;
    school.cash(&invoice, 40).await.expect(201);
    let uncounted = json!({"closed_on": school.day(0)});
    assert_eq!(school.office.post("/api/v1/fees/day-closings", &uncounted).await.pointers(), ["/note"]);
    let uncounted = json!({"closed_on": school.day(0), "note": "The office was shut"});
    let uncounted = school.office.post("/api/v1/fees/day-closings", &uncounted).await.expect(201);
    assert_eq!((&uncounted["counted"][0]["counted_minor"], &uncounted["counted"][0]["difference_minor"]), (&json!(null), &json!(null)));
    pass(&mut school, &clock, 1).await;
    close(&school, 40, None).await.expect(201);
    let sums = school.office.get("/api/v1/fees/reconciliation").await.expect(200);
    let of = |account: &str| {
        let account = sums["accounts"].as_array().unwrap().iter().find(|one| one["account"] == account).unwrap();
        account["balance_minor"].as_i64().unwrap()
    };
    assert_eq!((of("cash"), of("bank"), of("cash_over_short")), (40, 705, -5), "{sums:#}");
    // On the days that they were found.
    let on = |days: i64| {
        format!("SELECT count(*) FROM ledger_entries WHERE account = 'cash_over_short' AND entry_date = '{}'", school.day(days))
    };
    assert_eq!((school.count(&on(-4)).await, school.count(&on(-3)).await, school.count(&on(-2)).await), (1, 0, 1));
    school.books_agree().await;
}

#[tokio::test]
async fn a_fine_by_the_day_is_charged_again_days_later_and_what_is_owed_grows_older() {
    let (mut school, clock) = open().await;
    let rule = json!({"name": "Late", "kind": "per_day", "currency": "INR", "amount_minor": 100, "grace_days": 2, "cap_minor": 10_000});
    let rule = json!({"fine_rule_id": id(&school.office.post("/api/v1/fine-rules", &rule).await.expect(201))});
    let invoice = school.invoice(school.student_id, 5_000).await;
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    let total = |seen: &Value| seen["total_minor"].as_i64().unwrap();
    assert_eq!(total(&school.act(&school.office, &path, "fine", &rule).await.expect(200)), 5_300, "five days late, two of grace");
    school.act(&school.office, &path, "fine", &rule).await.expect(409);
    pass(&mut school, &clock, 4).await;
    assert_eq!(total(&school.act(&school.office, &path, "fine", &rule).await.expect(200)), 5_700, "four more");
    school.act(&school.office, &path, "fine", &rule).await.expect(409);
    let age = async |school: &School| {
        let dues = school.office.get("/api/v1/fees/dues").await.expect(200);
        dues["items"][0]["age"].as_str().unwrap().to_owned()
    };
    assert_eq!(age(&school).await, "days1_to30");
    pass(&mut school, &clock, 30).await;
    assert_eq!(age(&school).await, "days31_to60");
    pass(&mut school, &clock, 60).await;
    assert_eq!(age(&school).await, "over90");
    assert_eq!(total(&school.act(&school.office, &path, "fine", &rule).await.expect(200)), 5_000 + 9_700, "99 days late, two of grace");
    pass(&mut school, &clock, 10).await;
    assert_eq!(total(&school.act(&school.office, &path, "fine", &rule).await.expect(200)), 15_000, "the rule's cap");
    school.books_agree().await;
}

#[tokio::test]
async fn receipts_invoices_and_vouchers_start_at_one_in_the_new_fiscal_year() {
    let (mut school, clock) = open().await;
    let invoice = school.invoice(school.student_id, 5_000).await;
    let pay = async |school: &School| {
        let paid = school.cash(&invoice, 100).await.expect(201);
        let back = json!({"amount_minor": 10, "method": "cash", "reason": "x"});
        let back = school.office.post_once(&format!("/api/v1/payments/{}/refunds", id(&paid)), "r", &back).await.expect(201);
        let year = paid["fiscal_year"].as_str().unwrap().to_owned();
        assert_eq!(back["fiscal_year"], json!(year));
        (year, paid["receipt_number"].as_i64().unwrap(), back["voucher_number"].as_i64().unwrap())
    };
    let (year, receipt, voucher) = pay(&school).await;
    assert_eq!((receipt, voucher), (1, 1));
    assert_eq!(pay(&school).await, (year.clone(), 2, 2));
    let today = school.fleet.platform.clock().now().date_naive();
    let next = if today.month() < 4 { today.year() } else { today.year() + 1 };
    let first = NaiveDate::from_ymd_opt(next, 4, 1).unwrap();
    pass(&mut school, &clock, (first - today).num_days() - 1).await;
    assert_eq!(pay(&school).await, (year.clone(), 3, 3), "the last day of March");
    pass(&mut school, &clock, 1).await;
    let then = format!("{next}-{:02}", (next + 1) % 100);
    assert_ne!(then, year);
    assert_eq!(pay(&school).await, (then.clone(), 1, 1));
    let new = school.invoice(school.classmate_id, 100).await;
    assert_eq!(new["number"], json!(format!("INV/{then}/000001")));
    school.books_agree().await;
}
