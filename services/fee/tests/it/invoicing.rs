//! What is owed: structures, concessions, runs, fines, waivers, cancelling.

use serde_json::{Value, json};

use crate::school::{School, id};

async fn concession(school: &School, body: Value) -> String {
    let made = school.office.post("/api/v1/concessions", &body).await.expect(201);
    let path = format!("/api/v1/concessions/{}", id(&made));
    school.act(&school.head, &path, "approve", &json!({})).await.expect(200);
    path
}

#[tokio::test]
async fn a_run_bills_a_class_by_instalment_with_concessions_and_tax() {
    let school = School::open().await;
    let structure = school.structure("Fees 7A").await;
    concession(
        &school,
        json!({"name": "Staff child", "kind": "staff", "student_id": school.student_id, "percent_basis_points": 5000,
        "head": "Tuition", "stacking_order": 1, "valid_from": school.day(0), "reason": "Works in the library"}),
    )
    .await;
    concession(
        &school,
        json!({"name": "Hardship", "kind": "student", "student_id": school.student_id, "percent_basis_points": 1000,
        "currency": "INR", "cap_minor": 1000, "stacking_order": 2, "valid_from": school.day(0), "reason": "Hardship"}),
    )
    .await;
    let run = school.run(&structure, 1).await;
    assert_eq!((&run["status"], &run["created"], &run["progress"]), (&json!("succeeded"), &json!(2), &json!(100)), "{run:#}");
    let list = school.office.get(&format!("/api/v1/invoices?student_id={}", school.student_id)).await.expect(200);
    let invoice = school.seen(&list["items"][0]).await;
    let lines: Vec<(&str, i64)> = invoice["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["description"].as_str().unwrap(), line["amount_minor"].as_i64().unwrap()))
        .collect();
    // 1000.01 in two is 500.01 and 500.00. Half of it off, then ten percent of all that is left, but at most 10.00, of which 4.44 fall on the bus.
    assert_eq!(
        lines,
        [("Tuition", 50_001), ("Bus", 20_000), ("Staff child", -25_001), ("Hardship", -1_000), ("Tax 5 %", 978)],
        "{invoice:#}"
    );
    assert_eq!((&invoice["total_minor"], &invoice["status"]), (&json!(44_978), &json!("issued")));
    assert!(invoice["number"].as_str().unwrap().starts_with("INV/"));
    let second = school.run(&structure, 2).await;
    assert_eq!(second["created"], json!(2));
    school.office.post("/api/v1/invoices/generate", &json!({"fee_structure_id": structure, "instalment": 3})).await.expect(422);
    let statement = school.parent.get(&format!("/api/v1/students/{}/ledger", school.student_id)).await.expect(200);
    assert_eq!(statement["currencies"][0]["closing_minor"], json!(44_978 + 25_000));
    school.books_agree().await;
}

#[tokio::test]
async fn a_concession_counts_once_somebody_else_has_granted_it() {
    let school = School::open().await;
    let body = json!({"name": "Merit", "kind": "student", "student_id": school.student_id, "amount_minor": 500, "currency": "INR",
        "valid_from": school.day(-30), "reason": "Best of the year"});
    let made = school.head.post("/api/v1/concessions", &body).await;
    let path = format!("/api/v1/concessions/{}", id(&made.body));
    school.act(&school.head, &path, "approve", &json!({})).await.expect(409);
    school.act(&school.office, &path, "approve", &json!({})).await.expect(403);
    let invoice = |with: bool| {
        json!({"student_id": school.student_id, "period": "Camp", "currency": "INR", "due_on": school.day(5),
        "with_concessions": with, "charges": [{"head": "Camp", "amount_minor": 2_000}]})
    };
    let before = school.office.post("/api/v1/invoices", &invoice(true)).await.expect(201);
    assert_eq!(before["total_minor"], json!(2_000), "it is not granted yet");
    let path = concession(&school, body).await;
    assert_eq!(school.office.post("/api/v1/invoices", &invoice(true)).await.expect(201)["total_minor"], json!(1_500));
    assert_eq!(school.office.post("/api/v1/invoices", &invoice(false)).await.expect(201)["total_minor"], json!(2_000));
    school.act(&school.office, &path, "end", &json!({})).await.expect(200);
    assert_eq!(school.office.post("/api/v1/invoices", &invoice(true)).await.expect(201)["total_minor"], json!(2_000), "it is over");
    school.act(&school.head, &path, "approve", &json!({})).await.expect(409);
}

#[tokio::test]
async fn a_fine_by_rule_grows_with_the_days_and_is_charged_once_for_each() {
    let school = School::open().await;
    let rule = json!({"name": "Late", "kind": "per_day", "currency": "INR", "amount_minor": 100, "grace_days": 2, "cap_minor": 10_000});
    let rule = id(&school.office.post("/api/v1/fine-rules", &rule).await.expect(201));
    let invoice = school.invoice(school.student_id, 5_000).await;
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    let fined = school.act(&school.office, &path, "fine", &json!({"fine_rule_id": rule})).await.expect(200);
    assert_eq!((&fined["total_minor"], &fined["lines"][1]["amount_minor"]), (&json!(5_300), &json!(300)), "five days late, two of grace");
    school.act(&school.office, &path, "fine", &json!({"fine_rule_id": rule})).await.expect(409);
    let by_hand = json!({"amount_minor": 50, "description": "Lost slip"});
    assert_eq!(school.act(&school.office, &path, "fine", &by_hand).await.expect(200)["total_minor"], json!(5_350));
    school.act(&school.office, &path, "waive", &json!({"amount_minor": 350, "reason": "Illness"})).await.expect(403);
    assert_eq!(
        school.act(&school.head, &path, "waive", &json!({"amount_minor": 5_351, "reason": "x"})).await.pointers(),
        ["/amount_minor"]
    );
    let waived = school.act(&school.head, &path, "waive", &json!({"amount_minor": 350, "reason": "Illness"})).await.expect(200);
    assert_eq!(waived["open_minor"], json!(5_000));
    school.cash(&invoice, 5_000).await.expect(201);
    assert_eq!(school.seen(&invoice).await["status"], json!("paid"));
    school.act(&school.office, &path, "fine", &by_hand).await.expect(409);
    school.books_agree().await;
}

#[tokio::test]
async fn a_cancelled_invoice_takes_no_payment_and_its_money_becomes_credit() {
    let school = School::open().await;
    let invoice = school.invoice(school.student_id, 1_000).await;
    school.cash(&invoice, 400).await.expect(201);
    let path = format!("/api/v1/invoices/{}", id(&invoice));
    school.act(&school.office, &path, "cancel", &json!({"reason": "A mistake"})).await.expect(409);
    let cancelled = school.act(&school.office, &path, "cancel", &json!({"reason": "A mistake", "to_credit": true})).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["paid_minor"]), (&json!("cancelled"), &json!(0)));
    school.cash(&invoice, 1).await.expect(409);
    school.act(&school.office, &path, "cancel", &json!({"reason": "x"})).await.expect(409);
    let next = school.invoice(school.student_id, 300).await;
    assert_eq!(school.seen(&next).await["status"], json!("paid"), "from the credit");
    school.books_agree().await;
}

