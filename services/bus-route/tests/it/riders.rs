//! What riders ask: how a trip goes, when a bus is at a stop, what there is to know.

use serde_json::{Value, json};

use crate::school::{School, made};

fn items(list: &Value) -> &Vec<Value> {
    list.as_array().unwrap()
}

#[tokio::test]
async fn a_trip_tells_its_bus_its_place_its_stops_and_how_full_it_is() {
    let school = School::open_with(5).await;
    school.seat(school.child, 2).await;
    let trip = school.plan().await;
    let path = format!("{trip}/details");
    let planned = school.office.get(&path).await.expect(200);
    assert_eq!(
        (&planned["state"], &planned["position"], &planned["vehicle"]["occupancy"]),
        (&json!("planned"), &Value::Null, &Value::Null)
    );
    assert!(items(&planned["stops"]).iter().all(|stop| stop["expected_at"].is_null() && stop["scheduled_at"].is_string()));
    school.driver.post_if(&format!("{trip}/start"), "\"v1\"", &json!({})).await.expect(200);
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(60, 0.0), (10, 0.005)])).await.expect(200);
    school.driver.post(&format!("{trip}/boardings"), &json!({"student_id": school.child, "kind": "boarded"})).await.expect(200);
    let details = school.office.get(&path).await.expect(200);
    assert_eq!(
        (&details["vehicle"]["registration"], &details["vehicle"]["capacity"], &details["vehicle"]["occupancy"]),
        (&json!("KA 01 F 1"), &json!(5), &json!("MANY_SEATS_AVAILABLE"))
    );
    assert_eq!(details["position"]["longitude"], 0.005);
    let stops: Vec<(i64, bool)> = items(&details["stops"])
        .iter()
        .map(|stop| (stop["stop_sequence"].as_i64().unwrap(), stop["has_arrived"].as_bool().unwrap()))
        .collect();
    assert_eq!(stops, [(1, true), (2, false), (3, false), (4, false)]);
    // A parent sees the same bus, and the stop of their own child alone.
    let own = school.parent.get(&path).await.expect(200);
    assert_eq!(items(&own["stops"]).iter().map(|stop| &stop["stop_id"]).collect::<Vec<_>>(), [&json!(school.stops[2])]);
    assert_eq!(items(&own["position"]["stops"]).len(), 1);
    for who in [&school.other_parent, &school.other_driver, &school.student, &school.teacher, &school.outsider] {
        assert_eq!(who.get(&path).await.status, 404);
    }
    // The same by the vehicle, for those who run it.
    let by_vehicle = format!("/api/v1/bus/vehicles/{}/trip", school.vehicle);
    assert_eq!(school.driver.get(&by_vehicle).await.expect(200)["trip_id"], details["trip_id"]);
    assert_eq!(school.office.get(&by_vehicle).await.expect(200)["stops"], details["stops"]);
    assert_eq!(school.parent.get(&by_vehicle).await.status, 403);
    for who in [&school.other_driver, &school.outsider] {
        assert_eq!(who.get(&by_vehicle).await.status, 404);
    }
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(school.office.get(&by_vehicle).await.status, 404);
    let over = school.office.get(&path).await.expect(200);
    let expected: Vec<bool> = items(&over["stops"]).iter().map(|stop| stop["expected_at"].is_string()).collect();
    assert_eq!(expected, [true, false, false, false], "nobody is told to wait for a bus that comes no more");
}

