//! Vehicles, drivers, their papers and the work on them.

use chrono::Days;
use serde_json::{Value, json};

use crate::school::{School, made};

#[tokio::test]
async fn papers_that_run_out_are_listed_the_most_urgent_first() {
    let school = School::open().await;
    let (soon, gone) = (school.today + Days::new(20), school.today - Days::new(1));
    let vehicle = format!("/api/v1/bus/vehicles/{}", school.vehicle);
    let change = json!({"insurance_expires_on": soon, "permit_expires_on": gone, "fitness_expires_on": school.today + Days::new(31)});
    school.office.patch(&vehicle, "\"v1\"", &change).await.expect(200);
    let list = school.office.get("/api/v1/bus/documents/expiring").await.expect(200);
    let seen: Vec<(&str, bool)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|paper| (paper["document"].as_str().unwrap(), paper["is_expired"].as_bool().unwrap()))
        .collect();
    assert_eq!(seen, [("permit", true), ("insurance", false)]);
    let more = school.office.get("/api/v1/bus/documents/expiring?within_days=31").await.expect(200);
    assert_eq!(more.as_array().unwrap().len(), 3);
    assert_eq!(school.office.get("/api/v1/bus/documents/expiring?within_days=367").await.pointers(), ["query:within_days"]);
    // Without a permit the bus does not leave the yard.
    let trip = json!({"route_id": school.route, "direction": "pickup", "service_date": school.today});
    let refused = school.office.post("/api/v1/bus/trips", &trip).await;
    assert_eq!(refused.status, 409);
    assert!(refused.body["detail"].as_str().unwrap().contains("permit"), "{:#}", refused.body);
    school.office.patch(&vehicle, "\"v2\"", &json!({"permit_expires_on": null})).await.expect(200);
    school.office.post("/api/v1/bus/trips", &trip).await.expect(201);
}

