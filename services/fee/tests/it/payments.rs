//! Money over the counter: part of an invoice, more than it, cheques, refunds, receipts.

use serde_json::json;

use crate::school::{School, id};

#[tokio::test]
async fn an_invoice_is_paid_in_parts_and_the_excess_pays_the_next_one() {
    let school = School::open().await;
    let first = school.invoice(school.student_id, 10_000).await;
    assert_eq!(school.cash(&first, 4_000).await.expect(201)["allocated_minor"], json!(4_000));
    let seen = school.seen(&first).await;
    assert_eq!((&seen["status"], &seen["open_minor"]), (&json!("partly_paid"), &json!(6_000)));
    let more = school.cash(&first, 9_000).await.expect(201);
    assert_eq!((&more["allocated_minor"], &more["credit_minor"]), (&json!(6_000), &json!(3_000)));
    assert_eq!(school.seen(&first).await["status"], json!("paid"));
    school.cash(&first, 1).await.expect(409);
    // The credit is set against what is issued next.
    let next = school.invoice(school.student_id, 5_000).await;
    let seen = school.seen(&next).await;
    assert_eq!((&seen["status"], &seen["paid_minor"]), (&json!("partly_paid"), &json!(3_000)));
    let payment = school.office.get(&format!("/api/v1/payments/{}", id(&more))).await.expect(200);
    assert_eq!(payment["receipt_number"], json!(2));
    school.books_agree().await;
}

#[tokio::test]
async fn credit_waits_for_the_office_where_the_school_wants_it_so() {
    let school = School::open().await;
    let etag = school.office.get("/api/v1/fees/settings").await.etag();
    school.office.patch("/api/v1/fees/settings", &etag, &json!({"applies_credit": false})).await.expect(200);
    let body = json!({"student_id": school.student_id, "method": "upi", "reference": "UTR1", "amount_minor": 700, "currency": "INR"});
    let paid = school.office.post_once("/api/v1/payments", "k", &body).await.expect(201);
    assert_eq!(paid["credit_minor"], json!(700));
    let invoice = school.invoice(school.student_id, 1_000).await;
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    assert_eq!(school.seen(&invoice).await["paid_minor"], json!(0));
    let seen = school.act(&school.office, &path, "apply-credit", &json!({})).await.expect(200);
    assert_eq!(seen["open_minor"], json!(300));
    school.act(&school.office, &path, "apply-credit", &json!({})).await.expect(409);
    // The same transfer is not taken twice.
    school.office.post_once("/api/v1/payments", "another", &body).await.expect(409);
    school.books_agree().await;
}

#[tokio::test]
async fn a_cheque_that_bounces_leaves_the_debt_a_fine_and_its_receipts_number() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 10_000).await;
    let body = json!({"invoice_id": invoice["id"], "method": "cheque", "amount_minor": 10_000, "currency": "INR",
        "cheque": {"number": "004521", "bank": "State Bank", "date": school.day(0)}});
    let paid = school.office.post_once("/api/v1/payments", "k", &body).await.expect(201);
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"));
    school.office.post_once("/api/v1/payments", "again", &body).await.expect(409);
    let path = format!("/api/v1/payments/{}", id(&paid));
    // Nothing goes back for a cheque that may still bounce.
    let refund = json!({"amount_minor": 1, "method": "cash", "reason": "x"});
    school.office.post_once(&format!("{path}/refunds"), "r", &refund).await.expect(409);
    school.office.post(&format!("{path}/bounce"), &json!({"reason": "Funds"})).await.expect(428);
    school.office.post_if(&format!("{path}/bounce"), "\"v9\"", &json!({"reason": "Funds"})).await.expect(412);
    // The payment's invoice was paid up, so that the bounce opens it before the fine is added.
    let bounced =
        school.act(&school.office, &path, "bounce", &json!({"reason": "Insufficient funds", "fine_minor": 250})).await.expect(200);
    assert_eq!((&bounced["status"], &bounced["receipt_number"], &bounced["credit_minor"]), (&json!("bounced"), &json!(1), &json!(0)));
    let seen = school.seen(&invoice).await;
    assert_eq!((&seen["status"], &seen["open_minor"]), (&json!("issued"), &json!(10_250)));
    school.act(&school.office, &path, "bounce", &json!({"reason": "x"})).await.expect(409);
    school.act(&school.office, &path, "clear", &json!({"cleared_on": school.day(0)})).await.expect(409);
    // It may be handed in again, under a receipt of its own.
    let again = school.office.post_once("/api/v1/payments", "third", &body).await.expect(201);
    assert_eq!(again["receipt_number"], json!(2));
    let path = format!("/api/v1/payments/{}", id(&again));
    school.act(&school.office, &path, "clear", &json!({"cleared_on": school.day(1)})).await.expect(422);
    let cleared = school.act(&school.office, &path, "clear", &json!({"cleared_on": school.day(0)})).await.expect(200);
    assert_eq!(cleared["cleared_on"], json!(school.day(0)));
    school.books_agree().await;
}

