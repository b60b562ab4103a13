//! What a service relied on is compared in the step that reads or writes.

use std::sync::Arc;

use cache::{Guard, Verdict};
use domain::ServiceName;
use fred::interfaces::KeysInterface;
use write_behind::{Operation, ReadError, WriteError, Written};

use crate::note::Note;
use crate::stage::Stage;

/// A guard over a key of the school's partition.
fn guard(stage: &Stage, seen: &str) -> Arc<Guard> {
    Arc::new(Guard::new(format!("generation:{}", stage.partition()), seen.to_owned()))
}

async fn create(stage: &Stage, note: &Note, guard: &Arc<Guard>) -> Result<Written, WriteError> {
    let operation = Operation::new(stage.school, ServiceName::Homework).create(note).guarded(Some(guard));
    stage.buffer.write(&stage.postgres, operation).await
}

#[tokio::test]
pub async fn a_write_that_relies_on_what_has_changed_writes_nothing_and_says_so() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "relies on it");
    let fresh = guard(&stage, "0");
    assert_eq!(create(&stage, &note, &fresh).await.unwrap(), Written::New, "a key that isn't there counts as 0");
    assert_eq!(fresh.verdict(), Verdict::Holds);

    let _: u64 = stage.pool.incr(fresh.key()).await.unwrap();
    let late = Note::new(stage.school, "too late");
    let outdated = guard(&stage, "0");
    assert!(matches!(create(&stage, &late, &outdated).await, Err(WriteError::Outdated)));
    assert_eq!(outdated.verdict(), Verdict::Broken);
    assert_eq!(stage.find(stage.school, late.id).await.unwrap(), None);
    assert_eq!(stage.unsaved().await.len(), 1);
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 1);

    // Looked at again, the same write goes through.
    assert_eq!(create(&stage, &late, &guard(&stage, "1")).await.unwrap(), Written::New);
}

#[tokio::test]
pub async fn a_read_that_relies_on_what_has_changed_shows_nothing() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "shown to some");
    stage.create(&note).await.unwrap();
    let find = async |seen: &str| {
        let guard = guard(&stage, seen);
        let found = stage.buffer.find_guarded::<Note, _>(Some(&guard), stage.school, note.id, || stage.load(stage.school, note.id)).await;
        (guard.verdict(), found.map(|found| found.row().is_some()))
    };
    assert!(matches!(find("0").await, (Verdict::Holds, Ok(true))));
    let _: u64 = stage.pool.incr(guard(&stage, "0").key()).await.unwrap();
    assert!(matches!(find("0").await, (Verdict::Broken, Err(ReadError::Outdated))));
    assert!(matches!(find("1").await, (Verdict::Holds, Ok(true))));
}

#[tokio::test]
pub async fn without_redis_nobody_vouches_for_what_was_remembered_and_the_repetition_is_the_same_row() {
    let mut stage = Stage::set().await;
    stage.redis.kill().await;
    let note = Note::new(stage.school, "goes to PostgreSQL");
    assert!(matches!(create(&stage, &note, &guard(&stage, "0")).await, Err(WriteError::Outdated)));
    assert!(stage.table().await.is_empty(), "nothing is written on the word of memory");
    // The caller has asked the source, and tries again without a guard.
    assert_eq!(stage.create(&note).await.unwrap(), Written::New);
    assert_eq!(stage.table().await.len(), 1);
    let guard = guard(&stage, "0");
    let read = stage.buffer.find_guarded::<Note, _>(Some(&guard), stage.school, note.id, || stage.load(stage.school, note.id));
    assert!(matches!(read.await, Err(ReadError::Outdated)));
}

#[tokio::test]
async fn the_same_create_put_together_twice_is_known_as_the_same() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "once");
    let create = async |name| {
        let operation = Operation::new(stage.school, ServiceName::Homework).create(&note).named(name);
        stage.buffer.write(&stage.postgres, operation).await
    };
    assert_eq!(create(note.id).await.unwrap(), Written::New);
    // As after an answer that was lost on its way.
    assert_eq!(create(note.id).await.unwrap(), Written::Replayed(note.id));
    assert!(matches!(create(uuid::Uuid::now_v7()).await, Err(WriteError::Exists)));
}

#[tokio::test]
async fn several_lists_are_read_at_once_and_a_row_that_stands_in_two_comes_once() {
    let stage = Stage::set().await;
    let notes = [Note::new(stage.school, "one"), Note::new(stage.school, "two")];
    for note in &notes {
        stage.create(note).await.unwrap();
    }
    let found = stage.buffer.unsaved_many::<Note>(stage.school, &["all", "nothing", "all"]).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(notes.iter().all(|note| found.get(&note.id) == Some(note)));
    assert!(stage.buffer.unsaved_many::<Note>(stage.school, &[] as &[&str]).await.unwrap().is_empty());
    stage.processor().run_once().await.unwrap();
    assert!(stage.buffer.unsaved_many::<Note>(stage.school, &["all"]).await.unwrap().is_empty());
}
