//! Asking a provider what became of a payment whose webhook never came.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, count};

use crate::school::{School, id};
use crate::stand_in::StandIn;
use crate::webhooks::{captured, razorpay, stripe, variables};

async fn open() -> (School, StandIn) {
    let provider = StandIn::start().await;
    let school = School::open_with(&variables(&provider)).await;
    (school, provider)
}

async fn order(school: &School, provider: &str) -> (Value, Value) {
    let invoice = school.invoice(school.student_id, 50_000).await;
    let body = json!({"invoice_id": invoice["id"], "provider": provider});
    let order = school.parent.post_once("/api/v1/payments/orders", &uuid::Uuid::now_v7().to_string(), &body).await.expect(201);
    (invoice, order)
}

fn path(order: &Value) -> String {
    format!("/api/v1/payments/{}/check", order["payment_id"].as_str().unwrap())
}

async fn check(school: &School, order: &Value) -> Answer {
    school.office.post(&path(order), &json!({})).await
}

/// What Razorpay says of an order's payments.
fn attempts(provider: &StandIn, order: &Value, payments: &[Value]) {
    let items: Vec<Value> = payments
        .iter()
        .map(|payment| {
            let mut entity = captured("payment.captured", order, "pay_1", &json!(50_000), "INR")["payload"]["payment"]["entity"].clone();
            entity.as_object_mut().unwrap().extend(payment.as_object().unwrap().clone());
            entity
        })
        .collect();
    let path = format!("/v1/orders/{}/payments", order["provider_order_id"].as_str().unwrap());
    provider.says(&path, json!({"entity": "collection", "count": items.len(), "items": items}));
}

/// What Stripe says of a payment intent.
fn intent(provider: &StandIn, order: &Value, change: &Value) {
    let mut intent = json!({"id": order["provider_order_id"], "object": "payment_intent", "amount": 50_000, "amount_received": 50_000, "currency": "inr",
        "client_secret": "pi_secret", "status": "succeeded", "latest_charge": "ch_1"});
    intent.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    provider.says(&format!("/v1/payment_intents/{}", order["provider_order_id"].as_str().unwrap()), intent);
}

#[tokio::test]
async fn what_was_paid_is_entered_once_whether_the_webhook_comes_afterwards_or_never() {
    let (school, provider) = open().await;
    let (invoice, razor) = order(&school, "razorpay").await;
    let none = check(&school, &razor).await.expect(200);
    assert_eq!((&none["outcome"], &none["payment"]["status"]), (&json!("not paid"), &json!("created")), "{none:#}");
    attempts(&provider, &razor, &[json!({"id": "pay_0", "status": "failed"}), json!({"id": "pay_a", "status": "authorized"})]);
    assert_eq!(check(&school, &razor).await.expect(200)["outcome"], json!("not paid"), "what failed or is only authorised is not money");
    attempts(&provider, &razor, &[json!({"id": "pay_0", "status": "failed"}), json!({"id": "pay_1"})]);
    let paid = check(&school, &razor).await.expect(200);
    assert_eq!(
        (&paid["outcome"], &paid["payment"]["status"], &paid["payment"]["provider_payment_id"], &paid["payment"]["receipt_number"]),
        (&json!("applied"), &json!("captured"), &json!("pay_1"), &json!(1)),
        "{paid:#}"
    );
    assert_eq!(
        (&school.seen(&invoice).await["status"], &paid["payment"]["allocations"][0]["amount_minor"]),
        (&json!("paid"), &json!(50_000))
    );
    let asked = provider.asked().pop().unwrap();
    assert!(asked.path.ends_with("/payments") && asked.authorization.starts_with("Basic "), "{asked:?}");
    assert_eq!(check(&school, &razor).await.expect(200)["outcome"], json!("already known"));
    let told = razorpay(&school, "evt_1", &captured("payment.captured", &razor, "pay_1", &json!(50_000), "INR")).await.expect(200);
    assert_eq!(told["outcome"], json!("already known"));

    let (other, striped) = order(&school, "stripe").await;
    assert_eq!(check(&school, &striped).await.expect(200)["outcome"], json!("not paid"));
    intent(&provider, &striped, &json!({"status": "processing"}));
    assert_eq!(check(&school, &striped).await.expect(200)["outcome"], json!("not paid"));
    intent(&provider, &striped, &json!({}));
    let paid = check(&school, &striped).await.expect(200);
    assert_eq!((&paid["outcome"], &paid["payment"]["provider_payment_id"]), (&json!("applied"), &json!("ch_1")), "{paid:#}");
    assert_eq!(school.seen(&other).await["status"], json!("paid"));
    // What its own events are kept with: what the provider answered, under whose name.
    let kept = school.office.get("/api/v1/fees/provider-events?state=applied").await.expect(200);
    let kept: Vec<Value> =
        kept["items"].as_array().unwrap().iter().map(|one| json!([one["event_id"], one["kind"], one["outcome"]])).collect();
    assert_eq!(kept.len(), 3, "{kept:#?}");
    assert_eq!(kept[0], json!(["check/pay_1", "check", "applied"]));
    assert_eq!(school.count("SELECT count(*) FROM payments WHERE receipt_number IS NOT NULL").await, 2);
    school.books_agree().await;
}

