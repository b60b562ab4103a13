//! Grades that come from homework: by events, and the same when computed anew.

use serde_json::{Value, json};
use testkit::Api;

use crate::school::{School, eventually, id};

/// Homework set, handed in by the student, graded with `points` and given back.
async fn returned(school: &School, title: &str, points: f64) -> String {
    let body = json!({"class_id": school.class, "title": title, "due_at": "2030-01-01T00:00:00Z", "max_points": 20});
    let homework = school.teacher.post("/api/v1/homework", &body).await;
    let (etag, homework) = (homework.etag(), id(&homework.expect(201)));
    school.teacher.post_if(&format!("/api/v1/homework/{homework}/publish"), &etag, &json!({})).await.expect(200);
    let submitted =
        school.student.post_once(&format!("/api/v1/homework/{homework}/submissions"), title, &json!({"content": "Here."})).await;
    let submission = id(&submitted.expect(201));
    grade(&school.teacher, &submission, points).await;
    homework
}

async fn grade(teacher: &Api, submission: &str, points: f64) {
    let path = format!("/api/v1/submissions/{submission}");
    let etag = teacher.get(&path).await.etag();
    let graded = teacher.post_if(&format!("{path}/grade"), &etag, &json!({"points": points})).await;
    let etag = graded.etag();
    graded.expect(200);
    teacher.post_if(&format!("{path}/return"), &etag, &json!({})).await.expect(200);
}

async fn grades(school: &School) -> Vec<Value> {
    let line = school.line().await;
    line["grades"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_returned_submission_becomes_a_grade_and_computing_anew_changes_nothing() {
    let school = School::open().await;
    let homework = returned(&school, "Fractions", 17.5).await;
    let found = eventually(async || grades(&school).await, |grades| !grades.is_empty()).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["points"], &found[0]["graded_by"]), (&json!(17.5), &Value::Null));
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(87.5));
    let again = school.teacher.post(&format!("{}/recompute", school.book()), &json!({})).await.expect(200);
    assert_eq!(again, json!({"changed": 0, "unchanged": 1}));
    // Its marks are the homework's: by hand only an override.
    let items = school.teacher.get(&format!("/api/v1/grade-items?class_id={}", school.class)).await.expect(200);
    let item = &items["items"][0];
    assert_eq!((&item["source_kind"], &item["source_ref"], &item["name"]), (&json!("homework"), &json!(homework), &json!("Fractions")));
    let path = format!("/api/v1/grades/{}", id(&found[0]));
    let etag = school.teacher.get(&path).await.etag();
    let refused = school.teacher.patch(&path, &etag, &json!({"points": 3})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/points"]));
    school.teacher.patch(&path, &etag, &json!({"override_points": 20})).await.expect(200);
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(100.0));
}

#[tokio::test]
async fn what_events_bring_one_by_one_is_what_computing_anew_finds_when_all_of_them_were_missed() {
    let school = School::open().await;
    for (title, points) in [("One", 10.0), ("Two", 20.0), ("Three", 5.25)] {
        returned(&school, title, points).await;
    }
    let fed = eventually(async || grades(&school).await, |grades| grades.len() == 3).await;
    let mut fed: Vec<(String, Value)> = fed.iter().map(|grade| (id(grade), grade["points"].clone())).collect();
    fed.sort_by(|a, b| a.0.cmp(&b.0));
    let total = school.line().await["totals"].clone();
    // As if the book had never been fed: saved first, then gone from PostgreSQL and Redis.
    let mut superuser = school.fleet.database.superuser().await;
    let buffer = school.fleet.platform.buffer();
    assert!(buffer.wait_until_saved(domain::ServiceName::Report, school.school, std::time::Duration::from_secs(10)).await.unwrap());
    sqlx::raw_sql("DELETE FROM grade_changes; DELETE FROM grades").execute(&mut superuser).await.unwrap();
    let keys: Vec<String> =
        fed.iter().map(|(id, _)| cache::key::value("grade", domain::Partition::of(school.school), id)).collect();
    let _: () = fred::interfaces::KeysInterface::del(school.fleet.platform.redis(), keys).await.unwrap();
    assert!(grades(&school).await.is_empty());
    let done = school.teacher.post(&format!("{}/recompute", school.book()), &json!({})).await.expect(200);
    assert_eq!(done, json!({"changed": 3, "unchanged": 0}));
    let mut anew: Vec<(String, Value)> = grades(&school).await.iter().map(|grade| (id(grade), grade["points"].clone())).collect();
    anew.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(anew, fed);
    assert_eq!(school.line().await["totals"], total);
}
