//! A school's own codes and rules.

use serde_json::{Value, json};
use testkit::Api;

use crate::school::School;

const CODES: &str = "/api/v1/attendance/codes";

async fn code(who: &Api, letter: &str) -> Value {
    let list = who.get(CODES).await.expect(200);
    list.as_array().unwrap().iter().find(|code| code["code"] == letter).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_school_starts_with_the_usual_codes_and_makes_its_own() {
    let school = School::open().await;
    let list = school.student.get(CODES).await.expect(200);
    let letters: Vec<&str> = list.as_array().unwrap().iter().filter_map(|code| code["code"].as_str()).collect();
    assert_eq!(letters.len(), 5, "{list:#}");
    assert_eq!(
        (&code(&school.teacher, "P").await["is_default"], &code(&school.teacher, "E").await["is_leave"]),
        (&json!(true), &json!(true))
    );

    let sick = school.office.post(CODES, &json!({"code": "S", "name": "Sick", "counts_as": "excused", "is_leave": true})).await;
    assert_eq!(sick.status, 201, "{:#}", sick.body);
    assert_eq!(code(&school.teacher, "E").await["is_leave"], false, "there is one leave code");
    assert_eq!(school.office.post(CODES, &json!({"code": "S", "name": "Again", "counts_as": "absent"})).await.status, 409);
    // It can be given at once.
    school.take(&school.teacher, school.today, ["S", "P", "P"]).await.expect(201);
    // Out of use: marks keep it, nobody gets it any more.
    let path = sick.header("location").to_owned();
    assert_eq!(school.office.delete(&path, "\"v9\"").await.status, 412);
    assert_eq!(school.office.delete(&path, &sick.etag()).await.status, 204);
    let gone = school.office.get(&path).await.expect(200);
    assert_eq!((&gone["is_active"], &gone["is_leave"], &gone["version"]), (&json!(false), &json!(false), &json!(2)));
    assert_eq!(school.take(&school.teacher, school.day(1), ["S", "P", "P"]).await.pointers(), ["/records/0/code"]);
    let own = school.student.get(&format!("/api/v1/students/{}/attendance", school.pupils[0])).await.expect(200);
    assert_eq!((&own["items"][0]["code"], &own["items"][0]["counts_as"]), (&json!("S"), &json!("excused")));
    school.saved().await;
}

#[tokio::test]
async fn some_codes_are_for_the_office_and_stand_above_the_teachers() {
    let school = School::open().await;
    school.office.post(CODES, &json!({"code": "X", "name": "Suspended", "counts_as": "excused", "office_only": true})).await.expect(201);
    assert_eq!(school.take(&school.teacher, school.today, ["X", "P", "P"]).await.pointers(), ["/records/0/code"]);
    let path = school.take(&school.teacher, school.today, ["A", "P", "P"]).await.header("location").to_owned();
    let mark = format!("{path}/records/{}", school.pupils[0]);
    let overruled = school.office.patch(&mark, "\"v1\"", &json!({"code": "X"})).await;
    let record = |body: &Value| {
        body["records"].as_array().unwrap().iter().find(|row| row["student_id"] == json!(school.pupils[0])).cloned().unwrap()
    };
    let row = record(&overruled.clone().expect(200));
    assert_eq!((&row["code"], &row["teacher_code"], &row["office_code"]), (&json!("X"), &json!("A"), &json!("X")));
    let noted = school.teacher.patch(&mark, &overruled.etag(), &json!({"code": "P"})).await;
    let row = record(&noted.clone().expect(200));
    assert_eq!((&row["code"], &row["teacher_code"]), (&json!("X"), &json!("P")));
    assert_eq!(school.teacher.patch(&mark, &noted.etag(), &json!({"note": "was here"})).await.status, 409);
    school.saved().await;
    assert_eq!(
        school.count("SELECT count(*) FROM attendance_records WHERE code = 'X' AND office_code = 'X' AND teacher_code = 'P'").await,
        1
    );
    school.fleet.redis.flush().await;
    let row = record(&school.teacher.get(&path).await.expect(200));
    assert_eq!((&row["code"], &row["teacher_code"]), (&json!("X"), &json!("P")));
}

#[tokio::test]
async fn codes_that_contradict_themselves_are_refused() {
    let school = School::open().await;
    let wrong = json!({"code": "Z", "name": "Z", "counts_as": "absent", "is_default": true, "office_only": true, "is_leave": true});
    let answer = school.office.post(CODES, &wrong).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!((answer.status, pointers), (422, vec!["/is_leave", "/office_only"]));
    let answer = school.office.post(CODES, &json!({"code": "", "name": 7, "counts_as": "purple", "state": "x"})).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/code", "/counts_as", "/name", "/state"]);
    let default = code(&school.office, "P").await;
    let path = format!("{CODES}/{}", default["id"].as_str().unwrap());
    let answer = school.office.patch(&path, "\"v1\"", &json!({"is_active": false})).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/is_active"]));
    // What it counts as is not to be changed.
    assert_eq!(school.office.patch(&path, "\"v1\"", &json!({"counts_as": "absent"})).await.pointers(), ["/counts_as"]);
    assert_eq!(school.office.patch(&path, "\"v1\"", &json!({"name": "Here"})).await.etag(), "\"v2\"");
    assert_eq!(school.office.patch(&path, "\"v1\"", &json!({"name": "There"})).await.status, 412);
    assert_eq!(school.office.get(&format!("{CODES}/{}", uuid::Uuid::now_v7())).await.status, 404);
}

#[tokio::test]
async fn the_schools_rules_are_checked_and_versioned() {
    let school = School::open().await;
    let path = "/api/v1/attendance/settings";
    let wrong = json!({"weekdays": [7, 1], "day_minutes": 0, "full_day_percent": 30, "half_day_percent": 40, "lock_after_days": 400});
    let answer = school.office.patch(path, "\"v2\"", &wrong).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(
        (answer.status, pointers),
        (422, vec!["/day_minutes", "/half_day_percent", "/lock_after_days", "/weekdays"]),
        "{:#}",
        answer.body
    );
    let changed = school.office.patch(path, "\"v2\"", &json!({"lock_after_days": 3})).await;
    assert_eq!((changed.etag(), &changed.body["lock_after_days"]), ("\"v3\"".to_owned(), &json!(3)));
    assert_eq!(school.office.patch(path, "\"v2\"", &json!({"lock_after_days": 4})).await.status, 412);
    assert_eq!(school.teacher.get(path).await.expect(200)["lock_after_days"], 3);
    assert_eq!(school.teacher.patch(path, "\"v3\"", &json!({})).await.status, 403);
    let others = school.outsider.get(path).await.expect(200);
    assert_eq!((&others["lock_after_days"], &others["weekdays"]), (&json!(7), &json!([1, 2, 3, 4, 5])), "each school has its own");
}

#[tokio::test]
async fn a_school_is_never_without_a_default_code() {
    let school = School::open().await;
    let default = code(&school.office, "P").await;
    let path = format!("{CODES}/{}", default["id"].as_str().unwrap());
    let gone = school.office.delete(&path, "\"v1\"").await;
    assert_eq!((gone.status, gone.body["type"].as_str()), (409, Some("/docs/problems#conflict")), "{:#}", gone.body);
    for body in [json!({"is_default": false}), json!({"is_default": false, "is_active": false})] {
        let answer = school.office.patch(&path, "\"v1\"", &body).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/is_default"]), "{body}: {:#}", answer.body);
    }
    assert_eq!(code(&school.office, "P").await, default);
    // With a successor it goes.
    let next = json!({"code": "H", "name": "Here", "counts_as": "present", "is_default": true});
    school.office.post(CODES, &next).await.expect(201);
    let etag = school.office.get(&path).await.etag();
    assert_eq!(school.office.delete(&path, &etag).await.status, 204);
    assert_eq!(code(&school.office, "H").await["is_default"], true);
}

#[tokio::test]
async fn codes_differ_in_more_than_their_case() {
    let school = School::open().await;
    let make = async |code: &str| school.office.post(CODES, &json!({"code": code, "name": "Other", "counts_as": "absent"})).await.status;
    assert_eq!((make("p").await, make("Été").await, make("éTÉ").await, make("PP").await), (409, 201, 409, 201));
    // Whoever writes it otherwise means the same code.
    let mut body = school.marks(school.today, ["p", "l", "a"]);
    body["records"][1]["minutes_late"] = json!(5);
    let path = school.register(school.today).await;
    let taken = crate::school::fresh(&school.teacher, &format!("{path}/records"), &body).await;
    let codes = |body: &Value| {
        let code = |student: &domain::StudentId| {
            let records = body["records"].as_array().unwrap();
            records.iter().find(|row| row["student_id"] == json!(student)).unwrap()["code"].as_str().unwrap().to_owned()
        };
        school.pupils.iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&taken.clone().expect(201)), ["P", "L", "A"]);
    let mark = format!("{path}/records/{}", school.pupils[1]);
    let same = school.teacher.patch(&mark, &taken.etag(), &json!({"code": "l"})).await;
    assert_eq!((same.status, same.etag()), (200, taken.etag()), "nothing changed, and the minutes stand: {:#}", same.body);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE code IN ('P', 'L', 'A')").await, 3);
}
