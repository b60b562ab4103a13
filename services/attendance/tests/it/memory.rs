//! What a process remembers of the directory and of the school's rules never outlives a change, whichever process made it.

use std::sync::Arc;

use domain::SystemClock;
use fred::interfaces::ClientLike;
use fred::types::InfoKind;
use serde_json::json;
use testkit::Api;

use crate::school::{SERVICES, School, fresh, put};

/// Both workers of the process remember the caller by now.
async fn remembered(caller: &Api, path: &str, status: u16) {
    for _ in 0..8 {
        assert_eq!(caller.get(path).await.status, status);
    }
}

#[tokio::test]
async fn a_teacher_who_lost_the_class_marks_nobody_from_the_next_request_on() {
    let school = School::open().await;
    let (elsewhere, _running) = school.fleet.another(SERVICES, Arc::new(SystemClock)).await;
    let (here, there) = (&school.teacher, school.teacher.at(&elsewhere));
    let taken = school.take(here, school.today, ["P", "P", "P"]).await;
    let path = taken.header("location").to_owned();
    let records = format!("{path}/records");
    let absent = |pupil: usize| json!({"records": [{"student_id": school.pupils[pupil], "code": "A"}]});
    for (caller, etag, pupil) in [(here, "\"v1\"", 0), (&there, "\"v2\"", 1)] {
        remembered(caller, &path, 200).await;
        put(caller, &records, etag, &absent(pupil)).await.expect(200);
    }
    let classes = format!("/api/v1/classes/{}/subjects", school.class);
    let taught = school.office.get(&classes).await.expect(200);
    let taught = taught["items"].as_array().unwrap().iter().find(|taught| taught["teacher_id"] == taken.body["teacher_id"]).unwrap();
    let teaching = format!("{classes}/{}", taught["id"].as_str().unwrap());
    let answer = school.office.patch(&teaching, &format!("\"v{}\"", taught["version"]), &json!({"teacher_id": null})).await;
    assert!(answer.status < 300, "{:#}", answer.body);
    for caller in [here, &there] {
        assert_eq!(put(caller, &records, "\"v3\"", &absent(2)).await.status, 404);
        assert_eq!(caller.get(&path).await.status, 404);
        assert_eq!(caller.post_if(&format!("{path}/lock"), "\"v3\"", &json!({})).await.status, 404);
        let yesterday = school.marks(school.day(1), ["P", "P", "P"]);
        let refused = fresh(caller, &format!("{}/records", school.register(school.day(1)).await), &yesterday).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/register/class_id"]), "{:#}", refused.body);
    }
    assert_eq!(school.office.get(&path).await.etag(), "\"v3\"");
}

#[tokio::test]
async fn a_student_who_came_or_left_is_in_the_next_marking_or_not() {
    let school = School::open().await;
    let (elsewhere, _running) = school.fleet.another(SERVICES, Arc::new(SystemClock)).await;
    let there = school.teacher.at(&elsewhere);
    let sheet = format!("/api/v1/attendance/sheet?class_id={}", school.class);
    for caller in [&school.teacher, &there] {
        remembered(caller, &sheet, 200).await;
    }
    let body = json!({"class_id": school.class, "student_id": school.stranger, "begin_date": school.today});
    school.office.post("/api/v1/enrollments", &body).await.expect(201);
    let lesson = json!({"class_id": school.class, "held_on": school.today, "period": 1});
    let opened = there.post("/api/v1/attendance/sessions", &lesson).await;
    let everybody = json!({"records": [], "others": "P"});
    let taken = put(&there, &format!("{}/records", opened.header("location")), "\"v1\"", &everybody).await.expect(200);
    assert_eq!(taken["present"], 4, "{taken:#}");
}

#[tokio::test]
async fn a_rule_that_was_changed_in_one_process_holds_in_the_other_at_once() {
    let school = School::open().await;
    let (elsewhere, _running) = school.fleet.another(SERVICES, Arc::new(SystemClock)).await;
    let there = school.teacher.at(&elsewhere);
    let path = school.take(&school.teacher, school.day(2), ["P", "P", "P"]).await.header("location").to_owned();
    assert_eq!(there.get(&path).await.expect(200)["is_locked"], false);
    let settings = school.office.get("/api/v1/attendance/settings").await;
    school.office.patch("/api/v1/attendance/settings", &settings.etag(), &json!({"lock_after_days": 1})).await.expect(200);
    let change = json!({"records": [{"student_id": school.pupils[0], "code": "A"}]});
    assert_eq!(put(&there, &format!("{path}/records"), "\"v1\"", &change).await.status, 409);
    let code = json!({"code": "W", "name": "Working at home", "counts_as": "present"});
    school.office.post("/api/v1/attendance/codes", &code).await.expect(201);
    let path = school.take(&there, school.today, ["W", "P", "P"]).await;
    assert_eq!(path.status, 201, "{:#}", path.body);
}

#[tokio::test]
async fn a_register_that_did_not_change_is_not_sent_again() {
    let school = School::open().await;
    let taken = school.take(&school.teacher, school.today, ["P", "A", "P"]).await;
    let path = taken.header("location").to_owned();
    let known = |etag: String| school.teacher.send(school.teacher.request(reqwest::Method::GET, &path).header("If-None-Match", etag));
    assert_eq!(known(taken.etag()).await.status, 304);
    school.colleague.patch(&format!("{path}/records/{}", school.pupils[0]), "\"v1\"", &json!({"code": "A"})).await.expect(200);
    let seen = known(taken.etag()).await;
    assert_eq!((seen.status, seen.etag()), (200, "\"v2\"".to_owned()));
}

/// How often Redis has run `MGET`, a script, and `GET` (which the write script uses to compare the guard).
async fn commands(school: &School) -> [u64; 3] {
    let info: String = school.fleet.platform.redis().next().info(Some(InfoKind::CommandStats)).await.unwrap();
    ["mget", "evalsha", "get"].map(|name| {
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.and_then(|line| line.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
    })
}

#[tokio::test]
async fn marking_a_register_again_takes_two_reads_and_one_write_of_redis() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false"), ("HTTP_WORKERS", "1")]).await;
    let path = school.take(&school.teacher, school.today, ["P", "P", "P"]).await.header("location").to_owned();
    let records = format!("{path}/records");
    let mark = async |version: usize| {
        let code = if version % 2 == 1 { "A" } else { "P" };
        let body = json!({"records": [{"student_id": school.pupils[0], "code": code}]});
        put(&school.teacher, &records, &format!("\"v{version}\""), &body).await.expect(200);
    };
    mark(1).await;
    mark(2).await;
    let before = commands(&school).await;
    for version in 3..13 {
        mark(version).await;
    }
    let after = commands(&school).await;
    let spent: Vec<u64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    // Register and rules, in one packet, and the script with its guard. The few more are what the process does beside.
    assert!((20..=24).contains(&spent[0]), "{spent:?} for 10 markings");
    assert!((10..=12).contains(&spent[1]), "{spent:?} for 10 markings");
    assert!((10..=14).contains(&spent[2]), "{spent:?} for 10 markings");
}
