//! Rotations, bells, days that are not as others, and the timetable that comes of them.

use chrono::{Datelike, NaiveDate, Weekday};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Api, count, statuses};

use crate::school::{School, with};

const ENTRIES: &str = "/api/v1/timetable-entries";
const BELLS: &str = "/api/v1/timetable-columns";

/// The first Monday that is a week ahead or more.
fn monday(school: &School) -> NaiveDate {
    school.day(7).iter_days().find(|day| day.weekday() == Weekday::Mon).unwrap()
}

async fn given(school: &School, who: &Api, from: NaiveDate, to: NaiveDate) -> Vec<Value> {
    let path = format!("/api/v1/timetable?from={from}&to={to}&class_id={}", school.class);
    who.get(&path).await.expect(200)["items"].as_array().unwrap().clone()
}

fn days(lessons: &[Value]) -> Vec<&str> {
    lessons.iter().map(|lesson| lesson["day"].as_str().unwrap()).collect()
}

/// What clocks in London show.
fn clock(lesson: &Value) -> String {
    let at: chrono::DateTime<chrono::Utc> = lesson["starts_at"].as_str().unwrap().parse().unwrap();
    at.with_timezone(&chrono_tz::Europe::London).format("%H:%M").to_string()
}

#[tokio::test]
async fn a_rotation_of_six_days_goes_on_over_week_ends_and_holidays() {
    let school = School::open().await;
    let monday = monday(&school);
    let day = |ahead: u64| monday + chrono::Days::new(ahead);
    let entry = with(school.lesson(), &json!({"rotation_day": 6, "valid_to": school.day(60)}));
    school.office.post(ENTRIES, &entry).await.expect(201);
    assert_eq!(
        days(&given(&school, &school.student, day(0), day(13)).await),
        [day(5).to_string(), day(12).to_string()],
        "the sixth of a week is Saturday"
    );
    school.put_in(&school.office, &json!({"kind": "holiday", "title": "Founder's day", "start_date": day(2)})).await;
    school
        .put_in(
            &school.office,
            &json!({"kind": "holiday", "title": "For some", "start_date": day(3), "audience": {"class_ids": [school.other_class]}}),
        )
        .await;
    let plan = json!({"from": day(0), "to": day(13), "length": 6});
    let laid = school.office.post("/api/v1/timetable-days/rotation", &plan).await.expect(200);
    let numbers: Vec<Option<i64>> = laid["items"].as_array().unwrap().iter().map(|one| one["rotation_day"].as_i64()).collect();
    let (off, n) = (None, Some::<i64>);
    assert_eq!(numbers, [n(1), n(2), off, n(3), n(4), off, off, n(5), n(6), n(1), n(2), n(3), off, off]);
    assert_eq!(days(&given(&school, &school.student, day(0), day(13)).await), [day(8).to_string()]);
    // The other class has no lessons on its own holiday.
    let others =
        with(school.lesson(), &json!({"class_id": school.other_class, "teacher_id": null, "rotation_day": 3, "valid_to": school.day(60)}));
    school.office.post(ENTRIES, &others).await.expect(201);
    let path = format!("/api/v1/timetable?from={}&to={}", day(0), day(13));
    let seen = school.other_student.get(&path).await.expect(200);
    assert_eq!(days(seen["items"].as_array().unwrap()), [day(11).to_string()]);
    assert_eq!(school.other_student.get(&format!("{path}&class_id={}", school.class)).await.status, 404);
    assert_eq!(school.office.get(&path).await.status, 422, "whose lessons?");
    for who in [&school.teacher, &school.student, &school.parent] {
        assert_eq!(who.post("/api/v1/timetable-days/rotation", &plan).await.status, 403);
        assert_eq!(who.post(BELLS, &json!({"name": "x", "blocks": []})).await.status, 403);
    }
    let listed = school.outsider.get(&format!("/api/v1/timetable-days?from={}&to={}", day(2), day(2))).await.expect(200);
    assert_eq!(listed["items"][0]["rotation_day"], 3, "another school's days are its own");
    for (more, pointer) in [
        (json!({"to": day(400)}), "/to"),
        (json!({"length": 0}), "/length"),
        (json!({"first": 7}), "/first"),
        (json!({"weekdays": []}), "/weekdays"),
    ] {
        let answer = school.office.post("/api/v1/timetable-days/rotation", &with(plan.clone(), &more)).await;
        assert!(answer.status == 422 && answer.pointers().contains(&pointer), "{more}: {:#}", answer.body);
    }
}

