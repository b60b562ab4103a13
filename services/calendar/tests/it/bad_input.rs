//! What bad input gets.

use serde_json::{Value, json};

use crate::school::School;

fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn every_fault_of_an_event_is_named() {
    let school = School::open().await;
    let day = json!({"title": "Fair", "start_date": "2026-11-24"});
    let timed = School::series();
    for (body, pointers) in [
        (json!({}), vec!["/title"]),
        (json!({"title": "x"}), vec!["/start_date"]),
        (with(day.clone(), &json!({"colour": "red"})), vec!["/colour"]),
        (with(day.clone(), &json!({"end_date": "2026-11-23"})), vec!["/end_date"]),
        (with(day.clone(), &json!({"end_date": "2028-11-23"})), vec!["/end_date"]),
        (with(day.clone(), &json!({"start_date": "0001-01-01", "end_date": "0001-01-01"})), vec!["/end_date", "/start_date"]),
        (with(day.clone(), &json!({"time_zone": "UTC"})), vec!["/start_date"]),
        (with(day.clone(), &json!({"starts_at": "2026-11-24T09:00:00Z", "ends_at": "2026-11-24T10:00:00Z"})), vec!["/start_date"]),
        (with(day.clone(), &json!({"exdates": ["20261124"]})), vec!["/exdates"]),
        (with(day.clone(), &json!({"rrule": "FREQ=DAILY"})), vec!["/rrule"]),
        (with(day.clone(), &json!({"rrule": "FREQ=SECONDLY;COUNT=3"})), vec!["/rrule"]),
        (with(day.clone(), &json!({"rrule": "FREQ=DAILY;COUNT=3\r\nATTENDEE:x"})), vec!["/rrule"]),
        (with(day.clone(), &json!({"rrule": "FREQ=DAILY;COUNT=3", "exdates": ["20261125", "20261201"]})), vec!["/exdates/1"]),
        (with(day.clone(), &json!({"room_id": "01990000-0000-7000-8000-000000000000"})), vec!["/room_id"]),
        (with(day.clone(), &json!({"audience": {"roles": []}})), vec!["/audience/roles"]),
        (
            with(day.clone(), &json!({"audience": {"class_ids": [school.class, "01990000-0000-7000-8000-000000000000"]}})),
            vec!["/audience/class_ids/1"],
        ),
        (with(day.clone(), &json!({"audience": {"user_ids": ["01990000-0000-7000-8000-000000000000"]}})), vec!["/audience/user_ids/0"]),
        (with(timed.clone(), &json!({"time_zone": "Mars/Phobos"})), vec!["/time_zone"]),
        (with(timed.clone(), &json!({"ends_at": "2026-10-12T08:00:00Z"})), vec!["/ends_at"]),
        (with(timed.clone(), &json!({"rrule": "FREQ=WEEKLY;BYDAY=TU;COUNT=3"})), vec!["/rrule"]),
        // The second half past one of the night in which summer time ends.
        (with(timed.clone(), &json!({"starts_at": "2026-10-25T01:30:00Z", "ends_at": "2026-10-25T01:40:00Z"})), vec!["/starts_at"]),
    ] {
        let answer = school.office.post("/api/v1/events", &body).await;
        assert_eq!((answer.status, answer.pointers()), (422, pointers), "{body}");
    }
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM calendar_events").await, 0);
}

#[tokio::test]
async fn several_faults_are_told_together() {
    let school = School::open().await;
    let body = json!({"title": "x", "start_date": "2026-11-24", "end_date": "2026-11-23", "audience": {"roles": [], "class_ids": ["01990000-0000-7000-8000-000000000000"]}});
    let mut found = school.office.post("/api/v1/events", &body).await.pointers().into_iter().map(str::to_owned).collect::<Vec<_>>();
    found.sort();
    assert_eq!(found, ["/audience/class_ids/0", "/audience/roles", "/end_date"]);
}

