//! Memberships: who is what in the school.
//!
//! Nobody gives a role above their own, the last school admin stays, and taking a role away ends the sessions in it at once.

use actix_web::web::Data;
use actix_web::{delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{MembershipId, Permission, Role, ServiceName, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, Caller, CommonProblems, Created, Cursor, EditProblems, IdPath, IfMatch, Kind, Limit, NoContent, Page, Params, Permit, Platform,
    Problem, Versioned, permits,
};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use utoipa::{IntoParams, ToSchema};

use super::target;
use crate::model::rank;
use crate::revocation::{self, Revoked, Which};

/// A user's role in the school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// The membership.
    pub id: MembershipId,
    /// The user.
    pub user_id: UserId,
    /// The role.
    pub role: Role,
    /// Whether the user can come in with this role.
    pub is_active: bool,
    /// The version, also in `ETag`.
    pub version: Version,
    /// When it was given.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A role to be given to a user of the school.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMembership {
    /// The user, who has another role in the school already. Anybody else comes in by `POST /api/v1/users`.
    pub user_id: UserId,
    /// The role.
    pub role: Role,
}

/// What to change.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MembershipChange {
    /// Whether the user can come in with this role; false ends the sessions in it.
    pub is_active: bool,
}

/// Which part of the list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MembershipQuery {
    /// How many items a page holds.
    #[serde(default)]
    pub limit: Limit,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Only this user's.
    #[serde(default)]
    #[param(value_type = Option<UserId>)]
    pub user_id: Option<UserId>,
    /// Only those in this role.
    #[serde(default)]
    #[param(value_type = Option<Role>)]
    pub role: Option<Role>,
}

/// 403 unless the caller may give and take `role`.
pub(super) fn require_grant(caller: &Caller, role: Role) -> Result<(), Problem> {
    if rank::may_grant(caller.role, role) { Ok(()) } else { Err(Problem::forbidden(Permission::MembershipsManage)) }
}

/// Gives `role` in the school of the transaction; none if the user has it already.
pub(super) async fn give(
    connection: &mut PgConnection,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> Result<Option<Membership>, StoreError> {
    let insert = "INSERT INTO memberships (school_id, id, user_id, role, created_at, updated_at) VALUES (current_school(), $1, $2, $3, $4, $4) \
                  ON CONFLICT (school_id, user_id, role) DO NOTHING RETURNING to_jsonb(memberships)";
    let row: Option<Json<Membership>> = sqlx::query_scalar(insert)
        .bind(MembershipId::generate().as_uuid())
        .bind(user.as_uuid())
        .bind(role.as_str())
        .bind(now)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|Json(row)| row))
}

/// Makes changes that may take the last school admin away follow one another, so that each sees what the one before left.
pub(super) async fn serialize(transaction: &mut SchoolTransaction) -> Result<(), StoreError> {
    transaction.queue_up("memberships").await
}

/// 409 if nobody is left who runs the school.
pub(super) async fn require_school_admin(connection: &mut PgConnection) -> Result<(), Problem> {
    let select = "SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.school_id = current_school() \
                  AND m.role = 'school_admin' AND m.is_active AND m.status = 'active' AND u.is_active";
    let left: i64 = sqlx::query_scalar(select).fetch_one(connection).await.map_err(StoreError::from)?;
    if left > 0 {
        return Ok(());
    }
    Err(Problem::conflict(Kind::Conflict, "This is the school's last school admin. Make somebody else one first."))
}

async fn find(connection: &mut PgConnection, id: MembershipId) -> Result<Membership, Problem> {
    let select = "SELECT to_jsonb(m) FROM memberships m WHERE school_id = current_school() AND id = $1 FOR UPDATE";
    let row: Option<Json<Membership>> =
        sqlx::query_scalar(select).bind(id.as_uuid()).fetch_optional(connection).await.map_err(StoreError::from)?;
    row.map(|Json(row)| row).ok_or_else(|| Problem::not_found("membership"))
}

/// Gives a user of the school another role.
#[utoipa::path(tag = "auth", responses((status = 201, description = "Given", body = Membership), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/memberships")]
pub(crate) async fn create(
    permit: Permit<permits::MembershipsManage>,
    body: Body<NewMembership>,
    platform: Data<Platform>,
) -> Result<Created<Membership>, Problem> {
    let NewMembership { user_id, role } = body.into_inner();
    require_grant(permit.caller(), role)?;
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    let connection = transaction.connection()?;
    target::find(connection, user_id).await.map_err(|_| {
        Problem::new(Kind::ReferenceNotFound, "The school has no such user.")
            .with_faults(vec![domain::Fault::new("/user_id", "is not a user of the school")])
    })?;
    let given = give(connection, user_id, role, platform.clock().now()).await?;
    let membership =
        given.ok_or_else(|| Problem::conflict(Kind::AlreadyExists, "The user has this role already; it may be switched off."))?;
    transaction.commit().await?;
    super::changed(&platform, permit.school_id).await;
    Ok(Created { location: format!("/api/v1/memberships/{}", membership.id), version: membership.version, body: membership })
}

type Position = (Timestamp, MembershipId);

