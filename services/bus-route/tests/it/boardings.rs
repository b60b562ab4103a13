//! Boarding, alighting, and who was left behind.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::School;

fn tap(student: impl serde::Serialize, kind: &str) -> Value {
    json!({"student_id": student, "kind": kind})
}

#[tokio::test]
async fn a_child_who_boarded_and_did_not_get_off_is_told_of_once() {
    let school = School::open().await;
    school.seat(school.child, 0).await;
    school.seat(school.other_child, 1).await;
    let trip = school.start().await;
    let path = format!("{trip}/boardings");
    let first = school.driver.post(&path, &tap(school.child, "boarded")).await.expect(200);
    assert_eq!((&first["is_aboard"], &first["version"]), (&json!(true), &json!(1)));
    school.driver.post(&path, &tap(school.other_child, "boarded")).await.expect(200);
    school.driver.post(&path, &tap(school.other_child, "alighted")).await.expect(200);
    let manifest = school.driver.get(&format!("{trip}/manifest")).await.expect(200);
    assert_eq!((&manifest["aboard"], &manifest["students"][0]["is_aboard"]), (&json!(1), &json!(true)));
    let ended = school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(ended["not_alighted"], json!([school.child]));
    school.saved().await;
    // The consumer looks again when the event comes, and tells nothing twice.
    assert_eq!(school.told("transport:trip_ended").await, 1);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(school.told("transport:not_alighted").await, 1);
    let alerts = school.office.get("/api/v1/bus/alerts?kind=not_alighted&is_resolved=false").await.expect(200);
    assert_eq!((alerts["items"].as_array().unwrap().len(), &alerts["items"][0]["student_id"]), (1, &json!(school.child)));
    // Nobody boards any more, but whoever was left behind can still get off.
    assert_eq!(school.driver.post(&path, &tap(school.other_child, "boarded")).await.status, 409);
    school.driver.post(&path, &tap(school.child, "alighted")).await.expect(200);
    let alerts = school.office.get("/api/v1/bus/alerts?kind=not_alighted&is_resolved=false").await.expect(200);
    assert_eq!(alerts["items"], json!([]));
}

#[tokio::test]
async fn fifty_taps_are_one_note_and_nobody_gets_off_who_did_not_board() {
    let school = School::open().await;
    let trip = school.start().await;
    let path = format!("{trip}/boardings");
    assert_eq!(school.driver.post(&path, &tap(school.child, "alighted")).await.pointers(), ["/student_id"]);
    let on = tap(school.child, "boarded");
    let answers = join_all((0..50).map(|n| if n % 2 == 0 { school.driver.post(&path, &on) } else { school.office.post(&path, &on) })).await;
    assert_eq!(count(&answers, 200), 50, "{:?}", statuses(&answers));
    assert!(answers.iter().all(|answer| answer.body["version"] == 1));
    school.saved().await;
    assert_eq!(school.count("SELECT jsonb_array_length(log)::bigint FROM bus_boardings").await, 1);
    assert_eq!(school.told("transport:boarded").await, 1);
    let wrong = json!({"student_id": uuid::Uuid::now_v7(), "kind": "boarded"});
    assert_eq!(school.driver.post(&path, &wrong).await.pointers(), ["/student_id"]);
    let elsewhere = json!({"student_id": school.other_child, "kind": "boarded", "stop_id": uuid::Uuid::now_v7()});
    assert_eq!(school.driver.post(&path, &elsewhere).await.pointers(), ["/stop_id"]);
    let tomorrow =
        json!({"student_id": school.other_child, "kind": "boarded", "at": school.day(1).and_hms_opt(8, 0, 0).unwrap().and_utc()});
    assert_eq!(school.driver.post(&path, &tomorrow).await.pointers(), ["/at"]);
    let long_ago = json!({"student_id": school.other_child, "kind": "boarded", "at": "1990-01-01T00:00:00Z"});
    assert_eq!(school.driver.post(&path, &long_ago).await.pointers(), ["/at"]);
}

#[tokio::test]
async fn whoever_boards_while_the_trip_ends_is_refused_or_told_of() {
    let school = School::open().await;
    let students = school.students(30).await;
    let trip = school.start().await;
    let (path, end, nothing) = (format!("{trip}/boardings"), format!("{trip}/end"), json!({}));
    let taps: Vec<Value> = students.iter().map(|student| tap(student, "boarded")).collect();
    let boarding = join_all(taps.iter().map(|tap| school.driver.post(&path, tap)));
    let (boarded, ended) = tokio::join!(boarding, school.driver.post_if(&end, "\"v2\"", &nothing));
    ended.expect(200);
    assert!(boarded.iter().all(|answer| matches!(answer.status, 200 | 409)), "{:?}", statuses(&boarded));
    school.saved().await;
    let aboard = i64::try_from(count(&boarded, 200)).unwrap();
    assert_eq!(school.count("SELECT count(*) FROM bus_boardings WHERE alighted_at IS NULL").await, aboard);
    assert_eq!(school.count("SELECT count(*) FROM bus_alerts WHERE kind = 'not_alighted'").await, aboard);
}