#[tokio::test]
async fn a_refund_takes_credit_first_and_then_opens_the_invoice() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = school.cash(&invoice, 1_500).await.expect(201);
    let path = format!("/api/v1/payments/{}/refunds", id(&payment));
    let back = |amount: i64| json!({"amount_minor": amount, "method": "cash", "reason": "Paid too much"});
    school.office.post(&path, &back(500)).await.expect(400);
    let refund = school.office.post_once(&path, "a", &back(500)).await.expect(201);
    assert_eq!(refund["status"], json!("succeeded"));
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"), "credit went first");
    school.office.post_once(&path, "b", &back(200)).await.expect(201);
    assert_eq!(school.seen(&invoice).await["open_minor"], json!(200));
    assert_eq!(school.office.post_once(&path, "c", &back(801)).await.pointers(), ["/amount_minor"]);
    assert_eq!(school.parent.get(&path).await.expect(200)["items"].as_array().unwrap().len(), 2);
    let seen = school.office.get(&format!("/api/v1/payments/{}", id(&payment))).await.expect(200);
    assert_eq!((&seen["refunded_minor"], &seen["allocated_minor"], &seen["credit_minor"]), (&json!(700), &json!(800), &json!(0)));
    school.books_agree().await;
}

#[tokio::test]
async fn a_receipt_is_a_pdf_for_whoever_may_see_the_payment() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = school.cash(&invoice, 1_000).await.expect(201);
    let path = format!("/api/v1/payments/{}/receipt", id(&payment));
    for who in [&school.office, &school.parent, &school.student] {
        let answer = who.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/pdf"));
        assert!(answer.body.as_str().unwrap().starts_with("%PDF-"));
        assert!(answer.header("content-disposition").contains("receipt-R-"));
    }
    school.classmate.get(&path).await.expect(404);
    school.teacher.get(&path).await.expect(403);
}

#[tokio::test]
async fn a_payment_is_cached_under_the_briefs_key_and_never_shown_older_than_it_is() {
    use fred::interfaces::KeysInterface;
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = school.cash(&invoice, 1_000).await.expect(201);
    let partition = domain::Partition::of(school.school);
    let key = format!("write_buffer:payment:{partition}:{}", id(&payment));
    let redis = school.fleet.platform.redis();
    let old: Option<Vec<u8>> = redis.get(&key).await.unwrap();
    assert!(old.is_some(), "{key}");
    let ttl: i64 = redis.ttl(&key).await.unwrap();
    assert!(ttl > 0, "what is saved expires");
    let body = json!({"amount_minor": 100, "method": "cash", "reason": "x"});
    school.office.post_once(&format!("/api/v1/payments/{}/refunds", id(&payment)), "r", &body).await.expect(201);
    let seen = school.office.get(&format!("/api/v1/payments/{}", id(&payment))).await.expect(200);
    assert_eq!(seen["refunded_minor"], json!(100));
    // Another school's caller gets nothing, although the value is there.
    let other = school.fleet.school("Riverside").await;
    school.fleet.member(other, domain::Role::Admin, "office@b.example").await;
    let stranger = school.fleet.login("office@b.example").await;
    stranger.get(&format!("/api/v1/payments/{}", id(&payment))).await.expect(404);
}
