//! Sent twice: by a client that got no answer, by the driver, by two who mean the same row.

use domain::{Clock, ServiceName, SystemClock};
use fred::interfaces::{KeysInterface, LuaInterface, StreamsInterface};
use testkit::{RedisServer, TestDatabase};
use uuid::Uuid;
use write_behind::{Absence, BufferSettings, Idempotency, Operation, WriteBuffer, WriteError, WriteMode, Written};

use crate::it::wire::Wire;
use crate::note::Note;
use crate::stage::Stage;

#[tokio::test]
pub async fn a_command_whose_answer_was_lost_is_sent_again_and_finds_its_own_write() {
    let stage = Stage::set().await;
    let wire = Wire::to(stage.redis.port()).await;
    let buffer = WriteBuffer::new(wire.pool().await, BufferSettings::default(), std::sync::Arc::new(SystemClock));
    let write = async |operation| buffer.write(&stage.postgres, operation).await;
    let operation = || Operation::new(stage.school, ServiceName::Homework);
    // Redis knows the script from here on.
    write(operation().create(&Note::new(stage.school, "before"))).await.unwrap();

    let note = Note::new(stage.school, "created once");
    wire.lose_the_next_answer();
    assert_eq!(write(operation().create(&note)).await.expect("its own write was taken for another's"), Written::Replayed(note.id));
    assert!(wire.has_lost_it());
    let changed = note.changed("changed once");
    wire.lose_the_next_answer();
    assert_eq!(write(operation().update(&changed, note.version)).await.expect("its own change"), Written::Replayed(note.id));
    assert!(wire.has_lost_it());
    assert_eq!(stage.processor().run_once().await.unwrap().entries, 3, "one pointer for each write");
    assert!(stage.table().await.contains(&(note.id, 2, changed.text)));
}

#[tokio::test]
pub async fn a_write_that_went_both_ways_is_one_row() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "the same");
    stage.create(&note).await.unwrap();
    // As after an answer that was lost while Redis went away: the same create takes the detour too, a moment later.
    let through = BufferSettings { mode: WriteMode::Through, ..BufferSettings::default() };
    let detour = WriteBuffer::new(stage.pool.clone(), through, std::sync::Arc::new(SystemClock));
    let again = Note { created_at: SystemClock.now(), ..note.clone() };
    detour.write(&stage.postgres, Operation::new(stage.school, ServiceName::Homework).create(&again)).await.unwrap();
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.superseded, summary.dead), (0, 1, 0), "the same row was taken for another");
    assert_eq!(stage.table().await, [(note.id, 1, note.text)]);
}

async fn keyed(stage: &Stage, user: Uuid) -> Result<Written, WriteError> {
    let key = Idempotency::new(stage.school, user, "POST /notes", "key-1", b"body");
    let note = Note { id: key.row_id(), ..Note::new(stage.school, "x") };
    stage.buffer.write(&stage.postgres, Operation::new(stage.school, ServiceName::Homework).create(&note).idempotent(Some(key))).await
}

#[tokio::test]
pub async fn an_answer_of_yesterday_is_given_again() {
    let stage = Stage::set().await;
    let user = Uuid::now_v7();
    assert_eq!(keyed(&stage, user).await.unwrap(), Written::New);
    let (now, _): (i64, i64) =
        stage.pool.next().eval("return redis.call('TIME')", Vec::<String>::new(), Vec::<String>::new()).await.unwrap();
    let (base, today) = (cache::key::operations(ServiceName::Homework, stage.partition()), now / 86_400);
    let () = stage.pool.rename(format!("{base}{today}"), format!("{base}{}", today - 1)).await.unwrap();
    stage.processor().run_once().await.unwrap();
    for id in stage.table().await.into_iter().map(|(id, ..)| id) {
        stage.evict(id).await;
        assert_eq!(keyed(&stage, user).await.unwrap(), Written::Replayed(id), "yesterday's answer was forgotten");
    }
    assert_eq!(stage.table().await.len(), 1);
}

#[tokio::test]
pub async fn a_row_that_exists_is_never_created_over() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "the first");
    stage.create(&note).await.unwrap();
    let impostor = Note { id: note.id, ..Note::new(stage.school, "the second") };
    let refused = stage.create(&impostor).await;
    assert!(refused.is_err(), "the first was overwritten");
    assert_eq!(stage.find(stage.school, note.id).await.unwrap(), Some(note));
}