#[tokio::test]
async fn a_span_or_a_month_that_is_none_is_refused() {
    let school = School::open().await;
    for (path, status) in [
        ("/api/v1/events", 422),
        ("/api/v1/events?from=2026-11-24", 422),
        ("/api/v1/events?from=2026-11-24&to=2026-11-23", 422),
        ("/api/v1/events?from=2026-11-24&to=2027-11-26", 422),
        ("/api/v1/events?from=0001-01-01&to=0001-01-02", 422),
        ("/api/v1/events?from=2026-11-24&to=2026-11-24&limit=201", 422),
        ("/api/v1/events?from=2026-11-24&to=2026-11-24&colour=red", 422),
        ("/api/v1/events?from=2026-11-24&to=2026-11-24&cursor=x", 400),
        ("/api/v1/calendar/months/2026-13", 400),
        ("/api/v1/calendar/months/11-2026", 400),
        ("/api/v1/timetable?from=2026-11-23&to=2027-01-04", 422),
        ("/api/v1/timetable-days?from=2026-11-24&to=2026-11-23", 422),
        ("/api/v1/timetable-days/2026-11-31", 400),
        ("/api/v1/timetable-days/1066-10-14", 400),
        ("/api/v1/timetable-days/9999-12-31", 400),
        ("/api/v1/appointment-slots?from=-262143-01-01T00:00:00Z", 422),
        ("/api/v1/appointment-slots?before=%2B262142-01-01T00:00:00Z", 422),
        ("/api/v1/appointment-bookings?from=-262143-01-01T00:00:00Z", 422),
        ("/api/v1/timetable-entries?from=-262143-01-01", 422),
        ("/api/v1/timetable-entries?to=%2B262142-01-01", 422),
        ("/api/v1/calendar/actions?from=2026-11-23&to=2027-11-01", 422),
        ("/api/v1/events/x", 400),
        ("/api/v1/events/x/occurrences/20261124", 400),
    ] {
        let answer = school.student.get(path).await;
        let agrees = answer.status == status || (status == 422 && answer.status == 400);
        assert!(agrees, "{path}: {} {:#}", answer.status, answer.body);
    }
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_based_on() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    let path = made.header("location").to_owned();
    for path in [path.clone(), format!("{path}/occurrences/20261012T090000")] {
        let bare = school.office.send(school.office.request(reqwest::Method::PATCH, &path).json(&json!({"title": "x"}))).await;
        assert_eq!(bare.status, 428);
        assert_eq!(school.office.patch(&path, "\"v7\"", &json!({"title": "x"})).await.status, 412);
        assert_eq!(school.office.patch(&path, "*", &json!({"title": "x"})).await.status, 400);
        assert_eq!(school.office.patch(&path, &made.etag(), &json!({"uid": "x"})).await.pointers(), ["/uid"]);
    }
}

#[tokio::test]
async fn a_series_of_times_has_no_occurrence_of_days() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    let path = format!("{}/occurrences/20261012T090000", made.header("location"));
    let refused = school.office.patch(&path, &made.etag(), &json!({"start_date": "2026-10-13"})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/start_date"]));
}

#[tokio::test]
async fn lessons_and_slots_that_make_no_sense_are_refused() {
    let school = School::open().await;
    let lesson = school.lesson();
    for (more, pointer) in [
        (json!({"rotation_day": 32}), "/rotation_day"),
        (json!({"rotation_day": 0}), "/rotation_day"),
        (json!({"end_minute": 540}), "/end_minute"),
        (json!({"end_minute": 1441}), "/end_minute"),
        (json!({"valid_to": "2020-01-01"}), "/valid_to"),
        (json!({"class_id": "01990000-0000-7000-8000-000000000000"}), "/class_id"),
        (json!({"teacher_id": "01990000-0000-7000-8000-000000000000"}), "/teacher_id"),
        (json!({"subject_id": "01990000-0000-7000-8000-000000000000"}), "/subject_id"),
        (json!({"room_id": "01990000-0000-7000-8000-000000000000"}), "/room_id"),
    ] {
        let answer = school.office.post("/api/v1/timetable-entries", &with(lesson.clone(), &more)).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{more}: {:#}", answer.body);
    }
    let slot = json!({"kind": "exam", "title": "x", "starts_at": "2027-01-04T10:00:00Z", "ends_at": "2027-01-04T11:00:00Z"});
    for (more, pointer) in [
        (json!({"capacity": 0}), "/capacity"),
        (json!({"ends_at": "2027-01-04T10:00:00Z"}), "/ends_at"),
        (json!({"book_until": "2027-01-05T10:00:00Z"}), "/book_until"),
        (json!({"class_id": "01990000-0000-7000-8000-000000000000"}), "/class_id"),
        (json!({"kind": "party"}), "/kind"),
    ] {
        let answer = school.office.post("/api/v1/appointment-slots", &with(slot.clone(), &more)).await;
        let mut pointers = answer.pointers();
        // A word that is none of a list is told in two ways.
        pointers.dedup();
        assert_eq!((answer.status, pointers), (422, vec![pointer]), "{more}: {:#}", answer.body);
    }
}
