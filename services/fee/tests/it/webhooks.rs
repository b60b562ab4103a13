//! Paying online: orders at a stand-in for the provider, and events in the providers' documented form, signed as they sign them.

use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::{Answer, count};

use crate::school::{School, eventually, id};
use crate::stand_in::StandIn;

const RAZORPAY_SECRET: &str = "razorpay webhook secret";
const STRIPE_SECRET: &str = "whsec_test";

/// Accounts with both, at the stand-in.
pub fn variables(provider: &StandIn) -> [(&'static str, &str); 7] {
    [
        ("RAZORPAY_API_URL", &provider.url),
        ("RAZORPAY_KEY_ID", "rzp_test_1"),
        ("RAZORPAY_KEY_SECRET", "key secret"),
        ("RAZORPAY_WEBHOOK_SECRET", RAZORPAY_SECRET),
        ("STRIPE_API_URL", &provider.url),
        ("STRIPE_SECRET_KEY", "sk_test_1"),
        ("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET),
    ]
}

async fn open() -> (School, StandIn) {
    let provider = StandIn::start().await;
    let school = School::open_with(&variables(&provider)).await;
    (school, provider)
}

pub fn sign(secret: &str, parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in parts {
        mac.update(part.as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

async fn order(school: &School, invoice: &Value, provider: &str, amount: Option<i64>) -> Value {
    let mut body = json!({"invoice_id": invoice["id"], "provider": provider});
    if let Some(amount) = amount {
        body["amount_minor"] = json!(amount);
    }
    school.parent.post_once("/api/v1/payments/orders", &uuid::Uuid::now_v7().to_string(), &body).await.expect(201)
}

async fn tell(school: &School, provider: &str, headers: &[(&str, String)], body: &str) -> Answer {
    tell_about(school, school.school, provider, headers, body).await
}

async fn tell_about(school: &School, of: domain::SchoolId, provider: &str, headers: &[(&str, String)], body: &str) -> Answer {
    let api = school.fleet.anonymous();
    let path = format!("/api/v1/webhooks/{provider}/{of}");
    let mut request = api.request(reqwest::Method::POST, &path).header("content-type", "application/json").body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    api.send(request).await
}

pub async fn razorpay(school: &School, event_id: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let signature = sign(RAZORPAY_SECRET, &[&body]);
    tell(school, "razorpay", &[("x-razorpay-signature", signature), ("x-razorpay-event-id", event_id.to_owned())], &body).await
}

async fn razorpay_about(school: &School, of: domain::SchoolId, event_id: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let signature = sign(RAZORPAY_SECRET, &[&body]);
    tell_about(school, of, "razorpay", &[("x-razorpay-signature", signature), ("x-razorpay-event-id", event_id.to_owned())], &body).await
}

/// `payment.captured` as Razorpay documents it.
pub fn captured(event: &str, order: &Value, payment: &str, amount: &Value, currency: &str) -> Value {
    json!({"entity": "event", "account_id": "acc_BFQ7uQEaa7j2z7", "event": event, "contains": ["payment"], "created_at": 1_567_674_606,
        "payload": {"payment": {"entity": {"id": payment, "entity": "payment", "amount": amount, "currency": currency, "status": "captured",
            "order_id": order["provider_order_id"], "invoice_id": null, "international": false, "method": "upi", "amount_refunded": 0, "refund_status": null,
            "captured": true, "description": null, "card_id": null, "bank": null, "wallet": null, "vpa": "gaurav.kumar@upi",
            "email": "gaurav.kumar@example.com", "contact": "+919876543210", "notes": [], "fee": 2, "tax": 0, "error_code": null,
            "error_description": null, "acquirer_data": {"rrn": "925116011022"}, "created_at": 1_567_674_599}}}})
}

async fn status(school: &School, order: &Value) -> Value {
    school.office.get(&format!("/api/v1/payments/{}", order["payment_id"].as_str().unwrap())).await.expect(200)
}

#[tokio::test]
async fn an_order_is_signed_made_once_and_paid_when_the_provider_says_so() {
    let (school, provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let body = json!({"invoice_id": invoice["id"], "provider": "razorpay", "amount_minor": 20_000});
    let answers = join_all((0..10).map(|_| school.parent.post_once("/api/v1/payments/orders", "checkout", &body))).await;
    assert_eq!(count(&answers, 201), 10, "{:?}", answers.iter().map(|a| &a.body).collect::<Vec<_>>());
    let order = answers[0].body.clone();
    assert!(answers.iter().all(|answer| answer.body["provider_order_id"] == order["provider_order_id"]));
    assert_eq!((&order["key_id"], &order["amount_minor"]), (&json!("rzp_test_1"), &json!(20_000)));
    assert_eq!(school.count("SELECT count(*) FROM payments").await, 1);
    let asked = &provider.asked()[0];
    // rzp_test_1:key secret
    assert_eq!((asked.path.as_str(), asked.authorization.as_str()), ("/v1/orders", "Basic cnpwX3Rlc3RfMTprZXkgc2VjcmV0"));
    let sent: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!((&sent["amount"], &sent["currency"], &sent["receipt"]), (&json!(20_000), &json!("INR"), &order["payment_id"]));
    let mut other = body.clone();
    other["amount_minor"] = json!(1);
    school.parent.post_once("/api/v1/payments/orders", "checkout", &other).await.expect(422);
    let event = captured("payment.captured", &order, "pay_1", &json!(20_000), "INR");
    assert_eq!(razorpay(&school, "evt_1", &event).await.expect(200)["outcome"], json!("applied"));
    let paid = status(&school, &order).await;
    assert_eq!((&paid["status"], &paid["receipt_number"], &paid["provider_payment_id"]), (&json!("captured"), &json!(1), &json!("pay_1")));
    assert_eq!(school.seen(&invoice).await["open_minor"], json!(30_000));
    school.classmate.post_once("/api/v1/payments/orders", "k", &body).await.expect(404);
    school.books_agree().await;
}

#[tokio::test]
async fn an_event_counts_once_however_often_it_comes_and_in_whatever_order() {
    let (school, _provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "razorpay", None).await;
    let event = captured("payment.captured", &order, "pay_1", &json!(50_000), "INR");
    let paid = captured("order.paid", &order, "pay_1", &json!(50_000), "INR");
    let mut failed = captured("payment.failed", &order, "pay_0", &json!(50_000), "INR");
    failed["payload"]["payment"]["entity"]["error_description"] = json!("Payment failed");
    // An attempt fails, another succeeds; both are told fifty times at once, by either name.
    razorpay(&school, "evt_0", &failed).await.expect(200);
    assert_eq!(status(&school, &order).await["status"], json!("failed"));
    let told = join_all((0..50).map(|n| {
        let (school, event) = (&school, if n % 2 == 0 { &event } else { &paid });
        async move { razorpay(school, if n % 2 == 0 { "evt_1" } else { "evt_2" }, event).await }
    }));
    assert_eq!(count(&told.await, 200), 50);
    // The failure again, late and under another id.
    assert_eq!(razorpay(&school, "evt_9", &failed).await.expect(200)["outcome"], json!("already known"));
    assert_eq!(status(&school, &order).await["status"], json!("captured"));
    assert_eq!(school.count("SELECT count(*) FROM payments WHERE receipt_number IS NOT NULL").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM provider_events").await, 4);
    // A second payment of the same order is real money that nobody asked for: somebody must look.
    let second = captured("payment.captured", &order, "pay_2", &json!(50_000), "INR");
    razorpay(&school, "evt_3", &second).await.expect(200);
    let seen = school.office.get("/api/v1/fees/reconciliation").await.expect(200);
    assert_eq!(seen["unmatched_events"][0]["event_id"], json!("evt_3"));
    school.books_agree().await;
}

#[tokio::test]
async fn what_is_not_signed_or_not_our_sum_pays_nothing() {
    let (school, _provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "razorpay", None).await;
    let event = captured("payment.captured", &order, "pay_1", &json!(50_000), "INR").to_string();
    let right = sign(RAZORPAY_SECRET, &[&event]);
    let id = || ("x-razorpay-event-id", "evt_1".to_owned());
    for (headers, body) in [
        (vec![id()], event.clone()),
        (vec![id(), ("x-razorpay-signature", sign("another secret", &[&event]))], event.clone()),
        (vec![id(), ("x-razorpay-signature", right.clone())], event.replace("50000", "50001")),
        (vec![id(), ("x-razorpay-signature", right.clone())], format!("{event} ")),
        (vec![id(), ("x-razorpay-signature", "zz".to_owned())], event.clone()),
    ] {
        assert_eq!(tell(&school, "razorpay", &headers, &body).await.status, 401);
    }
    for (n, (amount, currency)) in [(json!(49_999), "INR"), (json!(50_001), "INR"), (json!(50_000), "USD")].into_iter().enumerate() {
        let event = captured("payment.captured", &order, "pay_1", &amount, currency);
        assert_ne!(razorpay(&school, &format!("evt_{n}"), &event).await.expect(200)["outcome"], json!("applied"));
    }
    let mut unknown = order.clone();
    unknown["provider_order_id"] = json!("order_unknown");
    razorpay(&school, "evt_x", &captured("payment.captured", &unknown, "pay_1", &json!(50_000), "INR")).await.expect(200);
    assert_eq!(status(&school, &order).await["status"], json!("created"));
    let seen = school.office.get("/api/v1/fees/reconciliation").await.expect(200);
    assert_eq!(seen["unmatched_events"].as_array().unwrap().len(), 4);
    // Somebody else's path, and no provider of ours.
    let other = school.fleet.school("Riverside").await;
    let api = school.fleet.anonymous();
    let path = format!("/api/v1/webhooks/razorpay/{other}");
    let request = api.request(reqwest::Method::POST, &path).header("x-razorpay-signature", right).body(event);
    assert_eq!(api.send(request).await.expect(200)["outcome"], json!("about nothing that is known here"));
    assert_eq!(api.post("/api/v1/webhooks/paypal/x", &json!({})).await.status, 404);
    school.books_agree().await;
}

#[tokio::test]
async fn stripe_is_paid_by_intent_within_five_minutes_of_its_signature() {
    let (school, provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "stripe", None).await;
    assert_eq!(order["client_secret"], json!("pi_secret"));
    let asked = provider.asked()[0].clone();
    assert_eq!((asked.path.as_str(), asked.authorization.as_str()), ("/v1/payment_intents", "Bearer sk_test_1"));
    assert_eq!(json!(asked.key), order["payment_id"], "asked again, it is the same intent");
    assert!(asked.body.contains("amount=50000&currency=inr"), "{}", asked.body);
    let event = json!({"id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "object": "event", "api_version": "2019-02-19", "created": 1_686_089_970,
        "type": "payment_intent.succeeded", "livemode": false, "pending_webhooks": 0, "request": {"id": null, "idempotency_key": null},
        "data": {"object": {"id": order["provider_order_id"], "object": "payment_intent", "amount": 50_000, "amount_capturable": 0,
            "amount_received": 50_000, "currency": "inr", "latest_charge": "ch_1EXUPv2eZvKYlo2CStIqOmbY", "status": "succeeded",
            "metadata": {"payment_id": order["payment_id"]}}}})
    .to_string();
    let now = school.fleet.platform.clock().now().timestamp();
    let header = |at: i64, secret: &str| format!("t={at},v1={},v1={}", sign("old", &[]), sign(secret, &[&at.to_string(), ".", &event]));
    for wrong in [header(now - 301, STRIPE_SECRET), header(now + 301, STRIPE_SECRET), header(now, "whsec_other"), "t=1".to_owned()] {
        assert_eq!(tell(&school, "stripe", &[("stripe-signature", wrong)], &event).await.status, 401);
    }
    let told = tell(&school, "stripe", &[("stripe-signature", header(now - 290, STRIPE_SECRET))], &event).await.expect(200);
    assert_eq!(told["outcome"], json!("applied"));
    let again = tell(&school, "stripe", &[("stripe-signature", header(now, STRIPE_SECRET))], &event).await.expect(200);
    assert_eq!(again["outcome"], json!("already known"));
    assert_eq!(status(&school, &order).await["provider_payment_id"], json!("ch_1EXUPv2eZvKYlo2CStIqOmbY"));
    school.books_agree().await;
}

#[tokio::test]
async fn money_for_an_invoice_that_was_cancelled_meanwhile_is_credit() {
    let (school, _provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "razorpay", None).await;
    school.act(&school.office, &format!("/api/v1/invoices/{}", id(&invoice)), "cancel", &json!({"reason": "A mistake"})).await.expect(200);
    razorpay(&school, "evt_1", &captured("payment.captured", &order, "pay_1", &json!(50_000), "INR")).await.expect(200);
    assert_eq!(status(&school, &order).await["credit_minor"], json!(50_000));
    // The provider pays it out, and keeps its part.
    let paid_out =
        |amount: i64| json!({"from": "gateway", "amount_minor": amount, "fee_minor": 1_180, "currency": "INR", "reference": "setl_1"});
    assert_eq!(school.office.post_once("/api/v1/fees/deposits", "a", &paid_out(48_821)).await.pointers(), ["/amount_minor"]);
    school.office.post_once("/api/v1/fees/deposits", "b", &paid_out(48_820)).await.expect(201);
    school.books_agree().await;
}

#[tokio::test]
async fn a_refund_goes_through_the_provider_and_waits_for_its_word() {
    let (school, provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "razorpay", None).await;
    razorpay(&school, "evt_1", &captured("payment.captured", &order, "pay_1", &json!(50_000), "INR")).await.expect(200);
    let path = format!("/api/v1/payments/{}/refunds", order["payment_id"].as_str().unwrap());
    let back = json!({"amount_minor": 20_000, "reason": "Left the school"});
    assert_eq!(
        school.office.post_once(&path, "c", &json!({"amount_minor": 1, "method": "cash", "reason": "x"})).await.pointers(),
        ["/method"]
    );
    let refund = school.office.post_once(&path, "a", &back).await.expect(201);
    assert_eq!(refund["status"], json!("pending"));
    let settled = eventually(async || school.office.get(&path).await.expect(200), |list| list["items"][0]["status"] != "pending").await;
    assert_eq!(settled["items"][0]["status"], json!("succeeded"), "{settled:#}");
    let asked: Vec<_> = provider.asked().into_iter().filter(|asked| asked.path.ends_with("/refund")).collect();
    assert_eq!((asked.len(), asked[0].path.as_str(), &asked[0].key), (1, "/v1/payments/pay_1/refund", &id(&refund)));
    // One that the provider refuses comes back as credit.
    provider.fail_with(Some(400));
    school.office.post_once(&path, "b", &back).await.expect(201);
    let refused = eventually(async || school.office.get(&path).await.expect(200), |list| list["items"][1]["status"] != "pending").await;
    assert_eq!(refused["items"][1]["status"], json!("failed"));
    // What is remembered of the payment is told after that was committed.
    let seen = eventually(async || status(&school, &order).await, |seen| seen["refunded_minor"] == json!(20_000)).await;
    assert_eq!((&seen["refunded_minor"], &seen["credit_minor"]), (&json!(20_000), &json!(20_000)));
    school.books_agree().await;
}

#[tokio::test]
async fn an_account_of_the_schools_own_goes_before_the_shared_one_and_no_secret_is_shown() {
    let provider = StandIn::start().await;
    let school = School::open_with(&[("RAZORPAY_API_URL", &provider.url)]).await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let body = json!({"invoice_id": invoice["id"], "provider": "razorpay"});
    assert_eq!(school.parent.post_once("/api/v1/payments/orders", "k", &body).await.pointers(), ["/provider"]);
    let keys = json!({(school.school.to_string()): {"razorpay": {"key_id": "rzp_own", "key_secret": "own secret", "webhook_secret": "s"}}})
        .to_string();
    let source = service_kit::config::Source::of([("JWT_SECRET", "for-tests-only-for-tests-only-for-tests"), ("PAYMENT_SCHOOLS", &keys)]);
    let config = service_kit::Config::from_source(&source).unwrap();
    assert_eq!(config.payments.razorpay(school.school).unwrap().key_id, "rzp_own");
    assert!(!format!("{config:?}").contains("own secret"));
    let half =
        service_kit::config::Source::of([("JWT_SECRET", "for-tests-only-for-tests-only-for-tests"), ("STRIPE_SECRET_KEY", "sk_hidden")]);
    let faults = service_kit::Config::from_source(&half).unwrap_err();
    assert!(faults.to_string().contains("STRIPE_WEBHOOK_SECRET") && !faults.to_string().contains("sk_hidden"), "{faults}");
}

/// Tells Stripe's event about `object`, signed now.
pub async fn stripe(school: &School, event: &str, kind: &str, object: &Value) -> Answer {
    let body = json!({"id": event, "object": "event", "type": kind, "livemode": false, "data": {"object": object}}).to_string();
    let at = school.fleet.platform.clock().now().timestamp().to_string();
    let signature = format!("t={at},v1={}", sign(STRIPE_SECRET, &[&at, ".", &body]));
    tell(school, "stripe", &[("stripe-signature", signature)], &body).await
}

#[tokio::test]
async fn word_of_a_refund_counts_once_in_whatever_order_it_comes_and_for_our_sum_alone() {
    let (school, provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "stripe", None).await;
    let intent =
        json!({"id": order["provider_order_id"], "amount": 50_000, "amount_received": 50_000, "currency": "inr", "latest_charge": "ch_1"});
    assert_eq!(stripe(&school, "evt_1", "payment_intent.succeeded", &intent).await.expect(200)["outcome"], json!("applied"));
    let path = format!("/api/v1/payments/{}/refunds", order["payment_id"].as_str().unwrap());
    let back = |amount: i64| json!({"amount_minor": amount, "reason": "Left the school"});
    // Stripe doesn't answer; its word that the money went is here before.
    provider.fail_with(Some(500));
    let refund = school.office.post_once(&path, "a", &back(20_000)).await.expect(201);
    let word = |id: &str, amount: i64, currency: &str, status: &str| json!({"id": id, "object": "refund", "amount": amount, "currency": currency, "status": status, "metadata": {"refund_id": refund["id"]}});
    for (event, amount, currency, outcome) in
        [("evt_2", 19_999, "inr", "another amount than the order's"), ("evt_3", 20_000, "usd", "another currency than the order's")]
    {
        let told = stripe(&school, event, "refund.updated", &word("re_first", amount, currency, "succeeded")).await.expect(200);
        assert_eq!(told["outcome"], json!(outcome));
    }
    let gone = stripe(&school, "evt_4", "refund.updated", &word("re_first", 20_000, "inr", "succeeded")).await.expect(200);
    assert_eq!(gone["outcome"], json!("applied"));
    for (event, kind, status) in [("evt_5", "refund.created", "pending"), ("evt_7", "charge.refund.updated", "succeeded")] {
        let told = stripe(&school, event, kind, &word("re_first", 20_000, "inr", status)).await.expect(200);
        assert_eq!(told["outcome"], json!("already known"), "{kind}");
    }
    let unknown = json!({"id": "re_9", "amount": 1, "currency": "inr", "status": "succeeded", "metadata": {}});
    assert_eq!(
        stripe(&school, "evt_8", "refund.updated", &unknown).await.expect(200)["outcome"],
        json!("about nothing that is known here")
    );
    let list = school.office.get(&path).await.expect(200);
    assert_eq!((&list["items"][0]["status"], &list["items"][0]["voucher_number"]), (&json!("succeeded"), &json!(1)), "{list:#}");
    // One that Stripe takes and can't carry out comes back as credit, and has no voucher.
    provider.fail_with(None);
    let second = school.office.post_once(&path, "b", &back(5_000)).await.expect(201);
    let taken =
        eventually(async || school.office.get(&path).await.expect(200), |list| !list["items"][1]["provider_refund_id"].is_null()).await;
    let theirs = taken["items"][1]["provider_refund_id"].as_str().unwrap().to_owned();
    assert_eq!((&taken["items"][1]["status"], &taken["items"][1]["voucher_number"]), (&json!("pending"), &json!(null)));
    let failed = json!({"id": theirs, "amount": 5_000, "currency": "inr", "status": "failed", "failure_reason": "expired_or_canceled_card", "metadata": {}});
    assert_eq!(stripe(&school, "evt_9", "refund.failed", &failed).await.expect(200)["outcome"], json!("applied"));
    let list = school.office.get(&path).await.expect(200);
    assert_eq!(
        (id(&list["items"][1]), &list["items"][1]["status"], &list["items"][1]["failure"]),
        (id(&second), &json!("failed"), &json!("expired_or_canceled_card"))
    );
    assert_eq!(status(&school, &order).await["credit_minor"], json!(5_000));
    school.books_agree().await;
}

#[tokio::test]
async fn a_sum_that_the_provider_takes_no_such_of_is_the_callers_fault_and_leaves_no_order() {
    let (school, _provider) = open().await;
    let body = json!({"student_id": school.student_id, "period": "Camp", "currency": "KWD", "due_on": school.day(5), "issue": true,
        "charges": [{"head": "Camp", "amount_minor": 1_231}]});
    let invoice = school.office.post("/api/v1/invoices", &body).await.expect(201);
    let body = json!({"invoice_id": invoice["id"], "provider": "stripe"});
    assert_eq!(school.parent.post_once("/api/v1/payments/orders", "k", &body).await.pointers(), ["/amount_minor"]);
    assert_eq!(school.count("SELECT count(*) FROM payments WHERE status = 'created'").await, 0);
    let ten = json!({"invoice_id": invoice["id"], "provider": "stripe", "amount_minor": 1_230});
    school.parent.post_once("/api/v1/payments/orders", "l", &ten).await.expect(201);
}

#[tokio::test]
async fn an_order_that_the_provider_refuses_or_never_answers_can_be_asked_for_again() {
    let (school, provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let body = json!({"invoice_id": invoice["id"], "provider": "stripe"});
    provider.fail_with(Some(503));
    let answer = school.parent.post_once("/api/v1/payments/orders", "k", &body).await;
    assert_eq!(answer.status, 503);
    assert!(!answer.header("retry-after").is_empty());
    provider.fail_with(Some(400));
    school.parent.post_once("/api/v1/payments/orders", "k", &body).await.expect(409);
    provider.fail_with(None);
    let order = school.parent.post_once("/api/v1/payments/orders", "k", &body).await.expect(201);
    let keys: std::collections::HashSet<String> = provider.asked().into_iter().map(|asked| asked.key).collect();
    assert_eq!(keys.len(), 1, "one key at the provider's for all three");
    let intent =
        json!({"id": order["provider_order_id"], "amount": 50_000, "amount_received": 50_000, "currency": "inr", "latest_charge": "ch_1"});
    assert_eq!(stripe(&school, "evt_1", "payment_intent.succeeded", &intent).await.expect(200)["outcome"], json!("applied"));
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"));
    school.books_agree().await;
}

#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded_and_a_dispute_wait_for_somebody_to_look() {
    let (school, _provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "stripe", None).await;
    let intent =
        json!({"id": order["provider_order_id"], "amount": 50_000, "amount_received": 50_000, "currency": "inr", "latest_charge": "ch_1"});
    stripe(&school, "evt_1", "payment_intent.succeeded", &intent).await.expect(200);
    let path = format!("/api/v1/payments/{}/refunds", order["payment_id"].as_str().unwrap());
    let back = json!({"amount_minor": 20_000, "reason": "Left the school"});
    let word = |refund: &Value, id: &str, status: &str| json!({"id": id, "object": "refund", "amount": 20_000, "currency": "inr", "status": status, "metadata": {"refund_id": refund["id"]}});
    let (paid, failed) =
        (school.office.post_once(&path, "a", &back).await.expect(201), school.office.post_once(&path, "b", &back).await.expect(201));
    let opposite = json!("the opposite of what was entered of the refund");
    for (event, refund, id, status, outcome) in [
        ("evt_2", &paid, "re_a", "succeeded", json!("applied")),
        ("evt_3", &paid, "re_a", "failed", opposite.clone()),
        ("evt_4", &paid, "re_a", "succeeded", json!("already known")),
        ("evt_5", &failed, "re_b", "failed", json!("applied")),
        ("evt_6", &failed, "re_b", "succeeded", opposite.clone()),
        ("evt_7", &failed, "re_b", "canceled", json!("already known")),
    ] {
        let told = stripe(&school, event, "charge.refund.updated", &word(refund, id, status)).await.expect(200);
        assert_eq!(told["outcome"], outcome, "{event}");
    }
    let disputed = json!("a payment is disputed");
    let dispute = json!({"id": "du_1", "object": "dispute", "amount": 50_000, "charge": "ch_1", "currency": "inr", "status": "needs_response",
        "reason": "fraudulent", "payment_intent": order["provider_order_id"]});
    assert_eq!(stripe(&school, "evt_8", "charge.dispute.created", &dispute).await.expect(200)["outcome"], disputed);
    let payment = captured("payment.dispute.lost", &order, "pay_1", &json!(50_000), "INR");
    assert_eq!(razorpay(&school, "evt_9", &payment).await.expect(200)["outcome"], disputed);
    let seen = school.office.get("/api/v1/fees/reconciliation").await.expect(200);
    let waiting: Vec<(&str, &Value)> =
        seen["unmatched_events"].as_array().unwrap().iter().map(|one| (one["event_id"].as_str().unwrap(), &one["outcome"])).collect();
    assert_eq!(waiting, [("evt_3", &opposite), ("evt_6", &opposite), ("evt_8", &disputed), ("evt_9", &disputed)]);
    // What was entered stays until a person has decided.
    let list = school.office.get(&path).await.expect(200);
    assert_eq!((&list["items"][0]["status"], &list["items"][1]["status"]), (&json!("succeeded"), &json!("failed")));
    school.books_agree().await;
}

#[tokio::test]
async fn a_provider_that_is_away_for_one_school_keeps_no_other_schools_refund_waiting() {
    let provider = StandIn::start().await;
    let school = School::open_with(&[&variables(&provider)[..], &[("EVENTS_CLAIM_AFTER", "1")]].concat()).await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "razorpay", None).await;
    razorpay(&school, "evt_a", &captured("payment.captured", &order, "pay_a", &json!(50_000), "INR")).await.expect(200);
    // Another school, with its own office and family.
    let fleet = &school.fleet;
    let other = fleet.school("Riverside").await;
    fleet.member(other, domain::Role::Admin, "office@b.example").await;
    let student = fleet.member(other, domain::Role::Student, "student@b.example").await;
    let parent = fleet.member(other, domain::Role::Parent, "parent@b.example").await;
    fleet.guardian(other, student, parent).await;
    let (office, parent) = (fleet.login("office@b.example").await, fleet.login("parent@b.example").await);
    let owed = json!({"student_id": fleet.student_id(other, student).await, "period": "Camp", "currency": "INR", "due_on": school.day(5), "issue": true,
        "charges": [{"head": "Camp", "amount_minor": 50_000}]});
    let owed = office.post("/api/v1/invoices", &owed).await.expect(201);
    let theirs = json!({"invoice_id": owed["id"], "provider": "razorpay"});
    let theirs = parent.post_once("/api/v1/payments/orders", "k", &theirs).await.expect(201);
    let paid = captured("payment.captured", &theirs, "pay_b", &json!(50_000), "INR");
    razorpay_about(&school, other, "evt_b", &paid).await.expect(200);

    provider.away_for(Some("/pay_a/"));
    let back = json!({"amount_minor": 20_000, "reason": "Left the school"});
    let refunds = |order: &Value| format!("/api/v1/payments/{}/refunds", order["payment_id"].as_str().unwrap());
    school.office.post_once(&refunds(&order), "a", &back).await.expect(201);
    let asked = || provider.asked().iter().filter(|asked| asked.path.contains("/pay_a/refund")).count();
    assert!(eventually(async || asked(), |asked| *asked > 0).await > 0, "the one that is away was asked first");
    office.post_once(&refunds(&theirs), "b", &back).await.expect(201);
    let settled = async |who: &testkit::Api, order: &Value| {
        eventually(async || who.get(&refunds(order)).await.expect(200), |list| list["items"][0]["status"] != "pending").await
    };
    assert_eq!(settled(&office, &theirs).await["items"][0]["status"], json!("succeeded"));
    let waiting = school.office.get(&refunds(&order)).await.expect(200);
    assert_eq!(waiting["items"][0]["status"], json!("pending"), "it is not given up either");
    provider.away_for(None);
    assert_eq!(settled(&school.office, &order).await["items"][0]["status"], json!("succeeded"));
    let keys: std::collections::HashSet<String> =
        provider.asked().into_iter().filter(|asked| asked.path.contains("/pay_a/refund")).map(|asked| asked.key).collect();
    assert_eq!(keys.len(), 1, "one refund, however often it was asked for");
    school.books_agree().await;
}

#[tokio::test]
async fn a_payment_that_was_looked_at_before_its_order_was_made_shows_the_order_and_what_became_of_it() {
    let (school, provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let body = json!({"invoice_id": invoice["id"], "provider": "stripe"});
    let ask = async || school.parent.post_once("/api/v1/payments/orders", "k", &body).await;
    provider.fail_with(Some(503));
    assert_eq!(ask().await.status, 503);
    let list = school.office.get("/api/v1/payments").await.expect(200);
    let path = format!("/api/v1/payments/{}", id(&list["items"][0]));
    let first = school.office.get(&path).await;
    assert_eq!((&first.body["status"], &first.body["provider_order_id"]), (&json!("created"), &json!(null)));
    provider.fail_with(Some(400));
    assert_eq!(ask().await.status, 409);
    let refused = school.office.get(&path).await;
    assert_eq!(refused.body["status"], json!("failed"), "{:#}", refused.body);
    assert_ne!(refused.etag(), first.etag());
    provider.fail_with(None);
    let order = ask().await.expect(201);
    let ordered = school.office.get(&path).await;
    assert_eq!(ordered.body["provider_order_id"], order["provider_order_id"], "{:#}", ordered.body);
    assert_ne!(ordered.etag(), refused.etag());
    // The money is the provider's: nobody voids it here.
    let intent =
        json!({"id": order["provider_order_id"], "amount": 50_000, "amount_received": 50_000, "currency": "inr", "latest_charge": "ch_1"});
    stripe(&school, "evt_1", "payment_intent.succeeded", &intent).await.expect(200);
    school.act(&school.head, &path, "void", &json!({"reason": "x"})).await.expect(409);
    school.books_agree().await;
}

#[tokio::test]
async fn fifty_deliveries_of_one_event_of_stripe_take_the_money_once() {
    let (school, _provider) = open().await;
    let invoice = school.invoice(school.student_id, 50_000).await;
    let order = order(&school, &invoice, "stripe", None).await;
    let intent =
        json!({"id": order["provider_order_id"], "amount": 50_000, "amount_received": 50_000, "currency": "inr", "latest_charge": "ch_1"});
    let told = join_all((0..50).map(|_| stripe(&school, "evt_1", "payment_intent.succeeded", &intent))).await;
    assert_eq!(count(&told, 200), 50, "{:?}", told.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(told.iter().filter(|answer| answer.body["outcome"] == "applied").count(), 1);
    assert_eq!(school.count("SELECT count(*) FROM provider_events").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM payments WHERE receipt_number IS NOT NULL").await, 1);
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"));
    school.books_agree().await;
}
