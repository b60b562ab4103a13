//! Times that are offered, booked and given up.

use serde_json::json;

use crate::school::{School, path_of_slot};

#[tokio::test]
async fn a_parent_books_for_their_child_and_gives_it_up_again() {
    let school = School::open().await;
    let path = path_of_slot(&school.slot().await);
    let bookings = format!("{path}/bookings");
    assert_eq!(school.parent.post(&bookings, &json!({"student_id": school.other_child})).await.pointers(), ["/student_id"]);
    let booked = school.parent.post(&bookings, &json!({"note": "About the homework"})).await;
    assert_eq!((booked.status, &booked.body["student_id"]), (201, &json!(school.child)), "{:#}", booked.body);
    assert_eq!(school.other_parent.post(&bookings, &json!({})).await.status, 409, "it is full");
    assert_eq!(school.other_parent.get(&path).await.expect(200)["free"], 0);
    let list = school.teacher.get("/api/v1/appointment-bookings").await.expect(200);
    assert_eq!(list["items"][0]["note"], "About the homework");
    assert_eq!(school.other_parent.get("/api/v1/appointment-bookings").await.expect(200)["items"], json!([]));
    assert_eq!(school.other_teacher.get("/api/v1/appointment-bookings").await.expect(200)["items"], json!([]));
    let own = booked.header("location").to_owned();
    assert_eq!(school.other_parent.delete(&own, &booked.etag()).await.status, 404);
    assert_eq!(school.parent.delete(&own, "\"v9\"").await.status, 412);
    assert_eq!(school.parent.delete(&own, &booked.etag()).await.status, 204);
    assert_eq!(school.parent.delete(&own, &booked.etag()).await.status, 404);
    school.other_parent.post(&bookings, &json!({})).await.expect(201);
    assert_eq!((school.told("appointment:booked").await, school.told("appointment:cancelled").await), (2, 1));
}

#[tokio::test]
async fn a_retried_booking_is_one_booking() {
    let school = School::open().await;
    let bookings = format!("{}/bookings", path_of_slot(&school.slot().await));
    let first = school.parent.post_once(&bookings, "key", &json!({})).await;
    let again = school.parent.post_once(&bookings, "key", &json!({})).await;
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (201, 201, "true"));
    assert_eq!(school.parent.post_once(&bookings, "key", &json!({"note": "other"})).await.status, 422);
}

