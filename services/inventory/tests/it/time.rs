//! What time does by itself.

use std::time::Duration;

use futures_util::future::join_all;
use inventory::store::schools_with_something_due;
use inventory::sweep::sweep_once;
use serde_json::json;
use service_kit::Service;

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

/// A school in whose fleet time does nothing by itself.
async fn nobody_looks_after_it() -> School {
    let mut school = School::open_with_clock().await;
    let idle = Service { background: |_| Vec::new(), ..inventory::SERVICE };
    let clock = school.clock();
    school.fleet.restart(&[auth::SERVICE, idle], clock).await;
    school.days_pass(0).await;
    school
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_looks_at_a_queue_sees_it_as_time_has_left_it_and_writes_nothing() {
    let mut school = nobody_looks_after_it().await;
    let atlas = school.book("Atlas", 1, None).await;
    let mut queue = Vec::new();
    let soon = school.clock_day().await + chrono::Duration::days(2);
    for (who, until) in [(json!(school.student_user), None), (json!(school.teacher_user), Some(soon)), (json!(school.keeper_user), None)] {
        let wish = json!({"item_id": atlas, "borrower_user_id": who, "expires_on": until});
        queue.push(school.keeper.post("/api/v1/inventory/reservations", &wish).await.expect(201));
    }
    school.days_pass(4).await;
    let rows = "SELECT sum(version) FROM inventory_reservations";
    let before = school.count(rows).await;
    let mut seen = Vec::new();
    for reservation in &queue {
        let shown = school.keeper.get(&format!("/api/v1/inventory/reservations/{}", id(reservation))).await.expect(200);
        seen.push((shown["state"].as_str().unwrap().to_owned(), shown["version"].as_i64().unwrap()));
    }
    assert_eq!(
        seen,
        [("expired".to_owned(), 2), ("expired".to_owned(), 1), ("ready".to_owned(), 1)],
        "not fetched, tired of waiting, next"
    );
    for (state, expected) in [("waiting", vec![]), ("ready", vec![&queue[2]["id"]]), ("expired", vec![&queue[0]["id"], &queue[1]["id"]])] {
        let list = school.keeper.get(&format!("/api/v1/inventory/reservations?state={state}")).await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect::<Vec<_>>(), expected, "{state}");
    }
    assert_eq!((school.count(rows).await, school.told("reservation:ready").await.len()), (before, 1), "nothing was written or told");
    assert_eq!(sweep_once(&school.fleet.platform).await.unwrap(), 1);
    for (reservation, (state, _)) in queue.iter().zip(&seen) {
        let stored = format!("SELECT count(*) FROM inventory_reservations WHERE id = '{}' AND state = '{state}'", id(reservation));
        assert_eq!(school.count(&stored).await, 1, "what was shown is what came of it");
    }
    assert_eq!(school.told("reservation:ready").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_schools_with_something_due_are_looked_into() {
    let mut school = nobody_looks_after_it().await;
    let atlas = school.book("Atlas", 2, None).await;
    let due = async |school: &School| schools_with_something_due(&school.fleet.platform).await.unwrap();
    school.lend("Atlas-1").await.expect(201);
    let wish = json!({"item_id": atlas, "student_id": school.stranger_id});
    school.keeper.post("/api/v1/inventory/reservations", &wish).await.expect(201);
    assert_eq!(due(&school).await, [], "nothing is due yet, there and elsewhere");
    school.days_pass(4).await;
    assert_eq!(due(&school).await, [school.id], "a turn is over");
    assert_eq!(sweep_once(&school.fleet.platform).await.unwrap(), 1);
    assert_eq!(due(&school).await, []);
    school.days_pass(10).await;
    assert_eq!(due(&school).await, [], "the due day is in time");
    school.days_pass(1).await;
    assert_eq!(due(&school).await, [school.id], "a loan is overdue");
    assert_eq!(sweep_once(&school.fleet.platform).await.unwrap(), 1);
    assert_eq!(due(&school).await, [], "they were told");
    school.keeper.post("/api/v1/inventory/reservations", &wish).await.expect(201);
    school.days_pass(5).await;
    assert_eq!(due(&school).await, [school.id]);
    school.sql("UPDATE schools SET is_active = false").await;
    assert_eq!(due(&school).await, [], "a school that is closed is left alone");
}
