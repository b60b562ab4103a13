//! What clients did and what they were told. Kept in memory for the checker, and written down line by line (JSONL) as it happens.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

/// Microseconds since the round began.
pub(crate) type Micros = u64;

/// The fields of a row that clients decide about, by name. Every row carries a `token` that no other row has.
pub(crate) type State = BTreeMap<String, Value>;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entity {
    Homework,
    Submission,
}

impl Entity {
    pub(crate) const ALL: [Self; 2] = [Self::Homework, Self::Submission];

    /// Its name in Redis and in dead letters.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Homework => "homework",
            Self::Submission => "homework_submission",
        }
    }

    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Homework => "homework",
            Self::Submission => "homework_submissions",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name || entity.table() == name)
    }

    /// The fields of a row that clients decide about. The API, the table (as JSON) and a dead letter's payload name them alike.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Homework => &["title", "description", "status"],
            Self::Submission => &["homework_id", "attempt", "status", "points", "feedback"],
        }
    }

    /// Where the token stands: in a field that is never changed.
    pub(crate) const fn token_field(self) -> &'static str {
        match self {
            Self::Homework => "instructions",
            Self::Submission => "content",
        }
    }

    /// What `row` says.
    pub(crate) fn state(self, row: &Value) -> State {
        let field = |name: &str| match row.get(name) {
            // 20 and 20.0 are the same marks.
            Some(Value::Number(number)) => number.as_f64().map_or(Value::Null, |number| json!(number)),
            Some(value) => value.clone(),
            None => Value::Null,
        };
        let mut state: State = self.fields().iter().map(|name| ((*name).to_owned(), field(name))).collect();
        state.insert("token".to_owned(), field(self.token_field()));
        state
    }
}

/// The token in a state.
pub(crate) fn token(state: &State) -> &str {
    state.get("token").and_then(Value::as_str).unwrap_or_default()
}

/// An operation, as its client meant it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// Makes a row. With a key the client repeats it until it is answered, and may repeat it afterwards.
    Create { entity: Entity, keyed: bool, state: State },
    /// Changes version `base` of a row. `event` is what the activity log calls it, if it is told.
    Change { entity: Entity, row: Uuid, base: u32, sets: State, event: Option<&'static str> },
    /// Reads a row of the client's own school.
    Show { entity: Entity, row: Uuid },
    /// Lists all rows under `of`: a class's homework, a homework's submissions.
    List { entity: Entity, of: Uuid },
    /// Asks for another school's row.
    Trespass { entity: Entity, row: Uuid },
}

/// A row as an answer showed it. A student is not shown everything: what is left out says nothing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Seen {
    pub(crate) row: Uuid,
    pub(crate) version: u32,
    pub(crate) state: State,
}

/// How an operation ended for its client.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Acknowledged, or shown.
    Done(Seen),
    /// All that was listed; whether that was everything.
    Listed { rows: Vec<Seen>, complete: bool },
    /// There is no such row, says the answer.
    Absent,
    /// Refused: it certainly did nothing.
    Refused { status: u16 },
    /// No answer, or one that leaves it open: it may have happened, and may still happen.
    Unknown,
}

/// What one request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answered {
    Status { status: u16, retry_after: Option<u32>, detail: String },
    Nothing { why: String },
}

/// One request of an operation.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Try {
    /// Which service process was asked.
    pub(crate) process: usize,
    pub(crate) from: Micros,
    pub(crate) to: Micros,
    pub(crate) answered: Answered,
}

/// An operation from its first request to its end.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Operation {
    pub(crate) number: usize,
    pub(crate) client: String,
    pub(crate) school: Uuid,
    pub(crate) what: What,
    pub(crate) invoked: Micros,
    pub(crate) ended: Micros,
    pub(crate) tries: Vec<Try>,
    pub(crate) outcome: Outcome,
}

/// Writes the history while it happens.
pub(crate) struct Recorder {
    began: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    operations: Vec<Operation>,
    file: BufWriter<File>,
}

impl Recorder {
    pub(crate) fn new(file: &Path) -> std::io::Result<Self> {
        let inner = Inner { operations: Vec::new(), file: BufWriter::new(File::create(file)?) };
        Ok(Self { began: Instant::now(), inner: Mutex::new(inner) })
    }

    pub(crate) fn now(&self) -> Micros {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) const fn began(&self) -> Instant {
        self.began
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation begins; its number.
    pub(crate) fn invoke(&self, client: &str, school: Uuid, what: What) -> usize {
        let mut inner = self.inner();
        let (number, now) = (inner.operations.len(), self.now());
        inner.line(&json!({"at": now, "operation": number, "client": client, "school": school, "invoke": what}));
        let (client, tries, outcome) = (client.to_owned(), Vec::new(), Outcome::Unknown);
        // Until it ends, its end is open.
        inner.operations.push(Operation { number, client, school, what, invoked: now, ended: Micros::MAX, tries, outcome });
        number
    }

    /// A request of the operation was answered, or not.
    pub(crate) fn tried(&self, operation: usize, one: Try) {
        let mut inner = self.inner();
        inner.line(&json!({"at": one.to, "operation": operation, "try": one}));
        if let Some(operation) = inner.operations.get_mut(operation) {
            operation.tries.push(one);
        }
    }

    /// The operation is over.
    pub(crate) fn end(&self, number: usize, outcome: Outcome) {
        let mut inner = self.inner();
        let now = self.now();
        inner.line(&json!({"at": now, "operation": number, "end": outcome}));
        if let Some(operation) = inner.operations.get_mut(number) {
            operation.ended = now;
            operation.outcome = outcome;
        }
    }

    /// Something that was done to the arena.
    pub(crate) fn note(&self, what: &str) {
        let now = self.now();
        self.inner().line(&json!({"at": now, "nemesis": what}));
    }

    /// Everything so far.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut inner = self.inner();
        let _ = inner.file.flush();
        inner.operations.clone()
    }
}

impl Inner {
    fn line(&mut self, line: &Value) {
        // The file is for people; a full disk must not end the round.
        let _ = writeln!(self.file, "{line}");
    }
}
