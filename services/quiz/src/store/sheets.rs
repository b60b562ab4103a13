//! Sheets: all that an attempt needs to know of its quiz, in one cached value.
//!
//! A sheet carries its quiz's generation, which a change moves on after its commit ([`Generations`]). A process keeps the sheets at hand that it used last, and
//! asks only for their generation.

use std::sync::Arc;
use std::time::Duration;

use cache::Generations;
use domain::{QuizId, SchoolId, ServiceName};
use serde::{Deserialize, Serialize};
use service_kit::Platform;
use store::StoreError;

use super::row;
use crate::model::paper::Slot;
use crate::model::quiz::Quiz;
use crate::model::terms::Override;

/// With the minute that a process keeps a sheet at hand, a bound of five minutes on how long a change that was committed but never announced stays unseen.
const TTL: Duration = Duration::from_mins(4);
const AT_HAND_TTL: Duration = Duration::from_mins(1);
/// How many sheets a process keeps at hand. The largest has two hundred draws of a thousand questions each; most have some ten slots.
const AT_HAND: u64 = 500;

/// A quiz with its slots and overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    pub(crate) quiz: Quiz,
    pub(crate) slots: Vec<Slot>,
    pub(crate) overrides: Vec<Override>,
}

pub(super) const SHEET: &str = "
SELECT jsonb_build_object(
    'quiz', to_jsonb(q),
    'slots', (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.position), '[]') FROM quiz_slots s WHERE s.school_id = q.school_id AND s.quiz_id = q.id),
    'overrides', (SELECT coalesce(jsonb_agg(to_jsonb(o) || jsonb_build_object('members', (
            SELECT coalesce(jsonb_agg(m.student_id ORDER BY m.student_id), '[]') FROM quiz_override_members m
            WHERE m.school_id = o.school_id AND m.override_id = o.id)) ORDER BY o.created_at, o.id), '[]')
        FROM quiz_overrides o WHERE o.school_id = q.school_id AND o.quiz_id = q.id))
FROM quizzes q WHERE q.school_id = $1 AND q.id = $2";

/// Reads sheets. Cheap to clone; clones share what is at hand.
#[derive(Debug, Clone)]
pub(crate) struct Sheets {
    platform: Platform,
    generations: Generations,
    at_hand: moka::sync::Cache<(SchoolId, QuizId), (u64, Arc<Sheet>)>,
}

impl Sheets {
    pub(crate) fn new(platform: Platform) -> Self {
        let generations = Generations::new(platform.redis().clone());
        Self { platform, generations, at_hand: moka::sync::Cache::builder().max_capacity(AT_HAND).time_to_live(AT_HAND_TTL).build() }
    }

    /// The quiz with this id, and all that belongs to it.
    pub(crate) async fn find(&self, school: SchoolId, id: QuizId) -> Result<Option<Arc<Sheet>>, StoreError> {
        if let Some((known, sheet)) = self.at_hand.get(&(school, id))
            && self.generations.present(&generation_key(school, id)).await == Some(known)
        {
            cache::record_lookup(true);
            return Ok(Some(sheet));
        }
        // Seldom, and large: not worth its room in every request.
        Box::pin(self.read(school, id)).await
    }

    /// The sheet as the cache has it, or else PostgreSQL.
    async fn read(&self, school: SchoolId, id: QuizId) -> Result<Option<Arc<Sheet>>, StoreError> {
        let load = async || -> Result<Sheet, Option<StoreError>> {
            let mut transaction = self.platform.postgres(ServiceName::Quiz).school_read(school).await?;
            let sheet: Option<Sheet> = row(&mut transaction, SHEET, school, id.as_uuid()).await?;
            // A quiz that isn't there is not remembered: it may be made any moment, and making one is no change of one.
            sheet.ok_or(None)
        };
        let read = self.generations.get_or_load(&generation_key(school, id), &sheet_key(school, id), TTL, load).await;
        match read {
            Ok((Some(generation), sheet)) => Ok(Some(self.keep(generation, sheet))),
            Ok((None, sheet)) => Ok(Some(Arc::new(sheet))),
            Err(error) => error.map_or(Ok(None), Err),
        }
    }

    /// Keeps a sheet at hand under the generation that was current before it was read.
    fn keep(&self, generation: u64, sheet: Sheet) -> Arc<Sheet> {
        let sheet = Arc::new(sheet);
        self.at_hand.insert((sheet.quiz.school_id, sheet.quiz.id), (generation, Arc::clone(&sheet)));
        sheet
    }

    /// The quiz, or something of it, has changed and is committed.
    pub(crate) async fn changed(&self, school: SchoolId, id: QuizId) {
        self.generations.moved_on(&generation_key(school, id)).await;
    }
}

fn sheet_key(school: SchoolId, id: QuizId) -> String {
    format!("quiz_sheet:{{{school}}}:{id}")
}

fn generation_key(school: SchoolId, id: QuizId) -> String {
    format!("quiz_generation:{{{school}}}:{id}")
}
