//! Several batch processors, and one that stands still at the wrong moment and wakes up.

use domain::ServiceName;
use write_behind::DrainError;

use crate::note::Note;
use crate::stage::Stage;

const HOMEWORK: ServiceName = ServiceName::Homework;
const WATERMARK: &str = "SELECT max(seq) FROM drain_watermarks WHERE service = 'homework'";

#[tokio::test]
pub async fn a_partition_that_another_processor_holds_is_left_alone() {
    let stage = Stage::set().await;
    stage.create(&Note::new(stage.school, "x")).await.unwrap();
    let holder = stage.processor();
    let taken = holder.take_batch_for_test(HOMEWORK).await.unwrap();
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.skipped), (0, 1), "a second processor works on a partition that is held");
    holder.commit_batch_for_test(HOMEWORK, taken).await.unwrap();
    assert_eq!(stage.table().await.len(), 1);
}

#[tokio::test]
pub async fn a_processor_that_lost_its_lease_while_it_stalled_is_fenced_and_changes_nothing() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "one");
    stage.create(&note).await.unwrap();
    let stalled = stage.processor();
    let taken = stalled.take_batch_for_test(HOMEWORK).await.unwrap();
    // Beyond its lease another one takes over and saves what the stalled one has in hand, and more.
    stage.expire_leases().await;
    stage.update(&note, "two").await.unwrap();
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 1);
    let epoch_before: i64 = stage.count("SELECT sum(epoch)::bigint FROM drain_watermarks").await;
    // It wakes up and tries to commit its old batch.
    let outcome = stalled.commit_batch_for_test(HOMEWORK, taken).await;
    assert!(matches!(outcome, Err(DrainError::Fenced)), "a processor commits a batch that is no longer its own: {outcome:?}");
    assert_eq!(stage.count(WATERMARK).await, 2);
    assert_eq!(stage.table().await, [(note.id, 2, "two".to_owned())]);
    assert_eq!(stage.count("SELECT sum(epoch)::bigint FROM drain_watermarks").await, epoch_before);
    assert_eq!(stage.dead().await, 0);
}

#[tokio::test]
pub async fn a_processor_is_fenced_even_before_its_successor_has_saved_anything() {
    let stage = Stage::set().await;
    stage.create(&Note::new(stage.school, "one")).await.unwrap();
    let (stalled, successor) = (stage.processor(), stage.processor());
    let old = stalled.take_batch_for_test(HOMEWORK).await.unwrap();
    stage.expire_leases().await;
    let new = successor.take_batch_for_test(HOMEWORK).await.unwrap();
    let outcome = stalled.commit_batch_for_test(HOMEWORK, old).await;
    assert!(matches!(outcome, Err(DrainError::Fenced)), "a processor commits without holding the lease: {outcome:?}");
    successor.commit_batch_for_test(HOMEWORK, new).await.unwrap();
    assert_eq!((stage.table().await.len(), stage.count(WATERMARK).await), (1, 1));
}

#[tokio::test]
pub async fn a_batch_that_is_committed_late_can_not_take_the_watermark_back() {
    let stage = Stage::set().await;
    let processor = stage.processor();
    stage.create(&Note::new(stage.school, "one")).await.unwrap();
    let short = processor.take_batch_for_test(HOMEWORK).await.unwrap();
    // The commit seems to have failed, the batch is read once more, and by then it is longer.
    stage.create(&Note::new(stage.school, "two")).await.unwrap();
    let long = processor.take_batch_for_test(HOMEWORK).await.unwrap();
    processor.commit_batch_for_test(HOMEWORK, long).await.unwrap();
    let outcome = processor.commit_batch_for_test(HOMEWORK, short).await;
    assert!(matches!(outcome, Err(DrainError::Fenced)), "a batch was committed from where the watermark is not: {outcome:?}");
    assert_eq!(stage.count(WATERMARK).await, 2);
    assert_eq!(stage.table().await.len(), 2);
}

