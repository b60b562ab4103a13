//! What is wrong is said, all of it, and nothing is written.

use domain::StudentId;
use serde_json::json;

use crate::school::{School, put};

#[tokio::test]
async fn a_sheet_with_faults_tells_each_at_its_place_and_writes_nothing() {
    let school = School::open().await;
    let item = school.item("Test", json!({"max_points": 20})).await;
    let path = format!("/api/v1/grade-items/{item}/grades");
    let etag = school.teacher.get(&path).await.etag();
    let body = json!({"grades": [
        {"student_id": school.student_id, "grade": {"points": 21}},
        {"student_id": StudentId::generate(), "grade": {"points": 1}},
        {"student_id": school.student_id, "grade": {"override_points": 20.01}},
        {"student_id": school.classmate_id, "grade": {"points": 5}},
    ]});
    let answer = put(&school.teacher, &path, &etag, &body).await;
    assert_eq!(answer.status, 422);
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/grades/0/grade/points", "/grades/1/student_id", "/grades/2/grade/override_points", "/grades/2/student_id"]);
    assert_eq!(school.teacher.get(&path).await.etag(), etag);
}

#[tokio::test]
async fn marks_that_are_none_are_refused() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let path = format!("/api/v1/grade-items/{item}/grades");
    let etag = school.teacher.get(&path).await.etag();
    for marks in ["-1", "1.005", "1e9", "\"12\"", "NaN", "true"] {
        let body = format!("{{\"grades\": [{{\"student_id\": \"{}\", \"grade\": {{\"points\": {marks}}}}}]}}", school.student_id);
        let request =
            school.teacher.request(reqwest::Method::PUT, &path).header("If-Match", &etag).header("Content-Type", "application/json");
        let answer = school.teacher.send(request.body(body)).await;
        assert!(matches!(answer.status, 400 | 422), "{marks}: {} {}", answer.status, answer.body);
    }
}

#[tokio::test]
async fn every_write_needs_the_version_that_it_is_based_on() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let marks = json!({"grades": [{"student_id": school.student_id, "grade": {"points": 1}}]});
    let without = school.teacher.request(reqwest::Method::PUT, &format!("/api/v1/grade-items/{item}/grades")).json(&marks);
    school.teacher.send(without).await.expect(428);
    let without = school.teacher.request(reqwest::Method::PATCH, &format!("/api/v1/grade-items/{item}")).json(&json!({"name": "X"}));
    school.teacher.send(without).await.expect(428);
}

#[tokio::test]
async fn a_scale_without_a_floor_and_categories_that_contradict_themselves_are_refused() {
    let school = School::open().await;
    let scale = json!({"name": "S", "steps": [{"letter": "A", "from_percent": 50}, {"letter": "B", "from_percent": 20}]});
    let refused = school.office.post("/api/v1/grade-scales", &scale).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/steps"]));
    let both = json!({"class_id": school.class, "name": "C", "drop_lowest": 1, "keep_highest": 2, "weight": 1.00001});
    let refused = school.teacher.post("/api/v1/grade-categories", &both).await;
    let mut pointers = refused.pointers();
    pointers.sort_unstable();
    assert_eq!((refused.status, pointers), (422, vec!["/keep_highest", "/weight"]));
    school.student.post("/api/v1/grade-categories", &json!({"class_id": school.class, "name": "C"})).await.expect(403);
}
