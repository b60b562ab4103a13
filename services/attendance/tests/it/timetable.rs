//! Days and lessons as the calendar has them: rotations, bells, cover, days without lessons, and days that are worked although they are no weekdays.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use domain::{SystemClock, TeacherId};
use serde_json::{Value, json};
use service_kit::Service;
use testkit::Answer;
use uuid::Uuid;

use crate::school::School;

const SERVICES: &[Service] = &[auth::SERVICE, attendance::SERVICE, calendar::SERVICE];

/// A school that works from Monday to Friday, keeps registers of periods, and locks them late.
async fn open() -> School {
    let school = School::open_as(SERVICES, &[]).await;
    let settings = school.office.get("/api/v1/attendance/settings").await;
    let change = json!({"weekdays": [1, 2, 3, 4, 5], "daily_registers": false, "period_registers": true, "lock_after_days": 60});
    school.office.patch("/api/v1/attendance/settings", &settings.etag(), &change).await.expect(200);
    school
}

/// A Monday after which there are two weeks of the past.
fn monday(school: &School) -> NaiveDate {
    (14..21).map(|ago| school.day(ago)).find(|day| day.weekday() == Weekday::Mon).unwrap()
}

/// A lesson of the class on a day of the rotation, from the beginning of the year on; its id.
async fn lesson(school: &School, rotation_day: u8, period: u8) -> Uuid {
    let id = Uuid::now_v7();
    school
        .sql(&format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, rotation_day, period, start_minute, end_minute, valid_from)
             VALUES ('{}', '{id}', '{}', {rotation_day}, {period}, {}, {}, '{}')",
            school.id,
            school.class,
            u32::from(period) * 60,
            u32::from(period) * 60 + 45,
            school.day(90)
        ))
        .await;
    id
}

/// Changes a day of the timetable.
async fn day_is(school: &School, day: NaiveDate, change: &Value) -> Answer {
    let path = format!("/api/v1/timetable-days/{day}");
    let seen = school.office.get(&path).await;
    school.office.patch(&path, &seen.etag(), change).await
}

/// Numbers the school days of two weeks from 1 to 6.
async fn rotation_of_six(school: &School, monday: NaiveDate) {
    let plan = json!({"from": monday, "to": monday + Days::new(13), "length": 6});
    school.office.post("/api/v1/timetable-days/rotation", &plan).await.expect(200);
}

/// The registers that are missing in two weeks: how many days after the Monday, and the period.
async fn missing(school: &School, monday: NaiveDate) -> Vec<(i64, u64)> {
    let path = format!("/api/v1/attendance/missing?from={monday}&to={}&class_id={}", monday + Days::new(13), school.class);
    let list = school.office.get(&path).await.expect(200);
    let place = |row: &Value| {
        let held_on: NaiveDate = row["held_on"].as_str().unwrap().parse().unwrap();
        ((held_on - monday).num_days(), row["period"].as_u64().unwrap())
    };
    let listed = list["items"].as_array().unwrap().iter().map(place).collect();
    let file = format!("/api/v1/attendance/registers.ics?from={monday}&to={}&class_id={}", monday + Days::new(13), school.class);
    let file: icalendar::Calendar = school.office.get(&file).await.expect(200).as_str().unwrap().parse().unwrap();
    assert_eq!(file.events().count(), list["items"].as_array().unwrap().len(), "the file has what the list has");
    listed
}

#[tokio::test]
async fn registers_are_missed_of_lessons_that_were_given_by_rotation_and_bell() {
    let (school, [first, sixth]) = (open().await, [(1, 2), (6, 1)]);
    let monday = monday(&school);
    for (rotation_day, period) in [first, sixth] {
        lesson(&school, rotation_day, period).await;
    }
    assert_eq!(missing(&school, monday).await, [(0, 2), (7, 2)], "by the week the first day is Monday and the sixth Saturday");
    rotation_of_six(&school, monday).await;
    // The ten days are 1 to 6 and 1 to 4.
    assert_eq!(missing(&school, monday).await, [(0, 2), (7, 1), (8, 2)]);
    let blocks = json!([{"name": "Only", "period": 1, "start_minute": 600, "end_minute": 630}]);
    let bell = school.office.post("/api/v1/timetable-columns", &json!({"name": "Short", "blocks": blocks})).await.expect(201);
    day_is(&school, monday + Days::new(8), &json!({"column_id": bell["id"]})).await.expect(200);
    assert_eq!(missing(&school, monday).await, [(0, 2), (7, 1)], "the bell has no second period");
    day_is(&school, monday, &json!({"rotation_day": null})).await.expect(200);
    assert_eq!(missing(&school, monday).await, [(7, 1)], "there are no lessons on that day");
}

