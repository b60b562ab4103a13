//! What a process remembers of the directory never outlives a change, whichever process made it.

use serde_json::json;
use testkit::Api;

use crate::school::{SERVICES, School};

/// Both workers of the process remember the caller by now.
async fn remembered(caller: &Api, path: &str, status: u16) {
    for _ in 0..8 {
        assert_eq!(caller.get(path).await.status, status);
    }
}

/// Takes the class from its teacher, at the process that `office` talks to.
async fn take_the_class_away(school: &School, office: &Api) {
    let classes = format!("/api/v1/classes/{}/subjects", school.class);
    let taught = office.get(&classes).await.expect(200);
    let taught = taught["items"][0].clone();
    let path = format!("{classes}/{}", taught["id"].as_str().unwrap());
    let etag = format!("\"v{}\"", taught["version"]);
    let answer = office.patch(&path, &etag, &json!({"teacher_id": null})).await;
    assert!(answer.status < 300, "{:#}", answer.body);
}

#[tokio::test]
async fn a_teacher_who_lost_the_class_can_not_write_into_it_from_the_next_request_on() {
    let school = School::open().await;
    let (elsewhere, _running) = school.fleet.another(SERVICES, std::sync::Arc::new(domain::SystemClock)).await;
    let (here, there) = (&school.teacher, school.teacher.at(&elsewhere));
    let colleague = school.office.post("/api/v1/homework", &school.assignment("By the office", 7)).await;
    let path = colleague.header("location").to_owned();
    for caller in [here, &there] {
        remembered(caller, &path, 200).await;
        caller.post("/api/v1/homework", &school.assignment("Still mine", 7)).await.expect(201);
    }
    take_the_class_away(&school, &school.office).await;
    for caller in [here, &there] {
        let refused = caller.post("/api/v1/homework", &school.assignment("Not mine any more", 7)).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/class_id"]), "{:#}", refused.body);
        assert_eq!(caller.get(&path).await.status, 404);
    }
}

#[tokio::test]
async fn what_was_refused_from_memory_is_looked_at_again_when_the_directory_has_changed() {
    let school = School::open().await;
    let (elsewhere, _running) = school.fleet.another(SERVICES, std::sync::Arc::new(domain::SystemClock)).await;
    let path = school.given(&school.assignment("New here", 7)).await;
    let (here, there) = (&school.other_student, school.other_student.at(&elsewhere));
    for caller in [here, &there] {
        remembered(caller, &path, 404).await;
    }
    let students = school.office.get("/api/v1/students?limit=200").await.expect(200);
    let student = students["items"].as_array().unwrap().iter().find(|student| student["email"] == "other.student@a.example");
    let student = student.or_else(|| students["items"].as_array().unwrap().iter().find(|student| student["full_name"] == "other.student"));
    let today = domain::Clock::now(&domain::SystemClock).date_naive();
    let body = json!({"class_id": school.class, "student_id": student.unwrap()["id"], "begin_date": today});
    school.office.at(&elsewhere).post("/api/v1/enrollments", &body).await.expect(201);
    for caller in [here, &there] {
        assert_eq!(caller.get(&path).await.status, 200);
    }
}

#[tokio::test]
async fn without_redis_the_directory_is_asked_anew() {
    let mut school = School::open().await;
    let office = school.office.post("/api/v1/homework", &school.assignment("By the office", 7)).await;
    school.saved().await;
    remembered(&school.teacher, office.header("location"), 200).await;
    school.fleet.redis.kill().await;
    // Nobody announces this one, and nobody could vouch for what is remembered.
    let taken = "UPDATE class_subjects SET teacher_id = NULL";
    sqlx::raw_sql(taken).execute(&mut school.fleet.database.superuser().await).await.unwrap();
    let refused = school.teacher.post("/api/v1/homework", &school.assignment("Not mine any more", 7)).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/class_id"]), "{:#}", refused.body);
}
