//! One client's requests, each written into the history.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::arena::Arena;
use crate::history::{Answered, Entity, Outcome, Recorder, Seen, State, Try, What};

/// A client.
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) school: Uuid,
    pub(super) token: String,
    /// Whether answers show all of a row.
    pub(super) whole: bool,
    pub(super) arena: Arc<Arena>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) random: ChaCha8Rng,
    pub(super) stop: Arc<AtomicBool>,
    /// Rows that this client has made.
    pub(super) made: u32,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) key: Option<String>,
    pub(super) base: Option<u32>,
}

impl Request {
    pub(super) const fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None, key: None, base: None }
    }
}

/// An answer that could be read.
struct Answer {
    status: u16,
    body: Value,
}

/// The row in an answer.
fn seen_of(entity: Entity, body: &Value, whole: bool) -> Option<Seen> {
    let row = body.get("id")?.as_str()?.parse().ok()?;
    let version = u32::try_from(body.get("version")?.as_u64()?).ok()?;
    let mut state = entity.state(body);
    if entity == Entity::Submission && !whole {
        // Until it is given back, a student is shown an ungraded submission.
        for hidden in ["status", "points", "feedback"] {
            state.remove(hidden);
        }
    }
    Some(Seen { row, version, state })
}

pub(super) fn path_of(entity: Entity, row: Uuid) -> String {
    match entity {
        Entity::Homework => format!("/api/v1/homework/{row}"),
        Entity::Submission => format!("/api/v1/submissions/{row}"),
    }
}

impl Caller {
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(super) fn chance(&mut self, of: f64) -> bool {
        self.random.random_bool(of)
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.choose(&mut self.random).cloned()
    }

    /// A text that no other row has.
    pub(super) fn new_token(&mut self) -> String {
        self.made += 1;
        format!("{}#{}", self.name, self.made)
    }

