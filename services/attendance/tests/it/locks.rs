//! Until when a register is open, and how the office corrects it afterwards.

use serde_json::json;

use crate::school::{School, fresh, put};

#[tokio::test]
async fn after_its_days_a_register_is_for_the_office_to_correct_with_a_reason() {
    let school = School::open().await;
    // Seven days later it is still open, after that it isn't.
    let path = school.take(&school.teacher, school.day(7), ["P", "A", "P"]).await.header("location").to_owned();
    let records = format!("{path}/records");
    put(&school.teacher, &records, "\"v1\"", &json!({"records": [{"student_id": school.pupils[0], "code": "L"}]})).await.expect(200);
    let settings = school.office.get("/api/v1/attendance/settings").await;
    school.office.patch("/api/v1/attendance/settings", &settings.etag(), &json!({"lock_after_days": 6})).await.expect(200);
    let seen = school.teacher.get(&path).await;
    assert_eq!(
        (&seen.body["is_locked"], &seen.body["state"], &seen.body["locks_on"]),
        (&json!(true), &json!("taken"), &json!(school.today))
    );

    let change = json!({"records": [{"student_id": school.pupils[1], "code": "E"}]});
    assert_eq!(put(&school.teacher, &records, "\"v2\"", &change).await.status, 409);
    let one = format!("{records}/{}", school.pupils[1]);
    assert_eq!(school.teacher.patch(&one, "\"v2\"", &json!({"code": "E", "reason": "Please"})).await.status, 409);
    assert_eq!(put(&school.office, &records, "\"v2\"", &change).await.pointers(), ["/reason"]);
    assert_eq!(school.office.patch(&one, "\"v2\"", &json!({"code": "E", "reason": " "})).await.pointers(), ["/reason"]);
    let corrected = school.office.patch(&one, "\"v2\"", &json!({"code": "E", "reason": "A doctor's note came"})).await;
    assert_eq!((corrected.status, corrected.etag()), (200, "\"v3\"".to_owned()), "{:#}", corrected.body);
    let history = school.teacher.get(&format!("{path}/corrections")).await.expect(200);
    let latest = &history["items"][0];
    assert_eq!(
        (&latest["after_lock"], &latest["reason"], &latest["role"]),
        (&json!(true), &json!("A doctor's note came"), &json!("school_admin"))
    );
    assert_eq!((&latest["changes"][0]["before"]["code"], &latest["changes"][0]["after"]["code"]), (&json!("A"), &json!("E")));
    assert_eq!(history["items"].as_array().map(Vec::len), Some(2));
    school.saved().await;
    assert_eq!(
        school.count("SELECT count(*) FROM attendance_corrections WHERE after_lock AND reason IS NOT NULL AND session_version = 3").await,
        1
    );
}

#[tokio::test]
async fn a_register_that_was_forgotten_is_taken_by_the_office_alone() {
    let school = School::open().await;
    let day = school.day(8);
    let path = format!("{}/records", school.register(day).await);
    let mut body = school.marks(day, ["P", "P", "P"]);
    assert_eq!(fresh(&school.teacher, &path, &body).await.status, 409);
    assert_eq!(
        school.teacher.post("/api/v1/attendance/sessions", &json!({"class_id": school.class, "held_on": day})).await.pointers(),
        ["/held_on"]
    );
    assert_eq!(fresh(&school.office, &path, &body).await.pointers(), ["/reason"]);
    body["reason"] = json!("The teacher was ill; from the paper register");
    fresh(&school.office, &path, &body).await.expect(201);
    school.saved().await;
    let told = "SELECT jsonb_array_length(changes)::bigint FROM attendance_corrections WHERE after_lock AND session_version = 1";
    assert_eq!(school.count(told).await, 3);
}

#[tokio::test]
async fn a_register_is_locked_once_and_not_before_it_was_taken() {
    let school = School::open().await;
    let opened = school.teacher.post("/api/v1/attendance/sessions", &json!({"class_id": school.class, "held_on": school.today})).await;
    let path = opened.header("location").to_owned();
    let lock = format!("{path}/lock");
    assert_eq!(school.teacher.post_if(&lock, &opened.etag(), &json!({})).await.status, 409);
    let marked = put(&school.teacher, &format!("{path}/records"), &opened.etag(), &json!({"records": [], "others": "P"})).await;
    assert_eq!(school.teacher.post(&lock, &json!({})).await.status, 428);
    assert_eq!(school.teacher.post_if(&lock, &opened.etag(), &json!({})).await.status, 412);
    let locked = school.teacher.post_if(&lock, &marked.etag(), &json!({})).await;
    assert_eq!((&locked.body["state"], &locked.body["is_locked"]), (&json!("locked"), &json!(true)), "{:#}", locked.body);
    assert_eq!(school.teacher.post_if(&lock, &locked.etag(), &json!({})).await.status, 409);
    assert_eq!(
        put(&school.colleague, &format!("{path}/records"), &locked.etag(), &json!({"records": [], "others": "A"})).await.status,
        409
    );
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_sessions WHERE state = 'locked' AND locked_at IS NOT NULL").await, 1);
}
