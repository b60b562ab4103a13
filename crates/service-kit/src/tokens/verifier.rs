//! Verifying access tokens.
//!
//! Only RS256 is accepted: the algorithm is ours to choose, not the token's, so `none` and an HS256 "signed" with the public key fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use domain::Clock;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Claims, KeySource, RevokedSessions};

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not one of our tokens: malformed, forged, another algorithm, an unknown key.
    #[error("The access token is not valid.")]
    Invalid,
    /// It was one.
    #[error("The access token has expired.")]
    Expired,
    /// Its session was ended.
    #[error("The session was ended; log in again.")]
    Revoked,
    /// It may well be good, but no key is at hand to tell.
    #[error("The key that verifies access tokens is not at hand.")]
    KeysUnavailable,
}

/// How a verifier behaves.
#[derive(Debug, Clone, Copy)]
pub struct VerifierSettings {
    /// How long after its expiry a token still passes, for clocks that disagree.
    pub leeway: Duration,
    /// After how long the keys are read again.
    pub refresh: Duration,
    /// How often, at most, an unknown `kid` makes the keys be read again.
    pub refresh_unknown: Duration,
    /// Verified tokens that are remembered.
    pub remembered: usize,
}

impl Default for VerifierSettings {
    fn default() -> Self {
        Self { leeway: Duration::ZERO, refresh: Duration::from_mins(1), refresh_unknown: Duration::from_secs(1), remembered: 65_536 }
    }
}

/// Longer than any token of ours; anything longer is not worth hashing.
const LONGEST_TOKEN: usize = 4096;

const SHARDS: usize = 16;

type Digested = [u8; 32];

/// Verifies access tokens. Cheap to clone.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    source: Box<dyn KeySource>,
    revoked: RevokedSessions,
    clock: Arc<dyn Clock>,
    settings: VerifierSettings,
    keys: RwLock<Keys>,
    /// One refresh at a time.
    refreshing: tokio::sync::Mutex<()>,
    /// Tokens whose signature was verified, by the SHA-256 of their text.
    seen: Vec<Mutex<HashMap<Digested, Claims>>>,
}

#[derive(Default)]
struct Keys {
    by_kid: HashMap<String, DecodingKey>,
    read: Option<Instant>,
    tried: Option<Instant>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier with the keys of `source`.
    #[must_use]
    pub fn new(source: Box<dyn KeySource>, revoked: RevokedSessions, clock: Arc<dyn Clock>, settings: VerifierSettings) -> Self {
        let seen = (0..SHARDS).map(|_| Mutex::default()).collect();
        let (keys, refreshing) = (RwLock::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { source, revoked, clock, settings, keys, refreshing, seen }))
    }

    /// The sessions that it takes for revoked.
    #[must_use]
    pub fn revoked(&self) -> &RevokedSessions {
        &self.0.revoked
    }

    /// The outcome for a token whose signature was verified before; none if this one is new.
    #[must_use]
    pub fn known(&self, token: &str) -> Option<Result<Claims, Refusal>> {
        if token.len() > LONGEST_TOKEN {
            return Some(Err(Refusal::Invalid));
        }
        let digest: Digested = Sha256::digest(token).into();
        let claims = self.shard(&digest)?.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).copied()?;
        let outcome = self.still_good(claims);
        if outcome == Err(Refusal::Expired)
            && let Some(shard) = self.shard(&digest)
        {
            shard.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
        }
        Some(outcome)
    }

    /// Verifies `token`, reading keys if need be.
    pub async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        if let Some(known) = self.known(token) {
            return known;
        }
        let header = decode_header(token).map_err(|_| Refusal::Invalid)?;
        let kid = header.kid.filter(|_| header.alg == Algorithm::RS256).ok_or(Refusal::Invalid)?;
        let key = self.key(&kid).await?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[super::ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Against our clock instead, below.
        validation.validate_exp = false;
        let claims = decode::<Claims>(token, &key, &validation).map_err(|_| Refusal::Invalid)?.claims;
        let claims = self.still_good(claims)?;
        // Under the lock that a refresh takes to give a key up: no token is remembered after its key is gone.
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        if keys.by_kid.contains_key(&kid) {
            self.remember(Sha256::digest(token).into(), claims);
        }
        Ok(claims)
    }

    fn still_good(&self, claims: Claims) -> Result<Claims, Refusal> {
        let now = self.0.clock.now().timestamp();
        let leeway = i64::try_from(self.0.settings.leeway.as_secs()).unwrap_or(0);
        if now >= claims.exp.saturating_add(leeway) {
            return Err(Refusal::Expired);
        }
        if self.0.revoked.contains(claims.sid) { Err(Refusal::Revoked) } else { Ok(claims) }
    }

    fn shard(&self, digest: &Digested) -> Option<&Mutex<HashMap<Digested, Claims>>> {
        self.0.seen.get(usize::from(digest.first().copied().unwrap_or(0)) % SHARDS)
    }

    fn remember(&self, digest: Digested, claims: Claims) {
        let Some(shard) = self.shard(&digest) else { return };
        let mut seen = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.0.settings.remembered / SHARDS;
        if seen.len() >= most {
            let now = self.0.clock.now().timestamp();
            seen.retain(|_, claims| claims.exp > now);
            // All alive: forgetting half costs a few verifications; remembering all would have no bound.
            if seen.len() >= most {
                let mut keep = false;
                seen.retain(|_, _| {
                    keep = !keep;
                    keep
                });
            }
        }
        seen.insert(digest, claims);
    }

    async fn key(&self, kid: &str) -> Result<DecodingKey, Refusal> {
        let settings = &self.0.settings;
        let look = || {
            let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
            let fresh = keys.read.is_some_and(|at| at.elapsed() < settings.refresh);
            let tried = keys.tried.is_some_and(|at| at.elapsed() < settings.refresh_unknown);
            (keys.by_kid.get(kid).cloned(), fresh, tried, keys.read.is_some())
        };
        let (found, fresh, tried, _) = look();
        if let Some(key) = found
            && (fresh || tried)
        {
            return Ok(key);
        }
        if !tried {
            let _one = self.0.refreshing.lock().await;
            // Whoever held the lock before may have done it.
            let (found, fresh, tried, _) = look();
            if !(tried || (found.is_some() && fresh)) {
                self.refresh().await;
            }
        }
        match look() {
            (Some(key), ..) => Ok(key),
            (None, _, _, true) => Err(Refusal::Invalid),
            (None, _, _, false) => Err(Refusal::KeysUnavailable),
        }
    }

    /// Reads the keys again if that is due: tokens that were verified before need no key, so on a quiet pod nothing else would.
    pub async fn keep_up(&self) {
        let due = {
            let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.read.is_some_and(|at| at.elapsed() >= self.0.settings.refresh)
        };
        if due {
            let _one = self.0.refreshing.lock().await;
            self.refresh().await;
        }
    }

    async fn refresh(&self) {
        let read = self.0.source.keys().await;
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.tried = Some(Instant::now());
        match read {
            Ok(read) => {
                let known = std::mem::take(&mut keys.by_kid);
                keys.by_kid = read.into_iter().map(|key| (key.kid, key.key)).collect();
                keys.read = Some(Instant::now());
                // Normally a key goes when its last token has expired. One that goes earlier was given up, and so are the tokens that it signed.
                if known.keys().any(|kid| !keys.by_kid.contains_key(kid)) {
                    for shard in &self.0.seen {
                        shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    }
                }
            }
            // Those at hand keep working while PostgreSQL is away.
            Err(error) => tracing::warn!(%error, "going on with the keys at hand"),
        }
    }
}