#[tokio::test]
async fn vehicles_are_kept_by_version_and_go_only_when_nothing_needs_them() {
    let school = School::open().await;
    let twice = school.office.post("/api/v1/bus/vehicles", &json!({"registration": "KA 01 F 1", "capacity": 3})).await;
    assert_eq!((twice.status, twice.pointers()), (409, vec!["/registration"]));
    let spare = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 02", "capacity": 3, "name": "Spare"})).await;
    let path = format!("/api/v1/bus/vehicles/{spare}");
    assert_eq!(school.office.patch(&path, "\"v2\"", &json!({"capacity": 4})).await.status, 412);
    let changed = school.office.patch(&path, "\"v1\"", &json!({"name": null, "capacity": 4})).await.expect(200);
    assert_eq!((&changed["name"], &changed["capacity"], &changed["version"]), (&Value::Null, &json!(4), &json!(2)));
    for capacity in [0, 201, -1] {
        assert_eq!(school.office.patch(&path, "\"v2\"", &json!({"capacity": capacity})).await.pointers(), ["/capacity"]);
    }
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 204);
    assert_eq!(school.office.get(&path).await.status, 404);
    assert_eq!(school.office.delete(&format!("/api/v1/bus/vehicles/{}", school.vehicle), "\"v1\"").await.status, 409);
    // Pages hold every row once.
    for number in 0..5 {
        made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": format!("P {number}"), "capacity": 3})).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/bus/vehicles?limit=2".to_owned();
    loop {
        let page = school.office.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["registration"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/bus/vehicles?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["KA 01 F 1", "P 0", "P 1", "P 2", "P 3", "P 4"]);
}

#[tokio::test]
async fn a_route_never_has_more_seats_than_its_vehicle() {
    let school = School::open_with(5).await;
    let (vehicle, route) = (format!("/api/v1/bus/vehicles/{}", school.vehicle), format!("/api/v1/bus/routes/{}", school.route));
    assert_eq!(school.office.patch(&vehicle, "\"v1\"", &json!({"capacity": 4})).await.status, 409);
    assert_eq!(school.office.patch(&route, "\"v2\"", &json!({"capacity": 6})).await.status, 409);
    school.office.patch(&route, "\"v2\"", &json!({"capacity": 4})).await.expect(200);
    school.office.patch(&vehicle, "\"v1\"", &json!({"capacity": 4})).await.expect(200);
    let stranger = json!({"name": "South", "capacity": 3, "driver_staff_id": uuid::Uuid::now_v7(), "vehicle_id": uuid::Uuid::now_v7()});
    assert_eq!(school.office.post("/api/v1/bus/routes", &stranger).await.pointers(), ["/vehicle_id", "/driver_staff_id"]);
}

#[tokio::test]
async fn work_on_a_vehicle_is_planned_and_noted() {
    let school = School::open().await;
    let new = json!({"vehicle_id": school.vehicle, "kind": "service", "description": "Oil", "due_on": school.today});
    let path = format!("/api/v1/bus/maintenance/{}", made(&school.office, "/api/v1/bus/maintenance", &new).await);
    let open = "/api/v1/bus/maintenance?is_done=false";
    assert_eq!(school.office.get(open).await.expect(200)["items"].as_array().unwrap().len(), 1);
    let done = school.office.patch(&path, "\"v1\"", &json!({"done_on": school.today, "odometer_km": 12000})).await.expect(200);
    assert_eq!(done["odometer_km"], 12000);
    assert_eq!(school.office.get(open).await.expect(200)["items"], json!([]));
    let nothing = json!({"vehicle_id": school.vehicle, "kind": "repair", "description": "?"});
    assert_eq!(school.office.post("/api/v1/bus/maintenance", &nothing).await.pointers(), ["/due_on"]);
}

#[tokio::test]
async fn a_driver_is_a_member_of_staff_once_with_a_licence_of_their_own() {
    let school = School::open().await;
    let list = async |query: &str| {
        let page = school.office.get(&format!("/api/v1/bus/drivers{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|row| row["licence_number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, ["L1", "L2"]);
    let first = school.office.get("/api/v1/bus/drivers?limit=1").await.expect(200);
    assert_eq!(list(&format!("?limit=1&cursor={}", first["next_cursor"].as_str().unwrap())).await, ["L2"]);
    let path = format!("/api/v1/bus/drivers/{}", first["items"][0]["id"].as_str().unwrap());
    let seen = school.office.get(&path).await;
    assert_eq!((seen.etag(), &seen.body), ("\"v1\"".to_owned(), &first["items"][0]));
    let known = school.office.send(school.office.request(reqwest::Method::GET, &path).header("If-None-Match", "\"v1\"")).await;
    assert_eq!(known.status, 304);
    // What somebody else has is refused, and so is what is none.
    for (new, status, pointer) in [
        (json!({"staff_id": school.driver_staff, "licence_number": "L3", "licence_expires_on": "2099-01-01"}), 409, "/staff_id"),
        (json!({"staff_id": uuid::Uuid::now_v7(), "licence_number": "L3", "licence_expires_on": "2099-01-01"}), 422, "/staff_id"),
        (json!({"staff_id": school.driver_staff, "licence_number": "", "licence_expires_on": "2099-01-01"}), 422, "/licence_number"),
    ] {
        let refused = school.office.post("/api/v1/bus/drivers", &new).await;
        assert_eq!((refused.status, refused.pointers()), (status, vec![pointer]), "{new}");
    }
    let taken = school.office.patch(&path, "\"v1\"", &json!({"licence_number": "L2"})).await;
    assert_eq!((taken.status, taken.pointers()), (409, vec!["/licence_number"]));
    assert_eq!(school.office.patch(&path, "\"v1\"", &json!({"staff_id": school.other_staff})).await.pointers(), ["/staff_id"]);
    assert_eq!(school.office.patch(&path, "\"v7\"", &json!({"phone": "1"})).await.status, 412);
    let change = json!({"phone": "+91 98 0000 0000", "badge_expires_on": school.day(40), "licence_expires_on": school.day(-1)});
    let changed = school.office.patch(&path, "\"v1\"", &change).await.expect(200);
    assert_eq!(
        (&changed["phone"], &changed["badge_expires_on"], &changed["version"]),
        (&change["phone"], &change["badge_expires_on"], &json!(2))
    );
    // With a licence that has run out nobody drives.
    let trip = json!({"route_id": school.route, "direction": "pickup", "service_date": school.today});
    let refused = school.office.post("/api/v1/bus/trips", &trip).await;
    assert!(refused.status == 409 && refused.body["detail"].as_str().unwrap().contains("licence"), "{:#}", refused.body);
    let back = json!({"licence_expires_on": "2099-01-01", "phone": null, "is_active": false});
    let changed = school.office.patch(&path, "\"v2\"", &back).await.expect(200);
    assert_eq!((&changed["phone"], &changed["badge_expires_on"]), (&Value::Null, &change["badge_expires_on"]));
    assert_eq!((list("?is_active=true").await, list("?is_active=false").await), (vec!["L2".to_owned()], vec!["L1".to_owned()]));
    assert_eq!(school.office.post("/api/v1/bus/trips", &trip).await.pointers(), ["/driver_staff_id"]);
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 412);
    assert_eq!(school.office.delete(&path, "\"v3\"").await.status, 204);
    assert_eq!(school.office.get(&path).await.status, 404);
    assert_eq!(school.office.delete(&path, "\"v3\"").await.status, 404);
    // Who was a driver once can be one again.
    let again = json!({"staff_id": school.driver_staff, "licence_number": "L1", "licence_expires_on": "2099-01-01"});
    made(&school.office, "/api/v1/bus/drivers", &again).await;
    assert_eq!(list("").await, ["L2", "L1"]);
}

#[tokio::test]
async fn work_on_a_vehicle_is_found_changed_and_removed() {
    let school = School::open().await;
    let spare = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 02", "capacity": 3})).await;
    let mut ids = Vec::new();
    for (vehicle, description) in [(&school.vehicle, "Oil"), (&spare, "Brakes"), (&school.vehicle, "Tyres")] {
        let new = json!({"vehicle_id": vehicle, "kind": "repair", "description": description, "due_at_km": 1000});
        ids.push(made(&school.office, "/api/v1/bus/maintenance", &new).await);
    }
    let list = async |query: &str| {
        let page = school.office.get(&format!("/api/v1/bus/maintenance?{query}")).await.expect(200);
        let items = page["items"].as_array().unwrap().iter().map(|row| row["description"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        (items, page["next_cursor"].clone())
    };
    let (items, next) = list("limit=2").await;
    assert_eq!(items, ["Oil", "Brakes"]);
    assert_eq!(list(&format!("limit=2&cursor={}", next.as_str().unwrap())).await.0, ["Tyres"]);
    assert_eq!(list(&format!("vehicle_id={spare}")).await.0, ["Brakes"]);
    let path = format!("/api/v1/bus/maintenance/{}", ids[1]);
    let seen = school.office.get(&path).await;
    assert_eq!((seen.etag(), &seen.body["due_at_km"], &seen.body["done_on"]), ("\"v1\"".to_owned(), &json!(1000), &Value::Null));
    for (change, pointer) in [
        (json!({"due_at_km": null}), "/due_on"),
        (json!({"due_at_km": -1}), "/due_at_km"),
        (json!({"odometer_km": -1}), "/odometer_km"),
        (json!({"description": ""}), "/description"),
        (json!({"vehicle_id": school.vehicle}), "/vehicle_id"),
    ] {
        let refused = school.office.patch(&path, "\"v1\"", &change).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{change}");
    }
    let changed = school.office.patch(&path, "\"v1\"", &json!({"description": "Brakes, front", "done_on": school.today})).await.expect(200);
    assert_eq!(
        (&changed["description"], &changed["done_on"], &changed["version"]),
        (&json!("Brakes, front"), &json!(school.today), &json!(2))
    );
    assert_eq!(list("is_done=true").await.0, ["Brakes, front"]);
    // A vehicle on which something was done is not removed.
    assert_eq!(school.office.delete(&format!("/api/v1/bus/vehicles/{spare}"), "\"v1\"").await.status, 409);
    assert_eq!(school.office.delete(&path, "\"v1\"").await.status, 412);
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 204);
    assert_eq!(school.office.get(&path).await.status, 404);
    assert_eq!(school.office.delete(&format!("/api/v1/bus/vehicles/{spare}"), "\"v1\"").await.status, 204);
    let nobodys = json!({"vehicle_id": spare, "kind": "repair", "description": "Oil", "due_on": school.today});
    let refused = school.office.post("/api/v1/bus/maintenance", &nobodys).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/vehicle_id"]));
}