#[tokio::test]
async fn a_student_is_in_one_appointment_at_a_time() {
    let school = School::open().await;
    let first = path_of_slot(&school.slot().await);
    let day = school.day(1);
    let body =
        json!({"kind": "meeting", "title": "Also then", "starts_at": format!("{day}T15:05:00Z"), "ends_at": format!("{day}T15:15:00Z")});
    let second = path_of_slot(&school.other_teacher.post("/api/v1/appointment-slots", &body).await);
    school.parent.post(&format!("{first}/bookings"), &json!({})).await.expect(201);
    let refused = school.parent.post(&format!("{second}/bookings"), &json!({})).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/student_id"]), "{:#}", refused.body);
}

#[tokio::test]
async fn an_evening_is_divided_into_slots_of_one_teacher_at_a_time() {
    let school = School::open().await;
    let day = school.day(1);
    let evening = |minutes: u32| {
        json!({"kind": "meeting", "title": "Parents' evening", "starts_at": format!("{day}T17:00:00Z"), "ends_at": format!("{day}T19:00:00Z"),
            "minutes": minutes, "pause_minutes": 5})
    };
    let made = school.teacher.post("/api/v1/appointment-slots", &evening(10)).await;
    assert_eq!((made.status, made.body["items"].as_array().unwrap().len()), (201, 8));
    assert_eq!(made.body["items"][1]["starts_at"], format!("{day}T17:15:00Z"));
    assert_eq!(
        school.teacher.post("/api/v1/appointment-slots", &evening(10)).await.pointers(),
        ["/teacher_id"],
        "the teacher has these already"
    );
    assert_eq!(school.teacher.post("/api/v1/appointment-slots", &evening(0)).await.status, 422);
    assert_eq!(school.teacher.post("/api/v1/appointment-slots", &evening(121)).await.status, 422);
    let mut others = evening(10);
    others["teacher_id"] = json!(school.teachers[1]);
    assert_eq!(school.teacher.post("/api/v1/appointment-slots", &others).await.pointers(), ["/teacher_id"], "not theirs to offer");
    assert_eq!(school.parent.post("/api/v1/appointment-slots", &evening(10)).await.status, 403);
    school.office.post("/api/v1/appointment-slots", &others).await.expect(201);
    let list = school.parent.get("/api/v1/appointment-slots?limit=5").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 5);
    let rest = school
        .parent
        .get(&format!("/api/v1/appointment-slots?limit=200&cursor={}", list["next_cursor"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(rest["items"].as_array().unwrap().len(), 11);
}

#[tokio::test]
async fn an_exam_of_a_class_is_for_its_students() {
    let school = School::open().await;
    let day = school.day(3);
    let exam = json!({"kind": "exam", "title": "Oral", "class_id": school.class, "capacity": 2, "starts_at": format!("{day}T09:00:00Z"), "ends_at": format!("{day}T10:00:00Z")});
    let path = path_of_slot(&school.teacher.post("/api/v1/appointment-slots", &exam).await);
    school.student.post(&format!("{path}/bookings"), &json!({})).await.expect(201);
    assert_eq!(school.student.post(&format!("{path}/bookings"), &json!({})).await.status, 409, "once is enough");
    assert_eq!(school.other_student.get(&path).await.status, 404);
    assert_eq!(school.other_student.post(&format!("{path}/bookings"), &json!({})).await.status, 404);
    let refused = school.office.post(&format!("{path}/bookings"), &json!({"student_id": school.other_child})).await;
    assert_eq!(refused.status, 409, "{:#}", refused.body);
    // A meeting is for parents.
    let meeting = path_of_slot(&school.slot().await);
    assert_eq!(school.student.post(&format!("{meeting}/bookings"), &json!({})).await.status, 403);
}

#[tokio::test]
async fn a_slot_that_is_called_off_takes_its_bookings_along_and_one_that_is_moved_too() {
    let school = School::open().await;
    let path = path_of_slot(&school.slot().await);
    let booked = school.parent.post(&format!("{path}/bookings"), &json!({})).await;
    let seen = school.teacher.get(&path).await;
    let day = school.day(2);
    let later =
        json!({"starts_at": format!("{day}T15:00:00Z"), "ends_at": format!("{day}T15:10:00Z"), "book_until": format!("{day}T15:00:00Z")});
    assert_eq!(school.other_teacher.patch(&path, &seen.etag(), &later).await.status, 403);
    let moved = school.teacher.patch(&path, &seen.etag(), &later).await;
    assert_eq!(moved.status, 200, "{:#}", moved.body);
    let mine = school.parent.get("/api/v1/appointment-bookings").await.expect(200);
    assert_eq!(mine["items"][0]["starts_at"], format!("{day}T15:00:00Z"));
    assert_eq!(school.teacher.delete(&path, &moved.etag()).await.status, 204);
    assert_eq!(school.parent.get("/api/v1/appointment-bookings").await.expect(200)["items"], json!([]));
    assert_eq!(school.parent.post(&format!("{path}/bookings"), &json!({})).await.status, 409);
    assert_eq!(school.parent.delete(booked.header("location"), "\"v2\"").await.status, 404);
    assert_eq!(school.count("SELECT count(*) FROM appointment_bookings WHERE status = 'cancelled'").await, 1);
}

#[tokio::test]
async fn when_it_is_too_late_nothing_is_booked_or_given_up_but_by_the_office() {
    let school = School::open().await;
    let path = path_of_slot(&school.slot().await);
    let booked = school.parent.post(&format!("{path}/bookings"), &json!({})).await;
    let seen = school.teacher.get(&path).await;
    school
        .teacher
        .patch(&path, &seen.etag(), &json!({"book_until": format!("{}T00:00:00Z", school.today.pred_opt().unwrap())}))
        .await
        .expect(200);
    assert_eq!(school.parent.delete(booked.header("location"), &booked.etag()).await.status, 409);
    assert_eq!(school.other_parent.post(&format!("{path}/bookings"), &json!({})).await.status, 409);
    assert_eq!(school.office.delete(booked.header("location"), &booked.etag()).await.status, 204);
}

#[tokio::test]
async fn no_more_are_asked_into_a_room_than_it_holds() {
    let school = School::open().await;
    let (room, day) = (school.room("Small").await, school.day(3));
    let exam = |capacity: u32| json!({"kind": "exam", "title": "Oral", "room_id": room, "capacity": capacity, "starts_at": format!("{day}T09:00:00Z"), "ends_at": format!("{day}T10:00:00Z")});
    let refused = school.office.post("/api/v1/appointment-slots", &exam(31)).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/capacity"]), "{:#}", refused.body);
    let made = school.office.post("/api/v1/appointment-slots", &exam(30)).await;
    let path = path_of_slot(&made);
    let refused = school.office.patch(&path, "\"v1\"", &json!({"capacity": 31})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/capacity"]), "{:#}", refused.body);
    let elsewhere = school.office.patch(&path, "\"v1\"", &json!({"capacity": 31, "room_id": null})).await;
    assert_eq!(elsewhere.status, 200, "{:#}", elsewhere.body);
    assert_eq!(school.office.patch(&path, &elsewhere.etag(), &json!({"room_id": room})).await.pointers(), ["/capacity"]);
}

#[tokio::test]
async fn a_teacher_offers_no_time_at_which_they_give_a_lesson_or_stand_in() {
    let school = School::open().await;
    let lesson = school.office.post("/api/v1/timetable-entries", &school.lesson()).await;
    // By London's clocks, in summer and in winter.
    let at = |ahead: u64, hour: u32, minute: u32| {
        let local = school.day(ahead).and_hms_opt(hour, minute, 0).unwrap().and_local_timezone(chrono_tz::Europe::London).unwrap();
        local.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    let slot = |ahead: u64, from: (u32, u32), to: (u32, u32)| json!({"kind": "meeting", "title": "Talk", "starts_at": at(ahead, from.0, from.1), "ends_at": at(ahead, to.0, to.1)});
    let refused = school.teacher.post("/api/v1/appointment-slots", &slot(1, (9, 30), (9, 40))).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/teacher_id"]), "{:#}", refused.body);
    let made = school.teacher.post("/api/v1/appointment-slots", &slot(1, (9, 45), (9, 55))).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let into = json!({"starts_at": at(1, 9, 40), "book_until": at(1, 9, 0)});
    let refused = school.teacher.patch(&path_of_slot(&made), "\"v1\"", &into).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/teacher_id"]), "{:#}", refused.body);
    // Whoever stands in is busy, and whoever is stood in for is not.
    let cover = json!({"teacher_id": school.teachers[1], "valid_from": school.day(8), "valid_to": school.day(8)});
    school.office.post(&format!("{}/cover", lesson.header("location")), &cover).await.expect(201);
    assert_eq!(school.other_teacher.post("/api/v1/appointment-slots", &slot(8, (9, 30), (9, 40))).await.status, 409);
    assert_eq!(school.teacher.post("/api/v1/appointment-slots", &slot(8, (9, 30), (9, 40))).await.status, 201);
    // On a holiday there are no lessons.
    school.put_in(&school.office, &json!({"kind": "holiday", "title": "Parents' day", "start_date": school.day(15)})).await;
    assert_eq!(school.teacher.post("/api/v1/appointment-slots", &slot(15, (9, 30), (9, 40))).await.status, 201);
}
