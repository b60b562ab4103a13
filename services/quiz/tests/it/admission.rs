//! From where and with which browser a quiz may be sat.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api};

use crate::school::{Paper, School};

const CONFIG_KEY: &str = "81aad4ab9dfd447cc479e6a4a7c9a544e2cafc7f3adeb68b2a21efad68eca4dc";
const EXAM_KEY: &str = "4cfa0b4d3a6b4b7e9f6a1d0c2e8f5a7b9c3d1e0f2a4b6c8d0e1f3a5b7c9d2e4f";

async fn behind_a_proxy() -> School {
    School::open_with(&[("TRUSTED_PROXY_HOPS", "1"), ("PUBLIC_URL", "https://exams.example")]).await
}

async fn call(who: &Api, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let request = headers.iter().fold(who.request(method.clone(), path), |request, (name, value)| request.header(*name, *value));
    who.send(if method == Method::GET { request } else { request.json(body) }).await
}

/// Every way to sit: start, look at the questions, save, check, submit with a last answer.
async fn statuses(school: &School, paper: &Paper, attempt: &str, headers: &[(&str, &str)]) -> Vec<u16> {
    let slot = &paper.slots[0];
    let truth = json!({"response": {"is_true": true}});
    let last = json!({"answers": [{"slot_id": slot, "response": {"is_true": true}}]});
    let mut told = Vec::new();
    for (method, path, body) in [
        (Method::POST, format!("{}/start", paper.path), &json!({})),
        (Method::GET, attempt.to_owned(), &Value::Null),
        (Method::PUT, format!("{attempt}/answers/{slot}"), &truth),
        (Method::POST, format!("{attempt}/answers/{slot}/check"), &json!({})),
        (Method::POST, format!("{}/submit", paper.path), &last),
    ] {
        told.push(call(&school.student, method, &path, headers, body).await.status);
    }
    told
}

#[tokio::test]
async fn a_quiz_for_the_school_s_network_is_sat_from_nowhere_else() {
    let school = behind_a_proxy().await;
    let mut settings = school.settings("In the lab");
    settings["behaviour"] = json!("immediate");
    settings["allowed_networks"] = json!(["192.168.20.0/24", "2001:db8:20::/48"]);
    let paper = school.given(&settings, 1).await;
    let start = format!("{}/start", paper.path);
    let at = |address: &'static str| [("x-forwarded-for", address)];
    for outside in ["192.168.21.1", "203.0.113.9", "2001:db8:21::1", "192.168.20.7, 203.0.113.9", "nonsense"] {
        assert_eq!(call(&school.student, Method::POST, &start, &at(outside), &json!({})).await.status, 403, "{outside}");
    }
    // What the client makes up stands before what our proxy saw.
    let begun = call(&school.student, Method::POST, &start, &at("203.0.113.9, 192.168.20.7"), &json!({})).await.expect(201);
    let attempt = format!("/api/v1/attempts/{}", begun["id"].as_str().unwrap());
    assert_eq!(statuses(&school, &paper, &attempt, &at("192.168.20.7, 10.0.0.1")).await, [403; 5]);
    assert_eq!(school.teacher.get(&attempt).await.status, 200, "a teacher looks from anywhere");
    assert_eq!(statuses(&school, &paper, &attempt, &at("2001:db8:20::5")).await, [200; 5]);
    let quiz = school.student.get(&paper.path).await.expect(200);
    assert_eq!((&quiz["is_bound_to_networks"], quiz.get("allowed_networks")), (&json!(true), None));
    let quiz = school.teacher.get(&paper.path).await.expect(200);
    assert_eq!(quiz["allowed_networks"], json!(["192.168.20.0/24", "2001:db8:20::/48"]));
}

