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
async fn of_attempts_that_are_begun_and_reopened_at_once_one_runs() {
    let school = School::open().await;
    let mut settings = school.settings("One at a time");
    settings["max_attempts"] = json!(null);
    let paper = school.given(&settings, 1).await;
    let (start, nothing) = (format!("{}/start", paper.path), json!({}));
    let first = school.start(&school.student, &paper).await;
    let mut running = first.path.clone();
    for round in 0..8 {
        school.student.post(&format!("{running}/submit"), &nothing).await.expect(200);
        let ended = async |path: &str| school.teacher.get(path).await.etag();
        let (first_etag, last_etag) = (ended(&first.path).await, ended(&running).await);
        let (again, last_again) = (format!("{}/reopen", first.path), format!("{running}/reopen"));
        let (begun, other, one, another) = tokio::join!(
            school.student.post(&start, &nothing),
            school.student.post(&start, &nothing),
            school.teacher.post_if(&again, &first_etag, &nothing),
            school.office.post_if(&last_again, &last_etag, &nothing),
        );
        let statuses = [begun.status, other.status, one.status, another.status];
        assert!(matches!(statuses[..2], [200 | 201, 200 | 201]), "{statuses:?}: {:#}", begun.body);
        assert!(statuses[2..].iter().all(|status| matches!(status, 200 | 409 | 412)), "{statuses:?}: {:#} {:#}", one.body, another.body);
        let list = school.teacher.get(&format!("{}/attempts?state=in_progress", paper.path)).await.expect(200);
        let run: Vec<&str> = list["items"].as_array().unwrap().iter().map(|attempt| attempt["id"].as_str().unwrap()).collect();
        let [only] = run[..] else { panic!("{run:?} run in round {round}: {statuses:?}") };
        running = format!("/api/v1/attempts/{only}");
    }
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM quiz_attempts WHERE state = 'in_progress'").await, 1);
}

#[tokio::test]
async fn last_answers_that_are_sent_again_and_again_are_taken_once_and_acknowledged_each_time() {
    let school = School::open().await;
    let paper = school.given(&school.settings("Impatient"), 3).await;
    school.start(&school.student, &paper).await;
    let submit = format!("{}/submit", paper.path);
    let answers: Vec<_> = paper.slots.iter().map(|slot| json!({"slot_id": slot, "response": {"is_true": true}})).collect();
    let body = json!({"answers": answers});
    let told = join_all((0..10).map(|_| school.student.post(&submit, &body))).await;
    assert!(told.iter().all(|answer| answer.status == 200 && answer.body["score"] == json!(3)), "{:#}", told[0].body);
    let other = json!({"answers": [{"slot_id": paper.slots[0], "response": {"is_true": false}}]});
    assert_eq!(school.student.post(&submit, &other).await.status, 409, "it was not taken, and that is told");
}

#[tokio::test]
async fn no_question_is_left_in_a_category_that_is_removed_at_the_same_moment() {
    let school = School::open().await;
    for n in 0..10 {
        let made = school.teacher.post("/api/v1/question-categories", &json!({"name": format!("Short-lived {n}")})).await.expect(201);
        let id = made["id"].as_str().unwrap();
        let path = format!("/api/v1/question-categories/{id}");
        let content = json!({"name": "n", "stem": "s", "answer": {"type": "essay"}});
        let body = json!({"category_id": id, "content": content});
        let writes = join_all((0..4).map(|_| school.teacher.post("/api/v1/questions", &body)));
        let (written, removed) = tokio::join!(writes, school.office.delete(&path, "\"v1\""));
        let statuses: Vec<u16> = written.iter().map(|answer| answer.status).collect();
        assert!(statuses.iter().all(|status| matches!(status, 201 | 422)), "{statuses:?}");
        let kept = statuses.contains(&201);
        assert_eq!(removed.status, if kept { 409 } else { 204 }, "{statuses:?}: {:#}", removed.body);
        assert_eq!(school.teacher.get(&path).await.status, if kept { 200 } else { 404 });
    }
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
