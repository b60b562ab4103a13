//! What time does by itself.

use std::time::Duration;

use futures_util::future::join_all;
use inventory::sweep::sweep_once;
use serde_json::json;

use crate::school::{SERVICES, School, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_is_over_goes_to_the_next_without_anybody_looking_however_many_look_after_it() {
    let mut school = School::open_with_clock().await;
    let atlas = school.book("Atlas", 1, None).await;
    let wish = |student| json!({"item_id": atlas, "student_id": student});
    let first = school.keeper.post("/api/v1/inventory/reservations", &wish(school.student_id)).await.expect(201);
    let second = school.keeper.post("/api/v1/inventory/reservations", &wish(school.stranger_id)).await.expect(201);
    assert_eq!((&first["state"], &second["state"]), (&json!("ready"), &json!("waiting")));
    assert_eq!(sweep_once(&school.fleet.platform).await.unwrap(), 0, "nobody's turn is over");
    school.days_pass(4).await;
    for round in join_all((0..50).map(|_| sweep_once(&school.fleet.platform))).await {
        round.unwrap();
    }
    let state = "SELECT count(*) FROM inventory_reservations WHERE id = '{}' AND state = 'expired' AND version = 3";
    assert_eq!(school.count(&state.replace("{}", &id(&first))).await, 1, "expired, once");
    let state = "SELECT count(*) FROM inventory_reservations WHERE id = '{}' AND state = 'ready' AND version = 2";
    assert_eq!(school.count(&state.replace("{}", &id(&second))).await, 1, "ready, once");
    assert_eq!(school.told("reservation:ready").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_a_loan_for_too_long_is_told_once_for_each_due_day() {
    let mut school = School::open_with_clock().await;
    school.book("Atlas", 3, None).await;
    let late = school.lend("Atlas-1").await.expect(201);
    let returned = school.lend("Atlas-2").await.expect(201);
    school.give_back(&returned).await.expect(201);
    school.days_pass(14).await;
    sweep_once(&school.fleet.platform).await.unwrap();
    assert_eq!(school.told("loan:overdue").await.len(), 0, "the due day is in time");
    school.days_pass(1).await;
    for round in join_all((0..50).map(|_| sweep_once(&school.fleet.platform))).await {
        round.unwrap();
    }
    let told = school.told("loan:overdue").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["student_id"], &told[0]["due_on"]), (&json!(school.student_id), &late["due_on"]));
    // The version is the one that was read: a reminder changes nothing that anybody could overwrite.
    let renew = format!("/api/v1/inventory/loans/{}/renew", id(&late));
    school.keeper.post_if(&renew, "\"v1\"", &json!({})).await.expect(200);
    sweep_once(&school.fleet.platform).await.unwrap();
    assert_eq!(school.told("loan:overdue").await.len(), 1);
    school.days_pass(15).await;
    sweep_once(&school.fleet.platform).await.unwrap();
    assert_eq!(school.told("loan:overdue").await.len(), 2, "the new due day is over too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_looks_after_queues_and_due_days_as_soon_as_it_runs() {
    let mut school = School::open_with_clock().await;
    school.book("Atlas", 1, None).await;
    school.lend("Atlas-1").await.expect(201);
    school.days_pass(20).await;
    let clock = school.clock();
    school.fleet.restart(SERVICES, clock).await;
    let told = tokio::time::timeout(Duration::from_secs(20), async {
        while school.told("loan:overdue").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    told.await.expect("the task tells it");
}
