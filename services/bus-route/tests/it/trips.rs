//! Trips: one at a time for a vehicle and a driver.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::{School, made, put, stops};

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
async fn no_position_that_comes_after_the_end_moves_the_trip() {
    use fred::interfaces::KeysInterface;
    let school = School::open().await;
    let trip = school.start().await;
    let path = format!("{trip}/positions");
    let body = school.positions(&[(30, 0.001)]);
    school.driver.post(&path, &body).await.expect(200);
    // What is remembered of the trip goes, so that all fifty look it up while it ends, and put back what they have read.
    let course = format!("bus:course:{}:{}", domain::Partition::of(school.id), trip.rsplit('/').next().unwrap());
    school.fleet.platform.redis().del::<i64, _>(&course).await.unwrap();
    let (end, nothing) = (format!("{trip}/end"), json!({}));
    let bodies: Vec<Value> = (0..50).map(|n| school.positions(&[(29, 0.001 + f64::from(n) * 0.000_01)])).collect();
    let sending = join_all(bodies.iter().map(|body| school.driver.post(&path, body)));
    let (sent, ended) = tokio::join!(sending, school.driver.post_if(&end, "\"v2\"", &nothing));
    ended.expect(200);
    assert_eq!(count(&sent, 200), 50, "{:?}", statuses(&sent));
    let shown = async || school.office.get(&format!("{trip}/position")).await.expect(200);
    let before = shown().await;
    // Whoever read the tables before the end and comes to write what they say after it finds the place taken.
    let kept: Option<String> = school.fleet.platform.redis().get(&course).await.unwrap();
    assert_eq!(kept.as_deref(), Some(""), "nothing that could be taken for a trip that runs");
    let late = school.positions(&[(0, 0.02)]);
    let answers = join_all((0..50).map(|_| school.driver.post(&path, &late))).await;
    assert_eq!(count(&answers, 200), 50, "{:?}", statuses(&answers));
    assert_eq!(shown().await, before);
    assert_eq!(school.told("transport:arrived").await, 0);
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

#[tokio::test]
async fn nobody_takes_a_seat_that_the_vehicle_of_a_planned_trip_does_not_have() {
    let school = School::open_with(3).await;
    let small = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 09", "capacity": 1})).await;
    let plan = json!({"route_id": school.route, "direction": "pickup", "service_date": school.day(1), "vehicle_id": small});
    let trip = format!("/api/v1/bus/trips/{}", made(&school.office, "/api/v1/bus/trips", &plan).await);
    let path = "/api/v1/bus/assignments";
    let seat = school.seat(school.child, 0).await;
    let refused = school.office.post(path, &school.wish(school.other_child, 0, school.today, None)).await;
    assert_eq!(refused.status, 409);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains(&school.day(1).to_string()), "{detail}");
    // Until then there is room, and who has the seat may change it.
    let until = school.office.post(path, &school.wish(school.other_child, 0, school.today, Some(school.today))).await;
    assert_eq!(until.status, 201, "{:#}", until.body);
    assert_eq!(school.office.patch(until.header("location"), "\"v1\"", &json!({"end_date": null})).await.status, 409);
    let seat = seat.header("location");
    school.office.patch(seat, "\"v1\"", &json!({"stop_id": school.stops[1]})).await.expect(200);
    // A larger one makes room.
    school.office.patch(&trip, "\"v1\"", &json!({"vehicle_id": school.vehicle})).await.expect(200);
    school.office.patch(until.header("location"), "\"v1\"", &json!({"end_date": null})).await.expect(200);
}

#[tokio::test]
async fn a_trip_starts_only_with_a_vehicle_that_may_still_run_it() {
    let school = School::open_with(3).await;
    school.seat(school.child, 0).await;
    school.seat(school.other_child, 1).await;
    let spare = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 09", "capacity": 2})).await;
    let vehicle = format!("/api/v1/bus/vehicles/{spare}");
    let plan = json!({"route_id": school.route, "direction": "pickup", "service_date": school.today, "vehicle_id": spare});
    let start = format!("/api/v1/bus/trips/{}/start", made(&school.office, "/api/v1/bus/trips", &plan).await);
    let (yesterday, none) = (json!({"insurance_expires_on": school.day(-1)}), json!({"insurance_expires_on": null}));
    let changes = [
        (yesterday, none, "insurance"),
        (json!({"is_active": false}), json!({"is_active": true}), "not in use"),
        (json!({"capacity": 1}), json!({"capacity": 2}), "the vehicle has 1"),
    ];
    for (version, (spoil, mend, why)) in (1..).step_by(2).zip(changes) {
        school.office.patch(&vehicle, &format!("\"v{version}\""), &spoil).await.expect(200);
        let refused = school.driver.post_if(&start, "\"v1\"", &json!({})).await;
        assert_eq!(refused.status, 409, "{why}");
        assert!(refused.body["detail"].as_str().unwrap().contains(why), "{:#}", refused.body);
        school.office.patch(&vehicle, &format!("\"v{}\"", version + 1), &mend).await.expect(200);
    }
    school.driver.post_if(&start, "\"v1\"", &json!({})).await.expect(200);
}

#[tokio::test]
async fn a_trip_is_planned_for_a_day_near_and_starts_on_its_day_or_the_one_beside_it() {
    let school = School::open().await;
    let plan = |days: i64| json!({"route_id": school.route, "direction": "pickup", "service_date": school.day(days)});
    for days in [-9, 400] {
        let refused = school.office.post("/api/v1/bus/trips", &plan(days)).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/service_date"]), "{days}");
    }
    for (days, status) in [(-3, 409), (3, 409), (1, 200)] {
        let trip = made(&school.office, "/api/v1/bus/trips", &plan(days)).await;
        let started = school.driver.post_if(&format!("/api/v1/bus/trips/{trip}/start"), "\"v1\"", &json!({})).await;
        assert_eq!(started.status, status, "{days}: {:#}", started.body);
    }
}

#[tokio::test]
async fn a_day_in_no_year_of_ours_is_refused() {
    let school = School::open().await;
    for (path, pointer) in [("trips?service_date", "query:service_date"), ("assignments?on", "query:on"), ("fee-slabs?on", "query:on")] {
        for day in ["-4800-01-01", "1899-12-31", "2201-01-01"] {
            let answer = school.office.get(&format!("/api/v1/bus/{path}={day}")).await;
            assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{path}={day}");
        }
        school.office.get(&format!("/api/v1/bus/{path}=2026-11-21")).await.expect(200);
    }
}
