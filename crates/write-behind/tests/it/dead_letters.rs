//! Records that can't be saved: put aside with their reason, shown, corrected, replayed, and in nobody's way.

use std::collections::HashSet;
use std::time::Duration;

use domain::ServiceName;
use fred::interfaces::KeysInterface;
use store::Identity;
use tokio_util::sync::CancellationToken;
use write_behind::dead_letters::{DeadLetterError, DeadLetters};
use write_behind::{Operation, ProcessorSettings};

use crate::note::Note;
use crate::stage::{Stage, drains};

fn letters(stage: &Stage) -> DeadLetters {
    DeadLetters::new(stage.database.connect(Identity::Batch), stage.pool.clone(), drains())
}

#[tokio::test]
pub async fn a_poisoned_record_among_a_thousand_goes_to_the_dead_letters_and_the_rest_flow() {
    let stage = Stage::set().await;
    let mut good = HashSet::new();
    let mut bad = None;
    for n in 0..1_000 {
        let note = Note::new(stage.school, if n == 617 { "poison" } else { "fine" });
        stage.create(&note).await.unwrap();
        if n == 617 {
            bad = Some(note);
        } else {
            good.insert(note.id);
        }
    }
    let bad = bad.unwrap();
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (999, 1), "one record takes others along");
    assert_eq!(stage.table().await.into_iter().map(|(id, ..)| id).collect::<HashSet<_>>(), good);

    let open = letters(&stage).list(10).await.unwrap();
    let [letter] = open.as_slice() else { panic!("{open:?}") };
    assert_eq!((letter.row_id, letter.entity.as_str(), letter.sqlstate.as_deref()), (bad.id, "note", Some("23514")));
    assert!(letter.reason.contains("notes_text_check"), "{}", letter.reason);
    assert_eq!(letter.payload.as_ref().unwrap()["text"], "poison");
    // Its author was told that it is kept, so it stays in sight.
    assert_eq!(stage.find(stage.school, bad.id).await.unwrap(), Some(bad.clone()));
    assert!(stage.unsaved().await.contains(&bad.id), "an acknowledged row went out of sight");

    // As it is it still fails; corrected it is saved, once.
    assert!(matches!(letters(&stage).replay(letter.id, None, "operator").await, Err(DeadLetterError::Refused(_))));
    let mut corrected = letter.payload.clone().unwrap();
    corrected["text"] = "cured".into();
    letters(&stage).replay(letter.id, Some(corrected.clone()), "operator").await.unwrap();
    // Repeated, as after a Redis that was away then, it changes nothing more.
    letters(&stage).replay(letter.id, Some(corrected), "operator").await.unwrap();
    assert!(matches!(letters(&stage).discard(letter.id, "operator").await, Err(DeadLetterError::Unknown(_))));
    assert_eq!(stage.find(stage.school, bad.id).await.unwrap().unwrap().text, "cured");
    assert!(letters(&stage).list(10).await.unwrap().is_empty());
    assert_eq!(letters(&stage).show(letter.id).await.unwrap().state, "replayed");
}

async fn until(stage: &Stage, counted: &'static str) {
    let counting = async {
        while stage.count(counted).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counting).await.expect(counted);
}