#[tokio::test]
async fn a_day_may_be_as_another_or_under_another_bell_or_off() {
    let school = School::open().await;
    let monday = monday(&school);
    let day = |ahead: u64| monday + chrono::Days::new(ahead);
    let number = |n: u32| json!({"rotation_day": 1, "period": n, "start_minute": 500 + 50 * n, "end_minute": 545 + 50 * n, "valid_to": school.day(60)});
    for n in 1..=3 {
        school.office.post(ENTRIES, &with(school.lesson(), &number(n))).await.expect(201);
    }
    let blocks = json!([
        {"name": "First", "period": 1, "start_minute": 600, "end_minute": 630},
        {"name": "Break", "period": null, "start_minute": 630, "end_minute": 640},
        {"name": "Second", "period": 2, "start_minute": 640, "end_minute": 670}]);
    let bell = school.office.post(BELLS, &json!({"name": "Short day", "blocks": blocks})).await;
    assert_eq!((bell.status, &bell.body["minutes"]), (201, &json!(60)), "{:#}", bell.body);
    assert_eq!(school.office.post(BELLS, &json!({"name": "Short day", "blocks": blocks})).await.status, 409);
    let path = format!("/api/v1/timetable-days/{}", day(0));
    let seen = school.student.get(&path).await;
    assert_eq!((seen.etag().as_str(), &seen.body["rotation_day"]), ("\"v1\"", &json!(1)));
    assert_eq!(given(&school, &school.student, day(0), day(0)).await.iter().map(clock).collect::<Vec<_>>(), ["09:10", "10:00", "10:50"]);
    let short = school.office.patch(&path, &seen.etag(), &json!({"column_id": bell.body["id"], "note": "Report cards"})).await;
    assert_eq!((short.status, short.etag().as_str()), (200, "\"v2\""), "{:#}", short.body);
    let shown = given(&school, &school.student, day(0), day(7)).await;
    assert_eq!(
        shown.iter().map(clock).collect::<Vec<_>>(),
        ["10:00", "10:40", "09:10", "10:00", "10:50"],
        "that day only, and the third not at all"
    );
    assert_eq!(school.office.patch(&path, &seen.etag(), &json!({"note": "Lost"})).await.status, 412);
    assert_eq!(school.office.delete(bell.header("location"), &bell.etag()).await.status, 409, "a day has it");
    // Its blocks move, and the day with them.
    let later = json!({"blocks": [{"name": "First", "period": 1, "start_minute": 660, "end_minute": 690}]});
    let moved = school.office.patch(bell.header("location"), &bell.etag(), &later).await;
    assert_eq!(moved.status, 200, "{:#}", moved.body);
    assert_eq!(given(&school, &school.student, day(0), day(0)).await.iter().map(clock).collect::<Vec<_>>(), ["11:00"]);
    // No lessons at all; a Saturday instead.
    let seen = school.office.get(&path).await.etag();
    assert_eq!(seen, "\"v3\"", "whoever has read the day has read other times");
    let off = school.office.patch(&path, &seen, &json!({"rotation_day": null})).await;
    assert_eq!((off.status, off.pointers()), (422, vec!["/column_id"]));
    school.office.patch(&path, &seen, &json!({"rotation_day": null, "column_id": null})).await.expect(200);
    assert!(given(&school, &school.student, day(0), day(0)).await.is_empty());
    school.office.patch(&format!("/api/v1/timetable-days/{}", day(5)), "\"v1\"", &json!({"rotation_day": 1})).await.expect(200);
    assert_eq!(given(&school, &school.student, day(0), day(6)).await.len(), 3);
    assert_eq!(school.office.delete(bell.header("location"), &moved.etag()).await.status, 204, "no day has it now");
    let gone = school.office.patch(&format!("/api/v1/timetable-days/{}", day(6)), "\"v1\"", &json!({"column_id": bell.body["id"]})).await;
    assert_eq!((gone.status, gone.pointers()), (422, vec!["/column_id"]));
}

