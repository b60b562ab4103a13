//! A store dies at the wrong moment.

use std::time::Duration;

use fred::interfaces::KeysInterface;
use serde_json::json;

use crate::school::{School, fresh, put};

#[tokio::test]
async fn a_register_that_was_acknowledged_survives_a_killed_redis() {
    let mut school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let path = school.take(&school.teacher, school.today, ["P", "A", "P"]).await.header("location").to_owned();
    let records = format!("{path}/records");
    let absent = json!({"records": [{"student_id": school.pupils[0], "code": "A"}]});
    put(&school.teacher, &records, "\"v1\"", &absent).await.expect(200);
    school.fleet.redis.kill().await;
    // Nothing of it is in PostgreSQL yet: what can't be proved is not written over.
    let refused = put(&school.teacher, &records, "\"v2\"", &json!({"records": [{"student_id": school.pupils[2], "code": "A"}]})).await;
    assert!(matches!(refused.status, 404 | 503), "{:#}", refused.body);
    let other = school.marks(school.day(1), ["P", "P", "P"]);
    let id = attendance::model::register::Place { held_on: school.day(1), class_id: school.class, period: None }.id(school.id);
    let created = fresh(&school.teacher, &format!("/api/v1/attendance/sessions/{id}/records"), &other).await;
    assert_eq!(created.status, 503, "{:#}", created.body);
    school.fleet.redis.launch().await;
    let mut seen = school.teacher.get(&path).await;
    for _ in 0..200 {
        if seen.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen = school.teacher.get(&path).await;
    }
    assert_eq!((&seen.clone().expect(200)["absent"], seen.etag()), (&json!(2), "\"v2\"".to_owned()));
    let drains: Vec<std::sync::Arc<dyn write_behind::Drain>> = (attendance::SERVICE.drains)();
    let postgres = school.fleet.platform.batch_postgres().clone();
    let settings = write_behind::ProcessorSettings::default();
    write_behind::Processor::new(school.fleet.platform.redis().clone(), postgres, drains, settings).run_once().await.unwrap();
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE code = 'A' AND version = 2").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM attendance_corrections").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM dead_letters").await, 0);
}

#[tokio::test]
async fn saving_twice_changes_nothing() {
    let school = School::open_with(&[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let path = school.take(&school.teacher, school.today, ["P", "A", "P"]).await.header("location").to_owned();
    school.teacher.patch(&format!("{path}/records/{}", school.pupils[0]), "\"v1\"", &json!({"code": "A"})).await.expect(200);
    let drains: Vec<std::sync::Arc<dyn write_behind::Drain>> = (attendance::SERVICE.drains)();
    let history = school.teacher.get(&format!("{path}/corrections")).await.expect(200);
    let partition = domain::Partition::of(school.id);
    let values = [("attendance", path.rsplit('/').next().unwrap()), ("attendance_correction", history["items"][0]["id"].as_str().unwrap())];
    let mut transaction = school.fleet.platform.batch_postgres().platform().await.unwrap();
    for (entity, id) in values {
        let key = cache::key::value(entity, partition, id);
        let bytes: Vec<u8> = school.fleet.platform.redis().get(key).await.unwrap();
        let image = write_behind::Image { id: id.parse().unwrap(), bytes };
        let drain = drains.iter().find(|drain| drain.entity() == entity).unwrap();
        let first = drain.save(transaction.connection().unwrap(), &[&image]).await.unwrap();
        let second = drain.save(transaction.connection().unwrap(), &[&image]).await.unwrap();
        assert_eq!((first.applied, first.superseded, first.clashes), (1, 0, vec![]));
        assert_eq!((second.applied, second.superseded, second.clashes), (0, 1, vec![]));
    }
    transaction.commit().await.unwrap();
    assert_eq!(school.count("SELECT count(*) FROM attendance_records").await, 3);
}
