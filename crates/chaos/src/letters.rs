//! What an operator does with dead letters, once a round is judged: corrects one and replays it, tries another one as it is, gives one up. Each decision must
//! hold in the table and in what services show.

use std::fs;

use anyhow::Context;
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use crate::arena::{Arena, School};
use crate::checker::Violation;
use crate::evidence::{Evidence, Letter};
use crate::history::{Entity, Seen};
use crate::workload::show_all;

/// What was broken, and how many decisions were made.
pub(crate) async fn decide(arena: &Arena, schools: &[School], evidence: &Evidence) -> anyhow::Result<(Vec<Violation>, usize)> {
    let mut desk = Desk { arena, schools, violations: Vec::new() };
    // Simple cases: the row has one letter, is in no table, and reads show just that version.
    let simple = |letter: &&Letter| {
        letter.entity == Entity::Homework
            && evidence.letters.iter().filter(|other| other.row == letter.row).count() == 1
            && !evidence.rows.iter().any(|saved| saved.seen.row == letter.row)
            && evidence
                .shown
                .iter()
                .any(|shown| shown.row == letter.row && shown.seen.as_ref().is_some_and(|seen| seen.version == letter.version))
    };
    let letters: Vec<&Letter> = evidence.letters.iter().filter(simple).take(2).collect();
    if let Some(letter) = letters.first() {
        desk.replay_as_it_is(letter).await?;
        desk.replay_corrected(letter).await?;
    }
    if let Some(letter) = letters.get(1) {
        desk.discard(letter).await?;
    }
    Ok((desk.violations, letters.len()))
}

struct Desk<'a> {
    arena: &'a Arena,
    schools: &'a [School],
    violations: Vec<Violation>,
}

/// A letter as it is now.
struct Now {
    id: Uuid,
    school: Uuid,
    state: String,
    payload: Value,
}

impl Desk<'_> {
    fn broken(&mut self, about: String) {
        self.violations.push(Violation { rule: "letters", about });
    }

    async fn look_up(&self, row: Uuid) -> anyhow::Result<Now> {
        let query = "SELECT id, school_id, state, payload FROM dead_letters WHERE row_id = $1";
        let (id, school, state, Json(payload)): (Uuid, Uuid, String, Json<Value>) =
            sqlx::query_as(query).bind(row).fetch_one(&mut self.arena.superuser().await?).await?;
        Ok(Now { id, school, state, payload })
    }

    /// The title in the table.
    async fn saved(&self, row: Uuid) -> anyhow::Result<Option<(i32, String)>> {
        let query = "SELECT version, title FROM homework WHERE id = $1";
        Ok(sqlx::query_as(query).bind(row).fetch_optional(&mut self.arena.superuser().await?).await?)
    }

    /// What both services show.
    async fn shown(&self, row: Uuid, school: Uuid) -> anyhow::Result<Vec<Option<Seen>>> {
        let teacher = self.schools.iter().find(|other| other.id == school).and_then(|school| school.teachers.first());
        let token = teacher.context("a letter of another round's school")?.clone();
        Ok(show_all(self.arena, &[(Entity::Homework, row, token)]).await?.into_iter().map(|(.., seen)| seen).collect())
    }

    /// PostgreSQL refuses it again, and it stays.
    async fn replay_as_it_is(&mut self, letter: &Letter) -> anyhow::Result<()> {
        let now = self.look_up(letter.row).await?;
        if let Ok(said) = self.arena.schools24(&["dead-letters", "replay", &now.id.to_string()]).await {
            self.broken(format!("{} can't be saved, and was replayed: {said}", letter.row));
        }
        if self.look_up(letter.row).await?.state != "open" {
            self.broken(format!("the letter of {} could not be replayed, and is not open any more", letter.row));
        }
        Ok(())
    }

    async fn replay_corrected(&mut self, letter: &Letter) -> anyhow::Result<()> {
        let mut now = self.look_up(letter.row).await?;
        if let Some(payload) = now.payload.as_object_mut() {
            payload.insert("title".to_owned(), json!("Corrected"));
        }
        let file = self.arena.folder().join("corrected.json");
        fs::write(&file, now.payload.to_string())?;
        self.arena.schools24(&["dead-letters", "replay", &now.id.to_string(), "--with", &file.display().to_string()]).await?;
        let version = i32::try_from(letter.version)?;
        let saved = self.saved(letter.row).await?;
        if saved != Some((version, "Corrected".to_owned())) || self.look_up(letter.row).await?.state != "replayed" {
            self.broken(format!("{} was corrected and replayed, and the table has {saved:?}", letter.row));
        }
        for seen in self.shown(letter.row, now.school).await? {
            let title = seen.as_ref().and_then(|seen| seen.state.get("title")).and_then(Value::as_str);
            if title != Some("Corrected") {
                self.broken(format!("{} was corrected and replayed, and a service shows {seen:?}", letter.row));
            }
        }
        Ok(())
    }

    async fn discard(&mut self, letter: &Letter) -> anyhow::Result<()> {
        let now = self.look_up(letter.row).await?;
        self.arena.schools24(&["dead-letters", "discard", &now.id.to_string()]).await?;
        if self.saved(letter.row).await?.is_some() || self.look_up(letter.row).await?.state != "discarded" {
            self.broken(format!("{} was given up, and is still there", letter.row));
        }
        for seen in self.shown(letter.row, now.school).await?.into_iter().flatten() {
            self.broken(format!("{} was given up, and a service shows {seen:?}", letter.row));
        }
        Ok(())
    }
}
