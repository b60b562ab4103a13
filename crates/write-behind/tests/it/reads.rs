//! What readers see while others write and the batch processor saves.

use std::collections::HashMap;

use testkit::{RedisServer, TestDatabase};
use write_behind::{BufferSettings, merge};

use crate::mechanism::{Mechanism, on};
use crate::note::Note;
use crate::stage::Stage;

#[tokio::test]
pub async fn a_stale_read_never_takes_the_place_of_an_unsaved_write() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "old");
    stage.create(&note).await.unwrap();
    stage.processor().run_once().await.unwrap();
    stage.evict(note.id).await;
    // A slow reader has the old row in hand when a change is acknowledged. Nothing was saved meanwhile.
    let slow = stage.buffer.find::<Note, _>(stage.school, note.id, || async {
        let old = stage.load(stage.school, note.id).await?;
        stage.other_pod().find::<Note, _>(stage.school, note.id, || stage.load(stage.school, note.id)).await.unwrap();
        stage.update(&note, "new").await.unwrap();
        Ok(old)
    });
    let read = slow.await.unwrap().row().unwrap();
    assert_eq!(read.text, "new", "a read went back behind an acknowledged write");
    let summary = stage.processor().run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (1, 0));
    assert_eq!(stage.table().await, [(note.id, 2, "new".to_owned())]);
}

/// A list as services make one. In which order they ask is up to them, so the switch is here.
async fn list(stage: &Stage, notes: &[Note], between: impl AsyncFn()) -> Vec<Note> {
    let ids: Vec<_> = notes.iter().map(|note| note.id).collect();
    let unsaved = async || -> HashMap<_, Note> { stage.buffer.unsaved(stage.school, "all").await.unwrap() };
    let (saved, unsaved) = if on(Mechanism::UnsavedReadFirst) {
        let unsaved = unsaved().await;
        between().await;
        (stage.saved(&ids).await, unsaved)
    } else {
        let saved = stage.saved(&ids).await;
        between().await;
        (saved, unsaved().await)
    };
    merge(saved, unsaved, |_| true, |a, b| a.id.cmp(&b.id))
}

#[tokio::test]
pub async fn a_row_that_is_saved_while_a_list_is_read_stands_in_it() {
    let stage = Stage::set().await;
    let notes = [Note::new(stage.school, "one"), Note::new(stage.school, "two")];
    for note in &notes {
        stage.create(note).await.unwrap();
    }
    let seen = list(&stage, &notes, async || assert_eq!(stage.processor().run_once().await.unwrap().saved, 2)).await;
    assert_eq!(seen, notes, "acknowledged rows are missing from a list");
}

#[tokio::test]
pub async fn a_list_shows_the_unsaved_version_of_a_saved_row_and_shows_it_once() {
    let stage = Stage::set().await;
    let notes = [Note::new(stage.school, "one"), Note::new(stage.school, "two")];
    for note in &notes {
        stage.create(note).await.unwrap();
    }
    stage.processor().run_once().await.unwrap();
    let changed = stage.update(&notes[0], "one, changed").await.unwrap();
    let seen = list(&stage, &notes, async || ()).await;
    assert_eq!(seen, [changed, notes[1].clone()], "a list shows an older version than was acknowledged");
}

#[tokio::test]
pub async fn a_writer_waits_for_room_and_gets_it() {
    let settings = BufferSettings { backlog_limit: 5, patience: std::time::Duration::from_secs(10), ..BufferSettings::default() };
    let stage = Stage::with(TestDatabase::create().await, RedisServer::start().await, settings).await;
    for n in 0..5 {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
    let late = Note::new(stage.school, "late");
    let saving = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        stage.processor().run_once().await.unwrap()
    };
    let (written, _) = tokio::join!(stage.create(&late), saving);
    written.expect("sent away although room was coming");
    assert!(stage.unsaved().await.contains(&late.id) || stage.table().await.len() == 6);
}
