//! Invoices that were taken back and whose money went back: `refunded`, and never while something is owed or kept.

use serde_json::{Value, json};
use testkit::Answer;

use crate::school::{School, id};

async fn back(school: &School, payment: &Value, amount: i64) -> Answer {
    let body = json!({"amount_minor": amount, "method": "cash", "reason": "Left the school"});
    school.office.post_once(&format!("/api/v1/payments/{}/refunds", id(payment)), &uuid::Uuid::now_v7().to_string(), &body).await
}

async fn cancel(school: &School, invoice: &Value) -> Value {
    let path = format!("/api/v1/invoices/{}", id(invoice));
    school.act(&school.office, &path, "cancel", &json!({"reason": "Left the school", "to_credit": true})).await.expect(200)
}

async fn status(school: &School, invoice: &Value) -> String {
    school.seen(invoice).await["status"].as_str().unwrap().to_owned()
}

async fn listed(school: &School, status: &str) -> Vec<String> {
    let list = school.office.get(&format!("/api/v1/invoices?status={status}")).await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert!(items.iter().all(|one| one["status"] == json!(status)), "{list:#}");
    items.iter().map(id).collect()
}

/// What the student owes by the statement; negative: credit.
async fn balance(school: &School) -> i64 {
    let statement = school.office.get(&format!("/api/v1/students/{}/ledger", school.student_id)).await.expect(200);
    statement["currencies"].as_array().unwrap().first().map_or(0, |one| one["closing_minor"].as_i64().unwrap())
}

async fn due(school: &School) -> usize {
    school.office.get("/api/v1/fees/dues").await.expect(200)["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_payment_that_is_given_back_leaves_a_debt_and_with_the_invoice_cancelled_none() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = school.cash(&invoice, 1_000).await.expect(201);
    back(&school, &payment, 1_000).await.expect(201);
    // Somebody paid by mistake, say: the fee is owed as before.
    assert_eq!((status(&school, &invoice).await.as_str(), due(&school).await, balance(&school).await), ("issued", 1, 1_000));
    assert_eq!(cancel(&school, &invoice).await["status"], json!("refunded"), "nothing is owed and nothing is kept");
    assert_eq!((due(&school).await, balance(&school).await), (0, 0));
    assert_eq!((listed(&school, "refunded").await, listed(&school, "cancelled").await), (vec![id(&invoice)], vec![]));
    let seen = school.parent.get(&format!("/api/v1/invoices/{}", id(&invoice))).await.expect(200);
    assert_eq!((&seen["open_minor"], &seen["paid_minor"]), (&json!(0), &json!(0)), "{seen:#}");
    school.cash(&invoice, 1).await.expect(409);
    school.books_agree().await;
}

#[tokio::test]
async fn a_cancelled_invoice_is_refunded_when_the_last_of_its_money_went_back_and_not_before() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let (first, second) = (school.cash(&invoice, 400).await.expect(201), school.cash(&invoice, 900).await.expect(201));
    assert_eq!(cancel(&school, &invoice).await["status"], json!("cancelled"));
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    let known = school.office.get(&path).await.etag();
    back(&school, &first, 400).await.expect(201);
    back(&school, &second, 599).await.expect(201);
    assert_eq!((status(&school, &invoice).await.as_str(), balance(&school).await), ("cancelled", -301));
    back(&school, &second, 1).await.expect(201);
    // Whoever has read it before is told anew; the three hundred that were paid too much are still the student's.
    let request = school.office.request(reqwest::Method::GET, &path).header("If-None-Match", &known);
    assert_eq!(school.office.send(request).await.expect(200)["status"], json!("refunded"));
    assert_eq!((status(&school, &invoice).await.as_str(), balance(&school).await), ("refunded", -300));
    assert_eq!((listed(&school, "refunded").await, listed(&school, "cancelled").await), (vec![id(&invoice)], vec![]));
    school.books_agree().await;
}

#[tokio::test]
async fn money_that_pays_another_invoice_or_never_came_or_was_never_there_makes_no_refunded_invoice() {
    let school = School::open().await;
    // Nobody paid.
    let unpaid = school.invoice(school.student_id, 100).await;
    assert_eq!(cancel(&school, &unpaid).await["status"], json!("cancelled"));
    // What was paid pays the next one.
    let moved = school.invoice(school.student_id, 600).await;
    let payment = school.cash(&moved, 600).await.expect(201);
    cancel(&school, &moved).await;
    let next = school.invoice(school.student_id, 600).await;
    assert_eq!((status(&school, &next).await.as_str(), status(&school, &moved).await.as_str()), ("paid", "cancelled"));
    // Given back from there, none of it is left, and the next one is owed.
    back(&school, &payment, 600).await.expect(201);
    assert_eq!((status(&school, &next).await.as_str(), status(&school, &moved).await.as_str()), ("issued", "refunded"));
    assert_eq!(cancel(&school, &next).await["status"], json!("refunded"));
    // One payment of two invoices: half of it back is that of the one that was cancelled first.
    let (one, two) = (school.invoice(school.classmate_id, 500).await, school.invoice(school.classmate_id, 500).await);
    let body = json!({"student_id": school.classmate_id, "method": "cash", "amount_minor": 1_000, "currency": "INR"});
    let both = school.office.post_once("/api/v1/payments", "both", &body).await.expect(201);
    cancel(&school, &one).await;
    cancel(&school, &two).await;
    back(&school, &both, 500).await.expect(201);
    assert_eq!((status(&school, &one).await.as_str(), status(&school, &two).await.as_str()), ("refunded", "cancelled"));
    back(&school, &both, 500).await.expect(201);
    assert_eq!(status(&school, &two).await, "refunded");
    // A cheque that bounces after the invoice was cancelled brought nothing that could go back.
    let by_cheque = school.invoice(school.student_id, 700).await;
    let cheque = json!({"invoice_id": by_cheque["id"], "method": "cheque", "amount_minor": 700, "currency": "INR",
        "cheque": {"number": "1", "bank": "Bank", "date": school.day(0)}});
    let cheque = school.office.post_once("/api/v1/payments", "cheque", &cheque).await.expect(201);
    cancel(&school, &by_cheque).await;
    school.act(&school.office, &format!("/api/v1/payments/{}", id(&cheque)), "bounce", &json!({"reason": "x"})).await.expect(200);
    let seen = school.seen(&by_cheque).await;
    assert_eq!((&seen["status"], &seen["payments"][0]["status"]), (&json!("cancelled"), &json!("bounced")), "{seen:#}");
    assert_eq!(balance(&school).await, 0);
    school.books_agree().await;
}
