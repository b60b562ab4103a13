//! Users, as one school sees them.
//!
//! Whoever enters an address learns nothing from the answer about whether it is known elsewhere: a person who has an account gets a membership, everybody else an
//! account and a membership, and the answer is made of what was sent. A profile, address or password sent for a known person is not taken over.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Email, Fault, MembershipId, Patch, Role, ServiceName, Text, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, Cursor, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Params,
    Permit, Platform, Problem, Versioned, permits,
};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{memberships, target};
use crate::model::password;
use crate::passwords;
use crate::revocation::{self, Revoked, Which};
use crate::routes::sessions::password as credentials;

/// A role of a user in this school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserRole {
    /// The membership.
    pub membership_id: MembershipId,
    /// The role.
    pub role: Role,
    /// Whether the user can come in with it.
    pub is_active: bool,
}

/// A user, as this school sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The user.
    pub id: UserId,
    /// The e-mail address, in lower case.
    pub email: String,
    /// The name.
    pub full_name: String,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// The telephone number; not shown in lists, nor for somebody who belongs to other schools too.
    pub phone: Option<String>,
    /// Where the profile picture is; not shown in lists, nor for somebody who belongs to other schools too.
    pub profile_picture_url: Option<String>,
    /// Whether the user can come in at all.
    pub is_active: bool,
    /// When the user last logged in; not shown in lists, nor for somebody who belongs to other schools too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login_at: Option<DateTime<Utc>>,
    /// The roles in this school.
    pub roles: Vec<UserRole>,
    /// The version, also in `ETag`.
    pub version: Version,
    /// When the user joined the school.
    pub created_at: DateTime<Utc>,
    /// When the user was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Somebody to be a user of the school.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The e-mail address.
    pub email: Email,
    /// The name.
    pub full_name: Text<255>,
    /// The given name.
    #[serde(default)]
    pub given_name: Option<Text<255>>,
    /// The family name.
    #[serde(default)]
    pub family_name: Option<Text<255>>,
    /// The telephone number.
    #[serde(default)]
    pub phone: Option<Text<32>>,
    /// Where the profile picture is.
    #[serde(default)]
    pub profile_picture_url: Option<Text<2048>>,
    /// The role in this school.
    pub role: Role,
    /// A first password; without one the user can't come in until one is set.
    #[serde(default)]
    #[schema(format = Password, min_length = 10, max_length = 72)]
    pub password: Option<String>,
}

/// What to change; what is left out stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// The e-mail address.
    #[serde(default)]
    pub email: Option<Email>,
    /// The name.
    #[serde(default)]
    pub full_name: Option<Text<255>>,
    /// The given name.
    #[serde(default)]
    #[schema(value_type = Option<Text<255>>)]
    #[schema(value_type = Option<Text<255>>)]
    pub given_name: Patch<Text<255>>,
    /// The family name.
    #[serde(default)]
    #[schema(value_type = Option<Text<255>>)]
    #[schema(value_type = Option<Text<255>>)]
    pub family_name: Patch<Text<255>>,
    /// The telephone number.
    #[serde(default)]
    #[schema(value_type = Option<Text<32>>)]
    #[schema(value_type = Option<Text<32>>)]
    pub phone: Patch<Text<32>>,
    /// Where the profile picture is.
    #[serde(default)]
    #[schema(value_type = Option<Text<2048>>)]
    #[schema(value_type = Option<Text<2048>>)]
    pub profile_picture_url: Patch<Text<2048>>,
    /// Whether the user can come in; false ends all sessions.
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// A password that the office gives out.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// 10 characters or more, at most 72 bytes, not a common one.
    #[schema(format = Password, min_length = 10, max_length = 72)]
    pub password: String,
}

/// Which part of the list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UserQuery {
    /// How many items a page holds.
    #[serde(default)]
    pub limit: Limit,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Only those with this role.
    #[serde(default)]
    #[param(value_type = Option<Role>)]
    pub role: Option<Role>,
    /// Only those whose name or address holds this.
    #[serde(default)]
    #[param(value_type = Option<String>, max_length = 100)]
    pub q: Option<Text<100>>,
}

