//! Grades that come from homework: by events, and the same when computed anew.

use serde_json::{Value, json};
use testkit::Api;

use crate::school::{School, eventually, id, line_of};

/// Homework set, handed in by the student, graded with `points` and given back: the homework and the submission.
async fn returned(school: &School, title: &str, points: f64) -> (String, String) {
    let body = json!({"class_id": school.class, "title": title, "due_at": "2030-01-01T00:00:00Z", "max_points": 20});
    let homework = school.teacher.post("/api/v1/homework", &body).await;
    let (etag, homework) = (homework.etag(), id(&homework.expect(201)));
    school.teacher.post_if(&format!("/api/v1/homework/{homework}/publish"), &etag, &json!({})).await.expect(200);
    let submitted =
        school.student.post_once(&format!("/api/v1/homework/{homework}/submissions"), title, &json!({"content": "Here."})).await;
    let submission = id(&submitted.expect(201));
    grade(&school.teacher, &submission, points).await;
    (homework, submission)
}

async fn grade(teacher: &Api, submission: &str, points: f64) {
    let path = format!("/api/v1/submissions/{submission}");
    let etag = teacher.get(&path).await.etag();
    let graded = teacher.post_if(&format!("{path}/grade"), &etag, &json!({"points": points})).await;
    let etag = graded.etag();
    graded.expect(200);
    teacher.post_if(&format!("{path}/return"), &etag, &json!({})).await.expect(200);
}

#[tokio::test]
async fn a_returned_submission_becomes_a_grade_and_computing_anew_changes_nothing() {
    let school = School::open().await;
    let (homework, _) = returned(&school, "Fractions", 17.5).await;
    let found = eventually(async || school.grades().await, |grades| !grades.is_empty()).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["points"], &found[0]["graded_by"]), (&json!(17.5), &Value::Null));
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(87.5));
    assert_eq!(school.recompute().await, json!({"changed": 0, "unchanged": 1}));
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

/// As if the book had never been fed with these grades: saved first, then gone from PostgreSQL and Redis.
async fn unfed(school: &School, grades: impl Iterator<Item = &String>) {
    let mut superuser = school.fleet.database.superuser().await;
    let buffer = school.fleet.platform.buffer();
    assert!(buffer.wait_until_saved(domain::ServiceName::Report, school.school, std::time::Duration::from_secs(10)).await.unwrap());
    let changes: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM grade_changes").fetch_all(&mut superuser).await.unwrap();
    sqlx::raw_sql("DELETE FROM grade_changes; DELETE FROM grades").execute(&mut superuser).await.unwrap();
    let partition = domain::Partition::of(school.school);
    let grades = grades.map(|id| cache::key::value("grade", partition, id));
    let keys: Vec<String> = grades.chain(changes.iter().map(|id| cache::key::value("grade_change", partition, id))).collect();
    let _: () = fred::interfaces::KeysInterface::del(school.fleet.platform.redis(), keys).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thirty_who_compute_a_class_anew_at_once_one_does_and_the_others_are_told() {
    let school = School::open().await;
    for (title, points) in [("One", 10.0), ("Two", 20.0)] {
        returned(&school, title, points).await;
    }
    let fed = eventually(async || school.grades().await, |grades| grades.len() == 2).await;
    unfed(&school, fed.iter().map(id).collect::<Vec<_>>().iter()).await;
    let etag = school.teacher.get(&school.book()).await.etag();
    let tries = (0..30).map(|number| {
        let (who, path) = (if number % 2 == 0 { &school.teacher } else { &school.office }, format!("{}/recompute", school.book()));
        let etag = etag.clone();
        async move { who.post_if(&path, &etag, &json!({})).await }
    });
    let answers = futures_util::future::join_all(tries).await;
    let done: Vec<&Value> = answers.iter().filter(|answer| answer.status == 200).map(|answer| &answer.body).collect();
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 412)), "{answers:?}");
    assert_eq!((done.len(), &done[0]["changed"], &done[0]["version"]), (1, &json!(2), &json!(3)));
    for grade in school.grades().await {
        assert_eq!((&grade["version"], &grade["graded_by"]), (&json!(1), &Value::Null), "it came from homework, whoever asked");
        let history = school.teacher.get(&format!("/api/v1/grades/{}/history", id(&grade))).await.expect(200);
        assert_eq!((history["items"].as_array().map(Vec::len), &history["items"][0]["changed_by"]), (Some(1), &Value::Null));
    }
}

#[tokio::test]
async fn what_events_bring_one_by_one_is_what_computing_anew_finds_when_all_of_them_were_missed() {
    let school = School::open().await;
    for (title, points) in [("One", 10.0), ("Two", 20.0), ("Three", 5.25)] {
        returned(&school, title, points).await;
    }
    let fed = eventually(async || school.grades().await, |grades| grades.len() == 3).await;
    let mut fed: Vec<(String, Value)> = fed.iter().map(|grade| (id(grade), grade["points"].clone())).collect();
    fed.sort_by(|a, b| a.0.cmp(&b.0));
    let total = school.line().await["totals"].clone();
    unfed(&school, fed.iter().map(|(id, _)| id)).await;
    assert!(school.grades().await.is_empty());
    assert_eq!(school.recompute().await, json!({"changed": 3, "unchanged": 0}));
    let mut anew: Vec<(String, Value)> = school.grades().await.iter().map(|grade| (id(grade), grade["points"].clone())).collect();
    anew.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(anew, fed);
    assert_eq!(school.line().await["totals"], total);
}