/// A batch that must grow while it is saved holds two versions of one row, and only the later one is bad.
#[tokio::test]
async fn a_row_whose_later_version_is_dead_stays_in_sight_although_an_earlier_one_came_in_the_same_batch() {
    let stage = Stage::set().await;
    // So little memory that each value is read on its own, and a lease that lasts, so that a lock on it holds up nothing but saving.
    let settings = ProcessorSettings { memory: 1, lease: Duration::from_mins(1), ..Stage::settings() };
    let (processor, cancel) = (stage.processor_with(settings), CancellationToken::new());
    let running = tokio::spawn({
        let cancel = cancel.clone();
        async move { processor.run_resident(cancel).await }
    });
    let warm = Note::new(stage.school, "the lease is taken");
    stage.create(&warm).await.unwrap();
    until(&stage, "SELECT count(*) FROM drain_watermarks WHERE seq = 1").await;

    let mut lock = stage.superuser().await;
    sqlx::raw_sql("BEGIN; SELECT FROM drain_watermarks FOR UPDATE").execute(&mut lock).await.unwrap();
    let (one, other) = (Note::new(stage.school, "good"), Note::new(stage.school, "good too"));
    let both = Operation::new(stage.school, ServiceName::Homework).create(&one).create(&other);
    stage.buffer.write(&stage.postgres, both).await.unwrap();
    // The first value is read, and the transaction waits.
    until(&stage, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").await;
    let bad = stage.update(&one, "poison").await.unwrap();
    stage.update(&other, "better").await.unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.unwrap();
    until(&stage, "SELECT count(*) FROM drain_watermarks WHERE seq = 5").await;
    // Until it has settled too.
    cancel.cancel();
    running.await.unwrap();

    assert_eq!(stage.dead().await, 1);
    assert!(
        stage.table().await.contains(&(one.id, 1, "good".to_owned())),
        "the versions did not come in one batch, and this proves nothing"
    );
    assert_eq!(stage.unsaved().await, HashSet::from([one.id]), "an acknowledged row went out of sight");
    let life: i64 = stage.pool.pttl(stage.key(one.id)).await.unwrap();
    assert_eq!(life, -1, "an acknowledged row would expire");
    assert_eq!(stage.find(stage.school, one.id).await.unwrap(), Some(bad));
}

#[tokio::test]
pub async fn a_corrected_payload_can_not_become_another_row_or_another_schools() {
    let stage = Stage::set().await;
    stage.create(&Note::new(stage.school, "poison")).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let letter = letters(&stage).list(1).await.unwrap().remove(0);
    for (field, value) in [("id", uuid::Uuid::now_v7()), ("school_id", uuid::Uuid::now_v7())] {
        let mut forged = letter.payload.clone().unwrap();
        forged["text"] = "fine".into();
        forged[field] = value.to_string().into();
        let refused = letters(&stage).replay(letter.id, Some(forged), "operator").await;
        assert!(matches!(refused, Err(DeadLetterError::Payload(_))), "replayed as a row with another {field}: {refused:?}");
    }
    assert!(stage.table().await.is_empty());
}

#[tokio::test]
pub async fn a_discarded_letter_disappears_from_reads_but_a_newer_version_stays() {
    let stage = Stage::set().await;
    let (gone, mended) = (Note::new(stage.school, "poison"), Note::new(stage.school, "poison"));
    stage.create(&gone).await.unwrap();
    stage.create(&mended).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let mended = stage.update(&mended, "fine now").await.unwrap();
    stage.processor().run_once().await.unwrap();
    for letter in letters(&stage).list(10).await.unwrap() {
        letters(&stage).discard(letter.id, "operator").await.unwrap();
    }
    assert_eq!(stage.find(stage.school, gone.id).await.unwrap(), None);
    assert_eq!(stage.find(stage.school, mended.id).await.unwrap(), Some(mended.clone()));
    assert_eq!(stage.table().await, [(mended.id, 2, "fine now".to_owned())]);
    assert!(stage.buffer.unsaved::<Note>(stage.school, "all").await.unwrap().is_empty());
}

#[tokio::test]
pub async fn a_value_that_was_damaged_or_deleted_is_reported_and_blocks_nothing() {
    let stage = Stage::set().await;
    let (damaged, deleted, fine) = (Note::new(stage.school, "a"), Note::new(stage.school, "b"), Note::new(stage.school, "c"));
    for note in [&damaged, &deleted, &fine] {
        stage.create(note).await.unwrap();
    }
    let partition = domain::Partition::of(stage.school);
    let key = |note: &Note| cache::key::value("note", partition, note.id);
    let mut bytes: Vec<u8> = stage.pool.get(key(&damaged)).await.unwrap();
    bytes.truncate(bytes.len() - 3);
    let () = stage.pool.set(key(&damaged), bytes.as_slice(), None, None, false).await.unwrap();
    let () = stage.pool.del(key(&deleted)).await.unwrap();
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (1, 2), "an acknowledged row is gone, and nobody says so");
    assert_eq!(stage.table().await, [(fine.id, 1, "c".to_owned())]);
    let raw: i64 = stage.count("SELECT count(*) FROM dead_letters WHERE raw IS NOT NULL").await;
    assert_eq!(raw, 1);
}

#[tokio::test]
pub async fn an_id_that_is_taken_by_a_different_row_is_put_aside_and_overwrites_nothing() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "the first");
    stage.create(&note).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let () = stage.pool.del(cache::key::value("note", domain::Partition::of(stage.school), note.id)).await.unwrap();
    // An idempotency key that is used again after its answer was forgotten names the same row.
    let impostor = Note { id: note.id, ..Note::new(stage.school, "the second") };
    stage.buffer.write(&stage.postgres, Operation::new(stage.school, ServiceName::Homework).create(&impostor)).await.unwrap();
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (0, 1), "an acknowledged row is dropped without a word");
    assert_eq!(stage.table().await, [(note.id, 1, "the first".to_owned())]);
    assert!(letters(&stage).list(1).await.unwrap()[0].reason.contains("different row"));
}

#[tokio::test]
pub async fn a_child_whose_parent_is_dead_follows_it_and_both_can_be_replayed_in_order() {
    let stage = Stage::set().await;
    let parent = Note::new(stage.school, "poison");
    let child = Note { topic: Some(parent.id), ..Note::new(stage.school, "child") };
    stage.create(&parent).await.unwrap();
    stage.create(&child).await.unwrap();
    assert_eq!(stage.processor().run_once().await.unwrap().dead, 2);
    for letter in letters(&stage).list(10).await.unwrap() {
        let mut payload = letter.payload.clone().unwrap();
        if payload["text"] == "poison" {
            payload["text"] = "parent".into();
        }
        letters(&stage).replay(letter.id, Some(payload), "operator").await.unwrap();
    }
    assert_eq!(stage.table().await.len(), 2);
}