#[tokio::test]
async fn bells_are_kept_and_read_and_another_school_has_its_own() {
    let school = School::open().await;
    let blocks = |start: u32| json!([{"name": "First", "period": 1, "start_minute": start, "end_minute": start + 30}]);
    let made = school.office.post(BELLS, &json!({"name": "Short", "blocks": blocks(540)})).await;
    school.office.post(BELLS, &json!({"name": "Long", "blocks": blocks(500)})).await.expect(201);
    let list = school.student.get(BELLS).await.expect(200);
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|bell| bell["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Long", "Short"]);
    let path = made.header("location").to_owned();
    let seen = school.parent.get(&path).await;
    assert_eq!((seen.status, seen.etag(), &seen.body["blocks"]), (200, made.etag(), &made.body["blocks"]));
    let known = school.parent.request(reqwest::Method::GET, &path).header("If-None-Match", made.etag());
    assert_eq!(school.parent.send(known).await.status, 304);
    assert_eq!(school.outsider.get(BELLS).await.expect(200), json!([]));
    let name = json!({"name": "Mine"});
    for (who, status) in [(&school.outsider, 404), (&school.teacher, 403), (&school.parent, 403)] {
        assert_eq!(who.patch(&path, &made.etag(), &name).await.status, status);
        assert_eq!(who.delete(&path, &made.etag()).await.status, status);
    }
    assert_eq!(school.outsider.get(&path).await.status, 404);
    assert_eq!(school.office.patch(&path, "\"v9\"", &name).await.status, 412);
    assert_eq!(school.office.patch(&path, &made.etag(), &json!({"name": "Long"})).await.status, 409);
    assert_eq!(school.office.delete(&path, &made.etag()).await.status, 204);
    assert_eq!(school.office.get(&path).await.status, 404);
}

#[tokio::test]
async fn the_timetable_of_a_day_has_whoever_stands_in() {
    let school = School::open().await;
    let monday = monday(&school);
    let lesson =
        school.office.post(ENTRIES, &with(school.lesson(), &json!({"rotation_day": 1, "valid_to": school.day(60), "period": 2}))).await;
    let cover = json!({"teacher_id": school.teachers[1], "valid_from": monday, "valid_to": monday, "note": "Take the atlas"});
    school.office.post(&format!("{}/cover", lesson.header("location")), &cover).await.expect(201);
    let shown = given(&school, &school.parent, monday, monday + chrono::Days::new(7)).await;
    assert_eq!((&shown[0]["teacher_id"], &shown[0]["absent_teacher_id"]), (&json!(school.teachers[1]), &json!(school.teachers[0])));
    assert_eq!((&shown[0]["note"], &shown[1]["absent_teacher_id"]), (&json!("Take the atlas"), &Value::Null));
    let of = async |teacher: usize| {
        let path = format!("/api/v1/timetable?from={monday}&to={}&teacher_id={}", monday + chrono::Days::new(7), school.teachers[teacher]);
        school.teacher.get(&path).await.expect(200)["items"].as_array().unwrap().len()
    };
    assert_eq!((of(0).await, of(1).await), (2, 1));
    // The number of the period goes with the lesson.
    let moved = school.office.patch(lesson.header("location"), &lesson.etag(), &json!({"period": 4})).await;
    assert_eq!(moved.status, 200, "{:#}", moved.body);
    assert_eq!(school.count("SELECT count(*) FROM timetable_entries WHERE period = 4").await, 2);
    // On a day that is off there is nothing to stand in for.
    school
        .office
        .patch(&format!("/api/v1/timetable-days/{}", monday + chrono::Days::new(7)), "\"v1\"", &json!({"rotation_day": null}))
        .await
        .expect(200);
    let next =
        json!({"teacher_id": school.teachers[1], "valid_from": monday + chrono::Days::new(7), "valid_to": monday + chrono::Days::new(7)});
    let refused = school.office.post(&format!("{}/cover", lesson.header("location")), &next).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/valid_from"]));
}

