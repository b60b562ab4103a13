//! Many at once: one wins, the others are told, nothing is doubled and nothing is lost.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::count;

use crate::school::{School, id};

#[tokio::test]
async fn fifty_identical_payments_at_once_are_one() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let body = json!({"invoice_id": invoice["id"], "method": "cash", "amount_minor": 20_000, "currency": "INR"});
    let answers = join_all((0..50).map(|_| school.office.post_once("/api/v1/payments", "one-and-the-same", &body))).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let first = answers.iter().find(|answer| answer.status == 201).unwrap().body.clone();
    assert!(answers.iter().filter(|answer| answer.status == 201).all(|answer| answer.body == first), "the same answer to all");
    // Whoever was told to wait gets the first answer, too.
    let again = school.office.post_once("/api/v1/payments", "one-and-the-same", &body).await;
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first));
    assert_eq!(school.count("SELECT count(*) FROM payments").await, 1);
    assert_eq!(school.seen(&invoice).await["paid_minor"], json!(20_000));
    let mut other = body;
    other["amount_minor"] = json!(20_001);
    school.office.post_once("/api/v1/payments", "one-and-the-same", &other).await.expect(422);
    school.books_agree().await;
}

#[tokio::test]
async fn fifty_different_payments_at_once_have_fifty_receipts_without_a_gap() {
    let school = School::open().await;
    let invoices = [school.invoice(school.student_id, 100_000).await, school.invoice(school.classmate_id, 30_000).await];
    let bodies: Vec<Value> = (0..50)
        .map(|n| json!({"invoice_id": invoices[n % 2]["id"], "method": "cash", "amount_minor": 1_000 + n, "currency": "INR"}))
        .collect();
    let keys: Vec<String> = (0..50).map(|n| format!("key-{n}")).collect();
    let answers = join_all(bodies.iter().zip(&keys).map(|(body, key)| school.office.post_once("/api/v1/payments", key, body))).await;
    let mut receipts: Vec<i64> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.body["receipt_number"].as_i64().unwrap()).collect();
    receipts.sort_unstable();
    assert_eq!(receipts.len() + count(&answers, 409), 50, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(count(&answers, 409), 0, "neither invoice is paid up");
    assert_eq!(receipts, (1..=50).collect::<Vec<i64>>());
    let paid: i64 = (0..50).filter(|n| n % 2 == 0).map(|n| 1_000 + n).sum();
    assert_eq!(school.seen(&invoices[0]).await["paid_minor"], json!(paid));
    school.books_agree().await;
}

#[tokio::test]
async fn of_fifty_who_pay_the_last_of_an_invoice_the_excess_of_one_is_credit_and_the_rest_is_refused() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let answers = join_all((0..50).map(|_| school.cash(&invoice, 700))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (2, 48), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let seen = school.seen(&invoice).await;
    assert_eq!((&seen["status"], &seen["paid_minor"]), (&json!("paid"), &json!(1_000)));
    assert_eq!(school.count("SELECT sum(amount_minor - allocated_minor)::bigint FROM payments").await, 400);
    school.books_agree().await;
}

#[tokio::test]
async fn of_fifty_refunds_at_once_no_more_goes_back_than_was_paid() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = id(&school.cash(&invoice, 1_000).await.expect(201));
    let path = format!("/api/v1/payments/{payment}/refunds");
    let body = json!({"amount_minor": 300, "method": "cash", "reason": "Moved away"});
    let keys: Vec<String> = (0..50).map(|n| format!("refund-{n}")).collect();
    let answers = join_all(keys.iter().map(|key| school.office.post_once(&path, key, &body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (3, 47), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(school.seen(&invoice).await["open_minor"], json!(900));
    school.books_agree().await;
}

#[tokio::test]
async fn when_fifty_pay_and_one_cancels_no_money_is_on_a_cancelled_invoice() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 100_000).await;
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    let cancel = async {
        for _ in 0..30 {
            let answer = school.act(&school.office, &path, "cancel", &json!({"reason": "A mistake", "to_credit": true})).await;
            if answer.status != 412 {
                return answer.status;
            }
        }
        412
    };
    let (answers, _) = tokio::join!(join_all((0..50).map(|_| school.cash(&invoice, 100))), cancel);
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let seen = school.seen(&invoice).await;
    assert!(seen["status"] != "cancelled" || seen["paid_minor"] == 0, "{seen:#}");
    let taken = i64::try_from(count(&answers, 201)).unwrap() * 100;
    assert_eq!(school.count("SELECT coalesce(sum(amount_minor), 0)::bigint FROM payments").await, taken);
    school.books_agree().await;
}

#[tokio::test]
async fn a_run_asked_for_fifty_times_bills_everybody_once() {
    let school = School::open().await;
    let structure = school.structure("Fees").await;
    let body = json!({"fee_structure_id": structure, "instalment": 1, "issue": true});
    let answers = join_all((0..50).map(|_| school.office.post("/api/v1/invoices/generate", &body))).await;
    assert_eq!(count(&answers, 202), 50);
    let path = answers[0].header("location").to_owned();
    assert!(answers.iter().all(|answer| answer.header("location") == path), "one run");
    crate::school::eventually(async || school.office.get(&path).await.expect(200), |run| run["status"] == "succeeded").await;
    let run = school.run(&structure, 1).await;
    assert_eq!((&run["created"], &run["existing"]), (&json!(0), &json!(2)), "{run:#}");
    assert_eq!(school.count("SELECT count(*) FROM invoices").await, 2);
    school.books_agree().await;
}

#[tokio::test]
async fn while_the_day_is_closed_nobody_enters_anything_on_it() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000_000).await;
    let body = json!({"closed_on": school.day(0), "note": "Counted tomorrow"});
    let close = school.office.post("/api/v1/fees/day-closings", &body);
    let (answers, closed) = tokio::join!(join_all((0..50).map(|_| school.cash(&invoice, 100))), close);
    let closed = closed.expect(201);
    assert_eq!(count(&answers, 201), 50, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let today = closed["totals"].as_array().unwrap().iter().map(|total| total["payments"].as_i64().unwrap()).sum::<i64>();
    let on = |day: String| format!("SELECT count(*) FROM payments WHERE booked_on = '{day}'");
    assert_eq!(school.count(&on(school.day(0))).await, today, "what was told at closing is what is there");
    assert_eq!(school.count(&on(school.day(1))).await, 50 - today, "the rest is tomorrow's");
    school.books_agree().await;
}
