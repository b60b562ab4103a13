//! Who may see and do what. What is not for one's eyes does not exist.

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn nobody_outside_the_class_sees_its_homework_or_what_was_handed_in() {
    let school = School::open().await;
    let path = school.given(&school.assignment("Ours", 7)).await;
    let handed_in = school.student.post_once(&format!("{path}/submissions"), "k", &json!({"content": "mine"})).await;
    let submission = handed_in.header("location").to_owned();
    for stranger in [&school.other_teacher, &school.other_student, &school.outsider] {
        assert_eq!(stranger.get(&path).await.status, 404);
        assert_eq!(stranger.get(&submission).await.status, 404);
        assert_eq!(stranger.get(&format!("{path}/submissions")).await.status, 404);
        let list = stranger.get("/api/v1/homework").await.expect(200);
        assert_eq!(list["items"], json!([]));
    }
    // Nor after it has left the buffer.
    school.saved().await;
    school.fleet.redis.flush().await;
    for stranger in [&school.other_teacher, &school.other_student, &school.outsider] {
        assert_eq!(stranger.get(&path).await.status, 404);
        assert_eq!(stranger.get(&submission).await.status, 404);
    }
    // A classmate sees the homework, not the neighbour's work.
    assert_eq!(school.classmate.get(&submission).await.status, 404);
    assert_eq!(school.classmate.get(&format!("{path}/submissions")).await.expect(200)["items"], json!([]));
    assert_eq!(school.parent.get(&format!("{path}/submissions")).await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn each_role_does_only_what_is_its_own() {
    let school = School::open().await;
    let path = school.given(&school.assignment("Roles", 7)).await;
    let publish = format!("{path}/publish");
    for (who, status) in [(&school.student, 403), (&school.parent, 403), (&school.other_teacher, 404), (&school.outsider, 404)] {
        assert_eq!(who.post_if(&publish, "\"v2\"", &json!({})).await.status, status);
        assert_eq!(who.patch(&path, "\"v2\"", &json!({"title": "x"})).await.status, status);
    }
    for who in [&school.teacher, &school.parent, &school.office] {
        assert_eq!(who.post_once(&format!("{path}/submissions"), "k", &json!({"content": "x"})).await.status, 403);
    }
    let handed_in = school.student.post_once(&format!("{path}/submissions"), "k", &json!({"content": "x"})).await;
    let grade = format!("{}/grade", handed_in.header("location"));
    for (who, status) in [(&school.student, 403), (&school.parent, 403), (&school.other_teacher, 404), (&school.outsider, 404)] {
        assert_eq!(who.post_if(&grade, "\"v1\"", &json!({"points": 20})).await.status, status);
    }
    assert_eq!(school.other_teacher.post("/api/v1/homework", &school.assignment("Not my class", 7)).await.pointers(), ["/class_id"]);
    assert_eq!(school.office.post("/api/v1/homework", &school.assignment("From the office", 7)).await.status, 201);
    assert_eq!(school.fleet.anonymous().get(&path).await.status, 401);
}

#[tokio::test]
async fn a_student_who_is_enrolled_now_sees_the_homework_at_once() {
    let school = School::open().await;
    let path = school.given(&school.assignment("New here", 7)).await;
    assert_eq!(school.other_student.get(&path).await.status, 404);
    let students = school.office.get("/api/v1/students?limit=200").await.expect(200);
    let student = students["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|student| student["email"] == "other.student@a.example" || student["full_name"] == "other.student")
        .unwrap();
    let today = domain::Clock::now(&domain::SystemClock).date_naive();
    let body = json!({"class_id": school.class, "student_id": student["id"], "begin_date": today});
    school.office.post("/api/v1/enrollments", &body).await.expect(201);
    assert_eq!(school.other_student.get(&path).await.status, 200);
    school.other_student.post_once(&format!("{path}/submissions"), "k", &json!({"content": "I made it"})).await.expect(201);
}

#[tokio::test]
async fn a_student_who_has_left_sees_what_was_given_before_and_nothing_that_came_after() {
    let school = School::open().await;
    let path = school.given(&school.assignment("After they left", 7)).await;
    let left = "UPDATE enrollments SET end_date = current_date - 10 WHERE student_id = (SELECT s.id FROM students s JOIN users u ON u.id = s.user_id
                WHERE u.email = 'classmate@a.example')";
    sqlx::raw_sql(left).execute(&mut school.fleet.database.superuser().await).await.unwrap();
    assert_eq!(school.classmate.get(&path).await.status, 404);
    assert_eq!(school.classmate.get("/api/v1/homework").await.expect(200)["items"], json!([]));
    assert_eq!(school.classmate.post_once(&format!("{path}/submissions"), "k", &json!({"content": "x"})).await.status, 404);
    assert_eq!(school.student.get(&path).await.status, 200);
    // What was given while they were here stays in sight.
    school.saved().await;
    let earlier = "UPDATE homework SET assigned_at = assigned_at - interval '20 days', published_at = published_at - interval '20 days'";
    sqlx::raw_sql(earlier).execute(&mut school.fleet.database.superuser().await).await.unwrap();
    school.fleet.redis.flush().await;
    assert_eq!(school.classmate.get(&path).await.status, 200);
}