#[tokio::test]
async fn money_that_the_provider_gave_back_meanwhile_is_not_entered_as_if_it_were_there() {
    let (school, provider) = open().await;
    let gone = json!("paid, and given back or disputed at the provider");
    for back in [json!({"amount_refunded": 50_000, "status": "refunded"}), json!({"amount_refunded": 1})] {
        let (invoice, razor) = order(&school, "razorpay").await;
        provider.says(
            &format!("/v1/orders/{}/payments", razor["provider_order_id"].as_str().unwrap()),
            json!({"entity": "collection", "count": 1, "items": [{"id": format!("pay_{}", id(&invoice)), "amount": 50_000, "currency": "INR",
                "order_id": razor["provider_order_id"], "status": back["status"].as_str().unwrap_or("captured"), "amount_refunded": back["amount_refunded"]}]}),
        );
        let seen = check(&school, &razor).await.expect(200);
        assert_eq!((&seen["outcome"], &seen["payment"]["status"]), (&gone, &json!("created")), "{seen:#}");
        assert_eq!(school.seen(&invoice).await["status"], json!("issued"));
    }
    for charge in [
        json!({"id": "ch_1", "amount_refunded": 1, "refunded": false, "disputed": false}),
        json!({"id": "ch_2", "amount_refunded": 0, "refunded": false, "disputed": true}),
    ] {
        let (invoice, striped) = order(&school, "stripe").await;
        intent(&provider, &striped, &json!({"latest_charge": charge}));
        let seen = check(&school, &striped).await.expect(200);
        assert_eq!((&seen["outcome"], &seen["payment"]["status"]), (&gone, &json!("created")), "{seen:#}");
        assert_eq!(school.seen(&invoice).await["status"], json!("issued"));
    }
    // A charge of which nothing went back pays, whole as it is told.
    let (invoice, striped) = order(&school, "stripe").await;
    intent(&provider, &striped, &json!({"latest_charge": {"id": "ch_3", "amount_refunded": 0, "refunded": false, "disputed": false}}));
    let seen = check(&school, &striped).await.expect(200);
    assert_eq!((&seen["outcome"], &seen["payment"]["provider_payment_id"]), (&json!("applied"), &json!("ch_3")), "{seen:#}");
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"));
    let open = school.office.get("/api/v1/fees/provider-events?state=open").await.expect(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 4, "{open:#}");
    school.books_agree().await;
}

#[tokio::test]
async fn an_attempt_that_cant_be_read_does_not_hide_the_one_that_paid() {
    let (school, provider) = open().await;
    let (invoice, razor) = order(&school, "razorpay").await;
    attempts(&provider, &razor, &[json!({"id": "pay_0", "status": "failed", "amount": null, "currency": "???"}), json!({"id": "pay_1"})]);
    assert_eq!(check(&school, &razor).await.expect(200)["outcome"], json!("applied"));
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"));
}

#[tokio::test]
async fn an_intent_that_was_checked_under_its_own_name_is_no_second_payment_when_its_charge_is_told() {
    let (school, provider) = open().await;
    let (_, striped) = order(&school, "stripe").await;
    intent(&provider, &striped, &json!({"latest_charge": null}));
    assert_eq!(check(&school, &striped).await.expect(200)["outcome"], json!("applied"));
    let paid = json!({"id": striped["provider_order_id"], "object": "payment_intent", "amount": 50_000, "amount_received": 50_000, "currency": "inr",
        "status": "succeeded", "latest_charge": "ch_1"});
    let told = stripe(&school, "evt_1", "payment_intent.succeeded", &paid).await.expect(200);
    assert_eq!(told["outcome"], json!("already known"));
    school.books_agree().await;
}

#[tokio::test]
async fn a_payment_that_the_provider_has_given_up_fails() {
    let (school, provider) = open().await;
    let (invoice, order) = order(&school, "stripe").await;
    intent(&provider, &order, &json!({"status": "canceled", "amount_received": 0, "latest_charge": null}));
    let seen = check(&school, &order).await.expect(200);
    assert_eq!((&seen["outcome"], &seen["payment"]["status"]), (&json!("applied"), &json!("failed")), "{seen:#}");
    assert_eq!(check(&school, &order).await.expect(200)["outcome"], json!("already known"));
    assert_eq!(school.seen(&invoice).await["status"], json!("issued"));
    school.books_agree().await;
}

