//! Attendance as iCalendar files.

use icalendar::{Calendar, Component, DatePerhapsTime, EventLike};
use serde_json::json;
use testkit::Api;

use crate::school::School;

async fn file(who: &Api, path: &str) -> Calendar {
    let answer = who.get(path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/calendar; charset=utf-8"), "{:#}", answer.body);
    answer.body.as_str().unwrap().parse().unwrap()
}

/// Category, summary, first day and the day after the last.
fn entries(calendar: &Calendar) -> Vec<(String, String, String, String)> {
    let date = |value: Option<DatePerhapsTime>| match value {
        Some(DatePerhapsTime::Date(date)) => date.to_string(),
        other => panic!("{other:?} is no date"),
    };
    let mut entries: Vec<_> = calendar
        .events()
        .map(|event| {
            let category = event.get_categories().unwrap().remove(0);
            (category, event.get_summary().unwrap().to_owned(), date(event.get_start()), date(event.get_end()))
        })
        .collect();
    entries.sort();
    entries
}

#[tokio::test]
async fn a_students_attendance_is_a_calendar_file_that_can_be_imported_again() {
    let school = School::open().await;
    let path = format!("/api/v1/students/{}/attendance.ics", school.pupils[0]);
    assert!(entries(&file(&school.parent, &path).await).is_empty());
    school.take(&school.teacher, school.day(3), ["A", "P", "P"]).await.expect(201);
    school.take(&school.teacher, school.day(2), ["P", "A", "P"]).await.expect(201);
    let mut late = school.marks(school.day(1), ["L", "P", "P"]);
    late["records"][0]["minutes_late"] = json!(12);
    late["records"][0]["note"] = json!("Bus, again; \"the 7\"");
    let register = school.register(school.day(1)).await;
    crate::school::fresh(&school.teacher, &format!("{register}/records"), &late).await.expect(201);
    let ahead = json!({"student_id": school.pupils[0], "from_date": school.day(-2), "to_date": school.day(-4), "reason": "A wedding"});
    let leave = school.parent.post("/api/v1/leave-requests", &ahead).await;
    school.office.post_if(&format!("{}/approve", leave.header("location")), &leave.etag(), &json!({})).await.expect(200);
    let of_parent = file(&school.parent, &path).await;
    let entry = |category: &str, summary: &str, from: i64, to: i64| {
        (category.to_owned(), summary.to_owned(), school.day(from).to_string(), school.day(to).to_string())
    };
    assert_eq!(
        entries(&of_parent),
        [entry("ABSENT", "Absent", 3, 2), entry("LATE", "Late, 12 min", 1, 0), entry("LEAVE", "Leave", -2, -5)]
    );
    assert!(of_parent.events().all(|event| event.get_description().is_none()), "notes are not for parents");
    let of_teacher = file(&school.teacher, &path).await;
    assert_eq!(of_teacher.events().find_map(|event| event.get_description()), Some("Bus, again; \"the 7\""));
    // Saved or not, asked again or not: the same entries under the same names. A correction is the same entry, changed.
    let names = |calendar: &Calendar| {
        let mut names: Vec<_> =
            calendar.events().map(|event| (event.get_uid().unwrap().to_owned(), event.get_sequence().unwrap())).collect();
        names.sort();
        names
    };
    let before = names(&of_parent);
    school.saved().await;
    school.fleet.redis.flush().await;
    assert_eq!(names(&file(&school.parent, &path).await), before);
    school.teacher.patch(&format!("{register}/records/{}", school.pupils[0]), "\"v1\"", &json!({"minutes_late": 20})).await.expect(200);
    let after = names(&file(&school.parent, &path).await);
    assert_eq!(after.iter().map(|(uid, _)| uid).collect::<Vec<_>>(), before.iter().map(|(uid, _)| uid).collect::<Vec<_>>());
    assert_eq!(after.iter().filter(|name| !before.contains(name)).count(), 1);
    // A day of the past that leave is granted for stands there once.
    let past = json!({"student_id": school.pupils[0], "from_date": school.day(3), "to_date": school.day(3), "reason": "The flu"});
    let leave = school.parent.post("/api/v1/leave-requests", &past).await;
    school.office.post_if(&format!("{}/approve", leave.header("location")), &leave.etag(), &json!({})).await.expect(200);
    let kinds: Vec<String> = entries(&file(&school.student, &path).await).into_iter().map(|entry| entry.0).collect();
    assert_eq!(kinds, ["LATE", "LEAVE", "LEAVE"]);
    for nobody in [&school.classmate, &school.other_teacher, &school.outsider] {
        nobody.get(&path).await.expect(404);
    }
    school.parent.get(&format!("{path}?from=2020-01-01")).await.expect(422);
    assert!(entries(&file(&school.parent, &format!("{path}?from={0}&to={0}", school.day(2))).await).is_empty());
}

#[tokio::test]
async fn registers_to_take_are_a_calendar_file_until_they_are_taken() {
    let school = School::open().await;
    let path = format!("/api/v1/attendance/registers.ics?from={}&to={}", school.today, school.day(-1));
    let of_teacher = file(&school.teacher, &path).await;
    let days: Vec<String> = entries(&of_teacher).into_iter().map(|entry| entry.2).collect();
    assert_eq!(days, [school.today.to_string(), school.day(-1).to_string()]);
    assert!(entries(&of_teacher).iter().all(|entry| entry.0 == "REGISTER" && entry.1 == "Register 7A"));
    assert_eq!(entries(&file(&school.office, &path).await).len(), 4);
    school.take(&school.teacher, school.today, ["P", "P", "P"]).await.expect(201);
    assert_eq!(entries(&file(&school.teacher, &path).await).len(), 1);
    school.student.get(&path).await.expect(403);
    school.teacher.get(&format!("{path}&class_id={}", school.other_class)).await.expect(404);
    school.teacher.get(&format!("/api/v1/attendance/registers.ics?from={}&to={}", school.today, school.day(-31))).await.expect(422);
}
