//! `POST /api/v1/auth/password`: one's own.

use actix_web::post;
use actix_web::web::Data;
use domain::{Actor, Email, ServiceName, Timestamp, UserId};
use serde::Deserialize;
use service_kit::{Body, CommonProblems, Kind, NoContent, Platform, PlatformPermit, Problem, permits};
use sqlx::PgConnection;
use store::StoreError;
use utoipa::ToSchema;

use super::login;
use super::tokens::UserRow;
use crate::attempts;
use crate::model::password;
use crate::passwords;
use crate::revocation::{self, Which};

/// The old one and the new one.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present password.
    #[schema(format = Password, max_length = 1024)]
    pub current_password: String,
    /// The new one: 10 characters or more, at most 72 bytes, not a common one.
    #[schema(format = Password, min_length = 10, max_length = 72)]
    pub new_password: String,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange")
    }
}

/// Changes one's own password, and ends all other sessions of the account.
#[utoipa::path(tag = "auth", responses((status = 204, description = "Changed"), (status = 423, description = "Locked after too many failures"), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/auth/password")]
pub(crate) async fn change(
    permit: PlatformPermit<permits::SessionsManage>,
    body: Body<PasswordChange, 8192>,
    platform: Data<Platform>,
) -> Result<NoContent, Problem> {
    let PasswordChange { current_password, new_password } = body.into_inner();
    let email = address(&platform, permit.user_id).await?;
    let faults = password::faults(&new_password, &email, "/new_password");
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let (user, _) = login::authenticate(&platform, &email, &current_password).await.map_err(|problem| match problem.kind() {
        // The token is good, so this is not the 401 that makes a client log in again.
        Kind::InvalidCredentials => Problem::invalid(vec![domain::Fault::new("/current_password", "is not right")]),
        _ => problem,
    })?;
    let hash = passwords::slot().await?.hash(&new_password).await?;
    let now = platform.clock().now();
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let connection = transaction.connection()?;
    set(connection, user, &hash, now).await?;
    attempts::clear(connection, user).await?;
    let which = Which { user: Some(user), except: Some(permit.session_id), ..Which::default() };
    let revoked = revocation::revoke(connection, which, "password changed", now).await?;
    transaction.commit().await?;
    revoked.announce(&platform, Some(Actor { user_id: user, role: permit.role })).await;
    Ok(NoContent)
}

async fn address(platform: &Platform, user: UserId) -> Result<Email, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let row = UserRow::find(transaction.connection()?, user).await?.ok_or_else(|| Problem::not_found("user"))?;
    Email::try_from(row.email).map_err(Problem::internal)
}

/// Stores `hash` as the user's password.
pub(crate) async fn set(connection: &mut PgConnection, user: UserId, hash: &str, now: Timestamp) -> Result<(), StoreError> {
    let upsert = "INSERT INTO credentials (user_id, password_hash, changed_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE \
                  SET password_hash = excluded.password_hash, changed_at = excluded.changed_at, failed_attempts = 0, locked_until = NULL, \
                  set_by_school = current_school()";
    sqlx::query(upsert).bind(user.as_uuid()).bind(hash).bind(now).execute(connection).await?;
    Ok(())
}
