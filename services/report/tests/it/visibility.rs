//! Who sees whose grades.

use domain::Role;
use serde_json::{Value, json};

use crate::school::{School, line_of};

#[tokio::test]
async fn students_and_parents_see_their_own_and_nothing_that_is_hidden_shows_in_a_total() {
    let school = School::open().await;
    let shown = school.item("Shown", json!({})).await;
    let hidden = school.item("Hidden", json!({"is_hidden": true})).await;
    school.mark(&shown, json!({"points": 80}), json!({"points": 1})).await;
    let sheet = school.mark(&hidden, json!({"points": 20}), json!({"points": 1})).await;
    let own = format!("/api/v1/students/{}/grades", school.student_id);
    for api in [&school.student, &school.parent] {
        let seen = api.get(&own).await.expect(200);
        let class = &seen["classes"][0];
        assert_eq!(class["grades"].as_array().unwrap().len(), 1);
        assert_eq!(class["totals"]["overall"]["percent"], json!(80.0));
        api.get(&format!("/api/v1/students/{}/grades", school.classmate_id)).await.expect(404);
        api.get(&school.book()).await.expect(403);
    }
    let line = sheet["lines"].as_array().unwrap().iter().find(|line| line["student_id"] == json!(school.student_id)).unwrap();
    school.student.get(&format!("/api/v1/grades/{}", line["grade"]["id"].as_str().unwrap())).await.expect(404);
    let teacher = school.teacher.get(&own).await.expect(200);
    assert_eq!(teacher["classes"][0]["totals"]["overall"]["percent"], json!(50.0));
    // A class that shows no totals.
    let settings = format!("{}/settings", school.book());
    let etag = school.teacher.get(&settings).await.etag();
    school.teacher.patch(&settings, &etag, &json!({"shows_totals": false})).await.expect(200);
    assert_eq!(school.student.get(&own).await.expect(200)["classes"][0]["totals"], Value::Null);
}

#[tokio::test]
async fn a_third_school_finds_no_door() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let sheet = school.mark(&item, json!({"points": 80}), json!({})).await;
    let grade = sheet["lines"][0]["grade"]["id"].as_str().or(sheet["lines"][1]["grade"]["id"].as_str()).unwrap().to_owned();
    let category = school.category(json!({"name": "Work"})).await;
    let scale =
        school.office.post("/api/v1/grade-scales", &json!({"name": "S", "steps": [{"letter": "A", "from_percent": 0}]})).await.expect(201);
    let other = school.fleet.school("Another school").await;
    school.fleet.member(other, Role::SchoolAdmin, "office@b.example").await;
    let stranger = school.fleet.login("office@b.example").await;
    for path in [
        format!("/api/v1/grade-items/{item}"),
        format!("/api/v1/grade-items/{item}/grades"),
        format!("/api/v1/grade-items?class_id={}", school.class),
        format!("/api/v1/grade-categories/{category}"),
        format!("/api/v1/grade-categories?class_id={}", school.class),
        format!("/api/v1/grade-scales/{}", scale["id"].as_str().unwrap()),
        format!("/api/v1/grades/{grade}"),
        format!("/api/v1/grades/{grade}/history"),
        school.book(),
        format!("{}.csv", school.book()),
        format!("{}/settings", school.book()),
        format!("/api/v1/students/{}/grades", school.student_id),
    ] {
        let answer = stranger.get(&path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
    stranger.patch(&format!("/api/v1/grades/{grade}"), "\"v1\"", &json!({"points": 1})).await.expect(404);
    stranger.post_if(&format!("{}/recompute", school.book()), "\"v1\"", &json!({})).await.expect(404);
    stranger.post_if(&format!("/api/v1/grade-items/{item}/lock"), "\"v1\"", &json!({})).await.expect(404);
    stranger.delete(&format!("/api/v1/grade-categories/{category}"), "\"v1\"").await.expect(404);
    let body = json!({"class_id": school.class, "name": "Mine", "max_points": 1});
    stranger.post("/api/v1/grade-items", &body).await.expect(404);
}

#[tokio::test]
async fn a_teacher_of_another_class_keeps_no_book_here() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    school.fleet.member(school.school, Role::Teacher, "other@a.example").await;
    let other = school.fleet.login("other@a.example").await;
    other.get(&school.book()).await.expect(404);
    other.get(&format!("/api/v1/grade-items/{item}/grades")).await.expect(404);
    other.get(&format!("/api/v1/students/{}/grades", school.student_id)).await.expect(404);
}

#[tokio::test]
async fn of_classmates_each_sees_their_own_and_nobody_changes_what_they_see() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let sheet = school.mark(&item, json!({"points": 80, "comment": "Well done."}), json!({"points": 30})).await;
    let grade = format!("/api/v1/grades/{}", line_of(&sheet, school.student_id)["grade"]["id"].as_str().unwrap());
    for api in [&school.student, &school.parent] {
        let seen = api.get(&grade).await;
        assert_eq!(api.get(&grade).await.expect(200)["comment"], json!("Well done."));
        api.patch(&grade, &seen.etag(), &json!({"points": 100})).await.expect(403);
    }
    school.classmate.get(&grade).await.expect(404);
    school.classmate.get(&format!("/api/v1/students/{}/grades", school.student_id)).await.expect(404);
    let own = school.classmate.get(&format!("/api/v1/students/{}/grades", school.classmate_id)).await.expect(200);
    assert_eq!(own["classes"][0]["grades"][0]["grade"]["points"], json!(30));
    school.fleet.member(school.school, Role::Staff, "staff@a.example").await;
    let staff = school.fleet.login("staff@a.example").await;
    staff.get(&school.book()).await.expect(403);
    staff.get(&grade).await.expect(403);
}
