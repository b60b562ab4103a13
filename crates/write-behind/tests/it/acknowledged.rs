//! What a caller may rely on once a write was acknowledged.

use std::collections::HashSet;
use std::time::Duration;

use domain::{SchoolId, ServiceName, Version};
use fred::interfaces::KeysInterface;
use uuid::Uuid;
use write_behind::{Found, Idempotency, Operation, WriteError, Written};

use crate::note::Note;
use crate::stage::Stage;

#[tokio::test]
pub async fn a_write_is_seen_by_point_read_and_list_before_any_drain_and_is_the_same_after_it() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "read chapter three");
    stage.create(&note).await.unwrap();
    assert_eq!(stage.find(stage.school, note.id).await.unwrap(), Some(note.clone()), "an acknowledged row is not found");
    let unsaved = stage.buffer.unsaved::<Note>(stage.school, "all").await.unwrap();
    assert_eq!(unsaved.get(&note.id), Some(&note), "a list lacks an acknowledged row");
    assert!(stage.table().await.is_empty());

    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead, summary.entries), (1, 0, 1));
    assert_eq!(stage.table().await, [(note.id, 1, note.text.clone())]);
    assert!(stage.buffer.unsaved::<Note>(stage.school, "all").await.unwrap().is_empty());
    assert_eq!(stage.find(stage.school, note.id).await.unwrap(), Some(note));
}

#[tokio::test]
pub async fn an_unsaved_row_has_no_expiry_and_a_saved_one_has() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "x");
    stage.create(&note).await.unwrap();
    let key = cache::key::value("note", domain::Partition::of(stage.school), note.id);
    assert_eq!(stage.pool.pttl::<i64, _>(&key).await.unwrap(), -1);
    stage.processor().run_once().await.unwrap();
    assert!(stage.pool.pttl::<i64, _>(&key).await.unwrap() > 0);
    // Written again, it is unsaved again.
    stage.update(&note, "y").await.unwrap();
    assert_eq!(stage.pool.pttl::<i64, _>(&key).await.unwrap(), -1);
}

#[tokio::test]
pub async fn of_two_changes_to_one_version_one_wins_and_the_other_is_told() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "draft");
    stage.create(&note).await.unwrap();
    let attempts = (0..50).map(|n| {
        let (stage, note) = (&stage, &note);
        async move { stage.update(note, &format!("change {n}")).await }
    });
    let outcomes = futures_util::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "acknowledged changes overwrite each other");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(WriteError::Conflict(Version { .. })))), "{outcomes:?}");
    let winner = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(stage.find(stage.school, note.id).await.unwrap(), Some(winner));
}

#[tokio::test]
pub async fn a_repeated_request_gets_its_first_answer_and_writes_nothing() {
    let stage = Stage::set().await;
    let user = Uuid::now_v7();
    let write = async |body: &'static [u8], text: &str| {
        let key = Idempotency::new(stage.school, user, "POST /notes", "key-1", body);
        let note = Note { id: key.row_id(), ..Note::new(stage.school, text) };
        let operation = Operation::new(stage.school, ServiceName::Homework).create(&note).idempotent(Some(key));
        stage.buffer.write(&stage.postgres, operation).await.map(|written| (written, note.id))
    };
    let (first, id) = write(b"body", "first").await.unwrap();
    assert_eq!(first, Written::New);
    let repeats = futures_util::future::join_all((0..50).map(|_| write(b"body", "again"))).await;
    assert!(repeats.into_iter().all(|repeat| repeat.unwrap().0 == Written::Replayed(id)));
    let other = write(b"other body", "other").await;
    assert!(matches!(other, Err(WriteError::KeyReused)), "another request was given this one's answer: {other:?}");
    // Also after the drain, when the row may have left Redis.
    stage.processor().run_once().await.unwrap();
    stage.evict(id).await;
    assert_eq!(write(b"body", "later").await.unwrap().0, Written::Replayed(id), "the first answer was forgotten");
    stage.processor().run_once().await.unwrap();
    assert_eq!(stage.table().await, [(id, 1, "first".to_owned())]);
}

