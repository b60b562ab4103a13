//! Loans of several pieces in parts, and what is owed for each.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, count, statuses};

use crate::school::{School, id};

const MOST: i64 = 1_000_000_000_000;

async fn balls(school: &School, category: Option<&str>, replacement: i64) -> String {
    let item = json!({"name": "Football", "kind": "asset", "category_id": category, "replacement_cost_minor": replacement});
    let item = id(&school.keeper.post("/api/v1/inventory/items", &item).await.expect(201));
    school.receive(&item, 20, 1_000).await;
    item
}

async fn lend(school: &School, item: &str, quantity: i64) -> Value {
    let body = json!({"item_id": item, "location_id": school.store, "quantity": quantity, "student_id": school.student_id});
    school.keeper.post("/api/v1/inventory/loans", &body).await.expect(201)
}

async fn split(school: &School, loan: &Value, etag: &str, quantity: i64) -> Answer {
    school.keeper.post_if(&format!("/api/v1/inventory/loans/{}/split", id(loan)), etag, &json!({"quantity": quantity})).await
}

async fn lose(school: &School, loan: &Value, body: Value) -> Answer {
    school.keeper.post_if(&format!("/api/v1/inventory/loans/{}/lost", id(loan)), "\"v1\"", &body).await
}

#[tokio::test]
async fn nine_come_back_one_is_lost_and_each_part_owes_its_own() {
    let mut school = School::open_with_clock().await;
    let category = school.category(json!({"loan_days": 14, "penalty_per_day_minor": 10, "max_renewals": 2})).await;
    let item = balls(&school, Some(&category), 700).await;
    let loan = lend(&school, &item, 10).await;
    school.days_pass(5).await;
    school.keeper.post_if(&format!("/api/v1/inventory/loans/{}/renew", id(&loan)), "\"v1\"", &json!({})).await.expect(200);
    school.days_pass(16).await;
    inventory::sweep::sweep_once(&school.fleet.platform).await.unwrap();
    assert_eq!(school.told("loan:overdue").await.len(), 1);
    let done = split(&school, &loan, "\"v2\"", 9).await.expect(200);
    assert_eq!((&done["loan"]["state"], &done["loan"]["penalty_minor"], &done["loan"]["version"]), (&json!("split"), &json!(0), &json!(3)));
    let parts = done["parts"].as_array().unwrap();
    assert_eq!((&parts[0]["quantity"], &parts[1]["quantity"], parts.len()), (&json!(9), &json!(1), 2));
    let before = school.keeper.get(&format!("/api/v1/inventory/loans/{}", id(&loan))).await.expect(200);
    for part in parts {
        assert_eq!((&part["state"], &part["split_of"], &part["renewals"]), (&json!("open"), &loan["id"], &json!(1)));
        for field in ["lent_at", "lent_by", "due_on", "borrower_user_id", "student_id", "location_id", "currency", "penalty_per_day_minor"]
        {
            assert_eq!(part[field], before[field], "{field}");
        }
    }
    inventory::sweep::sweep_once(&school.fleet.platform).await.unwrap();
    assert_eq!(school.told("loan:overdue").await.len(), 1, "they were told of this due day");
    assert_eq!((school.on_hand(&item).await, school.item(&item).await["owned"].as_i64()), (10, Some(20)), "nothing left the borrower");
    school.check_books().await;
    let late = school.give_back(&parts[0]).await.expect(201)["loan"]["penalty_minor"].as_i64().unwrap();
    let lost = lose(&school, &parts[1], json!({})).await.expect(200)["penalty_minor"].as_i64().unwrap();
    assert_eq!((late, lost), (9 * 2 * 10, 2 * 10 + 700), "two days late, nine pieces and one");
    let told = school.told("inventory:penalty_due").await;
    let told: Vec<(&Value, &Value)> = told.iter().map(|event| (&event["loan_id"], &event["amount_minor"])).collect();
    assert_eq!(told, [(&parts[0]["id"], &json!(late)), (&parts[1]["id"], &json!(lost))]);
    assert_eq!((school.on_hand(&item).await, school.item(&item).await["owned"].as_i64()), (19, Some(19)));
    school.check_books().await;
}

