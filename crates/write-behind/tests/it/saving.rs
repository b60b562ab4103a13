//! What a batch does to the tables: in order, one record's fault its own, and nothing overwritten.

use std::sync::Arc;

use async_trait::async_trait;
use cache::codec::DecodeError;
use domain::ServiceName;
use fred::interfaces::KeysInterface;
use store::Identity;
use uuid::Uuid;
use write_behind::dead_letters::DeadLetters;
use write_behind::{Decoded, Drain, DrainOf, Image, Processor, Rows};

use crate::note::Note;
use crate::stage::{Stage, drains, impatient};

/// A handler of another entity: of homework's, or of another service's.
struct Stranger(ServiceName);

#[async_trait]
impl Drain for Stranger {
    fn entity(&self) -> &'static str {
        "stranger"
    }
    fn service(&self) -> ServiceName {
        self.0
    }
    fn rows(&self) -> Box<dyn Rows> {
        DrainOf::<Note>::new().rows()
    }
    fn decode(&self, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        DrainOf::<Note>::new().decode(bytes)
    }
    fn image_of_json(&self, json: serde_json::Value) -> Result<Image, String> {
        DrainOf::<Note>::new().image_of_json(json)
    }
}

fn processor(stage: &Stage, drains: Vec<Arc<dyn Drain>>) -> Processor {
    Processor::new(stage.pool.clone(), stage.database.connect(Identity::Batch), drains, impatient())
}

#[tokio::test]
pub async fn a_batch_is_saved_in_the_order_of_acknowledgement() {
    let stage = Stage::set().await;
    let mut written = Vec::new();
    for n in 0..30 {
        let note = Note::new(stage.school, &n.to_string());
        stage.create(&note).await.unwrap();
        written.push(note.id);
    }
    stage.processor().run_once().await.unwrap();
    let saved: Vec<Uuid> = stage.table().await.into_iter().map(|(id, ..)| id).collect();
    assert_eq!(saved, written, "saved in another order than acknowledged");
}

#[tokio::test]
pub async fn a_constraint_that_waits_for_the_commit_strikes_its_own_record_alone() {
    let stage = Stage::set().await;
    stage.execute("ALTER TABLE notes ALTER CONSTRAINT notes_school_id_topic_fkey DEFERRABLE INITIALLY DEFERRED").await;
    stage.create(&Note { topic: Some(Uuid::now_v7()), ..Note::new(stage.school, "points at nothing") }).await.unwrap();
    stage.create(&Note::new(stage.school, "fine")).await.unwrap();
    let summary = stage.processor_with(impatient()).run_once().await.expect("one record holds up all others");
    assert_eq!((summary.saved, summary.dead), (1, 1));
}

#[tokio::test]
pub async fn a_fault_that_is_no_records_own_buries_nothing() {
    let stage = Stage::set().await;
    for n in 0..3 {
        stage.create(&Note::new(stage.school, &n.to_string())).await.unwrap();
    }
    stage.execute("ALTER TABLE notes RENAME COLUMN text TO body").await;
    let outcome = stage.processor_with(impatient()).run_once().await;
    assert_eq!(stage.dead().await, 0, "good records are buried for a fault of the table: {outcome:?}");
    assert!(outcome.is_err());
    stage.execute("ALTER TABLE notes RENAME COLUMN body TO text").await;
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 3);
}

#[tokio::test]
pub async fn a_row_that_no_handler_of_this_release_knows_becomes_a_dead_letter() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "of a later release");
    stage.create(&note).await.unwrap();
    let summary = processor(&stage, vec![Arc::new(Stranger(ServiceName::Homework))]).run_once().await.unwrap();
    assert_eq!((summary.saved, summary.dead), (0, 1), "an acknowledged row is dropped without a word");
    // The release that knows it replays it.
    let letters = DeadLetters::new(stage.database.connect(Identity::Batch), stage.pool.clone(), drains());
    let letter = letters.list(1).await.unwrap().remove(0);
    letters.replay(letter.id, Some(serde_json::to_value(&note).unwrap()), "operator").await.unwrap();
    assert_eq!(stage.table().await, [(note.id, 1, note.text)]);
}

#[tokio::test]
pub async fn trouble_with_one_services_log_does_not_hold_up_another_service() {
    let stage = Stage::set().await;
    let broken = cache::key::log(ServiceName::Attendance, stage.partition());
    let () = stage.pool.set(broken, "no log", None, None, false).await.unwrap();
    stage.create(&Note::new(stage.school, "homework")).await.unwrap();
    let both: Vec<Arc<dyn Drain>> = vec![Arc::new(Stranger(ServiceName::Attendance)), Arc::new(DrainOf::<Note>::new())];
    assert!(processor(&stage, both).run_once().await.is_err(), "and it is told");
    assert_eq!(stage.table().await.len(), 1, "homework waits for attendance");
}

#[tokio::test]
pub async fn a_letter_that_is_replayed_after_a_newer_version_was_saved_overwrites_nothing() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "poison");
    stage.create(&note).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let newer = stage.update(&note, "newer").await.unwrap();
    stage.processor().run_once().await.unwrap();
    let letters = DeadLetters::new(stage.database.connect(Identity::Batch), stage.pool.clone(), drains());
    let letter = letters.list(1).await.unwrap().remove(0);
    let mut corrected = letter.payload.clone().unwrap();
    corrected["text"] = "cured".into();
    letters.replay(letter.id, Some(corrected), "operator").await.unwrap();
    assert_eq!(stage.table().await, [(note.id, 2, newer.text)], "a newer version was overwritten by an older one");
}

#[tokio::test]
pub async fn a_letter_that_is_discarded_leaves_a_newer_unsaved_version_alone() {
    let stage = Stage::set().await;
    let note = Note::new(stage.school, "poison");
    stage.create(&note).await.unwrap();
    stage.processor().run_once().await.unwrap();
    let newer = stage.update(&note, "newer").await.unwrap();
    let letters = DeadLetters::new(stage.database.connect(Identity::Batch), stage.pool.clone(), drains());
    let letter = letters.list(1).await.unwrap().remove(0);
    letters.discard(letter.id, "operator").await.unwrap();
    assert_eq!(
        stage.find(stage.school, note.id).await.unwrap(),
        Some(newer.clone()),
        "an acknowledged version was discarded with an older one"
    );
    assert_eq!(stage.processor().run_once().await.unwrap().saved, 1);
    assert_eq!(stage.table().await, [(note.id, 2, newer.text)]);
}
