//! What is free: rooms for some hours, teachers for a lesson.

use serde_json::{Value, json};
use testkit::Api;

use crate::school::{School, on_lesson_day, with};

const ENTRIES: &str = "/api/v1/timetable-entries";

fn at(school: &School, minute: u32) -> String {
    let local = school.day(1).and_hms_opt(minute / 60, minute % 60, 0).unwrap().and_local_timezone(chrono_tz::Europe::London).unwrap();
    local.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

async fn rooms(who: &Api, from: &str, to: &str, more: &str) -> Vec<String> {
    let list = who.get(&format!("/api/v1/rooms/free?from={from}&to={to}{more}")).await.expect(200);
    list["items"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn free_rooms_are_those_that_a_booking_would_get_the_smallest_that_is_large_enough_first() {
    let school = School::open().await;
    let mut ids = Vec::new();
    for (name, capacity) in
        [("Hall", json!(300)), ("Cellar", json!(null)), ("Library", json!(40)), ("Studio", json!(12)), ("Attic", json!(40))]
    {
        let made = school.office.post("/api/v1/rooms", &json!({"name": name, "capacity": capacity})).await;
        ids.push(made.body["id"].clone());
        if name == "Attic" {
            assert_eq!(school.office.delete(made.header("location"), &made.etag()).await.status, 204);
        }
    }
    let [hall, _, library, studio, _] = &ids[..] else { unreachable!() };
    let lesson = with(school.lesson(), &json!({"room_id": library}));
    let lesson = school.office.post(ENTRIES, &lesson).await.header("location").to_owned();
    let booking = json!({"room_id": hall, "purpose": "Choir", "starts_at": at(&school, 550), "ends_at": at(&school, 560)});
    school.teacher.post("/api/v1/room-bookings", &booking).await.expect(201);
    let exam = json!({"kind": "exam", "title": "Oral", "room_id": studio, "starts_at": at(&school, 600), "ends_at": at(&school, 610)});
    school.office.post("/api/v1/appointment-slots", &exam).await.expect(201);
    let free = async |from: u32, to: u32, more: &str| rooms(&school.teacher, &at(&school, from), &at(&school, to), more).await;
    assert_eq!(free(540, 555, "").await, ["Studio", "Cellar"]);
    assert_eq!(free(560, 600, "").await, ["Studio", "Hall", "Cellar"], "the lesson goes on until a quarter to ten");
    assert_eq!(free(585, 605, "").await, ["Library", "Hall", "Cellar"]);
    assert_eq!(free(585, 605, "&capacity=40").await, ["Library", "Hall"], "how much the cellar holds nobody knows");
    assert_eq!(free(700, 710, "&capacity=301").await, [""; 0]);
    // What it finds, a booking gets; and a lesson that is called off or moved keeps a room no longer, or another.
    let moved = json!({"state": "moved", "room_id": studio});
    on_lesson_day(&school.office, &lesson, school.day(1), &moved).await.expect(200);
    assert_eq!(free(540, 548, "").await, ["Library", "Hall", "Cellar"]);
    on_lesson_day(&school.office, &lesson, school.day(1), &json!({"state": "cancelled"})).await.expect(200);
    assert_eq!(free(540, 548, "").await, ["Studio", "Library", "Hall", "Cellar"]);
    let there = json!({"room_id": library, "purpose": "Reading", "starts_at": at(&school, 540), "ends_at": at(&school, 548)});
    school.other_teacher.post("/api/v1/room-bookings", &there).await.expect(201);

    for (query, pointer) in [
        (format!("from={}&to={}", at(&school, 600), at(&school, 600)), "query:to"),
        (format!("from={}&to={}T23:59:00Z", at(&school, 600), school.day(3)), "query:to"),
        (format!("from={}&to={}&capacity=0", at(&school, 600), at(&school, 610)), "query:capacity"),
    ] {
        let refused = school.office.get(&format!("/api/v1/rooms/free?{query}")).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{query}: {:#}", refused.body);
    }
    let path = format!("/api/v1/rooms/free?from={}&to={}", at(&school, 540), at(&school, 555));
    for who in [&school.student, &school.parent] {
        assert_eq!(who.get(&path).await.status, 403);
    }
    assert_eq!(school.outsider.get(&path).await.expect(200)["items"], json!([]), "another school's rooms are its own");
}

#[tokio::test]
async fn whoever_is_free_for_a_lesson_can_stand_in_for_it_and_nobody_else_can() {
    let school = School::open().await;
    let day = school.day(1);
    let mut others = Vec::new();
    for name in ["busy", "moved", "off", "talks", "free"] {
        let user = school.fleet.member(school.id, domain::Role::Teacher, &format!("{name}@a.example")).await;
        let class = school.fleet.class(school.id, &format!("Class of {name}"), user, &[]).await;
        let query = sqlx::query_scalar::<_, uuid::Uuid>("SELECT id FROM teachers WHERE school_id = $1 AND user_id = $2");
        let query = query.bind(school.id.as_uuid()).bind(user.as_uuid());
        others.push((query.fetch_one(&mut school.fleet.database.superuser().await).await.unwrap(), class));
    }
    let lesson = school.office.post(ENTRIES, &school.lesson()).await.header("location").to_owned();
    let of = |(teacher, class): (uuid::Uuid, domain::ClassId), start: u32| json!({"class_id": class, "teacher_id": teacher, "start_minute": start, "end_minute": start + 30});
    let give = async |whose: usize, start: u32| {
        let made = school.office.post(ENTRIES, &with(school.lesson(), &of(others[whose], start))).await;
        assert_eq!(made.status, 201, "{:#}", made.body);
        made.header("location").to_owned()
    };
    give(0, 570).await;
    let moves = give(1, 700).await;
    on_lesson_day(&school.office, &moves, day, &json!({"state": "moved", "start_minute": 560, "end_minute": 570})).await.expect(200);
    let off = give(2, 560).await;
    on_lesson_day(&school.office, &off, day, &json!({"state": "cancelled"})).await.expect(200);
    let talks = school.fleet.login("talks@a.example").await;
    let meeting = json!({"kind": "meeting", "title": "Talk", "starts_at": at(&school, 580), "ends_at": at(&school, 590)});
    talks.post("/api/v1/appointment-slots", &meeting).await.expect(201);
    give(4, 800).await;
    let path = format!("{lesson}/days/{day}/free-teachers");
    let list = school.office.get(&path).await.expect(200);
    let found: Vec<(Value, u64)> =
        list["items"].as_array().unwrap().iter().map(|one| (one["teacher_id"].clone(), one["lessons"].as_u64().unwrap())).collect();
    // Whoever's own lesson is called off is free, but the timetable keeps their hour.
    assert_eq!(found, [(json!(school.teachers[1]), 0), (json!(others[4].0), 1)], "{list:#}");
    assert!(list["items"][0]["full_name"].is_string());
    // The others are refused, but for whoever has a meeting, which only the list knows of.
    for (whose, status) in [(0, 409), (2, 409), (3, 201)] {
        let cover = json!({"teacher_id": others[whose].0, "valid_from": day, "valid_to": day});
        let made = school.office.post(&format!("{lesson}/cover"), &cover).await;
        assert_eq!(made.status, status, "{whose}: {:#}", made.body);
        if status == 201 {
            assert_eq!(school.office.delete(made.header("location"), &made.etag()).await.status, 204);
        }
    }
    // Where the lesson is moved to, others are free.
    on_lesson_day(&school.office, &lesson, day, &json!({"state": "moved", "start_minute": 800, "end_minute": 830})).await.expect(200);
    let list = school.office.get(&path).await.expect(200);
    assert!(!list.to_string().contains(&others[4].0.to_string()), "{list:#}");
    let cover = json!({"teacher_id": school.teachers[1], "valid_from": day, "valid_to": day});
    school.office.post(&format!("{lesson}/cover"), &cover).await.expect(201);
    assert!(!school.office.get(&path).await.expect(200).to_string().contains(&school.teachers[1].to_string()), "they stand in already");
    on_lesson_day(&school.office, &lesson, day, &json!({"state": "cancelled"})).await.expect(200);
    for (path, status) in [
        (path.clone(), 422),
        (format!("{lesson}/days/{}/free-teachers", school.day(2)), 422),
        (format!("{lesson}/days/today/free-teachers"), 400),
        (format!("{ENTRIES}/{}/days/{day}/free-teachers", uuid::Uuid::now_v7()), 404),
    ] {
        assert_eq!(school.office.get(&path).await.status, status, "{path}");
    }
    for who in [&school.teacher, &school.student, &school.parent] {
        assert_eq!(who.get(&path).await.status, 403);
    }
    assert_eq!(school.outsider.get(&path).await.status, 404);
}
