//! Sessions that were revoked while their access tokens still run.
//!
//! Pub/sub tells at once but may miss; the sorted set in Redis misses nothing but is read only every half second. Together a
//! revocation is felt by every pod within a second. While Redis is away the set stays as it was last known.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::{Clock, EventKind, SessionId};
use fred::clients::{Pool, SubscriberClient};
use fred::interfaces::SortedSetsInterface;
use tokio_util::sync::CancellationToken;

/// The sorted set of revoked sessions: member is the session id, score the second since 1970 after which no token of it can be valid.
pub const REVOKED_SESSIONS_KEY: &str = "sessions:revoked";

const POLL: Duration = Duration::from_millis(500);

/// The revoked sessions that this process knows of. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RevokedSessions(Arc<RwLock<HashMap<SessionId, i64>>>);

impl RevokedSessions {
    /// Whether `session` was revoked.
    #[must_use]
    pub fn contains(&self, session: SessionId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// Notes that `session` was revoked; forgotten after `until` (seconds since 1970).
    pub fn insert(&self, session: SessionId, until: i64) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(session, until);
    }

    fn merge(&self, read: Vec<(SessionId, i64)>, now: i64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| *until > now);
        known.extend(read);
    }

    /// Keeps the set up to date until cancelled. `subscriber` is not connected yet; `longest` is the life of an access token.
    pub async fn follow(
        self,
        redis: Pool,
        subscriber: SubscriberClient,
        clock: Arc<dyn Clock>,
        longest: Duration,
        cancel: CancellationToken,
    ) {
        let heard = self.clone();
        let longest = i64::try_from(longest.as_secs()).unwrap_or(i64::MAX / 2);
        let hear = |event: domain::EventEnvelope| {
            heard.insert(SessionId::from_uuid(event.subject), clock.now().timestamp() + longest);
        };
        let listening = events::listen(subscriber, &[EventKind::SessionRevoked], cancel.clone(), hear);
        let polling = async {
            while !cancel.is_cancelled() {
                let now = clock.now().timestamp();
                #[allow(clippy::cast_precision_loss)] // exact for seconds
                let read: Result<Vec<(String, f64)>, _> =
                    redis.zrangebyscore(REVOKED_SESSIONS_KEY, now as f64, f64::INFINITY, true, None).await;
                match read {
                    Ok(members) => {
                        #[allow(clippy::cast_possible_truncation)]
                        let parse = |(member, score): (String, f64)| Some((member.parse().ok()?, score as i64));
                        self.merge(members.into_iter().filter_map(parse).collect(), now);
                    }
                    Err(error) => tracing::debug!(%error, "revoked sessions could not be read"),
                }
                tokio::select! { () = tokio::time::sleep(POLL) => {} () = cancel.cancelled() => {} }
            }
        };
        tokio::join!(listening, polling);
    }
}
