//! The outbox gets emptied however often its stores are cut off meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cache::key;
use domain::{EventEnvelope, EventId, EventKind, Partition, SchoolId, SystemClock};
use events::{Publisher, outbox};
use fred::clients::Pool;
use fred::interfaces::{ClientLike, StreamsInterface};
use fred::types::Builder;
use fred::types::config::Config;
use fred::types::streams::XReadValue;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use store::Identity;
use testkit::{RedisServer, Relay, TestDatabase};
use tokio_util::sync::CancellationToken;

/// How many events wait.
const WAITING: usize = 800;

async fn pool(port: u16) -> Pool {
    let pool = Builder::from_config(Config::from_url(&format!("redis://127.0.0.1:{port}")).unwrap()).build_pool(1).unwrap();
    pool.init().await.unwrap();
    pool
}

/// Puts numbered events into the outbox, as a service that commits them would.
async fn wait_in_the_outbox(database: &TestDatabase, school: SchoolId) {
    let told: Vec<Value> = (0..WAITING)
        .map(|number| {
            let event = EventEnvelope {
                id: EventId::generate(),
                kind: EventKind::PaymentChanged,
                school_id: school,
                actor: None,
                occurred_at: domain::Clock::now(&SystemClock),
                subject: EventId::generate().as_uuid(),
                traceparent: None,
                data: json!({"number": number}).to_string(),
            };
            serde_json::to_value(event).unwrap()
        })
        .collect();
    let mut superuser = database.superuser().await;
    // The school itself is of no interest here.
    sqlx::query("SET session_replication_role = replica").execute(&mut superuser).await.unwrap();
    let insert = "INSERT INTO outbox (school_id, service, event) SELECT $1, 'fee', event FROM jsonb_array_elements($2) WITH ORDINALITY AS told (event, place) ORDER BY place";
    sqlx::query(insert).bind(school.as_uuid()).bind(Value::from(told)).execute(&mut superuser).await.unwrap();
}

async fn left(superuser: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(superuser).await.unwrap()
}

#[tokio::test]
async fn a_backlog_gets_through_although_no_connection_lasts_as_long_as_all_of_it_takes() {
    let (database, redis) = (TestDatabase::create().await, RedisServer::start().await);
    let school = SchoolId::generate();
    wait_in_the_outbox(&database, school).await;
    let near = redis.pool(1).await;
    let port = near.next().client_config().server.hosts().first().unwrap().port;
    let network = Relay::to(port).await;
    let publisher = Publisher::new(pool(network.port()).await);
    // There and back in 60 ms: a step fits into what a connection to PostgreSQL lasts, and the six steps of a whole batch never do.
    network.delay(Duration::from_millis(30));
    let (cancel, cuts) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let relay = {
        let (postgres, cancel) = (database.connect(Identity::Batch), cancel.clone());
        tokio::spawn(async move { outbox::relay(&postgres, &publisher, Duration::from_millis(20), cancel).await })
    };
    let mut superuser = database.superuser().await;
    let begun = Instant::now();
    while left(&mut superuser).await > 0 {
        assert!(begun.elapsed() < Duration::from_mins(2), "{} wait after {} cuts", left(&mut superuser).await, cuts.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_millis(300)).await;
        let cut =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let cut: i64 = sqlx::query_scalar(cut).fetch_one(&mut superuser).await.unwrap();
        cuts.fetch_add(usize::try_from(cut).unwrap(), Ordering::SeqCst);
    }
    cancel.cancel();
    relay.await.unwrap();
    assert!(cuts.load(Ordering::SeqCst) > 0, "something was cut");
    let entries: Vec<XReadValue<String, String, Vec<u8>>> =
        near.xrange_values(key::events(Partition::of(school)), "-", "+", None).await.unwrap();
    let mut numbers: Vec<u64> = Vec::new();
    for (_, fields) in entries {
        let event: EventEnvelope = serde_json::from_slice(&fields["e"]).unwrap();
        let number = serde_json::from_str::<Value>(&event.data).unwrap()["number"].as_u64().unwrap();
        // What was published before a cut comes again; for the first time each comes in its place.
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    assert_eq!(numbers, (0..WAITING as u64).collect::<Vec<_>>());
    superuser.close().await.unwrap();
}