#[tokio::test]
async fn homework_that_is_graded_again_takes_its_marks_back_and_brings_the_new_ones() {
    let school = School::open().await;
    let (_, submission) = returned(&school, "Fractions", 10.0).await;
    let points = async || school.grades().await.first().map(|grade| grade["points"].clone());
    eventually(points, |points| *points == Some(json!(10))).await;
    let path = format!("/api/v1/submissions/{submission}");
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.post_if(&format!("{path}/grade"), &etag, &json!({"points": 15})).await.expect(200);
    eventually(points, |points| *points == Some(Value::Null)).await;
    assert_eq!(school.line().await["totals"]["overall"], Value::Null, "not graded is no zero");
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.post_if(&format!("{path}/return"), &etag, &json!({})).await.expect(200);
    eventually(points, |points| *points == Some(json!(15))).await;
    let history = school.teacher.get(&format!("/api/v1/grades/{}/history", id(&school.grades().await[0]))).await.expect(200);
    let marks: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|change| &change["points"]).collect();
    assert_eq!(marks, [&json!(15), &Value::Null, &json!(10)]);
}

#[tokio::test]
async fn an_item_is_there_when_homework_is_set_and_follows_what_is_changed_about_it() {
    let school = School::open().await;
    let (homework, _) = returned(&school, "Fractions", 10.0).await;
    eventually(async || school.grades().await, |grades| !grades.is_empty()).await;
    let path = format!("/api/v1/homework/{homework}");
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.patch(&path, &etag, &json!({"title": "Fractions and decimals", "max_points": 40})).await.expect(200);
    let item = eventually(async || school.fed_item(&homework).await, |item| item["max_points"] == json!(40)).await;
    assert_eq!((&item["name"], &item["due_on"]), (&json!("Fractions and decimals"), &json!("2030-01-01")));
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(25.0));
    assert_eq!(school.recompute().await, json!({"changed": 0, "unchanged": 1}));
    // What is set and not handed in yet has its place, and a category if the teacher wants.
    let body = json!({"class_id": school.class, "title": "Angles", "due_at": "2030-01-01T00:00:00Z", "max_points": 20});
    let set = school.teacher.post("/api/v1/homework", &body).await;
    let (etag, set) = (set.etag(), id(&set.expect(201)));
    assert_eq!(school.fed_item(&set).await, Value::Null, "a draft is nobody's business");
    school.teacher.post_if(&format!("/api/v1/homework/{set}/publish"), &etag, &json!({})).await.expect(200);
    let item = eventually(async || school.fed_item(&set).await, |item| !item.is_null()).await;
    let category = school.category(json!({"name": "Homework"})).await;
    let path = format!("/api/v1/grade-items/{}", id(&item));
    let etag = school.teacher.get(&path).await.etag();
    let refused = school.teacher.patch(&path, &etag, &json!({"name": "Mine", "max_points": 1, "due_on": null})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/name", "/max_points", "/due_on"]));
    school.teacher.patch(&path, &etag, &json!({"category_id": category, "weight": 2.5})).await.expect(200);
}

#[tokio::test]
async fn events_that_come_again_change_nothing() {
    use fred::interfaces::StreamsInterface;
    let school = School::open().await;
    let (_, submission) = returned(&school, "Once", 10.0).await;
    grade(&school.teacher, &submission, 12.0).await;
    eventually(async || school.grades().await, |grades| grades.first().is_some_and(|grade| grade["points"] == json!(12))).await;
    let before = school.teacher.get(&school.book()).await;
    // All of them, the oldest last.
    let (redis, stream) = (school.fleet.platform.redis(), cache::key::events(domain::Partition::of(school.school)));
    let told: Vec<(String, std::collections::HashMap<String, String>)> = redis.xrange_values(&stream, "-", "+", None).await.unwrap();
    assert!(told.len() >= 6, "{told:?}");
    for (_, fields) in told.iter().rev() {
        let _: String = redis.xadd(&stream, false, None::<()>, "*", vec![("e", fields["e"].as_str())]).await.unwrap();
    }
    // What comes behind them has been taken over: so were they.
    returned(&school, "Twice", 5.0).await;
    eventually(async || school.grades().await, |grades| grades.len() == 2 && grades.iter().all(|grade| grade["points"] != Value::Null))
        .await;
    let after = school.teacher.get(&school.book()).await;
    let (before, after) = (line_of(&before.body, school.student_id), line_of(&after.body, school.student_id));
    assert_eq!(before["grades"][0], after["grades"][0]);
}

#[tokio::test]
async fn a_locked_item_takes_nothing_over_and_catches_up_when_it_is_unlocked() {
    let school = School::open().await;
    let (homework, submission) = returned(&school, "Locked", 10.0).await;
    let points = async || school.grades().await.first().map(|grade| grade["points"].clone());
    eventually(points, |points| *points == Some(json!(10))).await;
    let item = id(&school.fed_item(&homework).await);
    school.lock(&item, "lock").await;
    grade(&school.teacher, &submission, 20.0).await;
    // What comes behind it has been taken over.
    returned(&school, "Open", 5.0).await;
    eventually(async || school.grades().await, |grades| grades.len() == 2).await;
    assert_eq!(points().await, Some(json!(10)));
    assert_eq!(school.recompute().await, json!({"changed": 0, "unchanged": 1}));
    school.lock(&item, "unlock").await;
    assert_eq!(points().await, Some(json!(20)), "unlocking is answered when it has caught up");
}
