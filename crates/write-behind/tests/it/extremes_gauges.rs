//! What an alert looks at: how much waits and since when, told while PostgreSQL is away too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use testkit::{PostgresServer, RedisServer, TestDatabase};
use write_behind::BufferSettings;

use crate::note::Note;
use crate::stage::{Stage, impatient};

#[derive(Clone, Default)]
struct Gauges(Arc<Mutex<HashMap<String, f64>>>);

struct One(Gauges, String);

impl GaugeFn for One {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(One(self.clone(), key.name().to_owned())))
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Gauges {
    fn get(&self, name: &str) -> f64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or(-1.0)
    }
}

#[tokio::test]
async fn the_backlog_and_the_age_of_its_oldest_write_are_told_while_postgresql_is_away() {
    let gauges = Gauges::default();
    // This test's runtime has one thread.
    let _guard = metrics::set_default_local_recorder(&gauges);
    let server = PostgresServer::start().await;
    let database = TestDatabase::create_on(&server.url()).await;
    let stage = Stage::with(database, RedisServer::start().await, BufferSettings::default()).await;
    server.kill().await;
    for n in 0..5 {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert!(stage.processor_with(impatient()).run_once().await.is_err());
    assert!((gauges.get("write_buffer_backlog") - 5.0).abs() < 0.1);
    let age = gauges.get("write_buffer_oldest_seconds");
    assert!((1.0..60.0).contains(&age), "{age}");
    server.launch().await;
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 5);
    assert!(gauges.get("write_buffer_backlog").abs() < 0.1 && gauges.get("write_buffer_oldest_seconds").abs() < 0.1);
}
