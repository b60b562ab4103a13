//! What closing the books does: what ran low is told by what there was and is, and what is kept for those who wait is there.

use serde_json::{Value, json};

use crate::school::{School, id, put};

/// Footballs in the store room, to be ordered again when there are no more than `level`.
async fn balls(school: &School, pieces: i64, level: i64) -> String {
    let item = json!({"name": "Football", "kind": "asset", "reorder_level": level, "replacement_cost_minor": 900});
    let item = id(&school.keeper.post("/api/v1/inventory/items", &item).await.expect(201));
    school.receive(&item, pieces, 1_000).await;
    item
}

async fn lend(school: &School, item: &str, quantity: i64) -> Value {
    let body = json!({"item_id": item, "location_id": school.store, "quantity": quantity, "student_id": school.student_id});
    school.keeper.post("/api/v1/inventory/loans", &body).await.expect(201)
}

async fn moved(school: &School, item: &str, kind: &str, quantity: i64) {
    let body = json!({"kind": kind, "item_id": item, "location_id": school.store, "quantity": quantity, "reason": "x"});
    school.keeper.post("/api/v1/inventory/movements", &body).await.expect(201);
}

async fn repair(school: &School, item: &str) -> String {
    let body = json!({"item_id": item, "location_id": school.store, "quantity": 1, "problem": "Flat"});
    id(&school.keeper.post("/api/v1/inventory/repairs", &body).await.expect(201))
}

async fn finish(school: &School, repair: &str, outcome: &str) {
    let path = format!("/api/v1/inventory/repairs/{repair}/finish");
    school.keeper.post_if(&path, "\"v1\"", &json!({"outcome": outcome})).await.expect(200);
}

async fn wish(school: &School, item: &str, student: impl serde::Serialize) -> Value {
    school.keeper.post("/api/v1/inventory/reservations", &json!({"item_id": item, "student_id": student})).await.expect(201)
}

/// State, whether it is kept until some time, and version of a reservation, as the table has it.
async fn row(school: &School, reservation: &Value) -> (String, bool, i32) {
    sqlx::query_as("SELECT state, held_until IS NOT NULL, version FROM inventory_reservations WHERE id = $1::uuid")
        .bind(id(reservation))
        .fetch_one(&mut school.fleet.database.superuser().await)
        .await
        .unwrap()
}

async fn count_and_post(school: &School, counts: Value) {
    let take = school.keeper.post("/api/v1/inventory/stock-takes", &json!({"location_id": school.store})).await;
    let path = take.header("location").to_owned();
    take.expect(201);
    let counted = put(&school.keeper, &format!("{path}/counts"), &json!({"counts": counts})).await;
    let etag = counted.etag();
    counted.expect(200);
    school.keeper.post_if(&format!("{path}/post"), &etag, &json!({})).await.expect(200);
}

#[tokio::test]
async fn what_is_lost_on_loan_or_beyond_repair_is_not_told_to_run_low_a_second_time() {
    let school = School::open().await;
    let item = balls(&school, 6, 4).await;
    let loan = lend(&school, &item, 1).await;
    assert_eq!(school.told("stock:low").await.len(), 0, "five are left");
    let away = repair(&school, &item).await;
    let told = school.told("stock:low").await;
    assert_eq!((told.len(), &told[0]["on_hand"]), (1, &json!(4)));
    // Each comes back in the books for a moment and leaves for good: the shelf is as it was.
    school.keeper.post_if(&format!("/api/v1/inventory/loans/{}/lost", id(&loan)), "\"v1\"", &json!({})).await.expect(200);
    finish(&school, &away, "written_off").await;
    assert_eq!((school.told("stock:low").await.len(), school.on_hand(&item).await), (1, 4));
    // Up again, and down: told again.
    moved(&school, &item, "adjust", 1).await;
    moved(&school, &item, "write_off", 2).await;
    assert_eq!(school.told("stock:low").await.len(), 2);
    school.check_books().await;
}

#[tokio::test]
async fn a_stock_take_that_finds_fewer_tells_what_runs_low_once_and_one_that_finds_more_tells_nothing() {
    let school = School::open().await;
    let item = balls(&school, 10, 4).await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 1).await;
    count_and_post(&school, json!([{"item_id": item, "counted": 3}, {"item_id": chalk, "counted": 1}])).await;
    let told = school.told("stock:low").await;
    assert_eq!((told.len(), &told[0]["on_hand"], &told[0]["reorder_level"]), (1, &json!(3), &json!(4)));
    count_and_post(&school, json!([{"item_id": item, "counted": 2}])).await;
    count_and_post(&school, json!([{"item_id": item, "counted": 9}])).await;
    assert_eq!(school.told("stock:low").await.len(), 1, "lower than low, and up again");
    school.check_books().await;
}

#[tokio::test]
async fn who_came_last_waits_again_when_the_piece_that_was_kept_is_gone_and_is_told_again_when_one_is_there() {
    let school = School::open().await;
    let item = balls(&school, 2, 0).await;
    let (first, second) = (wish(&school, &item, school.student_id).await, wish(&school, &item, school.stranger_id).await);
    assert_eq!((&first["state"], &second["state"]), (&json!("ready"), &json!("ready")));
    moved(&school, &item, "write_off", 1).await;
    assert_eq!((row(&school, &first).await, row(&school, &second).await), (("ready".into(), true, 2), ("waiting".into(), false, 3)));
    moved(&school, &item, "adjust", -1).await;
    assert_eq!((row(&school, &first).await.0, row(&school, &second).await), ("waiting".into(), ("waiting".into(), false, 3)));
    assert_eq!(school.told("reservation:ready").await.len(), 2);
    moved(&school, &item, "adjust", 1).await;
    assert_eq!(
        (row(&school, &first).await, row(&school, &second).await.0),
        (("ready".into(), true, 4), "waiting".into()),
        "in their order"
    );
    assert_eq!(school.told("reservation:ready").await.len(), 3);
    school.check_books().await;
}

#[tokio::test]
async fn a_piece_that_goes_to_repair_or_is_not_found_any_more_is_not_kept_for_anybody() {
    let school = School::open().await;
    let item = balls(&school, 1, 0).await;
    let first = wish(&school, &item, school.student_id).await;
    let away = repair(&school, &item).await;
    assert_eq!(row(&school, &first).await, ("waiting".into(), false, 3), "it is to be mended");
    finish(&school, &away, "repaired").await;
    assert_eq!(row(&school, &first).await, ("ready".into(), true, 4));
    count_and_post(&school, json!([{"item_id": item, "counted": 0}])).await;
    assert_eq!(row(&school, &first).await, ("waiting".into(), false, 5), "it was not found");
    count_and_post(&school, json!([{"item_id": item, "counted": 1}])).await;
    assert_eq!(row(&school, &first).await, ("ready".into(), true, 6), "it turned up");
    // Issued to whom it was kept for, it is gone for good.
    let issue = json!({"item_id": item, "location_id": school.store, "quantity": 1, "issued_to": school.student_user});
    school.keeper.post("/api/v1/inventory/issues", &issue).await.expect(201);
    assert_eq!(row(&school, &first).await, ("waiting".into(), false, 7));
    school.check_books().await;
}