/// The school's users; the condition and the order follow.
const USERS: &str = "SELECT jsonb_build_object('id', u.id, 'email', u.email, 'full_name', u.full_name, 'given_name', u.given_name, \
    'family_name', u.family_name, 'phone', u.phone, 'profile_picture_url', u.profile_picture_url, 'is_active', u.is_active, \
    'last_login_at', u.last_login_at, 'version', u.version, 'created_at', m.joined_at, 'updated_at', u.updated_at, 'roles', m.roles) \
    FROM users u JOIN (SELECT user_id, min(created_at) AS joined_at, array_agg(role) AS held, \
        jsonb_agg(jsonb_build_object('membership_id', id, 'role', role, 'is_active', is_active) ORDER BY created_at, id) AS roles \
        FROM memberships WHERE school_id = current_school() GROUP BY user_id) m ON m.user_id = u.id";

impl User {
    /// Without what is nobody's business in a list, or in one school of several.
    fn reserved(self) -> Self {
        Self { phone: None, profile_picture_url: None, last_login_at: None, ..self }
    }
}

async fn find(connection: &mut PgConnection, user: UserId) -> Result<User, Problem> {
    let select = sqlx::AssertSqlSafe(format!("{USERS} WHERE u.id = $1"));
    let row: Option<Json<User>> =
        sqlx::query_scalar(select).bind(user.as_uuid()).fetch_optional(connection).await.map_err(StoreError::from)?;
    row.map(|Json(row)| row).ok_or_else(|| Problem::not_found("user"))
}

/// Whether the user belongs to a school besides this one, or runs the platform. A transaction within one school can't see it, hence another.
async fn belongs_elsewhere(platform: &Platform, user: UserId, school: domain::SchoolId) -> Result<bool, StoreError> {
    let mut transaction = platform.postgres(ServiceName::Auth).login(user).await?;
    let select = "SELECT EXISTS (SELECT FROM memberships WHERE user_id = $1 AND school_id <> $2) \
                  OR EXISTS (SELECT FROM users WHERE id = $1 AND is_super_admin)";
    Ok(sqlx::query_scalar(select).bind(user.as_uuid()).bind(school.as_uuid()).fetch_one(transaction.connection()?).await?)
}

fn theirs_alone() -> Problem {
    Problem::conflict(
        Kind::Conflict,
        "The account is not this school's alone: its profile, address and password are the person's own. Change the membership instead.",
    )
}

