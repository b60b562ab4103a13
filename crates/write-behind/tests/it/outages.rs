//! A store is away, full, or has lost its memory.

use std::time::{Duration, Instant};

use domain::{Clock, ServiceName, SystemClock};
use fred::interfaces::StreamsInterface;
use store::Identity;
use testkit::{PostgresServer, RedisServer, TestDatabase};
use write_behind::{BufferSettings, WriteBuffer, WriteError};

use crate::mechanism::{Mechanism, on};
use crate::note::Note;
use crate::stage::Stage;

#[tokio::test]
pub async fn with_postgresql_down_buffered_writes_and_cached_reads_go_on_and_all_is_saved_afterwards() {
    let server = PostgresServer::start().await;
    let database = TestDatabase::create_on(&server.url()).await;
    let stage = Stage::with(database, RedisServer::start().await, BufferSettings::default()).await;
    let before = Note::new(stage.school, "before");
    stage.create(&before).await.unwrap();
    server.kill().await;

    let note = Note::new(stage.school, "during");
    stage.create(&note).await.unwrap();
    let note = stage.update(&note, "changed during").await.unwrap();
    assert_eq!(stage.find(stage.school, note.id).await.unwrap(), Some(note.clone()));
    assert!(stage.buffer.unsaved::<Note>(stage.school, "all").await.unwrap().len() == 2);
    assert!(stage.processor().run_once().await.is_err(), "a run that can't save says so");

    server.launch().await;
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (2, 0));
    assert_eq!(stage.table().await, [(before.id, 1, "before".to_owned()), (note.id, 2, "changed during".to_owned())]);
}

#[tokio::test]
pub async fn with_redis_down_fresh_creates_and_reads_go_through_postgresql_and_changes_are_refused() {
    let mut stage = Stage::set().await;
    let saved = Note::new(stage.school, "saved");
    stage.create(&saved).await.unwrap();
    stage.processor().run_once().await.unwrap();
    stage.redis.kill().await;

    let note = Note::new(stage.school, "created without Redis");
    stage.create(&note).await.expect("a fresh create needs no Redis");
    assert_eq!(stage.load(stage.school, note.id).await.unwrap(), Some(note.clone()));
    assert_eq!(stage.find(stage.school, note.id).await.expect("a read needs no Redis"), Some(note.clone()));
    let change = stage.update(&saved, "unprovable").await;
    assert!(matches!(change, Err(WriteError::Unavailable(_))), "a change was written over what Redis may know: {change:?}");

    // Back again, Redis takes up where PostgreSQL is.
    stage.redis.launch().await;
    let changed = retry(async || stage_update(&stage, &note).await).await;
    stage.processor().run_once().await.unwrap();
    assert!(stage.table().await.contains(&(note.id, 2, changed.text)));
}

async fn stage_update(stage: &Stage, note: &Note) -> Option<Note> {
    stage.find(stage.school, note.id).await.ok()??;
    stage.update(note, "changed with Redis").await.ok()
}

pub async fn retry<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(done) = attempt().await {
            return done;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "it never recovers");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