#[tokio::test]
pub async fn a_processor_that_wakes_up_before_a_trimmed_log_halts_nothing() {
    let stage = Stage::set().await;
    stage.create(&Note::new(stage.school, "one")).await.unwrap();
    let stalled = stage.processor();
    let held = stalled.lease_for_test(HOMEWORK).await.unwrap();
    // Its successor saves and trims; by the time it reads, the log begins where it expects nothing.
    stage.expire_leases().await;
    let successor = stage.processor();
    assert_eq!(successor.cycle_for_test().await.unwrap().saved, 1);
    stage.create(&Note::new(stage.school, "two")).await.unwrap();
    stalled.work_for_test(HOMEWORK, held).await.ok();
    assert!(successor.halted().await.unwrap().is_empty(), "halted by a processor that does not hold the lease");
    assert_eq!(successor.cycle_for_test().await.unwrap().saved, 1);
    assert_eq!((stage.table().await.len(), stage.dead().await), (2, 0));
}

#[tokio::test]
pub async fn a_batch_that_fails_half_way_is_saved_by_the_next_processor() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "acknowledged");
    stage.create(&note).await.unwrap();
    // The watermark can be moved, the row can't be written.
    stage.execute("ALTER TABLE notes RENAME TO elsewhere").await;
    let unlucky = stage.processor_with(crate::stage::impatient());
    assert!(unlucky.run_once().await.is_err());
    stage.execute("ALTER TABLE elsewhere RENAME TO notes").await;
    stage.expire_leases().await;
    stage.processor().run_once().await.unwrap();
    assert_eq!(stage.table().await, [(note.id, 1, note.text)], "acknowledged and lost");
}

#[tokio::test]
pub async fn what_was_committed_but_not_settled_is_settled_by_the_next_processor() {
    use fred::interfaces::KeysInterface;
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "x");
    stage.create(&note).await.unwrap();
    let cut_off = stage.processor();
    let batch = cut_off.take_batch_for_test(HOMEWORK).await.unwrap();
    cut_off.commit_batch_for_test(HOMEWORK, batch).await.unwrap();
    assert_eq!(stage.pool.pttl::<i64, _>(stage.key(note.id)).await.unwrap(), -1);
    stage.expire_leases().await;
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.superseded, summary.dead), (0, 0, 0));
    assert!(stage.pool.pttl::<i64, _>(stage.key(note.id)).await.unwrap() > 0, "a saved row is never let go of");
    assert!(stage.unsaved().await.is_empty());
    assert_eq!(stage.table().await.len(), 1);
}

#[tokio::test]
pub async fn a_row_that_was_written_again_before_it_was_settled_stays_unsaved() {
    use fred::interfaces::KeysInterface;
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "one");
    stage.create(&note).await.unwrap();
    let cut_off = stage.processor();
    let batch = cut_off.take_batch_for_test(HOMEWORK).await.unwrap();
    cut_off.commit_batch_for_test(HOMEWORK, batch).await.unwrap();
    let changed = stage.update(&note, "two").await.unwrap();
    // The next processor settles the first version, and then can't save the second.
    stage.execute("ALTER TABLE notes RENAME TO elsewhere").await;
    stage.expire_leases().await;
    assert!(stage.processor_with(crate::stage::impatient()).run_once().await.is_err());
    stage.execute("ALTER TABLE elsewhere RENAME TO notes").await;
    assert!(stage.unsaved().await.contains(&note.id), "an unsaved version was let go of");
    assert_eq!(stage.pool.pttl::<i64, _>(stage.key(note.id)).await.unwrap(), -1, "an unsaved version may be evicted");
    stage.expire_leases().await;
    stage.processor().run_once().await.unwrap();
    assert_eq!(stage.table().await, [(note.id, 2, changed.text)]);
}

#[tokio::test]
pub async fn a_record_that_was_buried_but_not_settled_is_buried_once() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "poison");
    stage.create(&note).await.unwrap();
    let cut_off = stage.processor();
    let batch = cut_off.take_batch_for_test(HOMEWORK).await.unwrap();
    cut_off.commit_batch_for_test(HOMEWORK, batch).await.unwrap();
    assert_eq!(stage.dead().await, 1);
    stage.expire_leases().await;
    stage.processor().run_once().await.unwrap();
    assert_eq!(stage.dead().await, 1, "one record has several letters");
    assert!(stage.unsaved().await.contains(&note.id));
}
