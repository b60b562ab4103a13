//! Marks: regrades, negative marking, tries, which attempt counts, what others are told.

use serde_json::{Value, json};

use crate::school::School;

#[tokio::test]
async fn a_regrade_follows_the_corrected_question_and_changes_no_response() {
    let school = School::open().await;
    let question = school.true_or_false("A wrong key").await;
    let mut paper = school.draft(&school.settings("Regrade"), std::slice::from_ref(&question)).await;
    school.publish(&mut paper).await;
    let sitting = school.start(&school.student, &paper).await;
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": false})).await.expect(200);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(school.score(&sitting).await, json!(0));
    let content = json!({"name": "n", "stem": "A right key", "answer": {"type": "true_false", "correct": false}});
    school
        .teacher
        .patch(&format!("/api/v1/questions/{question}"), "\"v1\"", &json!({"content": content, "publish": true}))
        .await
        .expect(200);
    let slot = format!("{}/slots/{}", paper.path, paper.slots[0]);
    school.teacher.patch(&slot, &paper.etag, &json!({"question_version": 2, "max_mark": 2})).await.expect(200);
    let regrade = format!("{}/regrade", paper.path);
    let dry = school.teacher.post(&regrade, &json!({"dry_run": true})).await.expect(200);
    assert_eq!((&dry["changed"][0]["before"], &dry["changed"][0]["after"]), (&json!(0), &json!(2)), "{dry:#}");
    assert_eq!(school.score(&sitting).await, json!(0), "a dry run writes nothing");
    school.teacher.post(&regrade, &json!({})).await.expect(200);
    assert_eq!(school.score(&sitting).await, json!(2));
    let review = school.teacher.get(&format!("{}/review", sitting.path)).await.expect(200);
    let answer = &review["answers"][0];
    assert_eq!((&answer["response"], &answer["question_version"]), (&json!({"is_true": false}), &json!(1)));
    let again = school.teacher.post(&regrade, &json!({})).await.expect(200);
    assert_eq!(again["changed"], json!([]), "the second time there is nothing left to change");
    school.saved().await;
    let stored = "SELECT count(*) FROM quiz_answers WHERE response = '{\"is_true\": false}' AND question_version = 1 AND graded_version = 2 AND mark = 2";
    assert_eq!(school.count(stored).await, 1);
}

#[tokio::test]
async fn wrong_answers_cost_where_the_quiz_says_so_and_not_below_its_floor() {
    let school = School::open().await;
    for (floor, score) in [("attempt", json!(0.75)), ("question", json!(1)), ("none", json!(0.75))] {
        let mut settings = school.settings(floor);
        settings["negative_fraction"] = json!(0.25);
        settings["mark_floor"] = json!(floor);
        let paper = school.given(&settings, 3).await;
        let sitting = school.start(&school.student, &paper).await;
        for (slot, is_true) in [(0, true), (1, false)] {
            school.save(&school.student, &sitting, &paper.slots[slot], &json!({"is_true": is_true})).await.expect(200);
        }
        school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
        assert_eq!(school.score(&sitting).await, score, "{floor}");
    }
}

#[tokio::test]
async fn answers_can_be_checked_and_tried_again_at_a_price() {
    let school = School::open().await;
    let mut settings = school.settings("Adaptive");
    settings["behaviour"] = json!("adaptive");
    settings["review_options"] = json!({"during": {"marks": true}});
    let paper = school.given(&settings, 1).await;
    let sitting = school.start(&school.student, &paper).await;
    let check = format!("{}/answers/{}/check", sitting.path, paper.slots[0]);
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": false})).await.expect(200);
    let wrong = school.student.post(&check, &json!({})).await.expect(200);
    assert_eq!((&wrong["tries"], &wrong["best_fraction"]), (&json!(1), &json!(0)));
    assert_eq!(school.student.post(&check, &json!({})).await.status, 409, "it has not changed since");
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    let right = school.student.post(&check, &json!({})).await.expect(200);
    assert_eq!((&right["tries"], &right["best_fraction"]), (&json!(2), &json!(0.75)));
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(school.score(&sitting).await, json!(0.75));
    let deferred = school.given(&school.settings("Deferred"), 1).await;
    let sitting = school.start(&school.student, &deferred).await;
    let check = format!("{}/answers/{}/check", sitting.path, deferred.slots[0]);
    assert_eq!(school.student.post(&check, &json!({})).await.status, 409);
}

