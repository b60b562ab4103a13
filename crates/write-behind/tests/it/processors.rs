//! Batch processors at work: two at once, with hot rows, with rows that point at each other.

use std::sync::Arc;
use std::time::Duration;

use domain::{SchoolId, ServiceName};
use tokio_util::sync::CancellationToken;
use write_behind::{Operation, ProcessorSettings};

use crate::note::Note;
use crate::stage::Stage;

#[tokio::test]
pub async fn two_processors_at_once_save_every_write_once_and_in_order() {
    let stage = Stage::set().await;
    let schools: Vec<SchoolId> = (0..8).map(|_| SchoolId::generate()).collect();
    let cancel = CancellationToken::new();
    let processors: Vec<_> = (0..2)
        .map(|_| {
            let (processor, cancel) = (stage.processor(), cancel.clone());
            tokio::spawn(async move { processor.run_resident(cancel).await })
        })
        .collect();
    let mut written = Vec::new();
    for n in 0..400 {
        let note = Note::new(schools[n % schools.len()], &n.to_string());
        stage.create(&note).await.unwrap();
        written.push(note);
    }
    for school in &schools {
        assert!(stage.buffer.wait_until_saved(ServiceName::Homework, *school, Duration::from_secs(20)).await.unwrap());
    }
    cancel.cancel();
    for processor in processors {
        processor.await.unwrap();
    }
    let table = stage.table().await;
    assert_eq!(table.len(), written.len());
    for school in &schools {
        let expected: Vec<_> = written.iter().filter(|note| note.school_id == *school).map(|note| note.id).collect();
        let saved: Vec<_> = table.iter().map(|(id, ..)| *id).filter(|id| expected.contains(id)).collect();
        assert_eq!(saved, expected, "one school's writes reach the table in the order of their acknowledgement");
    }
}

#[tokio::test]
pub async fn a_batch_never_holds_a_newer_row_without_what_it_points_at() {
    // Pointer one names a note that, by the time its value is read, points at a note of pointer two: the batch must take both.
    let stage = Stage::set().await;
    let child = Note::new(stage.school, "child");
    stage.create(&child).await.unwrap();
    let parent = Note::new(stage.school, "parent");
    let linked = Note { topic: Some(parent.id), ..child.changed("linked") };
    stage.create(&parent).await.unwrap();
    stage.buffer.write(&stage.postgres, Operation::new(stage.school, ServiceName::Homework).update(&linked, child.version)).await.unwrap();
    let one_by_one = ProcessorSettings { batch_size: 1, ..Stage::settings() };
    let summary = stage.processor_with(one_by_one).run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead, summary.entries), (2, 0, 3), "a newer row was saved without what it points at");
}

#[tokio::test]
pub async fn a_processor_under_load_keeps_up_with_hot_rows_and_loses_no_version_at_the_end() {
    let stage = Arc::new(Stage::set().await);
    let cancel = CancellationToken::new();
    let (processor, token) = (stage.processor(), cancel.clone());
    let running = tokio::spawn(async move { processor.run_resident(token).await });
    let writers = (0..8).map(|_| {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move {
            let mut note = Note::new(stage.school, "0");
            stage.create(&note).await.unwrap();
            for n in 1..100 {
                note = stage.update(&note, &n.to_string()).await.unwrap();
            }
            note
        })
    });
    let notes: Vec<Note> = futures_util::future::join_all(writers).await.into_iter().map(Result::unwrap).collect();
    assert!(stage.buffer.wait_until_saved(ServiceName::Homework, stage.school, Duration::from_secs(20)).await.unwrap());
    cancel.cancel();
    running.await.unwrap();
    let table = stage.table().await;
    for note in notes {
        assert!(table.contains(&(note.id, 100, "99".to_owned())), "{note:?}");
    }
}

#[tokio::test]
pub async fn a_child_that_is_read_before_its_parent_is_tried_again_behind_it() {
    let stage = Stage::set().await;
    let child = Note::new(stage.school, "child");
    stage.create(&child).await.unwrap();
    let parent = Note::new(stage.school, "parent");
    let linked = Note { topic: Some(parent.id), ..child.changed("linked") };
    stage.create(&parent).await.unwrap();
    stage.buffer.write(&stage.postgres, Operation::new(stage.school, ServiceName::Homework).update(&linked, child.version)).await.unwrap();
    // Memory for one value at a time: the child's comes first, because the log names it first.
    let summary = stage.processor_with(ProcessorSettings { memory: 1, ..Stage::settings() }).run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (2, 0), "a good record is buried for being early");
}
