//! One transfer or cheque that pays for several, and payments that were entered by mistake.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::count;

use crate::money::{lines, receipt};
use crate::school::{School, id};

const PATH: &str = "/api/v1/payments/shared";

fn transfer(reference: &str, parts: &[(&Value, i64)]) -> Value {
    let parts: Vec<Value> = parts.iter().map(|(invoice, amount)| json!({"invoice_id": invoice["id"], "amount_minor": amount})).collect();
    json!({"method": "bank_transfer", "currency": "INR", "reference": reference, "parts": parts})
}

async fn siblings(school: &School, amount: i64) -> (Value, Value) {
    (school.invoice(school.student_id, amount).await, school.invoice(school.classmate_id, amount).await)
}

#[tokio::test]
async fn siblings_share_one_transfer_which_is_voided_as_a_whole_and_entered_again() {
    let school = School::open().await;
    let (one, other) = siblings(&school, 1_000).await;
    let wrong = transfer("UTR1", &[(&one, 1_000), (&other, 100)]);
    school.parent.post_once(PATH, "p", &wrong).await.expect(403);
    let taken = school.office.post_once(PATH, "a", &wrong).await.expect(201);
    let receipts = |taken: &Value| [0, 1].map(|n| taken["payments"][n]["receipt_number"].as_i64().unwrap());
    assert_eq!((receipts(&taken), &taken["amount_minor"]), ([1, 2], &json!(1_100)));
    let listed = format!("/api/v1/payments?batch_id={}", taken["batch_id"].as_str().unwrap());
    let list = school.office.get(&listed).await.expect(200);
    assert_eq!((id(&list["items"][0]), id(&list["items"][1])), (id(&taken["payments"][0]), id(&taken["payments"][1])));
    assert_eq!((&list["items"][0]["batch_position"], &list["items"][1]["batch_position"]), (&json!(1), &json!(2)));
    assert_eq!((&school.seen(&one).await["status"], &school.seen(&other).await["open_minor"]), (&json!("paid"), &json!(900)));
    // The transfer counts once: neither in parts nor by itself again, however it is spelled.
    school.office.post_once(PATH, "b", &transfer("utr1", &[(&other, 400), (&one, 500)])).await.expect(409);
    let alone = json!({"invoice_id": other["id"], "method": "upi", "reference": "Utr1", "amount_minor": 1, "currency": "INR"});
    school.office.post_once("/api/v1/payments", "c", &alone).await.expect(409);
    // It was entered wrongly. Whoever runs the school takes it back, by whichever of its payments.
    let path = format!("/api/v1/payments/{}", id(&taken["payments"][1]));
    school.act(&school.office, &path, "void", &json!({"reason": "Entered wrongly"})).await.expect(403);
    school.head.post(&format!("{path}/void"), &json!({"reason": "Entered wrongly"})).await.expect(428);
    school.head.post_if(&format!("{path}/void"), "\"v9\"", &json!({"reason": "Entered wrongly"})).await.expect(412);
    let voided = school.act(&school.head, &path, "void", &json!({"reason": "Entered wrongly"})).await.expect(200);
    assert_eq!(
        (&voided["status"], &voided["receipt_number"], &voided["failure"], &voided["voided_on"]),
        (&json!("voided"), &json!(2), &json!("Entered wrongly"), &json!(school.day(0)))
    );
    let first = school.office.get(&format!("/api/v1/payments/{}", id(&taken["payments"][0]))).await.expect(200);
    assert_eq!((&first["status"], &first["allocated_minor"]), (&json!("voided"), &json!(0)), "its other half, as it is now");
    assert_eq!((&school.seen(&one).await["open_minor"], &school.seen(&other).await["open_minor"]), (&json!(1_000), &json!(1_000)));
    school.act(&school.head, &path, "void", &json!({"reason": "x"})).await.expect(409);
    let refund = json!({"amount_minor": 1, "method": "cash", "reason": "x"});
    school.office.post_once(&format!("{path}/refunds"), "r", &refund).await.expect(409);
    let said = lines(&receipt(&school, &taken["payments"][0]).await);
    assert!(said.iter().any(|line| line.starts_with("Void: it was entered by mistake")), "{said:#?}");
    assert!(said.contains(&"Received, INR 0.00".to_owned()) && said.contains(&"Voided −10.00".to_owned()), "{said:#?}");
    school.books_agree().await;
    let again = school.office.post_once(PATH, "d", &transfer("UTR1", &[(&one, 1_000), (&other, 1_000)])).await.expect(201);
    assert_eq!(receipts(&again), [3, 4], "numbers go on");
    school.books_agree().await;
}