#[tokio::test]
async fn a_network_that_is_taken_away_counts_from_the_next_answer_on() {
    let school = behind_a_proxy().await;
    let paper = school.given(&school.settings("Moving"), 1).await;
    let sitting = school.start(&school.student, &paper).await;
    let path = format!("{}/answers/{}", sitting.path, paper.slots[0]);
    let save = async || {
        call(&school.student, Method::PUT, &path, &[("x-forwarded-for", "203.0.113.9")], &json!({"response": {"is_true": true}}))
            .await
            .status
    };
    assert_eq!(save().await, 200);
    let changed = school.teacher.patch(&paper.path, &paper.etag, &json!({"allowed_networks": ["10.0.0.0/8"]})).await;
    let etag = changed.etag();
    changed.expect(200);
    assert_eq!(save().await, 403);
    // What was saved in its place may be handed in from anywhere.
    assert_eq!(school.student.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200)["score"], json!(1));
    for (bad, pointer) in [(json!(["10.0.0.0/33"]), "/allowed_networks"), (json!(["school.example"]), "/allowed_networks")] {
        let refused = school.teacher.patch(&paper.path, &etag, &json!({"allowed_networks": bad})).await;
        assert_eq!(refused.status, 422);
        assert!(refused.pointers()[0].starts_with(pointer), "{:#}", refused.body);
    }
}

#[tokio::test]
async fn a_quiz_for_safe_exam_browser_asks_for_the_hash_of_every_url_and_tells_nobody_its_keys() {
    let school = behind_a_proxy().await;
    let mut settings = school.settings("Locked down");
    settings["safe_browser"] = json!({"config_keys": [CONFIG_KEY]});
    let paper = school.given(&settings, 1).await;
    let hash = |path: &str, key: &str| quiz::model::admission::key_hash(&format!("https://exams.example{path}"), key);
    let start = format!("{}/start", paper.path);
    let header = "x-safeexambrowser-configkeyhash";
    for wrong in [hash(&paper.path, CONFIG_KEY), hash(&start, EXAM_KEY), CONFIG_KEY.to_owned(), String::new()] {
        assert_eq!(call(&school.student, Method::POST, &start, &[(header, &wrong)], &json!({})).await.status, 403);
    }
    assert_eq!(school.student.post(&start, &json!({})).await.status, 403);
    let begun = call(&school.student, Method::POST, &start, &[(header, &hash(&start, CONFIG_KEY))], &json!({})).await.expect(201);
    let attempt = format!("/api/v1/attempts/{}", begun["id"].as_str().unwrap());
    assert_eq!(school.student.get(&attempt).await.status, 403);
    let path = format!("{attempt}/answers/{}", paper.slots[0]);
    let body = json!({"response": {"is_true": true}});
    assert_eq!(
        call(&school.student, Method::PUT, &path, &[(header, &hash(&start, CONFIG_KEY))], &body).await.status,
        403,
        "of another URL"
    );
    call(&school.student, Method::PUT, &path, &[(header, &hash(&path, CONFIG_KEY))], &body).await.expect(200);
    // The Browser Exam Key as well.
    let both = json!({"safe_browser": {"config_keys": [CONFIG_KEY], "exam_keys": [EXAM_KEY]}});
    let changed = school.teacher.patch(&paper.path, &paper.etag, &both).await;
    let etag = changed.etag();
    let told = changed.expect(200);
    assert_eq!(call(&school.student, Method::PUT, &path, &[(header, &hash(&path, CONFIG_KEY))], &body).await.status, 403);
    let headers = [(header, hash(&path, CONFIG_KEY)), ("x-safeexambrowser-requesthash", hash(&path, EXAM_KEY))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    call(&school.student, Method::PUT, &path, &headers, &body).await.expect(200);
    for reader in [&school.student, &school.parent, &school.teacher, &school.office] {
        for path in [paper.path.clone(), "/api/v1/quizzes".to_owned(), format!("{}/slots", paper.path), format!("{}/results", paper.path)] {
            let shown = reader.request(Method::GET, &path).send().await.unwrap().text().await.unwrap();
            assert!(!shown.contains(CONFIG_KEY) && !shown.contains(EXAM_KEY), "{path}: {shown}");
        }
    }
    assert!(!told.to_string().contains(EXAM_KEY) && told["needs_safe_browser"] == json!(true), "{told:#}");
    let bad = school.teacher.patch(&paper.path, &etag, &json!({"safe_browser": {"exam_keys": ["short"]}})).await;
    assert_eq!((bad.status, bad.pointers()), (422, vec!["/safe_browser/exam_keys"]));
    let open = school.teacher.patch(&paper.path, &etag, &json!({"safe_browser": {}})).await.expect(200);
    assert_eq!(open["needs_safe_browser"], json!(false));
    assert_eq!(school.student.get(&attempt).await.status, 200);
}
