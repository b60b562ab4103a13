//! Bad input: every fault named at once, nothing stored, the service alive.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::school::School;

#[tokio::test]
async fn every_fault_of_a_quiz_and_of_a_question_is_named_at_once() {
    let school = School::open().await;
    let mut body = school.settings("Faults");
    body["opens_at"] = json!("2026-11-21T08:00:00Z");
    body["closes_at"] = json!("2026-11-20T08:00:00Z");
    body["overdue_handling"] = json!("graceperiod");
    body["negative_fraction"] = json!(-0.5);
    body["class_id"] = json!(Uuid::now_v7());
    let answer = school.teacher.post("/api/v1/quizzes", &body).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/class_id", "/closes_at", "/grace_seconds", "/negative_fraction"], "{:#}", answer.body);
    let unknown = school.teacher.post("/api/v1/quizzes", &json!({"title": "", "colour": "red", "kind": "test"})).await;
    assert_eq!(unknown.status, 422);
    assert!(unknown.pointers().contains(&"/colour") && unknown.pointers().contains(&"/class_id"), "{:#}", unknown.body);

    let options = json!([{"text": "", "fraction": 0.5}, {"text": "x"}]);
    let content = json!({"name": "n", "stem": "", "answer": {"type": "single_choice", "options": options}});
    let question = json!({"category_id": Uuid::now_v7(), "content": content, "tags": ["a", "a"], "difficulty": 9});
    let answer = school.teacher.post("/api/v1/questions", &question).await;
    assert_eq!(answer.status, 422, "{:#}", answer.body);
    for pointer in ["/content/stem", "/content/answer/options", "/content/answer/options/0/text", "/tags", "/category_id"] {
        assert!(answer.pointers().contains(&pointer), "{pointer}: {:#}", answer.body);
    }
    assert_eq!(school.count("SELECT count(*) FROM quizzes").await, 0);
}

#[tokio::test]
async fn an_answer_to_a_question_of_another_quiz_or_of_another_type_is_refused() {
    let school = School::open().await;
    let (paper, other) = (school.given(&school.settings("One"), 1).await, school.given(&school.settings("Two"), 1).await);
    let sitting = school.start(&school.student, &paper).await;
    assert_eq!(school.save(&school.student, &sitting, &other.slots[0], &json!({"is_true": true})).await.status, 404);
    assert_eq!(school.save(&school.student, &sitting, &Uuid::now_v7().to_string(), &json!({"is_true": true})).await.status, 404);
    let wrong = school.save(&school.student, &sitting, &paper.slots[0], &json!({"text": "true"})).await;
    assert_eq!((wrong.status, wrong.pointers()), (422, vec!["/response/text"]), "{:#}", wrong.body);
    let foreign = json!({"answers": [{"slot_id": other.slots[0], "response": {"is_true": true}}]});
    let refused = school.student.post(&format!("{}/submit", paper.path), &foreign).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/answers/0/slot_id"]), "{:#}", refused.body);
    let faulty = json!({"answers": [
        {"slot_id": other.slots[0], "response": {"is_true": true}},
        {"slot_id": paper.slots[0], "response": {"keys": ["a"], "text": "b"}},
        {"slot_id": paper.slots[0], "response": null},
    ]});
    let refused = school.student.post(&format!("{}/submit", paper.path), &faulty).await;
    let mut pointers = refused.pointers();
    pointers.sort_unstable();
    let all = ["/answers/0/slot_id", "/answers/1/response/keys", "/answers/1/response/text", "/answers/2/slot_id"];
    assert_eq!((refused.status, pointers), (422, all.to_vec()), "{:#}", refused.body);
    assert_eq!(school.student.get(&sitting.path).await.expect(200)["state"], json!("in_progress"), "all or nothing");
    let gone = format!("/api/v1/attempts/{}/answers/{}", Uuid::now_v7(), paper.slots[0]);
    assert_eq!(school.put(&school.student, &gone, &json!({"response": null})).await.status, 404);
}

#[tokio::test]
async fn marks_that_are_no_marks_are_refused() {
    let school = School::open().await;
    let essay = school.question("Essay", json!({"type": "essay"})).await;
    let mut paper = school.draft(&school.settings("Marks"), &[essay]).await;
    school.publish(&mut paper).await;
    let sitting = school.start(&school.student, &paper).await;
    let grade = format!("{}/answers/{}/grade", sitting.path, paper.slots[0]);
    assert_eq!(school.teacher.patch(&grade, "\"v1\"", &json!({"mark": 1})).await.status, 409, "it still runs");
    school.save(&school.student, &sitting, &paper.slots[0], &json!({"text": "words"})).await.expect(200);
    school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    for mark in [json!(1.5), json!(-2), json!(-1), json!(-0.0001), json!(0.000_01), json!("1"), json!(null), json!(1e300)] {
        let answer = school.teacher.patch(&grade, "\"v3\"", &json!({"mark": mark})).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/mark"]), "{mark}: {:#}", answer.body);
    }
    let nan = school.teacher.request(Method::PATCH, &grade).header("If-Match", "\"v3\"").header("Content-Type", "application/json");
    assert_eq!(school.teacher.send(nan.body(r#"{"mark": NaN}"#)).await.status, 400);
    assert_eq!(school.teacher.send(school.teacher.request(Method::PATCH, &grade).json(&json!({"mark": 1}))).await.status, 428);
    assert_eq!(school.teacher.patch(&grade, "\"v9\"", &json!({"mark": 1})).await.status, 412);
}

#[tokio::test]
async fn a_question_of_ten_megabytes_is_refused_before_it_is_read() {
    let school = School::open().await;
    let body =
        json!({"category_id": school.category, "content": {"name": "n", "stem": "x".repeat(10_000_000), "answer": {"type": "essay"}}});
    assert_eq!(school.teacher.post("/api/v1/questions", &body).await.status, 413);
    let paper = school.given(&school.settings("Long"), 1).await;
    let sitting = school.start(&school.student, &paper).await;
    let long = school.save(&school.student, &sitting, &paper.slots[0], &json!({"text": "x".repeat(600_000)})).await;
    assert_eq!(long.status, 413);
}

#[tokio::test]
async fn a_password_is_needed_and_can_not_be_guessed_for_long() {
    let school = School::open().await;
    let mut settings = school.settings("Secret");
    settings["password"] = json!("blackboard");
    let paper = school.given(&settings, 1).await;
    let shown = school.student.get(&paper.path).await.expect(200);
    assert_eq!(shown["has_password"], json!(true));
    assert!(!shown.to_string().contains("pbkdf2") && !shown.to_string().contains("blackboard"));
    let start = format!("{}/start", paper.path);
    for _ in 0..20 {
        assert_eq!(school.student.post(&start, &json!({})).await.pointers(), ["/password"], "not to know that there is one is no guess");
    }
    for _ in 0..10 {
        assert_eq!(school.student.post(&start, &json!({"password": "whiteboard"})).await.status, 422);
    }
    let locked = school.student.post(&start, &json!({"password": "blackboard"})).await;
    assert_eq!(locked.status, 423, "{:#}", locked.body);
    assert_eq!(school.classmate.post(&start, &json!({"password": "blackboard"})).await.status, 201, "others are not held up");
}

#[tokio::test]
async fn of_sixty_guesses_at_once_ten_are_looked_at() {
    let school = School::open().await;
    let mut settings = school.settings("Secret");
    settings["password"] = json!("blackboard");
    let paper = school.given(&settings, 1).await;
    let start = format!("{}/start", paper.path);
    let wrong = json!({"password": "whiteboard"});
    let told = join_all((0..60).map(|_| school.student.post(&start, &wrong))).await;
    let tried = told.iter().filter(|answer| answer.status == 422).count();
    assert_eq!((tried, told.iter().filter(|answer| answer.status == 423).count()), (10, 50));
}

#[tokio::test]
async fn the_body_with_which_an_attempt_begins_may_be_left_out_and_is_judged_like_any_other() {
    let school = School::open().await;
    let paper = school.given(&school.settings("Open"), 1).await;
    let start = format!("{}/start", paper.path);
    for (body, pointers) in [(json!({"password": 1}), ["/password"]), (json!([]), [""]), (json!({"colour": "red"}), ["/colour"])] {
        let refused = school.student.post(&start, &body).await;
        assert_eq!((refused.status, refused.pointers()), (422, pointers.to_vec()), "{:#}", refused.body);
        assert!(!refused.body.to_string().contains("invalid type"), "{:#}", refused.body);
    }
    assert_eq!(school.student.post(&start, &json!(null)).await.status, 201);
    assert_eq!(school.student.send(school.student.request(Method::POST, &start)).await.status, 200, "no body at all");
}

#[tokio::test]
async fn a_setting_that_is_none_is_told_with_the_names_that_requests_use() {
    let school = School::open().await;
    let named = [
        ("kind", "exam"),
        ("overdue_handling", "graceperiod"),
        ("grade_method", "highest"),
        ("behaviour", "deferred"),
        ("mark_floor", "question"),
    ];
    for (field, name) in named {
        let mut body = school.settings("Names");
        body[field] = json!("x");
        let refused = school.teacher.post("/api/v1/quizzes", &body).await;
        assert_eq!(refused.pointers(), [format!("/{field}")], "{:#}", refused.body);
        assert!(refused.body["errors"][0]["detail"].as_str().unwrap().contains(name), "{:#}", refused.body);
        body[field] = json!(name);
        body["grace_seconds"] = json!(60);
        assert_eq!(school.teacher.post("/api/v1/quizzes", &body).await.status, 201, "{field}");
    }
}
