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
    // Of 500.00 half and then, of the rest, 25.00, but at most 10.00.
    let second = school.run(&structure, 2).await;
    assert_eq!(second["created"], json!(2));
    school.office.post("/api/v1/invoices/generate", &json!({"fee_structure_id": structure, "instalment": 3})).await.expect(422);
    let statement = school.parent.get(&format!("/api/v1/students/{}/ledger", school.student_id)).await.expect(200);
    assert_eq!(statement["currencies"][0]["closing_minor"], json!(44_978 + 24_000));
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
    // In days after the year's first one, a hundred days ago.
    let days = |one: Value, next: Value| json!({"heads": [{"head": "Library", "amount_minor": 100, "instalments": [one, next]}]});
    let by_days = school.office.patch(&path, &changed.etag(), &days(json!({"after_days": 0}), json!({"after_days": 130}))).await;
    let due: Vec<&str> = by_days.body["items"].as_array().unwrap().iter().map(|item| item["due_on"].as_str().unwrap()).collect();
    assert_eq!(due, [school.day(-100), school.day(30)], "{:#}", by_days.body);
    for (one, next) in [
        (json!({"after_days": 5}), json!({"after_days": 5})),
        (json!({"after_days": 5}), json!({})),
        (json!({"after_days": 5}), json!({"after_days": 731})),
        (json!({"after_days": 5, "due_on": school.day(1)}), json!({"due_on": school.day(2)})),
    ] {
        assert_eq!(school.office.patch(&path, &by_days.etag(), &days(one, next)).await.pointers(), ["/heads/0/instalments"]);
    }
    assert_eq!(school.office.delete(&path, &by_days.etag()).await.status, 204);
}

