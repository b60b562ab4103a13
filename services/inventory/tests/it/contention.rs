//! Many at once: nothing goes below zero, nothing is done twice, nobody waits for ever.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, count, statuses};

use crate::school::{School, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_issue_the_last_ten_pieces_exactly_ten_succeed() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 333).await;
    let answers = join_all((0..50).map(|_| school.issue(&chalk, 1))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (10, 40), "{:?}", statuses(&answers));
    let item = school.item(&chalk).await;
    assert_eq!((&item["on_hand"], &item["value_minor"]), (&json!(0), &json!(0)));
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_opposite_transfers_all_succeed_and_lose_nothing() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 120, 100).await;
    let half = json!({"item_id": chalk, "from_location_id": school.store, "to_location_id": school.library, "quantity": 60});
    school.keeper.post("/api/v1/inventory/transfers", &half).await.expect(201);
    let (there, back) = ((&school.store, &school.library), (&school.library, &school.store));
    let answers = join_all((0..50).map(|n| {
        let (from, to) = if n % 2 == 0 { there } else { back };
        let body = json!({"item_id": chalk, "from_location_id": from, "to_location_id": to, "quantity": 1 + n % 3});
        let keeper = &school.keeper;
        async move { keeper.post("/api/v1/inventory/transfers", &body).await }
    }))
    .await;
    assert_eq!(count(&answers, 201), 50, "no deadlock, no error: {:?}", statuses(&answers));
    assert_eq!(school.on_hand(&chalk).await, 120);
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_borrow_one_copy_one_has_it() {
    let school = School::open().await;
    school.book("Atlas", 1, None).await;
    let answers = join_all((0..50).map(|_| school.lend("Atlas-1"))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM inventory_loans WHERE state = 'open'").await, 1);
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_returns_of_a_late_loan_one_closes_it_and_one_penalty_is_told() {
    let mut school = School::open_with_clock().await;
    let category = school.category(json!({"penalty_per_day_minor": 100})).await;
    let atlas = school.book("Atlas", 1, Some(&category)).await;
    let loan = school.lend("Atlas-1").await.expect(201);
    school.days_pass(24).await;
    let lost = format!("/api/v1/inventory/loans/{}/lost", id(&loan));
    let answers: Vec<Answer> = join_all((0..50).map(|n| {
        let (school, loan, lost) = (&school, &loan, &lost);
        async move { if n % 2 == 0 { school.give_back(loan).await } else { school.keeper.post_if(lost, "\"v1\"", &json!({})).await } }
    }))
    .await;
    let done = count(&answers, 201) + count(&answers, 200);
    assert_eq!((done, count(&answers, 409) + count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.told("inventory:penalty_due").await.len(), 1);
    assert_eq!(school.item(&atlas).await["on_hand"], json!(i64::from(count(&answers, 201) == 1)));
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_retries_of_one_issue_issue_once() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 100).await;
    let body = json!({"item_id": chalk, "location_id": school.store, "quantity": 1});
    let answers = join_all((0..50).map(|_| async {
        loop {
            let answer = school.keeper.post_once("/api/v1/inventory/issues", "the-one", &body).await;
            // Told to come again while the first is at it.
            if answer.status != 409 {
                return answer;
            }
        }
    }))
    .await;
    assert_eq!(count(&answers, 201), 50, "{:?}", statuses(&answers));
    let first: &Value = &answers[0].body;
    assert!(answers.iter().all(|answer| answer.body == *first));
    assert_eq!(school.on_hand(&chalk).await, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_returns_of_an_issue_no_more_come_back_than_were_issued() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 333).await;
    let issued = school.issue(&chalk, 7).await.expect(201);
    let body = json!({"issue_id": issued["movements"][0]["id"], "quantity": 1});
    let answers = join_all((0..50).map(|_| school.keeper.post("/api/v1/inventory/returns", &body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (7, 43), "{:?}", statuses(&answers));
    let item = school.item(&chalk).await;
    assert_eq!((&item["on_hand"], &item["value_minor"]), (&json!(10), &json!(3_330)), "all that left has come back");
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_receive_one_serial_number_one_does() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 0, None).await;
    let body = json!({"kind": "receive", "item_id": atlas, "location_id": school.library, "serial_numbers": ["X-1"], "unit_cost_minor": 0});
    let answers = join_all((0..50).map(|_| school.keeper.post("/api/v1/inventory/movements", &body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_finish_a_repair_one_does_and_it_comes_back_once() {
    let school = School::open().await;
    let scope = school.book("Microscope", 1, None).await;
    let body = json!({"item_id": scope, "location_id": school.library, "serial_number": "Microscope-1", "problem": "Lens loose"});
    let repair = id(&school.keeper.post("/api/v1/inventory/repairs", &body).await.expect(201));
    let finish = format!("/api/v1/inventory/repairs/{repair}/finish");
    let answers = join_all((0..50).map(|n| {
        let (keeper, finish) = (&school.keeper, &finish);
        let outcome = json!({"outcome": if n % 2 == 0 { "repaired" } else { "written_off" }});
        async move { keeper.post_if(finish, "\"v1\"", &outcome).await }
    }))
    .await;
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM stock_movements WHERE kind = 'repair_return'").await, 1);
    assert_eq!(school.told("repair:finished").await.len(), 1);
    school.check_books().await;
}
