//! Leaderboards: sorted sets, where equal scores share a place (1, 2, 2, 4).

use fred::clients::Pool;
use fred::error::Error;
use fred::interfaces::SortedSetsInterface;
use fred::types::SetOptions;
use fred::types::sorted_sets::ZRange;

use crate::key;

/// One line of a leaderboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// 1 is best; equal scores share it.
    pub rank: u64,
    /// Who.
    pub member: String,
    /// With what.
    pub score: f64,
}

/// A leaderboard such as `class:<id>`.
#[derive(Debug, Clone)]
pub struct Leaderboard {
    redis: Pool,
    key: String,
}

impl Leaderboard {
    /// The leaderboard of `scope`.
    #[must_use]
    pub fn new(redis: Pool, scope: &str) -> Self {
        Self { redis, key: key::leaderboard(scope) }
    }

    /// Sets a member's score.
    pub async fn set(&self, member: &str, score: f64) -> Result<(), Error> {
        self.redis.zadd(&self.key, None, None, false, false, (score, member)).await
    }

    /// Adds members that are not there yet; those that are keep their scores.
    pub async fn offer(&self, members: Vec<(f64, String)>) -> Result<(), Error> {
        self.redis.zadd(&self.key, Some(SetOptions::NX), None, false, false, members).await
    }

    /// Takes a member off, because they left or do not want to be shown.
    pub async fn remove(&self, member: &str) -> Result<(), Error> {
        self.redis.zrem(&self.key, member).await
    }

    /// The best `limit`, best first.
    pub async fn top(&self, limit: u32) -> Result<Vec<Place>, Error> {
        let last = i64::from(limit.max(1)) - 1;
        let rows: Vec<(String, f64)> =
            self.redis.zrange(&self.key, ZRange::from(0_i64), ZRange::from(last), None, true, None, true).await?;
        let mut places = Vec::with_capacity(rows.len());
        let mut shared = (f64::NAN, 0);
        for (position, (member, score)) in (1_u64..).zip(rows) {
            // Scores come back bit for bit as they were set, so equality is exact.
            #[allow(clippy::float_cmp)]
            if score != shared.0 {
                shared = (score, position);
            }
            places.push(Place { rank: shared.1, member, score });
        }
        Ok(places)
    }
}
