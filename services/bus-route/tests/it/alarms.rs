//! Arrival alarms: each rings once a trip, for whoever is a parent of the child then.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::{School, insist, text};

const PATH: &str = "/api/v1/bus/alarms";

async fn seat(school: &School, student: domain::StudentId, stop: usize) -> String {
    text(&school.seat(student, stop).await.body["id"])
}

#[tokio::test]
async fn an_alarm_rings_once_for_a_trip_however_many_positions_say_so_at_once() {
    let school = School::open().await;
    let (own, other) = (seat(&school, school.child, 2).await, seat(&school, school.other_child, 3).await);
    let trip = school.start().await;
    let path = format!("{trip}/positions");
    school.driver.post(&path, &school.positions(&[(150, 0.0)])).await.expect(200);
    // Set while the trip runs: the next position knows of it.
    let alarm = school.parent.post(PATH, &json!({"assignment_id": own, "minutes_before": 4})).await;
    assert_eq!(alarm.status, 201, "{:#}", alarm.body);
    school.other_parent.post(PATH, &json!({"assignment_id": other, "minutes_before": 1})).await.expect(201);
    school.driver.post(&path, &school.positions(&[(140, 0.000_9)])).await.expect(200);
    assert_eq!(school.told("transport:alarm_rung").await, 0, "two stops away");
    // Ten metres a second, now from just before the second stop: less than four minutes to the third, more than one to the last.
    let near: Vec<Value> =
        (0..30).map(|n| school.positions(&[(50 - n, 0.009 + 0.000_09 * f64::from(i32::try_from(n).unwrap()))])).collect();
    let answers = join_all(near.iter().map(|body| school.driver.post(&path, body))).await;
    assert_eq!(count(&answers, 200), 30, "{:?}", statuses(&answers));
    assert_eq!(school.told("transport:alarm_rung").await, 1);
    let rung = school.parent.get(alarm.header("location")).await.expect(200);
    assert_eq!(rung["rung_trip_id"].as_str(), trip.rsplit('/').next());
    // The memory goes, the table stays.
    school.saved().await;
    school.fleet.redis.flush().await;
    school.driver.post(&path, &school.positions(&[(10, 0.015)])).await.expect(200);
    assert_eq!(school.told("transport:alarm_rung").await, 0, "the stream went with the memory, and nothing came after it");
    assert_eq!(school.count("SELECT count(*) FROM bus_alarms WHERE rung_trip_id IS NOT NULL").await, 1);
    school.driver.post(&path, &school.positions(&[(5, 0.02), (2, 0.029_6)])).await.expect(200);
    assert_eq!(school.told("transport:alarm_rung").await, 1, "the other parent's");
}

#[tokio::test]
async fn an_alarm_is_its_owners_and_for_a_child_of_theirs() {
    let school = School::open().await;
    let own = seat(&school, school.child, 2).await;
    let new = json!({"assignment_id": own, "minutes_before": 5});
    let alarm = school.parent.post(PATH, &new).await;
    assert_eq!(alarm.status, 201, "{:#}", alarm.body);
    let twice = school.parent.post(PATH, &new).await;
    assert_eq!((twice.status, twice.pointers()), (409, vec!["/assignment_id"]));
    for who in [&school.other_parent, &school.driver, &school.teacher, &school.student, &school.office, &school.outsider] {
        assert_eq!(who.post(PATH, &new).await.pointers(), ["/assignment_id"]);
        assert_eq!(who.get(PATH).await.expect(200), json!([]));
    }
    let path = alarm.header("location").to_owned();
    for who in [&school.other_parent, &school.office, &school.outsider] {
        assert_eq!(who.get(&path).await.status, 404);
        assert_eq!(who.patch(&path, "\"v1\"", &json!({"minutes_before": 9})).await.status, 404);
        assert_eq!(who.delete(&path, "\"v1\"").await.status, 404);
    }
    assert_eq!(school.parent.patch(&path, "\"v1\"", &json!({"minutes_before": 0})).await.pointers(), ["/minutes_before"]);
    assert_eq!(school.parent.patch(&path, "\"v1\"", &json!({"minutes_before": 61})).await.pointers(), ["/minutes_before"]);
    assert_eq!(school.parent.patch(&path, "\"v1\"", &json!({"minutes_before": 9})).await.expect(200)["minutes_before"], 9);
    assert_eq!(school.parent.delete(&path, "\"v1\"").await.status, 412);
    assert_eq!(school.parent.delete(&path, "\"v2\"").await.status, 204);
    assert_eq!(school.parent.get(PATH).await.expect(200), json!([]));
}

#[tokio::test]
async fn of_fifty_alarms_for_one_seat_one_is_set() {
    let school = School::open().await;
    let new = json!({"assignment_id": seat(&school, school.child, 2).await, "minutes_before": 5});
    let answers = join_all((0..50).map(|_| insist(&school.parent, PATH, &new))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
}

#[tokio::test]
async fn whoever_is_no_guardian_any_more_is_not_told_where_the_child_gets_on() {
    let school = School::open().await;
    let own = seat(&school, school.child, 2).await;
    let alarm = school.parent.post(PATH, &json!({"assignment_id": own, "minutes_before": 60})).await;
    school.sql(&format!("DELETE FROM student_guardians WHERE student_id = '{}'", school.child)).await;
    let auth = school.fleet.platform.postgres(domain::ServiceName::Auth).clone();
    directory::Directory::new(school.fleet.platform.redis().clone(), auth).changed(school.id).await;
    assert_eq!(school.parent.get(alarm.header("location")).await.status, 404);
    assert_eq!(school.parent.get(PATH).await.expect(200), json!([]));
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(10, 0.0)])).await.expect(200);
    assert_eq!(school.told("transport:alarm_rung").await, 0);
    assert_eq!(school.count("SELECT count(*) FROM bus_alarms WHERE rung_at IS NOT NULL").await, 0);
}
