//! What is no amount, no currency or no version is refused, everywhere, and says where.

use serde_json::{Value, json};

use crate::school::{School, id};

/// Negative, zero, fractional, overflowing, and no number at all.
fn no_amounts() -> Vec<Value> {
    let huge: Value = serde_json::from_str("9223372036854775808").unwrap();
    vec![
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(1_000_000_000_001_i64),
        json!(i64::MAX),
        json!(i64::MIN),
        huge,
        json!("100"),
        json!(null),
    ]
}

#[tokio::test]
async fn no_route_takes_what_is_no_amount() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    let payment = format!("/api/v1/payments/{}", id(&school.cash(&invoice, 100).await.expect(201)));
    let etag = school.office.get(&path).await.etag();
    let (student, day) = (json!(school.student_id), school.day(5));
    for amount in no_amounts() {
        let pay = json!({"invoice_id": invoice["id"], "method": "cash", "currency": "INR", "amount_minor": amount});
        assert_eq!(school.office.post_once("/api/v1/payments", "k", &pay).await.pointers(), ["/amount_minor"], "{amount}");
        let refund = json!({"amount_minor": amount, "method": "cash", "reason": "x"});
        assert_eq!(school.office.post_once(&format!("{payment}/refunds"), "k", &refund).await.pointers(), ["/amount_minor"], "{amount}");
        let made = json!({"student_id": student, "period": "x", "currency": "INR", "due_on": day, "charges": [{"head": "x", "amount_minor": amount}]});
        assert_eq!(school.office.post("/api/v1/invoices", &made).await.pointers(), ["/charges/0/amount_minor"], "{amount}");
        let structure = json!({"academic_year_id": school.year, "name": "x", "currency": "INR",
            "heads": [{"head": "x", "amount_minor": amount, "instalments": [{"due_on": day}]}]});
        assert_eq!(school.office.post("/api/v1/fee-structures", &structure).await.pointers(), ["/heads/0/amount_minor"], "{amount}");
        let waiver = json!({"amount_minor": amount, "reason": "x"});
        assert_eq!(school.head.post_if(&format!("{path}/waive"), &etag, &waiver).await.pointers(), ["/amount_minor"], "{amount}");
        if amount.is_null() {
            continue;
        }
        let order = json!({"invoice_id": invoice["id"], "provider": "razorpay", "amount_minor": amount});
        assert_eq!(school.parent.post_once("/api/v1/payments/orders", "k", &order).await.pointers(), ["/amount_minor"], "{amount}");
        let fine = json!({"amount_minor": amount, "description": "x"});
        assert_eq!(school.office.post_if(&format!("{path}/fine"), &etag, &fine).await.pointers(), ["/amount_minor"], "{amount}");
        let concession =
            json!({"name": "x", "kind": "sibling", "amount_minor": amount, "currency": "INR", "valid_from": day, "reason": "x"});
        assert_eq!(school.office.post("/api/v1/concessions", &concession).await.pointers(), ["/amount_minor"], "{amount}");
        let rule = json!({"name": "x", "kind": "fixed", "currency": "INR", "amount_minor": amount});
        assert_eq!(school.office.post("/api/v1/fine-rules", &rule).await.pointers(), ["/amount_minor"], "{amount}");
    }
    assert_eq!(school.count("SELECT count(*) FROM payments").await, 1);
    school.books_agree().await;
}

#[tokio::test]
async fn a_payment_needs_a_key_the_invoices_currency_and_what_goes_with_its_method() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let pay = |with: Value| {
        let mut body = json!({"invoice_id": invoice["id"], "method": "cash", "currency": "INR", "amount_minor": 10});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    assert_eq!(school.office.post("/api/v1/payments", &pay(json!({}))).await.pointers(), ["header:Idempotency-Key"]);
    for (with, pointer) in [
        (json!({"currency": "USD"}), "/currency"),
        (json!({"currency": "XXX"}), "/currency"),
        (json!({"method": "upi"}), "/reference"),
        (json!({"method": "cheque"}), "/cheque"),
        (json!({"reference": "UTR"}), "/reference"),
        (json!({"method": "card"}), "/method"),
        (json!({"invoice_id": uuid::Uuid::now_v7()}), "/invoice_id"),
        (json!({"student_id": school.classmate_id}), "/student_id"),
        (json!({"colour": "red"}), "/colour"),
    ] {
        let answer = school.office.post_once("/api/v1/payments", "k", &pay(with.clone())).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{with}");
    }
    assert_eq!(school.count("SELECT count(*) FROM payments").await, 0);
}

#[tokio::test]
async fn a_change_needs_the_version_that_it_is_based_on() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    for (verb, body) in [
        ("cancel", json!({"reason": "x"})),
        ("fine", json!({"amount_minor": 1, "description": "x"})),
        ("apply-credit", json!({})),
        ("remind", json!({})),
        ("issue", json!({})),
    ] {
        assert_eq!(school.office.post(&format!("{path}/{verb}"), &body).await.status, 428, "{verb}");
        assert_eq!(school.office.post_if(&format!("{path}/{verb}"), "\"v99\"", &body).await.status, 412, "{verb}");
    }
    school.act(&school.office, &path, "issue", &json!({})).await.expect(409);
    let reminded = school.act(&school.office, &path, "remind", &json!({})).await.expect(200);
    assert_eq!(reminded["reminder_count"], json!(1));
}
