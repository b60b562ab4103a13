//! Putting in, expanding, moving and calling off.

use serde_json::{Value, json};

use crate::school::{School, starts, titles};

const TIMES: [&str; 4] = ["2026-10-12T08:00:00Z", "2026-10-19T08:00:00Z", "2026-10-26T09:00:00Z", "2026-11-02T09:00:00Z"];

#[tokio::test]
async fn a_weekly_assembly_stays_at_nine_when_clocks_change_before_and_after_it_is_saved() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    assert_eq!(made.body["time_zone"], "Europe/London");
    assert_eq!(starts(&school.shown(&school.student, "2026-10-01", "2026-11-30").await), TIMES);
    school.saved().await;
    let shown = school.shown(&school.student, "2026-10-01", "2026-11-30").await;
    assert_eq!(starts(&shown), TIMES);
    assert_eq!(shown[2]["recurrence_id"], "20261026T090000");
    assert_eq!(starts(&school.shown(&school.student, "2026-10-26", "2026-10-26").await), ["2026-10-26T09:00:00Z"]);
    assert_eq!(school.count("SELECT count(*) FROM calendar_events WHERE last_day = '2026-11-02'").await, 1);
}

#[tokio::test]
async fn one_occurrence_is_moved_another_called_off_and_the_rest_stay() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    let path = made.header("location").to_owned();
    let third = format!("{path}/occurrences/20261026T090000");
    let seen = school.office.get(&third).await;
    assert_eq!((seen.status, seen.etag()), (200, made.etag()));
    let to = json!({"starts_at": "2026-10-28T10:00:00Z", "ends_at": "2026-10-28T10:45:00Z", "title": "Assembly, late"});
    let moved = school.office.patch(&third, &seen.etag(), &to).await;
    assert_eq!(moved.status, 200, "{:#}", moved.body);
    assert_eq!((moved.body["recurrence_id"].as_str(), moved.etag().as_str()), (Some("20261026T090000"), "\"v2\""));
    let second = format!("{path}/occurrences/20261019T090000");
    assert_eq!(school.office.patch(&second, &seen.etag(), &json!({"status": "cancelled"})).await.status, 412, "its series was changed");
    school.office.patch(&second, &moved.etag(), &json!({"status": "cancelled"})).await.expect(200);
    for _ in 0..2 {
        let shown = school.shown(&school.parent, "2026-10-01", "2026-11-30").await;
        assert_eq!(starts(&shown), ["2026-10-12T08:00:00Z", "2026-10-28T10:00:00Z", "2026-11-02T09:00:00Z"]);
        assert_eq!((titles(&shown)[1], &shown[1]["is_changed"]), ("Assembly, late", &json!(true)));
        let all = school.parent.get("/api/v1/events?from=2026-10-01&to=2026-11-30&cancelled=true").await.expect(200);
        assert_eq!(all["items"][1]["status"], "cancelled");
        // Moved out of its week, it is not in there any more.
        assert_eq!(school.shown(&school.parent, "2026-10-26", "2026-10-26").await, Vec::<Value>::new());
        school.saved().await;
    }
    // Called back, and moved again.
    let now = school.office.get(&path).await.etag();
    let back = school.office.patch(&second, &now, &json!({"status": "confirmed"})).await;
    assert_eq!(back.status, 200);
    school
        .office
        .patch(&third, &back.etag(), &json!({"starts_at": "2026-12-01T10:00:00Z", "ends_at": "2026-12-01T11:00:00Z"}))
        .await
        .expect(200);
    assert_eq!(school.shown(&school.parent, "2026-10-01", "2026-11-30").await.len(), 3);
    assert_eq!(starts(&school.shown(&school.parent, "2026-12-01", "2026-12-31").await), ["2026-12-01T10:00:00Z"]);
    school.saved().await;
    assert_eq!(
        starts(&school.shown(&school.parent, "2026-12-01", "2026-12-31").await),
        ["2026-12-01T10:00:00Z"],
        "it lies after its series' last day"
    );
}

#[tokio::test]
async fn what_is_no_occurrence_is_not_found() {
    let school = School::open().await;
    let path = school.put_in(&school.office, &School::series()).await.header("location").to_owned();
    for name in ["20261013T090000", "20261012", "20261012T080000Z", "x"] {
        assert_eq!(school.office.get(&format!("{path}/occurrences/{name}")).await.status, 404, "{name}");
    }
    let single = json!({"title": "Fair", "start_date": "2026-10-12"});
    let path = school.put_in(&school.office, &single).await.header("location").to_owned();
    assert_eq!(school.office.get(&format!("{path}/occurrences/20261012")).await.status, 404);
}

#[tokio::test]
async fn a_change_of_schedule_is_another_sequence_and_a_change_of_words_is_not() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    let path = made.header("location").to_owned();
    let renamed = school.office.patch(&path, &made.etag(), &json!({"title": "Morning assembly", "place": "Hall"})).await;
    assert_eq!((&renamed.body["sequence"], &renamed.body["version"]), (&json!(0), &json!(2)));
    let later = json!({"starts_at": "2026-10-13T08:00:00Z", "ends_at": "2026-10-13T08:45:00Z", "exdates": ["20261020T090000"]});
    let moved = school.office.patch(&path, &renamed.etag(), &later).await;
    assert_eq!((moved.status, &moved.body["sequence"]), (200, &json!(1)), "{:#}", moved.body);
    assert_eq!(
        starts(&school.shown(&school.staff, "2026-10-01", "2026-11-30").await),
        ["2026-10-13T08:00:00Z", "2026-10-27T09:00:00Z", "2026-11-03T09:00:00Z"]
    );
    assert_eq!(school.office.patch(&path, &made.etag(), &json!({"title": "Lost"})).await.status, 412);
    let uid = made.body["uid"].clone();
    assert_eq!(school.office.get(&path).await.expect(200)["uid"], uid);
}

