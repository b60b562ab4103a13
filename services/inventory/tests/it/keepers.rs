//! Who of the staff keeps what, and what the others may not.

use domain::Role;
use serde_json::json;

use crate::school::{School, id, person};

const KEEPERS: &str = "/api/v1/inventory/keepers";

#[tokio::test]
async fn staff_change_nothing_until_the_office_appoints_them_and_nothing_any_more_once_they_are_dismissed() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    let nurse_user = school.fleet.member(school.id, Role::Staff, "nurse@a.example").await;
    let nurse = person(&school.fleet, "nurse@a.example").await;
    let receive = json!({"kind": "receive", "item_id": chalk, "location_id": school.store, "quantity": 1, "unit_cost_minor": 5});
    nurse.get("/api/v1/inventory/items").await.expect(200);
    for (path, body) in [
        ("movements", receive.clone()),
        ("items", json!({"name": "X", "kind": "asset"})),
        ("locations", json!({"name": "X"})),
        ("stock-takes", json!({"location_id": school.store})),
    ] {
        assert_eq!(nurse.post(&format!("/api/v1/inventory/{path}"), &body).await.status, 403, "{path}");
    }
    let appointment = json!({"user_id": nurse_user});
    for who in [&school.keeper, &nurse, &school.teacher, &school.student] {
        assert_eq!(who.post(KEEPERS, &appointment).await.status, 403, "only the office appoints");
    }
    let keeper = school.office.post(KEEPERS, &appointment).await.expect(201);
    assert_eq!((&keeper["user_id"], &keeper["location_id"]), (&json!(nurse_user), &json!(null)));
    assert_eq!(school.office.post(KEEPERS, &appointment).await.status, 409);
    nurse.post("/api/v1/inventory/movements", &receive).await.expect(201);
    let all = school.teacher.get(KEEPERS).await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let path = format!("{KEEPERS}/{}", id(&keeper));
    assert_eq!(school.outsider.delete(&path, "\"v1\"").await.status, 404);
    school.office.delete(&path, "\"v1\"").await.expect(204);
    assert_eq!(school.office.delete(&path, "\"v1\"").await.status, 404);
    assert_eq!(nurse.post("/api/v1/inventory/movements", &receive).await.status, 403);
    assert_eq!(school.on_hand(&chalk).await, 1);
}

#[tokio::test]
async fn who_keeps_a_place_keeps_what_is_within_it_and_takes_nothing_from_elsewhere() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 9, 100).await;
    let librarian_user = school.fleet.member(school.id, Role::Staff, "librarian@a.example").await;
    let librarian = person(&school.fleet, "librarian@a.example").await;
    school.office.post(KEEPERS, &json!({"user_id": librarian_user, "location_id": school.library})).await.expect(201);
    let shelf = json!({"name": "Shelf", "parent_location_id": school.library});
    let shelf = id(&librarian.post("/api/v1/inventory/locations", &shelf).await.expect(201));
    let transfer = |from: &str, to: &str, quantity: i64| json!({"item_id": chalk, "from_location_id": from, "to_location_id": to, "quantity": quantity});
    let refused = librarian.post("/api/v1/inventory/transfers", &transfer(&school.store, &shelf, 1)).await;
    assert_eq!((refused.status, refused.body["detail"].as_str().unwrap()), (403, "You don't keep this location."));
    school.keeper.post("/api/v1/inventory/transfers", &transfer(&school.store, &shelf, 4)).await.expect(201);
    librarian.post("/api/v1/inventory/transfers", &transfer(&shelf, &school.store, 1)).await.expect(201);
    let issue = |place: &str| json!({"item_id": chalk, "location_id": place, "quantity": 1});
    librarian.post("/api/v1/inventory/issues", &issue(&shelf)).await.expect(201);
    assert_eq!(librarian.post("/api/v1/inventory/issues", &issue(&school.store)).await.status, 403);
    librarian.post("/api/v1/inventory/stock-takes", &json!({"location_id": shelf})).await.expect(201);
    let take = school.keeper.post("/api/v1/inventory/stock-takes", &json!({"location_id": school.store})).await;
    let (path, etag) = (take.header("location").to_owned(), take.etag());
    take.expect(201);
    assert_eq!(librarian.post_if(&format!("{path}/post"), &etag, &json!({})).await.status, 403);
    assert_eq!(school.item(&chalk).await["on_hand"], json!(8));
    school.check_books().await;
}

#[tokio::test]
async fn only_members_of_the_staff_of_this_school_are_appointed() {
    let school = School::open().await;
    for (body, pointer) in [
        (json!({"user_id": school.teacher_user}), "/user_id"),
        (json!({"user_id": school.student_user}), "/user_id"),
        (json!({"user_id": uuid::Uuid::now_v7()}), "/user_id"),
        (json!({"user_id": school.keeper_user, "location_id": uuid::Uuid::now_v7()}), "/location_id"),
    ] {
        let answer = school.office.post(KEEPERS, &body).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{body}");
    }
    assert_eq!(school.outsider.post(KEEPERS, &json!({"user_id": school.keeper_user})).await.status, 422);
}