#[tokio::test]
pub async fn a_change_of_a_row_that_left_redis_is_not_taken_on_trust() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "read by both");
    stage.create(&note).await.unwrap();
    stage.update(&note, "theirs").await.unwrap();
    stage.processor().run_once().await.unwrap();
    stage.evict(note.id).await;
    // From the version that both have read. Nothing in Redis can tell that it is not the last.
    let mine = stage.update(&note, "mine").await;
    assert!(matches!(mine, Err(WriteError::Evicted)), "acknowledged without a look at the version: {mine:?}");
    assert_eq!(stage.find(stage.school, note.id).await.unwrap().unwrap().text, "theirs");
}

#[tokio::test]
pub async fn an_operation_of_which_one_row_is_refused_leaves_no_trace() {
    let stage = Stage::set().await;
    let known = Note::new(stage.school, "known");
    stage.create(&known).await.unwrap();
    let known = stage.update(&known, "known better").await.unwrap();
    let (new, late) = (Note::new(stage.school, "new"), known.changed("from a version that is gone"));
    let operation = Operation::new(stage.school, ServiceName::Homework).create(&new).update(&late, domain::Version::FIRST);
    let refused = stage.buffer.write(&stage.postgres, operation).await;
    assert!(matches!(refused, Err(WriteError::Conflict(_))), "{refused:?}");
    assert_eq!(stage.find(stage.school, new.id).await.unwrap(), None, "half of the operation was written");
    assert_eq!(stage.unsaved().await.len(), 1);
    let logged: u64 = stage.pool.xlen(cache::key::log(ServiceName::Homework, stage.partition())).await.unwrap();
    let numbered: u64 = stage.pool.get(cache::key::sequence(ServiceName::Homework, stage.partition())).await.unwrap();
    assert_eq!((logged, numbered), (2, 2));
}

#[tokio::test]
pub async fn a_different_row_of_the_same_id_is_put_aside_in_whatever_version() {
    let stage = Stage::set().await;
    let theirs = Note::new(stage.school, "theirs");
    stage.create(&theirs).await.unwrap();
    stage.processor().run_once().await.unwrap();
    stage.evict(theirs.id).await;
    // PostgreSQL could not be asked whether the natural key is free, and then the row was changed.
    let mine = Note { id: theirs.id, ..Note::new(stage.school, "mine") };
    let create = Operation::new(stage.school, ServiceName::Homework).create_absent(&mine, Absence::unproven());
    stage.buffer.write(&stage.postgres, create).await.unwrap();
    stage.update(&mine, "mine, second version").await.unwrap();
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!(stage.table().await, [(theirs.id, 1, "theirs".to_owned())], "another's row was overwritten");
    assert_eq!((summary.saved, summary.dead), (0, 1));
}

#[tokio::test]
pub async fn a_write_and_its_repetition_count_only_when_a_replica_has_them() {
    let primary = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"]).await;
    let port = primary.port().to_string();
    let mut replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]).await;
    let settings = BufferSettings { ack_replicas: 1, ..BufferSettings::default() };
    let stage = Stage::with(TestDatabase::create().await, primary, settings).await;
    let note = Note::new(stage.school, "with a replica");
    super::outages::retry(async || stage.create(&note).await.ok()).await;
    let changed = note.changed("changed");
    let change = async || {
        let key = Idempotency::new(stage.school, Uuid::nil(), "PATCH /notes", "key-1", b"body");
        let operation = Operation::new(stage.school, ServiceName::Homework).update(&changed, note.version).idempotent(Some(key));
        stage.buffer.write(&stage.postgres, operation).await
    };
    // A create would take the detour; a change has to wait.
    replica.kill().await;
    let first = change().await;
    assert!(matches!(first, Err(WriteError::Unavailable(_))), "acknowledged with no copy: {first:?}");
    let again = change().await;
    assert!(matches!(again, Err(WriteError::Unavailable(_))), "acknowledged at the second try with no copy: {again:?}");
    replica.launch().await;
    let answer = super::outages::retry(async || change().await.ok()).await;
    assert_eq!(answer, Written::Replayed(note.id));
    let copy: Option<Vec<u8>> = replica.pool(1).await.get(stage.key(note.id)).await.unwrap();
    let (_, copied) = cache::codec::decode::<Note>(&copy.unwrap()).unwrap();
    assert_eq!(copied, changed);
}