/// The school's memberships, oldest first.
#[utoipa::path(tag = "auth", params(MembershipQuery), responses((status = 200, description = "A page", body = Page<Membership>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/memberships")]
pub(crate) async fn list(
    permit: Permit<permits::UsersManage>,
    query: Params<MembershipQuery>,
    platform: Data<Platform>,
) -> Result<Page<Membership>, Problem> {
    let filters = (permit.school_id, query.user_id, query.role);
    let open = |cursor: &String| Cursor::<Position>::open(platform.cursor_key(), "memberships", &filters, cursor);
    let after = query.cursor.as_ref().map(open).transpose()?;
    let mut transaction = platform.postgres(ServiceName::Auth).school_read(permit.school_id).await?;
    let select = "SELECT to_jsonb(m) FROM memberships m WHERE school_id = current_school() AND ($1::uuid IS NULL OR user_id = $1) \
                  AND ($2::text IS NULL OR role = $2) AND ($3::timestamptz IS NULL OR (created_at, id) > ($3, $4)) \
                  ORDER BY created_at, id LIMIT $5";
    let rows: Vec<Json<Membership>> = sqlx::query_scalar(select)
        .bind(query.user_id.map(UserId::as_uuid))
        .bind(query.role.map(Role::as_str))
        .bind(after.map(|(at, _)| at))
        .bind(after.map(|(_, id)| id.as_uuid()))
        .bind(i64::from(query.limit.get()) + 1)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let seal = |last: &Membership| Cursor::<Position>::seal(platform.cursor_key(), "memberships", &filters, &(last.created_at, last.id));
    Ok(Page::of(store::plain(rows), query.limit, seal))
}

/// A membership.
#[utoipa::path(tag = "auth", params(("id" = MembershipId, Path, description = "The membership")), responses((status = 200, description = "The membership", body = Membership), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/memberships/{id}")]
pub(crate) async fn show(
    permit: Permit<permits::UsersManage>,
    id: IdPath<MembershipId>,
    platform: Data<Platform>,
) -> Result<Versioned<Membership>, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    let membership = find(transaction.connection()?, *id).await?;
    let version = membership.version;
    Ok(Versioned(membership, version))
}

/// Switches a membership off or on.
#[utoipa::path(tag = "auth", params(("id" = MembershipId, Path, description = "The membership")), responses((status = 200, description = "Changed", body = Membership), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/memberships/{id}")]
pub(crate) async fn change(
    permit: Permit<permits::MembershipsManage>,
    id: IdPath<MembershipId>,
    version: IfMatch,
    body: Body<MembershipChange>,
    platform: Data<Platform>,
) -> Result<Versioned<Membership>, Problem> {
    let now = platform.clock().now();
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    serialize(&mut transaction).await?;
    let connection = transaction.connection()?;
    let membership = find(connection, *id).await?;
    require_grant(permit.caller(), membership.role)?;
    version.require(membership.version)?;
    let update = "UPDATE memberships SET is_active = $2, version = version + 1, updated_at = $3 \
                  WHERE school_id = current_school() AND id = $1 RETURNING to_jsonb(memberships)";
    let Json(membership): Json<Membership> = sqlx::query_scalar(update)
        .bind(id.as_uuid())
        .bind(body.is_active)
        .bind(now)
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    let revoked = if membership.is_active { Revoked::default() } else { taken(connection, &permit, &membership, now).await? };
    transaction.commit().await?;
    super::changed(&platform, permit.school_id).await;
    revoked.announce(&platform, Some(permit.actor())).await;
    let version = membership.version;
    Ok(Versioned(membership, version))
}

/// Takes a role away. The person and what they did stay.
#[utoipa::path(tag = "auth", params(("id" = MembershipId, Path, description = "The membership")), responses((status = 204, description = "Taken away"), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/memberships/{id}")]
pub(crate) async fn remove(
    permit: Permit<permits::MembershipsManage>,
    id: IdPath<MembershipId>,
    version: IfMatch,
    platform: Data<Platform>,
) -> Result<NoContent, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    serialize(&mut transaction).await?;
    let connection = transaction.connection()?;
    let membership = find(connection, *id).await?;
    require_grant(permit.caller(), membership.role)?;
    version.require(membership.version)?;
    let delete = "DELETE FROM memberships WHERE school_id = current_school() AND id = $1";
    sqlx::query(delete).bind(id.as_uuid()).execute(&mut *connection).await.map_err(StoreError::from)?;
    let revoked = taken(connection, &permit, &membership, platform.clock().now()).await?;
    transaction.commit().await?;
    super::changed(&platform, permit.school_id).await;
    revoked.announce(&platform, Some(permit.actor())).await;
    Ok(NoContent)
}

/// What follows when a role was taken: somebody must still run the school, and the sessions in it end.
async fn taken(connection: &mut PgConnection, caller: &Caller, membership: &Membership, now: Timestamp) -> Result<Revoked, Problem> {
    if membership.role == Role::SchoolAdmin {
        require_school_admin(connection).await?;
    }
    let which = Which { user: Some(membership.user_id), school: Some(caller.school_id), role: Some(membership.role), ..Which::default() };
    Ok(revocation::revoke(connection, which, "membership", now).await?)
}
