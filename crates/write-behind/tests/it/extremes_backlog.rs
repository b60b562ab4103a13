//! A long backlog: saved with bounded memory, in waves or, where its first row is also its last, in one piece.

use std::time::Instant;

use domain::SchoolId;
use write_behind::ProcessorSettings;

use crate::it::extremes::{MEGABYTE, fill, forget_peak, peak, resident};
use crate::note::Note;
use crate::stage::Stage;

/// What a processor with default settings may grow by, whatever waits.
const BOUND: u64 = 64 * MEGABYTE;

fn settings() -> ProcessorSettings {
    ProcessorSettings { saved_ttl: std::time::Duration::from_mins(5), ..ProcessorSettings::default() }
}

async fn saved_within_bounds(schools: usize, each: u64) {
    let stage = Stage::set().await;
    for _ in 0..schools {
        fill(&stage, SchoolId::generate(), each).await;
    }
    // Connections and caches of their own size are not what this is about.
    stage.create(&Note::new(stage.school, "first")).await.unwrap();
    let processor = stage.processor_with(settings());
    forget_peak();
    let (before, started) = (resident(), Instant::now());
    let summary = processor.run_once().await.unwrap();
    let (took, growth) = (started.elapsed(), peak().saturating_sub(before));
    let rows = schools as u64 * each + 1;
    println!("{rows} rows in {took:.1?}, memory grew by {} MB at most", growth / MEGABYTE);
    assert_eq!((summary.saved as u64, summary.dead, summary.entries), (rows, 0, rows));
    assert_eq!(stage.count("SELECT count(*) FROM notes").await.unsigned_abs(), rows);
    assert!(growth < BOUND, "memory grew by {growth} bytes");
    assert!(stage.unsaved().await.is_empty());
}

#[tokio::test]
async fn a_long_backlog_of_a_few_schools_is_saved_with_bounded_memory() {
    saved_within_bounds(3, 10_000).await;
}

#[tokio::test]
#[ignore = "takes a minute: scripts/test -p write-behind --run-ignored only -E 'test(two_hundred_thousand)'"]
async fn heavy_two_hundred_thousand_writes_are_saved_with_bounded_memory() {
    saved_within_bounds(4, 50_000).await;
}

/// The first row of the log was changed last of all: whatever lies between must be saved with it, or PostgreSQL would hold what never was.
async fn one_batch_within_bounds(rows: u64, settings: ProcessorSettings) {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "first");
    stage.create(&note).await.unwrap();
    fill(&stage, stage.school, rows).await;
    stage.update(&note, "last").await.unwrap();
    stage.execute("ALTER TABLE notes ADD COLUMN saved_by bigint DEFAULT txid_current()").await;
    let processor = stage.processor_with(settings);
    forget_peak();
    let before = resident();
    let started = Instant::now();
    let summary = processor.run_once().await.unwrap();
    let (took, growth) = (started.elapsed(), peak().saturating_sub(before));
    println!("{rows} rows in one transaction in {took:.1?}, memory grew by {} MB at most", growth / MEGABYTE);
    assert_eq!((summary.saved as u64, summary.dead, summary.entries), (rows + 1, 0, rows + 2));
    assert_eq!(stage.count("SELECT count(DISTINCT saved_by) FROM notes").await, 1, "it went in pieces");
    assert_eq!(stage.count("SELECT count(*) FROM notes WHERE text = 'last'").await, 1);
    assert!(growth < BOUND, "memory grew by {growth} bytes");
    assert!(stage.unsaved().await.is_empty());
}

#[tokio::test]
async fn a_backlog_whose_first_row_was_changed_last_is_one_transaction_and_still_bounded() {
    // So little memory that it takes many slices.
    one_batch_within_bounds(5_000, ProcessorSettings { memory: 1024 * 1024, ..Stage::settings() }).await;
}

#[tokio::test]
#[ignore = "takes a minute: scripts/test -p write-behind --run-ignored only -E 'test(one_hundred_thousand)'"]
async fn heavy_one_hundred_thousand_writes_that_hang_together_are_saved_with_bounded_memory() {
    one_batch_within_bounds(99_000, settings()).await;
}

#[tokio::test]
async fn values_larger_than_the_memory_that_there_is_are_saved_one_by_one() {
    let stage = Stage::set().await;
    for n in 0..10 {
        stage.create(&Note::new(stage.school, &crate::it::extremes::noise(10_000 + n))).await.unwrap();
    }
    let processor = stage.processor_with(ProcessorSettings { memory: 1, ..Stage::settings() });
    assert_eq!(processor.run_once().await.unwrap().saved, 10);
    assert_eq!(stage.table().await.len(), 10);
}

#[tokio::test]
async fn rows_that_change_while_a_long_batch_is_read_end_in_their_last_version() {
    let stage = std::sync::Arc::new(Stage::set().await);
    let first = Note::new(stage.school, "0");
    stage.create(&first).await.unwrap();
    fill(&stage, stage.school, 3_000).await;
    let mut note = stage.update(&first, "1").await.unwrap();
    let processor = stage.processor_with(ProcessorSettings { memory: 64 * 1024, ..Stage::settings() });
    let writer = {
        let stage = std::sync::Arc::clone(&stage);
        tokio::spawn(async move {
            let others: Vec<Note> = (0..40).map(|n| Note::new(stage.school, &n.to_string())).collect();
            for other in &others {
                stage.create(other).await.unwrap();
                note = stage.update(&note, "still changing").await.unwrap();
            }
            stage.update(&note, "last").await.unwrap()
        })
    };
    processor.run_once().await.unwrap();
    let last = writer.await.unwrap();
    processor.run_once().await.unwrap();
    assert_eq!(stage.saved(&[first.id]).await, [last]);
    assert_eq!((stage.count("SELECT count(*) FROM notes").await, stage.dead().await), (3_041, 0));
}