    pub(super) async fn rest(&mut self, upto: u64) {
        let pause = self.random.random_range(0..=upto);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    /// Sends `request` once, to one of the services.
    async fn send(&mut self, operation: usize, request: &Request) -> Option<Answer> {
        let process = self.random.random_range(0..2);
        let url = format!("{}{}", self.arena.url(process), request.path);
        let mut builder = self.arena.http().request(request.method.clone(), url).bearer_auth(&self.token);
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        if let Some(key) = &request.key {
            builder = builder.header("Idempotency-Key", key);
        }
        if let Some(base) = request.base {
            builder = builder.header("If-Match", format!("\"v{base}\""));
        }
        let from = self.recorder.now();
        let answer = async {
            let answer = builder.send().await?;
            let status = answer.status().as_u16();
            let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let text = answer.text().await?;
            Ok::<_, reqwest::Error>((status, retry_after, text))
        };
        let (answered, answer) = match answer.await {
            Ok((status, retry_after, text)) => {
                let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
                // What went wrong is worth keeping, what went well stands in the outcome.
                let detail = if status >= 400 { text } else { String::new() };
                (Answered::Status { status, retry_after, detail }, Some(Answer { status, body }))
            }
            Err(error) => {
                let why = if error.is_timeout() { "no answer in time".to_owned() } else { format!("{error:?}") };
                (Answered::Nothing { why }, None)
            }
        };
        let to = self.recorder.now();
        self.recorder.tried(operation, Try { process, from, to, answered });
        answer
    }

    /// Makes a row. With a key the request is repeated until it is answered; without, it is sent once.
    pub(super) async fn create(&mut self, entity: Entity, state: State, request: &Request) -> Option<Seen> {
        let what = What::Create { entity, keyed: request.key.is_some(), state };
        let operation = self.recorder.invoke(&self.name, self.school, what);
        let mut open = false;
        let outcome = loop {
            match self.send(operation, request).await {
                Some(answer) if answer.status == 201 => {
                    break seen_of(entity, &answer.body, self.whole).map_or(Outcome::Unknown, Outcome::Done);
                }
                // An earlier try may still arrive.
                Some(answer) if answer.status < 500 => {
                    break if open { Outcome::Unknown } else { Outcome::Refused { status: answer.status } };
                }
                _ => open = true,
            }
            if request.key.is_none() || self.stopped() {
                break Outcome::Unknown;
            }
            self.rest(60).await;
        };
        self.recorder.end(operation, outcome.clone());
        if let Outcome::Done(seen) = outcome { Some(seen) } else { None }
    }

    /// Changes a row, once. Whoever gets no answer looks what became of it, and goes on from there.
    pub(super) async fn change(
        &mut self,
        (entity, row): (Entity, Uuid),
        sets: State,
        event: Option<&'static str>,
        request: &Request,
    ) -> Outcome {
        let what = What::Change { entity, row, base: request.base.unwrap_or_default(), sets, event };
        let operation = self.recorder.invoke(&self.name, self.school, what);
        let outcome = match self.send(operation, request).await {
            Some(answer) if answer.status == 200 => seen_of(entity, &answer.body, self.whole).map_or(Outcome::Unknown, Outcome::Done),
            Some(answer) if answer.status < 500 => Outcome::Refused { status: answer.status },
            _ => Outcome::Unknown,
        };
        self.recorder.end(operation, outcome.clone());
        outcome
    }

    /// Reads a row.
    pub(super) async fn show(&mut self, entity: Entity, row: Uuid) -> Option<Seen> {
        self.read(What::Show { entity, row }, entity, row).await
    }

    /// Asks for a row of another school.
    pub(super) async fn trespass(&mut self, entity: Entity, row: Uuid) {
        self.read(What::Trespass { entity, row }, entity, row).await;
    }

    async fn read(&mut self, what: What, entity: Entity, row: Uuid) -> Option<Seen> {
        let operation = self.recorder.invoke(&self.name, self.school, what);
        let outcome = match self.send(operation, &Request::get(path_of(entity, row))).await {
            Some(answer) if answer.status == 200 => seen_of(entity, &answer.body, self.whole).map_or(Outcome::Unknown, Outcome::Done),
            Some(answer) if answer.status == 404 => Outcome::Absent,
            Some(answer) if answer.status < 500 => Outcome::Refused { status: answer.status },
            _ => Outcome::Unknown,
        };
        self.recorder.end(operation, outcome.clone());
        if let Outcome::Done(seen) = outcome { Some(seen) } else { None }
    }

    /// Lists what is under `of`.
    pub(super) async fn list(&mut self, entity: Entity, of: Uuid) -> Vec<Seen> {
        let path = match entity {
            Entity::Homework => format!("/api/v1/homework?class_id={of}&limit=200"),
            Entity::Submission => format!("/api/v1/homework/{of}/submissions?limit=200"),
        };
        let operation = self.recorder.invoke(&self.name, self.school, What::List { entity, of });
        let outcome = match self.send(operation, &Request::get(path)).await {
            Some(answer) if answer.status == 200 => {
                let items = answer.body.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
                let rows = items.iter().filter_map(|item| seen_of(entity, item, self.whole)).collect();
                let complete = self.whole && answer.body.get("next_cursor").is_none_or(Value::is_null);
                Outcome::Listed { rows, complete }
            }
            Some(answer) if answer.status == 404 => Outcome::Absent,
            Some(answer) if answer.status < 500 => Outcome::Refused { status: answer.status },
            _ => Outcome::Unknown,
        };
        self.recorder.end(operation, outcome.clone());
        if let Outcome::Listed { rows, .. } = outcome { rows } else { Vec::new() }
    }
}

/// Reads every row once through each service, as a teacher: after a round. What a process shows of each row, none where it answered 404.
pub(crate) async fn show_all(arena: &Arena, rows: &[(Entity, Uuid, String)]) -> anyhow::Result<Vec<(usize, Entity, Uuid, Option<Seen>)>> {
    let asked = rows.iter().flat_map(|row| [(0, row), (1, row)]);
    let answers = stream::iter(asked).map(|(process, (entity, row, token))| async move {
        let url = format!("{}{}", arena.url(process), path_of(*entity, *row));
        let answer = arena.http().get(url).bearer_auth(token).send().await?;
        let status = answer.status().as_u16();
        let body = answer.text().await?;
        let seen = match status {
            200 => Some(
                serde_json::from_str(&body)
                    .ok()
                    .and_then(|body| seen_of(*entity, &body, true))
                    .ok_or_else(|| anyhow::anyhow!("an answer that shows no row: {body}"))?,
            ),
            404 => None,
            _ => anyhow::bail!("a row was answered {status} after everything was healed: {body}"),
        };
        Ok((process, *entity, *row, seen))
    });
    let answers: Vec<anyhow::Result<_>> = answers.buffer_unordered(16).collect().await;
    answers.into_iter().collect()
}
