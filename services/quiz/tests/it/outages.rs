//! A process restarts, or a store is away.

use std::sync::Arc;

use domain::SystemClock;
use serde_json::json;

use crate::school::{SERVICES, School};

#[tokio::test]
async fn an_attempt_survives_a_restart_with_every_acknowledged_answer() {
    // Nothing is saved to PostgreSQL in between: what was acknowledged is in Redis alone.
    let mut school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let paper = school.given(&school.settings("Restart"), 6).await;
    let sitting = school.start(&school.student, &paper).await;
    for slot in &sitting.slots()[..4] {
        school.save(&school.student, &sitting, slot, &json!({"is_true": true})).await.expect(200);
    }
    school.fleet.redis.kill().await;
    school.fleet.redis.launch().await;
    school.fleet.restart(SERVICES, Arc::new(SystemClock)).await;
    school.log_in_again().await;
    assert_eq!(school.count("SELECT count(*) FROM quiz_attempts").await, 0);
    let now = school.student.get(&sitting.path).await.expect(200);
    let answered = now["questions"].as_array().unwrap().iter().filter(|question| question["response"] == json!({"is_true": true})).count();
    assert_eq!(answered, 4, "{now:#}");
    assert_eq!(school.start(&school.student, &paper).await.body["id"], sitting.body["id"], "it goes on");
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(submitted["score"], json!(4));
}

#[tokio::test]
async fn what_was_given_out_can_be_sat_and_marked_without_mongodb() {
    let mut school = School::open().await;
    let paper = school.given(&school.settings("No question bank"), 3).await;
    // The questions are in Redis since the quiz was published; the process that comes up remembers nothing.
    school.fleet.platform.mongo().drop_database().await.unwrap();
    school.fleet.restart(SERVICES, Arc::new(SystemClock)).await;
    school.log_in_again().await;
    let sitting = school.start(&school.student, &paper).await;
    for slot in sitting.slots() {
        school.save(&school.student, &sitting, &slot, &json!({"is_true": true})).await.expect(200);
    }
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(submitted["score"], json!(3));
}

#[tokio::test]
async fn without_redis_nothing_that_can_not_be_proved_is_acknowledged() {
    let mut school = School::open().await;
    let paper = school.given(&school.settings("No Redis"), 1).await;
    let sitting = school.start(&school.student, &paper).await;
    school.saved().await;
    school.fleet.redis.kill().await;
    let refused = school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await;
    assert_eq!(refused.status, 503, "{:#}", refused.body);
    assert!(!refused.header("retry-after").is_empty());
    school.fleet.redis.launch().await;
    let mut saved = refused;
    for _ in 0..100 {
        saved = school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await;
        if saved.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    saved.expect(200);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM quiz_attempts WHERE score = 1").await, 1);
}

#[tokio::test]
async fn without_the_buffer_a_quiz_is_sat_and_marked_all_the_same_and_of_twenty_starts_one_attempt_comes() {
    let school = School::open_with(&[("REDIS_WRITE_BUFFER_MODE", "through")]).await;
    let paper = school.given(&school.settings("Through"), 3).await;
    let start = format!("{}/start", paper.path);
    let body = json!({});
    let starts = futures_util::future::join_all((0..20).map(|_| school.student.post(&start, &body))).await;
    let statuses: Vec<u16> = starts.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    let sitting = school.start(&school.student, &paper).await;
    for slot in &paper.slots[..2] {
        school.save(&school.student, &sitting, slot, &json!({"is_true": true})).await.expect(200);
    }
    let submitted = school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(submitted["score"], json!(2));
    assert_eq!(school.count("SELECT count(*) FROM quiz_attempts WHERE score = 2 AND state = 'graded'").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM quiz_answers WHERE state = 'marked'").await, 3);
}
