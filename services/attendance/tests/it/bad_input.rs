//! Bad input: every fault named at once, nothing stored, the service alive.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::school::{School, fresh, put};

async fn nothing_stored(school: &School) {
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_sessions").await, 0);
    assert_eq!(school.count("SELECT count(*) FROM attendance_records").await, 0);
    assert_eq!(school.teacher.get("/api/v1/attendance/sessions").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn every_wrong_row_is_named_and_nobody_is_marked() {
    let school = School::open().await;
    let path = format!("{}/records", school.register(school.today).await);
    let [first, second, third] = school.pupils;
    let records = json!([
        {"student_id": first, "code": "?"},
        {"student_id": first, "code": "P"},
        {"student_id": school.stranger, "code": "P"},
        {"student_id": Uuid::now_v7(), "code": "P"},
        {"student_id": second, "code": "P", "minutes_late": 5},
        {"student_id": third, "code": "L", "minutes_late": 1441},
    ]);
    let body = json!({"register": {"class_id": school.class, "held_on": school.today}, "records": records});
    let answer = fresh(&school.teacher, &path, &body).await;
    assert_eq!(answer.status, 422, "{:#}", answer.body);
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/records/0/code",
            "/records/1/student_id",
            "/records/2/student_id",
            "/records/3/student_id",
            "/records/4/minutes_late",
            "/records/5/minutes_late"
        ]
    );
    // Who is left out is told, too.
    let body = json!({"register": {"class_id": school.class, "held_on": school.today}, "records": [{"student_id": first, "code": "P"}]});
    assert_eq!(fresh(&school.teacher, &path, &body).await.pointers(), ["/records"]);
    nothing_stored(&school).await;
}

