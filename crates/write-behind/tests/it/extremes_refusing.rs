//! PostgreSQL refuses, while writes go on: it is down, it has no connection left, it takes no writes. Then it catches up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::{SchoolId, ServiceName, SystemClock};
use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use store::StoreError;
use testkit::{PostgresServer, RedisServer, TestDatabase};
use tokio_util::sync::CancellationToken;
use write_behind::{BufferSettings, DrainError, Operation, WriteBuffer, WriteError, WriteMode};

use crate::it::extremes::{MEGABYTE, eventually, resident};
use crate::note::Note;
use crate::stage::{Stage, impatient};

async fn on(server: &PostgresServer) -> Stage {
    let database = TestDatabase::create_on(&server.url()).await;
    Stage::with(database, RedisServer::start().await, BufferSettings::default()).await
}

/// Creates a note and changes it, `rate` times a second, until told to stop. None of it may fail.
async fn write_steadily(stage: Arc<Stage>, school: SchoolId, rate: u32, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) -> u64 {
    let mut beat = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut rows = 0;
    while !stop.load(Ordering::SeqCst) {
        beat.tick().await;
        let note = Note::new(school, "created while PostgreSQL is away");
        stage.create(&note).await.expect("a buffered create needs no PostgreSQL");
        stage.update(&note, "changed").await.expect("a buffered change needs no PostgreSQL");
        rows += 1;
        acknowledged.fetch_add(2, Ordering::SeqCst);
    }
    rows
}

/// PostgreSQL is killed and stays away for a while. Writes go on all the time; in the end every one of them is in its table, and memory stays bounded.
async fn an_outage(length: Duration, rate: u32) {
    const SCHOOLS: u32 = 4;
    let server = PostgresServer::start().await;
    let stage = Arc::new(on(&server).await);
    let schools: Vec<SchoolId> = (0..SCHOOLS).map(|_| SchoolId::generate()).collect();
    let cancel = CancellationToken::new();
    let (processor, token) = (stage.processor(), cancel.clone());
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = |school: &SchoolId| {
        tokio::spawn(write_steadily(Arc::clone(&stage), *school, rate / SCHOOLS, Arc::clone(&stop), Arc::clone(&acknowledged)))
    };
    let writers: Vec<_> = schools.iter().map(writer).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = resident();
    server.kill().await;
    let (killed, mut most) = (Instant::now(), 0);
    while killed.elapsed() < length {
        tokio::time::sleep(Duration::from_millis(250)).await;
        most = most.max(resident());
    }
    let backlog = acknowledged.load(Ordering::SeqCst);
    server.launch().await;
    let back = Instant::now();
    let sampler = {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            let mut most = 0;
            while !stop.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(50)).await;
                most = most.max(resident());
            }
            most
        })
    };
    for school in &schools {
        assert!(
            stage.buffer.wait_until_saved(ServiceName::Homework, *school, Duration::from_mins(3)).await.unwrap(),
            "it never catches up"
        );
    }
    let caught_up = back.elapsed();
    stop.store(true, Ordering::SeqCst);
    most = most.max(sampler.await.unwrap());
    let mut rows = 0;
    for writer in writers {
        rows += writer.await.unwrap();
    }
    for school in &schools {
        assert!(stage.buffer.wait_until_saved(ServiceName::Homework, *school, Duration::from_mins(1)).await.unwrap());
    }
    cancel.cancel();
    running.await.unwrap();
    let growth = most.saturating_sub(before);
    println!(
        "away for {length:.0?}: {backlog} writes acknowledged by then, all saved {caught_up:.1?} after it answered again; memory grew by {} MB at most",
        growth / MEGABYTE
    );
    assert_eq!(stage.count("SELECT count(*) FROM notes WHERE version = 2").await.unsigned_abs(), rows, "acknowledged and lost");
    assert_eq!((stage.count("SELECT count(*) FROM notes").await.unsigned_abs(), stage.dead().await), (rows, 0));
    assert!(growth < 96 * MEGABYTE, "memory grew by {growth} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_writes_go_on_while_postgresql_is_down_and_are_saved_when_it_is_back() {
    an_outage(Duration::from_secs(4), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes eleven minutes: scripts/test -p write-behind --run-ignored only -E 'test(ten_minutes)' --no-capture"]
async fn heavy_writes_go_on_while_postgresql_is_down_for_ten_minutes_and_are_saved_when_it_is_back() {
    an_outage(Duration::from_mins(10), 120).await;
}

#[tokio::test]
async fn a_postgresql_without_a_free_connection_makes_the_drain_wait_and_writes_go_on() {
    let server = PostgresServer::start_with(&["max_connections=12", "superuser_reserved_connections=3"]).await;
    let stage = on(&server).await;
    let app = stage.database.app();
    let options = PgConnectOptions::new_without_pgpass()
        .host(&app.host)
        .port(app.port)
        .database(&app.database)
        .username(&app.user)
        .password(app.password.expose_secret());
    let mut taken = Vec::new();
    let refused = loop {
        match PgConnection::connect_with(&options).await {
            Ok(connection) => taken.push(connection),
            Err(error) => break error,
        }
    };
    assert!(matches!(StoreError::from(refused), StoreError::Unavailable(_)));
    let note = Note::new(stage.school, "while all connections are taken");
    stage.create(&note).await.unwrap();
    let note = stage.update(&note, "and changed").await.unwrap();
    let outcome = stage.processor_with(impatient()).run_once().await;
    assert!(matches!(outcome, Err(DrainError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    assert_eq!(stage.find(stage.school, note.id).await.unwrap(), Some(note.clone()));
    for connection in taken {
        connection.close().await.unwrap();
    }
    let processor = stage.processor();
    eventually(Duration::from_secs(10), async || processor.run_once().await.ok()).await;
    assert_eq!((stage.saved(&[note.id]).await, stage.dead().await), (vec![note], 0));
}

#[tokio::test]
async fn a_postgresql_that_takes_no_writes_makes_the_drain_wait_and_buries_nothing() {
    let server = PostgresServer::start().await;
    let stage = on(&server).await;
    let before = Note::new(stage.school, "before");
    stage.create(&before).await.unwrap();
    stage.processor().run_once().await.unwrap();
    // As after a failover that has ended half-way: it answers, as a standby.
    server.demote().await;
    let note = Note::new(stage.school, "while it is a standby");
    stage.create(&note).await.unwrap();
    let changed = stage.update(&before, "changed").await.unwrap();
    let outcome = stage.processor_with(impatient()).run_once().await;
    assert!(matches!(outcome, Err(DrainError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    assert_eq!(stage.load(stage.school, before.id).await.unwrap(), Some(before.clone()), "a standby can be read");
    // What must be written through is told to come back later, not that it is at fault.
    let through = BufferSettings { mode: WriteMode::Through, ..BufferSettings::default() };
    let through = WriteBuffer::new(stage.pool.clone(), through, Arc::new(SystemClock));
    let other = Note::new(stage.school, "written through");
    let outcome = through.write(&stage.postgres, Operation::new(stage.school, ServiceName::Homework).create(&other)).await;
    assert!(matches!(outcome, Err(WriteError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    server.promote().await;
    let processor = stage.processor();
    eventually(Duration::from_secs(20), async || processor.run_once().await.ok()).await;
    assert_eq!(stage.dead().await, 0);
    let mut saved = stage.saved(&[before.id, note.id]).await;
    saved.sort_by_key(|note| note.created_at);
    assert_eq!(saved, [changed, note]);
}
