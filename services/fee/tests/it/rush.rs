//! Fifty at once on what only one may have: a version, a day, a student's credit, a cheque.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::{School, id};

#[tokio::test]
async fn the_credit_of_one_payment_is_spent_once_on_fifty_invoices_issued_at_once() {
    let school = School::open().await;
    let paid = json!({"student_id": school.student_id, "method": "upi", "reference": "UTR1", "amount_minor": 1_050, "currency": "INR"});
    let payment = id(&school.office.post_once("/api/v1/payments", "k", &paid).await.expect(201));
    let draft = |n: usize| {
        json!({"student_id": school.student_id, "period": format!("Lunch {n}"), "currency": "INR", "due_on": school.day(5),
            "charges": [{"head": "Lunch", "amount_minor": 100}]})
    };
    let drafts: Vec<Value> = (0..50).map(draft).collect();
    let drafts = join_all(drafts.iter().map(|draft| school.office.post("/api/v1/invoices", draft))).await;
    let issued = join_all(
        drafts
            .iter()
            .map(|draft| async { school.office.post_if(&format!("{}/issue", draft.header("location")), &draft.etag(), &json!({})).await }),
    )
    .await;
    assert_eq!(count(&issued, 200), 50, "{:?}", statuses(&issued));
    let paid = |status: &str| format!("SELECT count(*) FROM invoices WHERE status = '{status}'");
    assert_eq!(
        (school.count(&paid("paid")).await, school.count(&paid("partly_paid")).await, school.count(&paid("issued")).await),
        (10, 1, 39)
    );
    let seen = school.office.get(&format!("/api/v1/payments/{payment}")).await.expect(200);
    assert_eq!((&seen["allocated_minor"], &seen["credit_minor"]), (&json!(1_050), &json!(0)));
    school.books_agree().await;
}

#[tokio::test]
async fn of_fifty_who_act_on_one_version_of_an_invoice_one_does() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 100_000).await;
    // Credit that no invoice has used, because it came after them.
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    let credit = json!({"student_id": school.student_id, "method": "cash", "amount_minor": 500, "currency": "INR"});
    let etag = school.office.get("/api/v1/fees/settings").await.etag();
    school.office.patch("/api/v1/fees/settings", &etag, &json!({"applies_credit": false})).await.expect(200);
    for (verb, body, field, value) in [
        ("waive", json!({"amount_minor": 10, "reason": "Illness"}), "waived_minor", 10),
        ("fine", json!({"amount_minor": 30, "description": "Late"}), "total_minor", 100_030),
        ("apply-credit", json!({}), "paid_minor", 500),
        ("remind", json!({}), "reminder_count", 1),
    ] {
        if verb == "apply-credit" {
            // Paid to another invoice, which is cancelled: its money is credit now.
            let other = school.invoice(school.student_id, 500).await;
            let mut paid = credit.clone();
            paid["invoice_id"] = other["id"].clone();
            school.office.post_once("/api/v1/payments", "credit", &paid).await.expect(201);
            let other = format!("/api/v1/invoices/{}", id(&other));
            school.act(&school.office, &other, "cancel", &json!({"reason": "x", "to_credit": true})).await.expect(200);
        }
        let etag = school.head.get(&path).await.etag();
        let act = format!("{path}/{verb}");
        let answers = join_all((0..50).map(|_| school.head.post_if(&act, &etag, &body))).await;
        assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 49), "{verb}: {:?}", statuses(&answers));
        assert_eq!(school.seen(&invoice).await[field], json!(value), "{verb}");
        school.books_agree().await;
    }
}

#[tokio::test]
async fn a_day_that_fifty_close_at_once_is_closed_and_its_difference_booked_once() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    school.cash(&invoice, 600).await.expect(201);
    let close = json!({"closed_on": school.day(0), "cash": [{"currency": "INR", "counted_minor": 590}], "note": "Ten missing"});
    let answers = join_all((0..50).map(|_| school.office.post("/api/v1/fees/day-closings", &close))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT sum(debit_minor)::bigint FROM ledger_entries WHERE account = 'cash_over_short'").await, 10);
    school.books_agree().await;
}

#[tokio::test]
async fn of_a_cheque_that_bounces_is_cleared_and_given_back_at_once_one_story_is_told() {
    let school = School::open().await;
    for round in 0..5 {
        let invoice = school.invoice(school.student_id, 1_000).await;
        let body = json!({"invoice_id": invoice["id"], "method": "cheque", "amount_minor": 1_000, "currency": "INR",
            "cheque": {"number": format!("00{round}"), "bank": "State Bank", "date": school.day(0)}});
        let paid = school.office.post_once("/api/v1/payments", &format!("cheque-{round}"), &body).await.expect(201);
        let path = format!("/api/v1/payments/{}", id(&paid));
        let etag = school.office.get(&path).await.etag();
        let (bounce, clear, refunds) = (format!("{path}/bounce"), format!("{path}/clear"), format!("{path}/refunds"));
        let (why, on) = (json!({"reason": "Funds"}), json!({"cleared_on": school.day(0)}));
        let back = json!({"amount_minor": 100, "method": "cash", "reason": "x"});
        let keys: Vec<String> = (0..10).map(|n| format!("{round}-{n}")).collect();
        let (bounced, cleared, given) = tokio::join!(
            join_all((0..10).map(|_| school.office.post_if(&bounce, &etag, &why))),
            join_all((0..10).map(|_| school.office.post_if(&clear, &etag, &on))),
            join_all(keys.iter().map(|key| school.office.post_once(&refunds, key, &back)))
        );
        // Both were based on the same version; money goes back of a cheque that is cleared alone.
        let (returned, credited, backs) = (count(&bounced, 200), count(&cleared, 200), count(&given, 201));
        assert_eq!(returned + credited, 1, "{:?} {:?}", statuses(&bounced), statuses(&cleared));
        assert!(credited == 1 || backs == 0, "{backs} were given back of a cheque that bounced");
        assert!(bounced.iter().chain(&cleared).all(|answer| matches!(answer.status, 200 | 409 | 412)));
        assert!(given.iter().all(|answer| matches!(answer.status, 201 | 409)), "{:?}", statuses(&given));
        let seen = school.office.get(&path).await.expect(200);
        assert_eq!(seen["status"], json!(if returned == 1 { "bounced" } else { "captured" }));
        assert_eq!(seen["refunded_minor"], json!(100 * i64::try_from(backs).unwrap()));
        school.books_agree().await;
    }
}
