//! Time: opening, closing, limits, grace, overrides, delays. The server's clock alone counts.

use std::sync::Arc;

use chrono::Duration;
use directory::Directory;
use domain::{Clock, ManualClock, ServiceName, SystemClock};
use serde_json::{Value, json};

use crate::school::{SERVICES, School};

async fn stopped() -> (School, Arc<ManualClock>) {
    let mut school = School::open().await;
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    school.fleet.restart(SERVICES, clock.clone()).await;
    school.log_in_again().await;
    (school, clock)
}

fn limited(school: &School, handling: &str, grace: u32) -> Value {
    let mut settings = school.settings("Limited");
    settings["time_limit_seconds"] = json!(600);
    settings["overdue_handling"] = json!(handling);
    settings["grace_seconds"] = json!(grace);
    settings
}

#[tokio::test]
async fn when_time_is_up_what_was_answered_is_submitted_and_nothing_later_is_taken() {
    let (school, clock) = stopped().await;
    let paper = school.given(&limited(&school, "autosubmit", 5), 2).await;
    let sitting = school.start(&school.student, &paper).await;
    assert_eq!(sitting.body["seconds_left"], json!(600));
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    clock.advance(Duration::seconds(604));
    school.save(&school.student, &sitting, &paper.slots[1], &json!({"is_true": false})).await.expect(200);
    clock.advance(Duration::seconds(2));
    assert_eq!(school.save(&school.student, &sitting, &paper.slots[1], &json!({"is_true": true})).await.status, 409);
    let late = json!({"answers": [{"slot_id": paper.slots[1], "response": {"is_true": true}}]});
    let submit = format!("{}/submit", paper.path);
    assert_eq!(school.student.post(&submit, &late).await.status, 409, "it had ended by itself, and this was not taken");
    let saved = json!({"answers": [{"slot_id": paper.slots[1], "response": {"is_true": false}}]});
    school.student.post(&submit, &saved).await.expect(200);
    let submitted = school.student.post(&submit, &json!({})).await.expect(200);
    assert_eq!((&submitted["state"], &submitted["score"]), (&json!("graded"), &json!(1)), "it had ended by itself: {submitted:#}");
    assert_eq!(submitted["submitted_at"], sitting.body["due_at"], "at the time that it was due");
}

#[tokio::test]
async fn in_the_grace_period_it_may_be_submitted_and_not_answered_and_after_it_is_abandoned() {
    let (school, clock) = stopped().await;
    let paper = school.given(&limited(&school, "graceperiod", 60), 1).await;
    let (first, second) = (school.start(&school.student, &paper).await, school.start(&school.classmate, &paper).await);
    let truth = json!({"is_true": true});
    school.save(&school.student, &first, &paper.slots[0], &truth).await.expect(200);
    clock.advance(Duration::seconds(630));
    assert_eq!(school.save(&school.student, &first, &paper.slots[0], &truth).await.status, 409);
    assert_eq!(school.student.get(&first.path).await.expect(200)["state"], json!("overdue"));
    let last = |is_true: bool| json!({"answers": [{"slot_id": paper.slots[0], "response": {"is_true": is_true}}]});
    let submit = format!("{}/submit", paper.path);
    assert_eq!(school.student.post(&submit, &last(false)).await.status, 409, "time is up");
    assert_eq!(school.student.get(&first.path).await.expect(200)["state"], json!("overdue"), "all or nothing");
    school.student.post(&submit, &last(true)).await.expect(200);
    assert_eq!(school.score(&first).await, json!(1));
    clock.advance(Duration::seconds(31));
    assert_eq!(school.classmate.post(&format!("{}/submit", second.path), &json!({})).await.status, 409, "beyond the grace");
    assert_eq!(school.teacher.get(&second.path).await.expect(200)["state"], json!("abandoned"));
}

#[tokio::test]
async fn nobody_begins_too_early_too_late_too_often_or_too_soon() {
    let (mut school, clock) = stopped().await;
    let now = clock.now();
    let mut settings = school.settings("Times");
    settings["opens_at"] = json!(now + Duration::hours(1));
    settings["closes_at"] = json!(now + Duration::hours(3));
    settings["max_attempts"] = json!(2);
    settings["attempt_delay_seconds"] = json!(600);
    let paper = school.given(&settings, 1).await;
    let start = format!("{}/start", paper.path);
    clock.advance(Duration::minutes(59));
    assert_eq!(school.student.post(&start, &json!({})).await.status, 409, "not open yet");
    clock.advance(Duration::minutes(1));
    school.log_in_again().await;
    let first = school.start(&school.student, &paper).await;
    school.student.post(&format!("{}/submit", first.path), &json!({})).await.expect(200);
    assert_eq!(school.student.post(&start, &json!({})).await.status, 409, "too soon");
    clock.advance(Duration::minutes(10));
    let second = school.start(&school.student, &paper).await;
    assert_eq!(second.body["attempt"], json!(2));
    school.student.post(&format!("{}/submit", second.path), &json!({})).await.expect(200);
    clock.advance(Duration::minutes(10));
    assert_eq!(school.student.post(&start, &json!({})).await.status, 409, "no attempts left");
    clock.advance(Duration::hours(2));
    school.log_in_again().await;
    assert_eq!(school.classmate.post(&start, &json!({})).await.status, 409, "closed");
}

