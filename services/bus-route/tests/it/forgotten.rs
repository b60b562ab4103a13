//! Trips that nobody ends, and trips that nobody starts.

use std::sync::Arc;

use bus_route::sweep::sweep_once;
use chrono::Duration;
use domain::{Clock, ManualClock};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{School, made};

/// Many rounds at once, as of many processes.
async fn sweep(school: &School) {
    for round in join_all((0..20).map(|_| sweep_once(&school.fleet.platform))).await {
        round.unwrap();
    }
}

/// Tomorrow's way to school, begun at a quarter past seven: its path. The last stop is due at 7:32.
async fn begun() -> (School, Arc<ManualClock>, String) {
    let school = School::open().await;
    school.seat(school.child, 0).await;
    let (school, clock) = school.tomorrow_at(7 * 60 + 15).await;
    let trip = school.plan().await;
    school.driver.post_if(&format!("{trip}/start"), "\"v1\"", &json!({})).await.expect(200);
    (school, clock, trip)
}

async fn alerts(school: &School, kind: &str) -> i64 {
    school.count(&format!("SELECT count(*) FROM bus_alerts WHERE kind = '{kind}'")).await
}

#[tokio::test]
async fn a_child_on_board_of_a_trip_that_nobody_ends_is_told_of_once() {
    let (school, clock, trip) = begun().await;
    let path = format!("{trip}/boardings");
    school.driver.post(&path, &json!({"student_id": school.child, "kind": "boarded"})).await.expect(200);
    clock.advance(Duration::minutes(46));
    sweep(&school).await;
    assert_eq!((alerts(&school, "not_alighted").await, alerts(&school, "not_ended").await), (0, 0), "it is 8:01");
    clock.advance(Duration::minutes(1));
    sweep(&school).await;
    sweep(&school).await;
    assert_eq!((alerts(&school, "not_alighted").await, alerts(&school, "not_ended").await), (1, 0));
    assert_eq!(school.told("transport:not_alighted").await, 1);
    // The child is found, and gets off while the trip still runs.
    let office = school.fleet.login("office@a.example").await;
    office.post(&path, &json!({"student_id": school.child, "kind": "alighted"})).await.expect(200);
    assert_eq!(office.get("/api/v1/bus/alerts?kind=not_alighted&is_resolved=false").await.expect(200)["items"], json!([]));
    // Now it is only the trip that is forgotten, until somebody ends it.
    sweep(&school).await;
    let open = "/api/v1/bus/alerts?kind=not_ended&is_resolved=false";
    let found = office.get(open).await.expect(200);
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["effect"]), (1, &json!("NO_EFFECT")));
    let parent = school.fleet.login("parent@a.example").await;
    assert_eq!(parent.get("/api/v1/bus/service-alerts").await.expect(200), json!([]), "nothing that riders must know");
    office.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(office.get(open).await.expect(200)["items"], json!([]));
    sweep(&school).await;
    assert_eq!((alerts(&school, "not_alighted").await, alerts(&school, "not_ended").await), (1, 1));
}

#[tokio::test]
async fn a_bus_that_is_late_and_still_tells_where_it_is_is_not_forgotten() {
    let (school, clock, trip) = begun().await;
    for minutes in [40, 10] {
        clock.advance(Duration::minutes(minutes));
        let driver = school.fleet.login("driver@a.example").await;
        let place = json!({"positions": [{"recorded_at": clock.now(), "latitude": 0.0, "longitude": -0.02}]});
        driver.post(&format!("{trip}/positions"), &place).await.expect(200);
        sweep(&school).await;
    }
    assert_eq!(alerts(&school, "not_ended").await, 0);
    clock.advance(Duration::minutes(30));
    sweep(&school).await;
    assert_eq!(alerts(&school, "not_ended").await, 1, "silent for half an hour");
}

