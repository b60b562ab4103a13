//! Lessons, cover, rooms, and what is in the way of what.

use serde_json::{Value, json};

use crate::school::{School, with};

const ENTRIES: &str = "/api/v1/timetable-entries";

#[tokio::test]
async fn a_teacher_a_room_and_a_class_are_in_one_place_at_a_time() {
    let school = School::open().await;
    let room = school.room("Laboratory").await;
    let first = with(school.lesson(), &json!({"room_id": room}));
    school.office.post(ENTRIES, &first).await.expect(201);
    let free = json!({"class_id": school.other_class, "teacher_id": school.teachers[1], "room_id": null});
    for (clash, pointer) in [
        (json!({"teacher_id": school.teachers[0]}), "/teacher_id"),
        (json!({"room_id": room}), "/room_id"),
        (json!({"class_id": school.class}), "/class_id"),
    ] {
        let body = with(with(school.lesson(), &free), &with(clash, &json!({"start_minute": 584, "end_minute": 600})));
        let answer = school.office.post(ENTRIES, &body).await;
        assert_eq!((answer.status, answer.pointers()), (409, vec![pointer]), "{:#}", answer.body);
    }
    school
        .office
        .post(ENTRIES, &with(with(school.lesson(), &free), &json!({"room_id": room, "start_minute": 585, "end_minute": 600})))
        .await
        .expect(201);
    // Another day, or after the last day, is another matter.
    let next_week = json!({"valid_from": school.day(91), "valid_to": school.day(120)});
    school.office.post(ENTRIES, &with(first.clone(), &next_week)).await.expect(201);
    let other_day = json!({"rotation_day": school.weekday(2)});
    let second = school.office.post(ENTRIES, &with(first, &other_day)).await;
    let path = second.header("location").to_owned();
    let back = school.office.patch(&path, &second.etag(), &json!({"rotation_day": school.weekday(1)})).await;
    assert_eq!(back.status, 409, "{:#}", back.body);
    assert_eq!(school.office.delete(&path, &second.etag()).await.status, 204);
    assert_eq!(school.office.delete(&path, &second.etag()).await.status, 404);
    assert_eq!(school.count("SELECT count(*) FROM timetable_entries WHERE status = 'active'").await, 3);
}

#[tokio::test]
async fn cover_stands_in_for_the_teacher_and_moves_with_the_lesson() {
    let school = School::open().await;
    let lesson = school.office.post(ENTRIES, &school.lesson()).await;
    let path = lesson.header("location").to_owned();
    let cover = |teacher: usize, from: u64, to: u64| json!({"teacher_id": school.teachers[teacher], "valid_from": school.day(from), "valid_to": school.day(to)});
    for (body, pointer) in [
        (cover(0, 1, 1), "/teacher_id"),
        (cover(1, 2, 1), "/valid_to"),
        (cover(1, 2, 3), "/valid_from"),
        (cover(1, 80, 100), "/valid_from"),
    ] {
        let answer = school.office.post(&format!("{path}/cover"), &body).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{:#}", answer.body);
    }
    let covered = school.office.post(&format!("{path}/cover"), &cover(1, 1, 8)).await;
    assert_eq!(covered.status, 201, "{:#}", covered.body);
    let again = school.office.post(&format!("{path}/cover"), &cover(1, 8, 15)).await;
    assert_eq!(again.status, 409, "{:#}", again.body);
    // Whoever stands in is not free for another lesson then.
    let other = with(school.lesson(), &json!({"class_id": school.other_class, "teacher_id": school.teachers[1]}));
    assert_eq!(school.office.post(ENTRIES, &other).await.pointers(), ["/teacher_id"]);
    let moved = school.office.patch(&path, &lesson.etag(), &json!({"start_minute": 600, "end_minute": 645})).await;
    assert_eq!(moved.status, 200, "{:#}", moved.body);
    let seen = school.teacher.get(covered.header("location")).await.expect(200);
    assert_eq!((&seen["start_minute"], &seen["covers_entry_id"]), (&json!(600), &lesson.body["id"]));
    let shorter = school.office.patch(&path, &moved.etag(), &json!({"valid_to": school.day(5)})).await;
    assert_eq!((shorter.status, shorter.pointers()), (409, vec!["/valid_to"]));
    assert_eq!(school.told("timetable:covered").await, 1);
    assert_eq!(school.office.delete(&path, &moved.etag()).await.status, 204);
    assert_eq!(school.count("SELECT count(*) FROM timetable_entries WHERE status = 'active'").await, 0, "its cover goes with it");
}

#[tokio::test]
async fn students_and_parents_see_the_timetable_of_their_own_classes() {
    let school = School::open().await;
    let lesson = school.office.post(ENTRIES, &school.lesson()).await;
    let path = lesson.header("location").to_owned();
    for (who, sees) in
        [(&school.student, 1), (&school.parent, 1), (&school.other_student, 0), (&school.other_parent, 0), (&school.other_teacher, 1)]
    {
        let list = who.get(ENTRIES).await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), sees);
        assert_eq!(who.get(&path).await.status, if sees == 1 { 200 } else { 404 });
    }
    assert_eq!(school.outsider.get(&path).await.status, 404);
    assert_eq!(school.other_student.get(&format!("{ENTRIES}?class_id={}", school.class)).await.status, 404);
    for who in [&school.student, &school.parent, &school.teacher] {
        assert_eq!(who.post(ENTRIES, &school.lesson()).await.status, 403);
        assert_eq!(who.delete(&path, &lesson.etag()).await.status, 403);
        assert_eq!(who.post("/api/v1/rooms", &json!({"name": "Mine"})).await.status, 403);
        assert_eq!(who.get(&format!("/api/v1/conflicts?from={0}&to={0}", school.today)).await.status, 403);
    }
}