/// Makes somebody a user of the school, with a role.
#[utoipa::path(tag = "auth", responses((status = 201, description = "Created", body = User), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/users")]
pub(crate) async fn create(
    permit: Permit<permits::UsersManage>,
    body: Body<NewUser>,
    platform: Data<Platform>,
) -> Result<Created<User>, Problem> {
    let new = body.into_inner();
    memberships::require_grant(permit.caller(), new.role)?;
    let hash = match &new.password {
        None => None,
        Some(text) => {
            let faults = password::faults(text, &new.email, "/password");
            if !faults.is_empty() {
                return Err(Problem::invalid(faults));
            }
            // Before it is known whether it will be used: the answer takes as long either way.
            Some(passwords::slot().await?.hash(text).await?)
        }
    };
    let now = platform.clock().now();
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    let connection = transaction.connection()?;
    let (user, is_new) = find_or_insert(connection, &new, now).await?;
    if let Some(hash) = hash.filter(|_| is_new) {
        credentials::set(connection, user, &hash, now).await?;
    }
    let given = memberships::give(connection, user, new.role, now).await?;
    let membership =
        given.ok_or_else(|| Problem::conflict(Kind::AlreadyExists, "The school has a user with this address and role already."))?;
    transaction.commit().await?;
    super::changed(&platform, permit.school_id).await;
    let body = User {
        id: user,
        email: new.email.to_string(),
        full_name: new.full_name.to_string(),
        given_name: new.given_name.map(String::from),
        family_name: new.family_name.map(String::from),
        phone: new.phone.map(String::from),
        profile_picture_url: new.profile_picture_url.map(String::from),
        is_active: true,
        last_login_at: None,
        roles: vec![UserRole { membership_id: membership.id, role: membership.role, is_active: membership.is_active }],
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    Ok(Created { location: format!("/api/v1/users/{user}"), version: Version::FIRST, body })
}

async fn find_or_insert(connection: &mut PgConnection, new: &NewUser, now: Timestamp) -> Result<(UserId, bool), StoreError> {
    let insert = "INSERT INTO users (id, email, full_name, given_name, family_name, phone, profile_picture_url, created_at, updated_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (email) DO NOTHING";
    let id = UserId::generate();
    let inserted = sqlx::query(insert)
        .bind(id.as_uuid())
        .bind(new.email.as_str())
        .bind(new.full_name.as_str())
        .bind(new.given_name.as_ref().map(Text::as_str))
        .bind(new.family_name.as_ref().map(Text::as_str))
        .bind(new.phone.as_ref().map(Text::as_str))
        .bind(new.profile_picture_url.as_ref().map(Text::as_str))
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if inserted.rows_affected() == 1 {
        return Ok((id, true));
    }
    let known: Uuid = sqlx::query_scalar("SELECT id FROM users WHERE email = $1").bind(new.email.as_str()).fetch_one(connection).await?;
    Ok((known.into(), false))
}

type Position = (Timestamp, UserId);

/// The school's users, in the order in which they joined.
#[utoipa::path(tag = "auth", params(UserQuery), responses((status = 200, description = "A page", body = Page<User>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/users")]
pub(crate) async fn list(
    permit: Permit<permits::UsersManage>,
    query: Params<UserQuery>,
    platform: Data<Platform>,
) -> Result<Page<User>, Problem> {
    let filters = (permit.school_id, query.role, &query.q);
    let open = |cursor: &String| Cursor::<Position>::open(platform.cursor_key(), "users", &filters, cursor);
    let after = query.cursor.as_ref().map(open).transpose()?;
    let mut transaction = platform.postgres(ServiceName::Auth).school_read(permit.school_id).await?;
    let select = sqlx::AssertSqlSafe(format!(
        "{USERS} WHERE ($1::text IS NULL OR $1 = ANY (m.held)) \
         AND ($2::text IS NULL OR strpos(lower(u.full_name), lower($2)) > 0 OR strpos(u.email, lower($2)) > 0) \
         AND ($3::timestamptz IS NULL OR (m.joined_at, u.id) > ($3, $4)) ORDER BY m.joined_at, u.id LIMIT $5"
    ));
    let rows: Vec<Json<User>> = sqlx::query_scalar(select)
        .bind(query.role.map(Role::as_str))
        .bind(query.q.as_ref().map(Text::as_str))
        .bind(after.map(|(at, _)| at))
        .bind(after.map(|(_, id)| id.as_uuid()))
        .bind(i64::from(query.limit.get()) + 1)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let seal = |last: &User| Cursor::<Position>::seal(platform.cursor_key(), "users", &filters, &(last.created_at, last.id));
    Ok(Page::of(rows.into_iter().map(|Json(row)| row.reserved()).collect(), query.limit, seal))
}

/// A user of the school.
#[utoipa::path(tag = "auth", params(("id" = UserId, Path, description = "The user")), responses((status = 200, description = "The user", body = User), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/users/{id}")]
pub(crate) async fn show(
    permit: Permit<permits::UsersManage>,
    id: IdPath<UserId>,
    known: IfNoneMatch,
    platform: Data<Platform>,
) -> Result<NotModifiedOr<User>, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).school_read(permit.school_id).await?;
    let user = find(transaction.connection()?, *id).await?;
    drop(transaction);
    let user = if belongs_elsewhere(&platform, *id, permit.school_id).await? { user.reserved() } else { user };
    let version = user.version;
    Ok(NotModifiedOr(known, user, version))
}

