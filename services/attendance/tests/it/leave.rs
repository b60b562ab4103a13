//! Leave: asked for, decided, and what it does to registers.

use serde_json::json;

use crate::school::{School, fresh};

const LEAVE: &str = "/api/v1/leave-requests";

#[tokio::test]
async fn approved_leave_gives_its_code_and_excuses_an_absence() {
    let school = School::open().await;
    // Days to come are for leave alone.
    let ask = json!({"student_id": school.pupils[0], "from_date": school.day(1), "to_date": school.day(-2), "reason": "A wedding"});
    let asked = school.parent.post(LEAVE, &ask).await;
    assert_eq!((asked.status, &asked.body["status"]), (201, &json!("pending")), "{:#}", asked.body);
    let path = asked.header("location").to_owned();
    // Yesterday's register was taken before anybody decided.
    school.take(&school.teacher, school.day(1), ["A", "P", "P"]).await.expect(201);
    let sheet = format!("/api/v1/attendance/sheet?class_id={}", school.class);
    let row = |sheet: &serde_json::Value| {
        let rows = sheet["rows"].as_array().unwrap();
        rows.iter().find(|row| row["student_id"] == json!(school.pupils[0])).cloned().unwrap()
    };
    assert_eq!(row(&school.teacher.get(&sheet).await.expect(200))["code"], "P");
    let approved = school.teacher.post_if(&format!("{path}/approve"), "\"v1\"", &json!({"note": "Enjoy it"})).await;
    assert_eq!((approved.status, &approved.body["status"]), (200, &json!("approved")), "{:#}", approved.body);
    let prefilled = row(&school.teacher.get(&sheet).await.expect(200));
    assert_eq!((&prefilled["code"], &prefilled["on_leave"], &prefilled["is_marked"]), (&json!("E"), &json!(true), &json!(false)));
    let body = json!({"register": {"class_id": school.class, "held_on": school.today}, "records": [], "others": "P"});
    let taken = fresh(&school.teacher, &format!("{}/records", school.register(school.today).await), &body).await.expect(201);
    assert_eq!((&taken["excused"], &taken["present"]), (&json!(1), &json!(2)));
    // The absence of yesterday is excused in the figures; the mark is what the teacher saw.
    let summary = school.parent.get(&format!("/api/v1/attendance/summary?student_id={}", school.pupils[0])).await.expect(200);
    assert_eq!(
        (&summary["total"]["days_excused"], &summary["total"]["days_counted"], &summary["total"]["rate"]),
        (&json!(2), &json!(0), &json!(null))
    );
    let own = school.student.get(&format!("/api/v1/students/{}/attendance", school.pupils[0])).await.expect(200);
    assert_eq!((&own["items"][1]["code"], &own["items"][1]["on_leave"]), (&json!("A"), &json!(true)));
}

