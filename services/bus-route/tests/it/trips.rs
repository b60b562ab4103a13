//! Trips: one at a time for a vehicle and a driver.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{School, count, made, put, statuses, stops};

/// Another route with its own stops, run by the same vehicle and driver.
async fn second_route(school: &School) -> String {
    let new = json!({"name": "South", "capacity": 5, "vehicle_id": school.vehicle, "driver_staff_id": school.driver_staff});
    let route = made(&school.office, "/api/v1/bus/routes", &new).await;
    put(&school.office, &format!("/api/v1/bus/routes/{route}/stops"), "\"v1\"", &json!({"stops": stops()})).await.expect(200);
    route
}

#[tokio::test]
async fn a_trip_is_planned_started_and_ended() {
    let school = School::open().await;
    let trip = school.plan().await;
    let again = json!({"route_id": school.route, "direction": "pickup", "service_date": school.today});
    assert_eq!(school.office.post("/api/v1/bus/trips", &again).await.status, 409);
    assert_eq!(school.driver.post(&format!("{trip}/start"), &json!({})).await.status, 428);
    assert_eq!(school.driver.post_if(&format!("{trip}/end"), "\"v1\"", &json!({})).await.status, 409);
    let started = school.driver.post_if(&format!("{trip}/start"), "\"v1\"", &json!({})).await.expect(200);
    assert_eq!((&started["state"], &started["version"]), (&json!("running"), &json!(2)));
    assert_eq!(school.office.patch(&trip, "\"v2\"", &json!({"driver_staff_id": school.other_staff})).await.status, 409);
    let ended = school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!((&ended["trip"]["state"], &ended["not_alighted"]), (&json!("finished"), &json!([])));
    assert_eq!((school.told("transport:trip_started").await, school.told("transport:trip_ended").await), (1, 1));
    // A trip that was called off makes room for another.
    let home = json!({"route_id": school.route, "direction": "drop", "service_date": school.today});
    let cancelled = format!("/api/v1/bus/trips/{}", made(&school.office, "/api/v1/bus/trips", &home).await);
    assert_eq!(school.driver.post_if(&format!("{cancelled}/cancel"), "\"v1\"", &json!({})).await.status, 403);
    school.office.post_if(&format!("{cancelled}/cancel"), "\"v1\"", &json!({})).await.expect(200);
    school.office.post("/api/v1/bus/trips", &home).await.expect(201);
    let own = school.driver.get("/api/v1/bus/trips").await.expect(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 3);
    assert_eq!(school.other_driver.get("/api/v1/bus/trips").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn of_two_trips_with_one_bus_and_one_driver_one_starts_however_many_try() {
    let school = School::open().await;
    let south = second_route(&school).await;
    let north = school.plan().await;
    let new = json!({"route_id": south, "direction": "pickup", "service_date": school.today});
    let south = format!("/api/v1/bus/trips/{}", made(&school.office, "/api/v1/bus/trips", &new).await);
    let (north_start, south_start, nothing) = (format!("{north}/start"), format!("{south}/start"), json!({}));
    let answers =
        join_all((0..50).map(|n| school.driver.post_if(if n % 2 == 0 { &north_start } else { &south_start }, "\"v1\"", &nothing))).await;
    assert_eq!(count(&answers, 200), 1, "{:?}", statuses(&answers));
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409 | 412)), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM bus_trips WHERE state = 'running'").await, 1);
    // The driver alone is enough to be in the way, and so is the bus.
    let spare = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 09", "capacity": 5})).await;
    let waiting = if answers.iter().position(|answer| answer.status == 200).unwrap() % 2 == 0 { &south } else { &north };
    let path = format!("{waiting}/start");
    school.office.patch(waiting, "\"v1\"", &json!({"vehicle_id": spare})).await.expect(200);
    let refused = school.driver.post_if(&path, "\"v2\"", &nothing).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/driver_staff_id"]));
    let back = json!({"vehicle_id": school.vehicle, "driver_staff_id": school.other_staff});
    school.office.patch(waiting, "\"v2\"", &back).await.expect(200);
    let refused = school.other_driver.post_if(&path, "\"v3\"", &nothing).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/vehicle_id"]));
    school.office.patch(waiting, "\"v3\"", &json!({"vehicle_id": spare})).await.expect(200);
    school.other_driver.post_if(&path, "\"v4\"", &nothing).await.expect(200);
}

#[tokio::test]
async fn a_smaller_bus_does_not_stand_in_for_one_whose_seats_are_taken() {
    let school = School::open_with(5).await;
    school.seat(school.child, 0).await;
    school.seat(school.other_child, 1).await;
    let small = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 09", "capacity": 1})).await;
    let trip =
        |vehicle: &str| json!({"route_id": school.route, "direction": "pickup", "service_date": school.today, "vehicle_id": vehicle});
    let refused = school.office.post("/api/v1/bus/trips", &trip(&small)).await;
    assert_eq!(refused.status, 409, "{:#}", refused.body);
    school.office.post("/api/v1/bus/trips", &trip(&school.vehicle)).await.expect(201);
}

#[tokio::test]
async fn the_manifest_is_in_the_order_of_the_stops() {
    let school = School::open().await;
    school.seat(school.other_child, 2).await;
    school.seat(school.child, 1).await;
    let trip = school.start().await;
    let manifest = school.driver.get(&format!("{trip}/manifest")).await.expect(200);
    let names: Vec<&Value> = manifest["students"].as_array().unwrap().iter().map(|student| &student["stop_name"]).collect();
    assert_eq!(names, [&json!("Stop 1"), &json!("Stop 2")]);
    assert_eq!((manifest["stops"].as_array().unwrap().len(), &manifest["aboard"], &manifest["state"]), (4, &json!(0), &json!("running")));
    for who in [&school.other_driver, &school.outsider] {
        assert_eq!(who.get(&format!("{trip}/manifest")).await.status, 404);
    }
    for who in [&school.parent, &school.student, &school.teacher] {
        assert_eq!(who.get(&format!("{trip}/manifest")).await.status, 403);
    }
}
