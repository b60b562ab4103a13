//! Routes: by name, by version, and gone only when nothing needs them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::school::{School, made, put, stops};

const PATH: &str = "/api/v1/bus/routes";

#[tokio::test]
async fn a_route_is_found_and_changed_by_its_version() {
    let school = School::open().await;
    for name in ["West", "East"] {
        made(&school.office, PATH, &json!({"name": name, "capacity": 3})).await;
    }
    let list = async |query: &str| {
        let page = school.office.get(&format!("{PATH}{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, ["East", "North", "West"]);
    let path = format!("{PATH}/{}", school.route);
    let seen = school.office.get(&path).await;
    assert_eq!((seen.etag(), &seen.body["code"]), ("\"v2\"".to_owned(), &json!("N")));
    let known = school.office.send(school.office.request(Method::GET, &path).header("If-None-Match", "\"v2\"")).await;
    assert_eq!(known.status, 304);
    for (change, status, pointer) in [
        (json!({"name": "East"}), 409, "/name"),
        (json!({"name": ""}), 422, "/name"),
        (json!({"capacity": 0}), 422, "/capacity"),
        (json!({"capacity": 201}), 422, "/capacity"),
        (json!({"capacity": 6}), 409, "/capacity"),
        (json!({"vehicle_id": uuid::Uuid::now_v7()}), 422, "/vehicle_id"),
        (json!({"driver_staff_id": uuid::Uuid::now_v7()}), 422, "/driver_staff_id"),
        (json!({"stops": []}), 422, "/stops"),
    ] {
        let refused = school.office.patch(&path, "\"v2\"", &change).await;
        assert_eq!((refused.status, refused.pointers()), (status, vec![pointer]), "{change}");
    }
    let twice = school.office.post(PATH, &json!({"name": "South", "code": "N", "capacity": 3})).await;
    assert_eq!((twice.status, twice.pointers()), (409, vec!["/code"]));
    assert_eq!(school.office.patch(&path, "\"v1\"", &json!({"name": "Harbour"})).await.status, 412);
    let change = json!({"name": "Harbour", "code": null, "vehicle_id": null, "driver_staff_id": null, "is_active": false});
    let changed = school.office.patch(&path, "\"v2\"", &change).await.expect(200);
    assert_eq!((&changed["name"], &changed["code"], &changed["vehicle_id"]), (&json!("Harbour"), &Value::Null, &Value::Null));
    assert_eq!(
        (list("?is_active=true").await, list("?is_active=false").await),
        (vec!["East".to_owned(), "West".to_owned()], vec!["Harbour".to_owned()])
    );
    // Nobody rides on a route that is not run.
    let refused = school.office.post("/api/v1/bus/assignments", &school.wish(school.child, 0, school.today, None)).await;
    assert_eq!(refused.pointers(), ["/route_id"]);
}

#[tokio::test]
async fn a_route_goes_with_its_stops_and_stays_while_somebody_has_or_had_a_seat_on_it() {
    let school = School::open().await;
    let free = made(&school.office, PATH, &json!({"name": "South", "capacity": 3})).await;
    let free = format!("{PATH}/{free}");
    put(&school.office, &format!("{free}/stops"), "\"v1\"", &json!({"stops": stops()})).await.expect(200);
    assert_eq!(school.office.send(school.office.request(Method::DELETE, &free)).await.status, 428);
    assert_eq!(school.office.delete(&free, "\"v1\"").await.status, 412);
    assert_eq!(school.office.delete(&free, "\"v2\"").await.status, 204);
    assert_eq!(school.office.get(&free).await.status, 404);
    assert_eq!(school.office.get(&format!("{free}/stops")).await.status, 404);
    assert_eq!(school.count("SELECT count(*) FROM route_stops").await, 4, "those of the other route");
    let path = format!("{PATH}/{}", school.route);
    let seat = school.seat(school.child, 0).await.header("location").to_owned();
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 409);
    // Given back it still tells who rode where.
    school.office.delete(&seat, "\"v1\"").await;
    let refused = school.office.delete(&path, "\"v2\"").await;
    assert_eq!(refused.status, 409);
    assert!(refused.body["type"].as_str().unwrap().ends_with("still-in-use"), "{:#}", refused.body);
    assert_eq!(school.count("SELECT count(*) FROM route_stops").await, 4, "nothing went before it was refused");
    school.office.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_route_stays_while_trips_were_planned_on_it() {
    let school = School::open().await;
    let trip = school.plan().await;
    let path = format!("{PATH}/{}", school.route);
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 409);
    school.office.post_if(&format!("{trip}/cancel"), "\"v1\"", &json!({})).await.expect(200);
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 409, "it was called off, and was");
    for who in [&school.driver, &school.parent, &school.student, &school.teacher] {
        assert_eq!(who.delete(&path, "\"v2\"").await.status, 403);
    }
    assert_eq!(school.outsider.delete(&path, "\"v2\"").await.status, 404);
}
