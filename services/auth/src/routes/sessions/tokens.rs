//! What a client gets when it comes in: tokens, and who it is.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use domain::{Role, SchoolId, SessionId, Timestamp, UserId};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use service_kit::tokens::Issuer;
use service_kit::{Claims, Platform, Problem, client_address};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use utoipa::ToSchema;

use crate::keys::Signer;
use crate::model::place::{Membership, Place};
use crate::model::refresh_token::RefreshKeys;

/// The user as they see themself.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    /// The user.
    pub id: UserId,
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub full_name: String,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
    /// Where the profile picture is.
    pub profile_picture_url: Option<String>,
    /// The role of this session.
    pub role: Role,
    /// The school of this session; null for a super admin who is in none.
    pub school_id: Option<SchoolId>,
    /// The session.
    pub session_id: SessionId,
    /// Whether the user runs the platform.
    pub is_super_admin: bool,
    /// The roles that the user can switch to.
    pub memberships: Vec<Membership>,
}

/// Tokens, and whose they are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tokens {
    /// Send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// The same as `access_token`.
    pub token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds that the access token is good for.
    #[schema(example = 3600)]
    pub expires_in: u64,
    /// Gets new tokens at `/api/v1/auth/refresh`, once. Keep it secret.
    pub refresh_token: String,
    /// Seconds that the refresh token is good for.
    #[schema(example = 2_592_000)]
    pub refresh_expires_in: u64,
    /// The user.
    pub user: Me,
}

/// A row of `users`, as far as it is needed here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) email: String,
    full_name: String,
    given_name: Option<String>,
    family_name: Option<String>,
    phone: Option<String>,
    profile_picture_url: Option<String>,
    pub(crate) is_active: bool,
    pub(crate) is_super_admin: bool,
}

impl UserRow {
    pub(crate) async fn find(connection: &mut PgConnection, user: UserId) -> Result<Option<Self>, StoreError> {
        let select = "SELECT to_jsonb(u) FROM users u WHERE id = $1";
        let row: Option<Json<Self>> = sqlx::query_scalar(select).bind(user.as_uuid()).fetch_optional(connection).await?;
        Ok(row.map(|Json(row)| row))
    }

    pub(crate) fn into_me(self, session_id: SessionId, place: Place, memberships: Vec<Membership>) -> Me {
        let Self { id, email, full_name, given_name, family_name, phone, profile_picture_url, is_super_admin, .. } = self;
        let Place { school_id, role } = place;
        Me {
            id,
            email,
            full_name,
            given_name,
            family_name,
            phone,
            profile_picture_url,
            role,
            school_id,
            session_id,
            is_super_admin,
            memberships,
        }
    }
}

/// The user's active memberships in active schools. The transaction must see them: that of [`store::Postgres::login`].
pub(crate) async fn memberships(connection: &mut PgConnection, user: UserId) -> Result<Vec<Membership>, StoreError> {
    let select = "SELECT jsonb_build_object('id', m.id, 'school_id', m.school_id, 'school_name', s.name, 'school_code', s.code, 'role', m.role) \
                  FROM memberships m JOIN schools s ON s.id = m.school_id \
                  WHERE m.user_id = $1 AND m.is_active AND m.status = 'active' AND s.is_active AND s.status = 'active' \
                  ORDER BY s.name, s.id, m.created_at, m.id";
    let rows: Vec<Json<Membership>> = sqlx::query_scalar(select).bind(user.as_uuid()).fetch_all(connection).await?;
    Ok(store::plain(rows))
}

/// Whether the user may still be in `place`.
pub(crate) fn still_there(user: &UserRow, memberships: &[Membership], place: Place) -> bool {
    let member = memberships.iter().any(|m| Some(m.school_id) == place.school_id && m.role == place.role);
    user.is_active && (member || (place.role == Role::SuperAdmin && user.is_super_admin))
}

/// The keys of refresh tokens.
pub(crate) fn refresh_keys(platform: &Platform) -> RefreshKeys {
    RefreshKeys::derive(platform.config().tokens.secret.expose_secret().as_bytes())
}

/// When a refresh token that is issued now ends.
pub(crate) fn refresh_until(platform: &Platform, now: Timestamp) -> Result<Timestamp, Problem> {
    Ok(now + chrono::Duration::from_std(platform.config().tokens.refresh_life).map_err(Problem::internal)?)
}

/// Where a request comes from, for the session list.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
}

impl Origin {
    pub(crate) fn of(request: &HttpRequest, platform: &Platform) -> Self {
        let ip = client_address(request, platform.config().http.trusted_proxy_hops).map(|ip| ip.to_string());
        let agent = request.headers().get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let user_agent = agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(512).collect());
        Self { ip, user_agent }
    }
}

/// Opens a session in `place`; the caller commits.
pub(crate) async fn open(
    connection: &mut PgConnection,
    platform: &Platform,
    user: UserId,
    place: Place,
    origin: &Origin,
) -> Result<(SessionId, String), Problem> {
    let now = platform.clock().now();
    let keys = refresh_keys(platform);
    let session = SessionId::generate();
    let token = keys.first(session).map_err(|_| Problem::internal(anyhow::anyhow!("no randomness")))?;
    let insert = "INSERT INTO sessions (id, user_id, school_id, role, refresh_hash, expires_at, ip, user_agent, last_seen_at, created_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    sqlx::query(insert)
        .bind(session.as_uuid())
        .bind(user.as_uuid())
        .bind(place.school_id.map(SchoolId::as_uuid))
        .bind(place.role.as_str())
        .bind(token.hash().to_vec())
        .bind(refresh_until(platform, now)?)
        .bind(&origin.ip)
        .bind(&origin.user_agent)
        .bind(now)
        .execute(connection)
        .await
        .map_err(StoreError::from)?;
    Ok((session, keys.encode(&token)))
}

/// The answer with an access token for `me` and this refresh token.
pub(crate) async fn answer(platform: &Platform, signer: &Signer, me: Me, refresh_token: String) -> Result<HttpResponse, Problem> {
    let tokens = &platform.config().tokens;
    let iat = platform.clock().now().timestamp();
    let expires_in = tokens.access_life.as_secs();
    let exp = iat.saturating_add_unsigned(expires_in);
    let claims = Claims { sub: me.id, school_id: me.school_id, role: me.role, sid: me.session_id, iat, exp, iss: Issuer::Schools24 };
    let access_token = signer.sign(&claims).await?;
    let body = Tokens {
        token: access_token.clone(),
        access_token,
        token_type: "Bearer",
        expires_in,
        refresh_token,
        refresh_expires_in: tokens.refresh_life.as_secs(),
        user: me,
    };
    // RFC 6749, 5.1.
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body))
}
