//! `POST /api/v1/auth/refresh`: rotation.
//!
//! One `UPDATE` replaces the token, so of any number of parallel refreshes one rotates. The others, and a client that lost the answer, get the same successor for
//! half a minute. After that a replaced token is proof that two parties hold it, and the session ends for both.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, post};
use domain::{Role, SchoolId, ServiceName, SessionId, Timestamp, UserId};
use serde::Deserialize;
use service_kit::{Body, CommonProblems, Platform, Problem};
use sqlx::PgConnection;
use store::StoreError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::tokens::{self, Origin, Tokens, UserRow};
use crate::keys::Signer;
use crate::model::place::Place;
use crate::model::refresh_token::{GRACE, RefreshToken};
use crate::revocation::{self, Which};

/// The token to be replaced.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token of the last login or refresh.
    #[schema(max_length = 256)]
    pub refresh_token: String,
}

impl std::fmt::Debug for Refresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refresh")
    }
}

/// Gets new tokens for a refresh token.
///
/// The old one is good for another 30 seconds, in which it gets the same successor. Used after that, it ends the session.
#[utoipa::path(tag = "auth", responses((status = 200, description = "Tokens", body = Tokens), CommonProblems), security(()))]
#[post("/api/v1/auth/refresh")]
pub(crate) async fn refresh(
    body: Body<Refresh, 4096>,
    request: HttpRequest,
    platform: Data<Platform>,
    signer: Data<Signer>,
) -> Result<HttpResponse, Problem> {
    let keys = tokens::refresh_keys(&platform);
    let presented = keys.decode(body.refresh_token.trim()).ok_or_else(refused)?;
    let successor = keys.successor(&presented);
    let origin = Origin::of(&request, &platform);
    let (user, place) = match rotate(&platform, &presented, &successor, &origin).await? {
        Outcome::Rotated(user, place) => (user, place),
        Outcome::Ended => return Err(refused()),
    };
    let mut transaction = platform.postgres(ServiceName::Auth).login(user).await?;
    let connection = transaction.connection()?;
    let row = UserRow::find(connection, user).await?.ok_or_else(refused)?;
    let memberships = tokens::memberships(connection, user).await?;
    if !tokens::still_there(&row, &memberships, place) {
        // Whoever took the membership away has ended the session, or is about to.
        let now = platform.clock().now();
        let which = Which { session: Some(presented.session), ..Which::default() };
        let revoked = revocation::revoke(connection, which, "membership", now).await?;
        transaction.commit().await?;
        revoked.announce(&platform, None).await;
        return Err(refused());
    }
    // Signing may have to read the keys: never wait for a second connection while holding one.
    drop(transaction);
    let me = row.into_me(presented.session, place, memberships);
    tokens::answer(&platform, &signer, me, keys.encode(&successor)).await
}

fn refused() -> Problem {
    Problem::unauthenticated("The refresh token is not valid, or its session has ended. Log in again.")
}

enum Outcome {
    Rotated(UserId, Place),
    Ended,
}

type SessionRow = (Uuid, Option<Uuid>, String);

fn place((user, school, role): SessionRow) -> Result<Outcome, Problem> {
    let role: Role = role.parse().map_err(Problem::internal)?;
    Ok(Outcome::Rotated(user.into(), Place { school_id: school.map(SchoolId::from_uuid), role }))
}

async fn rotate(platform: &Platform, presented: &RefreshToken, successor: &RefreshToken, origin: &Origin) -> Result<Outcome, Problem> {
    let now = platform.clock().now();
    let until = tokens::refresh_until(platform, now)?;
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let connection = transaction.connection()?;
    if let Some(row) = replace(connection, presented, successor, now, until, origin).await? {
        transaction.commit().await?;
        return place(row);
    }
    // Not the present token of a running session. A new statement, which sees what a parallel refresh has just committed.
    let Some((row, previous, rotated_at)) = running(connection, presented.session, now).await? else { return Ok(Outcome::Ended) };
    let within_grace = rotated_at.is_some_and(|at| now - at <= GRACE);
    if within_grace && previous.as_deref() == Some(&presented.hash()[..]) {
        return place(row);
    }
    let which = Which { session: Some(presented.session), ..Which::default() };
    let revoked = revocation::revoke(connection, which, "refresh token used again", now).await?;
    transaction.commit().await?;
    tracing::warn!(session = %presented.session, "a replaced refresh token was used again: the session is ended");
    metrics::counter!("refresh_token_reuse_total").increment(1);
    revoked.announce(platform, None).await;
    Ok(Outcome::Ended)
}

async fn replace(
    connection: &mut PgConnection,
    presented: &RefreshToken,
    successor: &RefreshToken,
    now: Timestamp,
    until: Timestamp,
    origin: &Origin,
) -> Result<Option<SessionRow>, StoreError> {
    let update = "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = $3, rotated_at = $4, last_seen_at = $4, expires_at = $5, \
                  ip = $6, user_agent = $7 WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL AND expires_at > $4 \
                  RETURNING user_id, school_id, role";
    let query = sqlx::query_as(update)
        .bind(presented.session.as_uuid())
        .bind(presented.hash().to_vec())
        .bind(successor.hash().to_vec())
        .bind(now)
        .bind(until)
        .bind(&origin.ip)
        .bind(&origin.user_agent);
    Ok(query.fetch_optional(connection).await?)
}

type RotationRow = (Uuid, Option<Uuid>, String, Option<Vec<u8>>, Option<Timestamp>);
type Rotation = (SessionRow, Option<Vec<u8>>, Option<Timestamp>);

async fn running(connection: &mut PgConnection, session: SessionId, now: Timestamp) -> Result<Option<Rotation>, StoreError> {
    let select =
        "SELECT user_id, school_id, role, previous_hash, rotated_at FROM sessions WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2";
    let row: Option<RotationRow> = sqlx::query_as(select).bind(session.as_uuid()).bind(now).fetch_optional(connection).await?;
    Ok(row.map(|(user, school, role, previous, at)| ((user, school, role), previous, at)))
}