#[tokio::test]
async fn a_concession_that_nobody_decided_on_can_be_changed_and_whoever_did_asks_for_it() {
    let school = School::open().await;
    let body = json!({"name": "Merit", "kind": "student", "student_id": school.student_id, "amount_minor": 500, "currency": "INR",
        "valid_from": school.day(-30), "reason": "Best of the year"});
    let asked = school.office.post("/api/v1/concessions", &body).await;
    let path = format!("/api/v1/concessions/{}", id(&asked.body));
    let both = json!({"percent_basis_points": 1000});
    assert_eq!(school.head.patch(&path, &asked.etag(), &both).await.pointers(), ["/amount_minor"]);
    let half = json!({"percent_basis_points": 5000, "amount_minor": null, "currency": null, "head": "Camp"});
    let changed = school.head.patch(&path, &asked.etag(), &half).await;
    assert_eq!((&changed.body["percent_basis_points"], &changed.body["amount_minor"]), (&json!(5_000), &json!(null)), "{:#}", changed.body);
    school.head.patch(&path, &asked.etag(), &half).await.expect(412);
    // Who wrote it last does not grant it.
    school.act(&school.head, &path, "approve", &json!({})).await.expect(409);
    let etag = school.office.get(&path).await.etag();
    let again = school.office.patch(&path, &etag, &json!({"cap_minor": 300, "currency": "INR"})).await;
    let granted = school.head.post_if(&format!("{path}/approve"), &again.etag(), &json!({})).await;
    assert_eq!(granted.status, 200, "{:#}", granted.body);
    school.office.patch(&path, &granted.etag(), &json!({"cap_minor": 400})).await.expect(409);
    school.office.delete(&path, &granted.etag()).await.expect(409);
    let camp = json!({"student_id": school.student_id, "period": "Camp", "currency": "INR", "due_on": school.day(5), "with_concessions": true,
        "charges": [{"head": "Camp", "amount_minor": 2_000}, {"head": "Bus", "amount_minor": 1_000}]});
    assert_eq!(school.office.post("/api/v1/invoices", &camp).await.expect(201)["total_minor"], json!(2_700));
    let other = school.office.post("/api/v1/concessions", &body).await;
    let path = other.header("location").to_owned();
    assert_eq!(school.office.delete(&path, "\"v9\"").await.status, 412);
    assert_eq!(school.office.delete(&path, &other.etag()).await.status, 204);
    school.office.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_draft_is_removed_and_what_was_issued_is_not() {
    let school = School::open().await;
    let body = json!({"student_id": school.student_id, "period": "Camp", "currency": "INR", "due_on": school.day(5),
        "charges": [{"head": "Camp", "amount_minor": 2_000}]});
    let draft = school.office.post("/api/v1/invoices", &body).await;
    let path = draft.header("location").to_owned();
    school.parent.delete(&path, &draft.etag()).await.expect(403);
    assert_eq!(school.office.delete(&path, &draft.etag()).await.status, 204);
    school.office.get(&path).await.expect(404);
    assert_eq!(school.count("SELECT count(*) FROM invoice_lines").await, 0);
    let issued = school.invoice(school.student_id, 100).await;
    let path = format!("/api/v1/invoices/{}", id(&issued));
    let etag = school.office.get(&path).await.etag();
    school.office.delete(&path, &etag).await.expect(409);
    school.books_agree().await;
}

#[tokio::test]
async fn a_category_a_payer_and_a_family_decide_what_is_billed_and_to_whom() {
    let school = School::open().await;
    let profile = format!("/api/v1/students/{}/fee-profile", school.student_id);
    let etag = school.office.get(&profile).await.etag();
    let put = json!({"category": "boarder", "payer": "Village Trust"});
    let request = school.office.request(reqwest::Method::PUT, &profile).header("If-Match", &etag).json(&put);
    assert_eq!(school.office.send(request).await.expect(200)["category"], json!("boarder"));
    let body = json!({"academic_year_id": school.year, "category": "boarder", "name": "Boarding", "currency": "INR", "heads": [
        {"head": "Board", "amount_minor": 50_000, "instalments": [{"due_on": school.day(10)}]}]});
    let made = school.office.post("/api/v1/fee-structures", &body).await;
    let structure = id(&made.body);
    school.office.post_if(&format!("/api/v1/fee-structures/{structure}/activate"), &made.etag(), &json!({})).await.expect(200);
    concession(
        &school,
        json!({"name": "Boarders", "kind": "category", "category": "boarder", "percent_basis_points": 1000, "valid_from": school.day(0), "reason": "New house"}),
    )
    .await;
    concession(&school, json!({"name": "Siblings", "kind": "sibling", "amount_minor": 1_000, "currency": "INR", "stacking_order": 1, "valid_from": school.day(0), "reason": "Rule"}))
        .await;
    let run = school.run(&structure, 1).await;
    assert_eq!((&run["created"], &run["students"]), (&json!(1), &json!(1)), "boarders only: {run:#}");
    let list = school.office.get(&format!("/api/v1/invoices?fee_structure_id={structure}")).await.expect(200);
    let invoice = &list["items"][0];
    assert_eq!(
        (&invoice["payer"], &invoice["total_minor"], &invoice["student_id"]),
        (&json!("Village Trust"), &json!(45_000), &json!(school.student_id))
    );
    let dues = school.office.get("/api/v1/fees/dues").await.expect(200);
    assert_eq!(dues["items"][0]["payer"], json!("Village Trust"));
    // A younger brother, of the same parent, has the sibling's concession; the elder has none.
    let brother = school.fleet.member(school.school, domain::Role::Student, "brother@a.example").await;
    let parent = "SELECT guardian_user_id FROM student_guardians LIMIT 1";
    let parent: uuid::Uuid = sqlx::query_scalar(parent).fetch_one(&mut school.fleet.database.superuser().await).await.unwrap();
    school.fleet.guardian(school.school, brother, domain::UserId::from_uuid(parent)).await;
    let brother = school.fleet.student_id(school.school, brother).await;
    let camp = |student: domain::StudentId| {
        json!({"student_id": student, "period": "Camp", "currency": "INR", "due_on": school.day(5), "with_concessions": true,
        "charges": [{"head": "Camp", "amount_minor": 2_000}]})
    };
    assert_eq!(school.office.post("/api/v1/invoices", &camp(brother)).await.expect(201)["total_minor"], json!(1_000));
    assert_eq!(school.office.post("/api/v1/invoices", &camp(school.classmate_id)).await.expect(201)["total_minor"], json!(2_000));
    assert_eq!(
        school.office.post("/api/v1/invoices", &camp(school.student_id)).await.expect(201)["total_minor"],
        json!(1_800),
        "as a boarder"
    );
}

#[tokio::test]
async fn heads_of_one_instalment_are_due_on_one_day_but_for_those_that_are_charged_when_asked_for() {
    let school = School::open().await;
    let body = |first: i64, second: i64, is_optional: bool| {
        json!({"academic_year_id": school.year, "name": "Fees", "currency": "INR", "heads": [
            {"head": "Tuition", "amount_minor": 100, "instalments": [{"due_on": school.day(10)}, {"due_on": school.day(100)}]},
            {"head": "Bus", "amount_minor": 20, "is_optional": is_optional, "instalments": [{"due_on": school.day(first)}, {"due_on": school.day(second)}]}]})
    };
    for (first, second, pointers) in [
        (9, 100, vec!["/heads/1/instalments/0"]),
        (10, 101, vec!["/heads/1/instalments/1"]),
        (11, 99, vec!["/heads/1/instalments/0", "/heads/1/instalments/1"]),
    ] {
        let refused = school.office.post("/api/v1/fee-structures", &body(first, second, false)).await;
        assert_eq!((refused.status, refused.pointers()), (422, pointers), "{:#}", refused.body);
    }
    let made = school.office.post("/api/v1/fee-structures", &body(9, 101, true)).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let path = made.header("location").to_owned();
    let heads = body(9, 100, false)["heads"].clone();
    assert_eq!(school.office.patch(&path, &made.etag(), &json!({"heads": heads})).await.pointers(), ["/heads/1/instalments/0"]);
}

#[tokio::test]
async fn what_was_only_looked_at_leaves_no_row_and_can_be_changed_from_what_was_seen() {
    let school = School::open().await;
    let profile = format!("/api/v1/students/{}/fee-profile", school.student_id);
    let (settings, seen) = (school.office.get("/api/v1/fees/settings").await, school.office.get(&profile).await);
    assert_eq!((&settings.body["version"], &settings.body["receipt_prefix"]), (&json!(1), &json!("R")), "{:#}", settings.body);
    assert_eq!((&seen.body["version"], &seen.body["category"]), (&json!(1), &json!(null)), "{:#}", seen.body);
    school.office.get(&format!("/api/v1/students/{}/fee-profile", uuid::Uuid::now_v7())).await.expect(404);
    let rows = "SELECT (SELECT count(*) FROM fee_settings) + (SELECT count(*) FROM fee_profiles)";
    assert_eq!(school.count(rows).await, 0);
    let changed = school.office.patch("/api/v1/fees/settings", &settings.etag(), &json!({"receipt_prefix": "REC"})).await;
    assert_eq!((&changed.body["version"], &changed.body["receipt_prefix"]), (&json!(2), &json!("REC")), "{:#}", changed.body);
    school.office.patch("/api/v1/fees/settings", &settings.etag(), &json!({"receipt_prefix": "X"})).await.expect(412);
    let put =
        |etag: &str| school.office.request(reqwest::Method::PUT, &profile).header("If-Match", etag).json(&json!({"category": "boarder"}));
    assert_eq!(school.office.send(put(&seen.etag())).await.expect(200)["version"], json!(2));
    assert_eq!(school.office.send(put(&seen.etag())).await.status, 412);
    assert_eq!(school.count(rows).await, 2);
}

#[tokio::test]
async fn a_concession_is_rejected_a_rule_changed_and_an_invoice_put_off_over_http() {
    let school = School::open().await;
    let body = json!({"name": "Merit", "kind": "student", "student_id": school.student_id, "amount_minor": 500, "currency": "INR",
        "valid_from": school.day(-30), "reason": "Best of the year"});
    let path = format!("/api/v1/concessions/{}", id(&school.office.post("/api/v1/concessions", &body).await.expect(201)));
    school.act(&school.office, &path, "reject", &json!({})).await.expect(403);
    school.head.post(&format!("{path}/reject"), &json!({})).await.expect(428);
    assert_eq!(school.act(&school.head, &path, "reject", &json!({})).await.expect(200)["status"], json!("rejected"));
    school.act(&school.head, &path, "approve", &json!({})).await.expect(409);
    let camp = json!({"student_id": school.student_id, "period": "Camp", "currency": "INR", "due_on": school.day(5), "with_concessions": true,
        "issue": true, "charges": [{"head": "Camp", "amount_minor": 2_000}]});
    let invoice = school.office.post("/api/v1/invoices", &camp).await;
    assert_eq!(invoice.body["total_minor"], json!(2_000), "what was rejected takes nothing off");

    let rule = json!({"name": "Late", "kind": "per_day", "currency": "INR", "amount_minor": 100});
    let rule = school.office.post("/api/v1/fine-rules", &rule).await;
    let path = format!("/api/v1/fine-rules/{}", id(&rule.body));
    let off = json!({"name": "Late fee", "is_active": false});
    school.parent.patch(&path, &rule.etag(), &off).await.expect(403);
    // What it charges is what invoices were fined by: it stays.
    assert_eq!(school.office.patch(&path, &rule.etag(), &json!({"amount_minor": 250})).await.pointers(), ["/amount_minor"]);
    let changed = school.office.patch(&path, &rule.etag(), &off).await;
    assert_eq!((&changed.body["name"], &changed.body["is_active"]), (&json!("Late fee"), &json!(false)), "{:#}", changed.body);
    school.office.patch(&path, &rule.etag(), &off).await.expect(412);
    let by_rule = json!({"fine_rule_id": rule.body["id"]});

    let path = invoice.header("location").to_owned();
    let etag = invoice.etag();
    school.parent.patch(&path, &etag, &json!({"due_on": school.day(50)})).await.expect(403);
    let late = school.office.patch(&path, &etag, &json!({"due_on": school.day(-3), "payer": "Village Trust"})).await;
    assert_eq!((&late.body["due_on"], &late.body["payer"]), (&json!(school.day(-3)), &json!("Village Trust")), "{:#}", late.body);
    school.office.patch(&path, &etag, &json!({"due_on": school.day(50)})).await.expect(412);
    assert_eq!(school.act(&school.office, &path, "fine", &by_rule).await.pointers(), ["/fine_rule_id"], "it is not in use");
    let rule = format!("/api/v1/fine-rules/{}", id(&rule.body));
    school.office.patch(&rule, &changed.etag(), &json!({"is_active": true})).await.expect(200);
    let fined = school.act(&school.office, &path, "fine", &by_rule).await.expect(200);
    assert_eq!((&fined["total_minor"], &fined["lines"][1]["description"]), (&json!(2_300), &json!("Late fee")), "three days late");
    school.cash(&fined, 2_300).await.expect(201);
    let etag = school.office.get(&path).await.etag();
    school.office.patch(&path, &etag, &json!({"due_on": school.day(50)})).await.expect(409);
    school.books_agree().await;
}
