//! Who may see a child's stop: own parents, the driver of the trip, the office. For everybody else there is no such bus.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::{School, made};

#[tokio::test]
async fn a_childs_stop_is_for_own_parents_the_driver_of_the_trip_and_the_office() {
    let school = School::open().await;
    school.seat(school.child, 1).await;
    let path = format!("/api/v1/students/{}/bus", school.child);
    let stop = |body: &Value| body["seats"][0]["stop_id"].clone();
    assert_eq!(stop(&school.parent.get(&path).await.expect(200)), json!(school.stops[1]));
    assert_eq!(stop(&school.office.get(&path).await.expect(200)), json!(school.stops[1]));
    let others = [&school.other_parent, &school.student, &school.teacher, &school.outsider, &school.other_driver, &school.driver];
    for who in others {
        assert_eq!(who.get(&path).await.status, 404, "the driver has no trip yet either");
    }
    assert_eq!(school.fleet.anonymous().get(&path).await.status, 401);
    let trip = school.start().await;
    let seen = school.driver.get(&path).await.expect(200);
    assert_eq!((stop(&seen), &seen["seats"][0]["trip"]["state"]), (json!(school.stops[1]), &json!("running")));
    assert_eq!(school.driver.get(&format!("/api/v1/students/{}/bus", school.other_child)).await.status, 404, "who does not ride with them");
    assert_eq!(school.other_driver.get(&path).await.status, 404);
    school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(school.driver.get(&path).await.status, 404, "the trip is over");
}

#[tokio::test]
async fn a_trip_is_for_those_whom_it_concerns() {
    let school = School::open().await;
    school.seat(school.child, 1).await;
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(5, 0.005)])).await.expect(200);
    for path in [trip.clone(), format!("{trip}/position")] {
        for who in [&school.office, &school.driver, &school.parent] {
            assert_eq!(who.get(&path).await.status, 200, "{path}");
        }
        for who in [&school.other_parent, &school.other_driver, &school.student, &school.teacher, &school.outsider] {
            assert_eq!(who.get(&path).await.status, 404, "{path}");
        }
    }
    let stops = async |who: &testkit::Api| who.get(&format!("{trip}/position")).await.expect(200)["stops"].as_array().unwrap().len();
    assert_eq!((stops(&school.parent).await, stops(&school.driver).await, stops(&school.office).await), (1, 4, 4));
}

#[tokio::test]
async fn vehicles_routes_and_seats_are_the_offices() {
    let school = School::open().await;
    let seat = school.seat(school.child, 1).await.header("location").to_owned();
    let paths = [
        "/api/v1/bus/vehicles".to_owned(),
        "/api/v1/bus/drivers".to_owned(),
        "/api/v1/bus/routes".to_owned(),
        format!("/api/v1/bus/routes/{}/stops", school.route),
        "/api/v1/bus/assignments".to_owned(),
        "/api/v1/bus/fee-slabs".to_owned(),
        "/api/v1/bus/alerts".to_owned(),
        "/api/v1/bus/documents/expiring".to_owned(),
        "/api/v1/bus/gtfs.zip".to_owned(),
        "/api/v1/bus/gtfs-rt/vehicle-positions".to_owned(),
        "/api/v1/bus/gtfs-rt/trip-updates".to_owned(),
        "/api/v1/bus/gtfs-rt/alerts".to_owned(),
    ];
    for path in &paths {
        for who in [&school.driver, &school.parent, &school.student, &school.teacher] {
            assert_eq!(who.get(path).await.status, 403, "{path}");
        }
        assert_eq!(school.fleet.anonymous().get(path).await.status, 401, "{path}");
        assert_eq!(school.office.get(path).await.status, 200, "{path}");
    }
    // Another school's office finds nothing of this one's.
    for path in [seat, format!("/api/v1/bus/vehicles/{}", school.vehicle), format!("/api/v1/bus/routes/{}/stops", school.route)] {
        assert_eq!(school.outsider.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(school.outsider.get("/api/v1/bus/assignments").await.expect(200)["items"], json!([]));
    let theirs = made(&school.outsider, "/api/v1/bus/routes", &json!({"name": "North", "capacity": 3})).await;
    let wish = json!({"student_id": school.child, "route_id": theirs, "stop_id": school.stops[0], "direction": "pickup", "begin_date": school.today});
    assert_eq!(school.outsider.post("/api/v1/bus/assignments", &wish).await.pointers(), ["/student_id", "/stop_id"]);
}

#[tokio::test]
async fn fifty_who_ask_for_a_students_bus_at_once_are_all_answered() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    school.driver.post(&format!("{trip}/positions"), &school.positions(&[(5, 0.005)])).await.expect(200);
    let path = format!("/api/v1/students/{}/bus", school.child);
    // More than there are connections: whoever held one while waiting for a second would stand in everybody's way.
    let callers = [&school.parent, &school.office, &school.driver];
    let answers = join_all((0..50).map(|n| callers[n % 3].get(&path))).await;
    assert_eq!(count(&answers, 200), 50, "{:?}", statuses(&answers));
    assert!(answers.iter().all(|answer| answer.body["seats"][0]["trip"]["state"] == "running"));
}

/// Every operation of the service: the method and the path, with nobody's ids in it.
async fn operations(school: &School) -> Vec<(reqwest::Method, String)> {
    let document = school.fleet.anonymous().get("/openapi/bus-route.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap();
    let own = paths.iter().filter(|(path, _)| path.contains("/bus") || path.ends_with("/boardings"));
    let operations = own.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().filter(|key| ["get", "post", "put", "patch", "delete"].contains(&key.as_str()));
        let path = path.replace("{id}", &uuid::Uuid::now_v7().to_string());
        methods.map(move |method| (method.to_uppercase().parse().unwrap(), path.clone())).collect::<Vec<_>>()
    });
    operations.collect()
}

