//! The activity log, fed by real events.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, EventEnvelope, Role, SchoolId, SystemClock};
use events::Handler;
use mongodb::bson::{Document, doc};
use serde_json::json;
use store::CollectionName;
use testkit::Fleet;

async fn logged(fleet: &Fleet, school: SchoolId, wanted: usize) -> Vec<Document> {
    let log = fleet.platform.mongo().school::<Document>(CollectionName::ActivityLogs, school);
    for _ in 0..200 {
        let mut found = log.find(doc! {}).await.unwrap();
        if found.len() >= wanted {
            found.sort_by_key(|entry| entry.get_datetime("ts").copied().unwrap());
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{wanted} entries never come")
}

async fn homework_is_given(fleet: &Fleet, school: SchoolId) {
    let teacher = fleet.member(school, Role::Teacher, "teacher@a.example").await;
    let class = fleet.class(school, "7A", teacher, &[]).await;
    let teacher = fleet.login("teacher@a.example").await;
    let body = json!({"class_id": class, "title": "Fractions", "due_at": SystemClock.now() + chrono::Duration::days(1)});
    let draft = teacher.post("/api/v1/homework", &body).await;
    let publish = format!("{}/publish", draft.header("location"));
    teacher.post_if(&publish, &draft.etag(), &json!({})).await.expect(200);
}

#[tokio::test]
async fn what_happened_while_the_service_was_down_is_logged_when_it_is_back() {
    // Only auth and homework run: nobody reads the events.
    let mut fleet = Fleet::start(&[auth::SERVICE, homework::SERVICE]).await;
    fleet.platform.mongo().ensure_collections().await.unwrap();
    let school = fleet.school("A school").await;
    homework_is_given(&fleet, school).await;
    fleet.restart(&[auth::SERVICE, homework::SERVICE, dashboard::SERVICE], Arc::new(SystemClock)).await;
    let entries = logged(&fleet, school, 1).await;
    assert_eq!(entries[0].get_str("action").unwrap(), "assigned");
    assert_eq!(entries[0].get_document("entity").unwrap().get_str("type").unwrap(), "homework");
    assert!(entries[0].get_str("actor").is_ok());
}

#[tokio::test]
async fn an_event_that_is_delivered_twice_is_logged_once() {
    use fred::interfaces::StreamsInterface;
    let fleet = Fleet::start(&[auth::SERVICE, homework::SERVICE, dashboard::SERVICE]).await;
    fleet.platform.mongo().ensure_collections().await.unwrap();
    let school = fleet.school("A school").await;
    homework_is_given(&fleet, school).await;
    logged(&fleet, school, 1).await;
    let stream = cache::key::events(domain::Partition::of(school));
    let entries: Vec<(String, std::collections::HashMap<String, String>)> =
        fleet.platform.redis().xrange_values(stream, "-", "+", None).await.unwrap();
    let event: EventEnvelope = serde_json::from_str(&entries[0].1["e"]).unwrap();
    let log = dashboard::activity::Log::new(fleet.platform.mongo().clone());
    for _ in 0..3 {
        log.handle(&event).await.unwrap();
    }
    assert_eq!(logged(&fleet, school, 1).await.len(), 1);
}

/// How often the fleet has asked Redis to create a consumer group: each consumer does, for each stream, whenever it begins.
async fn groups_asked_for(fleet: &Fleet) -> u64 {
    use fred::interfaces::ClientLike;
    let stats: String = fleet.platform.redis().info(Some(fred::types::InfoKind::CommandStats)).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_xgroup|create:calls="));
    line.and_then(|rest| rest.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test]
async fn a_consumer_to_whom_nothing_comes_goes_on_waiting_and_does_not_begin_anew() {
    let fleet = Fleet::start(&[auth::SERVICE, homework::SERVICE, dashboard::SERVICE]).await;
    fleet.platform.mongo().ensure_collections().await.unwrap();
    let school = fleet.school("A school").await;
    homework_is_given(&fleet, school).await;
    logged(&fleet, school, 1).await;
    let before = groups_asked_for(&fleet).await;
    assert!(before >= u64::from(domain::PARTITIONS), "{before}");
    // Longer than it waits for an answer and then rests after an error.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(groups_asked_for(&fleet).await, before);
}
