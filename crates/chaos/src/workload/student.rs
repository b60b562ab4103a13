//! A student: hands in, repeats what got no answer, looks.

use std::collections::HashMap;

use rand::Rng;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::Client;
use super::caller::Request;
use crate::history::{Entity, State};

/// What a student has sent and may send again.
struct Sent {
    state: State,
    request: Request,
}

pub(super) async fn work(mut client: Client) {
    let mut sent: Vec<Sent> = Vec::new();
    let mut own: Vec<Uuid> = Vec::new();
    let mut handed_in: HashMap<Uuid, u32> = HashMap::new();
    while !client.caller.stopped() {
        match client.caller.random.random_range(0..100) {
            0..50 => submit(&mut client, &mut sent, &mut own, &mut handed_in).await,
            50..62 => repeat(&mut client, &sent, &mut own).await,
            62..85 => {
                if let Some(row) = client.caller.pick(&own) {
                    client.caller.show(Entity::Submission, row).await;
                }
            }
            85..92 => {
                if let Some(known) = published(&mut client) {
                    client.caller.show(Entity::Homework, known).await;
                }
            }
            92..98 => {
                if let Some(known) = published(&mut client) {
                    client.caller.list(Entity::Submission, known).await;
                }
            }
            _ => client.trespass().await,
        }
        client.caller.rest(15).await;
    }
}

fn published(client: &mut Client) -> Option<Uuid> {
    let rows: Vec<Uuid> =
        client.board.rows(Entity::Homework).into_iter().filter(|known| known.status == "published").map(|known| known.row).collect();
    client.caller.pick(&rows)
}

async fn submit(client: &mut Client, sent: &mut Vec<Sent>, own: &mut Vec<Uuid>, handed_in: &mut HashMap<Uuid, u32>) {
    let Some(homework) = published(client) else { return };
    let times = handed_in.entry(homework).or_default();
    *times += 1;
    // Now and then once more than there are attempts.
    if *times > 5 {
        return;
    }
    let token = client.caller.new_token();
    let content = if client.poison && client.caller.chance(0.05) { format!("Poison {token}") } else { token.clone() };
    let body = json!({ "content": content });
    // The attempt is the server's choice.
    let mut state = Entity::Submission.state(&body);
    state.remove("attempt");
    state.insert("homework_id".to_owned(), json!(homework));
    state.insert("status".to_owned(), json!("submitted"));
    let path = format!("/api/v1/homework/{homework}/submissions");
    let request = Request { method: Method::POST, path, body: Some(body), key: Some(token), base: None };
    if let Some(seen) = client.caller.create(Entity::Submission, state.clone(), &request).await {
        own.push(seen.row);
        client.board.saw(Entity::Submission, &seen);
        client.look_again(Entity::Submission, seen.row).await;
    }
    sent.push(Sent { state, request });
}

/// The same request once more: it must not use up another attempt.
async fn repeat(client: &mut Client, sent: &[Sent], own: &mut Vec<Uuid>) {
    let chosen = client.caller.random.random_range(0..sent.len().max(1));
    if let Some(Sent { state, request }) = sent.get(chosen)
        && let Some(seen) = client.caller.create(Entity::Submission, state.clone(), request).await
    {
        client.board.saw(Entity::Submission, &seen);
        if !own.contains(&seen.row) {
            own.push(seen.row);
        }
    }
}
