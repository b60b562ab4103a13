//! `POST /api/v1/auth/login`.
//!
//! An unknown address, a wrong password, an account without a password and one that was switched off answer the same, after the same work.

use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, post};
use domain::{Email, Role, SchoolId, ServiceName, Timestamp, UserId};
use serde::Deserialize;
use service_kit::{Body, CommonProblems, Kind, Platform, Problem};
use sqlx::PgConnection;
use store::StoreError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::tokens::{self, Origin, Tokens, UserRow};
use crate::attempts::{self, Attempts};
use crate::keys::Signer;
use crate::model::lockout::Lockout;
use crate::model::place::{self, Asked, Membership, NoPlace, Place};
use crate::passwords;

/// Who wants to come in, and where to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The e-mail address.
    #[schema(example = "admin@schools24.com")]
    pub email: Email,
    /// The password.
    #[schema(format = Password, max_length = 1024)]
    pub password: String,
    /// Which school, by its id, for a user who has several; else the last one.
    #[serde(default)]
    pub school_id: Option<SchoolId>,
    /// Which school, by its code.
    #[serde(default)]
    pub school_code: Option<String>,
    /// Which role, for a user who has several in the school; else the one that may most.
    #[serde(default)]
    pub role: Option<Role>,
}

/// What a password is checked against.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) user: Option<UserId>,
    pub(super) is_active: bool,
    pub(super) hash: Option<String>,
    pub(super) lockout: Lockout,
}

type AccountRow = (Uuid, bool, Option<String>, Option<i32>, Option<Timestamp>);

impl Account {
    pub(super) async fn find(platform: &Platform, email: &Email) -> Result<Self, StoreError> {
        let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
        let select = "SELECT u.id, u.is_active, c.password_hash, c.failed_attempts, c.locked_until \
                      FROM users u LEFT JOIN credentials c ON c.user_id = u.id WHERE u.email = $1";
        let row: Option<AccountRow> = sqlx::query_as(select).bind(email.as_str()).fetch_optional(transaction.connection()?).await?;
        let account = |(user, is_active, hash, failures, locked_until): AccountRow| Self {
            user: Some(user.into()),
            is_active,
            hash,
            lockout: Lockout { failures: failures.unwrap_or(0), locked_until },
        };
        Ok(row.map(account).unwrap_or_default())
    }
}

/// Checks the password of `email` and returns whose it is, with the hash that it fits. Failures are counted; 423 after too many.
pub(super) async fn authenticate(platform: &Platform, email: &Email, password: &str) -> Result<(UserId, String), Problem> {
    let slot = passwords::slot().await?;
    let account = Account::find(platform, email).await?;
    let attempts = Attempts::on(platform, email, account.user);
    attempts.check(account.lockout).await?;
    let right = slot.verify(password, account.hash.clone()).await?;
    if let (Some(user), Some(hash)) = (account.user.filter(|_| right && account.is_active), account.hash) {
        attempts.succeeded().await;
        return Ok((user, hash));
    }
    attempts.failed().await?;
    Err(wrong())
}

pub(super) fn wrong() -> Problem {
    Problem::new(Kind::InvalidCredentials, "The e-mail address or the password is not right.")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"schools24\""))
}

/// Logs in.
///
/// The refresh token replaces the password from then on. Repeated failures lock the address for a while, whether it is known or not (423).
#[utoipa::path(tag = "auth", responses((status = 200, description = "Tokens", body = Tokens), (status = 423, description = "Locked after too many failures"), CommonProblems), security(()))]
#[post("/api/v1/auth/login")]
pub(crate) async fn login(
    body: Body<Login, 8192>,
    request: HttpRequest,
    platform: Data<Platform>,
    signer: Data<Signer>,
) -> Result<HttpResponse, Problem> {
    let Login { email, password, school_id, school_code, role } = body.into_inner();
    let outcome = enter(&platform, &email, &password, &Asked { school_id, school_code, role }, &Origin::of(&request, &platform)).await;
    let told = match &outcome {
        Ok(_) => "success",
        Err(problem) => problem.kind().as_str(),
    };
    metrics::counter!("logins_total", "outcome" => told).increment(1);
    let (me, refresh_token) = outcome?;
    tokens::answer(&platform, &signer, me, refresh_token).await
}

