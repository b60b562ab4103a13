//! Times that are offered together: a family gets one of them, and a parent is with one teacher at a time.

use domain::UserId;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, count, statuses};
use uuid::Uuid;

use crate::school::{School, path_of_slot};

const SLOTS: &str = "/api/v1/appointment-slots";

/// An evening of fifty times.
fn evening(school: &School) -> Value {
    let day = school.day(1);
    json!({"kind": "meeting", "title": "Parents' evening", "starts_at": format!("{day}T15:00:00Z"), "ends_at": format!("{day}T19:10:00Z"), "minutes": 5})
}

fn bookings(made: &Answer) -> Vec<String> {
    let paths = made.body["items"].as_array().unwrap().iter();
    paths.map(|slot| format!("{SLOTS}/{}/bookings", slot["id"].as_str().unwrap())).collect()
}

async fn user(school: &School, email: &'static str) -> UserId {
    let query = sqlx::query_scalar::<_, Uuid>("SELECT id FROM users WHERE email = $1").bind(email);
    UserId::from_uuid(query.fetch_one(&mut school.fleet.database.superuser().await).await.unwrap())
}

/// The parent has both children.
async fn one_family(school: &School) {
    let (child, parent) = (user(school, "other.student@a.example").await, user(school, "parent@a.example").await);
    school.fleet.guardian(school.id, child, parent).await;
}

#[tokio::test]
async fn of_fifty_times_of_an_evening_that_a_family_wants_at_once_it_gets_one() {
    let school = School::open().await;
    let made = school.teacher.post(SLOTS, &evening(&school)).await;
    assert_eq!((made.status, &made.body["items"][49]["series_id"]), (201, &made.body["items"][0]["id"]), "{:#}", made.body);
    let (paths, nothing) = (bookings(&made), json!({}));
    let answers = join_all(paths.iter().map(|path| school.parent.post(path, &nothing))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    let refused = answers.iter().find(|answer| answer.status == 409).unwrap();
    assert_eq!((refused.pointers(), &refused.body["detail"]), (vec!["/slot_id"], &json!("The student has another of these times.")));
    // Another family gets one too, and what is given up can be taken anew elsewhere.
    let booked = answers.iter().position(|answer| answer.status == 201).unwrap();
    let other = (booked + 1) % 50;
    assert_eq!(school.other_parent.post(&paths[other], &nothing).await.status, 201);
    assert_eq!(school.parent.delete(answers[booked].header("location"), &answers[booked].etag()).await.status, 204);
    assert_eq!(school.parent.post(&paths[(booked + 2) % 50], &nothing).await.status, 201);
    assert_eq!(school.count("SELECT count(*) FROM appointment_bookings WHERE status = 'booked'").await, 2);
}

#[tokio::test]
async fn whoever_offers_times_may_let_a_student_have_several() {
    let school = School::open().await;
    let mut several = evening(&school);
    several["allow_several"] = json!(true);
    let made = school.teacher.post(SLOTS, &several).await;
    for path in &bookings(&made)[..2] {
        assert_eq!(school.parent.post(path, &json!({})).await.status, 201);
    }
    assert_eq!(made.body["items"][1]["series_id"], made.body["items"][1]["id"]);
}

#[tokio::test]
async fn of_fifty_meetings_at_one_minute_a_parent_of_two_gets_one() {
    let school = School::open().await;
    one_family(&school).await;
    let day = school.day(1);
    // The office offers times with nobody in particular, so that fifty are at one minute.
    let body = json!({"kind": "meeting", "title": "Talk", "starts_at": format!("{day}T15:00:00Z"), "ends_at": format!("{day}T15:10:00Z")});
    let made = join_all((0..50).map(|_| school.office.post(SLOTS, &body))).await;
    assert_eq!(count(&made, 201), 50, "{:?}", statuses(&made));
    let children = [json!({"student_id": school.child}), json!({"student_id": school.other_child})];
    let answers = join_all(made.iter().enumerate().map(|(n, made)| {
        let (school, child) = (&school, &children[n % 2]);
        async move { school.parent.post(&format!("{}/bookings", path_of_slot(made)), child).await }
    }))
    .await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM appointment_bookings WHERE attending_parent IS NOT NULL").await, 1);
    let (booked, other) = if answers.iter().position(|answer| answer.status == 201).unwrap() % 2 == 0 { (0, 1) } else { (1, 0) };
    // The other child's other parent is free, and comes.
    let free = format!("{}/bookings", path_of_slot(&school.office.post(SLOTS, &body).await));
    let refused = school.parent.post(&free, &children[other]).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/slot_id"]), "{:#}", refused.body);
    assert_eq!(refused.body["detail"], "You have an appointment with somebody else at this time.");
    if booked == 0 {
        assert_eq!(school.other_parent.post(&free, &children[1]).await.status, 201);
    }
}

#[tokio::test]
async fn a_parent_of_two_may_come_to_one_meeting_for_both_and_to_no_exam() {
    let school = School::open().await;
    one_family(&school).await;
    let at = |time: &str| format!("{}T{time}:00Z", school.day(1));
    let children = [json!({"student_id": school.child}), json!({"student_id": school.other_child})];
    let meeting = json!({"kind": "meeting", "title": "Talk", "capacity": 2, "starts_at": at("15:00"), "ends_at": at("15:10")});
    let meeting = format!("{}/bookings", path_of_slot(&school.teacher.post(SLOTS, &meeting).await));
    for child in &children {
        assert_eq!(school.parent.post(&meeting, child).await.status, 201);
    }
    for child in &children {
        let exam = json!({"kind": "exam", "title": "Oral", "starts_at": at("10:00"), "ends_at": at("10:20")});
        let exam = school.office.post(SLOTS, &exam).await;
        assert_eq!(school.parent.post(&format!("{}/bookings", path_of_slot(&exam)), child).await.status, 201);
    }
    // A slot that is moved to where its parent is already.
    let later = json!({"kind": "meeting", "title": "Talk", "starts_at": at("16:00"), "ends_at": at("16:10")});
    let later = school.other_teacher.post(SLOTS, &later).await;
    school.parent.post(&format!("{}/bookings", path_of_slot(&later)), &children[1]).await.expect(201);
    let into = json!({"starts_at": at("15:05"), "ends_at": at("15:15"), "book_until": at("15:00")});
    let refused = school.other_teacher.patch(&path_of_slot(&later), "\"v1\"", &into).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/starts_at"]), "{:#}", refused.body);
}
