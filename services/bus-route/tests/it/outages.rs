//! PostgreSQL is away while a bus is on its way.

use std::time::Duration;

use fred::interfaces::KeysInterface;
use serde_json::{Value, json};
use testkit::{Answer, Fleet, PostgresServer, TestDatabase};

use crate::school::{SERVICES, School};

fn tap(student: impl serde::Serialize, kind: &str) -> Value {
    json!({"student_id": student, "kind": kind})
}

/// A school on a PostgreSQL of its own, whose bus is on its way with a first position.
async fn under_way() -> (PostgresServer, School, String) {
    let server = PostgresServer::start().await;
    let fleet = Fleet::start_on(TestDatabase::create_on(&server.url()).await, SERVICES, &[]).await;
    let school = School::on(fleet, 5).await;
    school.seat(school.child, 1).await;
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(30, 0.0)])).await.expect(200);
    (server, school, trip)
}

/// What is asked again until PostgreSQL is back.
async fn back(school: &School, path: &str) -> Answer {
    for _ in 0..100 {
        let answer = school.office.get(path).await;
        if answer.status == 200 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{path} does not come back")
}

/// Forgets what half a minute would.
async fn forget(school: &School, trip: &str) {
    let course = format!("bus:course:{}:{}", domain::Partition::of(school.id), trip.rsplit('/').next().unwrap());
    school.fleet.platform.redis().del::<i64, _>(&course).await.unwrap();
}

#[tokio::test]
async fn a_bus_runs_on_while_postgresql_is_stopped_and_all_that_was_acknowledged_is_saved_afterwards() {
    let (server, school, trip) = under_way().await;
    let (boardings, positions) = (format!("{trip}/boardings"), format!("{trip}/positions"));
    school.driver.post(&boardings, &tap(school.other_child, "boarded")).await.expect(200);
    server.stop().await;
    forget(&school, &trip).await;
    // Somebody gets on for the first time, and is noted twice; somebody gets off.
    for _ in 0..2 {
        let on = school.driver.post(&boardings, &tap(school.child, "boarded")).await.expect(200);
        assert_eq!((&on["is_aboard"], &on["version"]), (&json!(true), &json!(1)));
    }
    let off = school.driver.post(&boardings, &tap(school.other_child, "alighted")).await.expect(200);
    assert_eq!((&off["is_aboard"], &off["version"]), (&json!(false), &json!(2)));
    let moved = school.driver.post(&positions, &school.positions(&[(5, 0.005)])).await.expect(200);
    assert!(moved["latest_recorded_at"].is_string(), "{moved:#}");
    // What nobody can know now is not acknowledged: who a stranger is, where somebody got on whom nobody saw, whether a trip has ended.
    let stranger = uuid::Uuid::now_v7();
    assert_eq!(school.driver.post(&boardings, &tap(stranger, "boarded")).await.status, 503);
    assert_eq!(school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.status, 503);
    assert_eq!(school.other_driver.post(&boardings, &tap(school.child, "alighted")).await.status, 404);
    server.launch().await;
    let log = back(&school, &boardings).await.body;
    assert_eq!(log["items"].as_array().unwrap().len(), 2);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM bus_boardings WHERE alighted_at IS NULL").await, 1);
    assert_eq!(school.count("SELECT sum(jsonb_array_length(log))::bigint FROM bus_boardings").await, 3);
    assert_eq!(school.count("SELECT count(*) FROM vehicle_positions").await, 2);
    let ended = school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(ended["not_alighted"], json!([school.child]));
}

#[tokio::test]
async fn whoever_boards_a_trip_that_ended_unseen_while_postgresql_is_stopped_is_told_of_when_it_is_back() {
    let (server, school, trip) = under_way().await;
    // The process that ended the trip did not live to say so.
    school.sql("UPDATE bus_trips SET state = 'finished', ended_at = now()").await;
    server.stop().await;
    let path = format!("{trip}/boardings");
    school.driver.post(&path, &tap(school.child, "boarded")).await.expect(200);
    server.launch().await;
    back(&school, &path).await;
    let alerts = "SELECT count(*) FROM bus_alerts WHERE kind = 'not_alighted'";
    for _ in 0..200 {
        if school.count(alerts).await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(school.count(alerts).await, 1);
}