#[tokio::test]
async fn whoever_stands_in_is_who_takes_the_register() {
    let school = open().await;
    let monday = monday(&school);
    let lesson = lesson(&school, 1, 2).await;
    let mut superuser = school.fleet.database.superuser().await;
    let query = "SELECT t.id FROM teachers t JOIN users u ON u.id = t.user_id WHERE t.school_id = $1 ORDER BY u.email = 'colleague@a.example' DESC LIMIT 1";
    let colleague: Uuid = sqlx::query_scalar(query).bind(school.id.as_uuid()).fetch_one(&mut superuser).await.unwrap();
    let cover = "INSERT INTO timetable_entries
            (school_id, id, class_id, teacher_id, rotation_day, period, start_minute, end_minute, valid_from, valid_to, covers_entry_id)
        SELECT school_id, $2, class_id, $3, rotation_day, period, start_minute, end_minute, $4, $4, id FROM timetable_entries WHERE id = $1";
    let cover = sqlx::query(cover).bind(lesson).bind(Uuid::now_v7()).bind(colleague).bind(monday + Days::new(7));
    cover.execute(&mut superuser).await.unwrap();
    let path = format!("/api/v1/attendance/missing?from={monday}&to={}", monday + Days::new(13));
    let list = school.office.get(&path).await.expect(200);
    let teachers: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|row| &row["teacher_id"]).collect();
    assert_eq!(teachers, [&Value::Null, &json!(TeacherId::from_uuid(colleague))]);
}

#[tokio::test]
async fn a_saturday_that_the_calendar_makes_a_working_day_has_registers_from_the_next_request_on() {
    let school = open().await;
    let (elsewhere, _running) = school.fleet.another(SERVICES, Arc::new(SystemClock)).await;
    let (monday, there) = (monday(&school), school.office.at(&elsewhere));
    let saturday = monday + Days::new(5);
    lesson(&school, 1, 2).await;
    for who in [&school.office, &there] {
        let refused = school.take(who, saturday, ["P", "A", "P"]).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/register/held_on"]), "{:#}", refused.body);
    }
    assert_eq!(missing(&school, monday).await, [(0, 2), (7, 2)]);
    day_is(&school, saturday, &json!({"rotation_day": 1})).await.expect(200);
    assert_eq!(missing(&school, monday).await, [(0, 2), (5, 2), (7, 2)]);
    let sheet = format!("/api/v1/attendance/sheet?class_id={}&held_on={saturday}", school.class);
    for who in [&school.office, &there] {
        assert_eq!(who.get(&sheet).await.expect(200)["no_school"], Value::Null);
    }
    school.take(&there, saturday, ["P", "A", "P"]).await.expect(201);
    let of = |pupil: usize| format!("/api/v1/attendance/summary?student_id={}&from={monday}&to={saturday}", school.pupils[pupil]);
    assert_eq!(school.office.get(&of(0)).await.expect(200)["total"]["rate"], json!(100.0));
    assert_eq!(there.get(&of(1)).await.expect(200)["total"]["rate"], json!(0.0));
    // Taken back, it is a week-end as any other, and counts no more.
    day_is(&school, saturday, &json!({"rotation_day": null})).await.expect(200);
    for who in [&school.office, &there] {
        assert_eq!(who.get(&of(1)).await.expect(200)["total"]["rate"], Value::Null);
    }
    // A holiday stays one.
    let sunday = monday + Days::new(6);
    day_is(&school, sunday, &json!({"rotation_day": 1})).await.expect(200);
    school
        .sql(&format!(
            "INSERT INTO calendar_events (school_id, id, uid, kind, title, is_all_day, start_date, end_date, created_by)
             VALUES ('{}', '{}', 'feast', 'holiday', 'Feast', true, '{sunday}', '{sunday}', '{}')",
            school.id,
            Uuid::now_v7(),
            school.user(0)
        ))
        .await;
    school.forget().await;
    let refused = school.take(&school.office, sunday, ["P", "P", "P"]).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/register/held_on"]), "{:#}", refused.body);
    assert!(!missing(&school, monday).await.contains(&(6, 2)));
}

#[tokio::test]
async fn no_register_is_missed_of_a_lesson_that_was_called_off_and_that_of_one_that_was_moved_is_of_its_new_period() {
    let school = open().await;
    let monday = monday(&school);
    let (first, second) = (lesson(&school, 1, 2).await, lesson(&school, 1, 3).await);
    assert_eq!(missing(&school, monday).await, [(0, 2), (0, 3), (7, 2), (7, 3)]);
    let say = async |lesson: Uuid, day: NaiveDate, said: &Value| {
        let path = format!("/api/v1/timetable-entries/{lesson}/days/{day}");
        let etag = school.office.get(&path).await.etag();
        let answer = school.office.send(school.office.request(reqwest::Method::PUT, &path).header("If-Match", etag).json(said)).await;
        assert_eq!(answer.status, 200, "{:#}", answer.body);
    };
    say(first, monday, &json!({"state": "cancelled", "reason": "The teacher is ill"})).await;
    assert_eq!(missing(&school, monday).await, [(0, 3), (7, 2), (7, 3)]);
    say(second, monday + Days::new(7), &json!({"state": "moved", "period": 6, "start_minute": 900, "end_minute": 945})).await;
    assert_eq!(missing(&school, monday).await, [(0, 3), (7, 2), (7, 6)]);
    // The period that it has left may be another's.
    say(first, monday + Days::new(7), &json!({"state": "moved", "period": 3, "start_minute": 180, "end_minute": 225})).await;
    assert_eq!(missing(&school, monday).await, [(0, 3), (7, 3), (7, 6)]);
    let path = format!("/api/v1/timetable-entries/{first}/days/{monday}");
    let etag = school.office.get(&path).await.etag();
    assert_eq!(school.office.delete(&path, &etag).await.status, 204);
    assert_eq!(missing(&school, monday).await, [(0, 2), (0, 3), (7, 3), (7, 6)]);
}