#[tokio::test]
async fn a_trip_that_nobody_starts_is_late_and_no_longer_than_its_day() {
    let school = School::open().await;
    school.seat(school.child, 0).await;
    let (school, clock) = school.tomorrow_at(7 * 60 + 15).await;
    let trip = school.plan().await;
    let seen = async || {
        let parent = school.fleet.login("parent@a.example").await;
        parent.get("/api/v1/bus/service-alerts").await.expect(200)
    };
    clock.advance(Duration::minutes(14));
    sweep(&school).await;
    assert_eq!(seen().await, json!([]), "it is 7:29, and the bus was due at 7:20");
    clock.advance(Duration::minutes(1));
    sweep(&school).await;
    sweep(&school).await;
    let late = seen().await;
    assert_eq!((late.as_array().unwrap().len(), &late[0]["kind"], &late[0]["delay_seconds"]), (1, &json!("delay"), &json!(600)));
    assert_eq!(school.told("transport:delayed").await, 1);
    // It never comes.
    clock.advance(Duration::days(1));
    sweep(&school).await;
    assert_ne!(seen().await, json!([]), "it could still start");
    clock.advance(Duration::days(1));
    sweep(&school).await;
    assert_eq!(seen().await, json!([]));
    let over = school.fleet.login("office@a.example").await.get(&format!("{trip}/details")).await.expect(200);
    assert_eq!((&over["state"], &over["alerts"]), (&json!("planned"), &json!([])));
}

/// A position so many minutes late at the first stop, on a trip that is to be there at seven twenty.
async fn at(school: &School, clock: &ManualClock, trip: &str, minutes: i64) {
    clock.advance(Duration::minutes(minutes));
    let driver = school.fleet.login("driver@a.example").await;
    let place = json!({"positions": [{"recorded_at": clock.now(), "latitude": 0.0, "longitude": -0.002}]});
    driver.post(&format!("{trip}/positions"), &place).await.expect(200);
}

#[tokio::test]
async fn a_delay_grows_shrinks_and_ends_with_its_trip() {
    let (school, clock, trip) = begun().await;
    let open = async || -> Vec<Value> {
        let list = school.fleet.login("office@a.example").await.get("/api/v1/bus/service-alerts").await.expect(200);
        list.as_array().unwrap().iter().map(|alert| json!(alert["delay_seconds"].as_i64().unwrap() / 600 * 10)).collect()
    };
    at(&school, &clock, &trip, 16).await;
    assert_eq!(open().await, [json!(10)]);
    at(&school, &clock, &trip, 4).await;
    assert_eq!(open().await, [json!(10)], "by less than ten minutes");
    at(&school, &clock, &trip, 8).await;
    assert_eq!(open().await, [json!(20)]);
    // Redis forgets, the tables don't. Nothing of before waits to be told after that.
    assert_ne!(school.told("transport:delayed").await, 0);
    school.fleet.redis.flush().await;
    at(&school, &clock, &trip, 1).await;
    assert_eq!(open().await, [json!(20)]);
    assert_eq!(school.told("transport:delayed").await, 0, "what was told went with Redis, and was not told again");
    // At the last stop it is less than five minutes late: the timetable was another one.
    school.sql("UPDATE route_stops SET pickup_time = pickup_time + interval '24 minutes', drop_time = NULL").await;
    school.fleet.redis.flush().await;
    at(&school, &clock, &trip, 1).await;
    assert_eq!(open().await, Vec::<serde_json::Value>::new());
    at(&school, &clock, &trip, 15).await;
    assert_eq!(open().await, [json!(10)], "late again");
    let office = school.fleet.login("office@a.example").await;
    office.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(open().await, Vec::<serde_json::Value>::new());
    assert_eq!(
        school.count("SELECT count(*) FROM bus_alerts WHERE kind = 'delay' AND resolved_at IS NOT NULL AND resolved_by IS NULL").await,
        1
    );
    // The next trip of the route begins without it.
    let home = json!({"route_id": school.route, "direction": "pickup", "service_date": school.day(1)});
    let next = format!("/api/v1/bus/trips/{}", made(&office, "/api/v1/bus/trips", &home).await);
    assert_eq!(office.get(&format!("{next}/details")).await.expect(200)["alerts"], json!([]));
}