#[tokio::test]
async fn only_an_open_loan_of_several_pieces_is_split_and_by_whoever_keeps_the_place() {
    let school = School::open().await;
    let item = balls(&school, None, 0).await;
    let (one, two) = (lend(&school, &item, 1).await, lend(&school, &item, 2).await);
    let refused = split(&school, &one, "\"v1\"", 1).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/quantity"]));
    for quantity in [-1, 0, 2, 3] {
        let refused = split(&school, &two, "\"v1\"", quantity).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/quantity"]), "{quantity}");
    }
    assert_eq!(split(&school, &two, "\"v9\"", 1).await.status, 412);
    let path = format!("/api/v1/inventory/loans/{}/split", id(&two));
    assert_eq!(school.keeper.post(&path, &json!({"quantity": 1})).await.status, 428);
    for (who, status) in [(&school.teacher, 403), (&school.student, 403), (&school.parent, 403), (&school.outsider, 404)] {
        assert_eq!(who.post_if(&path, "\"v1\"", &json!({"quantity": 1})).await.status, status);
    }
    school.give_back(&two).await.expect(201);
    assert_eq!(split(&school, &two, "\"v2\"", 1).await.status, 409);
    school.book("Atlas", 1, None).await;
    let unit = school.lend("Atlas-1").await.expect(201);
    assert_eq!(split(&school, &unit, "\"v1\"", 1).await.status, 422);
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_split_return_or_lose_a_loan_one_does() {
    let school = School::open().await;
    let item = balls(&school, None, 0).await;
    let loan = lend(&school, &item, 10).await;
    let answers = join_all((0..50).map(|n| {
        let (school, loan) = (&school, &loan);
        async move {
            match n % 5 {
                0 => school.give_back(loan).await,
                1 => lose(school, loan, json!({})).await,
                _ => split(school, loan, "\"v1\"", 1 + n % 9).await,
            }
        }
    }))
    .await;
    let (done, refused) = (count(&answers, 200) + count(&answers, 201), count(&answers, 409) + count(&answers, 412));
    assert_eq!((done, refused), (1, 49), "{:?}", statuses(&answers));
    school.check_books().await;
    let loan = lend(&school, &item, 5).await;
    let answers = join_all((0..50).map(|n| split(&school, &loan, "\"v1\"", 1 + n % 4))).await;
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    let parts = format!("SELECT sum(quantity) FROM inventory_loans WHERE split_of = '{}' AND state = 'open'", id(&loan));
    assert_eq!(school.count(&parts).await, 5);
    school.check_books().await;
}

#[tokio::test]
async fn what_can_not_be_charged_is_refused_and_the_loan_stays_open_until_it_is_split() {
    let school = School::open().await;
    let item = balls(&school, None, MOST).await;
    let loan = lend(&school, &item, 2).await;
    let refused = lose(&school, &loan, json!({})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/charge_replacement"]));
    assert_eq!(school.keeper.get(&format!("/api/v1/inventory/loans/{}", id(&loan))).await.expect(200)["state"], json!("open"));
    assert_eq!((school.told("inventory:penalty_due").await, school.told("item:lost").await), (vec![], vec![]));
    let parts = split(&school, &loan, "\"v1\"", 1).await.expect(200)["parts"].clone();
    for part in parts.as_array().unwrap() {
        assert_eq!(lose(&school, part, json!({})).await.expect(200)["penalty_minor"], json!(MOST));
    }
    let told = school.told("inventory:penalty_due").await;
    assert_eq!(told.iter().map(|event| event["amount_minor"].clone()).collect::<Vec<_>>(), [json!(MOST), json!(MOST)]);
    school.check_books().await;
}

#[tokio::test]
async fn many_pieces_that_are_too_late_to_be_charged_together_come_back_in_parts() {
    let mut school = School::open_with_clock().await;
    let category = school.category(json!({"loan_days": 1, "penalty_per_day_minor": 1_000_000_000})).await;
    let item = balls(&school, Some(&category), 0).await;
    school.receive(&item, 80, 1_000).await;
    let loan = lend(&school, &item, 100).await;
    school.days_pass(13).await;
    let refused = school.give_back(&loan).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/loan_id"]), "{:#}", refused.body);
    assert_eq!(school.told("inventory:penalty_due").await, Vec::<Value>::new());
    let parts = split(&school, &loan, "\"v1\"", 50).await.expect(200)["parts"].clone();
    for part in parts.as_array().unwrap() {
        assert_eq!(school.give_back(part).await.expect(201)["loan"]["penalty_minor"], json!(50 * 12 * 1_000_000_000_i64));
    }
    assert_eq!(school.told("inventory:penalty_due").await.len(), 2);
    school.check_books().await;
}