#[tokio::test]
async fn an_override_gives_more_time_also_to_who_is_sitting() {
    let (school, clock) = stopped().await;
    let paper = school.given(&limited(&school, "autosubmit", 0), 1).await;
    let (first, second) = (school.start(&school.student, &paper).await, school.start(&school.classmate, &paper).await);
    let more = json!({"group_name": "extra time", "members": [school.student_id], "time_limit_seconds": 1200});
    let overridden = school.teacher.post_if(&format!("{}/overrides", paper.path), &paper.etag, &more).await;
    let etag = overridden.etag();
    overridden.expect(200);
    assert_eq!(school.student.get(&paper.path).await.expect(200)["time_limit_seconds"], json!(1200), "on the student's own terms");
    clock.advance(Duration::seconds(900));
    let truth = json!({"is_true": true});
    school.save(&school.student, &first, &paper.slots[0], &truth).await.expect(200);
    assert_eq!(school.save(&school.classmate, &second, &paper.slots[0], &truth).await.status, 409);
    let stranger = json!({"student_id": uuid::Uuid::now_v7(), "max_attempts": 2});
    let refused = school.teacher.post_if(&format!("{}/overrides", paper.path), &etag, &stranger).await;
    assert_eq!(refused.pointers(), ["/student_id"], "{:#}", refused.body);
    let again = json!({"student_id": school.classmate_id, "max_attempts": 2});
    let added = school.teacher.post_if(&format!("{}/overrides", paper.path), &etag, &again).await;
    added.clone().expect(200);
    assert_eq!(
        school.teacher.post_if(&format!("{}/overrides", paper.path), &added.etag(), &again).await.status,
        409,
        "one for each student"
    );
    assert_eq!(school.start(&school.classmate, &paper).await.body["attempt"], json!(2));
}

#[tokio::test]
async fn answers_that_come_too_late_are_refused_whoever_has_ended_the_attempt() {
    let (school, clock) = stopped().await;
    let paper = school.given(&limited(&school, "autosubmit", 5), 2).await;
    let submit = format!("{}/submit", paper.path);
    let last = |is_true: bool| json!({"answers": [{"slot_id": paper.slots[0], "response": {"is_true": is_true}}]});
    let foreign = json!({"answers": [{"slot_id": uuid::Uuid::now_v7(), "response": null}]});
    for (who, looked_at) in [(&school.student, false), (&school.classmate, true)] {
        let sitting = school.start(who, &paper).await;
        school.save(who, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
        clock.advance(Duration::seconds(606));
        if looked_at {
            assert_eq!(who.get(&sitting.path).await.expect(200)["state"], json!("graded"), "looking at it has ended it");
        }
        let statuses = [
            who.post(&submit, &last(false)).await.status,
            who.post(&submit, &last(false)).await.status,
            who.post(&submit, &foreign).await.status,
            who.post(&submit, &last(true)).await.status,
            who.post(&submit, &json!({})).await.status,
        ];
        assert_eq!(statuses, [409, 409, 409, 200, 200], "looked at: {looked_at}");
        assert_eq!(school.score(&sitting).await, json!(1));
    }
}

#[tokio::test]
async fn who_leaves_the_class_finishes_the_attempt_that_was_begun_and_begins_no_other() {
    let school = School::open().await;
    let mut settings = school.settings("Leaving");
    settings["max_attempts"] = json!(2);
    let paper = school.given(&settings, 2).await;
    let sitting = school.start(&school.student, &paper).await;
    let left = "UPDATE enrollments SET end_date = current_date - 1 WHERE student_id = $1";
    let mut database = school.fleet.database.superuser().await;
    sqlx::query(left).bind(school.student_id.as_uuid()).execute(&mut database).await.unwrap();
    let platform = &school.fleet.platform;
    Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Quiz).clone()).changed(school.id).await;
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    let last = json!({"answers": [{"slot_id": paper.slots[1], "response": {"is_true": true}}]});
    school.student.post(&format!("{}/submit", paper.path), &last).await.expect(200);
    assert_eq!(school.score(&sitting).await, json!(2));
    assert_eq!(school.student.post(&format!("{}/start", paper.path), &json!({})).await.status, 409);
}

#[tokio::test]
async fn an_attempt_that_nobody_looks_at_ends_by_itself() {
    let school = School::open_with(&[]).await;
    let mut settings = school.settings("Short");
    settings["time_limit_seconds"] = json!(1);
    let paper = school.given(&settings, 1).await;
    let sitting = school.start(&school.student, &paper).await;
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    let graded = "SELECT count(*) FROM quiz_attempts WHERE state = 'graded' AND score = 1 AND submitted_at = due_at";
    for _ in 0..300 {
        if school.count(graded).await == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it did not end");
}
