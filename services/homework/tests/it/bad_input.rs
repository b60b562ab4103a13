//! Bad input: every fault named at once, nothing stored, the service alive.

use reqwest::Method;
use serde_json::{Value, json};

use crate::school::School;

#[tokio::test]
async fn every_fault_of_a_body_is_named_at_once() {
    let school = School::open().await;
    let answer = school.teacher.post("/api/v1/homework", &json!({"class_id": 7, "title": "", "max_points": "many", "marks": 1})).await;
    assert_eq!(answer.status, 422, "{:#}", answer.body);
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/class_id", "/due_at", "/marks", "/max_points", "/title"]);
    assert_eq!(answer.header("content-type"), "application/problem+json");

    let mut body = school.assignment("Rules", 7);
    body["max_points"] = json!(0);
    body["max_attempts"] = json!(0);
    body["late_policy"] = json!({"deduction_percent": 101});
    body["cutoff_at"] = json!("2020-01-01T00:00:00Z");
    let answer = school.teacher.post("/api/v1/homework", &body).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/cutoff_at", "/late_policy", "/max_attempts", "/max_points"], "{:#}", answer.body);
    nothing_stored(&school).await;
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused_with_their_place() {
    let school = School::open().await;
    let post = |body: Vec<u8>, media: &'static str| {
        school.teacher.send(school.teacher.request(Method::POST, "/api/v1/homework").header("Content-Type", media).body(body))
    };
    let whole = school.assignment("x", 1).to_string();
    let truncated = post(whole.as_bytes()[..whole.len() - 9].to_vec(), "application/json").await;
    assert_eq!((truncated.status, truncated.body["detail"].as_str().unwrap().contains("line 1")), (400, true), "{:#}", truncated.body);
    let mut invalid = whole.clone().into_bytes();
    invalid[20] = 0xff;
    assert_eq!(post(invalid, "application/json").await.status, 400);
    assert_eq!(post(b"{}".to_vec(), "text/plain").await.status, 415);
    let huge = json!({"title": "x".repeat(300_000)}).to_string().into_bytes();
    assert_eq!(post(huge, "application/json").await.status, 413);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    assert_eq!(post(deep, "application/json").await.status, 400);
    assert_eq!(post(Vec::new(), "application/json").await.status, 400);
    nothing_stored(&school).await;
}

#[tokio::test]
async fn marks_that_are_no_marks_are_refused() {
    let school = School::open().await;
    let path = school.given(&school.assignment("Marks", 7)).await;
    let handed_in = school.student.post_once(&format!("{path}/submissions"), "k", &json!({"content": "x"})).await;
    let grade = format!("{}/grade", handed_in.header("location"));
    for points in [json!(-1), json!(20.01), json!(1.005), json!(1e300), json!("20"), json!(null), json!([])] {
        let answer = school.teacher.post_if(&grade, "\"v1\"", &json!({"points": points})).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/points"]), "{points}: {:#}", answer.body);
    }
    let nan = school
        .teacher
        .request(Method::POST, &grade)
        .header("If-Match", "\"v1\"")
        .header("Content-Type", "application/json")
        .body(r#"{"points": NaN}"#);
    assert_eq!(school.teacher.send(nan).await.status, 400);
}

#[tokio::test]
async fn headers_that_a_change_needs_are_asked_for_and_checked() {
    let school = School::open().await;
    let draft = school.draft("Headers").await;
    let path = draft.header("location").to_owned();
    let publish = format!("{path}/publish");
    assert_eq!(school.teacher.post(&publish, &json!({})).await.status, 428);
    for bad in ["v1", "*", "W/\"v1\"", "\"v0\"", "\"v1\", \"v2\""] {
        assert_eq!(school.teacher.post_if(&publish, bad, &json!({})).await.status, 400, "{bad}");
    }
    assert_eq!(school.teacher.post_if(&publish, "\"v9\"", &json!({})).await.status, 412);
    school.teacher.post_if(&publish, "\"v1\"", &json!({})).await.expect(200);
    assert_eq!(school.student.post(&format!("{path}/submissions"), &json!({"content": "x"})).await.pointers(), ["header:Idempotency-Key"]);
    assert_eq!(school.student.post_once(&format!("{path}/submissions"), "with space", &json!({"content": "x"})).await.status, 400);
    assert_eq!(school.teacher.get("/api/v1/homework/not-an-id").await.pointers(), ["path:id"]);
    assert_eq!(school.teacher.get("/api/v1/homework?limit=0&colour=red").await.status, 422);
}

#[tokio::test]
async fn tokens_that_are_not_ours_open_nothing() {
    let school = School::open().await;
    let path = school.given(&school.assignment("Tokens", 7)).await;
    let token = school.teacher.token().to_owned();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let forged = [
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}.{}", "A".repeat(signature.len())),
        "x".to_owned(),
        String::new(),
    ];
    for token in forged {
        let answer = school.fleet.with_token(&token).get(&path).await;
        assert_eq!(answer.status, 401, "{token}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(school.teacher.get(&path).await.status, 200);
}

async fn nothing_stored(school: &School) {
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM homework").await, 0);
    let list: Value = school.teacher.get("/api/v1/homework").await.expect(200);
    assert_eq!(list["items"], json!([]));
}
