//! Grades written at the moment at which their item's rules change: whoever comes second is judged by what the first one did.

use chrono::{DateTime, Utc};
use domain::Role;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use testkit::Answer;

use crate::school::{School, eventually, id, line_of, put};

const ROUNDS: usize = 15;

/// The sheet of an item.
fn sheet_of(item: &str) -> String {
    format!("/api/v1/grade-items/{item}/grades")
}

/// Gives the student `points`, for who saw `etag`.
async fn mark(school: &School, item: &str, etag: &str, points: f64) -> Answer {
    put(&school.teacher, &sheet_of(item), etag, &json!({"grades": [{"student_id": school.student_id, "grade": {"points": points}}]})).await
}

/// An item of ten marks, and the `ETag` of its sheet; every second one is spoken of already.
async fn fresh(school: &School, round: usize) -> (String, String, String) {
    let item = school.item(&format!("Test {round}"), json!({"max_points": 10})).await;
    if round.is_multiple_of(2) {
        school.mark(&item, json!({}), json!({"is_missing": true})).await;
    }
    let etag = school.teacher.get(&sheet_of(&item)).await.etag();
    (format!("/api/v1/grade-items/{item}"), item, etag)
}

/// What the student's grade for the item is.
async fn grade(school: &School, item: &str) -> Value {
    line_of(&school.teacher.get(&sheet_of(item)).await.expect(200), school.student_id)["grade"].clone()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_more_than_an_item_is_worth_when_both_change_at_once() {
    let school = School::open().await;
    for round in 0..ROUNDS {
        let (path, item, etag) = fresh(&school, round).await;
        let less = json!({"max_points": 5});
        let (marked, changed) = join(mark(&school, &item, &etag, 9.0), school.teacher.patch(&path, "\"v1\"", &less)).await;
        let worth = school.teacher.get(&path).await.expect(200)["max_points"].as_f64().unwrap();
        let points = grade(&school, &item).await["points"].as_f64().unwrap_or_default();
        assert!(points <= worth, "round {round}: {points} of {worth}");
        assert!(matches!((marked.status, changed.status), (200, 422) | (422, 200)), "{} {}", marked.status, changed.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_override_stands_above_what_was_extra_credit_at_that_moment() {
    let school = School::open().await;
    for round in 0..ROUNDS {
        let (path, item, _) = fresh(&school, round).await;
        school.teacher.patch(&path, "\"v1\"", &json!({"is_extra_credit": true})).await.expect(200);
        school.mark(&item, json!({"points": 3}), json!({})).await;
        let grade_path = format!("/api/v1/grades/{}", id(&grade(&school, &item).await));
        let (over, plain) = (json!({"override_points": 12}), json!({"is_extra_credit": false}));
        let (marked, changed) =
            join(school.teacher.patch(&grade_path, "\"v1\"", &over), school.teacher.patch(&path, "\"v2\"", &plain)).await;
        assert!(matches!((marked.status, changed.status), (200, 422) | (422, 200)), "{} {}", marked.status, changed.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grade_is_younger_than_the_lock_that_came_at_the_same_moment() {
    let school = School::open().await;
    for round in 0..2 * ROUNDS {
        let (path, item, etag) = fresh(&school, round).await;
        let (lock, none) = (format!("{path}/lock"), json!({}));
        let (marked, locked) = join(mark(&school, &item, &etag, 9.0), school.teacher.post_if(&lock, "\"v1\"", &none)).await;
        let locked = time(&locked.expect(200)["locked_at"]);
        let grade = grade(&school, &item).await;
        match marked.status {
            200 => assert!(time(&grade["graded_at"]) <= locked, "round {round}: {grade} after {locked}"),
            409 => assert!(grade["points"].is_null()),
            status => panic!("{status}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_was_acknowledged_is_never_of_an_item_that_is_removed() {
    let school = School::open().await;
    for round in 0..ROUNDS {
        let item = school.item(&format!("Test {round}"), json!({})).await;
        let path = format!("/api/v1/grade-items/{item}");
        let etag = school.teacher.get(&sheet_of(&item)).await.etag();
        let (marked, removed) = join(mark(&school, &item, &etag, 9.0), school.teacher.delete(&path, "\"v1\"")).await;
        assert!(matches!((marked.status, removed.status), (200, 409) | (404, 204)), "{} {}", marked.status, removed.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_saw_one_sheet_and_grade_different_students_one_is_told() {
    let school = School::open().await;
    for round in 0..ROUNDS {
        let (_, item, etag) = fresh(&school, round).await;
        let (path, etag) = (&sheet_of(&item), &etag);
        let tries = [school.student_id, school.classmate_id].map(|student| {
            let body = json!({"grades": [{"student_id": student, "grade": {"points": 7}}]});
            let teacher = &school.teacher;
            async move { put(teacher, path, etag, &body).await.status }
        });
        let mut outcomes = join_all(tries).await;
        outcomes.sort_unstable();
        assert_eq!(outcomes, [200, 412], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_saw_one_book_and_send_files_for_different_items_one_is_told() {
    let school = School::open().await;
    for round in 0..ROUNDS {
        let items = [fresh(&school, 1).await.1, fresh(&school, 1).await.1];
        let etag = &school.teacher.get(&school.book()).await.etag();
        let tries = items.iter().map(|item| {
            let file = format!("student_id,{item}\r\n{},7\r\n", school.student_id);
            let school = &school;
            async move { school.import(etag, "", file).await.status }
        });
        let mut outcomes = join_all(tries).await;
        outcomes.sort_unstable();
        assert_eq!(outcomes, [200, 412], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_judged_by_the_rules_of_the_moment_at_which_it_is_taken() {
    let school = School::open().await;
    for round in 0..ROUNDS {
        let (path, item, _) = fresh(&school, round).await;
        let etag = school.teacher.get(&school.book()).await.etag();
        let (file, less) = (format!("student_id,{item}\r\n{},9\r\n", school.student_id), json!({"max_points": 5}));
        let (sent, changed) = join(school.import(&etag, "", file), school.teacher.patch(&path, "\"v1\"", &less)).await;
        assert!(matches!((sent.status, changed.status), (200, 422) | (422, 200)), "{} {}", sent.status, changed.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_the_grades_of_different_students_at_once_is_done_with() {
    const STUDENTS: usize = 20;
    let school = School::open().await;
    let teacher = school.fleet.member(school.school, Role::Teacher, "many@a.example").await;
    let mut students = Vec::new();
    for number in 0..STUDENTS {
        students.push(school.fleet.member(school.school, Role::Student, &format!("student{number}@a.example")).await);
    }
    let class = school.fleet.class(school.school, "7C", teacher, &students).await;
    let teacher = school.fleet.login("many@a.example").await;
    let item = id(&teacher.post("/api/v1/grade-items", &json!({"class_id": class, "name": "Test", "max_points": 10})).await.expect(201));
    let sheet = teacher.get(&sheet_of(&item)).await;
    let etag = sheet.etag();
    let lines = sheet.expect(200)["lines"].as_array().unwrap().clone();
    let entries: Vec<Value> = lines.iter().map(|line| json!({"student_id": line["student_id"], "grade": {"points": 1}})).collect();
    let graded = put(&teacher, &sheet_of(&item), &etag, &json!({"grades": entries})).await.expect(200);
    let changes = graded["lines"].as_array().unwrap().iter().map(|line| {
        let (path, teacher) = (format!("/api/v1/grades/{}", id(&line["grade"])), &teacher);
        async move { teacher.patch(&path, "\"v1\"", &json!({"points": 2})).await.status }
    });
    assert_eq!(join_all(changes).await, vec![200; STUDENTS]);
}

#[tokio::test]
async fn a_change_that_was_refused_leaves_the_sheet_open() {
    let school = School::open().await;
    let item = school.item("Test", json!({"max_points": 10})).await;
    let path = format!("/api/v1/grade-items/{item}");
    school.mark(&item, json!({"points": 9}), json!({})).await;
    // Each is found to be impossible when the grades are looked at, and whoever grades next is not in its way nor it in theirs.
    for marks in [8.0, 7.0] {
        school.teacher.patch(&path, "\"v1\"", &json!({"max_points": 5})).await.expect(422);
        school.teacher.delete(&path, "\"v1\"").await.expect(409);
        let etag = school.teacher.get(&sheet_of(&item)).await.etag();
        mark(&school, &item, &etag, marks).await.expect(200);
    }
    school.teacher.patch(&path, "\"v1\"", &json!({"max_points": 5})).await.expect(422);
    school.teacher.patch(&path, "\"v1\"", &json!({"max_points": 8})).await.expect(200);
    let etag = school.teacher.get(&sheet_of(&item)).await.etag();
    mark(&school, &item, &etag, 9.0).await.expect(422);
    mark(&school, &item, &etag, 8.0).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_homework_brings_while_its_item_is_locked_and_unlocked_is_there_in_the_end() {
    let school = School::open().await;
    let body = json!({"class_id": school.class, "title": "Fractions", "due_at": "2030-01-01T00:00:00Z", "max_points": 20});
    let homework = school.teacher.post("/api/v1/homework", &body).await;
    let (etag, homework) = (homework.etag(), id(&homework.expect(201)));
    school.teacher.post_if(&format!("/api/v1/homework/{homework}/publish"), &etag, &json!({})).await.expect(200);
    let handed_in =
        school.student.post_once(&format!("/api/v1/homework/{homework}/submissions"), "one", &json!({"content": "Here."})).await;
    let submission = format!("/api/v1/submissions/{}", id(&handed_in.expect(201)));
    let item = id(&eventually(async || school.fed_item(&homework).await, |item| !item.is_null()).await);
    let give_back = async {
        for points in 1..=10 {
            let etag = school.teacher.get(&submission).await.etag();
            let graded = school.teacher.post_if(&format!("{submission}/grade"), &etag, &json!({"points": points})).await;
            let etag = graded.etag();
            graded.expect(200);
            school.teacher.post_if(&format!("{submission}/return"), &etag, &json!({})).await.expect(200);
        }
    };
    let lock = async {
        let path = format!("/api/v1/grade-items/{item}");
        for _ in 0..10 {
            let etag = school.teacher.get(&path).await.etag();
            let locked = school.teacher.post_if(&format!("{path}/lock"), &etag, &json!({})).await;
            // The item follows its source, which may have moved it meanwhile.
            if locked.status == 412 {
                continue;
            }
            let (etag, locked) = (locked.etag(), time(&locked.expect(200)["locked_at"]));
            let seen = grade(&school, &item).await;
            assert!(seen.is_null() || time(&seen["graded_at"]) <= locked, "{seen} after {locked}");
            school.teacher.post_if(&format!("{path}/unlock"), &etag, &json!({})).await.expect(200);
        }
    };
    join(give_back, lock).await;
    eventually(async || grade(&school, &item).await["points"].clone(), |points| *points == json!(10)).await;
}
