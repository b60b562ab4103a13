//! Many at once: one wins, the others are told, nothing is doubled and nothing is lost.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{count, statuses};

use crate::school::{School, path_of_slot};

const ENTRIES: &str = "/api/v1/timetable-entries";

#[tokio::test]
async fn of_fifty_lessons_for_one_teacher_room_or_class_one_is_put_on() {
    let school = School::open().await;
    let room = school.room("Laboratory").await;
    // All at overlapping times: a third each share a class, a teacher and a room.
    let bodies: Vec<_> = (0..50)
        .map(|n| {
            let mut lesson = school.lesson();
            let own = if n % 3 == 0 { school.class } else { school.other_class };
            lesson["class_id"] = json!(own);
            lesson["teacher_id"] = if n % 3 == 1 { json!(school.teachers[0]) } else { json!(null) };
            lesson["room_id"] = json!(room);
            lesson["start_minute"] = json!(540 + n % 20);
            lesson
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| school.office.post(ENTRIES, body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM timetable_entries").await, 1);
}

#[tokio::test]
async fn when_fifty_put_lessons_on_all_over_a_week_no_two_are_in_each_others_way() {
    let school = School::open().await;
    let rooms = [school.room("One").await, school.room("Two").await];
    let answers = join_all((0..50_usize).map(|n| {
        let (school, rooms) = (&school, &rooms);
        async move {
            let mut lesson = school.lesson();
            lesson["class_id"] = json!([school.class, school.other_class][n % 2]);
            lesson["teacher_id"] = json!(school.teachers[n / 2 % 2]);
            lesson["room_id"] = json!(rooms[n / 4 % 2]);
            lesson["rotation_day"] = json!(1 + n % 3);
            lesson["start_minute"] = json!(540 + 15 * (n % 7));
            lesson["end_minute"] = json!(585 + 15 * (n % 7));
            school.office.post(ENTRIES, &lesson).await
        }
    }))
    .await;
    assert_eq!(count(&answers, 201) + count(&answers, 409), 50, "{:?}", statuses(&answers));
    assert!(count(&answers, 201) > 2);
    let overlapping = "SELECT count(*) FROM timetable_entries a JOIN timetable_entries b ON a.id < b.id AND a.rotation_day = b.rotation_day
        AND a.start_minute < b.end_minute AND b.start_minute < a.end_minute
        AND (a.class_id = b.class_id OR a.teacher_id = b.teacher_id OR a.room_id = b.room_id)";
    assert_eq!(school.count(overlapping).await, 0);
}

#[tokio::test]
async fn of_fifty_who_want_the_last_seat_one_gets_it() {
    let school = School::open().await;
    let bookings = format!("{}/bookings", path_of_slot(&school.slot().await));
    let nothing = json!({});
    let answers = join_all((0..50).map(|n| if n % 2 == 0 { &school.parent } else { &school.other_parent }.post(&bookings, &nothing))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM appointment_bookings").await, 1);
}

#[tokio::test]
async fn of_fifty_who_want_the_room_one_gets_it_be_it_for_a_lesson_or_a_booking() {
    let school = School::open().await;
    let room = school.room("Library").await;
    let day = school.day(1);
    // Half past nine is within the lesson, in summer and in winter.
    let booking =
        json!({"room_id": room, "purpose": "Choir", "starts_at": format!("{day}T08:30:00Z"), "ends_at": format!("{day}T09:30:00Z")});
    let mut lesson = school.lesson();
    lesson["room_id"] = json!(room);
    let answers = join_all((0..50).map(|n| {
        let (school, booking, lesson) = (&school, &booking, &lesson);
        async move {
            if n % 2 == 0 { school.teacher.post("/api/v1/room-bookings", booking).await } else { school.office.post(ENTRIES, lesson).await }
        }
    }))
    .await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    let both = "SELECT (SELECT count(*) FROM room_bookings) + (SELECT count(*) FROM timetable_entries)";
    assert_eq!(school.count(both).await, 1);
}

#[tokio::test]
async fn of_fifty_who_stand_in_for_one_lesson_one_does() {
    let school = School::open().await;
    let path = school.office.post(ENTRIES, &school.lesson()).await.header("location").to_owned();
    let body = json!({"teacher_id": school.teachers[1], "valid_from": school.day(1), "valid_to": school.day(1)});
    let cover = format!("{path}/cover");
    let answers = join_all((0..50).map(|_| school.office.post(&cover, &body))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
}

#[tokio::test]
async fn of_fifty_changes_of_one_series_one_is_made_and_the_others_learn_of_it() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    let path = made.header("location").to_owned();
    let etag = made.etag();
    let answers = join_all((0..50).map(|n| {
        let (school, path, etag) = (&school, &path, &etag);
        async move {
            // Some change the series, some this occurrence of it, some another.
            match n % 3 {
                0 => school.office.patch(path, etag, &json!({"title": format!("Title {n}")})).await,
                1 => {
                    school.office.patch(&format!("{path}/occurrences/20261019T090000"), etag, &json!({"title": format!("Title {n}")})).await
                }
                _ => school.office.patch(&format!("{path}/occurrences/20261026T090000"), etag, &json!({"status": "cancelled"})).await,
            }
        }
    }))
    .await;
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    school.saved().await;
    assert_eq!(school.count("SELECT version::bigint FROM calendar_events WHERE master_event_id IS NULL").await, 2);
    assert!(school.count("SELECT count(*) FROM calendar_events").await <= 2);
}

#[tokio::test]
async fn fifty_events_at_once_are_fifty_events() {
    let school = School::open().await;
    let day = json!(school.day(1));
    let answers = join_all((0..50).map(|n| {
        let (school, day) = (&school, &day);
        async move { school.office.post("/api/v1/events", &json!({"title": format!("Event {n}"), "start_date": day})).await }
    }))
    .await;
    assert_eq!(count(&answers, 201), 50);
    let day = school.day(1).to_string();
    assert_eq!(school.shown(&school.student, &day, &day).await.len(), 50);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM calendar_events").await, 50);
}

#[tokio::test]
async fn fifty_who_read_feeds_at_once_are_all_served() {
    let school = School::open().await;
    school.put_in(&school.office, &School::series()).await;
    let mut paths = Vec::new();
    for who in [&school.student, &school.parent, &school.teacher, &school.other_student, &school.other_parent] {
        for _ in 0..10 {
            let made = who.post("/api/v1/calendar/feeds", &json!({})).await.expect(201);
            paths.push(made["path"].as_str().unwrap().to_owned());
        }
    }
    // Whose they are was not asked yet, so that all of them ask.
    let anonymous = school.fleet.anonymous();
    let answers = join_all(paths.iter().map(|path| anonymous.get(path))).await;
    assert_eq!(count(&answers, 200), 50, "{:?}", statuses(&answers));
}

#[tokio::test]
async fn fifty_bookings_of_one_slot_by_the_office_are_fifty_seats() {
    let school = School::open().await;
    let day = school.day(3);
    let exam = json!({"kind": "exam", "title": "Oral", "capacity": 50, "starts_at": format!("{day}T09:00:00Z"), "ends_at": format!("{day}T10:00:00Z")});
    let path = path_of_slot(&school.office.post("/api/v1/appointment-slots", &exam).await);
    let mut students = Vec::new();
    for n in 0..50 {
        let user = school.fleet.member(school.id, domain::Role::Student, &format!("n{n}@a.example")).await;
        students.push(user);
    }
    school.fleet.class(school.id, "7C", school.fleet.member(school.id, domain::Role::Teacher, "third@a.example").await, &students).await;
    let mut bodies = Vec::new();
    for user in students {
        bodies.push(json!({"student_id": school.fleet.student_id(school.id, user).await}));
    }
    let bookings = format!("{path}/bookings");
    let answers = join_all(bodies.iter().map(|body| school.office.post(&bookings, body))).await;
    assert_eq!(count(&answers, 201), 50, "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(DISTINCT seat) FROM appointment_bookings").await, 50);
    let seen = school.office.get(&path).await;
    let title = json!({"title": "Another"});
    let changes = join_all((0..50).map(|_| school.teacher.patch(&path, "\"v1\"", &title))).await;
    assert_eq!((seen.status, count(&changes, 403)), (200, 50), "{:?}", statuses(&changes));
}
