//! The keys that sign access tokens.
//!
//! - [`Signer`] — signs, and knows the public halves;
//! - [`rotation`] — makes the first key, the next one in time, and forgets old ones;
//! - [`seal`] — keeps the private halves unreadable in the database.
//!
//! A key lives through three phases, by the clock: published and not signing yet (until `not_before`), signing (until the next key's `not_before`), and published
//! until the last token that it signed has expired (`expires_at`). So whoever fetches the published keys now and then never meets a token of a key it can't know.

pub mod rotation;
pub mod seal;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ServiceName, Timestamp};
use serde_json::{Value, json};
use service_kit::{Claims, Platform, Problem};
use store::{PlatformTransaction, StoreError};

use rotation::RotationSettings;
use seal::Sealer;

/// After how long the keys are read again.
const FRESH: Duration = Duration::from_secs(30);

/// A key that is published.
#[derive(Clone)]
pub struct SigningKey {
    /// Its name in tokens: the JWK thumbprint of RFC 7638.
    pub kid: String,
    /// The public half.
    pub public_jwk: Value,
    /// From when on it signs.
    pub not_before: Timestamp,
    /// Until when it is published.
    pub expires_at: Timestamp,
    /// The private half; none if it was sealed under another JWT secret.
    private: Option<Arc<KeyPair>>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kid, not_before, expires_at, .. } = self;
        f.debug_struct("SigningKey")
            .field("kid", kid)
            .field("not_before", not_before)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Loaded {
    keys: Vec<SigningKey>,
    at: Option<Instant>,
}

/// Signs access tokens. Cheap to clone; holds the keys for half a minute at a time.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    platform: Platform,
    sealer: Sealer,
    loaded: RwLock<Loaded>,
    loading: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// A signer with the keys in the platform's PostgreSQL. Reads them when it first signs.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        let sealer = Sealer::of(&platform);
        Self(Arc::new(Inner { platform, sealer, loaded: RwLock::default(), loading: tokio::sync::Mutex::default() }))
    }

    /// The token that says `claims`. Makes the first key if there is none.
    pub async fn sign(&self, claims: &Claims) -> Result<String, Problem> {
        let key = self.active().await?;
        let private = key.private.ok_or_else(|| Problem::internal(anyhow!("the active key has no private half")))?;
        let encode = |part: &Value| Ok::<_, serde_json::Error>(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part)?));
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key.kid });
        let message = format!("{}.{}", encode(&header)?, encode(&serde_json::to_value(claims)?)?);
        let mut signature = vec![0; private.public_modulus_len()];
        private
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| Problem::internal(anyhow!("a token could not be signed")))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The published keys, public halves only. Those known last while PostgreSQL is away.
    pub async fn published(&self) -> Result<Vec<Value>, Problem> {
        let keys = self.keys(|keys| !keys.is_empty()).await?;
        let now = self.0.platform.clock().now();
        Ok(keys.into_iter().filter(|key| key.expires_at > now).map(|key| key.public_jwk).collect())
    }

    async fn active(&self) -> Result<SigningKey, Problem> {
        let tokens = &self.0.platform.config().tokens;
        let life = chrono::Duration::from_std(tokens.access_life + tokens.leeway).map_err(Problem::internal)?;
        let now = self.0.platform.clock().now();
        let signs = |key: &&SigningKey| key.private.is_some() && key.not_before <= now && key.expires_at >= now + life;
        let keys = self.keys(|keys| keys.iter().any(|key| signs(&key))).await?;
        let newest = keys.iter().filter(signs).max_by_key(|key| key.not_before);
        newest.cloned().ok_or_else(|| Problem::unavailable(Duration::from_secs(1), "A key that signs access tokens"))
    }

    /// The keys at hand if they are fresh and `enough`, else those in PostgreSQL, else, when none of these will do, new ones.
    async fn keys(&self, enough: impl Fn(&[SigningKey]) -> bool) -> Result<Vec<SigningKey>, Problem> {
        let at_hand = || {
            let loaded = self.0.loaded.read().unwrap_or_else(PoisonError::into_inner);
            let fresh = loaded.at.is_some_and(|at| at.elapsed() < FRESH);
            enough(&loaded.keys).then(|| (loaded.keys.clone(), fresh))
        };
        if let Some((keys, true)) = at_hand() {
            return Ok(keys);
        }
        let _one = self.0.loading.lock().await;
        if let Some((keys, true)) = at_hand() {
            return Ok(keys);
        }
        let read = async {
            let mut keys = self.read().await?;
            if !enough(&keys) {
                rotation::maintain(&self.0.platform, &RotationSettings::default()).await?;
                keys = self.read().await?;
            }
            Ok::<_, Problem>(keys)
        };
        match read.await {
            Ok(keys) => {
                let mut loaded = self.0.loaded.write().unwrap_or_else(PoisonError::into_inner);
                *loaded = Loaded { keys: keys.clone(), at: Some(Instant::now()) };
                Ok(keys)
            }
            Err(problem) => match at_hand() {
                Some((keys, _)) => {
                    tracing::warn!(%problem, "going on with the signing keys at hand");
                    Ok(keys)
                }
                None => Err(problem),
            },
        }
    }

    async fn read(&self) -> Result<Vec<SigningKey>, StoreError> {
        let mut transaction = self.0.platform.postgres(ServiceName::Auth).platform().await?;
        stored(&mut transaction, &self.0.sealer, self.0.platform.clock().now()).await
    }
}

type Row = (String, Value, Timestamp, Timestamp, Option<Vec<u8>>);

/// The keys that are published at `now`, oldest first.
async fn stored(transaction: &mut PlatformTransaction, sealer: &Sealer, now: Timestamp) -> Result<Vec<SigningKey>, StoreError> {
    let select = "SELECT k.kid, k.public_jwk, k.not_before, k.expires_at, s.sealed FROM signing_keys k \
                  LEFT JOIN signing_key_secrets s ON s.kid = k.kid WHERE k.expires_at > $1 ORDER BY k.not_before, k.kid";
    let rows: Vec<Row> = sqlx::query_as(select).bind(now).fetch_all(transaction.connection()?).await?;
    let open = |(kid, public_jwk, not_before, expires_at, sealed): Row| {
        let private = sealed.and_then(|sealed| sealer.open(&kid, sealed)).map(Arc::new);
        if private.is_none() {
            tracing::warn!(kid, "a signing key can't be opened: JWT_SECRET was another one when it was made");
        }
        SigningKey { kid, public_jwk, not_before, expires_at, private }
    };
    Ok(rows.into_iter().map(open).collect())
}