#[tokio::test]
async fn cash_that_was_entered_by_mistake_leaves_the_box_and_the_days_sums() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = id(&school.cash(&invoice, 600).await.expect(201));
    school.cash(&invoice, 50).await.expect(201);
    let path = format!("/api/v1/payments/{payment}");
    school.act(&school.head, &path, "void", &json!({"reason": "Twice"})).await.expect(200);
    let close = json!({"closed_on": school.day(0), "cash": [{"currency": "INR", "counted_minor": 50}]});
    let closed = school.office.post("/api/v1/fees/day-closings", &close).await.expect(201);
    assert_eq!((&closed["totals"][0]["received_minor"], &closed["totals"][0]["payments"]), (&json!(50), &json!(1)), "{closed:#}");
    school.books_agree().await;
}

#[tokio::test]
async fn a_shared_cheque_is_cleared_and_bounces_as_one() {
    let school = School::open().await;
    let (one, other) = siblings(&school, 1_000).await;
    let cheque = json!({"method": "cheque", "currency": "INR", "cheque": {"number": "004521", "bank": "State Bank", "date": school.day(0)},
        "parts": [{"invoice_id": one["id"], "amount_minor": 1_000}, {"student_id": school.classmate_id, "amount_minor": 1_200}]});
    let taken = school.office.post_once(PATH, "a", &cheque).await.expect(201);
    school.office.post_once(PATH, "b", &cheque).await.expect(409);
    let path = |n: usize| format!("/api/v1/payments/{}", id(&taken["payments"][n]));
    school.act(&school.office, &path(1), "clear", &json!({"cleared_on": school.day(0)})).await.expect(200);
    assert_eq!(school.office.get(&path(0)).await.expect(200)["cleared_on"], json!(school.day(0)));
    school.act(&school.office, &path(0), "clear", &json!({"cleared_on": school.day(0)})).await.expect(409);
    let bounced = school.act(&school.office, &path(0), "bounce", &json!({"reason": "Funds", "fine_minor": 50})).await.expect(200);
    assert_eq!(bounced["status"], json!("bounced"));
    assert_eq!(school.office.get(&path(1)).await.expect(200)["status"], json!("bounced"));
    assert_eq!((&school.seen(&one).await["open_minor"], &school.seen(&other).await["open_minor"]), (&json!(1_050), &json!(1_000)));
    school.books_agree().await;
    school.office.post_once(PATH, "c", &cheque).await.expect(201);
    school.books_agree().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_part_is_said_of_that_part_and_nothing_is_taken() {
    let school = School::open().await;
    let (one, other) = siblings(&school, 1_000).await;
    let part = |invoice: &Value| json!({"invoice_id": invoice["id"], "amount_minor": 10});
    let with = |field: &str, value: Value| {
        let mut body = transfer("UTR1", &[(&one, 10), (&other, 10)]);
        body[field] = value;
        body
    };
    for (body, pointer) in [
        (with("method", json!("cash")), "/method"),
        (with("cheque", json!({"number": "1", "bank": "State Bank", "date": school.day(0)})), "/cheque"),
        (with("reference", json!(null)), "/reference"),
        (with("currency", json!("USD")), "/currency"),
        (with("parts", json!([part(&one)])), "/parts"),
        (with("parts", json!(vec![json!({"student_id": school.student_id, "amount_minor": 1}); 2])), "/parts/1"),
        (with("parts", json!([part(&one), part(&one)])), "/parts/1"),
        (with("parts", json!([part(&one), {"amount_minor": 1}])), "/parts/1"),
        (with("parts", json!([part(&one), {"invoice_id": other["id"], "student_id": school.classmate_id, "amount_minor": 1}])), "/parts/1"),
        (with("parts", json!([part(&one), {"invoice_id": uuid::Uuid::now_v7(), "amount_minor": 1}])), "/parts/1/invoice_id"),
        (with("parts", json!([part(&one), {"student_id": uuid::Uuid::now_v7(), "amount_minor": 1}])), "/parts/1/student_id"),
        (with("parts", json!([part(&one), {"invoice_id": other["id"], "amount_minor": 0}])), "/parts/1/amount_minor"),
    ] {
        let answer = school.office.post_once(PATH, "k", &body).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{body}");
    }
    assert_eq!(school.office.post(PATH, &transfer("UTR1", &[(&one, 10), (&other, 10)])).await.pointers(), ["header:Idempotency-Key"]);
    // The second invoice is paid meanwhile: the first one gets nothing either.
    school.cash(&other, 1_000).await.expect(201);
    school.office.post_once(PATH, "l", &transfer("UTR1", &[(&one, 10), (&other, 10)])).await.expect(409);
    assert_eq!(school.seen(&one).await["paid_minor"], json!(0));
    assert_eq!(school.count("SELECT count(*) FROM payments").await, 1);
    school.books_agree().await;
}

#[tokio::test]
async fn fifty_identical_shared_payments_at_once_are_one_by_their_key_and_by_their_number() {
    let school = School::open().await;
    let (one, other) = siblings(&school, 100_000).await;
    let body = transfer("UTR1", &[(&one, 100), (&other, 200)]);
    let answers = join_all((0..50).map(|_| school.office.post_once(PATH, "one-and-the-same", &body))).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let first = school.office.post_once(PATH, "one-and-the-same", &body).await.expect(201);
    assert!(answers.iter().filter(|answer| answer.status == 201).all(|answer| answer.body == first), "the same answer to all");
    assert_eq!(school.count("SELECT count(*) FROM payments").await, 2);
    // Under other keys, with its parts the other way round.
    let (there, back) = (transfer("UTR2", &[(&one, 100), (&other, 200)]), transfer("UTR2", &[(&other, 200), (&one, 100)]));
    let keys: Vec<String> = (0..50).map(|n| format!("key-{n}")).collect();
    let answers =
        join_all(keys.iter().enumerate().map(|(n, key)| school.office.post_once(PATH, key, if n % 2 == 0 { &there } else { &back }))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    // Different ones for the same two, either way round, all go.
    let bodies: Vec<Value> = (0..50)
        .map(|n| {
            let parts = if n % 2 == 0 { [(&one, 10), (&other, 20)] } else { [(&other, 20), (&one, 10)] };
            transfer(&format!("UTR-{n}"), &parts)
        })
        .collect();
    let answers = join_all(bodies.iter().enumerate().map(|(n, body)| {
        let (school, key) = (&school, format!("other-{n}"));
        async move { school.office.post_once(PATH, &key, body).await }
    }))
    .await;
    assert_eq!(count(&answers, 201), 50, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(school.seen(&one).await["paid_minor"], json!(100 + 100 + 500));
    assert_eq!(school.seen(&other).await["paid_minor"], json!(200 + 200 + 1_000));
    school.books_agree().await;
}

#[tokio::test]
async fn what_is_voided_is_not_given_back_and_what_was_given_back_is_not_voided_whoever_comes_first() {
    let school = School::open().await;
    for round in 0..5 {
        let invoice = school.invoice(school.student_id, 1_000).await;
        let payment = id(&school.cash(&invoice, 1_000).await.expect(201));
        let path = format!("/api/v1/payments/{payment}");
        let etag = school.head.get(&path).await.etag();
        let (void, refunds, back) =
            (format!("{path}/void"), format!("{path}/refunds"), json!({"amount_minor": 100, "method": "cash", "reason": "x"}));
        let (why, keys) = (json!({"reason": "A mistake"}), (0..10).map(|n| format!("{round}-{n}")).collect::<Vec<_>>());
        let (voided, given) = tokio::join!(
            join_all((0..10).map(|_| school.head.post_if(&void, &etag, &why))),
            join_all(keys.iter().map(|key| school.office.post_once(&refunds, key, &back)))
        );
        let (voids, back) = (count(&voided, 200), count(&given, 201));
        assert!((voids == 1 && back == 0) || (voids == 0 && back == 10), "{voids} voided it, {back} gave back");
        assert!(voided.iter().all(|answer| matches!(answer.status, 200 | 409 | 412)));
        assert!(given.iter().all(|answer| matches!(answer.status, 201 | 409)));
        let seen = school.office.get(&path).await.expect(200);
        assert_eq!(seen["status"], json!(if voids == 1 { "voided" } else { "captured" }));
        school.books_agree().await;
    }
}