#[tokio::test]
async fn what_was_called_off_on_a_day_stays_off_when_the_series_begins_an_hour_later() {
    let school = School::open().await;
    let mut series = School::series();
    series["exdates"] = json!(["20261019T090000"]);
    let made = school.put_in(&school.office, &series).await;
    let path = made.header("location").to_owned();
    let off = school.office.patch(&format!("{path}/occurrences/20261026T090000"), &made.etag(), &json!({"status": "cancelled"})).await;
    let later = json!({"starts_at": "2026-10-12T09:00:00Z", "ends_at": "2026-10-12T09:45:00Z"});
    let moved = school.office.patch(&path, &off.etag(), &later).await;
    assert_eq!(moved.status, 200, "{:#}", moved.body);
    for _ in 0..2 {
        let shown = school.shown(&school.student, "2026-10-01", "2026-11-30").await;
        assert_eq!(starts(&shown), ["2026-10-12T09:00:00Z", "2026-11-02T10:00:00Z"]);
        school.saved().await;
    }
}

#[tokio::test]
async fn what_was_called_off_stays_so() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    let path = made.header("location").to_owned();
    assert_eq!(school.office.delete(&path, &made.etag()).await.status, 204);
    assert_eq!(school.shown(&school.student, "2026-10-01", "2026-11-30").await, Vec::<Value>::new());
    let seen = school.office.get(&path).await;
    assert_eq!((&seen.body["status"], &seen.body["sequence"]), (&json!("cancelled"), &json!(1)));
    assert_eq!(school.office.patch(&path, &seen.etag(), &json!({"tentative": false})).await.status, 409);
    assert_eq!(school.office.patch(&format!("{path}/occurrences/20261012T090000"), &seen.etag(), &json!({"title": "x"})).await.status, 409);
    assert_eq!(school.office.delete(&path, &seen.etag()).await.status, 409);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM calendar_events WHERE status = 'cancelled'").await, 1);
}

#[tokio::test]
async fn days_and_times_turn_into_each_other() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &json!({"title": "Fair", "start_date": "2026-10-12", "end_date": "2026-10-13"})).await;
    let path = made.header("location").to_owned();
    let timed = json!({"starts_at": "2026-10-12T08:00:00Z", "ends_at": "2026-10-12T10:00:00Z"});
    let timed = school.office.patch(&path, &made.etag(), &timed).await;
    assert_eq!((timed.status, &timed.body["is_all_day"]), (200, &json!(false)), "{:#}", timed.body);
    let days = school.office.patch(&path, &timed.etag(), &json!({"start_date": "2026-10-14"})).await;
    assert_eq!((days.status, &days.body["end_date"]), (200, &json!("2026-10-14")), "{:#}", days.body);
    assert_eq!(
        school.office.patch(&path, &days.etag(), &json!({"start_date": "2026-10-14", "starts_at": "2026-10-12T08:00:00Z"})).await.status,
        422
    );
}

#[tokio::test]
async fn pages_of_a_long_list_neither_skip_nor_repeat() {
    let school = School::open().await;
    school.put_in(&school.office, &json!({"title": "Daily", "start_date": "2026-10-01", "rrule": "FREQ=DAILY;COUNT=30"})).await;
    school.put_in(&school.office, &json!({"title": "Also daily", "start_date": "2026-10-01", "rrule": "FREQ=DAILY;COUNT=30"})).await;
    let (mut path, mut all) = ("/api/v1/events?from=2026-10-01&to=2026-10-31&limit=7".to_owned(), Vec::new());
    loop {
        let page = school.student.get(&path).await.expect(200);
        all.extend(page["items"].as_array().unwrap().iter().map(|event| format!("{}{}", event["start_date"], event["title"])));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/events?from=2026-10-01&to=2026-10-31&limit=7&cursor={cursor}");
    }
    assert_eq!(all.len(), 60);
    assert!(all.chunks(2).all(|day| day[0][..12] == day[1][..12]), "in order of time");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 60);
}

#[tokio::test]
async fn a_retried_create_is_one_event() {
    let school = School::open().await;
    let first = school.office.post_once("/api/v1/events", "key", &School::series()).await;
    let again = school.office.post_once("/api/v1/events", "key", &School::series()).await;
    assert_eq!((first.status, again.status, &first.body["id"]), (201, 201, &again.body["id"]));
    assert_eq!(school.office.post_once("/api/v1/events", "key", &json!({"title": "Fair", "start_date": "2026-10-12"})).await.status, 422);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM calendar_events").await, 1);
    assert_eq!(school.shown(&school.office, "2026-10-12", "2026-10-12").await.len(), 1);
}

#[tokio::test]
async fn what_is_one_line_elsewhere_is_one_line_here() {
    let school = School::open().await;
    let body =
        json!({"title": "Sports\r\nday", "place": "Field\rtwo", "description": "Bring:\r\nshoes\rwater", "start_date": school.today});
    let made = school.put_in(&school.office, &body).await;
    assert_eq!(
        (&made.body["title"], &made.body["place"], &made.body["description"]),
        (&json!("Sports day"), &json!("Field two"), &json!("Bring:\nshoes\nwater"))
    );
    let changed = school.office.patch(made.header("location"), &made.etag(), &json!({"title": "Sports\nagain"})).await;
    assert_eq!((changed.status, &changed.body["title"]), (200, &json!("Sports again")), "{:#}", changed.body);
}