#[tokio::test]
async fn what_is_wholly_forgiven_is_paid_as_it_is_issued() {
    let school = School::open().await;
    concession(
        &school,
        json!({"name": "Free place", "kind": "student", "student_id": school.student_id, "percent_basis_points": 10000,
        "valid_from": school.day(-30), "reason": "Free place"}),
    )
    .await;
    let body = json!({"student_id": school.student_id, "period": "Camp", "currency": "INR", "due_on": school.day(5), "with_concessions": true,
        "issue": true, "charges": [{"head": "Camp", "amount_minor": 2_000, "tax_basis_points": 1800}]});
    let invoice = school.office.post("/api/v1/invoices", &body).await.expect(201);
    assert_eq!((&invoice["status"], &invoice["total_minor"]), (&json!("paid"), &json!(0)));
    school.books_agree().await;
}

#[tokio::test]
async fn a_structure_is_written_as_a_draft_and_then_stays() {
    let school = School::open().await;
    let id = school.structure("Fees").await;
    let path = format!("/api/v1/fee-structures/{id}");
    let seen = school.office.get(&path).await;
    let amounts: Vec<i64> = seen.body["items"].as_array().unwrap().iter().map(|item| item["amount_minor"].as_i64().unwrap()).collect();
    assert_eq!(amounts.iter().sum::<i64>(), 120_001, "{amounts:?}");
    school.office.patch(&path, &seen.etag(), &json!({"name": "Other"})).await.expect(409);
    school.office.delete(&path, &seen.etag()).await.expect(409);
    let same = json!({"academic_year_id": school.year, "name": "Fees", "currency": "INR"});
    school.office.post("/api/v1/fee-structures", &same).await.expect(409);
    let draft =
        school.office.post("/api/v1/fee-structures", &json!({"academic_year_id": school.year, "name": "Empty", "currency": "INR"})).await;
    let path = draft.header("location").to_owned();
    school.act(&school.office, &path, "activate", &json!({})).await.expect(409);
    let heads = json!({"heads": [{"head": "Library", "amount_minor": 100, "instalments": [{"due_on": school.day(1), "share_basis_points": 3000},
        {"due_on": school.day(9), "share_basis_points": 7000}]}]});
    let changed = school.office.patch(&path, &draft.etag(), &heads).await;
    assert_eq!((&changed.body["items"][0]["amount_minor"], &changed.body["items"][1]["amount_minor"]), (&json!(30), &json!(70)));
    school.office.patch(&path, &draft.etag(), &heads).await.expect(412);
    assert_eq!(school.office.delete(&path, &changed.etag()).await.status, 204);
}
