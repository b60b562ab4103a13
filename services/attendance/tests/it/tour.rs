//! A register from the class list to the student's own view and into PostgreSQL, each step visible at once.

use fred::interfaces::StreamsInterface;
use serde_json::{Value, json};

use crate::school::{School, fresh, put};

#[tokio::test]
async fn a_register_is_taken_seen_corrected_and_saved() {
    let school = School::open().await;
    let sheet = school.teacher.get(&format!("/api/v1/attendance/sheet?class_id={}", school.class)).await.expect(200);
    assert_eq!((&sheet["state"], &sheet["version"], sheet["rows"].as_array().map(Vec::len)), (&Value::Null, &Value::Null, Some(3)));
    assert!(sheet["rows"].as_array().unwrap().iter().all(|row| row["code"] == "P" && row["is_marked"] == false), "{sheet:#}");
    let path = school.register(school.today).await;

    let mut body = school.marks(school.today, ["P", "A", "L"]);
    body["records"][2]["minutes_late"] = json!(12);
    body["records"][2]["note"] = json!("The bus was late");
    let taken = fresh(&school.teacher, &format!("{path}/records"), &body).await;
    assert_eq!((taken.status, taken.etag(), taken.header("location")), (201, "\"v1\"".to_owned(), path.as_str()), "{:#}", taken.body);
    assert_eq!(
        (&taken.body["state"], &taken.body["present"], &taken.body["absent"], &taken.body["late"]),
        (&json!("taken"), &json!(1), &json!(1), &json!(1))
    );

    // At once, in every view.
    assert_eq!(school.colleague.get(&path).await.expect(200)["records"].as_array().map(Vec::len), Some(3));
    let list = school.teacher.get(&format!("/api/v1/attendance/sessions?date={}", school.today)).await.expect(200);
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["version"]), (&taken.body["id"], &json!(1)));
    let own = school.classmate.get(&format!("/api/v1/students/{}/attendance", school.pupils[1])).await.expect(200);
    assert_eq!((&own["items"][0]["code"], &own["items"][0]["counts_as"]), (&json!("A"), &json!("absent")));

    // The same again is nothing new; a change is a new version, and leaves a trace.
    assert_eq!(put(&school.teacher, &format!("{path}/records"), "\"v1\"", &body).await.etag(), "\"v1\"");
    let change = json!({"code": "L", "minutes_late": 30});
    let corrected = school.colleague.patch(&format!("{path}/records/{}", school.pupils[1]), "\"v1\"", &change).await;
    assert_eq!((corrected.status, corrected.etag()), (200, "\"v2\"".to_owned()), "{:#}", corrected.body);
    let history = school.teacher.get(&format!("{path}/corrections")).await.expect(200);
    let first = &history["items"][0]["changes"][0];
    assert_eq!(
        (&first["before"]["code"], &first["after"]["code"], &first["after"]["minutes_late"]),
        (&json!("A"), &json!("L"), &json!(30))
    );
    assert_eq!((&history["items"][0]["after_lock"], &history["items"][0]["role"]), (&json!(false), &json!("teacher")));

    school.saved().await;
    assert_eq!(
        school.count("SELECT count(*) FROM attendance_sessions WHERE state = 'taken' AND version = 2 AND taken_by IS NOT NULL").await,
        1
    );
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE kind = 'daily'").await, 3);
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE code = 'L' AND minutes_late = 30 AND version = 2").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM attendance_corrections").await, 1);
    // From PostgreSQL it reads the same as from the buffer.
    let before = school.teacher.get(&path).await.expect(200);
    school.fleet.redis.flush().await;
    assert_eq!(school.teacher.get(&path).await.expect(200), before);
    assert_eq!(school.teacher.get(&format!("{path}/corrections")).await.expect(200), history);
}

