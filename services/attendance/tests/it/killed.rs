//! The process that looks after alerts is killed again and again between the commit of an alert and the acknowledgement of its event.

use std::time::Duration;

use attendance::model::register::Place;
use domain::Role;
use fred::interfaces::StreamsInterface;
use serde_json::{Value, json};
use service_kit::Service;

use crate::alerts::{caught_up, rule, told};
use crate::school::{SERVICES, School, fresh};

/// Not a test: the process that the test kills.
#[test]
#[ignore = "started by the test of this module"]
fn child() {
    testkit::run(SERVICES);
}

/// Takes registers, and leaves what was told to others.
const LISTENS_TO_NOTHING: Service = Service { consumers: |_| Vec::new(), ..attendance::SERVICE };

const CLASSES: usize = 8;

/// Waits until there are more than `count` alerts for certain; how many there are.
async fn more_than(school: &School, count: i64) -> i64 {
    for _ in 0..1_500 {
        let now = school.count("SELECT count(*) FROM attendance_alerts").await;
        if now > count {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there are never more than {count} alerts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_whose_process_is_killed_before_it_could_acknowledge_are_raised_and_told_once() {
    let school = School::open_as(&[auth::SERVICE, LISTENS_TO_NOTHING], &[]).await;
    rule(&school, &json!({"name": "Away", "kind": "absent_in_a_row", "times": 1})).await;
    rule(&school, &json!({"name": "Never there", "kind": "rate_below", "percent": 50, "min_days": 1})).await;
    let teacher = school.fleet.member(school.id, Role::Teacher, "many@a.example").await;
    for number in 0..CLASSES {
        let student = school.fleet.member(school.id, Role::Student, &format!("student{number}@a.example")).await;
        let class_id = school.fleet.class(school.id, &format!("Class {number}"), teacher, &[student]).await;
        let id = Place { held_on: school.today, class_id, period: None }.id(school.id);
        let register = json!({"register": {"class_id": class_id, "held_on": school.today}, "records": [], "others": "A"});
        fresh(&school.office, &format!("/api/v1/attendance/sessions/{id}/records"), &register).await.expect(201);
    }
    // Each register was taken, and its student is absent: all of it is there before anybody listens, and is read as one.
    let all = CLASSES * 2;
    for _ in 0..200 {
        if school.events().await.len() == all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(school.events().await.len(), all);
    let linger = "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$;
        CREATE TRIGGER linger AFTER INSERT ON attendance_alerts FOR EACH ROW EXECUTE FUNCTION linger()";
    school.sql(linger).await;

    let stream = cache::key::events(domain::Partition::of(school.id));
    let mut raised = 0;
    for _ in 0..3 {
        let mut process = school.fleet.process("killed::child", &[("EVENTS_CLAIM_AFTER", "1")]);
        raised = more_than(&school, raised).await;
        process.kill();
        let pending: Vec<fred::types::Value> =
            school.fleet.platform.redis().xpending(&stream, "attendance-alerts", ("-", "+", 1_000)).await.unwrap();
        assert!(pending.len() >= all, "{raised} alerts are raised, and {} of {all} events not acknowledged", pending.len());
    }
    assert!(raised < i64::try_from(all).unwrap(), "something is left for the last one");

    school.sql("DROP TRIGGER linger ON attendance_alerts").await;
    let mut last = school.fleet.process("killed::child", &[("EVENTS_CLAIM_AFTER", "1")]);
    last.ready().await;
    more_than(&school, i64::try_from(all).unwrap() - 1).await;
    caught_up(&school).await;
    let once = "SELECT count(*) FROM (SELECT FROM attendance_alerts GROUP BY rule_id, student_id HAVING count(*) = 1) AS once";
    let raised = [once, "SELECT count(*) FROM attendance_alerts"].map(|query| school.count(query));
    let [once, raised] = futures_util::future::join_all(raised).await.try_into().unwrap();
    assert_eq!((once, raised), (16, 16));
    let mut told: Vec<Value> = told(&school).await.into_iter().map(|event| event["subject"].clone()).collect();
    told.sort_by_key(Value::to_string);
    let count = told.len();
    told.dedup();
    assert_eq!((count, told.len()), (all, all), "each is told once");
}
