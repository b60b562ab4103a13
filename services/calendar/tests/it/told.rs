//! What the other services are told of lessons and appointments.

use serde_json::json;

use crate::school::{School, path_of_slot};

const ENTRIES: &str = "/api/v1/timetable-entries";

#[tokio::test]
async fn whoever_listens_learns_of_lessons_that_change_and_of_cover_that_goes() {
    let school = School::open().await;
    let lesson = school.office.post(ENTRIES, &school.lesson()).await;
    let path = lesson.header("location").to_owned();
    assert_eq!(school.told("timetable:changed").await, 1, "it is new");
    let moved = school.office.patch(&path, &lesson.etag(), &json!({"start_minute": 545})).await;
    assert_eq!((moved.status, school.told("timetable:changed").await), (200, 2));
    assert_eq!(school.office.patch(&path, &lesson.etag(), &json!({"start_minute": 550})).await.status, 412);
    let cover = |ahead: u64| json!({"teacher_id": school.teachers[1], "valid_from": school.day(ahead), "valid_to": school.day(ahead)});
    let first = school.office.post(&format!("{path}/cover"), &cover(1)).await;
    school.office.post(&format!("{path}/cover"), &cover(8)).await.expect(201);
    assert_eq!(school.office.delete(first.header("location"), &first.etag()).await.status, 204);
    assert_eq!((school.told("timetable:covered").await, school.told("timetable:uncovered").await), (2, 1));
    // What is taken off takes its cover along, and whoever stood in is told of it.
    assert_eq!(school.office.delete(&path, &moved.etag()).await.status, 204);
    assert_eq!((school.told("timetable:changed").await, school.told("timetable:uncovered").await), (3, 2));
}

#[tokio::test]
async fn whoever_has_booked_is_told_when_the_time_is_another_and_nobody_when_it_is_not() {
    let school = School::open().await;
    let day = school.day(1);
    let body = json!({"kind": "meeting", "title": "Talk", "capacity": 2, "starts_at": format!("{day}T15:00:00Z"), "ends_at": format!("{day}T15:10:00Z")});
    let path = path_of_slot(&school.teacher.post("/api/v1/appointment-slots", &body).await);
    for parent in [&school.parent, &school.other_parent] {
        parent.post(&format!("{path}/bookings"), &json!({})).await.expect(201);
    }
    let named = school.teacher.patch(&path, "\"v1\"", &json!({"title": "Another title"})).await;
    assert_eq!((named.status, school.told("appointment:moved").await), (200, 0));
    let later = json!({"ends_at": format!("{day}T15:20:00Z")});
    let moved = school.teacher.patch(&path, &named.etag(), &later).await;
    assert_eq!((moved.status, school.told("appointment:moved").await), (200, 2));
    let elsewhere = json!({"room_id": school.room("Library").await});
    assert_eq!((school.teacher.patch(&path, &moved.etag(), &elsewhere).await.status, school.told("appointment:moved").await), (200, 4));
}
