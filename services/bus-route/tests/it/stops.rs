//! Stops in order.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::{School, put, stops};

#[tokio::test]
async fn stops_are_one_list_whose_times_go_with_its_order() {
    let school = School::open().await;
    let path = format!("/api/v1/bus/routes/{}/stops", school.route);
    let mut wrong = stops();
    wrong[1]["pickup_time"] = json!("07:20:00");
    wrong[2]["drop_time"] = json!("16:55:00");
    wrong[3]["latitude"] = json!(91);
    let answer = put(&school.office, &path, "\"v2\"", &json!({"stops": wrong})).await;
    assert_eq!(answer.pointers(), ["/stops/1/pickup_time", "/stops/2/drop_time", "/stops/3/latitude"]);
    // Two stops change places: everything about them moves but their ids.
    let mut swapped = stops();
    for (stop, id) in swapped.iter_mut().zip([0, 2, 1, 3]) {
        stop["id"] = json!(school.stops[id]);
    }
    let list = put(&school.office, &path, "\"v2\"", &json!({"stops": swapped})).await;
    assert_eq!(list.etag(), "\"v3\"");
    let ids: Vec<&Value> = list.body["stops"].as_array().unwrap().iter().map(|stop| &stop["id"]).collect();
    assert_eq!(ids, [0, 2, 1, 3].map(|at| json!(school.stops[at])).iter().collect::<Vec<_>>());
    assert_eq!(school.office.get(&path).await.body, list.body);
    let twice = json!({"stops": [swapped[0], swapped[0]]});
    assert!(put(&school.office, &path, "\"v3\"", &twice).await.pointers().contains(&"/stops/1/id"));
}

#[tokio::test]
async fn a_stop_where_somebody_waits_can_not_be_left_out_and_one_that_is_remembered_stays_behind() {
    let school = School::open().await;
    let path = format!("/api/v1/bus/routes/{}/stops", school.route);
    let seat = school.seat(school.child, 1).await;
    let mut fewer = stops();
    for (stop, id) in fewer.iter_mut().zip(&school.stops) {
        stop["id"] = json!(id);
    }
    fewer.remove(1);
    assert_eq!(put(&school.office, &path, "\"v2\"", &json!({"stops": fewer})).await.status, 409);
    school.office.delete(seat.header("location"), "\"v1\"").await;
    let list = put(&school.office, &path, "\"v2\"", &json!({"stops": fewer})).await.expect(200);
    assert_eq!(list["stops"].as_array().unwrap().len(), 3);
    assert_eq!(school.count("SELECT count(*) FROM route_stops").await, 4, "the cancelled seat still tells where it was");
    let wish = school.wish(school.child, 1, school.today, None);
    assert_eq!(school.office.post("/api/v1/bus/assignments", &wish).await.pointers(), ["/stop_id"]);
}

#[tokio::test]
async fn of_fifty_who_change_the_stops_at_once_one_does() {
    let school = School::open().await;
    let path = format!("/api/v1/bus/routes/{}/stops", school.route);
    let bodies: Vec<Value> = (0..50)
        .map(|n| {
            let mut list = stops();
            list[0]["name"] = json!(format!("By {n}"));
            json!({"stops": list})
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| put(&school.office, &path, "\"v2\"", body))).await;
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM route_stops").await, 4);
}