#[tokio::test]
async fn nothing_is_done_for_somebody_unknown_and_nothing_is_found_under_nobodys_id() {
    let school = School::open().await;
    let operations = operations(&school).await;
    assert!(operations.len() > 60, "{}", operations.len());
    for (method, path) in &operations {
        assert!(path.starts_with("/api/v1/"), "{path}");
        let stranger = school.fleet.anonymous();
        let answer = stranger.send(stranger.request(method.clone(), path).header("If-Match", "\"v1\"").json(&json!({}))).await;
        assert_eq!(answer.status, 401, "{method} {path}");
    }
    for (method, path) in operations.iter().filter(|(method, path)| *method == reqwest::Method::GET && path.contains("-7")) {
        for who in [&school.office, &school.outsider] {
            assert_eq!(who.get(path).await.status, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn another_schools_office_finds_reads_and_changes_nothing_of_this_one() {
    let school = School::open().await;
    let slab = json!({"from_metres": 0, "currency": "INR", "amount_minor": 50_000, "valid_from": "2020-01-01"});
    let slab = made(&school.office, "/api/v1/bus/fee-slabs", &slab).await;
    let work = json!({"vehicle_id": school.vehicle, "kind": "service", "description": "Oil", "due_on": school.today});
    let work = made(&school.office, "/api/v1/bus/maintenance", &work).await;
    let alert = made(&school.office, "/api/v1/bus/alerts", &json!({"effect": "DETOUR", "header": "Roadworks"})).await;
    let driver = school.office.get("/api/v1/bus/drivers").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let seat = school.seat(school.child, 1).await.body["id"].as_str().unwrap().to_owned();
    let trip = school.start().await;
    let rows = [
        (format!("vehicles/{}", school.vehicle), true),
        (format!("drivers/{driver}"), true),
        (format!("routes/{}", school.route), true),
        (format!("assignments/{seat}"), true),
        (format!("fee-slabs/{slab}"), true),
        (format!("maintenance/{work}"), true),
        (format!("alerts/{alert}"), false),
    ];
    for (row, is_removed) in &rows {
        let path = format!("/api/v1/bus/{row}");
        assert_eq!(school.outsider.get(&path).await.status, 404, "{row}");
        assert_eq!(school.outsider.patch(&path, "\"v1\"", &json!({})).await.status, 404, "{row}");
        if *is_removed {
            assert_eq!(school.outsider.delete(&path, "\"v1\"").await.status, 404, "{row}");
        }
        for who in [&school.driver, &school.parent, &school.student, &school.teacher] {
            assert_eq!(who.get(&path).await.status, 403, "{row}");
            assert_eq!(who.patch(&path, "\"v1\"", &json!({})).await.status, 403, "{row}");
            if *is_removed {
                assert_eq!(who.delete(&path, "\"v1\"").await.status, 403, "{row}");
            }
        }
    }
    let reads = ["", "/position", "/manifest", "/boardings", "/details", "/live"];
    for path in reads.map(|end| format!("{trip}{end}")) {
        assert_eq!(school.outsider.get(&path).await.status, 404, "{path}");
    }
    for (end, body) in [("positions", school.positions(&[(1, 0.0)])), ("boardings", json!({"student_id": school.child, "kind": "boarded"}))]
    {
        assert_eq!(school.outsider.post(&format!("{trip}/{end}"), &body).await.status, 404, "{end}");
    }
    for step in ["start", "end", "cancel"] {
        assert_eq!(school.outsider.post_if(&format!("{trip}/{step}"), "\"v2\"", &json!({})).await.status, 404, "{step}");
    }
    for path in
        [format!("routes/{}/eta", school.route), format!("stops/{}/arrivals", school.stops[1]), format!("vehicles/{}/trip", school.vehicle)]
    {
        assert_eq!(school.outsider.get(&format!("/api/v1/bus/{path}")).await.status, 404, "{path}");
    }
    for list in ["vehicles", "drivers", "routes", "assignments", "fee-slabs", "maintenance", "alerts", "trips", "problems"] {
        assert_eq!(school.outsider.get(&format!("/api/v1/bus/{list}")).await.expect(200)["items"], json!([]), "{list}");
    }
}
