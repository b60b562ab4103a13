//! Sheets: all that an attempt needs to know of its quiz, in one cached value.
//!
//! A sheet carries the generation that was current before PostgreSQL was asked. A change moves the generation on after its commit, so that a reader who filled
//! the cache meanwhile filled it with something that counts as missing. A process keeps the sheets at hand that it used last, and asks only for their generation.

use std::sync::Arc;
use std::time::Duration;

use cache::codec::{self, Codec};
use cache::near;
use domain::{QuizId, SchoolId, ServiceName};
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use serde::{Deserialize, Serialize};
use service_kit::Platform;
use store::StoreError;
use tracing::warn;

use super::row;
use crate::model::paper::Slot;
use crate::model::quiz::Quiz;
use crate::model::terms::Override;

/// With the minute that a process keeps a sheet at hand, a bound of five minutes on how long a change that was committed but never announced stays unseen.
const TTL: Duration = Duration::from_mins(4);
const AT_HAND_TTL: Duration = Duration::from_mins(1);
/// How many sheets a process keeps at hand. The largest has two hundred draws of a thousand questions each; most have some ten slots.
const AT_HAND: u64 = 500;
/// Longer than any sheet that was cached under it.
const GENERATION_TTL: i64 = 24 * 3600;

/// A quiz with its slots and overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    pub(crate) quiz: Quiz,
    pub(crate) slots: Vec<Slot>,
    pub(crate) overrides: Vec<Override>,
}

#[derive(Serialize, Deserialize)]
struct Cached {
    generation: u64,
    sheet: Sheet,
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
    at_hand: moka::sync::Cache<(SchoolId, QuizId), (u64, Arc<Sheet>)>,
}

impl Sheets {
    pub(crate) fn new(platform: Platform) -> Self {
        Self { platform, at_hand: moka::sync::Cache::builder().max_capacity(AT_HAND).time_to_live(AT_HAND_TTL).build() }
    }

    /// The quiz with this id, and all that belongs to it.
    pub(crate) async fn find(&self, school: SchoolId, id: QuizId) -> Result<Option<Arc<Sheet>>, StoreError> {
        if let Some((known, sheet)) = self.at_hand.get(&(school, id)) {
            let present: Result<Option<u64>, _> = near(self.platform.redis()).get(generation_key(school, id)).await;
            if present.is_ok_and(|present| present.unwrap_or(0) == known) {
                cache::record_lookup(true);
                return Ok(Some(sheet));
            }
        }
        // Seldom, and large: not worth its room in every request.
        Box::pin(self.read(school, id)).await
    }

    /// The sheet as the cache has it, or else PostgreSQL.
    async fn read(&self, school: SchoolId, id: QuizId) -> Result<Option<Arc<Sheet>>, StoreError> {
        let redis = near(self.platform.redis());
        let keys = vec![generation_key(school, id), sheet_key(school, id)];
        let looked: Result<(Option<u64>, Option<Vec<u8>>), _> = redis.mget(keys).await;
        let generation = match looked {
            Ok((generation, bytes)) => {
                let generation = generation.unwrap_or(0);
                let cached = bytes.and_then(|bytes| codec::decode::<Cached>(&bytes).ok()).map(|(_, cached)| cached);
                let fresh = cached.filter(|cached| cached.generation == generation);
                cache::record_lookup(fresh.is_some());
                if let Some(fresh) = fresh {
                    return Ok(Some(self.keep(generation, fresh.sheet)));
                }
                Some(generation)
            }
            Err(error) => {
                warn!(%error, "Redis is away: a quiz is read from PostgreSQL");
                None
            }
        };
        let mut transaction = self.platform.postgres(ServiceName::Quiz).school_read(school).await?;
        let sheet: Option<Sheet> = row(&mut transaction, SHEET, school, id.as_uuid()).await?;
        let (Some(generation), Some(sheet)) = (generation, &sheet) else { return Ok(sheet.map(Arc::new)) };
        let cached = Cached { generation, sheet: sheet.clone() };
        if let Ok(encoded) = codec::encode(&cached, Codec::Snappy, 0, [0; 8], 0) {
            let expiry = Some(Expiration::PX(i64::try_from(TTL.as_millis()).unwrap_or(i64::MAX)));
            let bytes = encoded.with_sequence(0);
            let filled: Result<(), _> = redis.set(sheet_key(school, id), bytes.as_slice(), expiry, None, false).await;
            if let Err(error) = filled {
                warn!(%error, "a quiz could not be cached");
            }
        }
        Ok(Some(self.keep(generation, cached.sheet)))
    }

    /// Keeps a sheet at hand under the generation that was current before it was read.
    fn keep(&self, generation: u64, sheet: Sheet) -> Arc<Sheet> {
        let sheet = Arc::new(sheet);
        self.at_hand.insert((sheet.quiz.school_id, sheet.quiz.id), (generation, Arc::clone(&sheet)));
        sheet
    }

    /// The quiz, or something of it, has changed and is committed.
    pub(crate) async fn changed(&self, school: SchoolId, id: QuizId) {
        let key = generation_key(school, id);
        let redis = near(self.platform.redis());
        let moved: Result<u64, _> = redis.incr(&key).await;
        let kept: Result<(), _> = redis.expire(&key, GENERATION_TTL, None).await;
        if let Err(error) = moved.map(drop).and(kept) {
            warn!(%error, "a change of a quiz could not be announced; caches forget the old by themselves");
        }
    }
}

fn sheet_key(school: SchoolId, id: QuizId) -> String {
    format!("quiz_sheet:{{{school}}}:{id}")
}

fn generation_key(school: SchoolId, id: QuizId) -> String {
    format!("quiz_generation:{{{school}}}:{id}")
}
