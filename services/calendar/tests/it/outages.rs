//! A store dies at the wrong moment.

use serde_json::json;
use testkit::{Relay, TestDatabase};

use crate::school::School;

#[tokio::test]
async fn an_event_that_was_acknowledged_survives_a_killed_redis() {
    let mut school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let made = school.put_in(&school.office, &School::series()).await;
    let path = made.header("location").to_owned();
    let moved = json!({"starts_at": "2026-10-21T08:00:00Z", "ends_at": "2026-10-21T08:45:00Z"});
    school.office.patch(&format!("{path}/occurrences/20261019T090000"), &made.etag(), &moved).await.expect(200);
    school.fleet.redis.kill().await;
    school.fleet.redis.launch().await;
    let mut seen = school.office.get(&path).await;
    for _ in 0..200 {
        if seen.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        seen = school.office.get(&path).await;
    }
    assert_eq!(seen.etag(), "\"v2\"");
    assert_eq!(school.shown(&school.student, "2026-10-21", "2026-10-21").await.len(), 1);
}

#[tokio::test]
async fn without_redis_events_can_be_put_in_and_a_change_that_can_not_be_proved_answers_503() {
    let mut school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    school.saved().await;
    school.fleet.redis.kill().await;
    let fair = json!({"title": "Fair", "start_date": "2026-10-12"});
    let created = school.office.post_once("/api/v1/events", "key", &fair).await;
    assert_eq!(created.status, 201, "{:#}", created.body);
    let shown = school.shown(&school.office, "2026-10-12", "2026-10-12").await;
    assert_eq!(shown.len(), 2);
    assert_eq!(school.office.get("/api/v1/calendar/months/2026-10").await.expect(200)["events"].as_array().unwrap().len(), 4);
    let refused = school.office.patch(made.header("location"), &made.etag(), &json!({"title": "x"})).await;
    assert_eq!(refused.status, 503, "{:#}", refused.body);
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn events_are_put_in_while_postgresql_is_away() {
    let relay = Relay::to(TestDatabase::create().await.app().port).await;
    let school = School::open_with(&[("POSTGRES_PORT", &relay.port().to_string())]).await;
    school
        .put_in(&school.teacher, &json!({"title": "Before", "start_date": "2026-10-12", "audience": {"class_ids": [school.class]}}))
        .await;
    relay.cut();
    let made = school
        .teacher
        .post("/api/v1/events", &json!({"title": "Meanwhile", "start_date": "2026-10-12", "audience": {"class_ids": [school.class]}}))
        .await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    let path = made.header("location").to_owned();
    assert_eq!(school.teacher.get(&path).await.status, 200);
    school.teacher.patch(&path, &made.etag(), &json!({"title": "Later"})).await.expect(200);
    let lesson = school.office.post("/api/v1/timetable-entries", &school.lesson()).await;
    assert_eq!(lesson.status, 503, "what commits in PostgreSQL waits for it");
    relay.mend();
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM calendar_events").await, 2);
}
