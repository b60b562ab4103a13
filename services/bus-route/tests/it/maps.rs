//! Routes, stops and buses as `GeoJSON` (RFC 7946).

use serde_json::{Value, json};

use crate::school::{STOPS, School, made, put, stops};

const ROUTES: &str = "/api/v1/bus/geojson/routes";
const VEHICLES: &str = "/api/v1/bus/geojson/vehicles";

fn features<'v>(map: &'v Value, kind: &str) -> Vec<&'v Value> {
    assert_eq!(map["type"], "FeatureCollection");
    let features = map["features"].as_array().unwrap();
    assert!(features.iter().all(|feature| feature["type"] == "Feature" && feature["id"].is_string()));
    features.iter().filter(|feature| feature["properties"]["kind"] == kind).collect()
}

#[tokio::test]
async fn a_route_is_a_line_through_its_stops() {
    let school = School::open().await;
    // Without stops it is no line, with one it is a point, and out of use it is nothing.
    let others = [("None", 0), ("One", 1), ("Closed", 2)];
    for (name, count) in others {
        let route = made(&school.office, "/api/v1/bus/routes", &json!({"name": name, "capacity": 3})).await;
        let path = format!("/api/v1/bus/routes/{route}");
        put(&school.office, &format!("{path}/stops"), "\"v1\"", &json!({"stops": &stops()[..count]})).await.expect(200);
        if name == "Closed" {
            school.office.patch(&path, "\"v2\"", &json!({"is_active": false})).await.expect(200);
        }
    }
    let answer = school.office.get(ROUTES).await;
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/geo+json", "private, no-store"));
    let map = answer.expect(200);
    let lines = features(&map, "route");
    assert_eq!((lines.len(), &lines[0]["id"], &lines[0]["properties"]["name"]), (1, &json!(school.route), &json!("North")));
    // Longitude first.
    assert_eq!(lines[0]["geometry"], json!({"type": "LineString", "coordinates": STOPS.map(|longitude| [longitude, 0.0])}));
    let points = features(&map, "stop");
    let of_route: Vec<&Value> =
        points.iter().filter(|point| point["properties"]["route_id"] == school.route).map(|point| &point["id"]).collect();
    assert_eq!((points.len(), of_route), (5, school.stops.iter().map(|stop| json!(stop)).collect::<Vec<_>>().iter().collect()));
    assert_eq!(
        points.iter().find(|point| point["id"] == school.stops[2]).unwrap()["geometry"],
        json!({"type": "Point", "coordinates": [0.02, 0.0]})
    );
    assert_eq!(school.outsider.get(ROUTES).await.expect(200)["features"], json!([]));
}

#[tokio::test]
async fn a_bus_on_a_trip_is_a_point_where_it_was_last() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    assert_eq!(school.office.get(VEHICLES).await.expect(200)["features"], json!([]), "nowhere yet");
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(60, 0.0), (10, 0.005)])).await.expect(200);
    school.driver.post(&format!("{trip}/boardings"), &json!({"student_id": school.child, "kind": "boarded"})).await.expect(200);
    let map = school.office.get(VEHICLES).await.expect(200);
    let buses = features(&map, "vehicle");
    assert_eq!((buses.len(), &buses[0]["geometry"]), (1, &json!({"type": "Point", "coordinates": [0.005, 0.0]})));
    let about = &buses[0]["properties"];
    assert_eq!((&about["vehicle_id"], &about["registration"]), (&json!(school.vehicle), &json!("KA 01 F 1")));
    assert_eq!((&about["direction"], &about["occupancy"]), (&json!("pickup"), &json!("MANY_SEATS_AVAILABLE")));
    assert!(!map.to_string().contains(&school.child.to_string()), "nothing of a child");
    assert_eq!(school.outsider.get(VEHICLES).await.expect(200)["features"], json!([]));
    for path in [ROUTES, VEHICLES] {
        for who in [&school.driver, &school.parent, &school.student, &school.teacher] {
            assert_eq!(who.get(path).await.status, 403, "{path}");
        }
        assert_eq!(school.fleet.anonymous().get(path).await.status, 401);
    }
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(school.office.get(VEHICLES).await.expect(200)["features"], json!([]));
}