#[tokio::test]
async fn a_stop_tells_its_buses_to_those_who_wait_there() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let path = |stop: usize| format!("/api/v1/bus/stops/{}/arrivals", school.stops[stop]);
    assert_eq!(school.parent.get(&path(2)).await.expect(200), json!([]), "no trip today so far");
    let trip = school.start().await;
    let home = json!({"route_id": school.route, "direction": "drop", "service_date": school.today});
    made(&school.office, "/api/v1/bus/trips", &home).await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(60, 0.0), (10, 0.005)])).await.expect(200);
    let arrivals = school.office.get(&path(2)).await.expect(200);
    assert_eq!(items(&arrivals).len(), 2);
    let comes = items(&arrivals).iter().find(|arrival| arrival["direction"] == "pickup").unwrap();
    assert_eq!((&comes["state"], &comes["stop_sequence"], &comes["stops_away"]), (&json!("running"), &json!(3), &json!(1)));
    // From 0.005 to 0.02 degrees along the equator.
    assert_eq!(comes["distance_metres"], 1668.0);
    assert!(comes["expected_at"].is_string() && comes["recorded_at"].is_string() && comes["has_arrived"] == false);
    let later = items(&arrivals).iter().find(|arrival| arrival["direction"] == "drop").unwrap();
    assert_eq!((&later["state"], &later["stop_sequence"], &later["expected_at"]), (&json!("planned"), &json!(2), &Value::Null));
    let behind = school.office.get(&path(0)).await.expect(200);
    let behind = items(&behind).iter().find(|arrival| arrival["direction"] == "pickup").unwrap().clone();
    assert_eq!((&behind["has_arrived"], &behind["stops_away"]), (&json!(true), &Value::Null));
    // The child rides in the morning only, and waits at one stop.
    let own = school.parent.get(&path(2)).await.expect(200);
    assert_eq!((items(&own).len(), &own[0]["direction"]), (1, &json!("pickup")));
    assert_eq!(items(&school.driver.get(&path(2)).await.expect(200)).len(), 2);
    assert_eq!(school.parent.get(&path(1)).await.status, 404);
    for who in [&school.other_parent, &school.other_driver, &school.student, &school.teacher, &school.outsider] {
        assert_eq!(who.get(&path(2)).await.status, 404);
    }
    assert_eq!(school.fleet.anonymous().get(&path(2)).await.status, 401);
}

#[tokio::test]
async fn riders_are_told_what_concerns_them() {
    let school = School::open().await;
    let path = "/api/v1/bus/service-alerts";
    let elsewhere = made(&school.office, "/api/v1/bus/routes", &json!({"name": "South", "capacity": 3})).await;
    for (header, route) in [("Snow", Value::Null), ("Roadworks", json!(school.route)), ("Detour", json!(elsewhere))] {
        made(&school.office, "/api/v1/bus/alerts", &json!({"effect": "DETOUR", "header": header, "route_id": route})).await;
    }
    let tomorrow =
        json!({"effect": "NO_SERVICE", "header": "Holiday", "begins_at": school.day(1).and_hms_opt(12, 0, 0).unwrap().and_utc()});
    made(&school.office, "/api/v1/bus/alerts", &tomorrow).await;
    let seen = async |who: &testkit::Api| {
        let list = who.get(path).await.expect(200);
        items(&list).iter().map(|alert| alert["header"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&school.office).await, ["Snow", "Roadworks", "Detour"]);
    assert_eq!(seen(&school.parent).await, ["Snow"], "no child of theirs rides");
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    for who in [&school.parent, &school.driver] {
        assert_eq!(seen(who).await, ["Snow", "Roadworks"]);
    }
    for who in [&school.other_parent, &school.other_driver, &school.student, &school.teacher] {
        assert_eq!(seen(who).await, ["Snow"]);
    }
    assert_eq!(seen(&school.outsider).await, [""; 0]);
    // Who was left behind is nobody's business but the office's.
    school.driver.post(&format!("{trip}/boardings"), &json!({"student_id": school.child, "kind": "boarded"})).await.expect(200);
    let details = school.parent.get(&format!("{trip}/details")).await.expect(200);
    assert_eq!(items(&details["alerts"]).len(), 2);
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(school.count("SELECT count(*) FROM bus_alerts WHERE kind = 'not_alighted'").await, 1);
    assert_eq!(seen(&school.office).await.len(), 3);
}
