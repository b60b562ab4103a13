//! Many at once: one attempt begins, no answer overwrites another, nothing is marked twice, nothing is lost.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn of_fifty_parallel_starts_one_attempt_comes() {
    let school = School::open().await;
    let mut settings = school.settings("Once");
    settings["max_attempts"] = json!(3);
    let paper = school.given(&settings, 4).await;
    let start = format!("{}/start", paper.path);
    let body = json!({});
    let answers = join_all((0..50).map(|_| school.student.post(&start, &body))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "one begins it, the others go on with it");
    let ids: HashSet<String> = answers.iter().map(|answer| answer.body["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM quiz_attempts").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM quiz_answers").await, 4);
}

#[tokio::test]
async fn two_tabs_that_answer_different_questions_do_not_undo_each_other() {
    let school = School::open().await;
    let paper = school.given(&school.settings("Tabs"), 10).await;
    let sitting = school.start(&school.student, &paper).await;
    let slots = sitting.slots();
    let truth = json!({"is_true": true});
    let saves = (0..30).map(|n| school.save(&school.student, &sitting, &slots[n % 10], &truth));
    let statuses: Vec<u16> = join_all(saves).await.into_iter().map(|answer| answer.status).collect();
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let now = school.student.get(&sitting.path).await.expect(200);
    assert!(now["questions"].as_array().unwrap().iter().all(|question| question["response"] == json!({"is_true": true})), "{now:#}");
}

#[tokio::test]
async fn an_answer_that_is_acknowledged_while_the_attempt_is_submitted_is_marked() {
    let school = School::open().await;
    let paper = school.given(&school.settings("Race"), 8).await;
    for who in [&school.student, &school.classmate] {
        let sitting = school.start(who, &paper).await;
        let slots = sitting.slots();
        let truth = json!({"is_true": true});
        let saves = join_all(slots.iter().map(|slot| school.save(who, &sitting, slot, &truth)));
        let submits = join_all((0..5).map(|_| async { who.post(&format!("{}/submit", sitting.path), &json!({})).await.status }));
        let (saves, submits) = tokio::join!(saves, submits);
        assert!(submits.iter().all(|status| *status == 200), "{submits:?}");
        let acknowledged = saves.iter().filter(|answer| answer.status == 200).count();
        assert!(saves.iter().all(|answer| matches!(answer.status, 200 | 409)), "the others are told");
        assert_eq!(school.score(&sitting).await, json!(acknowledged), "each acknowledged answer is marked, and no other");
    }
    school.saved().await;
    let wrong = "SELECT count(*) FROM quiz_attempts a WHERE a.score <> (SELECT sum(mark) FROM quiz_answers w WHERE w.attempt_id = a.id)";
    assert_eq!(school.count(wrong).await, 0);
}

#[tokio::test]
async fn two_markers_of_one_answer_are_told_and_of_two_answers_are_both_counted() {
    let school = School::open().await;
    let essays = [school.question("One", json!({"type": "essay"})).await, school.question("Two", json!({"type": "essay"})).await];
    let mut paper = school.draft(&school.settings("Essays"), &essays).await;
    school.publish(&mut paper).await;
    let sitting = school.start(&school.student, &paper).await;
    for slot in &paper.slots {
        school.save(&school.student, &sitting, slot, &json!({"text": "words"})).await.expect(200);
    }
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    let grade = |slot: &str| format!("{}/answers/{slot}/grade", sitting.path);
    let (one, two) = (grade(&paper.slots[0]), grade(&paper.slots[1]));
    let (full, half) = (json!({"mark": 1}), json!({"mark": 0.5}));
    let (first, second, third) = tokio::join!(
        school.teacher.patch(&one, "\"v3\"", &full),
        school.office.patch(&one, "\"v3\"", &half),
        school.office.patch(&two, "\"v3\"", &half)
    );
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{:#} {:#}", first.body, second.body);
    third.expect(200);
    let expected = if first.status == 200 { json!(1.5) } else { json!(1) };
    assert_eq!(school.score(&sitting).await, expected);
}

#[tokio::test]
async fn of_fifty_teachers_who_publish_a_quiz_or_change_a_question_at_once_one_does() {
    let school = School::open().await;
    let question = school.true_or_false("Statement").await;
    let paper = school.draft(&school.settings("Once"), std::slice::from_ref(&question)).await;
    let publish = format!("{}/publish", paper.path);
    let body = json!({});
    let statuses: Vec<u16> =
        join_all((0..50).map(|_| school.teacher.post_if(&publish, &paper.etag, &body))).await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 412)), "{statuses:?}");
    let (path, change) = (format!("/api/v1/questions/{question}"), json!({"tags": ["changed"], "publish": true}));
    let statuses: Vec<u16> =
        join_all((0..20).map(|_| school.teacher.patch(&path, "\"v1\"", &change))).await.iter().map(|a| a.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 412)), "{statuses:?}");
    assert_eq!(school.teacher.get(&format!("{path}/versions")).await.expect(200).as_array().unwrap().len(), 2);
}
