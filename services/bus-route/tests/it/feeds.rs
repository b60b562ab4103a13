//! The public feeds over HTTP.

use std::io::{Cursor, Read};

use bus_route::feeds::messages::{Effect, FeedMessage, OccupancyStatus};
use prost::Message;
use serde_json::json;
use testkit::Api;

use crate::school::School;

async fn bytes(who: &Api, path: &str) -> Vec<u8> {
    let response = who.request(reqwest::Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.bytes().await.unwrap().to_vec()
}

async fn feed(who: &Api, name: &str) -> FeedMessage {
    FeedMessage::decode(bytes(who, &format!("/api/v1/bus/gtfs-rt/{name}")).await.as_slice()).unwrap()
}

#[tokio::test]
async fn the_static_feed_and_the_realtime_feeds_speak_of_the_same_trips_and_stops() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes(&school.office, "/api/v1/bus/gtfs.zip").await)).unwrap();
    let mut table = |name: &str| {
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let (trips, times, stops) = (table("trips.txt"), table("stop_times.txt"), table("stops.txt"));
    assert_eq!((trips.len(), times.len(), stops.len()), (3, 9, 5), "a header each, two trips of four stops");
    for name in ["agency.txt", "routes.txt", "calendar.txt", "feed_info.txt"] {
        assert_eq!(table(name).len(), 2, "{name}");
    }
    // On the way home it is the other way round.
    let home: Vec<&String> = times.iter().filter(|row| row[0].ends_with("-drop")).map(|row| &row[3]).collect();
    assert_eq!(home, school.stops.iter().rev().collect::<Vec<_>>());

    let trip = school.start().await;
    assert_eq!(feed(&school.office, "vehicle-positions").await.entity.len(), 0, "nowhere yet");
    school.driver.post(&format!("{trip}/boardings"), &json!({"student_id": school.child, "kind": "boarded"})).await.expect(200);
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(60, 0.0), (10, 0.005)])).await.expect(200);
    let positions = feed(&school.office, "vehicle-positions").await;
    assert_eq!((positions.header.gtfs_realtime_version.as_str(), positions.entity.len()), ("2.0", 1));
    let vehicle = positions.entity[0].vehicle.as_ref().unwrap();
    let named = vehicle.trip.as_ref().unwrap().trip_id.as_ref().unwrap();
    assert!(trips.iter().any(|row| row[2] == *named), "{named}");
    assert_eq!((vehicle.stop_id.as_ref().unwrap(), vehicle.current_stop_sequence), (&school.stops[1], Some(2)));
    assert_eq!(vehicle.occupancy_status, Some(OccupancyStatus::ManySeatsAvailable.into()));

    let updates = feed(&school.office, "trip-updates").await;
    let update = updates.entity[0].trip_update.as_ref().unwrap();
    let stops: Vec<(Option<u32>, &String)> =
        update.stop_time_update.iter().map(|stop| (stop.stop_sequence, stop.stop_id.as_ref().unwrap())).collect();
    assert_eq!(stops, (1..=4).map(Some).zip(&school.stops).collect::<Vec<_>>());
    let times: Vec<i64> = update.stop_time_update.iter().map(|stop| stop.arrival.as_ref().unwrap().time.unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[tokio::test]
async fn alerts_say_what_riders_should_know_and_nothing_of_a_child() {
    let school = School::open().await;
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/boardings"), &json!({"student_id": school.child, "kind": "boarded"})).await.expect(200);
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(school.count("SELECT count(*) FROM bus_alerts").await, 1);
    assert_eq!(feed(&school.office, "alerts").await.entity, []);
    let notice = json!({"effect": "DETOUR", "route_id": school.route, "header": "Roadworks", "description": "Stop 2 is not served."});
    let made = school.office.post("/api/v1/bus/alerts", &notice).await;
    let alerts = feed(&school.office, "alerts").await;
    let alert = alerts.entity[0].alert.as_ref().unwrap();
    assert_eq!(alert.effect, Some(Effect::Detour.into()));
    assert_eq!(alert.informed_entity[0].route_id.as_ref(), Some(&school.route));
    assert_eq!(alert.header_text.as_ref().unwrap().translation[0].text, "Roadworks");
    let path = made.header("location").to_owned();
    school.office.post_if(&format!("{path}/resolve"), "\"v1\"", &json!({})).await.expect(200);
    assert_eq!(school.office.post_if(&format!("{path}/resolve"), "\"v2\"", &json!({})).await.status, 409);
    assert_eq!(feed(&school.office, "alerts").await.entity, []);
    let backwards = json!({"effect": "DETOUR", "header": "?", "begins_at": "2026-07-01T10:00:00Z", "ends_at": "2026-07-01T09:00:00Z"});
    assert_eq!(school.office.post("/api/v1/bus/alerts", &backwards).await.pointers(), ["/ends_at"]);
}