#[tokio::test]
async fn another_sum_currency_or_order_pays_nothing_and_waits_for_somebody_to_settle_it() {
    let (school, provider) = open().await;
    for (n, (change, outcome)) in [
        (json!({"amount": 49_999}), "another amount than the order's"),
        (json!({"currency": "USD"}), "another currency than the order's"),
        (json!({"order_id": "order_of_somebody_else"}), "another order than was asked about"),
    ]
    .into_iter()
    .enumerate()
    {
        let (invoice, order) = order(&school, "razorpay").await;
        let mut change = change;
        change["id"] = json!(format!("pay_{n}"));
        attempts(&provider, &order, &[change]);
        for _ in 0..2 {
            let seen = check(&school, &order).await.expect(200);
            assert_eq!((&seen["outcome"], &seen["payment"]["status"]), (&json!(outcome), &json!("created")), "{seen:#}");
        }
        assert_eq!(school.seen(&invoice).await["status"], json!("issued"));
        let open = school.office.get("/api/v1/fees/provider-events?state=open").await.expect(200);
        assert_eq!((open["items"].as_array().unwrap().len(), &open["items"][n]["outcome"]), (n + 1, &json!(outcome)), "{open:#}");
    }
    // Asked about one order, the provider speaks of another one of ours: that is not paid by it either.
    let ((_, asked), (_, other)) = (order(&school, "razorpay").await, order(&school, "razorpay").await);
    attempts(&provider, &asked, &[json!({"id": "pay_x", "order_id": other["provider_order_id"]})]);
    assert_eq!(check(&school, &asked).await.expect(200)["outcome"], json!("another order than was asked about"));
    assert_eq!(school.count("SELECT count(*) FROM payments WHERE status <> 'created'").await, 0);
    school.books_agree().await;
}

#[tokio::test]
async fn a_provider_that_is_away_or_knows_nothing_changes_nothing_and_nothing_is_asked_in_vain() {
    let (school, provider) = open().await;
    let (_, order) = order(&school, "stripe").await;
    intent(&provider, &order, &json!({}));
    provider.fail_with(Some(503));
    let away = check(&school, &order).await;
    assert_eq!(away.status, 503);
    assert!(!away.header("retry-after").is_empty());
    provider.fail_with(Some(404));
    check(&school, &order).await.expect(409);
    provider.fail_with(None);
    assert_eq!(school.count("SELECT count(*) FROM provider_events").await, 0);
    // What was never made through a provider, or never became an order, is asked nowhere.
    let invoice = school.invoice(school.student_id, 10).await;
    let cash = school.cash(&invoice, 10).await.expect(201);
    let before = provider.asked().len();
    school.office.post(&format!("/api/v1/payments/{}/check", id(&cash)), &json!({})).await.expect(409);
    let unpaid = school.invoice(school.student_id, 10).await;
    provider.fail_with(Some(503));
    let body = json!({"invoice_id": unpaid["id"], "provider": "stripe"});
    assert_eq!(school.parent.post_once("/api/v1/payments/orders", "k", &body).await.status, 503);
    let list = school.office.get(&format!("/api/v1/payments?invoice_id={}", id(&unpaid))).await.expect(200);
    school.office.post(&format!("/api/v1/payments/{}/check", id(&list["items"][0])), &json!({})).await.expect(409);
    assert_eq!(provider.asked().len(), before + 1, "the order alone was asked for");
    provider.fail_with(None);
    // Nobody but the office asks, and of its own school's payments.
    for who in [&school.parent, &school.student, &school.teacher] {
        who.post(&path(&order), &json!({})).await.expect(403);
    }
    school.fleet.anonymous().post(&path(&order), &json!({})).await.expect(401);
    let other = school.fleet.school("Riverside").await;
    school.fleet.member(other, domain::Role::Admin, "office@b.example").await;
    school.fleet.login("office@b.example").await.post(&path(&order), &json!({})).await.expect(404);
    school.office.post(&format!("/api/v1/payments/{}/check", uuid::Uuid::now_v7()), &json!({})).await.expect(404);
    school.books_agree().await;
}

#[tokio::test]
async fn fifty_who_ask_at_once_while_the_webhook_comes_make_one_payment() {
    let (school, provider) = open().await;
    let (invoice, order) = order(&school, "razorpay").await;
    attempts(&provider, &order, &[json!({"id": "pay_1"})]);
    let event = captured("payment.captured", &order, "pay_1", &json!(50_000), "INR");
    let (answers, told) = tokio::join!(join_all((0..50).map(|_| check(&school, &order))), razorpay(&school, "evt_1", &event));
    told.expect(200);
    assert_eq!(count(&answers, 200), 50, "{:?}", answers.iter().map(|a| (a.status, &a.body)).collect::<Vec<_>>());
    let applied = answers.iter().filter(|answer| answer.body["outcome"] == "applied").count();
    assert!(applied <= 1, "{applied}");
    assert!(answers.iter().all(|answer| answer.body["payment"]["status"] == "captured"));
    assert_eq!(school.count("SELECT count(*) FROM payments WHERE receipt_number IS NOT NULL").await, 1);
    assert_eq!(school.count("SELECT last_number FROM receipt_counters").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM provider_events WHERE applied_at IS NULL").await, 0);
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"));
    school.books_agree().await;
}
