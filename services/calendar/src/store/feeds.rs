//! The table `calendar_feeds`: subscriptions, of which only the token's hash is kept.

use std::collections::HashMap;

use chrono::Duration;
use domain::{CalendarFeedId, Role, RoomId, SchoolId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;

use super::plain;
use crate::model::token::FeedToken;

/// Reading is noted this often at most: programs ask every few minutes.
const NOTED: Duration = Duration::minutes(15);

/// As what a feed's owner reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The role in which the feed was made.
    pub role: Role,
    /// Whether the feed holds lessons.
    #[serde(default)]
    pub lessons: bool,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Its id.
    pub id: CalendarFeedId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: Option<String>,
    /// As what its owner reads.
    pub scope: Scope,
    /// When it was last read, give or take some minutes.
    pub last_read_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Adds a feed for the bearer of `token`.
pub(crate) async fn create_feed(connection: &mut PgConnection, school: SchoolId, feed: &Feed, token: &FeedToken) -> Result<(), StoreError> {
    let insert = "INSERT INTO calendar_feeds (school_id, id, user_id, token_hash, name, scope, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    sqlx::query(insert)
        .bind(school.as_uuid())
        .bind(feed.id.as_uuid())
        .bind(feed.user_id.as_uuid())
        .bind(token.hash().as_slice())
        .bind(feed.name.as_deref())
        .bind(Json(feed.scope))
        .bind(feed.created_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// The feeds of a user that are not revoked, oldest first.
pub(crate) async fn feeds_of(connection: &mut PgConnection, school: SchoolId, user: UserId) -> Result<Vec<Feed>, StoreError> {
    let query = "SELECT to_jsonb(f) - 'token_hash' FROM calendar_feeds f WHERE school_id = $1 AND user_id = $2 AND revoked_at IS NULL ORDER BY created_at, id";
    Ok(plain(sqlx::query_scalar(query).bind(school.as_uuid()).bind(user.as_uuid()).fetch_all(connection).await?))
}

/// The feed of this token, unless it was revoked or its owner has lost the role in which it was made.
pub(crate) async fn feed_of_token(connection: &mut PgConnection, token: &FeedToken) -> Result<Option<Feed>, StoreError> {
    let query = "SELECT to_jsonb(f) - 'token_hash' FROM calendar_feeds f JOIN users u ON u.id = f.user_id AND u.is_active
        WHERE f.school_id = $1 AND f.token_hash = $2 AND f.revoked_at IS NULL
            AND EXISTS (SELECT FROM memberships m WHERE m.school_id = f.school_id AND m.user_id = f.user_id AND m.role = f.scope->>'role'
                AND m.is_active AND m.status = 'active')";
    let query = sqlx::query_scalar(query).bind(token.school().as_uuid()).bind(token.hash().as_slice().to_vec());
    let row: Option<Json<Feed>> = query.fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Revokes a feed; whether there was one to revoke.
pub(crate) async fn revoke_feed(
    connection: &mut PgConnection,
    school: SchoolId,
    user: Option<UserId>,
    id: CalendarFeedId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let update = "UPDATE calendar_feeds SET revoked_at = $4, version = version + 1, updated_at = $4
        WHERE school_id = $1 AND id = $2 AND user_id = coalesce($3, user_id) AND revoked_at IS NULL";
    let update = sqlx::query(update).bind(school.as_uuid()).bind(id.as_uuid()).bind(user.map(UserId::as_uuid)).bind(now);
    Ok(update.execute(connection).await?.rows_affected() == 1)
}

/// Notes that a feed was read.
pub(crate) async fn touch_feed(connection: &mut PgConnection, school: SchoolId, feed: &Feed, now: Timestamp) -> Result<(), StoreError> {
    if feed.last_read_at.is_some_and(|last| now - last < NOTED) {
        return Ok(());
    }
    let update = sqlx::query("UPDATE calendar_feeds SET last_read_at = $3 WHERE school_id = $1 AND id = $2 AND revoked_at IS NULL");
    update.bind(school.as_uuid()).bind(feed.id.as_uuid()).bind(now).execute(connection).await?;
    Ok(())
}

/// What a room is called, if it has a name that is known.
pub(crate) fn name_of_room(names: &HashMap<RoomId, String>, room: Option<RoomId>) -> Option<String> {
    room.and_then(|room| names.get(&room).cloned())
}
