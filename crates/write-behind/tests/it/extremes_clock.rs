//! A clock that was set back or forward on a service: nothing that the write path promises hangs on it.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, ManualClock, ServiceName, SystemClock};
use fred::interfaces::KeysInterface;
use uuid::Uuid;
use write_behind::{BufferSettings, Idempotency, Operation, ProcessorSettings, WriteBuffer, Written};

use crate::note::Note;
use crate::stage::Stage;

/// How far the clock is off, in hours.
const OFF: [i64; 4] = [-24, -1, 1, 48];

struct Pod {
    clock: Arc<ManualClock>,
    buffer: WriteBuffer,
}

impl Pod {
    fn of(stage: &Stage) -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let buffer = WriteBuffer::new(stage.pool.clone(), BufferSettings::default(), Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, buffer }
    }

    fn note(&self, stage: &Stage, text: &str) -> Note {
        Note { created_at: self.clock.now(), ..Note::new(stage.school, text) }
    }

    async fn write(&self, stage: &Stage, operation: Operation) -> Written {
        self.buffer.write(&stage.postgres, operation).await.unwrap()
    }
}

fn operation(stage: &Stage) -> Operation {
    Operation::new(stage.school, ServiceName::Homework)
}

#[tokio::test]
async fn a_repetition_gets_its_first_answer_however_the_clock_was_set() {
    let stage = Stage::set().await;
    let pod = Pod::of(&stage);
    let key = || Idempotency::new(stage.school, Uuid::nil(), "POST /notes", "key", b"body");
    let first = Note { id: key().row_id(), ..pod.note(&stage, "first") };
    assert_eq!(pod.write(&stage, operation(&stage).create(&first).idempotent(Some(key()))).await, Written::New);
    for hours in OFF {
        pod.clock.advance(chrono::Duration::hours(hours));
        let again = Note { id: key().row_id(), ..pod.note(&stage, "again") };
        let answer = pod.write(&stage, operation(&stage).create(&again).idempotent(Some(key()))).await;
        assert_eq!(answer, Written::Replayed(first.id), "{hours} hours off");
        stage.processor().run_once().await.unwrap();
    }
    assert_eq!(stage.table().await, [(first.id, 1, "first".to_owned())]);
}

#[tokio::test]
async fn versions_go_on_and_are_saved_in_the_order_of_acknowledgement_however_the_clock_was_set() {
    let stage = Stage::set().await;
    let pod = Pod::of(&stage);
    let mut written = Vec::new();
    let mut changing = pod.note(&stage, "0");
    pod.write(&stage, operation(&stage).create(&changing)).await;
    for hours in OFF {
        pod.clock.advance(chrono::Duration::hours(hours));
        // Created "before" what was created first, by its own time.
        let note = pod.note(&stage, &hours.to_string());
        pod.write(&stage, operation(&stage).create(&note)).await;
        let changed = changing.changed(&hours.to_string());
        pod.write(&stage, operation(&stage).update(&changed, changing.version)).await;
        let read = pod.buffer.find::<Note, _>(stage.school, changing.id, || stage.load(stage.school, changing.id)).await.unwrap().row();
        assert_eq!(read.as_ref(), Some(&changed), "a reader sees the last version, not the latest time");
        stage.processor().run_once().await.unwrap();
        written.push(note.id);
        changing = changed;
    }
    let saved: Vec<Uuid> = stage.table().await.into_iter().map(|(id, ..)| id).filter(|id| *id != changing.id).collect();
    assert_eq!(saved, written);
    assert_eq!((stage.saved(&[changing.id]).await, stage.dead().await), (vec![changing], 0));
}

#[tokio::test]
async fn a_row_stays_as_long_as_it_should_however_the_clock_was_set() {
    let stage = Stage::set().await;
    let pod = Pod::of(&stage);
    let ttl = Duration::from_mins(10);
    for hours in OFF {
        pod.clock.advance(chrono::Duration::hours(hours));
        let note = pod.note(&stage, "x");
        pod.write(&stage, operation(&stage).create(&note)).await;
        assert_eq!(stage.pool.pttl::<i64, _>(stage.key(note.id)).await.unwrap(), -1, "an unsaved row has an expiry");
        stage.processor_with(ProcessorSettings { saved_ttl: ttl, ..Stage::settings() }).run_once().await.unwrap();
        let left = stage.pool.pttl::<i64, _>(stage.key(note.id)).await.unwrap();
        assert!((530_000..=600_000).contains(&left), "{left} ms left of a saved row");
    }
}