/// Changes a user who belongs to this school alone.
#[utoipa::path(tag = "auth", params(("id" = UserId, Path, description = "The user")), responses((status = 200, description = "Changed", body = User), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/users/{id}")]
pub(crate) async fn change(
    permit: Permit<permits::UsersManage>,
    id: IdPath<UserId>,
    version: IfMatch,
    body: Body<UserChange>,
    platform: Data<Platform>,
) -> Result<Versioned<User>, Problem> {
    let change = body.into_inner();
    let now = platform.clock().now();
    let elsewhere = belongs_elsewhere(&platform, *id, permit.school_id).await?;
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    memberships::serialize(&mut transaction).await?;
    let connection = transaction.connection()?;
    target::find(connection, *id).await?.require_manageable_by(permit.caller())?;
    // Whoever runs the platform may mend what no single school may.
    if elsewhere && permit.role != Role::SuperAdmin {
        return Err(theirs_alone());
    }
    lock(connection, *id).await?;
    let before = find(connection, *id).await?;
    version.require(before.version)?;
    let switched_off = before.is_active && change.is_active == Some(false);
    let ran_the_school = before.roles.iter().any(|role| role.role == Role::SchoolAdmin && role.is_active);
    let moved = change.email.as_ref().is_some_and(|email| email.as_str() != before.email);
    update(connection, *id, before, change, now).await?;
    let mut revoked = Revoked::default();
    if switched_off && ran_the_school {
        memberships::require_school_admin(connection).await?;
    }
    if switched_off || moved {
        // Another address may be another person's: whoever came in by the old one comes in again.
        let reason = if switched_off { "user switched off" } else { "address changed" };
        revoked = revocation::revoke(connection, Which { user: Some(*id), ..Which::default() }, reason, now).await?;
    }
    let user = find(connection, *id).await?;
    transaction.commit().await?;
    super::changed(&platform, permit.school_id).await;
    revoked.announce(&platform, Some(permit.actor())).await;
    let version = user.version;
    Ok(Versioned(user, version))
}

async fn lock(connection: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query("SELECT FROM users WHERE id = $1 FOR UPDATE").bind(user.as_uuid()).execute(connection).await?;
    Ok(())
}

async fn update(connection: &mut PgConnection, user: UserId, before: User, wanted: UserChange, now: Timestamp) -> Result<(), StoreError> {
    fn apply<const MAX: usize>(patch: Patch<Text<MAX>>, before: Option<String>) -> Option<String> {
        match patch {
            Patch::Keep => before,
            Patch::Clear => None,
            Patch::Set(text) => Some(text.into()),
        }
    }
    let update = "UPDATE users SET email = coalesce($2, email), email_verified = email_verified AND ($2 IS NULL OR $2 = email), \
                  full_name = coalesce($3, full_name), given_name = $4, family_name = $5, phone = $6, profile_picture_url = $7, \
                  is_active = coalesce($8, is_active), version = version + 1, updated_at = $9 WHERE id = $1";
    sqlx::query(update)
        .bind(user.as_uuid())
        .bind(wanted.email.as_ref().map(Email::as_str))
        .bind(wanted.full_name.as_ref().map(Text::as_str))
        .bind(apply(wanted.given_name, before.given_name))
        .bind(apply(wanted.family_name, before.family_name))
        .bind(apply(wanted.phone, before.phone))
        .bind(apply(wanted.profile_picture_url, before.profile_picture_url))
        .bind(wanted.is_active)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives a user of this school alone a new password, and ends all their sessions.
#[utoipa::path(tag = "auth", params(("id" = UserId, Path, description = "The user")), responses((status = 204, description = "Set"), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/users/{id}/password")]
pub(crate) async fn set_password(
    permit: Permit<permits::UsersManage>,
    id: IdPath<UserId>,
    body: Body<NewPassword, 4096>,
    platform: Data<Platform>,
) -> Result<NoContent, Problem> {
    let elsewhere = belongs_elsewhere(&platform, *id, permit.school_id).await?;
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    let connection = transaction.connection()?;
    target::find(connection, *id).await?.require_manageable_by(permit.caller())?;
    // Whoever runs the platform may mend what no single school may.
    if elsewhere && permit.role != Role::SuperAdmin {
        return Err(theirs_alone());
    }
    let user = find(connection, *id).await?;
    drop(transaction);
    let email = Email::try_from(user.email).map_err(|_| Problem::invalid(vec![Fault::new("path:id", "has no usable address")]))?;
    let faults = password::faults(&body.password, &email, "/password");
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let hash = passwords::slot().await?.hash(&body.password).await?;
    let now = platform.clock().now();
    let mut transaction = platform.postgres(ServiceName::Auth).school(permit.school_id).await?;
    let connection = transaction.connection()?;
    credentials::set(connection, *id, &hash, now).await?;
    let which = Which { user: Some(*id), ..Which::default() };
    let revoked = revocation::revoke(connection, which, "password set by the office", now).await?;
    transaction.commit().await?;
    revoked.announce(&platform, Some(permit.actor())).await;
    Ok(NoContent)
}
