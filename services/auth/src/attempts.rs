//! Counting failed logins of an e-mail address, whether anybody has it or not.
//!
//! Two homes, always both: the account's row in PostgreSQL, which holds across pods and outlives an outage of Redis, and Redis (this process's memory while it is
//! away) by the hash of the address, which exists for unknown addresses too. An address is locked if either says so, hence a stranger can't tell the two apart.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Email, ServiceName, Timestamp, UserId};
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use secrecy::ExposeSecret;
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use store::StoreError;

use crate::model::lockout::Lockout;

/// Addresses that are remembered while Redis is away.
const REMEMBERED: usize = 10_000;

/// The attempts on one address.
#[derive(Debug)]
pub struct Attempts<'a> {
    platform: &'a Platform,
    user: Option<UserId>,
    key: String,
}

impl<'a> Attempts<'a> {
    /// The attempts on `email`, which is `user`'s if anybody's.
    #[must_use]
    pub fn on(platform: &'a Platform, email: &Email, user: Option<UserId>) -> Self {
        // Under the secret, so that the keys of Redis don't tell who tried to log in.
        let secret = hmac::Key::new(hmac::HMAC_SHA256, platform.config().tokens.secret.expose_secret().as_bytes());
        let digest = hmac::sign(&secret, format!("login attempts:{email}").as_bytes());
        Self { platform, user, key: format!("login:failures:{}", URL_SAFE_NO_PAD.encode(digest)) }
    }

    /// 423 with `Retry-After` while the address is locked; `stored` is what the account's row says.
    pub async fn check(&self, stored: Lockout) -> Result<(), Problem> {
        let now = self.platform.clock().now();
        let left = stored.remaining(now).max(self.shared().await.remaining(now));
        left.map_or(Ok(()), |left| Err(Problem::locked(left, "Too many attempts failed. Wait before the next one.")))
    }

    /// Counts a failure.
    pub async fn failed(&self) -> Result<(), Problem> {
        let now = self.platform.clock().now();
        let mut transaction = self.platform.postgres(ServiceName::Auth).platform().await?;
        // For an unknown address too, with an id that nobody has: the same round trips.
        count(transaction.connection()?, self.user.unwrap_or_else(UserId::generate), now).await?;
        transaction.commit().await?;
        let key = self.key.clone();
        let shared = async {
            let redis = self.platform.redis();
            let failures: i32 = redis.incr(&key).await?;
            redis.expire::<(), _>(&key, Lockout::KEPT_SECONDS, None).await?;
            let lockout = Lockout { failures: failures.saturating_sub(1), locked_until: None }.failed(now);
            if let Some(until) = lockout.locked_until {
                let expiry = Some(Expiration::PX((until - now).num_milliseconds().max(1)));
                redis.set::<(), _, _>(lock_key(&key), until.timestamp_micros(), expiry, None, false).await?;
            }
            Ok::<_, fred::error::Error>(())
        };
        if let Err(error) = shared.await {
            tracing::warn!(%error, "a failed login is counted in memory: Redis is away");
            let mut memory = memory().lock().unwrap_or_else(PoisonError::into_inner);
            if memory.len() >= REMEMBERED {
                memory.retain(|_, lockout| lockout.remaining(now).is_some());
                if memory.len() >= REMEMBERED {
                    memory.clear();
                }
            }
            let lockout = memory.entry(key).or_default();
            *lockout = lockout.failed(now);
        }
        Ok(())
    }

    /// Forgets the failures; the account's own are the caller's to clear, see [`clear`].
    pub async fn succeeded(&self) {
        memory().lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        if let Err(error) = self.platform.redis().del::<(), _>(vec![self.key.clone(), lock_key(&self.key)]).await {
            tracing::warn!(%error, "failed logins could not be forgotten");
        }
    }

    async fn shared(&self) -> Lockout {
        let read: Result<Option<i64>, _> = self.platform.redis().get(lock_key(&self.key)).await;
        let remembered = memory().lock().unwrap_or_else(PoisonError::into_inner).get(&self.key).copied().unwrap_or_default();
        match read {
            Ok(Some(until)) => Lockout { failures: 0, locked_until: Timestamp::from_timestamp_micros(until) },
            Ok(None) | Err(_) => remembered,
        }
    }
}

fn lock_key(key: &str) -> String {
    key.replacen("failures", "locked", 1)
}

fn memory() -> &'static Mutex<HashMap<String, Lockout>> {
    static MEMORY: OnceLock<Mutex<HashMap<String, Lockout>>> = OnceLock::new();
    MEMORY.get_or_init(Mutex::default)
}

async fn count(connection: &mut PgConnection, user: UserId, now: Timestamp) -> Result<(), StoreError> {
    let select = "SELECT failed_attempts, locked_until FROM credentials WHERE user_id = $1 FOR UPDATE";
    let row: Option<(i32, Option<Timestamp>)> = sqlx::query_as(select).bind(user.as_uuid()).fetch_optional(&mut *connection).await?;
    let (failures, locked_until) = row.unwrap_or_default();
    let lockout = Lockout { failures, locked_until }.failed(now);
    let update = "UPDATE credentials SET failed_attempts = $2, locked_until = $3 WHERE user_id = $1";
    sqlx::query(update).bind(user.as_uuid()).bind(lockout.failures).bind(lockout.locked_until).execute(connection).await?;
    Ok(())
}

/// Forgets the failures in the account's row.
pub async fn clear(connection: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    let update = "UPDATE credentials SET failed_attempts = 0, locked_until = NULL \
                  WHERE user_id = $1 AND (failed_attempts > 0 OR locked_until IS NOT NULL)";
    sqlx::query(update).bind(user.as_uuid()).execute(connection).await?;
    Ok(())
}