#[tokio::test]
async fn a_room_is_taken_by_a_lesson_a_booking_or_an_appointment_whichever_comes_first() {
    let school = School::open().await;
    let room = school.room("Library").await;
    let day = school.day(1);
    let at = |hour: u32| format!("{day}T{hour:02}:00:00+00:00");
    let booking = |from: u32, to: u32| json!({"room_id": room, "purpose": "Reading circle", "starts_at": at(from), "ends_at": at(to)});
    let booked = school.teacher.post("/api/v1/room-bookings", &booking(12, 13)).await;
    assert_eq!(booked.status, 201, "{:#}", booked.body);
    assert_eq!(school.other_teacher.post("/api/v1/room-bookings", &booking(12, 14)).await.status, 409);
    school.other_teacher.post("/api/v1/room-bookings", &booking(13, 14)).await.expect(201);
    // In the school's own clocks, whatever they show.
    let hour = chrono::DateTime::parse_from_rfc3339(&at(12)).unwrap().with_timezone(&chrono_tz::Europe::London);
    let minute = chrono::Timelike::hour(&hour) * 60;
    let lesson = with(school.lesson(), &json!({"room_id": room, "start_minute": minute + 30, "end_minute": minute + 40}));
    let refused = school.office.post(ENTRIES, &lesson).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/room_id"]));
    let slot = json!({"kind": "meeting", "title": "Talk", "room_id": room, "starts_at": at(12), "ends_at": at(13)});
    assert_eq!(school.teacher.post("/api/v1/appointment-slots", &slot).await.status, 409);
    assert_eq!(school.other_teacher.delete(booked.header("location"), &booked.etag()).await.status, 403, "it is somebody else's");
    assert_eq!(school.teacher.delete(booked.header("location"), &booked.etag()).await.status, 204);
    school.office.post(ENTRIES, &lesson).await.expect(201);
    let taken = school.teacher.post("/api/v1/room-bookings", &booking(12, 13)).await;
    assert_eq!((taken.status, taken.pointers()), (409, vec!["/room_id"]), "a lesson is in there");
    let list = school.teacher.get(&format!("/api/v1/room-bookings?from={day}&to={day}&room_id={room}")).await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_appointment_that_is_moved_within_its_room_does_not_get_into_a_lesson() {
    let school = School::open().await;
    let room = school.room("Library").await;
    school.office.post(ENTRIES, &with(school.lesson(), &json!({"room_id": room, "end_minute": 720}))).await.expect(201);
    let at = |hour: u32| format!("{}T{hour:02}:00:00Z", school.day(1));
    let slot = json!({"kind": "meeting", "title": "Talk", "room_id": room, "starts_at": at(14), "ends_at": at(15)});
    let made = school.teacher.post("/api/v1/appointment-slots", &slot).await;
    let path = crate::school::path_of_slot(&made);
    // From nine to twelve by London's clocks there is a lesson, in summer and in winter at ten.
    let into = json!({"starts_at": at(10), "ends_at": at(11), "book_until": at(10)});
    let refused = school.teacher.patch(&path, &school.teacher.get(&path).await.etag(), &into).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/room_id"]), "{:#}", refused.body);
    let longer = json!({"ends_at": at(16)});
    school.teacher.patch(&path, &school.teacher.get(&path).await.etag(), &longer).await.expect(200);
}

#[tokio::test]
async fn conflicts_between_events_and_lessons_are_told() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let lesson = with(school.lesson(), &json!({"room_id": room}));
    let first = school.office.post(ENTRIES, &lesson).await;
    let day = school.day(1);
    let conflicts = format!("/api/v1/conflicts?from={day}&to={day}");
    assert_eq!(school.office.get(&conflicts).await.expect(200)["items"], json!([]));
    assert_eq!(school.office.delete(first.header("location"), &first.etag()).await.status, 204);
    school.put_in(&school.office, &json!({"title": "Play", "start_date": day, "room_id": room})).await;
    let from = format!("{day}T09:10:00Z");
    let meeting = json!({"kind": "meeting", "title": "Ten minutes", "starts_at": from, "ends_at": format!("{day}T09:20:00Z")});
    // At nine in winter; in summer it would be in nobody's way.
    school.teacher.post("/api/v1/appointment-slots", &meeting).await.expect(201);
    // A teacher may not offer the time of a lesson, but a lesson may come to be at a time that is offered.
    school.office.post(ENTRIES, &lesson).await.expect(201);
    let found = school.office.get(&conflicts).await.expect(200);
    let items = found["items"].as_array().unwrap();
    let shared: Vec<_> = items
        .iter()
        .map(|one| (one["shared"].as_str().unwrap(), one["first"]["what"].as_str().unwrap(), one["second"]["what"].as_str().unwrap()))
        .collect();
    assert!(shared.contains(&("room", "event", "lesson")), "{shared:?}");
    let noon = day.and_hms_opt(12, 0, 0).unwrap().and_utc();
    let winter = noon.with_timezone(&chrono_tz::Europe::London).naive_local() == noon.naive_utc();
    assert_eq!(shared.contains(&("teacher", "lesson", "appointment")), winter, "{shared:?}");
    // An exam of the class, while it has its lesson.
    let hour = |minute: u32| {
        let local = day.and_hms_opt(9, minute, 0).unwrap().and_local_timezone(chrono_tz::Europe::London).unwrap();
        local.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    let exam =
        json!({"kind": "exam", "title": "Oral", "starts_at": hour(20), "ends_at": hour(40), "audience": {"class_ids": [school.class]}});
    school.put_in(&school.office, &exam).await;
    let found = school.office.get(&format!("{conflicts}&class_id={}", school.class)).await.expect(200);
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["shared"]), (1, &json!("class")));
    assert_eq!(school.office.get(&format!("{conflicts}&class_id={}", school.other_class)).await.expect(200)["items"], json!([]));
    assert_eq!(school.office.get(&format!("/api/v1/conflicts?from={day}&to={}", school.day(40))).await.status, 422);
}