#[tokio::test]
async fn a_class_of_forty_is_one_write() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let mut class = Vec::new();
    for n in 0..37 {
        let user = school.fleet.member(school.id, domain::Role::Student, &format!("pupil{n}@a.example")).await;
        school.fleet.enrol(school.id, school.class, user, school.day(50)).await;
        class.push(user);
    }
    let log = cache::key::log(domain::ServiceName::Attendance, domain::Partition::of(school.id));
    let body = json!({"register": {"class_id": school.class, "held_on": school.today}, "records": [], "others": "P"});
    let path = format!("{}/records", school.register(school.today).await);
    let taken = fresh(&school.teacher, &path, &body).await;
    assert_eq!((taken.status, &taken.body["present"]), (201, &json!(40)), "{:#}", taken.body);
    let writes: u64 = school.fleet.platform.redis().xlen(log).await.unwrap();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn registers_of_periods_stand_beside_that_of_the_day() {
    let school = School::open().await;
    school.take(&school.teacher, school.today, ["P", "P", "P"]).await.expect(201);
    let starts = school.day(1).and_hms_opt(9, 0, 0).unwrap().and_utc();
    for period in [1, 2] {
        let place = json!({"class_id": school.class, "held_on": school.day(1), "period": period, "starts_at": starts, "ends_at": starts + chrono::Duration::minutes(40)});
        let opened = school.teacher.post("/api/v1/attendance/sessions", &place).await;
        assert_eq!((opened.status, &opened.body["state"]), (201, &json!("open")), "{:#}", opened.body);
        assert_eq!(school.teacher.post("/api/v1/attendance/sessions", &place).await.status, 409);
        let records = format!("{}/records", opened.header("location"));
        let marked = put(&school.colleague, &records, "\"v1\"", &json!({"records": [], "others": "P"})).await;
        assert_eq!((marked.status, marked.etag()), (200, "\"v2\"".to_owned()), "{:#}", marked.body);
    }
    let own = school.student.get(&format!("/api/v1/students/{}/attendance", school.pupils[0])).await.expect(200);
    assert_eq!(own["items"].as_array().map(Vec::len), Some(3), "{own:#}");
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE kind = 'period'").await, 6);
}

#[tokio::test]
async fn an_absence_is_told_once_and_a_late_correction_too() {
    let school = School::open().await;
    let taken = school.take(&school.teacher, school.today, ["P", "A", "P"]).await;
    let path = taken.header("location").to_owned();
    // Marked present, then absent after all; the one who was absent already is not told again.
    school.teacher.patch(&format!("{path}/records/{}", school.pupils[0]), "\"v1\"", &json!({"code": "A"})).await.expect(200);
    let locked = school.teacher.post_if(&format!("{path}/lock"), "\"v2\"", &json!({})).await;
    assert_eq!((locked.status, &locked.body["is_locked"]), (200, &json!(true)));
    let told = school.events().await;
    let kinds: Vec<&str> = told.iter().filter_map(|event| event["type"].as_str()).filter(|kind| kind.starts_with("attendance")).collect();
    assert_eq!(kinds, ["attendance:taken", "attendance:absent", "attendance:corrected", "attendance:absent", "attendance:locked"]);
    let absent: Vec<String> = told
        .iter()
        .filter(|event| event["type"] == "attendance:absent")
        .map(|event| serde_json::from_str::<Value>(event["data"].as_str().unwrap()).unwrap()["student_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(absent, [school.pupils[1].to_string(), school.pupils[0].to_string()]);
}

#[tokio::test]
async fn an_absence_that_was_taken_back_and_marked_again_is_the_same_event() {
    let school = School::open().await;
    let path = school.take(&school.teacher, school.today, ["A", "P", "A"]).await.header("location").to_owned();
    let one = format!("{path}/records/{}", school.pupils[0]);
    for (version, code) in ["P", "A", "L", "A"].iter().enumerate() {
        school.teacher.patch(&one, &format!("\"v{}\"", version + 1), &json!({"code": code})).await.expect(200);
    }
    let mut ids = std::collections::HashMap::<String, std::collections::HashSet<String>>::new();
    for event in school.events().await.iter().filter(|event| event["type"] == "attendance:absent") {
        let data: Value = serde_json::from_str(event["data"].as_str().unwrap()).unwrap();
        ids.entry(data["student_id"].to_string()).or_default().insert(event["id"].to_string());
    }
    // Whoever tells the parents is idempotent by the event's id.
    let each: Vec<usize> = ids.values().map(std::collections::HashSet::len).collect();
    assert_eq!(each, [1, 1], "{ids:#?}");
    let all: std::collections::HashSet<&String> = ids.values().flatten().collect();
    assert_eq!(all.len(), 2, "two students are two absences");
}

#[tokio::test]
async fn the_document_refers_to_nothing_that_it_does_not_hold() {
    assert_eq!(service_kit::openapi::dangling(&service_kit::openapi::document(&[attendance::SERVICE])), [""; 0]);
}