#[tokio::test]
pub async fn a_row_that_left_redis_is_not_taken_for_a_free_key() {
    let stage = Stage::set().await;
    let id = write_behind::natural_id("note", &[stage.school.as_uuid().as_bytes(), b"only one"]);
    let Found::Absent(seen_early) = stage.buffer.find::<Note, _>(stage.school, id, || stage.load(stage.school, id)).await.unwrap() else {
        panic!("nothing is there yet")
    };
    // Somebody else creates the row; it is saved and evicted.
    let theirs = Note { id, ..Note::new(stage.school, "theirs") };
    stage.create(&theirs).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let key = cache::key::value("note", domain::Partition::of(stage.school), id);
    let () = stage.pool.del(&key).await.unwrap();
    // What was seen before that proves nothing any more.
    let mine = Note { id, ..Note::new(stage.school, "mine") };
    let write = Operation::new(stage.school, ServiceName::Homework).create_absent(&mine, seen_early);
    let written = stage.buffer.write(&stage.postgres, write).await;
    assert!(matches!(written, Err(WriteError::Evicted)), "acknowledged under a key that is taken: {written:?}");
    assert_eq!(stage.find(stage.school, id).await.unwrap(), Some(theirs));
}

#[tokio::test]
pub async fn a_stale_read_of_postgresql_never_fills_the_cache_over_a_newer_write() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "old");
    stage.create(&note).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let key = cache::key::value("note", domain::Partition::of(stage.school), note.id);
    let () = stage.pool.del(&key).await.unwrap();
    // A slow reader has the old row in hand when a change is written, saved and evicted.
    let slow = stage.buffer.find::<Note, _>(stage.school, note.id, || async {
        let old = stage.load(stage.school, note.id).await?;
        if old.as_ref().is_some_and(|old| old.text == "old") {
            // Another pod of the service, which has read the row, changes it.
            stage.other_pod().find::<Note, _>(stage.school, note.id, || stage.load(stage.school, note.id)).await.unwrap();
            stage.update(&note, "new").await.unwrap();
            stage.processor().run_once().await.unwrap();
            let () = stage.pool.del(&key).await.unwrap();
        }
        Ok(old)
    });
    assert_eq!(slow.await.unwrap().row().unwrap().text, "new", "a read went back behind a saved write");
    assert_eq!(stage.find(stage.school, note.id).await.unwrap().unwrap().text, "new");
}

#[tokio::test]
pub async fn a_thousand_readers_of_an_uncached_row_make_one_query() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "popular");
    stage.create(&note).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let key = cache::key::value("note", domain::Partition::of(stage.school), note.id);
    let () = stage.pool.del(&key).await.unwrap();
    let loads = std::sync::atomic::AtomicU32::new(0);
    let readers = (0..1_000).map(|_| {
        stage.buffer.find::<Note, _>(stage.school, note.id, || {
            loads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            stage.load(stage.school, note.id)
        })
    });
    let found = futures_util::future::join_all(readers).await;
    assert!(found.into_iter().all(|found| found.unwrap().row().is_some()));
    assert_eq!(loads.into_inner(), 1, "readers stampede");
}

#[tokio::test]
pub async fn another_school_finds_nothing_even_in_the_same_partition() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "private");
    stage.create(&note).await.unwrap();
    let partition = domain::Partition::of(stage.school);
    let neighbour = std::iter::repeat_with(SchoolId::generate).find(|school| domain::Partition::of(*school) == partition).unwrap();
    assert_eq!(stage.find(neighbour, note.id).await.unwrap(), None, "another school's row is shown");
    assert!(stage.buffer.unsaved::<Note>(neighbour, "all").await.unwrap().is_empty());
}

#[tokio::test]
pub async fn a_report_waits_until_postgresql_has_the_schools_writes() {
    let stage = Stage::set().await;
    stage.create(&Note::new(stage.school, "x")).await.unwrap();
    let wait = |patience| stage.buffer.wait_until_saved(ServiceName::Homework, stage.school, patience);
    assert!(!wait(Duration::from_millis(200)).await.unwrap(), "a report would lack an acknowledged write");
    stage.processor().run_once().await.unwrap();
    assert!(wait(Duration::from_millis(200)).await.unwrap());
}

#[tokio::test]
pub async fn many_writes_of_many_schools_reach_their_table_once_each_in_few_statements() {
    let stage = Stage::set().await;
    let mut expected = HashSet::new();
    for _ in 0..20 {
        let school = SchoolId::generate();
        for n in 0..25 {
            let note = Note::new(school, &format!("note {n}"));
            stage.create(&note).await.unwrap();
            let note = stage.update(&note, "changed").await.unwrap();
            expected.insert((note.id, 2, note.text));
        }
    }
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.entries), (500, 1_000));
    assert_eq!(stage.table().await.into_iter().collect::<HashSet<_>>(), expected);
}
