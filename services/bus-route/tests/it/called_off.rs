//! Trips that are called off, or are given another bus: who waits for them is told.

use bus_route::feeds::messages::{FeedMessage, ScheduleRelationship};
use prost::Message;
use serde_json::{Value, json};

use crate::school::{School, made};

/// Today's runs that don't take place, as the feed tells.
async fn cancelled(school: &School) -> Vec<(String, String)> {
    let response = school.office.request(reqwest::Method::GET, "/api/v1/bus/gtfs-rt/trip-updates").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let feed = FeedMessage::decode(response.bytes().await.unwrap()).unwrap();
    let trips = feed.entity.into_iter().filter_map(|entity| Some(entity.trip_update?.trip));
    let cancelled = trips.filter(|trip| trip.schedule_relationship == Some(ScheduleRelationship::Canceled.into()));
    cancelled.map(|trip| (trip.trip_id.unwrap(), trip.start_date.unwrap())).collect()
}

#[tokio::test]
async fn a_trip_that_is_called_off_is_told_to_those_who_wait_for_it() {
    let school = School::open().await;
    school.seat(school.child, 1).await;
    let trip = school.plan().await;
    assert_eq!(cancelled(&school).await, []);
    school.office.post_if(&format!("{trip}/cancel"), "\"v1\"", &json!({})).await.expect(200);
    assert_eq!(school.told("transport:trip_cancelled").await, 1);
    let alerts = async |who: &testkit::Api| who.get("/api/v1/bus/service-alerts").await.expect(200);
    let seen = alerts(&school.parent).await;
    assert_eq!((&seen[0]["kind"], &seen[0]["effect"]), (&json!("cancelled"), &json!("NO_SERVICE")));
    assert!(trip.ends_with(seen[0]["trip_id"].as_str().unwrap()), "{seen:#}");
    let midnight = school.day(1).and_hms_opt(0, 0, 0).unwrap().and_utc();
    assert_eq!(seen[0]["ends_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap(), midnight);
    assert_eq!(alerts(&school.other_parent).await, json!([]), "no child of theirs rides");
    let bus = format!("/api/v1/students/{}/bus", school.child);
    assert_eq!(school.parent.get(&bus).await.expect(200)["seats"][0]["trip"]["state"], "cancelled");
    assert_eq!(school.parent.get(&format!("{trip}/details")).await.expect(200)["alerts"].as_array().unwrap().len(), 1);
    let run = format!("{}-pickup", school.route);
    assert_eq!(cancelled(&school).await, [(run, school.today.format("%Y%m%d").to_string())]);
    // It takes place after all, with another trip.
    let again = school.plan().await;
    assert_eq!(alerts(&school.parent).await, json!([]));
    assert_eq!(cancelled(&school).await, []);
    let seen = school.parent.get(&bus).await.expect(200);
    assert_eq!(seen["seats"][0]["trip"]["state"], "planned");
    assert!(again.ends_with(seen["seats"][0]["trip"]["trip_id"].as_str().unwrap()));
}

#[tokio::test]
async fn a_trip_of_a_day_that_is_over_is_called_off_without_a_word_to_riders() {
    let school = School::open().await;
    let new = json!({"route_id": school.route, "direction": "pickup", "service_date": school.day(-3)});
    let trip = format!("/api/v1/bus/trips/{}", made(&school.office, "/api/v1/bus/trips", &new).await);
    school.office.post_if(&format!("{trip}/cancel"), "\"v1\"", &json!({})).await.expect(200);
    assert_eq!((school.told("transport:trip_cancelled").await, school.count("SELECT count(*) FROM bus_alerts").await), (1, 0));
    assert_eq!(cancelled(&school).await, []);
}

#[tokio::test]
async fn another_bus_or_driver_is_told_once_for_each_change() {
    let school = School::open().await;
    let spare = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 09", "capacity": 5})).await;
    let trip = school.plan().await;
    let changes: [(Value, usize); 3] =
        [(json!({"vehicle_id": spare}), 1), (json!({"vehicle_id": spare}), 1), (json!({"driver_staff_id": school.other_staff}), 2)];
    for (version, (change, told)) in (1..).zip(changes) {
        school.office.patch(&trip, &format!("\"v{version}\""), &change).await.expect(200);
        assert_eq!(school.told("transport:trip_changed").await, told, "{change}");
    }
}
