//! Running sessions: one's own, and for the office those that a user of the school has in the school.

use actix_web::web::Data;
use actix_web::{delete, get};
use chrono::{DateTime, Utc};
use domain::{Actor, Role, SchoolId, ServiceName, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Cursor, IdPath, Limit, NoContent, Page, Params, Permit, Platform, PlatformPermit, Problem, permits};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use utoipa::{IntoParams, ToSchema};

use crate::revocation::{self, Which};
use crate::routes::accounts::target;

/// A running session.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The session.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The school that it is in; null for a super admin in none.
    pub school_id: Option<SchoolId>,
    /// The role.
    pub role: Role,
    /// The address that it was last refreshed from.
    pub ip: Option<String>,
    /// The program that it was last refreshed by.
    pub user_agent: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    pub expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    #[serde(default)]
    pub is_current: bool,
}

/// Which part of the list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SessionQuery {
    /// How many items a page holds.
    #[serde(default)]
    pub limit: Limit,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

type Position = (Timestamp, SessionId);

async fn page(
    connection: &mut PgConnection,
    platform: &Platform,
    user: UserId,
    school: Option<SchoolId>,
    current: SessionId,
    query: &SessionQuery,
) -> Result<Page<Session>, Problem> {
    let filters = (user, school);
    let open = |cursor: &String| Cursor::<Position>::open(platform.cursor_key(), "sessions", &filters, cursor);
    let after = query.cursor.as_ref().map(open).transpose()?;
    let rows = read(connection, user, school, platform.clock().now(), after, query.limit).await?;
    let mark = |mut session: Session| {
        session.is_current = session.id == current;
        session
    };
    let seal = |last: &Session| Cursor::<Position>::seal(platform.cursor_key(), "sessions", &filters, &(last.created_at, last.id));
    Ok(Page::of(rows.into_iter().map(mark).collect(), query.limit, seal))
}

async fn read(
    connection: &mut PgConnection,
    user: UserId,
    school: Option<SchoolId>,
    now: Timestamp,
    after: Option<Position>,
    limit: Limit,
) -> Result<Vec<Session>, StoreError> {
    let select = "SELECT to_jsonb(s) - 'refresh_hash' - 'previous_hash' FROM sessions s \
                  WHERE user_id = $1 AND ($2::uuid IS NULL OR school_id = $2) AND revoked_at IS NULL AND expires_at > $3 \
                  AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5)) ORDER BY created_at DESC, id DESC LIMIT $6";
    let rows: Vec<Json<Session>> = sqlx::query_scalar(select)
        .bind(user.as_uuid())
        .bind(school.map(SchoolId::as_uuid))
        .bind(now)
        .bind(after.map(|(at, _)| at))
        .bind(after.map(|(_, id)| id.as_uuid()))
        .bind(i64::from(limit.get()) + 1)
        .fetch_all(connection)
        .await?;
    Ok(store::plain(rows))
}

/// One's own running sessions in all schools, newest first.
#[utoipa::path(tag = "auth", params(SessionQuery), responses((status = 200, description = "A page", body = Page<Session>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/auth/sessions")]
pub(crate) async fn own(
    permit: PlatformPermit<permits::SessionsManage>,
    query: Params<SessionQuery>,
    platform: Data<Platform>,
) -> Result<Page<Session>, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    page(transaction.connection()?, &platform, permit.user_id, None, permit.session_id, &query).await
}

/// Ends one of one's own sessions.
#[utoipa::path(tag = "auth", params(("id" = SessionId, Path, description = "The session")), responses((status = 204, description = "Ended"), CommonProblems), security(("bearer" = [])))]
#[delete("/api/v1/auth/sessions/{id}")]
pub(crate) async fn end_own(
    permit: PlatformPermit<permits::SessionsManage>,
    id: IdPath<SessionId>,
    platform: Data<Platform>,
) -> Result<NoContent, Problem> {
    let which = Which { session: Some(*id), user: Some(permit.user_id), ..Which::default() };
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let revoked = revocation::revoke(transaction.connection()?, which, "ended by the user", platform.clock().now()).await?;
    if revoked.is_empty() {
        return Err(Problem::not_found("session"));
    }
    transaction.commit().await?;
    revoked.announce(&platform, Some(Actor { user_id: permit.user_id, role: permit.role })).await;
    Ok(NoContent)
}

/// A user's running sessions in this school, newest first.
#[utoipa::path(tag = "auth", params(("user_id" = UserId, Path, description = "The user"), SessionQuery), responses((status = 200, description = "A page", body = Page<Session>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/users/{user_id}/sessions")]
pub(crate) async fn of_user(
    permit: Permit<permits::UsersManage>,
    user: IdPath<UserId>,
    query: Params<SessionQuery>,
    platform: Data<Platform>,
) -> Result<Page<Session>, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).school_read(permit.school_id).await?;
    let connection = transaction.connection()?;
    target::find(connection, *user).await?;
    page(connection, &platform, *user, Some(permit.school_id), permit.session_id, &query).await
}

/// Ends one of a user's sessions in this school.
#[utoipa::path(tag = "auth", params(("user_id" = UserId, Path, description = "The user"), ("id" = SessionId, Path, description = "The session")), responses((status = 204, description = "Ended"), CommonProblems), security(("bearer" = [])))]
#[delete("/api/v1/users/{user_id}/sessions/{id}")]
pub(crate) async fn end_of_user(
    permit: Permit<permits::UsersManage>,
    ids: IdPath<(UserId, SessionId)>,
    platform: Data<Platform>,
) -> Result<NoContent, Problem> {
    let (user, session) = *ids;
    let which = Which { session: Some(session), user: Some(user), school: Some(permit.school_id), ..Which::default() };
    if end(&permit, user, which, &platform).await? == 0 { Err(Problem::not_found("session")) } else { Ok(NoContent) }
}

/// Ends all of a user's sessions in this school.
#[utoipa::path(tag = "auth", params(("user_id" = UserId, Path, description = "The user")), responses((status = 204, description = "Ended"), CommonProblems), security(("bearer" = [])))]
#[delete("/api/v1/users/{user_id}/sessions")]
pub(crate) async fn end_all_of_user(
    permit: Permit<permits::UsersManage>,
    user: IdPath<UserId>,
    platform: Data<Platform>,
) -> Result<NoContent, Problem> {
    let which = Which { user: Some(*user), school: Some(permit.school_id), ..Which::default() };
    end(&permit, *user, which, &platform).await?;
    Ok(NoContent)
}

async fn end(permit: &Permit<permits::UsersManage>, user: UserId, which: Which, platform: &Platform) -> Result<usize, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    let connection = transaction.connection()?;
    target::find(connection, user).await?.require_manageable_by(permit.caller())?;
    let revoked = revocation::revoke(connection, which, "ended by the office", platform.clock().now()).await?;
    transaction.commit().await?;
    let count = revoked.len();
    revoked.announce(platform, Some(permit.actor())).await;
    Ok(count)
}
