//! Making credentials without a request: for seeding and for the demo school.

use domain::{Email, Timestamp, UserId};
use store::{Postgres, StoreError};
use thiserror::Error;

use crate::model::password::LONGEST_BYTES;

/// A password that can't be hashed.
#[derive(Debug, Error)]
pub enum HashError {
    /// bcrypt would cut it off silently.
    #[error("a password has at most {LONGEST_BYTES} bytes")]
    TooLong,
    /// No randomness, or a cost that bcrypt doesn't know.
    #[error("bcrypt: {0}")]
    Bcrypt(#[from] bcrypt::BcryptError),
}

/// The bcrypt hash of `password` (2^`cost` rounds; [`crate::passwords::COST`] in production). Takes a quarter of a second at cost 12: not on a thread that serves.
/// No policy is applied: that is for those who set a password through the API.
pub fn hash(password: &str, cost: u32) -> Result<String, HashError> {
    if password.len() > LONGEST_BYTES {
        return Err(HashError::TooLong);
    }
    Ok(bcrypt::hash(password, cost)?)
}

/// A user to be there, whatever was before.
#[derive(Debug, Clone)]
pub struct SeedUser<'a> {
    /// The address, which tells whether the user is there already.
    pub email: &'a Email,
    /// The name, if the user is new.
    pub full_name: &'a str,
    /// Whether the user runs the platform.
    pub is_super_admin: bool,
    /// The password's hash, if the user has none yet.
    pub password_hash: Option<&'a str>,
}

/// Creates the user unless there is one with this address, and gives a password to a user who has none. A second call changes nothing.
/// `postgres` acts as auth.
pub async fn seed_user(postgres: &Postgres, user: &SeedUser<'_>, now: Timestamp) -> Result<UserId, StoreError> {
    let mut transaction = postgres.platform().await?;
    let connection = transaction.connection()?;
    let insert = "INSERT INTO users (id, email, full_name, is_super_admin, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (email) DO NOTHING";
    sqlx::query(insert)
        .bind(UserId::generate().as_uuid())
        .bind(user.email.as_str())
        .bind(user.full_name)
        .bind(user.is_super_admin)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    let id: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM users WHERE email = $1").bind(user.email.as_str()).fetch_one(&mut *connection).await?;
    if let Some(hash) = user.password_hash {
        let insert = "INSERT INTO credentials (user_id, password_hash, changed_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO NOTHING";
        sqlx::query(insert).bind(id).bind(hash).bind(now).execute(&mut *connection).await?;
    }
    transaction.commit().await?;
    Ok(id.into())
}
