//! Who may see and do what. What is not for one's eyes does not exist.

use serde_json::json;
use uuid::Uuid;

use crate::school::{School, fresh, put};

#[tokio::test]
async fn registers_are_for_the_teachers_of_the_class_and_the_office() {
    let school = School::open().await;
    let path = school.take(&school.teacher, school.today, ["P", "A", "P"]).await.header("location").to_owned();
    let records = format!("{path}/records");
    let body = school.marks(school.today, ["A", "A", "A"]);
    // The office of another school may mark, but this register is none of theirs.
    for (who, status) in [(&school.other_teacher, 404), (&school.outsider, 404), (&school.student, 403), (&school.parent, 403)] {
        assert_eq!(who.get(&path).await.status, status);
        assert_eq!(who.get(&format!("{path}/corrections")).await.status, status);
        assert_eq!(put(who, &records, "\"v1\"", &body).await.status, status);
        assert_eq!(who.patch(&format!("{records}/{}", school.pupils[0]), "\"v1\"", &json!({"code": "A"})).await.status, status);
        assert_eq!(who.post_if(&format!("{path}/lock"), "\"v1\"", &json!({})).await.status, status);
        assert_eq!(who.get(&format!("/api/v1/attendance/sheet?class_id={}", school.class)).await.status, status);
    }
    for who in [&school.other_teacher, &school.outsider] {
        assert_eq!(who.get("/api/v1/attendance/sessions").await.expect(200)["items"], json!([]));
        assert_eq!(
            who.get(&format!("/api/v1/attendance/sessions?class_id={}", school.class)).await.status,
            if who.token() == school.outsider.token() { 200 } else { 404 }
        );
        assert_eq!(who.get(&format!("/api/v1/attendance/summary?class_id={}", school.class)).await.status, 404);
        let yesterday = school.marks(school.day(1), ["P", "P", "P"]);
        let answer = fresh(who, &format!("/api/v1/attendance/sessions/{}/records", Uuid::now_v7()), &yesterday).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/register/class_id"]));
    }
    assert_eq!(school.fleet.anonymous().get(&path).await.status, 401);
    // Nor after it has left the buffer.
    school.forget().await;
    for who in [&school.other_teacher, &school.outsider] {
        assert_eq!(who.get(&path).await.status, 404);
    }
    assert_eq!(school.colleague.get(&path).await.status, 200);
}

#[tokio::test]
async fn students_and_parents_see_their_own_attendance_and_no_notes() {
    let school = School::open().await;
    let mut body = school.marks(school.today, ["L", "A", "P"]);
    body["records"][0]["note"] = json!("Argues");
    fresh(&school.teacher, &format!("{}/records", school.register(school.today).await), &body).await.expect(201);
    let list = |student| format!("/api/v1/students/{student}/attendance");
    let summary = |student| format!("/api/v1/attendance/summary?student_id={student}");
    for who in [&school.student, &school.parent, &school.teacher, &school.office] {
        let seen = who.get(&list(school.pupils[0])).await.expect(200);
        let hidden = who.token() == school.student.token() || who.token() == school.parent.token();
        assert_eq!((&seen["items"][0]["code"], seen["items"][0]["note"].is_null()), (&json!("L"), hidden));
        assert_eq!(who.get(&summary(school.pupils[0])).await.expect(200)["total"]["late"], 1);
    }
    for who in [&school.classmate, &school.other_student, &school.other_teacher, &school.outsider] {
        assert_eq!(who.get(&list(school.pupils[0])).await.status, 404);
        assert_eq!(who.get(&summary(school.pupils[0])).await.status, 404);
    }
    assert_eq!(school.student.get(&format!("/api/v1/attendance/summary?class_id={}", school.class)).await.status, 404);
    assert_eq!(school.student.get("/api/v1/attendance/summary").await.pointers(), ["query:class_id"]);
}

#[tokio::test]
async fn codes_and_rules_are_the_offices_to_change() {
    let school = School::open().await;
    let body = json!({"code": "Q", "name": "Q", "counts_as": "absent"});
    for who in [&school.teacher, &school.student, &school.parent] {
        assert_eq!(who.post("/api/v1/attendance/codes", &body).await.status, 403);
        assert_eq!(who.patch("/api/v1/attendance/settings", "\"v2\"", &json!({"lock_after_days": 99})).await.status, 403);
        assert_eq!(who.get("/api/v1/attendance/codes").await.status, 200);
    }
    let ours = school.office.post("/api/v1/attendance/codes", &body).await;
    assert_eq!(school.outsider.get(ours.header("location")).await.status, 404);
    assert_eq!(school.outsider.delete(ours.header("location"), &ours.etag()).await.status, 404);
    assert_eq!(school.outsider.post("/api/v1/attendance/codes", &body).await.status, 201);
}

#[tokio::test]
async fn another_schools_ids_are_unknown_wherever_they_stand() {
    let school = School::open().await;
    let path = school.take(&school.teacher, school.today, ["P", "A", "P"]).await.header("location").to_owned();
    let ask = json!({"student_id": school.pupils[0], "from_date": school.today, "to_date": school.today, "reason": "x"});
    let leave = school.parent.post("/api/v1/leave-requests", &ask).await.header("location").to_owned();
    let codes = school.office.get("/api/v1/attendance/codes").await.expect(200);
    let code = format!("/api/v1/attendance/codes/{}", codes[0]["id"].as_str().unwrap());
    let (office, class, student) = (&school.outsider, school.class, school.pupils[0]);
    let nothing = json!({});
    for path in [
        path.clone(),
        format!("{path}/corrections"),
        leave.clone(),
        code.clone(),
        format!("/api/v1/students/{student}/attendance"),
        format!("/api/v1/attendance/summary?student_id={student}"),
        format!("/api/v1/attendance/summary?class_id={class}"),
        format!("/api/v1/attendance/sheet?class_id={class}"),
        format!("/api/v1/attendance/sheet.csv?class_id={class}"),
    ] {
        assert_eq!(office.get(&path).await.status, 404, "{path}");
    }
    for (path, body) in [(format!("{path}/lock"), &nothing), (format!("{leave}/approve"), &nothing), (format!("{leave}/reject"), &nothing)]
    {
        assert_eq!(office.post_if(&path, "\"v1\"", body).await.status, 404, "{path}");
    }
    assert_eq!(office.patch(&code, "\"v1\"", &json!({"name": "Mine"})).await.status, 404);
    assert_eq!(office.patch(&format!("{path}/records/{student}"), "\"v1\"", &json!({"code": "A"})).await.status, 404);
    assert_eq!(put(office, &format!("{path}/records"), "\"v1\"", &school.marks(school.today, ["A", "A", "A"])).await.status, 404);
    // In a body an id that is nobody's is a wrong value, whoever else's it is.
    assert_eq!(office.post("/api/v1/leave-requests", &ask).await.pointers(), ["/student_id"]);
    let place = json!({"class_id": class, "held_on": school.today});
    assert_eq!(office.post("/api/v1/attendance/sessions", &place).await.pointers(), ["/class_id"]);
    // Reports about a class that is not there are empty.
    for report in ["absences?min_days=1&", "conflicts?", "missing?"] {
        assert_eq!(office.get(&format!("/api/v1/attendance/{report}class_id={class}")).await.expect(200)["items"], json!([]), "{report}");
    }
    assert_eq!(school.teacher.get(&path).await.etag(), "\"v1\"");
}
