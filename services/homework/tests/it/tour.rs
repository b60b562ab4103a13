//! Homework from the teacher's idea to the student's mark, each step visible at once to whoever may see it, and soon in PostgreSQL.

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn homework_is_set_handed_in_graded_and_given_back() {
    let school = School::open().await;
    let draft = school.draft("Fractions").await;
    assert_eq!((draft.etag(), draft.body["status"].as_str()), ("\"v1\"".to_owned(), Some("draft")));
    let path = draft.header("location").to_owned();

    // A draft is the teachers' own business.
    assert_eq!(school.student.get(&path).await.status, 404);
    assert_eq!(school.office.get(&path).await.status, 200);
    let published = school.teacher.post_if(&format!("{path}/publish"), &draft.etag(), &json!({})).await;
    assert_eq!((published.status, published.etag()), (200, "\"v2\"".to_owned()));
    for reader in [&school.student, &school.classmate, &school.parent, &school.teacher] {
        assert_eq!(reader.get(&path).await.expect(200)["title"], "Fractions");
        let list = reader.get("/api/v1/homework").await.expect(200);
        assert_eq!(list["items"][0]["id"], draft.body["id"]);
    }

    let handed_in = school.student.post_once(&format!("{path}/submissions"), "key-1", &json!({"content": "3/4"})).await;
    assert_eq!(handed_in.status, 201, "{:#}", handed_in.body);
    let submission = handed_in.header("location").to_owned();
    assert_eq!((&handed_in.body["is_late"], &handed_in.body["attempt"]), (&json!(false), &json!(1)));
    let list = school.teacher.get(&format!("{path}/submissions")).await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));

    let graded = school.teacher.post_if(&format!("{submission}/grade"), "\"v1\"", &json!({"points": 17.5, "feedback": "Well done"})).await;
    assert_eq!((graded.status, &graded.body["points"]), (200, &json!(17.5)), "{:#}", graded.body);
    // Not given back yet: the student sees neither marks nor that there are any.
    let hidden = school.student.get(&submission).await.expect(200);
    assert_eq!((&hidden["points"], &hidden["feedback"], &hidden["status"]), (&json!(null), &json!(null), &json!("submitted")));
    let returned = school.teacher.post_if(&format!("{submission}/return"), &graded.etag(), &json!({})).await;
    assert_eq!(returned.status, 200, "{:#}", returned.body);
    for reader in [&school.student, &school.parent] {
        let seen = reader.get(&submission).await.expect(200);
        assert_eq!((&seen["points"], &seen["feedback"], &seen["status"]), (&json!(17.5), &json!("Well done"), &json!("returned")));
    }

    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM homework WHERE status = 'published' AND version = 2").await, 1);
    assert_eq!(
        school.count("SELECT count(*) FROM homework_submissions WHERE status = 'returned' AND points = 17.5 AND version = 3").await,
        1
    );
    assert_eq!(school.count("SELECT count(*) FROM dead_letters").await, 0);
    // From PostgreSQL it reads the same as from the buffer.
    school.fleet.redis.flush().await;
    assert_eq!(school.student.get(&submission).await.expect(200)["points"], 17.5);
    assert_eq!(school.student.get("/api/v1/homework").await.expect(200)["items"][0]["id"], draft.body["id"]);
}

#[tokio::test]
async fn late_work_is_marked_late_by_the_servers_clock_and_pays_what_the_policy_says() {
    let school = School::open().await;
    let mut body = school.assignment("Late", 0);
    let due = domain::Clock::now(&domain::SystemClock) - chrono::Duration::hours(25);
    body["due_at"] = json!(due);
    body["late_policy"] = json!({"deduction_percent": 10});
    let path = school.given(&body).await;
    let handed_in = school.student.post_once(&format!("{path}/submissions"), "late", &json!({"content": "sorry"})).await;
    assert_eq!(handed_in.body["is_late"], true, "{:#}", handed_in.body);
    assert!(handed_in.body["late_seconds"].as_i64().unwrap() >= 25 * 3600);
    let submission = handed_in.header("location").to_owned();
    let graded = school.teacher.post_if(&format!("{submission}/grade"), &handed_in.etag(), &json!({"points": 18})).await.expect(200);
    assert_eq!((&graded["points"], &graded["points_after_penalty"]), (&json!(18), &json!(14)));
}

#[tokio::test]
async fn each_step_tells_its_event_once() {
    let school = School::open().await;
    let path = school.given(&school.assignment("Events", 7)).await;
    let handed_in = school.student.post_once(&format!("{path}/submissions"), "k", &json!({"content": "x"})).await;
    school.student.post_once(&format!("{path}/submissions"), "k", &json!({"content": "x"})).await.expect(201);
    let submission = handed_in.header("location").to_owned();
    let graded = school.teacher.post_if(&format!("{submission}/grade"), &handed_in.etag(), &json!({"points": 1})).await;
    school.teacher.post_if(&format!("{submission}/return"), &graded.etag(), &json!({})).await.expect(200);
    let events = school.fleet.events(school.id).await;
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["homework:assigned", "homework:submitted", "homework:graded", "homework:returned"]);
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_mention_and_null_empties_a_field() {
    let school = School::open().await;
    let mut body = school.assignment("Before", 7);
    body["description"] = json!("old");
    let draft = school.teacher.post("/api/v1/homework", &body).await;
    let path = draft.header("location").to_owned();
    let changed = school.teacher.patch(&path, &draft.etag(), &json!({"title": "After"})).await;
    assert_eq!((&changed.body["title"], &changed.body["description"]), (&json!("After"), &json!("old")));
    let cleared = school.teacher.patch(&path, &changed.etag(), &json!({"description": null})).await;
    assert_eq!((&cleared.body["title"], &cleared.body["description"]), (&json!("After"), &json!(null)));
    assert_eq!(school.teacher.patch(&path, &changed.etag(), &json!({"title": "Stale"})).await.status, 412);
    let unchanged = school.teacher.send(school.teacher.request(reqwest::Method::GET, &path).header("If-None-Match", cleared.etag())).await;
    assert_eq!(unchanged.status, 304);
}