#[tokio::test]
async fn rooms_are_kept() {
    let school = School::open().await;
    let made = school.office.post("/api/v1/rooms", &json!({"name": "Hall", "capacity": 300})).await;
    let path = made.header("location").to_owned();
    assert_eq!(school.office.post("/api/v1/rooms", &json!({"name": "Hall"})).await.status, 409);
    assert_eq!(school.office.post("/api/v1/rooms", &json!({"name": "x", "capacity": 0})).await.status, 422);
    let changed = school.office.patch(&path, &made.etag(), &json!({"capacity": null, "name": "Great hall"})).await;
    assert_eq!((changed.status, &changed.body["capacity"]), (200, &Value::Null));
    assert_eq!(school.office.patch(&path, &made.etag(), &json!({"name": "Lost"})).await.status, 412);
    assert_eq!(school.outsider.get(&path).await.status, 404);
    assert_eq!(school.outsider.patch(&path, &changed.etag(), &json!({"name": "Mine"})).await.status, 404);
    assert_eq!(school.student.get(&path).await.expect(200)["name"], json!("Great hall"));
    let known = school.student.request(reqwest::Method::GET, &path).header("If-None-Match", changed.etag());
    assert_eq!(school.student.send(known).await.status, 304);
    assert_eq!(school.student.get("/api/v1/rooms?is_active=true").await.expect(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(school.office.delete(&path, &changed.etag()).await.status, 204);
    assert_eq!(school.student.get("/api/v1/rooms?is_active=true").await.expect(200)["items"], json!([]));
    let refused =
        school.office.post("/api/v1/events", &json!({"title": "Play", "start_date": school.today, "room_id": made.body["id"]})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/room_id"]));
}
