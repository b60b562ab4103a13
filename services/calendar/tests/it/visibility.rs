//! Who sees what, and who may change it.

use serde_json::{Value, json};

use crate::school::{School, titles};

fn on(title: &str, audience: &Value) -> Value {
    json!({"title": title, "start_date": "2026-11-24", "audience": audience})
}

#[tokio::test]
async fn everybody_sees_what_is_for_them_and_nothing_else() {
    let school = School::open().await;
    for event in [
        on("all", &json!({})),
        on("class", &json!({"class_ids": [school.class]})),
        on("parents of class", &json!({"class_ids": [school.class], "roles": ["parent"]})),
        on("staff", &json!({"roles": ["staff", "teacher"]})),
        on("person", &json!({"user_ids": [school.student_user]})),
    ] {
        school.put_in(&school.office, &event).await;
    }
    for _ in 0..2 {
        for (who, expected) in [
            (&school.office, vec!["all", "class", "parents of class", "person", "staff"]),
            (&school.teacher, vec!["all", "class", "staff"]),
            (&school.other_teacher, vec!["all", "staff"]),
            (&school.student, vec!["all", "class", "person"]),
            (&school.other_student, vec!["all"]),
            (&school.parent, vec!["all", "class", "parents of class"]),
            (&school.other_parent, vec!["all"]),
            (&school.staff, vec!["all", "staff"]),
            (&school.outsider, vec![]),
        ] {
            let shown = school.shown(who, "2026-11-24", "2026-11-24").await;
            let mut found = titles(&shown);
            found.sort_unstable();
            assert_eq!(found, expected);
            let month = who.get("/api/v1/calendar/months/2026-11").await.expect(200);
            let mut found = titles(month["events"].as_array().unwrap());
            found.sort_unstable();
            assert_eq!(found, expected, "in the month");
        }
        school.saved().await;
    }
    // For whom it is, persons above all, is not for everybody to know.
    let shown = school.shown(&school.student, "2026-11-24", "2026-11-24").await;
    assert!(shown.iter().all(|event| event["audience"].is_null()));
    assert!(!school.student.get("/api/v1/calendar/months/2026-11").await.body.to_string().contains("user_ids"));
}

#[tokio::test]
async fn what_is_not_for_ones_eyes_does_not_exist() {
    let school = School::open().await;
    let made = school.put_in(&school.teacher, &on("class", &json!({"class_ids": [school.class]}))).await;
    let path = made.header("location").to_owned();
    for who in [&school.other_student, &school.other_parent, &school.other_teacher, &school.staff, &school.outsider] {
        assert_eq!(who.get(&path).await.status, 404);
    }
    for who in [&school.student, &school.parent, &school.office] {
        assert_eq!(who.get(&path).await.status, 200);
    }
    let title = json!({"title": "Mine now"});
    assert_eq!(school.other_teacher.patch(&path, &made.etag(), &title).await.status, 404);
    assert_eq!(school.outsider.patch(&path, &made.etag(), &title).await.status, 404);
    assert_eq!(school.student.patch(&path, &made.etag(), &title).await.status, 403);
    assert_eq!(school.outsider.delete(&path, &made.etag()).await.status, 404);
    school.teacher.patch(&path, &made.etag(), &title).await.expect(200);
}

#[tokio::test]
async fn a_teacher_puts_in_events_for_their_own_classes_and_nothing_more() {
    let school = School::open().await;
    for (audience, kind) in [
        (json!({}), "event"),
        (json!({"class_ids": [school.other_class]}), "event"),
        (json!({"class_ids": [school.class, school.other_class]}), "event"),
        (json!({"roles": ["student"]}), "event"),
        (json!({"class_ids": [school.class], "user_ids": [school.student_user]}), "event"),
        (json!({"class_ids": [school.class]}), "holiday"),
    ] {
        let mut event = on("x", &audience);
        event["kind"] = json!(kind);
        assert_eq!(school.teacher.post("/api/v1/events", &event).await.status, 422, "{audience} {kind}");
    }
    // Nor does a change get them there.
    let made = school.put_in(&school.teacher, &on("class", &json!({"class_ids": [school.class]}))).await;
    let wider = school.teacher.patch(made.header("location"), &made.etag(), &json!({"audience": {}})).await;
    assert_eq!((wider.status, wider.pointers()), (422, vec!["/audience"]));
    for who in [&school.student, &school.parent, &school.staff] {
        assert_eq!(who.post("/api/v1/events", &on("x", &json!({}))).await.status, 403);
    }
    let of_office = school.put_in(&school.office, &on("office", &json!({"class_ids": [school.class]}))).await;
    assert_eq!(school.teacher.patch(of_office.header("location"), &of_office.etag(), &json!({"title": "x"})).await.status, 403);
}

#[tokio::test]
async fn when_an_event_is_for_others_now_its_changed_occurrences_are_too() {
    let school = School::open().await;
    let mut series = School::series();
    series["audience"] = json!({"class_ids": [school.class]});
    let made = school.put_in(&school.office, &series).await;
    let path = made.header("location").to_owned();
    let moved = school.office.patch(&format!("{path}/occurrences/20261019T090000"), &made.etag(), &json!({"title": "Secret"})).await;
    school.office.patch(&path, &moved.etag(), &json!({"audience": {"class_ids": [school.other_class]}})).await.expect(200);
    assert_eq!(school.shown(&school.student, "2026-10-01", "2026-11-30").await, Vec::<Value>::new());
    assert_eq!(school.shown(&school.other_student, "2026-10-01", "2026-11-30").await.len(), 4);
    assert_eq!(school.student.get(&format!("{path}/occurrences/20261019T090000")).await.status, 404);
}
