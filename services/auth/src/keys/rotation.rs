//! Making keys in time and forgetting them in time. Any number of pods may do this at once: an advisory lock lets one of them work.

use std::time::Duration;

use anyhow::anyhow;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ServiceName, Timestamp};
use serde_json::{Value, json};
use service_kit::{BackgroundTask, Platform, Problem};
use sha2::{Digest, Sha256};
use store::{PlatformTransaction, StoreError};

use super::seal::Sealer;

/// When keys change.
#[derive(Debug, Clone, Copy)]
pub struct RotationSettings {
    /// How long a key signs.
    pub every: Duration,
    /// How long a new key is published before it signs, and an old one after it is no longer needed: longer than anybody keeps a copy of the published keys.
    pub ahead: Duration,
}

impl Default for RotationSettings {
    fn default() -> Self {
        Self { every: Duration::from_hours(30 * 24), ahead: Duration::from_mins(10) }
    }
}

/// Keeps the keys in order as long as the process runs.
#[must_use]
pub fn task(platform: &Platform) -> BackgroundTask {
    let platform = platform.clone();
    let run = move |cancel: tokio_util::sync::CancellationToken| -> futures_util::future::BoxFuture<'static, ()> {
        Box::pin(async move {
            while !cancel.is_cancelled() {
                let rest = match maintain(&platform, &RotationSettings::default()).await {
                    Ok(()) => Duration::from_mins(1),
                    Err(problem) => {
                        tracing::warn!(%problem, "the signing keys could not be looked after");
                        Duration::from_secs(2)
                    }
                };
                tokio::select! { () = tokio::time::sleep(rest) => {} () = cancel.cancelled() => {} }
            }
        })
    };
    BackgroundTask { name: "signing keys", run: Box::new(run) }
}

/// Makes a key if there is none that can sign, or if the present one has signed long enough; deletes those that nobody needs any more.
pub async fn maintain(platform: &Platform, settings: &RotationSettings) -> Result<(), Problem> {
    let tokens = &platform.config().tokens;
    let span = |duration: Duration| chrono::Duration::from_std(duration).map_err(Problem::internal);
    let (every, ahead, token_life) = (span(settings.every)?, span(settings.ahead)?, span(tokens.access_life + tokens.leeway)?);
    let sealer = Sealer::of(platform);
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    lock(&mut transaction).await?;
    let now = platform.clock().now();
    let keys = super::stored(&mut transaction, &sealer, now).await?;
    let usable = keys.iter().filter(|key| key.private.is_some() && key.expires_at >= now + token_life);
    let not_before = match usable.max_by_key(|key| key.not_before) {
        // Nothing to wait for: nobody can hold a token of an earlier key that is still to be signed.
        None => Some(now),
        Some(newest) if now >= newest.not_before + every - ahead => Some((newest.not_before + every).max(now + ahead)),
        Some(_) => None,
    };
    if let Some(not_before) = not_before {
        // Twice as long as it is meant to sign: should no pod be there to make the next one, it can go on.
        let expires_at = not_before + every * 2 + token_life + ahead;
        let kid = insert(&mut transaction, sealer, not_before, expires_at).await?;
        shorten(&mut transaction, &kid, not_before, not_before + token_life + ahead).await?;
        tracing::info!(kid, %not_before, "a new signing key");
    }
    forget(&mut transaction, now).await?;
    transaction.commit().await?;
    Ok(())
}

async fn lock(transaction: &mut PlatformTransaction) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('signing_keys', 24))").execute(transaction.connection()?).await?;
    Ok(())
}

async fn insert(
    transaction: &mut PlatformTransaction,
    sealer: Sealer,
    not_before: Timestamp,
    expires_at: Timestamp,
) -> Result<String, Problem> {
    // Finding primes takes up to a second of a core.
    let made = tokio::task::spawn_blocking(move || {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no signing key could be generated"))?;
        let (kid, jwk) = public(&pair);
        let private = sealer.seal(&kid, &pair)?;
        anyhow::Ok((kid, jwk, private))
    });
    let (kid, jwk, private) = made.await.map_err(Problem::internal)??;
    let store = async {
        let connection = transaction.connection()?;
        let key = "INSERT INTO signing_keys (kid, public_jwk, not_before, expires_at) VALUES ($1, $2, $3, $4)";
        sqlx::query(key).bind(&kid).bind(jwk).bind(not_before).bind(expires_at).execute(&mut *connection).await?;
        let secret = "INSERT INTO signing_key_secrets (kid, sealed) VALUES ($1, $2)";
        sqlx::query(secret).bind(&kid).bind(private).execute(&mut *connection).await?;
        Ok::<_, StoreError>(())
    };
    store.await?;
    Ok(kid)
}

/// The public half as a JWK (RFC 7517), and its thumbprint (RFC 7638), which is its name.
fn public(pair: &KeyPair) -> (String, Value) {
    let key = pair.public_key();
    let encode = |number: aws_lc_rs::io::Positive<'_>| URL_SAFE_NO_PAD.encode(number.big_endian_without_leading_zero());
    let (n, e) = (encode(key.modulus()), encode(key.exponent()));
    // The members that the thumbprint is made of, in its order, without white space.
    let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)));
    (kid.clone(), json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e }))
}

/// Those that stop signing at `from` are needed until the last of their tokens has expired, and no longer.
async fn shorten(transaction: &mut PlatformTransaction, kid: &str, from: Timestamp, until: Timestamp) -> Result<(), StoreError> {
    let update = "UPDATE signing_keys SET expires_at = $3 WHERE kid <> $1 AND not_before < $2 AND expires_at > $3";
    sqlx::query(update).bind(kid).bind(from).bind(until).execute(transaction.connection()?).await?;
    Ok(())
}

async fn forget(transaction: &mut PlatformTransaction, now: Timestamp) -> Result<(), StoreError> {
    // A day later, so that an operator still sees which key a refused token was signed with.
    let delete = "DELETE FROM signing_keys WHERE expires_at < $1";
    sqlx::query(delete).bind(now - chrono::Duration::days(1)).execute(transaction.connection()?).await?;
    Ok(())
}
