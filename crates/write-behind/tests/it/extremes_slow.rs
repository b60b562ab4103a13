//! PostgreSQL is slow: the backlog grows to its limit, writers are sent away and none is dropped, memory stays bounded, and then it recovers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::ServiceName;
use fred::interfaces::StreamsInterface;
use store::{Identity, Postgres};
use testkit::{RedisServer, Relay, TestDatabase};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use write_behind::{BufferSettings, Processor, WriteError};

use crate::it::extremes::{MEGABYTE, eventually, forget_peak, peak, resident};
use crate::note::Note;
use crate::stage::{Stage, drains};

const LIMIT: u64 = 300;

async fn write_as_fast_as_possible(stage: Arc<Stage>, stop: Arc<AtomicBool>) -> (Vec<Uuid>, u32) {
    let (mut accepted, mut refused) = (Vec::new(), 0);
    while !stop.load(Ordering::SeqCst) {
        let note = Note::new(stage.school, "one of many");
        match stage.create(&note).await {
            Ok(_) => accepted.push(note.id),
            Err(WriteError::Busy { retry_after }) => {
                assert!(retry_after > Duration::ZERO);
                refused += 1;
            }
            Err(error) => panic!("a writer who is to wait must be told so, not: {error}"),
        }
    }
    (accepted, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_behind_a_slow_postgresql_the_backlog_stops_at_its_limit_and_nothing_is_dropped() {
    let settings = BufferSettings { backlog_limit: LIMIT, patience: Duration::from_millis(50), ..BufferSettings::default() };
    let stage = Arc::new(Stage::with(TestDatabase::create().await, RedisServer::start().await, settings).await);
    let mut config = stage.database.app();
    let relay = Relay::to(config.port).await;
    config.port = relay.port();
    let processor = Processor::new(stage.pool.clone(), Postgres::connect(&config, Identity::Batch), drains(), Stage::settings());
    relay.delay(Duration::from_millis(40));
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    let stop = Arc::new(AtomicBool::new(false));
    forget_peak();
    let before = resident();
    let writers: Vec<_> = (0..8).map(|_| tokio::spawn(write_as_fast_as_possible(Arc::clone(&stage), Arc::clone(&stop)))).collect();
    let mut longest = 0;
    for _ in 0..150 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let length: u64 = stage.pool.xlen(cache::key::log(ServiceName::Homework, stage.partition())).await.unwrap();
        longest = longest.max(length);
    }
    stop.store(true, Ordering::SeqCst);
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for writer in writers {
        let (ids, sent_away) = writer.await.unwrap();
        accepted.extend(ids);
        refused += sent_away;
    }
    let growth = peak().saturating_sub(before);
    println!("{} accepted, {refused} sent away, at most {longest} waiting, memory grew by {} MB", accepted.len(), growth / MEGABYTE);
    assert!(refused > 0, "nobody was asked to wait: was it slow at all?");
    assert!((LIMIT / 2..=LIMIT).contains(&longest), "{longest} writes were waiting");
    assert!(growth < 64 * MEGABYTE, "memory grew by {growth} bytes");
    // It recovers, and everything that was acknowledged is there, once.
    relay.delay(Duration::ZERO);
    let again = Note::new(stage.school, "room again");
    eventually(Duration::from_secs(20), async || stage.create(&again).await.ok()).await;
    assert!(stage.buffer.wait_until_saved(ServiceName::Homework, stage.school, Duration::from_secs(20)).await.unwrap());
    cancel.cancel();
    running.await.unwrap();
    let saved: std::collections::HashSet<Uuid> = stage.table().await.into_iter().map(|(id, ..)| id).collect();
    assert!(accepted.iter().all(|id| saved.contains(id)), "acknowledged and dropped");
    assert_eq!(saved.len(), accepted.len() + 1, "sent away and written all the same");
}

#[tokio::test]
async fn a_connection_that_breaks_again_and_again_delays_the_drain_and_loses_nothing() {
    let stage = Stage::set().await;
    let mut config = stage.database.app();
    let relay = Relay::to(config.port).await;
    config.port = relay.port();
    let processor = Processor::new(stage.pool.clone(), Postgres::connect(&config, Identity::Batch), drains(), Stage::settings());
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    let mut written = Vec::new();
    for round in 0..8_u64 {
        for n in 0..100 {
            let note = Note::new(stage.school, &format!("{round}.{n}"));
            stage.create(&note).await.unwrap();
            written.push(note.id);
        }
        tokio::time::sleep(Duration::from_millis(10 + 7 * round)).await;
        relay.cut();
        tokio::time::sleep(Duration::from_millis(20)).await;
        relay.mend();
    }
    assert!(stage.buffer.wait_until_saved(ServiceName::Homework, stage.school, Duration::from_mins(1)).await.unwrap());
    cancel.cancel();
    running.await.unwrap();
    let saved: Vec<Uuid> = stage.table().await.into_iter().map(|(id, ..)| id).collect();
    assert!(saved == written, "{} of {} saved, or in another order", saved.len(), written.len());
}

#[tokio::test]
async fn statements_that_run_into_their_time_limit_become_smaller_until_they_do_not() {
    let stage = Stage::set().await;
    stage
        .execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $$;
             CREATE TRIGGER slow BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION dawdle()",
        )
        .await;
    let mut written = Vec::new();
    for n in 0..300 {
        let note = Note::new(stage.school, &n.to_string());
        stage.create(&note).await.unwrap();
        written.push(note.id);
    }
    // All at once would take a second and a half.
    let mut config = stage.database.app();
    config.statement_timeout = Duration::from_millis(400);
    let processor = Processor::new(stage.pool.clone(), Postgres::connect(&config, Identity::Batch), drains(), Stage::settings());
    let summary = eventually(Duration::from_secs(20), async || processor.run_once().await.ok()).await;
    assert_eq!((summary.saved, summary.dead), (300, 0));
    let saved: Vec<Uuid> = stage.table().await.into_iter().map(|(id, ..)| id).collect();
    assert!(saved == written, "saved in another order than acknowledged");
}
