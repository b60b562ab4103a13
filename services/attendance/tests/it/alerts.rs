//! Alerts: raised once an episode, whoever marks, corrects or looks how often; seen by whom they concern; looked after by one.

use std::collections::HashMap;
use std::time::Duration;

use fred::interfaces::StreamsInterface;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::Api;

use crate::school::School;

const RULES: &str = "/api/v1/attendance/alert-rules";
const ALERTS: &str = "/api/v1/attendance/alerts";

pub async fn rule(school: &School, body: &Value) -> Value {
    school.office.post(RULES, body).await.expect(201)
}

async fn three_days(school: &School) -> Value {
    rule(school, &json!({"name": "Three days away", "kind": "absent_in_a_row", "times": 3})).await
}

async fn alerts(who: &Api) -> Vec<Value> {
    who.get(ALERTS).await.expect(200)["items"].as_array().unwrap().clone()
}

/// Looks until the office's list is as `seen` wants it, at most twenty seconds.
async fn eventually(school: &School, seen: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..200 {
        let found = alerts(&school.office).await;
        if seen(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come: {:#?}", alerts(&school.office).await)
}

pub async fn told(school: &School) -> Vec<Value> {
    school.events().await.into_iter().filter(|event| event["type"] == "attendance:alerted").collect()
}

/// Waits until the consumer has been through everything that was told so far.
pub async fn caught_up(school: &School) {
    let stream = cache::key::events(domain::Partition::of(school.id));
    let redis = school.fleet.platform.redis();
    for _ in 0..200 {
        let groups: Vec<HashMap<String, fred::types::Value>> = redis.xinfo_groups(stream.clone()).await.unwrap();
        let group = groups.iter().find(|group| group["name"].as_str().as_deref() == Some("attendance-alerts")).unwrap();
        if group["lag"].as_i64() == Some(0) && group["pending"].as_i64() == Some(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the consumer does not catch up")
}

#[tokio::test]
async fn days_away_raise_one_alert_that_ends_when_the_student_is_back_and_is_told_once() {
    let school = School::open().await;
    let rule = three_days(&school).await;
    for days_ago in [4, 3, 2] {
        school.take(&school.teacher, school.day(days_ago), ["A", "P", "A"]).await.expect(201);
    }
    eventually(&school, |alerts| alerts.len() == 2).await;
    school.take(&school.teacher, school.day(1), ["A", "P", "P"]).await.expect(201);
    let seen = |alerts: &[Value]| alerts.iter().any(|alert| alert["times"] == 4) && alerts.iter().any(|alert| !alert["ended_on"].is_null());
    let found = eventually(&school, seen).await;
    let alert = found.iter().find(|alert| alert["student_id"] == json!(school.pupils[0])).unwrap();
    assert_eq!((&alert["rule_id"], &alert["rule_name"], &alert["kind"]), (&rule["id"], &rule["name"], &json!("absent_in_a_row")));
    assert_eq!((&alert["began_on"], &alert["ended_on"], &alert["state"]), (&json!(school.day(2)), &Value::Null, &json!("open")));
    // The other one was back on the day after.
    let over = found.iter().find(|alert| alert["student_id"] == json!(school.pupils[2])).unwrap();
    assert_eq!((&over["began_on"], &over["ended_on"]), (&json!(school.day(2)), &json!(school.day(1))));
    let events = told(&school).await;
    assert_eq!(events.len(), 2, "{events:#?}");
    let data: Value = serde_json::from_str(events[0]["data"].as_str().unwrap()).unwrap();
    assert_eq!((&data["tells_guardians"], data.get("note"), data.get("times")), (&json!(true), None, None));

    // A correction ends it; taken back, it is the same episode, and nobody is told again.
    let path = format!("{}/records/{}", school.register(school.day(2)).await, school.pupils[0]);
    school.teacher.patch(&path, "\"v1\"", &json!({"code": "P"})).await.expect(200);
    eventually(&school, |alerts| alerts.iter().all(|alert| !alert["ended_on"].is_null())).await;
    school.teacher.patch(&path, "\"v2\"", &json!({"code": "A"})).await.expect(200);
    let found = eventually(&school, |alerts| alerts.iter().any(|alert| alert["ended_on"].is_null())).await;
    assert!(found.len() == 2 && found.iter().any(|found| found["id"] == alert["id"] && found["ended_on"].is_null()), "{found:#?}");

    // Every event once more, as a consumer that fell over would see them.
    let stream = cache::key::events(domain::Partition::of(school.id));
    let redis = school.fleet.platform.redis();
    let entries: Vec<(String, HashMap<String, String>)> = redis.xrange_values(stream.clone(), "-", "+", None).await.unwrap();
    for (_, fields) in entries.iter().filter(|(_, fields)| !fields["e"].contains("attendance:alerted")) {
        let _: String = redis.xadd(stream.clone(), false, None, "*", vec![("e", fields["e"].clone())]).await.unwrap();
    }
    caught_up(&school).await;
    assert_eq!(alerts(&school.office).await, found);
    assert_eq!(told(&school).await.len(), 2);
    // Leave that is granted afterwards excuses the days, and the rule is true no more.
    let days = json!({"student_id": school.pupils[0], "from_date": school.day(4), "to_date": school.day(1), "reason": "The flu"});
    let leave = school.parent.post("/api/v1/leave-requests", &days).await;
    school.office.post_if(&format!("{}/approve", leave.header("location")), &leave.etag(), &json!({})).await.expect(200);
    eventually(&school, |alerts| alerts.iter().all(|alert| !alert["ended_on"].is_null())).await;
}

#[tokio::test]
async fn an_alert_is_for_the_teachers_of_the_class_the_office_and_the_family() {
    let school = School::open().await;
    three_days(&school).await;
    rule(&school, &json!({"name": "Half of it", "kind": "rate_below", "percent": 50, "min_days": 3, "tells_guardians": false})).await;
    for days_ago in [3, 2, 1] {
        school.take(&school.teacher, school.day(days_ago), ["A", "P", "P"]).await.expect(201);
    }
    let found = eventually(&school, |alerts| alerts.len() == 2).await;
    let (shown, kept) =
        if found[0]["kind"] == "absent_in_a_row" { (found[0].clone(), found[1].clone()) } else { (found[1].clone(), found[0].clone()) };
    assert_eq!((&kept["percent"], &kept["times"], &shown["percent"]), (&json!(0.0), &Value::Null, &Value::Null));
    let path = format!("{ALERTS}/{}", shown["id"].as_str().unwrap());
    school.teacher.post_if(&format!("{path}/acknowledge"), "\"v1\"", &json!({"note": "I rang their mother."})).await.expect(200);
    for (who, sees) in [(&school.teacher, 2), (&school.colleague, 2), (&school.parent, 1), (&school.student, 1), (&school.classmate, 0)] {
        assert_eq!(alerts(who).await.len(), sees);
    }
    for nobody in [&school.other_teacher, &school.other_student, &school.outsider] {
        assert_eq!(alerts(nobody).await.len(), 0);
        nobody.get(&path).await.expect(404);
    }
    let seen = school.parent.get(&path).await.expect(200);
    assert_eq!((&seen["state"], &seen["note"], &seen["acknowledged_by"]), (&json!("acknowledged"), &Value::Null, &Value::Null));
    assert_eq!(school.colleague.get(&path).await.expect(200)["note"], "I rang their mother.");
    school.parent.get(&format!("{ALERTS}/{}", kept["id"].as_str().unwrap())).await.expect(404);
    school.parent.post_if(&format!("{path}/close"), "\"v2\"", &json!({})).await.expect(403);
    school.other_teacher.post_if(&format!("{path}/close"), "\"v2\"", &json!({})).await.expect(404);
    school.teacher.get(&format!("{ALERTS}?class_id={}", school.other_class)).await.expect(404);
    let filtered =
        async |query: String| school.office.get(&format!("{ALERTS}?{query}")).await.expect(200)["items"].as_array().unwrap().len();
    assert_eq!(filtered("state=acknowledged".to_owned()).await, 1);
    assert_eq!(filtered("lasts=false".to_owned()).await, 0);
    assert_eq!(filtered(format!("student_id={}&lasts=true", school.pupils[0])).await, 2);
    assert_eq!(filtered(format!("student_id={}", school.pupils[1])).await, 0);
    assert_eq!(filtered(format!("rule_id={}", kept["rule_id"].as_str().unwrap())).await, 1);
    let page = school.office.get(&format!("{ALERTS}?limit=1")).await.expect(200);
    let next = school.office.get(&format!("{ALERTS}?limit=1&cursor={}", page["next_cursor"].as_str().unwrap())).await.expect(200);
    assert!(page["items"][0]["id"] != next["items"][0]["id"] && next["next_cursor"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_close_an_alert_at_once_one_does_and_the_others_are_told() {
    let school = School::open().await;
    rule(&school, &json!({"name": "Away", "kind": "absent_in_a_row", "times": 1})).await;
    school.take(&school.teacher, school.today, ["A", "P", "P"]).await.expect(201);
    let alert = eventually(&school, |alerts| alerts.len() == 1).await.remove(0);
    let path = format!("{ALERTS}/{}", alert["id"].as_str().unwrap());
    let tries = (0..50).map(|number| {
        let (path, who) = (path.clone(), if number % 2 == 0 { &school.teacher } else { &school.office });
        let verb = if number % 3 == 0 { "acknowledge" } else { "close" };
        async move { who.post_if(&format!("{path}/{verb}"), "\"v1\"", &json!({"note": format!("By {number}")})).await.status }
    });
    let outcomes = join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|status| **status == 200).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|status| matches!(status, 200 | 412)), "{outcomes:?}");
    let present = school.office.get(&path).await;
    assert_eq!(present.etag(), "\"v2\"");
    // Closed, it is closed; while the rule stays true there is no other one.
    if present.body["state"] == "acknowledged" {
        school.office.post_if(&format!("{path}/acknowledge"), "\"v2\"", &json!({})).await.expect(409);
        school.office.post_if(&format!("{path}/close"), "\"v2\"", &json!({})).await.expect(200);
    }
    let etag = school.office.get(&path).await.etag();
    school.office.post_if(&format!("{path}/close"), &etag, &json!({})).await.expect(409);
    school.office.post(&format!("{path}/close"), &json!({})).await.expect(428);
    let mark = format!("{}/records/{}", school.register(school.today).await, school.pupils[0]);
    school.teacher.patch(&mark, "\"v1\"", &json!({"note": "Still away"})).await.expect(200);
    caught_up(&school).await;
    assert_eq!(alerts(&school.office).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_registers_that_are_taken_at_once_raise_one_alert_and_tell_it_once() {
    let school = School::open().await;
    rule(&school, &json!({"name": "Often late", "kind": "times_late", "times": 5, "window_days": 7})).await;
    // A second pod looks after the same alerts.
    let (_, second) = school.fleet.another(crate::school::SERVICES, std::sync::Arc::new(domain::SystemClock)).await;
    let marking = (1..=30).map(|period| {
        let school = &school;
        async move {
            let place = json!({"class_id": school.class, "held_on": school.today, "period": period});
            let opened = school.teacher.post("/api/v1/attendance/sessions", &place).await;
            let records = json!({"records": [{"student_id": school.pupils[0], "code": "L"}], "others": "P"});
            crate::school::put(&school.teacher, &format!("{}/records", opened.header("location")), &opened.etag(), &records)
                .await
                .expect(200);
        }
    });
    join_all(marking).await;
    let found = eventually(&school, |alerts| alerts.iter().any(|alert| alert["times"] == 30)).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    caught_up(&school).await;
    assert_eq!((told(&school).await.len(), alerts(&school.office).await.len()), (1, 1));
    second.stop().await;
}

#[tokio::test]
async fn rules_are_the_offices_and_what_is_wrong_with_one_is_told() {
    let school = School::open().await;
    let made = three_days(&school).await;
    let path = format!("{RULES}/{}", made["id"].as_str().unwrap());
    assert_eq!((&made["window_days"], &made["tells_guardians"], &made["is_active"]), (&json!(60), &json!(true), &json!(true)));
    for (body, pointers) in [
        (json!({"name": "R", "kind": "rate_below", "times": 3}), vec!["/percent", "/times"]),
        (json!({"name": "R", "kind": "rate_below", "percent": 90.005}), vec!["/percent"]),
        (json!({"name": "R", "kind": "rate_below", "percent": 100.01}), vec!["/percent"]),
        (json!({"name": "R", "kind": "times_late", "times": 0, "window_days": 0}), vec!["/times", "/window_days", "/window_days"]),
        (json!({"name": "R", "kind": "absent_in_a_row", "times": 9, "window_days": 8}), vec!["/window_days"]),
    ] {
        let refused = school.office.post(RULES, &body).await;
        assert_eq!((refused.status, refused.pointers()), (422, pointers), "{body}");
    }
    school.office.post(RULES, &json!({"name": "Three days away", "kind": "times_late", "times": 3})).await.expect(409);
    school.office.post(RULES, &json!({"name": "R", "kind": "sick", "times": 3})).await.expect(422);
    school.teacher.post(RULES, &json!({"name": "R", "kind": "times_late", "times": 3})).await.expect(403);
    school.student.get(RULES).await.expect(403);
    school.outsider.get(&path).await.expect(404);
    assert_eq!(school.teacher.get(RULES).await.expect(200).as_array().map(Vec::len), Some(1));
    school.teacher.patch(&path, "\"v1\"", &json!({"times": 2})).await.expect(403);
    let changed = school.office.patch(&path, "\"v1\"", &json!({"times": 2, "is_active": false})).await.expect(200);
    assert_eq!((&changed["times"], &changed["is_active"], &changed["version"]), (&json!(2), &json!(false), &json!(2)));
    school.office.patch(&path, "\"v1\"", &json!({"times": 5})).await.expect(412);
    school.office.patch(&path, "\"v2\"", &json!({"percent": 5})).await.expect(422);
    school.office.patch(&path, "\"v2\"", &json!({"kind": "times_late"})).await.expect(422);
    // Out of use, it is not looked at.
    school.take(&school.teacher, school.day(1), ["A", "A", "A"]).await.expect(201);
    school.take(&school.teacher, school.today, ["A", "A", "A"]).await.expect(201);
    caught_up(&school).await;
    assert_eq!(alerts(&school.office).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_rules_that_are_made_at_once_no_more_come_into_being_than_a_school_may_have() {
    let school = School::open().await;
    let tries = (0..50).map(|number| {
        let office = &school.office;
        // Every name twice.
        let body = json!({"name": format!("Rule {}", number / 2), "kind": "times_late", "times": 3});
        async move {
            loop {
                let status = office.post(RULES, &body).await.status;
                // On a full machine not all get a connection in time: they are told to come back, and do.
                if status != 503 {
                    return status;
                }
            }
        }
    });
    let outcomes = join_all(tries).await;
    assert!(outcomes.iter().all(|status| matches!(status, 201 | 409)), "{outcomes:?}");
    let made = school.office.get(RULES).await.expect(200).as_array().unwrap().len();
    assert_eq!((outcomes.iter().filter(|status| **status == 201).count(), made), (20, 20));
}

#[tokio::test]
async fn alerts_are_looked_after_on_one_connection_so_that_those_who_wait_do_not_starve_each_other() {
    let school = School::open_with(&[("POSTGRES_MAX_CONNECTIONS", "2"), ("POSTGRES_ACQUIRE_TIMEOUT_MS", "500")]).await;
    rule(&school, &json!({"name": "Away", "kind": "absent_in_a_row", "times": 1})).await;
    // All connections but one are taken, as by others in the queue.
    let held = school.fleet.platform.postgres(domain::ServiceName::Attendance).school(school.id).await.unwrap();
    school.take(&school.teacher, school.today, ["A", "P", "P"]).await.expect(201);
    caught_up(&school).await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_alerts").await, 1);
    drop(held);
}

#[tokio::test]
async fn one_students_leave_or_correction_reads_one_students_marks() {
    let school = School::open().await;
    school.sql("CREATE EXTENSION pg_stat_statements").await;
    three_days(&school).await;
    for days_ago in [3, 2, 1] {
        school.take(&school.teacher, school.day(days_ago), ["A", "A", "A"]).await.expect(201);
    }
    eventually(&school, |alerts| alerts.len() == 3).await;
    school.saved().await;
    let read = async || {
        let query = "SELECT coalesce(sum(rows), 0)::bigint FROM pg_stat_statements
            WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND query LIKE '%FROM attendance_sessions s JOIN attendance_records r ON%s.held_on BETWEEN%'";
        school.count(query).await
    };
    let before = read().await;
    let day = json!({"student_id": school.pupils[0], "from_date": school.day(1), "to_date": school.day(1), "reason": "The flu"});
    let leave = school.parent.post("/api/v1/leave-requests", &day).await;
    school.office.post_if(&format!("{}/approve", leave.header("location")), &leave.etag(), &json!({})).await.expect(200);
    eventually(&school, |alerts| alerts.iter().any(|alert| !alert["ended_on"].is_null())).await;
    caught_up(&school).await;
    assert_eq!(read().await - before, 3, "the marks of three days");
    let before = read().await;
    let path = format!("{}/records/{}", school.register(school.day(2)).await, school.pupils[1]);
    school.teacher.patch(&path, "\"v1\"", &json!({"code": "P"})).await.expect(200);
    eventually(&school, |alerts| alerts.iter().filter(|alert| !alert["ended_on"].is_null()).count() == 2).await;
    caught_up(&school).await;
    assert_eq!(read().await - before, 3, "and of one student");
}
