//! The books: dues with their ages, statements, closing the day.

use futures_util::future::join_all;
use serde_json::json;
use testkit::count;

use crate::school::{School, id};

#[tokio::test]
async fn dues_are_listed_by_age_and_page_by_page() {
    let school = School::open().await;
    for (amount, late) in [(100, 0), (200, 1), (300, 31), (400, 61), (500, 91)] {
        let body = json!({"student_id": school.student_id, "period": "x", "currency": "INR", "due_on": school.day(-late), "issue": true,
            "charges": [{"head": "x", "amount_minor": amount}]});
        school.office.post("/api/v1/invoices", &body).await.expect(201);
    }
    let ageing = school.office.get("/api/v1/fees/ageing").await.expect(200);
    let sums: Vec<i64> = ageing["ages"].as_array().unwrap().iter().map(|age| age["open_minor"].as_i64().unwrap()).collect();
    assert_eq!(sums, [100, 200, 300, 400, 500]);
    let mut path = "/api/v1/fees/dues?limit=2&overdue=true".to_owned();
    let mut ages = Vec::new();
    loop {
        let page = school.office.get(&path).await.expect(200);
        ages.extend(page["items"].as_array().unwrap().iter().map(|due| due["age"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/fees/dues?limit=2&overdue=true&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(ages, ["over90", "days61_to90", "days31_to60", "days1_to30"]);
}

#[tokio::test]
async fn a_statement_tells_what_changed_what_is_owed_and_the_balance_after_it() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let payment = school.cash(&invoice, 1_200).await.expect(201);
    let back = json!({"amount_minor": 500, "method": "cash", "reason": "x"});
    school.office.post_once(&format!("/api/v1/payments/{}/refunds", id(&payment)), "r", &back).await.expect(201);
    let path = format!("/api/v1/students/{}/ledger", school.student_id);
    let seen = school.student.get(&path).await.expect(200);
    let lines: Vec<(i64, i64, i64)> = seen["currencies"][0]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| ["debit_minor", "credit_minor", "balance_minor"].map(|name| line[name].as_i64().unwrap()).into())
        .collect();
    assert_eq!(lines, [(1_000, 0, 1_000), (0, 1_200, -200), (500, 0, 300)], "{seen:#}");
    let tomorrow = school.student.get(&format!("{path}?from={}&to={}", school.day(1), school.day(2))).await.expect(200);
    assert_eq!((&tomorrow["currencies"][0]["opening_minor"], &tomorrow["currencies"][0]["lines"]), (&json!(300), &json!([])));
    school.student.get(&format!("{path}?from={}&to={}", school.day(2), school.day(1))).await.expect(422);
}

#[tokio::test]
async fn a_day_is_closed_once_and_a_difference_is_explained() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    school.cash(&invoice, 600).await.expect(201);
    let close = |day: String, counted: i64| json!({"closed_on": day, "cash": [{"currency": "INR", "counted_minor": counted}]});
    assert_eq!(school.office.post("/api/v1/fees/day-closings", &close(school.day(0), 590)).await.pointers(), ["/note"]);
    assert_eq!(school.office.post("/api/v1/fees/day-closings", &close(school.day(1), 600)).await.pointers(), ["/closed_on"]);
    let mut short = close(school.day(0), 590);
    short["note"] = json!("Ten missing");
    let closed = school.office.post("/api/v1/fees/day-closings", &short).await.expect(201);
    assert_eq!((&closed["counted"][0]["difference_minor"], &closed["totals"][0]["received_minor"]), (&json!(-10), &json!(600)));
    school.office.post("/api/v1/fees/day-closings", &close(school.day(-1), 0)).await.expect(409);
    let next = school.cash(&invoice, 100).await.expect(201);
    assert_eq!(next["booked_on"], json!(school.day(1)));
    assert_eq!(school.office.get("/api/v1/fees/day-closings").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn cash_that_is_taken_to_the_bank_leaves_the_box_once_and_never_more_than_is_in_it() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    school.cash(&invoice, 600).await.expect(201);
    let take = |amount: i64| json!({"from": "cash", "amount_minor": amount, "currency": "INR", "reference": "Slip 12"});
    school.office.post("/api/v1/fees/deposits", &take(400)).await.expect(400);
    assert_eq!(school.office.post_once("/api/v1/fees/deposits", "a", &take(601)).await.pointers(), ["/amount_minor"]);
    let four = take(400);
    let answers = join_all((0..50).map(|_| school.office.post_once("/api/v1/fees/deposits", "b", &four))).await;
    assert!(count(&answers, 201) >= 1 && count(&answers, 201) + count(&answers, 409) == 50);
    let keys: Vec<String> = (0..50).map(|n| format!("key-{n}")).collect();
    let one = take(100);
    let answers = join_all(keys.iter().map(|key| school.office.post_once("/api/v1/fees/deposits", key, &one))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (2, 48), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let kept = json!({"from": "cash", "amount_minor": 1, "fee_minor": 1, "currency": "INR", "reference": "x"});
    assert_eq!(school.office.post_once("/api/v1/fees/deposits", "c", &kept).await.pointers(), ["/fee_minor"]);
    school.parent.post_once("/api/v1/fees/deposits", "d", &take(1)).await.expect(403);
    let sums = school.office.get("/api/v1/fees/reconciliation").await.expect(200);
    let of =
        |account: &str| sums["accounts"].as_array().unwrap().iter().find(|one| one["account"] == account).unwrap()["balance_minor"].clone();
    assert_eq!((of("cash"), of("bank")), (json!(0), json!(600)));
    let close = json!({"closed_on": school.day(0), "cash": [{"currency": "INR", "counted_minor": 0}]});
    school.office.post("/api/v1/fees/day-closings", &close).await.expect(201);
    school.books_agree().await;
}

#[tokio::test]
async fn the_fiscal_year_starts_in_another_month_only_where_no_series_is_opened_again_or_cut() {
    let school = School::open().await;
    let path = "/api/v1/fees/settings";
    let start = async |month: u32| {
        let etag = school.office.get(path).await.etag();
        school.office.patch(path, &etag, &json!({"fiscal_year_starts_in": month})).await
    };
    // Nothing is numbered yet.
    start(1).await.expect(200);
    start(4).await.expect(200);
    let invoice = school.invoice(school.student_id, 1_000).await;
    let first = school.cash(&invoice, 100).await.expect(201);
    let year = chrono::Datelike::year(&school.fleet.platform.clock().now());
    // By the calendar, or from the month after this one: today would be in another year than its numbers.
    let month = chrono::Datelike::month(&school.fleet.platform.clock().now());
    start(1).await.expect(409);
    if (4..12).contains(&month) {
        let refused = start(month + 1).await.expect(409);
        assert!(refused["detail"].as_str().unwrap().contains(&format!("{}-{:02}", year - 1, year % 100)), "{refused:#}");
    }
    // A month that leaves today in its year is taken, and the series goes on.
    start(if month >= 4 { 3 } else { 5 }).await.expect(200);
    let second = school.cash(&invoice, 100).await.expect(201);
    assert_eq!((&second["fiscal_year"], &second["receipt_number"]), (&first["fiscal_year"], &json!(2)));
    // Whoever changes it while others pay waits for them, and they for whoever changes it.
    let etag = school.office.get(path).await.etag();
    let back = json!({"fiscal_year_starts_in": 4});
    let (changed, paid) = tokio::join!(school.office.patch(path, &etag, &back), join_all((0..20).map(|_| school.cash(&invoice, 1))));
    changed.expect(200);
    assert_eq!(count(&paid, 201), 20);
    assert!(paid.iter().all(|answer| answer.body["fiscal_year"] == first["fiscal_year"]));
    school.books_agree().await;
}

#[tokio::test]
async fn a_cheque_is_of_these_months_and_cleared_after_it_came_and_a_transfer_counts_once_however_it_is_spelled() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 10_000).await;
    let cheque = |date: String| {
        json!({"invoice_id": invoice["id"], "method": "cheque", "amount_minor": 10, "currency": "INR",
            "cheque": {"number": "004521", "bank": "State Bank", "date": date}})
    };
    for date in ["9999-12-31".to_owned(), "1900-01-01".to_owned(), school.day(-200), school.day(200)] {
        let refused = school.office.post_once("/api/v1/payments", "k", &cheque(date.clone())).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/cheque/date"]), "{date}");
    }
    let paid = school.office.post_once("/api/v1/payments", "l", &cheque(school.day(30))).await.expect(201);
    let path = format!("/api/v1/payments/{}", id(&paid));
    for day in ["1900-01-01".to_owned(), school.day(-1)] {
        let refused = school.act(&school.office, &path, "clear", &json!({"cleared_on": day})).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/cleared_on"]), "{day}");
    }
    school.act(&school.office, &path, "clear", &json!({"cleared_on": school.day(0)})).await.expect(200);
    let transfer = |method: &str, reference: &str| json!({"invoice_id": invoice["id"], "method": method, "amount_minor": 10, "currency": "INR", "reference": reference});
    school.office.post_once("/api/v1/payments", "a", &transfer("upi", "UTR7a")).await.expect(201);
    for (method, reference) in [("upi", "UTR7a"), ("upi", "utr7A"), ("bank_transfer", "UTR7A")] {
        school.office.post_once("/api/v1/payments", &format!("{method}{reference}"), &transfer(method, reference)).await.expect(409);
    }
    school.books_agree().await;
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_and_says_why() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    let rule = json!({"name": "Late", "kind": "fixed", "currency": "INR", "amount_minor": 50});
    let rule = id(&school.office.post("/api/v1/fine-rules", &rule).await.expect(201));
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    for body in [
        json!({"fine_rule_id": rule, "amount_minor": 7}),
        json!({"fine_rule_id": rule, "description": "x"}),
        json!({"amount_minor": 7}),
        json!({}),
    ] {
        assert_eq!(school.act(&school.office, &path, "fine", &body).await.pointers(), ["/fine_rule_id"], "{body}");
    }
    assert_eq!(school.act(&school.office, &path, "fine", &json!({"fine_rule_id": rule})).await.expect(200)["total_minor"], json!(1_050));
    let draft = json!({"student_id": school.student_id, "period": "x", "currency": "INR", "due_on": school.day(5), "charges": [{"head": "x", "amount_minor": 5}]});
    let draft = school.office.post("/api/v1/invoices", &draft).await.expect(201);
    let refused = school.cash(&draft, 5).await.expect(409);
    assert_eq!(refused["detail"], json!("The invoice is a draft: nothing is owed before it is issued."));
    for query in [
        "/api/v1/payments?booked_on=9999-12-31",
        "/api/v1/payments?booked_on=1899-12-31",
        "/api/v1/fees/reconciliation?from=0001-01-01",
        "/api/v1/fees/reconciliation?to=9999-12-31",
    ] {
        assert_eq!(school.office.get(query).await.status, 422, "{query}");
    }
    let ledger = format!("/api/v1/students/{}/ledger", school.student_id);
    for query in ["from=-4800-01-01", "from=1700-01-01", "to=9999-12-31", "to=%2B262142-12-31"] {
        assert_eq!(school.office.get(&format!("{ledger}?{query}")).await.status, 422, "{query}");
    }
}
