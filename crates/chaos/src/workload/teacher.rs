//! A teacher: sets homework, changes, publishes and closes it, grades what is handed in and gives it back.

use rand::Rng;
use reqwest::Method;
use serde_json::{Value, json};

use super::Client;
use super::board::Known;
use super::caller::{Request, path_of};
use crate::history::{Entity, Outcome, Seen, State};

/// What a teacher has sent and may send again.
struct Sent {
    state: State,
    request: Request,
}

pub(super) async fn work(mut client: Client) {
    let mut sent: Vec<Sent> = Vec::new();
    while !client.caller.stopped() {
        match client.caller.random.random_range(0..100) {
            0..26 => create(&mut client, &mut sent).await,
            26..30 => repeat(&mut client, &sent).await,
            30..46 => patch(&mut client).await,
            46..60 => publish(&mut client).await,
            60..62 => close(&mut client).await,
            62..74 => grade(&mut client).await,
            74..80 => give_back(&mut client).await,
            80..91 => look(&mut client).await,
            91..98 => list(&mut client).await,
            _ => client.trespass().await,
        }
        client.caller.rest(12).await;
    }
}

async fn create(client: &mut Client, sent: &mut Vec<Sent>) {
    let token = client.caller.new_token();
    let title = if client.poison && client.caller.chance(0.08) { format!("Poison {token}") } else { format!("Homework {token}") };
    let attempts = client.caller.random.random_range(1..=4);
    let body = json!({
        "class_id": client.school.class,
        "title": title,
        "description": "as it was set",
        "instructions": token,
        "due_at": "2199-03-01T16:00:00Z",
        "max_attempts": attempts,
    });
    let mut state = Entity::Homework.state(&body);
    state.insert("status".to_owned(), json!("draft"));
    let key = client.caller.chance(0.85).then(|| token.clone());
    let request = Request { method: Method::POST, path: "/api/v1/homework".to_owned(), body: Some(body), key, base: None };
    if let Some(seen) = client.caller.create(Entity::Homework, state.clone(), &request).await {
        client.board.saw(Entity::Homework, &seen);
        client.look_again(Entity::Homework, seen.row).await;
    }
    if request.key.is_some() {
        sent.push(Sent { state, request });
    }
}

/// The same request once more, long after its answer, or after none: it must not make a second one.
async fn repeat(client: &mut Client, sent: &[Sent]) {
    let chosen = client.caller.random.random_range(0..sent.len().max(1));
    if let Some(Sent { state, request }) = sent.get(chosen)
        && let Some(seen) = client.caller.create(Entity::Homework, state.clone(), request).await
    {
        client.board.saw(Entity::Homework, &seen);
    }
}

fn any(client: &mut Client, entity: Entity, fits: impl Fn(&Known) -> bool) -> Option<Known> {
    let rows: Vec<Known> = client.board.rows(entity).into_iter().filter(fits).collect();
    // Half of the time one of the latest: there is where clients meet.
    let recent = rows.get(rows.len().saturating_sub(4)..).unwrap_or_default();
    let from = if client.caller.chance(0.5) { recent } else { &rows };
    client.caller.pick(from)
}

async fn patch(client: &mut Client) {
    let Some(known) = any(client, Entity::Homework, |known| known.status != "closed") else { return };
    let said = client.caller.new_token();
    let mut body = json!({ "description": format!("as {said} says") });
    if let Value::Object(fields) = &mut body {
        if known.title.starts_with("Poison") && client.caller.chance(0.5) {
            fields.insert("title".to_owned(), json!(format!("Cured by {said}")));
        } else if client.poison && client.caller.chance(0.04) {
            fields.insert("title".to_owned(), json!(format!("Poison by {said}")));
        }
    }
    let sets: State = body.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    edit(client, Entity::Homework, &known, Method::PATCH, "", Some(body), sets, None).await;
}

async fn publish(client: &mut Client) {
    if let Some(known) = any(client, Entity::Homework, |known| known.status == "draft") {
        edit(client, Entity::Homework, &known, Method::POST, "/publish", None, status("published"), Some("assigned")).await;
    }
}

async fn close(client: &mut Client) {
    if let Some(known) = any(client, Entity::Homework, |known| known.status == "published") {
        edit(client, Entity::Homework, &known, Method::POST, "/close", None, status("closed"), None).await;
    }
}

async fn grade(client: &mut Client) {
    let Some(known) = any(client, Entity::Submission, |_| true) else { return };
    let feedback = format!("as {} says", client.caller.new_token());
    let points: u8 = client.caller.random.random_range(0..=100);
    let mut sets = status("graded");
    sets.insert("points".to_owned(), json!(f64::from(points)));
    sets.insert("feedback".to_owned(), json!(feedback));
    let body = json!({ "points": points, "feedback": feedback });
    edit(client, Entity::Submission, &known, Method::POST, "/grade", Some(body), sets, Some("graded")).await;
}

async fn give_back(client: &mut Client) {
    if let Some(known) = any(client, Entity::Submission, |known| known.status == "graded") {
        edit(client, Entity::Submission, &known, Method::POST, "/return", None, status("returned"), Some("returned")).await;
    }
}

fn status(status: &str) -> State {
    State::from([("status".to_owned(), json!(status))])
}

#[allow(clippy::too_many_arguments)]
async fn edit(
    client: &mut Client,
    entity: Entity,
    known: &Known,
    method: Method,
    verb: &str,
    body: Option<Value>,
    sets: State,
    event: Option<&'static str>,
) {
    let path = format!("{}{verb}", path_of(entity, known.row));
    let request = Request { method, path, body, key: None, base: Some(known.version) };
    match client.caller.change((entity, known.row), sets, event, &request).await {
        Outcome::Done(seen) => {
            client.board.saw(entity, &seen);
            client.look_again(entity, seen.row).await;
        }
        // Somebody else was quicker, or nobody knows: look what it is now.
        _ => client.look(entity, known.row).await,
    }
}

async fn look(client: &mut Client) {
    let entity = if client.caller.chance(0.6) { Entity::Homework } else { Entity::Submission };
    if let Some(known) = any(client, entity, |_| true) {
        client.look(entity, known.row).await;
    }
}

async fn list(client: &mut Client) {
    let (entity, of) = if client.caller.chance(0.5) {
        (Entity::Homework, client.school.class)
    } else {
        let Some(known) = any(client, Entity::Homework, |known| known.status != "draft") else { return };
        (Entity::Submission, known.row)
    };
    let rows: Vec<Seen> = client.caller.list(entity, of).await;
    for seen in &rows {
        client.board.saw(entity, seen);
    }
}
