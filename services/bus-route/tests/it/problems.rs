//! Problem reports.

use serde_json::{Value, json};

use crate::school::School;

#[tokio::test]
async fn whoever_may_see_a_trip_or_a_stop_can_say_what_is_wrong_with_it() {
    let school = School::open().await;
    school.seat(school.child, 2).await;
    let trip = school.start().await;
    let about_trip = format!("{trip}/problems");
    let about_stop = format!("/api/v1/bus/stops/{}/problems", school.stops[2]);
    let late = json!({"kind": "came_late", "stop_id": school.stops[2], "comment": "Ten minutes in the rain"});
    let told = school.parent.post(&about_trip, &late).await;
    assert_eq!(told.status, 201, "{:#}", told.body);
    school.parent.post(&about_stop, &json!({"kind": "stop_unsafe"})).await.expect(201);
    school.driver.post(&about_trip, &json!({"kind": "too_full", "stop_id": school.stops[0]})).await.expect(201);
    assert_eq!(school.told("transport:problem_reported").await, 3);
    for who in [&school.other_parent, &school.other_driver, &school.student, &school.teacher, &school.outsider] {
        assert_eq!(who.post(&about_trip, &late).await.status, 404);
        assert_eq!(who.post(&about_stop, &json!({"kind": "other"})).await.status, 404);
    }
    // What a trip can't have, what a stop can't have, and a stop that is not the parent's to know.
    assert_eq!(school.parent.post(&about_trip, &json!({"kind": "stop_name_wrong"})).await.pointers(), ["/kind"]);
    assert_eq!(school.parent.post(&about_stop, &json!({"kind": "never_came"})).await.pointers(), ["/kind"]);
    assert_eq!(school.parent.post(&about_trip, &json!({"kind": "other", "stop_id": school.stops[1]})).await.pointers(), ["/stop_id"]);
    assert_eq!(school.parent.post(&about_trip, &json!({"kind": "other", "comment": ""})).await.status, 422);

    let list = async |who: &testkit::Api, query: &str| {
        let page = who.get(&format!("/api/v1/bus/problems{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(&school.office, "").await, ["came_late", "stop_unsafe", "too_full"]);
    assert_eq!(list(&school.office, &format!("?stop_id={}&is_resolved=false", school.stops[2])).await, ["came_late", "stop_unsafe"]);
    assert_eq!(list(&school.parent, "").await, ["came_late", "stop_unsafe"], "their own");
    assert_eq!(list(&school.other_parent, "").await, [""; 0]);
    assert_eq!(list(&school.outsider, "").await, [""; 0]);
    assert_eq!(school.parent.get("/api/v1/bus/problems?reported_by=0").await.status, 422, "is not for callers to choose");

    let path = told.header("location").to_owned();
    assert_eq!(school.parent.get(&path).await.expect(200)["comment"], "Ten minutes in the rain");
    for who in [&school.driver, &school.other_parent, &school.outsider] {
        assert_eq!(who.get(&path).await.status, 404);
    }
    let resolve = format!("{path}/resolve");
    let answer = json!({"answer": "The road is open again."});
    assert_eq!(school.parent.post_if(&resolve, "\"v1\"", &answer).await.status, 403);
    assert_eq!(school.office.post_if(&resolve, "\"v2\"", &answer).await.status, 412);
    let done = school.office.post_if(&resolve, "\"v1\"", &answer).await.expect(200);
    assert!(done["resolved_at"].is_string());
    assert_eq!(school.office.post_if(&resolve, "\"v2\"", &answer).await.status, 409);
    assert_eq!(school.parent.get(&path).await.expect(200)["answer"], "The road is open again.");
    assert_eq!(list(&school.office, "?is_resolved=true").await, ["came_late"]);
}

#[tokio::test]
async fn a_report_that_is_sent_twice_with_one_key_is_one() {
    let school = School::open().await;
    let trip = school.start().await;
    let body = json!({"kind": "other", "comment": "A window is broken"});
    let send = async || {
        let request = school.driver.request(reqwest::Method::POST, &format!("{trip}/problems"));
        school.driver.send(request.header("Idempotency-Key", "once").json(&body)).await.expect(201)["id"].clone()
    };
    let (first, second): (Value, Value) = (send().await, send().await);
    assert_eq!(first, second);
    assert_eq!(school.count("SELECT count(*) FROM bus_problems").await, 1);
}
