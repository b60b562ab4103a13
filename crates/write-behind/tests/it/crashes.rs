//! Killed at random instants, under load: every acknowledged write is in its table in the end, once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::ServiceName;
use testkit::{PostgresServer, RedisServer, TestDatabase};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use write_behind::{BufferSettings, Idempotency, Operation, WriteError};

use crate::note::Note;
use crate::stage::Stage;

/// Writes without end: creates with an idempotency key and changes them; repeats what was left open. Returns what was acknowledged last, by row.
async fn client(stage: Arc<Stage>, stop: Arc<AtomicBool>) -> HashMap<Uuid, (i32, String)> {
    let mut acknowledged = HashMap::new();
    let user = Uuid::now_v7();
    let mut n = 0;
    while !stop.load(Ordering::SeqCst) {
        n += 1;
        let key = || Idempotency::new(stage.school, user, "POST /notes", &n.to_string(), b"");
        let note = Note { id: key().row_id(), ..Note::new(stage.school, &format!("created {n}")) };
        // The same try again until there is an answer: that must never make a second row.
        let created = loop {
            let operation = Operation::new(stage.school, ServiceName::Homework).create(&note).idempotent(Some(key()));
            match stage.buffer.write(&stage.postgres, operation).await {
                Ok(_) => break true,
                Err(_) if stop.load(Ordering::SeqCst) => break false,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        if !created {
            break;
        }
        acknowledged.insert(note.id, (1, note.text.clone()));
        match stage.update(&note, &format!("changed {n}")).await {
            Ok(changed) => drop(acknowledged.insert(note.id, (2, changed.text))),
            // Open: it may have happened. Then the table may show it.
            Err(WriteError::Unavailable(_) | WriteError::Evicted | WriteError::Busy { .. }) => {
                acknowledged.insert(note.id, (1, format!("created {n}|changed {n}")));
            }
            Err(error) => panic!("{error}"),
        }
    }
    acknowledged
}

async fn verify(stage: &Stage, acknowledged: HashMap<Uuid, (i32, String)>) {
    assert!(acknowledged.len() > 20, "too little happened to prove anything: {}", acknowledged.len());
    let table: HashMap<Uuid, (i32, String)> = stage.table().await.into_iter().map(|(id, version, text)| (id, (version, text))).collect();
    for (id, (version, text)) in &acknowledged {
        let Some((saved_version, saved_text)) = table.get(id) else { panic!("acknowledged and lost: {id} {text}") };
        assert!(saved_version >= version, "{id}: version {version} was acknowledged, the table has {saved_version}");
        assert!(text.split('|').any(|text| text == saved_text), "{id}: {text} was acknowledged, the table has {saved_text}");
    }
    assert_eq!(stage.count("SELECT count(*) FROM dead_letters").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_redis_killed_under_load_loses_no_acknowledged_write() {
    // The stage's own server stays unused: this one is killed while the stage is shared.
    let mut stage = Stage::set().await;
    let mut redis = RedisServer::start().await;
    stage.pool = redis.pool(4).await;
    stage.buffer = stage.other_pod();
    let stage = Arc::new(stage);
    let stop = Arc::new(AtomicBool::new(false));
    let cancel = CancellationToken::new();
    let (processor, token) = (stage.processor(), cancel.clone());
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    let clients: Vec<_> = (0..4).map(|_| tokio::spawn(client(Arc::clone(&stage), Arc::clone(&stop)))).collect();
    for round in 0..5_u64 {
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        redis.kill().await;
        redis.launch().await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = HashMap::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    finish(&stage, cancel, running).await;
    verify(&stage, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_postgresql_killed_under_load_loses_no_acknowledged_write() {
    let server = PostgresServer::start().await;
    let database = TestDatabase::create_on(&server.url()).await;
    let stage = Arc::new(Stage::with(database, RedisServer::start().await, BufferSettings::default()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let cancel = CancellationToken::new();
    let (processor, token) = (stage.processor(), cancel.clone());
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    let clients: Vec<_> = (0..4).map(|_| tokio::spawn(client(Arc::clone(&stage), Arc::clone(&stop)))).collect();
    for round in 0..3_u64 {
        tokio::time::sleep(Duration::from_millis(150 + 73 * round)).await;
        server.kill().await;
        server.launch().await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = HashMap::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    finish(&stage, cancel, running).await;
    verify(&stage, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_a_processor_that_dies_again_and_again_loses_and_doubles_nothing() {
    let stage = Arc::new(Stage::set().await);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4).map(|_| tokio::spawn(client(Arc::clone(&stage), Arc::clone(&stop)))).collect();
    for round in 0..12_u64 {
        let processor = stage.processor();
        let task = tokio::spawn(async move { processor.run_resident(CancellationToken::new()).await });
        tokio::time::sleep(Duration::from_millis(40 + 11 * round)).await;
        // Dropped wherever it is: reading, in its transaction, between commit and settling.
        task.abort();
    }
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = HashMap::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    let cancel = CancellationToken::new();
    let (processor, token) = (stage.processor(), cancel.clone());
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    finish(&stage, cancel, running).await;
    verify(&stage, acknowledged).await;
}

async fn finish(stage: &Stage, cancel: CancellationToken, running: tokio::task::JoinHandle<()>) {
    let saved = stage.buffer.wait_until_saved(ServiceName::Homework, stage.school, Duration::from_secs(30)).await;
    assert!(saved.unwrap(), "the backlog is never saved");
    cancel.cancel();
    running.await.unwrap();
}
