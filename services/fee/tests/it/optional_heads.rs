//! Optional heads of a structure, such as a trip or a club: charged when asked for, once, at the structure's price.

use domain::{Role, StudentId, UserId};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, count};
use uuid::Uuid;

use crate::school::{School, id};

/// A structure of the class with tuition and a taxed trip that nobody must go on; its items by head.
async fn structure(school: &School, name: &str, change: &Value) -> (String, Value, Value) {
    let mut body = json!({"academic_year_id": school.year, "class_id": school.class, "name": name, "currency": "INR", "heads": [
        {"head": "Tuition", "amount_minor": 100_000, "instalments": [{"due_on": school.day(10)}]},
        {"head": "Trip", "amount_minor": 20_000, "tax_basis_points": 500, "is_optional": true, "instalments": [{"due_on": school.day(30)}]}]});
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let made = school.office.post("/api/v1/fee-structures", &body).await;
    let path = made.header("location").to_owned();
    let active = school.office.post_if(&format!("{path}/activate"), &made.etag(), &json!({})).await.expect(200);
    let item = |head: &str| active["items"].as_array().unwrap().iter().find(|item| item["head"] == head).cloned().unwrap_or_default();
    (id(&active), item("Tuition"), item("Trip"))
}

fn charging(school: &School, student: StudentId, charges: &Value) -> Value {
    json!({"student_id": student, "period": "Trip", "currency": "INR", "due_on": school.day(30), "issue": true, "charges": charges})
}

async fn charge(school: &School, student: StudentId, item: &Value) -> Answer {
    school.office.post("/api/v1/invoices", &charging(school, student, &json!([{"fee_item_id": item["id"]}]))).await
}