async fn enter(
    platform: &Platform,
    email: &Email,
    password: &str,
    asked: &Asked,
    origin: &Origin,
) -> Result<(tokens::Me, String), Problem> {
    let (user, hash) = authenticate(platform, email, password).await?;
    let mut transaction = platform.postgres(ServiceName::Auth).login(user).await?;
    let connection = transaction.connection()?;
    still_valid(connection, user, &hash).await?;
    let row = UserRow::find(connection, user).await?.ok_or_else(wrong)?;
    let memberships = tokens::memberships(connection, user).await?;
    let place = find_place(connection, &row, &memberships, asked).await?;
    let (session, refresh_token) = tokens::open(connection, platform, user, place, origin).await?;
    attempts::clear(connection, user).await?;
    came_in(connection, user, platform.clock().now()).await?;
    transaction.commit().await?;
    Ok((row.into_me(session, place, memberships), refresh_token))
}

/// Refuses when the password was changed or the account switched off while the password was being checked: whoever does that ends all sessions, and this
/// one must not slip in behind. The lock makes them wait until this session can be seen.
async fn still_valid(connection: &mut PgConnection, user: UserId, hash: &str) -> Result<(), Problem> {
    let select = "SELECT c.password_hash = $2 AND u.is_active FROM credentials c JOIN users u ON u.id = c.user_id WHERE c.user_id = $1 FOR UPDATE OF c";
    let valid: Option<bool> =
        sqlx::query_scalar(select).bind(user.as_uuid()).bind(hash).fetch_optional(connection).await.map_err(StoreError::from)?;
    if valid == Some(true) { Ok(()) } else { Err(wrong()) }
}

async fn came_in(connection: &mut PgConnection, user: UserId, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET last_login_at = $2 WHERE id = $1").bind(user.as_uuid()).bind(now).execute(connection).await?;
    Ok(())
}

/// Where the user's session is to be; what is asked for and is not the user's is a fault in the request, as the password was right.
pub(super) async fn find_place(
    connection: &mut PgConnection,
    user: &UserRow,
    memberships: &[Membership],
    asked: &Asked,
) -> Result<Place, Problem> {
    let as_super_admin = user.is_super_admin && asked.role.is_none_or(|role| role == Role::SuperAdmin);
    if as_super_admin && !asked.names_school() {
        return Ok(Place { school_id: None, role: Role::SuperAdmin });
    }
    if as_super_admin && let Some(school) = any_school(connection, asked).await? {
        return Ok(Place { school_id: Some(school), role: Role::SuperAdmin });
    }
    let last = last_place(connection, user.id).await?;
    place::choose(memberships, asked, last).map_err(|no_place| match no_place {
        NoPlace::Nowhere => Problem::new(Kind::Forbidden, "The account belongs to no active school."),
        NoPlace::Asked(fault) => Problem::invalid(vec![fault]),
    })
}

async fn any_school(connection: &mut PgConnection, asked: &Asked) -> Result<Option<SchoolId>, StoreError> {
    let select = "SELECT id FROM schools WHERE is_active AND status = 'active' AND ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR lower(code) = lower($2))";
    let id: Option<Uuid> =
        sqlx::query_scalar(select).bind(asked.school_id.map(SchoolId::as_uuid)).bind(&asked.school_code).fetch_optional(connection).await?;
    Ok(id.map(Into::into))
}

async fn last_place(connection: &mut PgConnection, user: UserId) -> Result<Option<Place>, StoreError> {
    let select = "SELECT school_id, role FROM sessions WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1";
    let row: Option<(Option<Uuid>, String)> = sqlx::query_as(select).bind(user.as_uuid()).fetch_optional(connection).await?;
    Ok(row.and_then(|(school, role)| Some(Place { school_id: school.map(Into::into), role: role.parse().ok()? })))
}
