//! 1,234 unsaved records, mixed: pieces of homework, submissions, and changes of what is there already.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sqlx::types::Uuid;

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit};
use crate::load::{Spec, Template};
use crate::schools::{Person, answer, creates, homework};
use crate::server::{Server, load};

const CREATED: usize = 617;
const HANDED_IN: usize = 400;
const CHANGED: usize = 217;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let server = bench.undrained().await?;
    let mut took = Samples::default();
    let given = give(bench, &server).await?;
    for _ in 0..bench.rounds {
        let writes = writes(bench, &server, &given).await?;
        ensure!(writes.len() == CREATED + HANDED_IN + CHANGED, "{} writes", writes.len());
        load_mixed(&server, writes).await?;
        let (said, time) = bench.drain_once().await?;
        ensure!(said.starts_with("1234 rows saved"), "drain said: {said}");
        took.push(time.as_secs_f64());
    }
    server.stop().await?;
    let findings = vec![Finding::new("1,234 mixed unsaved records: saved within", Goal::AtMost(1.0), Unit::Decimal(" s"), took)];
    let notes = vec![format!(
        "mixed: {CREATED} new pieces of homework, {HANDED_IN} submissions and {CHANGED} changes of saved homework, of 16 schools; the whole life of \
         `schools24 drain --once` is timed.",
    )];
    Ok(Outcome { findings, sides: Vec::new(), notes })
}

/// One published piece of homework for each class, saved.
async fn give(bench: &Bench, server: &Server) -> anyhow::Result<Vec<(Uuid, Uuid)>> {
    let mut given = Vec::new();
    for (number, teacher) in bench.schools.teachers.iter().enumerate() {
        let create = Template::new("POST", "/api/v1/homework", Some(&teacher.token)).body(&homework(teacher.class, number));
        let created = answer(server.address, &create, 201).await?;
        let id = created.get("id").and_then(Value::as_str).context("no id")?;
        let publish = Template::new("POST", format!("/api/v1/homework/{id}/publish"), Some(&teacher.token)).header("If-Match", "\"v1\"");
        answer(server.address, &publish.header("Content-Length", "0"), 200).await?;
        given.push((teacher.class, id.parse()?));
    }
    bench.drain_once().await?;
    Ok(given)
}

/// A round's requests. What is changed was created and saved for it just before.
async fn writes(bench: &Bench, server: &Server, given: &[(Uuid, Uuid)]) -> anyhow::Result<Vec<(u16, Template)>> {
    let teachers = &bench.schools.teachers;
    let creates = creates(teachers, false);
    let new = creates.iter().cycle().take(CREATED).map(|create| (201, create.clone()));
    let hand_in = |student: &Person| {
        let (_, homework) = given.iter().find(|(class, _)| *class == student.class)?;
        let path = format!("/api/v1/homework/{homework}/submissions");
        let content = "1) 42  2) 17  3) 8  4) one half  5) three quarters. For the last one I drew a number line; the drawing is in my exercise book.";
        Some((201, Template::new("POST", path, Some(&student.token)).body(&json!({"content": content})).keyed(true)))
    };
    let handed_in = bench.schools.students.iter().filter_map(hand_in).take(HANDED_IN);
    let mut changed = Vec::with_capacity(CHANGED);
    for create in creates.iter().cycle().take(CHANGED) {
        let answer = answer(server.address, create, 201).await?;
        let id = answer.get("id").and_then(Value::as_str).context("no id")?;
        let change = Template::new("PATCH", format!("/api/v1/homework/{id}"), create.token.as_deref()).header("If-Match", "\"v1\"");
        changed.push((200, change.body(&json!({"title": "Adding and subtracting fractions, corrected", "max_points": 25}))));
    }
    bench.drain_once().await?;
    Ok(new.chain(handed_in).chain(changed).collect())
}

/// A load expects one status, so those of each go together.
async fn load_mixed(server: &Server, writes: Vec<(u16, Template)>) -> anyhow::Result<()> {
    for status in [201, 200] {
        let requests: Vec<Template> = writes.iter().filter(|(expect, _)| *expect == status).map(|(_, template)| template.clone()).collect();
        load(&Spec::each_once(server.address, 32, 60.0, status, requests)).await?;
    }
    Ok(())
}
