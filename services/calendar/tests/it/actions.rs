//! What is to be done, by whom, and by when.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::school::School;

/// Homework and a quiz of the class, as their services would have saved them.
async fn work(school: &School) -> (Uuid, Uuid) {
    let (homework, quiz) = (Uuid::now_v7(), Uuid::now_v7());
    let (id, class, day) = (school.id, school.class, school.day(2));
    let sql = format!(
        "INSERT INTO homework (school_id, id, class_id, created_by, title, due_at, status, published_at)
         SELECT '{id}', v.id, '{class}', t.user_id, v.title, '{day}T16:00Z', v.status, now()
         FROM (VALUES ('{homework}'::uuid, 'Fractions', 'published'), ('{}'::uuid, 'Not yet', 'draft')) AS v(id, title, status),
             (SELECT user_id FROM teachers ORDER BY id LIMIT 1) t;
         INSERT INTO quizzes (school_id, id, class_id, created_by, title, status, published_at, opens_at, closes_at)
         SELECT '{id}', '{quiz}', '{class}', user_id, 'Planets', 'published', now(), '{day}T08:00Z', '{day}T18:00Z' FROM teachers ORDER BY id LIMIT 1;",
        Uuid::now_v7()
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut school.fleet.database.superuser().await).await.unwrap();
    (homework, quiz)
}

fn shown(answer: &Value) -> Vec<(&str, &str, Value)> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|one| (one["kind"].as_str().unwrap(), one["title"].as_str().unwrap(), one["done"].clone())).collect()
}

#[tokio::test]
async fn everybody_sees_what_is_theirs_to_do_and_whether_it_is_done() {
    let school = School::open().await;
    let (homework, quiz) = work(&school).await;
    let path = format!("/api/v1/calendar/actions?from={}&to={}", school.today, school.day(7));
    let open = vec![
        ("quiz_opens", "Planets", json!(false)),
        ("homework_due", "Fractions", json!(false)),
        ("quiz_closes", "Planets", json!(false)),
    ];
    for who in [&school.student, &school.parent] {
        let found = who.get(&path).await.expect(200);
        assert_eq!(shown(&found), open);
        assert_eq!(found["items"][0]["student_id"], json!(school.child));
    }
    let teachers = school.teacher.get(&path).await.expect(200);
    assert_eq!(shown(&teachers)[1], ("homework_due", "Fractions", Value::Null));
    for who in [&school.other_student, &school.other_parent, &school.other_teacher, &school.staff, &school.office, &school.outsider] {
        assert_eq!(who.get(&path).await.expect(200)["items"], json!([]));
    }
    // One hands in, and has until later for the quiz.
    let (id, child, day) = (school.id, school.child, school.day(3));
    let sql = format!(
        "INSERT INTO homework_submissions (school_id, id, homework_id, student_id, status, submitted_at)
         VALUES ('{id}', '{}', '{homework}', '{child}', 'submitted', now());
         INSERT INTO quiz_overrides (school_id, id, quiz_id, student_id, closes_at, created_by)
         SELECT '{id}', '{}', '{quiz}', '{child}', '{day}T18:00Z', user_id FROM teachers LIMIT 1",
        Uuid::now_v7(),
        Uuid::now_v7()
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut school.fleet.database.superuser().await).await.unwrap();
    let found = school.parent.get(&path).await.expect(200);
    assert_eq!(shown(&found)[1], ("homework_due", "Fractions", json!(true)));
    assert_eq!(found["items"][2]["at"], format!("{day}T18:00:00Z"));
    assert_eq!(school.teacher.get(&path).await.expect(200)["items"][2]["at"], format!("{}T18:00:00Z", school.day(2)));
}

#[tokio::test]
async fn a_feed_tells_what_is_to_be_done_under_a_name_that_stays() {
    let school = School::open().await;
    let (homework, _) = work(&school).await;
    let made = school.student.post("/api/v1/calendar/feeds", &json!({})).await.expect(201);
    let path = made["path"].as_str().unwrap();
    let anonymous = school.fleet.anonymous();
    let before = anonymous.get(path).await.body.as_str().unwrap().replace("\r\n ", "");
    let due = format!("UID:homework-due-{homework}\r\n");
    assert!(
        before.contains(&due) && before.contains("SUMMARY:Fractions is due\r\n") && before.contains("SUMMARY:Planets closes\r\n"),
        "{before}"
    );
    assert!(!before.contains("Not yet"));
    let moved = "UPDATE homework SET due_at = due_at + interval '1 day', version = version + 1 WHERE status = 'published'";
    sqlx::query(moved).execute(&mut school.fleet.database.superuser().await).await.unwrap();
    let after = anonymous.get(path).await.body.as_str().unwrap().replace("\r\n ", "");
    let event = after.split("BEGIN:VEVENT").find(|event| event.contains(&due)).unwrap();
    assert!(event.contains("SEQUENCE:1\r\n") && event.contains(&format!("DTSTART:{}T160000Z", school.day(3).format("%Y%m%d"))), "{event}");
    assert!(!event.contains("DTEND") && event.contains("CATEGORIES:Homework\r\n"));
}
