//! Planning the trips of many days in one go.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::statuses;
use uuid::Uuid;

use crate::school::{School, insist, made, put, stops};

const PATH: &str = "/api/v1/bus/trips/plan";

/// The next Monday that is not today.
fn monday(school: &School) -> NaiveDate {
    (1..=7).map(|days| school.day(days)).find(|day| day.weekday() == Weekday::Mon).unwrap()
}

fn list<'v>(answer: &'v Value, part: &str) -> &'v Vec<Value> {
    answer[part].as_array().unwrap()
}

async fn holiday(school: &School, day: NaiveDate, audience: &Value) {
    let sql = format!(
        "INSERT INTO calendar_events (school_id, id, uid, kind, title, is_all_day, start_date, end_date, audience, created_by)
         SELECT '{}', '{id}', '{id}', 'holiday', 'A holiday', true, '{day}', '{day}', '{audience}', user_id FROM staff WHERE id = '{}'",
        school.id,
        school.driver_staff,
        id = Uuid::now_v7(),
    );
    school.sql(&sql).await;
}

#[tokio::test]
async fn a_fortnight_is_planned_on_its_school_days_and_nothing_of_it_twice() {
    let school = School::open().await;
    let monday = monday(&school);
    let day = |days: u64| monday + Days::new(days);
    holiday(&school, day(2), &json!({})).await;
    holiday(&school, day(3), &json!({"roles": ["teacher"]})).await;
    // One run is planned already, one was called off.
    let one = |day: NaiveDate, direction: &str| json!({"route_id": school.route, "direction": direction, "service_date": day});
    made(&school.office, "/api/v1/bus/trips", &one(day(0), "pickup")).await;
    let off = made(&school.office, "/api/v1/bus/trips", &one(day(1), "drop")).await;
    school.office.post_if(&format!("/api/v1/bus/trips/{off}/cancel"), "\"v1\"", &json!({})).await.expect(200);
    let fortnight = json!({"from": day(0), "to": day(13)});
    let answer = school.office.post(PATH, &fortnight).await.expect(200);
    let days_off: Vec<(&Value, &Value)> = list(&answer, "days_off").iter().map(|off| (&off["service_date"], &off["reason"])).collect();
    let (weekend, a_holiday) = (json!("weekend"), json!("holiday"));
    let expected = [(2, &a_holiday), (5, &weekend), (6, &weekend), (12, &weekend), (13, &weekend)];
    assert_eq!(
        days_off,
        expected.iter().map(|(at, why)| (json!(day(*at)), *why)).collect::<Vec<_>>().iter().map(|(at, why)| (at, *why)).collect::<Vec<_>>()
    );
    let skipped: Vec<(String, &Value)> = list(&answer, "skipped")
        .iter()
        .map(|run| (format!("{} {}", run["service_date"].as_str().unwrap(), run["direction"].as_str().unwrap()), &run["reason"]))
        .collect();
    let (planned, called_off) = (json!("planned_already"), json!("called_off"));
    assert_eq!(skipped, [(format!("{} pickup", day(0)), &planned), (format!("{} drop", day(1)), &called_off)]);
    // Nine school days there and back, but for those two runs.
    assert_eq!(list(&answer, "planned").len(), 16);
    let first = &answer["planned"][0];
    assert_eq!(
        (&first["vehicle_id"], &first["driver_staff_id"], &first["state"]),
        (&json!(school.vehicle), &json!(school.driver_staff), &json!("planned"))
    );
    assert_eq!(first, &school.office.get(&format!("/api/v1/bus/trips/{}", first["id"].as_str().unwrap())).await.expect(200));
    let again = school.office.post(PATH, &fortnight).await.expect(200);
    assert_eq!((list(&again, "planned").len(), list(&again, "skipped").len(), &again["days_off"]), (0, 18, &answer["days_off"]));
    assert_eq!(school.count("SELECT count(*) FROM bus_trips WHERE state = 'planned'").await, 17);
}

