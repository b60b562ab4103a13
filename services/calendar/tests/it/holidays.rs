//! Holidays and terms, as the other services see them.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::school::School;

/// Takes the class's register of a day.
async fn register(school: &School, day: NaiveDate) -> u16 {
    let id = attendance::model::register::Place { held_on: day, class_id: school.class, period: None }.id(school.id);
    let body = json!({"register": {"class_id": school.class, "held_on": day}, "records": [{"student_id": school.child, "code": "P"}]});
    let path = format!("/api/v1/attendance/sessions/{id}/records");
    let request = school.office.request(reqwest::Method::PUT, &path).header("If-None-Match", "*").json(&body);
    school.office.send(request).await.status
}

#[tokio::test]
async fn attendance_takes_no_register_on_a_holiday_that_was_declared_here() {
    let school = School::open().await;
    let settings = school.office.get("/api/v1/attendance/settings").await;
    let all_week = json!({"weekdays": [1, 2, 3, 4, 5, 6, 7]});
    school.office.patch("/api/v1/attendance/settings", &settings.etag(), &all_week).await.expect(200);
    let yesterday = school.today.pred_opt().unwrap();
    let holiday = json!({"kind": "holiday", "title": "Founders' day", "start_date": yesterday, "audience": {"class_ids": [school.class]}});
    school.put_in(&school.office, &holiday).await;
    school.saved().await;
    assert_eq!(register(&school, yesterday).await, 422, "it is a holiday");
    assert!(matches!(register(&school, school.today).await, 200 | 201), "today is none");
}

#[tokio::test]
async fn a_holiday_has_whole_days_of_its_own() {
    let school = School::open().await;
    let holiday = |more: Value| {
        let mut event = json!({"kind": "holiday", "title": "Day off"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    for (more, pointer) in [
        (json!({"starts_at": "2026-11-24T09:00:00Z", "ends_at": "2026-11-24T10:00:00Z"}), "/starts_at"),
        (json!({"start_date": "2026-11-24", "rrule": "FREQ=YEARLY;COUNT=3"}), "/rrule"),
        (json!({"start_date": "2026-11-24", "audience": {"user_ids": [school.student_user]}}), "/audience/user_ids"),
    ] {
        let answer = school.office.post("/api/v1/events", &holiday(more)).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]));
    }
    let made = school.put_in(&school.office, &holiday(json!({"start_date": "2026-12-24", "end_date": "2026-12-31"}))).await;
    let shown = school.student.get("/api/v1/events?from=2026-12-31&to=2026-12-31&kind=holiday").await.expect(200);
    assert_eq!(shown["items"][0]["title"], "Day off");
    let refused = school.office.patch(made.header("location"), &made.etag(), &json!({"rrule": "FREQ=YEARLY;COUNT=3"})).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn a_month_shows_the_terms_that_it_lies_in() {
    let school = School::open().await;
    let year =
        school.office.post("/api/v1/academic-years", &json!({"name": "2026-27", "starts_on": "2026-09-01", "ends_on": "2027-07-31"})).await;
    let year = year.expect(201);
    let term = json!({"academic_year_id": year["id"], "name": "Autumn", "starts_on": "2026-09-01", "ends_on": "2026-12-18"});
    let made = school.office.post("/api/v1/terms", &term).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let month = school.parent.get("/api/v1/calendar/months/2026-11").await.expect(200);
    assert_eq!((&month["terms"][0]["name"], &month["time_zone"]), (&json!("Autumn"), &json!("Europe/London")));
    assert_eq!(school.parent.get("/api/v1/calendar/months/2027-01").await.expect(200)["terms"], json!([]));
}