#[tokio::test]
async fn two_lessons_of_one_period_are_in_each_others_way_at_whatever_minutes() {
    let school = School::open().await;
    let room = school.room("Laboratory").await;
    let first = with(school.lesson(), &json!({"room_id": room, "period": 1}));
    school.office.post(ENTRIES, &first).await.expect(201);
    let later = json!({"start_minute": 700, "end_minute": 745, "room_id": null, "teacher_id": null, "class_id": school.other_class});
    for clash in [json!({"teacher_id": school.teachers[0]}), json!({"room_id": room}), json!({"class_id": school.class})] {
        let answer = school.office.post(ENTRIES, &with(with(first.clone(), &later), &clash)).await;
        assert_eq!((answer.status, answer.pointers()), (409, vec!["/period"]), "{:#}", answer.body);
    }
    school.office.post(ENTRIES, &with(with(first, &later), &json!({"room_id": room, "period": 2}))).await.expect(201);
}

#[tokio::test]
async fn a_day_or_a_bell_that_would_bring_a_lesson_into_a_booked_room_is_refused() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let monday = monday(&school);
    let sunday = monday + chrono::Days::new(6);
    let entry = with(school.lesson(), &json!({"room_id": room, "rotation_day": 1, "period": 1, "valid_to": school.day(60)}));
    school.office.post(ENTRIES, &entry).await.expect(201);
    let at = |minute: u32| {
        let local = sunday.and_hms_opt(minute / 60, minute % 60, 0).unwrap();
        local.and_local_timezone(chrono_tz::Europe::London).unwrap().to_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    let booking = |from: u32, to: u32| json!({"room_id": room, "purpose": "Choir", "starts_at": at(from), "ends_at": at(to)});
    let path = format!("/api/v1/timetable-days/{sunday}");
    school.teacher.post("/api/v1/room-bookings", &booking(560, 620)).await.expect(201);
    let refused = school.office.patch(&path, "\"v1\"", &json!({"rotation_day": 1})).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/rotation_day"]), "{:#}", refused.body);
    let plan = json!({"from": monday, "to": sunday, "length": 1, "weekdays": [7]});
    assert_eq!(school.office.post("/api/v1/timetable-days/rotation", &plan).await.status, 409);
    // Under another bell it is in nobody's way, until the bell is another.
    let block = |start: u32| json!([{"name": "First", "period": 1, "start_minute": start, "end_minute": start + 40}]);
    let bell = school.office.post(BELLS, &json!({"name": "Late", "blocks": block(620)})).await;
    school.office.patch(&path, "\"v1\"", &json!({"rotation_day": 1, "column_id": bell.body["id"]})).await.expect(200);
    let early = school.office.patch(bell.header("location"), &bell.etag(), &json!({"blocks": block(600)})).await;
    assert_eq!((early.status, early.pointers()), (409, vec!["/blocks"]));
    let taken = school.teacher.post("/api/v1/room-bookings", &booking(620, 660)).await;
    assert_eq!(taken.status, 409, "the lesson is there that day, at that time");
    school.teacher.post("/api/v1/room-bookings", &booking(540, 560)).await.expect(201);
}

#[tokio::test]
async fn of_fifty_who_change_a_day_or_book_the_room_that_it_needs_one_gets_there() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let sunday = monday(&school) + chrono::Days::new(6);
    let entry = with(school.lesson(), &json!({"room_id": room, "rotation_day": 1, "valid_to": school.day(60)}));
    school.office.post(ENTRIES, &entry).await.expect(201);
    let path = format!("/api/v1/timetable-days/{sunday}");
    let booking =
        json!({"room_id": room, "purpose": "Choir", "starts_at": format!("{sunday}T08:00:00Z"), "ends_at": format!("{sunday}T10:00:00Z")});
    let answers = join_all((0..50).map(|n| {
        let (school, path, booking) = (&school, &path, &booking);
        async move {
            if n % 2 == 0 {
                school.office.patch(path, "\"v1\"", &json!({"rotation_day": 1, "note": format!("Try {n}")})).await
            } else {
                school.teacher.post("/api/v1/room-bookings", booking).await
            }
        }
    }))
    .await;
    assert_eq!(count(&answers, 200) + count(&answers, 201), 1, "{:?}", statuses(&answers));
    assert_eq!(count(&answers, 409) + count(&answers, 412), 49, "{:?}", statuses(&answers));
}
