//! The month view and its cache.

use fred::interfaces::{ClientLike, KeysInterface};
use serde_json::json;
use testkit::{Relay, TestDatabase};

use crate::school::{School, titles};

async fn keys(school: &School) -> Vec<String> {
    let command = fred::types::CustomCommand::new_static("KEYS", fred::types::ClusterHash::FirstKey, false);
    school.fleet.platform.redis().custom::<Vec<String>, _>(command, vec!["calendar:events:*"]).await.unwrap()
}

#[tokio::test]
async fn a_month_is_cached_and_never_out_of_date() {
    let school = School::open().await;
    let made = school.put_in(&school.office, &School::series()).await;
    let month =
        async |who: &testkit::Api| who.get("/api/v1/calendar/months/2026-10").await.expect(200)["events"].as_array().unwrap().clone();
    assert_eq!(month(&school.student).await.len(), 3);
    let found = keys(&school).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("calendar:events:2026-10:") && found[0].contains(&school.id.to_string()), "{found:?}");
    let ttl: i64 = school.fleet.platform.redis().ttl(&found[0]).await.unwrap();
    assert!((1..=330).contains(&ttl), "{ttl}");
    // Somebody else of another audience has an entry of their own.
    assert_eq!(month(&school.parent).await.len(), 3);
    assert_eq!(keys(&school).await.len(), 2);
    let path = made.header("location").to_owned();
    let renamed = school.office.patch(&path, &made.etag(), &json!({"title": "Another name"})).await;
    assert_eq!(titles(&month(&school.student).await), ["Another name"; 3]);
    let late = json!({"status": "cancelled"});
    let changed = school.office.patch(&format!("{path}/occurrences/20261019T090000"), &renamed.etag(), &late).await;
    assert_eq!(month(&school.student).await.len(), 2);
    assert_eq!(school.office.delete(&path, &changed.etag()).await.status, 204);
    assert_eq!(month(&school.student).await.len(), 0);
    school.saved().await;
    assert_eq!(month(&school.student).await.len(), 0);
}

#[tokio::test]
async fn a_month_that_was_seen_is_shown_while_postgresql_is_away() {
    let relay = Relay::to(TestDatabase::create().await.app().port).await;
    let school = School::open_with(&[("POSTGRES_PORT", &relay.port().to_string())]).await;
    school.put_in(&school.office, &School::series()).await;
    school.saved().await;
    assert_eq!(school.student.get("/api/v1/calendar/months/2026-10").await.expect(200)["events"].as_array().unwrap().len(), 3);
    relay.cut();
    assert_eq!(school.student.get("/api/v1/calendar/months/2026-10").await.expect(200)["events"].as_array().unwrap().len(), 3);
    let unseen = school.student.get("/api/v1/calendar/months/2026-11").await;
    assert_eq!(unseen.status, 503, "{:#}", unseen.body);
    assert!(!unseen.header("retry-after").is_empty());
}