pub async fn past_the_backlog_limit_writers_wait_and_are_then_sent_away_and_nothing_is_dropped() {
    let settings = BufferSettings { backlog_limit: 20, patience: Duration::from_millis(100), ..BufferSettings::default() };
    let stage = Stage::with(TestDatabase::create().await, RedisServer::start().await, settings).await;
    let mut accepted = 0;
    for n in 0..30 {
        match stage.create(&Note::new(stage.school, &n.to_string())).await {
            Ok(_) => accepted += 1,
            Err(WriteError::Busy { retry_after }) => assert!(retry_after > Duration::ZERO),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(accepted, 20, "more is accepted than the limit allows");
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 20);
    stage.create(&Note::new(stage.school, "room again")).await.unwrap();
}

#[tokio::test]
pub async fn when_redis_is_out_of_memory_writes_are_refused_whole_and_what_was_acknowledged_is_saved() {
    let policy = if on(Mechanism::EvictionPolicy) { "volatile-lru" } else { "allkeys-lru" };
    let redis = RedisServer::start_with(&["--maxmemory", "3mb", "--maxmemory-policy", policy]).await;
    let settings = BufferSettings { patience: Duration::from_millis(50), codec: cache::Codec::Raw, ..BufferSettings::default() };
    let stage = Stage::with(TestDatabase::create().await, redis, settings).await;
    let text = "x".repeat(20_000);
    let (mut accepted, mut refused) = (0, 0);
    while refused < 3 {
        match stage.create(&Note::new(stage.school, &text)).await {
            Ok(_) => accepted += 1,
            Err(WriteError::Busy { .. }) => refused += 1,
            Err(error) => panic!("a full Redis should say that it is busy, not: {error}"),
        }
        assert!(accepted < 1_000, "a full Redis refuses nothing: what was acknowledged makes room for more");
    }
    let logged: u64 = stage.pool.xlen(cache::key::log(ServiceName::Homework, domain::Partition::of(stage.school))).await.unwrap();
    assert_eq!(logged, accepted, "a refused write leaves no trace");
    let summary = stage.processor().run_once().await.expect("a full Redis can't be emptied");
    assert_eq!(summary.saved as u64, accepted, "acknowledged and lost");
    // What is saved may be evicted, so there is room again.
    stage.create(&Note::new(stage.school, &text)).await.unwrap();
}

#[tokio::test]
pub async fn a_redis_that_was_emptied_is_noticed_and_nothing_new_is_skipped() {
    let stage = Stage::set().await;
    for n in 0..5 {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
    stage.processor().run_once().await.unwrap();
    stage.redis.flush().await;
    // Numbers begin again at one: taken for old ones, these would be lost.
    let after = Note::new(stage.school, "after the loss");
    stage.create(&after).await.unwrap();
    let processor = stage.processor();
    assert_eq!(processor.run_once().await.unwrap().saved, 0);
    let halted = processor.halted().await.unwrap();
    assert_eq!(halted.len(), 1);
    assert!(halted[0].2.contains("emptied or exchanged"), "{}", halted[0].2);
    for n in 0..10 {
        stage.create(&Note::new(stage.school, &format!("still buffered {n}"))).await.unwrap();
    }
    assert_eq!(processor.run_once().await.unwrap().saved, 0, "it stays stopped, even when the numbers have caught up");
    // The operator has looked and lets it go on.
    assert_eq!(processor.accept_loss().await.unwrap(), 1);
    assert_eq!(processor.run_once().await.unwrap().saved, 11);
}

#[tokio::test]
pub async fn a_redis_that_was_restored_from_an_older_copy_is_noticed_and_nothing_new_is_lost() {
    let mut stage = Stage::set().await;
    let old = Note::new(stage.school, "in the copy");
    stage.create(&old).await.unwrap();
    stage.processor().run_once().await.unwrap();
    // A copy of its files as they are now, then life goes on, then the copy is put back.
    let copy = tempfile_copy(&stage.redis.directory());
    for n in 0..5 {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
    stage.processor().run_once().await.unwrap();
    stage.redis.kill().await;
    restore(&copy, &stage.redis.directory());
    stage.redis.launch().await;
    retry(async || stage.create(&Note::new(stage.school, "after the restore")).await.ok()).await;
    let processor = stage.processor();
    let halted = retry(async || {
        let _ = processor.run_once().await;
        processor.halted().await.ok().filter(|halted| !halted.is_empty())
    })
    .await;
    assert!(halted[0].2.contains("older copy"), "{}", halted[0].2);
    processor.accept_loss().await.unwrap();
    processor.run_once().await.unwrap();
    assert_eq!(stage.count("SELECT count(*) FROM notes WHERE text = 'after the restore'").await, 1);
    assert_eq!(stage.table().await.len(), 7);
}

fn tempfile_copy(from: &std::path::Path) -> std::path::PathBuf {
    let to = from.with_extension("copy");
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(&to).status().unwrap().success());
    to
}

fn restore(from: &std::path::Path, to: &std::path::Path) {
    assert!(std::process::Command::new("rm").arg("-rf").arg(to.join("appendonlydir")).status().unwrap().success());
    assert!(std::process::Command::new("cp").arg("-a").arg(from.join("appendonlydir")).arg(to).status().unwrap().success());
    std::fs::remove_dir_all(from).unwrap();
}

#[tokio::test]
pub async fn in_write_through_mode_the_row_is_in_postgresql_when_the_write_returns() {
    let stage = Stage::set().await;
    let settings = BufferSettings { mode: write_behind::WriteMode::Through, ..BufferSettings::default() };
    let buffer = WriteBuffer::new(stage.pool.clone(), settings, std::sync::Arc::new(SystemClock));
    let note = Note { created_at: SystemClock.now(), ..Note::new(stage.school, "direct") };
    let postgres = stage.database.connect(Identity::Service(ServiceName::Homework));
    buffer.write(&postgres, write_behind::Operation::new(stage.school, ServiceName::Homework).create(&note)).await.unwrap();
    assert_eq!(stage.table().await, [(note.id, 1, "direct".to_owned())]);
    let changed = note.changed("direct again");
    let update = || write_behind::Operation::new(stage.school, ServiceName::Homework).update(&changed, note.version);
    buffer.write(&postgres, update()).await.unwrap();
    assert_eq!(stage.table().await, [(note.id, 2, "direct again".to_owned())]);
}

#[tokio::test]
pub async fn a_redis_that_is_emptied_under_a_running_processor_is_noticed_too() {
    let stage = Stage::set().await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let (processor, token) = (stage.processor(), cancel.clone());
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    for n in 0..5 {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
    assert!(stage.buffer.wait_until_saved(ServiceName::Homework, stage.school, Duration::from_secs(10)).await.unwrap());
    // The processor still holds its lease and believes in number five.
    stage.redis.flush().await;
    let after = Note::new(stage.school, "after the loss");
    stage.create(&after).await.unwrap();
    let looking = stage.processor();
    retry(async || looking.halted().await.ok().filter(|halted| !halted.is_empty())).await;
    assert!(stage.buffer.unsaved::<Note>(stage.school, "all").await.unwrap().contains_key(&after.id), "settled without being saved");
    looking.accept_loss().await.unwrap();
    assert!(stage.buffer.wait_until_saved(ServiceName::Homework, stage.school, Duration::from_secs(10)).await.unwrap());
    cancel.cancel();
    running.await.unwrap();
    assert_eq!(stage.count("SELECT count(*) FROM notes WHERE text = 'after the loss'").await, 1);
}

#[tokio::test]
pub async fn numbers_that_a_restored_redis_hands_out_again_are_not_taken_for_saved_ones() {
    let mut stage = Stage::set().await;
    stage.create(&Note::new(stage.school, "in the copy")).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let copy = tempfile_copy(&stage.redis.directory());
    for n in 0..3 {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
    stage.processor().run_once().await.unwrap();
    stage.redis.kill().await;
    restore(&copy, &stage.redis.directory());
    stage.redis.launch().await;
    // As many new writes as were forgotten, before anybody looks: by their numbers all of this is saved already.
    for n in 0..3 {
        retry(async || stage.create(&Note::new(stage.school, &format!("new {n}"))).await.ok()).await;
    }
    let processor = stage.processor();
    retry(async || processor.run_once().await.ok()).await;
    assert_eq!(stage.count("SELECT count(*) FROM notes WHERE text LIKE 'new %'").await, 3, "acknowledged and lost");
    assert_eq!(stage.table().await.len(), 7);
}

#[tokio::test]
pub async fn without_redis_a_child_of_an_unsaved_parent_has_to_wait() {
    let mut stage = Stage::set().await;
    let parent = Note::new(stage.school, "only Redis has it");
    stage.create(&parent).await.unwrap();
    stage.redis.kill().await;
    let child = Note { topic: Some(parent.id), ..Note::new(stage.school, "child") };
    let refused = stage.create(&child).await;
    assert!(matches!(refused, Err(WriteError::Unavailable(_))), "the client is told that the parent doesn't exist: {refused:?}");
    stage.redis.launch().await;
    retry(async || stage.create(&child).await.ok()).await;
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 2);
}

#[tokio::test]
pub async fn a_refused_write_in_write_through_mode_tells_no_event() {
    let stage = Stage::set().await;
    let settings = BufferSettings { mode: write_behind::WriteMode::Through, ..BufferSettings::default() };
    let buffer = WriteBuffer::new(stage.pool.clone(), settings, std::sync::Arc::new(SystemClock));
    let note = Note::new(stage.school, "direct");
    let create = |note: &Note| {
        let event = events::envelope(domain::EventKind::HomeworkAssigned, stage.school, None, note.id, SystemClock.now(), &()).unwrap();
        write_behind::Operation::new(stage.school, ServiceName::Homework).create(note).event(event)
    };
    buffer.write(&stage.postgres, create(&note)).await.unwrap();
    let impostor = Note { id: note.id, ..Note::new(stage.school, "another") };
    assert!(buffer.write(&stage.postgres, create(&impostor)).await.is_err());
    assert_eq!(stage.count("SELECT count(*) FROM outbox").await, 1, "an event tells of what never happened");
}
