//! Many at once: nothing is lost, nothing is doubled, a lock holds.

use futures_util::future::join_all;
use serde_json::json;

use crate::school::{School, line_of, put};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_teachers_who_grade_a_class_at_once_one_does_and_the_others_are_told() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let path = format!("/api/v1/grade-items/{item}/grades");
    let etag = school.teacher.get(&path).await.etag();
    let tries = (0..50).map(|marks| {
        let body = json!({"grades": [{"student_id": school.student_id, "grade": {"points": marks}}, {"student_id": school.classmate_id, "grade": {"points": marks}}]});
        let (path, etag, teacher) = (path.clone(), etag.clone(), school.teacher.clone());
        async move { (marks, put(&teacher, &path, &etag, &body).await.status) }
    });
    let outcomes = join_all(tries).await;
    let done: Vec<i32> = outcomes.iter().filter(|(_, status)| *status == 200).map(|(marks, _)| *marks).collect();
    assert!(outcomes.iter().all(|(_, status)| matches!(status, 200 | 412)), "{outcomes:?}");
    assert_eq!(done.len(), 1);
    let sheet = school.teacher.get(&path).await.expect(200);
    for line in sheet["lines"].as_array().unwrap() {
        assert_eq!(line["grade"]["points"], json!(done[0]));
        assert_eq!(line["grade"]["version"], json!(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_changes_of_one_grade_leave_one_entry_in_the_history_for_each_that_was_acknowledged() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let sheet = school.mark(&item, json!({"points": 1}), json!({})).await;
    let line = sheet["lines"].as_array().unwrap().iter().find(|line| line["student_id"] == json!(school.student_id)).unwrap();
    let path = format!("/api/v1/grades/{}", line["grade"]["id"].as_str().unwrap());
    let changes = (0..50).map(|marks| {
        let (path, teacher) = (path.clone(), school.teacher.clone());
        async move {
            loop {
                let etag = teacher.get(&path).await.etag();
                let answer = teacher.patch(&path, &etag, &json!({"override_points": marks})).await;
                match answer.status {
                    200 => return,
                    412 => {}
                    status => panic!("{status}: {}", answer.body),
                }
            }
        }
    });
    join_all(changes).await;
    let history = school.teacher.get(&format!("{path}/history?limit=200")).await.expect(200);
    let versions: Vec<i64> = history["items"].as_array().unwrap().iter().map(|change| change["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, (1..=51).rev().collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_locked_item_takes_no_grades_until_it_is_unlocked() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    school.mark(&item, json!({"points": 1}), json!({})).await;
    let path = format!("/api/v1/grade-items/{item}");
    let etag = school.teacher.get(&path).await.etag();
    let locked = school.teacher.post_if(&format!("{path}/lock"), &etag, &json!({})).await;
    let etag = locked.etag();
    locked.expect(200);
    let sheet = format!("{path}/grades");
    let seen = school.teacher.get(&sheet).await.etag();
    let marks = json!({"grades": [{"student_id": school.student_id, "grade": {"points": 2}}]});
    put(&school.teacher, &sheet, &seen, &marks).await.expect(409);
    school.teacher.patch(&path, &etag, &json!({"max_points": 50})).await.expect(409);
    school.teacher.post_if(&format!("{path}/unlock"), &etag, &json!({})).await.expect(200);
    put(&school.teacher, &sheet, &seen, &marks).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_teachers_who_send_a_file_at_the_same_time_one_is_told() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let etag = school.teacher.get(&school.book()).await.etag();
    let tries = (0..8).map(|marks| {
        let file = format!("student_id,{item}\r\n{},{marks}\r\n{},{marks}.5\r\n", school.student_id, school.classmate_id);
        let (school, etag) = (&school, &etag);
        async move { (marks, school.import(etag, "", file).await.status) }
    });
    let outcomes = join_all(tries).await;
    let done: Vec<i32> = outcomes.iter().filter(|(_, status)| *status == 200).map(|(marks, _)| *marks).collect();
    assert!(done.len() == 1 && outcomes.iter().all(|(_, status)| matches!(status, 200 | 412)), "{outcomes:?}");
    let sheet = school.teacher.get(&format!("/api/v1/grade-items/{item}/grades")).await.expect(200);
    let marks = [school.student_id, school.classmate_id].map(|student| line_of(&sheet, student)["grade"]["points"].clone());
    assert_eq!(marks, [json!(done[0]), json!(f64::from(done[0]) + 0.5)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_writers_of_one_sheet_who_read_again_when_told_lose_nothing() {
    let school = School::open().await;
    let items: Vec<String> = join_all((0..2).map(|n| {
        let school = &school;
        async move { school.item(&format!("Test {n}"), json!({})).await }
    }))
    .await;
    let writers = (0..50).map(|number| {
        let (school, item) = (&school, &items[number % 2]);
        let student = [school.student_id, school.classmate_id][number / 2 % 2];
        async move {
            let path = format!("/api/v1/grade-items/{item}/grades");
            let body = json!({"grades": [{"student_id": student, "grade": {"points": number + 1}}]});
            loop {
                let etag = school.teacher.get(&path).await.etag();
                let answer = put(&school.teacher, &path, &etag, &body).await;
                match answer.status {
                    200 => return,
                    412 => {}
                    status => panic!("{status}: {:#}", answer.body),
                }
            }
        }
    });
    join_all(writers).await;
    let book = school.teacher.get(&school.book()).await.expect(200);
    let grades: Vec<&serde_json::Value> =
        book["lines"].as_array().unwrap().iter().flat_map(|line| line["grades"].as_array().unwrap()).collect();
    assert_eq!(grades.len(), 4);
    assert_eq!(book["version"], json!(51), "each write moved it by one");
    let mut marks = Vec::new();
    for grade in grades {
        let history = school.teacher.get(&format!("/api/v1/grades/{}/history?limit=200", grade["id"].as_str().unwrap())).await.expect(200);
        marks.extend(history["items"].as_array().unwrap().iter().map(|change| change["points"].as_u64().unwrap()));
    }
    marks.sort_unstable();
    assert_eq!(marks, (1..=50).collect::<Vec<u64>>(), "what was acknowledged is in the history, each once");
    // And so it reaches the tables.
    let saved =
        school.fleet.platform.buffer().wait_until_saved(domain::ServiceName::Report, school.school, std::time::Duration::from_secs(15));
    assert!(saved.await.unwrap());
    let mut superuser = school.fleet.database.superuser().await;
    let sum: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT sum(version) FROM grades), (SELECT count(*) FROM grade_changes), (SELECT count(*) FROM dead_letters)",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(sum, (50, 50, 0));
}
