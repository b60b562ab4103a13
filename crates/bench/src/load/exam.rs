//! A morning of exams: everybody on a connection of their own begins, answers one question after another, each saved as it is answered, and hands in.
//!
//! Somebody who is told to come back later (503) does: beginning, saving and handing in are harmless to repeat. The time they wait goes on counting.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::Template;
use super::connection::Connection;
use super::report::{Report, Tally};
use crate::machine;

/// Who sits which exam.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) token: String,
    pub(crate) quiz: Uuid,
    /// To so many of the questions, in the order of their attempt, they answer what is right; to all others what is wrong.
    pub(crate) right: usize,
}

/// The morning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Morning {
    pub(crate) address: SocketAddr,
    pub(crate) candidates: Vec<Candidate>,
    /// Seconds within which everybody begins.
    pub(crate) arrival: f64,
    /// Seconds that everybody thinks about a question, on average; by chance between nothing and twice that.
    pub(crate) thinking: f64,
    /// Seconds after which whoever has not handed in counts as an error.
    pub(crate) limit: f64,
}

/// What they waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Step {
    Begin,
    Save,
    HandIn,
}

/// How long each step took.
pub(crate) type Steps = BTreeMap<Step, Report>;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let morning: Morning = serde_json::from_str(&text).context("the morning can't be read")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let steps = runtime.block_on(tokio::task::LocalSet::new().run_until(hold(morning)))?;
    let steps: Vec<(Step, Report)> = steps.into_iter().collect();
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&steps)?)?;
    Ok(())
}

struct Hall {
    address: SocketAddr,
    thinking: f64,
    end: Instant,
    tallies: RefCell<BTreeMap<Step, Tally>>,
}

async fn hold(morning: Morning) -> anyhow::Result<Steps> {
    let mut tallies = BTreeMap::new();
    for step in [Step::Begin, Step::Save, Step::HandIn] {
        tallies.insert(step, Tally::new()?);
    }
    let cpu = machine::cpu_seconds(std::process::id());
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(morning.limit);
    let hall = Rc::new(Hall { address: morning.address, thinking: morning.thinking, end, tallies: RefCell::new(tallies) });
    let count = f64::from(u32::try_from(morning.candidates.len())?);
    let mut tasks = Vec::with_capacity(morning.candidates.len());
    for (index, candidate) in morning.candidates.into_iter().enumerate() {
        let at = begin + Duration::from_secs_f64(morning.arrival * f64::from(u32::try_from(index)?) / count);
        tasks.push(tokio::task::spawn_local(sit(Rc::clone(&hall), candidate, at)));
    }
    for task in tasks {
        task.await?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = machine::cpu_seconds(std::process::id()) - cpu;
    let hall = Rc::into_inner(hall).context("somebody is still at work")?;
    Ok(hall.tallies.into_inner().into_iter().map(|(step, tally)| (step, tally.report(seconds, cpu))).collect())
}

async fn sit(hall: Rc<Hall>, candidate: Candidate, at: Instant) {
    sleep_until(at).await;
    if let Err((step, error)) = attempt(&hall, &candidate).await {
        hall.tally(step, |tally| tally.error("not as expected".to_owned(), || format!("{error:#}")));
    }
}

async fn attempt(hall: &Hall, candidate: &Candidate) -> Result<(), (Step, anyhow::Error)> {
    let mut connection = Connection::open(hall.address).await.map_err(|error| (Step::Begin, error))?;
    let token = Some(candidate.token.as_str());
    let start = Template::new("POST", format!("/api/v1/quizzes/{}/start", candidate.quiz), token).body(&json!({}));
    let answered = hall.ask(&mut connection, Step::Begin, &start, 201).await?;
    let paper = paper(&answered).map_err(|error| (Step::Begin, error))?;
    for (place, slot) in paper.slots.iter().enumerate() {
        sleep(Duration::from_secs_f64(hall.thinking * 2.0 * chance())).await;
        let response = json!({"response": {"is_true": place < candidate.right}});
        let save = Template::new("PUT", format!("/api/v1/attempts/{}/answers/{slot}", paper.attempt), token).body(&response);
        hall.ask(&mut connection, Step::Save, &save, 200).await?;
    }
    let hand_in = Template::new("POST", format!("/api/v1/attempts/{}/submit", paper.attempt), token).body(&json!({}));
    hall.ask(&mut connection, Step::HandIn, &hand_in, 200).await?;
    Ok(())
}

impl Hall {
    fn tally(&self, step: Step, note: impl FnOnce(&mut Tally)) {
        if let Some(tally) = self.tallies.borrow_mut().get_mut(&step) {
            note(tally);
        }
    }

    async fn ask(&self, connection: &mut Connection, step: Step, template: &Template, expect: u16) -> Result<Value, (Step, anyhow::Error)> {
        let started = Instant::now();
        let bytes = super::connection::prepared(template, self.address);
        let ended = |error: anyhow::Error| (step, error);
        loop {
            let answer = tokio::time::timeout_at(self.end, connection.exchange(&bytes, |_| true)).await;
            let answer = answer.context("no answer in time").map_err(ended)?.map_err(ended)?;
            if answer.status == expect {
                self.tally(step, |tally| {
                    tally.all += 1;
                    tally.ok += 1;
                    tally.took(started.elapsed());
                });
                // Only what begins is looked at.
                return if step == Step::Begin {
                    serde_json::from_slice(&answer.body).map_err(|error| ended(error.into()))
                } else {
                    Ok(Value::Null)
                };
            }
            if answer.status != 503 {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                return Err(ended(anyhow::anyhow!("{} {} answered {}: {text}", template.method, template.path, answer.status)));
            }
            self.tally(step, |tally| tally.refused += 1);
            sleep(Duration::from_secs_f64(f64::from(answer.retry_after()) + chance())).await;
        }
    }
}

struct Paper {
    attempt: Uuid,
    slots: Vec<Uuid>,
}

fn paper(attempt: &Value) -> anyhow::Result<Paper> {
    let id = |value: Option<&Value>| value.and_then(Value::as_str).context("no id")?.parse::<Uuid>().context("an id can't be read");
    let questions = attempt.get("questions").and_then(Value::as_array).context("no questions")?;
    let slots = questions.iter().map(|question| id(question.get("slot_id"))).collect::<anyhow::Result<Vec<_>>>()?;
    if slots.is_empty() {
        bail!("a paper without questions");
    }
    Ok(Paper { attempt: id(attempt.get("id"))?, slots })
}

/// From 0 to 1.
fn chance() -> f64 {
    // The last 62 bits of a version 7 are random.
    let (_, random) = Uuid::now_v7().as_u64_pair();
    (random & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64
}