#[tokio::test]
async fn an_optional_head_is_charged_at_the_structures_price_with_its_tax_and_concessions() {
    let school = School::open().await;
    let (structure, tuition, trip) = structure(&school, "Fees", &json!({})).await;
    let half = json!({"name": "Half", "kind": "student", "student_id": school.student_id, "percent_basis_points": 5_000, "head": "Trip",
        "valid_from": school.day(0), "reason": "x"});
    let path = format!("/api/v1/concessions/{}", id(&school.office.post("/api/v1/concessions", &half).await.expect(201)));
    school.act(&school.head, &path, "approve", &json!({})).await.expect(200);
    let mut body = charging(&school, school.student_id, &json!([{"fee_item_id": trip["id"]}, {"head": "Raincoat", "amount_minor": 300}]));
    body["with_concessions"] = json!(true);
    let made = school.office.post("/api/v1/invoices", &body).await.expect(201);
    let lines: Vec<Value> = made["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| json!([line["description"], line["amount_minor"], line["fee_item_id"]]))
        .collect();
    assert_eq!(
        lines,
        [
            json!(["Trip", 20_000, trip["id"]]),
            json!(["Raincoat", 300, null]),
            json!(["Half", -10_000, null]),
            json!(["Tax 5 %", 500, null])
        ]
    );
    assert_eq!(charge(&school, school.classmate_id, &trip).await.expect(201)["total_minor"], json!(21_000));
    // A run charges what everybody must pay, and leaves the trip to those who asked for it.
    school.run(&structure, 1).await;
    let run = school.office.get(&format!("/api/v1/invoices?fee_structure_id={structure}")).await.expect(200);
    assert_eq!(
        run["items"].as_array().unwrap().iter().map(|one| one["total_minor"].clone()).collect::<Vec<_>>(),
        [json!(100_000), json!(100_000)]
    );
    assert_eq!(charge(&school, school.student_id, &tuition).await.pointers(), ["/charges/0/fee_item_id"], "that is for runs");
    school.books_agree().await;
}

#[tokio::test]
async fn what_is_not_an_optional_head_for_the_student_is_refused_and_says_where() {
    let school = School::open().await;
    let (structure_id, _, trip) = structure(&school, "Fees", &json!({})).await;
    let (_, _, abroad) = structure(&school, "Abroad", &json!({"currency": "USD"})).await;
    let (_, _, boarders) = structure(&school, "Boarders", &json!({"category": "boarder"})).await;
    let strange = json!({"id": Uuid::now_v7()});
    let outsider = school.fleet.member(school.school, Role::Student, "outsider@a.example").await;
    let outsider = school.fleet.student_id(school.school, outsider).await;
    for (student, item) in [(school.student_id, &abroad), (school.student_id, &boarders), (school.student_id, &strange), (outsider, &trip)]
    {
        let refused = charge(&school, student, item).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/charges/0/fee_item_id"]), "{:#}", refused.body);
    }
    for (charges, pointers) in [
        (json!([{"fee_item_id": trip["id"], "head": "Trip"}]), vec!["/charges/0/head"]),
        (json!([{"fee_item_id": trip["id"], "amount_minor": 1}]), vec!["/charges/0/amount_minor"]),
        (json!([{"fee_item_id": trip["id"], "tax_basis_points": 1}]), vec!["/charges/0/tax_basis_points"]),
        (json!([{"fee_item_id": trip["id"]}, {"fee_item_id": trip["id"]}]), vec!["/charges/1/fee_item_id"]),
        (json!([{"head": "Trip"}]), vec!["/charges/0/amount_minor"]),
        (json!([{"amount_minor": 1}]), vec!["/charges/0/head"]),
        (json!([{}]), vec!["/charges/0/head", "/charges/0/amount_minor"]),
        (json!([]), vec!["/charges"]),
    ] {
        let refused = school.office.post("/api/v1/invoices", &charging(&school, school.student_id, &charges)).await;
        assert_eq!((refused.status, refused.pointers()), (422, pointers), "{charges}");
    }
    school.parent.post("/api/v1/invoices", &charging(&school, school.student_id, &json!([{"fee_item_id": trip["id"]}]))).await.expect(403);
    // Another school has no such item.
    let other = school.fleet.school("Riverside").await;
    school.fleet.member(other, Role::Admin, "office@b.example").await;
    let pupil = school.fleet.member(other, Role::Student, "pupil@b.example").await;
    school.fleet.class(other, "7A", UserId::generate(), &[pupil]).await;
    let pupil = school.fleet.student_id(other, pupil).await;
    let stranger = school.fleet.login("office@b.example").await;
    let body = charging(&school, pupil, &json!([{"fee_item_id": trip["id"]}]));
    assert_eq!(stranger.post("/api/v1/invoices", &body).await.pointers(), ["/charges/0/fee_item_id"]);
    school.act(&school.office, &format!("/api/v1/fee-structures/{structure_id}"), "retire", &json!({})).await.expect(200);
    assert_eq!(charge(&school, school.student_id, &trip).await.pointers(), ["/charges/0/fee_item_id"], "it is retired");
    assert_eq!(school.count("SELECT count(*) FROM invoices").await, 0);
}

#[tokio::test]
async fn of_fifty_who_charge_a_trip_at_once_one_does_and_after_a_cancellation_another_may() {
    let school = School::open().await;
    let (_, _, trip) = structure(&school, "Fees", &json!({})).await;
    let answers = join_all((0..50).map(|_| charge(&school, school.student_id, &trip))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let made = answers.iter().find(|answer| answer.status == 201).unwrap().body.clone();
    assert_eq!(school.count("SELECT count(*) FROM invoices").await, 1);
    // With a key, the same again is answered the same.
    let body = charging(&school, school.classmate_id, &json!([{"fee_item_id": trip["id"]}]));
    let keyed = join_all((0..50).map(|_| school.office.post_once("/api/v1/invoices", "trip", &body))).await;
    assert!(count(&keyed, 201) >= 1 && count(&keyed, 201) + count(&keyed, 409) == 50);
    assert_eq!(id(&school.office.post_once("/api/v1/invoices", "trip", &body).await.expect(201)), {
        id(&keyed.iter().find(|answer| answer.status == 201).unwrap().body)
    });
    school.act(&school.office, &format!("/api/v1/invoices/{}", id(&made)), "cancel", &json!({"reason": "Fell ill"})).await.expect(200);
    charge(&school, school.student_id, &trip).await.expect(201);
    charge(&school, school.student_id, &trip).await.expect(409);
    // At the database, too.
    let again = format!(
        "INSERT INTO invoice_lines (school_id, id, invoice_id, position, kind, description, fee_item_id, amount_minor)
         SELECT school_id, gen_random_uuid(), id, 9, 'fee', 'Trip', '{}', 1 FROM invoices WHERE status = 'issued' LIMIT 1",
        trip["id"].as_str().unwrap()
    );
    assert_eq!(school.attacker().attempt(&again).await.expect_err(&again).constraint(), Some("optional_item_once"));
    school.books_agree().await;
}