#[tokio::test]
async fn minutes_are_minutes() {
    let school = School::open().await;
    let path = format!("{}/records", school.register(school.today).await);
    let mut body = school.marks(school.today, ["L", "P", "P"]);
    for minutes in [json!(-1), json!(1.5), json!(99_999), json!(1e300), json!("10"), json!([])] {
        body["records"][0]["minutes_late"] = minutes.clone();
        let answer = fresh(&school.teacher, &path, &body).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/records/0/minutes_late"]), "{minutes}: {:#}", answer.body);
    }
    let text = body.to_string().replace("[]}", "NaN}").replace("\"minutes_late\":[]", "\"minutes_late\":NaN");
    let nan = school.teacher.request(Method::PUT, &path).header("If-None-Match", "*").header("Content-Type", "application/json").body(text);
    assert_eq!(school.teacher.send(nan).await.status, 400);
    nothing_stored(&school).await;
}

#[tokio::test]
async fn there_is_no_register_for_a_day_without_school() {
    let school = School::open().await;
    let holiday = school.day(2);
    school
        .sql(&format!(
            "INSERT INTO calendar_events (school_id, id, uid, kind, title, is_all_day, start_date, end_date, created_by)
             VALUES ('{}', '{}', 'holiday', 'holiday', 'Founders Day', true, '{holiday}', '{holiday}', '{}')",
            school.id,
            Uuid::now_v7(),
            school.user(0)
        ))
        .await;
    let attempt = async |day: chrono::NaiveDate| {
        let path = format!("{}/records", school.register(day).await);
        fresh(&school.office, &path, &school.marks(day, ["P", "P", "P"])).await
    };
    // Tomorrow, a holiday, before the year, and a day on which nobody was enrolled yet.
    for day in [school.day(-1), holiday, school.day(150)] {
        let answer = attempt(day).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/register/held_on"]), "{day}: {:#}", answer.body);
    }
    let opened = school.office.post("/api/v1/attendance/sessions", &json!({"class_id": school.class, "held_on": holiday})).await;
    assert_eq!(opened.pointers(), ["/held_on"]);
    // A weekday without school.
    let settings = school.office.get("/api/v1/attendance/settings").await;
    let weekday = chrono::Datelike::weekday(&school.today).number_from_monday();
    let others: Vec<u32> = (1..=7).filter(|day| *day != weekday).collect();
    school.office.patch("/api/v1/attendance/settings", &settings.etag(), &json!({"weekdays": others})).await.expect(200);
    let answer = attempt(school.today).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/register/held_on"]), "{:#}", answer.body);
    nothing_stored(&school).await;
}

#[tokio::test]
async fn a_student_is_marked_only_while_enrolled() {
    let school = School::open().await;
    school
        .sql(&format!(
            "UPDATE enrollments SET begin_date = '{}', end_date = '{}' WHERE student_id = '{}'",
            school.day(20),
            school.day(10),
            school.pupils[2]
        ))
        .await;
    school.forget().await;
    for day in [school.day(21), school.day(9)] {
        let path = format!("{}/records", school.register(day).await);
        let mut body = school.marks(day, ["P", "P", "P"]);
        body["reason"] = json!("Forgotten");
        let answer = fresh(&school.office, &path, &body).await;
        assert_eq!(answer.pointers(), ["/records/2/student_id"], "{day}: {:#}", answer.body);
    }
    let day = school.day(10);
    let mut body = school.marks(day, ["P", "P", "P"]);
    body["reason"] = json!("Forgotten");
    fresh(&school.office, &format!("{}/records", school.register(day).await), &body).await.expect(201);
}

#[tokio::test]
async fn a_student_of_two_classes_has_one_daily_mark() {
    let school = School::open().await;
    school.fleet.enrol(school.id, school.other_class, school.user(0), school.day(5)).await;
    school.forget().await;
    let sheet = |class| format!("/api/v1/attendance/sheet?class_id={class}");
    assert_eq!(school.office.get(&sheet(school.class)).await.expect(200)["rows"].as_array().map(Vec::len), Some(3));
    assert_eq!(school.office.get(&sheet(school.other_class)).await.expect(200)["rows"].as_array().map(Vec::len), Some(1));
    // In a period's register they stand with everybody else.
    let lesson = format!("{}&period=1", sheet(school.other_class));
    assert_eq!(school.office.get(&lesson).await.expect(200)["rows"].as_array().map(Vec::len), Some(2));
    // Who moved to the other class today, after the register was taken, is not marked twice.
    school.take(&school.teacher, school.today, ["P", "P", "P"]).await.expect(201);
    school
        .sql(&format!(
            "UPDATE enrollments SET end_date = '{}' WHERE student_id = '{}' AND class_id = '{}'",
            school.day(1),
            school.pupils[0],
            school.class
        ))
        .await;
    school.forget().await;
    let rows = school.office.get(&sheet(school.other_class)).await.expect(200)["rows"].clone();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows:#}");
    school.saved().await;
}

#[tokio::test]
async fn bodies_that_are_no_register_are_refused() {
    let school = School::open().await;
    let path = format!("{}/records", school.register(school.today).await);
    let send = |body: Vec<u8>, media: &'static str| {
        let request = school.teacher.request(Method::PUT, &path).header("If-None-Match", "*").header("Content-Type", media).body(body);
        school.teacher.send(request)
    };
    let whole = school.marks(school.today, ["P", "P", "P"]).to_string().into_bytes();
    assert_eq!(send(whole[..whole.len() - 5].to_vec(), "application/json").await.status, 400);
    assert_eq!(send(whole.clone(), "text/plain").await.status, 415);
    assert_eq!(send(vec![b'x'; 10 * 1024 * 1024], "application/json").await.status, 413);
    assert_eq!(send(b"[[[[".repeat(20_000), "application/json").await.status, 400);
    let mut many = school.marks(school.today, ["P", "P", "P"]);
    many["records"] = (0..501).map(|_| json!({"student_id": Uuid::now_v7(), "code": "P"})).collect();
    let answer = fresh(&school.teacher, &path, &many).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/records"]));
    let wrong = json!({"records": [{"student_id": 7, "code": "", "colour": 1}], "others": "x".repeat(17)});
    let answer = fresh(&school.teacher, &path, &wrong).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/others", "/records/0/code", "/records/0/colour", "/records/0/student_id"], "{:#}", answer.body);
    nothing_stored(&school).await;
}

#[tokio::test]
async fn the_headers_that_a_change_needs_are_asked_for_and_checked() {
    let school = School::open().await;
    let path = school.register(school.today).await;
    let records = format!("{path}/records");
    let body = school.marks(school.today, ["P", "P", "P"]);
    let with = |headers: &'static [(&'static str, &'static str)]| {
        let request = school.teacher.request(Method::PUT, &records).json(&body);
        school.teacher.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    };
    assert_eq!(with(&[]).await.status, 428);
    assert_eq!(with(&[("If-Match", "\"v1\"")]).await.status, 404);
    assert_eq!(with(&[("If-Match", "*")]).await.status, 400);
    assert_eq!(with(&[("If-None-Match", "\"v1\"")]).await.status, 400);
    assert_eq!(with(&[("If-None-Match", "*"), ("If-Match", "\"v1\"")]).await.status, 400);
    // The path names one register, the body another one, or none.
    let elsewhere = format!("/api/v1/attendance/sessions/{}/records", Uuid::now_v7());
    assert_eq!(fresh(&school.teacher, &elsewhere, &body).await.pointers(), ["/register"]);
    assert_eq!(fresh(&school.teacher, &records, &json!({"records": [], "others": "P"})).await.pointers(), ["/register"]);
    fresh(&school.teacher, &records, &body).await.expect(201);
    assert_eq!(fresh(&school.teacher, &records, &body).await.status, 412);
    assert_eq!(put(&school.teacher, &records, "\"v7\"", &body).await.status, 412);
    assert_eq!(school.teacher.get("/api/v1/attendance/sessions/x").await.pointers(), ["path:id"]);
    assert_eq!(school.teacher.get("/api/v1/attendance/sessions?limit=0&colour=red").await.status, 422);
    assert_eq!(school.teacher.get("/api/v1/attendance/sessions?from=2026-02-30").await.pointers(), ["query:from"]);
    let range = school.teacher.get("/api/v1/attendance/sessions?from=2020-01-01&to=2026-01-01").await;
    assert_eq!((range.status, range.pointers()), (422, vec!["query:from"]));
    assert_eq!(school.teacher.get("/api/v1/attendance/sessions?cursor=x").await.body["type"], "/docs/problems#invalid-cursor");
}

#[tokio::test]
async fn a_lesson_lies_on_its_day() {
    let school = School::open().await;
    let at = |days: i64, hour: u32| school.day(days).and_hms_opt(hour, 0, 0).unwrap().and_utc();
    let base = json!({"class_id": school.class, "held_on": school.day(1), "period": 1});
    let cases: [(Value, Value, Value, &str); 5] = [
        (json!(1), json!(at(1, 9)), json!(at(1, 9)), "/ends_at"),
        (json!(1), json!(at(0, 9)), json!(at(0, 10)), "/starts_at"),
        (json!(1), json!(at(1, 9)), Value::Null, "/ends_at"),
        (Value::Null, json!(at(1, 9)), json!(at(1, 10)), "/starts_at"),
        (json!(100), Value::Null, Value::Null, "/period"),
    ];
    for (period, starts, ends, pointer) in cases {
        let mut body = base.clone();
        (body["period"], body["starts_at"], body["ends_at"]) = (period, starts, ends);
        let answer = school.teacher.post("/api/v1/attendance/sessions", &body).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{body}");
    }
    let mut body = base;
    body["subject_id"] = json!(Uuid::now_v7());
    assert_eq!(school.teacher.post("/api/v1/attendance/sessions", &body).await.pointers(), ["/subject_id"]);
    nothing_stored(&school).await;
}

#[tokio::test]
async fn numbers_in_a_query_keep_to_their_bounds() {
    let school = School::open().await;
    let list = format!("/api/v1/attendance/sheet?class_id={}&period=", school.class);
    for path in [format!("{list}100"), format!("{list}255"), format!("{list}100").replace("sheet?", "sheet.csv?")] {
        let answer = school.teacher.get(&path).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["query:period"]), "{path}: {:#}", answer.body);
    }
    school.teacher.get(&format!("{list}99")).await.expect(200);
    for days in [0, 61, 255] {
        let answer = school.teacher.get(&format!("/api/v1/attendance/absences?min_days={days}")).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["query:min_days"]), "{days}: {:#}", answer.body);
    }
    school.teacher.get("/api/v1/attendance/absences?min_days=60").await.expect(200);
}
