//! Where the keys that verify tokens come from.

use async_trait::async_trait;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use sea_orm::{ConnectionTrait, Statement};
use store::{Postgres, StoreError};
use thiserror::Error;

/// A public RSA key and its name.
#[derive(Clone)]
pub struct PublicKey {
    /// The `kid` of tokens that it verifies.
    pub kid: String,
    /// The key.
    pub key: DecodingKey,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Why keys could not be had. The verifier goes on with those it has.
#[derive(Debug, Error)]
#[error("the signing keys can't be read: {0}")]
pub struct KeySourceError(pub String);

/// Where public keys come from.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// All keys whose tokens may still be in use.
    async fn keys(&self) -> Result<Vec<PublicKey>, KeySourceError>;
}

/// No keys at all: for documentation, which verifies nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoKeys;

#[async_trait]
impl KeySource for NoKeys {
    async fn keys(&self) -> Result<Vec<PublicKey>, KeySourceError> {
        Ok(Vec::new())
    }
}

/// The keys in the table `signing_keys`, which auth fills and every service may read.
#[derive(Debug, Clone)]
pub struct StoredKeys(pub Postgres);

#[async_trait]
impl KeySource for StoredKeys {
    async fn keys(&self) -> Result<Vec<PublicKey>, KeySourceError> {
        let read = async {
            let transaction = self.0.platform().await?;
            let select = "SELECT kid, public_jwk FROM signing_keys WHERE expires_at > now()";
            let statement = Statement::from_string(transaction.get_database_backend(), select);
            Ok::<_, StoreError>(transaction.query_all_raw(statement).await?)
        };
        let rows = read.await.map_err(|error| KeySourceError(error.to_string()))?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let read = || Some((row.try_get::<String>("", "kid").ok()?, row.try_get::<serde_json::Value>("", "public_jwk").ok()?));
            let Some((kid, jwk)) = read() else { continue };
            match serde_json::from_value::<Jwk>(jwk)
                .map_err(|e| e.to_string())
                .and_then(|jwk| DecodingKey::from_jwk(&jwk).map_err(|e| e.to_string()))
            {
                Ok(key) => keys.push(PublicKey { kid, key }),
                // One broken key must not take the others along.
                Err(error) => tracing::error!(kid, error, "a signing key can't be used"),
            }
        }
        Ok(keys)
    }
}