#[tokio::test]
async fn leave_is_changed_and_taken_back_by_whoever_may_ask_and_decided_by_others() {
    let school = School::open().await;
    let ask = json!({"from_date": school.day(-5), "to_date": school.day(-6), "reason": "Dentist"});
    let asked = school.student.post(LEAVE, &ask).await;
    assert_eq!((asked.status, &asked.body["student_id"]), (201, &json!(school.pupils[0])), "{:#}", asked.body);
    let path = asked.header("location").to_owned();
    let changed = school.parent.patch(&path, "\"v1\"", &json!({"to_date": school.day(-5)})).await;
    assert_eq!((changed.etag(), &changed.body["to_date"]), ("\"v2\"".to_owned(), &json!(school.day(-5))), "{:#}", changed.body);
    for (who, status) in [(&school.student, 403), (&school.parent, 403), (&school.other_teacher, 404), (&school.outsider, 404)] {
        assert_eq!(who.post_if(&format!("{path}/approve"), "\"v2\"", &json!({})).await.status, status);
    }
    for (who, status) in [(&school.classmate, 404), (&school.teacher, 403), (&school.outsider, 404)] {
        assert_eq!(who.delete(&path, "\"v2\"").await.status, status);
        assert_eq!(who.patch(&path, "\"v2\"", &json!({"reason": "x"})).await.status, status);
    }
    school.teacher.post_if(&format!("{path}/approve"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(school.parent.patch(&path, "\"v3\"", &json!({"reason": "x"})).await.status, 409);
    assert_eq!(school.parent.delete(&path, "\"v3\"").await.status, 204);
    assert_eq!(school.parent.get(&path).await.expect(200)["status"], "withdrawn");
    assert_eq!(school.parent.delete(&path, "\"v4\"").await.status, 409);
    // The days are free again.
    assert_eq!(school.student.post(LEAVE, &ask).await.status, 201);
}

#[tokio::test]
async fn dates_and_students_that_are_none_are_refused() {
    let school = School::open().await;
    let ask = |student: Option<domain::StudentId>, from: i64, to: i64| {
        let mut body = json!({"from_date": school.day(from), "to_date": school.day(to), "reason": "x"});
        if let Some(student) = student {
            body["student_id"] = json!(student);
        }
        body
    };
    let own = Some(school.pupils[0]);
    for (body, pointers) in [
        (ask(own, 0, 1), vec!["/to_date"]),
        (ask(own, 0, -60), vec!["/to_date"]),
        (ask(own, 31, 31), vec!["/from_date"]),
        (ask(own, -367, -367), vec!["/from_date"]),
        (ask(None, 0, 0), vec!["/student_id"]),
        (ask(Some(school.pupils[1]), 0, 0), vec!["/student_id"]),
        (ask(Some(school.stranger), 40, 41), vec!["/student_id", "/from_date", "/to_date"]),
        (
            json!({"student_id": school.pupils[0], "from_date": "yesterday", "to_date": school.today, "reason": " "}),
            vec!["/from_date", "/reason"],
        ),
    ] {
        let answer = school.parent.post(LEAVE, &body).await;
        let (mut found, mut expected) = (answer.pointers(), pointers);
        found.sort_unstable();
        expected.sort_unstable();
        // 40 days ago to 41 days ago: backwards, and too long ago.
        assert_eq!((answer.status, found), (422, expected), "{body}: {:#}", answer.body);
    }
    assert_eq!(school.teacher.post(LEAVE, &ask(own, 0, 0)).await.status, 403);
    assert_eq!(school.count("SELECT count(*) FROM leave_requests").await, 0);
}

#[tokio::test]
async fn each_sees_the_leave_that_is_their_business() {
    let school = School::open().await;
    for (who, student) in [(&school.parent, school.pupils[0]), (&school.office, school.pupils[1]), (&school.office, school.stranger)] {
        let ask = json!({"student_id": student, "from_date": school.today, "to_date": school.today, "reason": "x"});
        who.post(LEAVE, &ask).await.expect(201);
    }
    for (who, number) in [
        (&school.office, 3),
        (&school.teacher, 2),
        (&school.other_teacher, 1),
        (&school.parent, 1),
        (&school.student, 1),
        (&school.classmate, 1),
        (&school.outsider, 0),
    ] {
        let list = who.get(LEAVE).await.expect(200);
        assert_eq!(list["items"].as_array().map(Vec::len), Some(number), "{list:#}");
    }
    assert_eq!(school.parent.get(&format!("{LEAVE}?student_id={}", school.pupils[1])).await.status, 404);
    let page = school.office.get(&format!("{LEAVE}?limit=2")).await.expect(200);
    let rest = school.office.get(&format!("{LEAVE}?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())).await.expect(200);
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next_cursor"]), (Some(1), &json!(null)));
    assert_eq!(school.office.get(&format!("{LEAVE}?status=approved")).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_decision_counts_from_the_next_marking_on_and_a_refused_leave_not_at_all() {
    let school = School::open().await;
    let mark = async |day: chrono::NaiveDate| {
        let body = json!({"register": {"class_id": school.class, "held_on": day}, "records": [], "others": "A"});
        let taken = fresh(&school.teacher, &format!("{}/records", school.register(day).await), &body).await.expect(201);
        (taken["excused"].clone(), taken["absent"].clone())
    };
    // Everybody's leave of these days was looked at before, and is remembered.
    assert_eq!(mark(school.day(5)).await, (json!(0), json!(3)));
    let mut paths = Vec::new();
    for (student, from, to) in [(school.pupils[0], 4, 3), (school.pupils[1], 4, 3)] {
        let ask = json!({"student_id": student, "from_date": school.day(from), "to_date": school.day(to), "reason": "Away"});
        paths.push(school.office.post(LEAVE, &ask).await.header("location").to_owned());
    }
    for day in [4, 3] {
        school.teacher.get(&format!("/api/v1/attendance/sheet?class_id={}&held_on={}", school.class, school.day(day))).await.expect(200);
    }
    school.teacher.post_if(&format!("{}/approve", paths[0]), "\"v1\"", &json!({})).await.expect(200);
    school.teacher.post_if(&format!("{}/reject", paths[1]), "\"v1\"", &json!({"note": "No"})).await.expect(200);
    assert_eq!(mark(school.day(4)).await, (json!(1), json!(2)));
    // Where it was approved the absence is excused, where it was refused it counts.
    let of =
        async |student| school.office.get(&format!("/api/v1/attendance/summary?student_id={student}")).await.expect(200)["total"].clone();
    assert_eq!(of(school.pupils[0]).await["days_excused"], 1);
    assert_eq!((&of(school.pupils[1]).await["days_excused"], &of(school.pupils[1]).await["days_absent"]), (&json!(0), &json!(2)));
    // Leave that lies ahead can be taken back, and then it is none.
    let ahead = json!({"student_id": school.pupils[2], "from_date": school.day(-1), "to_date": school.day(-1), "reason": "Away"});
    let path = school.office.post(LEAVE, &ahead).await.header("location").to_owned();
    school.teacher.post_if(&format!("{path}/approve"), "\"v1\"", &json!({})).await.expect(200);
    let sheet = format!("/api/v1/attendance/sheet?class_id={}&held_on={}", school.class, school.day(-1));
    let on_leave = async || {
        let rows = school.teacher.get(&sheet).await.expect(200)["rows"].clone();
        rows.as_array().unwrap().iter().filter(|row| row["on_leave"] == true).count()
    };
    assert_eq!(on_leave().await, 1);
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 204);
    assert_eq!(on_leave().await, 0);
}