#[tokio::test]
async fn the_mean_of_the_attempts_counts_where_the_quiz_says_so_and_the_grade_book_is_told() {
    let school = School::open().await;
    let mut settings = school.settings("Mean");
    settings["grade_method"] = json!("average");
    settings["max_attempts"] = json!(2);
    let paper = school.given(&settings, 2).await;
    for right in [1, 2] {
        let sitting = school.start(&school.student, &paper).await;
        for slot in &paper.slots[..right] {
            school.save(&school.student, &sitting, slot, &json!({"is_true": true})).await.expect(200);
        }
        school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    }
    let results = school.teacher.get(&format!("{}/results", paper.path)).await.expect(200);
    assert_eq!(results["results"][0]["result"], json!(1.5));
    let told = told(&school, "quiz:graded").await;
    let scores: Vec<&Value> = told.iter().map(|data| &data["score"]).collect();
    assert_eq!(scores, [&json!(1), &json!(1.5)], "what counts, not what the attempt earned: {told:#?}");
    let last = &told[1];
    assert_eq!((&last["max_points"], &last["released"], &last["student_id"]), (&json!(2), &json!(true), &json!(school.student_id)));
    assert_eq!((&last["attempt_score"], &last["class_id"]), (&json!(2), &json!(school.class)));
}

#[tokio::test]
async fn a_reopened_attempt_keeps_its_answers_and_is_marked_anew() {
    let school = School::open().await;
    let paper = school.given(&school.settings("Again"), 2).await;
    let sitting = school.start(&school.student, &paper).await;
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    let reopen = format!("{}/reopen", sitting.path);
    assert_eq!(school.teacher.post_if(&reopen, "\"v1\"", &json!({})).await.status, 412);
    school.teacher.post_if(&reopen, "\"v2\"", &json!({})).await.expect(200);
    school.save(&school.student, &sitting, &paper.slots[1], &json!({"is_true": true})).await.expect(200);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    assert_eq!(school.score(&sitting).await, json!(2));
}

#[tokio::test]
async fn a_wrong_key_can_be_put_right_after_the_quiz_was_closed() {
    let school = School::open().await;
    let question = school.true_or_false("A wrong key").await;
    let mut paper = school.draft(&school.settings("Closed"), std::slice::from_ref(&question)).await;
    school.publish(&mut paper).await;
    let sitting = school.start(&school.student, &paper).await;
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"is_true": false})).await.expect(200);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    let closed = school.teacher.post_if(&format!("{}/close", paper.path), &paper.etag, &json!({})).await;
    let content = json!({"name": "n", "stem": "A right key", "answer": {"type": "true_false", "correct": false}});
    let change = json!({"content": content, "publish": true});
    school.teacher.patch(&format!("/api/v1/questions/{question}"), "\"v1\"", &change).await.expect(200);
    let slot = format!("{}/slots/{}", paper.path, paper.slots[0]);
    assert_eq!(
        school.teacher.patch(&slot, &closed.etag(), &json!({"section": 1, "position": 1})).await.status,
        409,
        "its places are fixed"
    );
    school.teacher.patch(&slot, &closed.etag(), &json!({"question_version": 2})).await.expect(200);
    assert_eq!(school.teacher.get(&slot).await.expect(200)["question_version"], json!(2));
    school.teacher.post(&format!("{}/regrade", paper.path), &json!({})).await.expect(200);
    assert_eq!(school.score(&sitting).await, json!(1));
}

#[tokio::test]
async fn an_attempt_is_not_reopened_while_another_one_runs() {
    let school = School::open().await;
    let mut settings = school.settings("Twice");
    settings["max_attempts"] = json!(2);
    let paper = school.given(&settings, 1).await;
    let first = school.start(&school.student, &paper).await;
    school.student.post(&format!("{}/submit", first.path), &json!({})).await.expect(200);
    let second = school.start(&school.student, &paper).await;
    let reopen = format!("{}/reopen", first.path);
    assert_eq!(school.teacher.post_if(&reopen, "\"v2\"", &json!({})).await.status, 412, "it is not the last one any more");
    let etag = school.teacher.get(&first.path).await.etag();
    assert_eq!(school.teacher.post_if(&reopen, &etag, &json!({})).await.status, 409);
    school.student.post(&format!("{}/submit", second.path), &json!({})).await.expect(200);
    school.teacher.post_if(&reopen, &etag, &json!({})).await.expect(200);
    school.save(&school.student, &first, &paper.slots[0], &json!({"is_true": true})).await.expect(200);
    // By the quiz, the attempt that is under way is meant, not the last one.
    let submitted = school.student.post(&format!("{}/submit", paper.path), &json!({})).await.expect(200);
    assert_eq!((&submitted["attempt"], &submitted["score"]), (&json!(1), &json!(1)), "{submitted:#}");
    let told = told(&school, "quiz:graded").await;
    assert_eq!(told.last().unwrap()["score"], json!(1), "the best of both: {told:#?}");
}

/// The data of the events of a kind, in their order.
async fn told(school: &School, kind: &str) -> Vec<Value> {
    school.fleet.told(school.id, kind).await
}