#[tokio::test]
async fn of_fifty_who_plan_the_same_weeks_at_once_each_run_is_planned_once() {
    let school = School::open().await;
    let monday = monday(&school);
    let bodies: Vec<Value> = (0..50).map(|n| json!({"from": monday + Days::new(n % 5), "to": monday + Days::new(11)})).collect();
    let answers = join_all(bodies.iter().map(|body| insist(&school.office, PATH, body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", statuses(&answers));
    let planned: usize = answers.iter().map(|answer| list(&answer.body, "planned").len()).sum();
    assert_eq!(planned, 20);
    assert_eq!(school.count("SELECT count(*) FROM bus_trips").await, 20);
}

#[tokio::test]
async fn what_can_not_be_planned_is_skipped_and_said_why() {
    let school = School::open().await;
    let monday = monday(&school);
    let route = async |name: &str, more: Value| {
        let mut new = json!({"name": name, "capacity": 2});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = made(&school.office, "/api/v1/bus/routes", &new).await;
        put(&school.office, &format!("/api/v1/bus/routes/{id}/stops"), "\"v1\"", &json!({"stops": stops()})).await.expect(200);
        id
    };
    let bus = async |plate: &str, more: Value| {
        let mut new = json!({"registration": plate, "capacity": 2});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        made(&school.office, "/api/v1/bus/vehicles", &new).await
    };
    let bare = made(&school.office, "/api/v1/bus/routes", &json!({"name": "No stops", "capacity": 2, "vehicle_id": school.vehicle})).await;
    let walking = route("No vehicle", json!({})).await;
    let (idle, expired) = (bus("Idle", json!({})).await, bus("Expired", json!({"permit_expires_on": monday})).await);
    let idling = route("Idle", json!({"vehicle_id": idle})).await;
    school.office.patch(&format!("/api/v1/bus/vehicles/{idle}"), "\"v1\"", &json!({"is_active": false})).await.expect(200);
    let expiring = route("Expired", json!({"vehicle_id": expired})).await;
    let left = route("Driver left", json!({"vehicle_id": school.vehicle, "driver_staff_id": school.other_staff})).await;
    let driver = school.office.get("/api/v1/bus/drivers").await.expect(200)["items"][1]["id"].as_str().unwrap().to_owned();
    school.office.patch(&format!("/api/v1/bus/drivers/{driver}"), "\"v1\"", &json!({"is_active": false})).await.expect(200);
    let answer = school.office.post(PATH, &json!({"from": monday, "to": monday + Days::new(1), "direction": "pickup"})).await.expect(200);
    let why = |route: &str| {
        let of_route = list(&answer, "skipped").iter().filter(|run| run["route_id"] == route);
        of_route.map(|run| run["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(why(&bare), ["no_stops", "no_stops"]);
    assert_eq!(why(&walking), ["no_vehicle", "no_vehicle"]);
    assert_eq!(why(&idling), ["vehicle_not_in_use", "vehicle_not_in_use"]);
    assert_eq!(why(&left), ["driver_not_in_use", "driver_not_in_use"]);
    assert_eq!(why(&expiring), ["papers_run_out"], "on the second day");
    let planned: Vec<(&Value, &Value)> =
        list(&answer, "planned").iter().map(|trip| (&trip["route_id"], &trip["driver_staff_id"])).collect();
    let (usual, expiring, whose) = (json!(school.route), json!(expiring), json!(school.driver_staff));
    assert_eq!(planned.len(), 3);
    assert!(planned.contains(&(&expiring, &Value::Null)), "without a driver it can be planned");
    assert_eq!(planned.iter().filter(|trip| **trip == (&usual, &whose)).count(), 2);
    let details: Vec<&str> = list(&answer, "skipped").iter().map(|run| run["detail"].as_str().unwrap()).collect();
    assert!(details.contains(&"On that day these papers have run out: permit."), "{details:?}");
}

#[tokio::test]
async fn what_is_no_plan_is_refused_and_nobody_else_plans() {
    let school = School::open().await;
    let other = made(&school.outsider, "/api/v1/bus/routes", &json!({"name": "Theirs", "capacity": 2})).await;
    let (from, to) = (school.today, school.day(3));
    let cases = [
        (json!({"from": school.day(-1), "to": to}), "/from"),
        (json!({"from": to, "to": from}), "/to"),
        (json!({"from": from, "to": school.day(62)}), "/to"),
        (json!({"from": school.day(360), "to": school.day(367)}), "/to"),
        (json!({"from": from, "to": to, "route_ids": [school.route, Uuid::now_v7()]}), "/route_ids/1"),
        (json!({"from": from, "to": to, "route_ids": [other]}), "/route_ids/0"),
        (json!({"from": from, "to": to, "direction": "sideways"}), "/direction"),
        (json!({"from": from}), "/to"),
        (json!({"from": from, "to": to, "vehicle_id": school.vehicle}), "/vehicle_id"),
    ];
    for (body, pointer) in cases {
        let refused = school.office.post(PATH, &body).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{body}");
    }
    let body = json!({"from": from, "to": to});
    for who in [&school.driver, &school.parent, &school.student, &school.teacher] {
        assert_eq!(who.post(PATH, &body).await.status, 403);
    }
    assert_eq!(school.fleet.anonymous().post(PATH, &body).await.status, 401);
    // Another school plans its own, of which there is nothing to plan.
    let theirs = school.outsider.post(PATH, &body).await.expect(200);
    assert!(list(&theirs, "planned").is_empty() && list(&theirs, "skipped").iter().all(|run| run["route_id"] == other), "{theirs:#}");
    assert_eq!(school.count("SELECT count(*) FROM bus_trips").await, 0);
}
