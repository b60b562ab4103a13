//! Schools. A super admin creates them and sees all; everybody else sees the own one, and its school admin may change it.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Actor, Faults, Role, SchoolId, ServiceName, Text, Timestamp, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, Cursor, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NotModifiedOr, Page, Params, Platform,
    PlatformCaller, PlatformPermit, Problem, Versioned, permits,
};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use utoipa::{IntoParams, ToSchema};

use crate::revocation::{self, Revoked, Which};

/// A school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct School {
    /// The school.
    pub id: SchoolId,
    /// Its name.
    pub name: String,
    /// Its code, which no other school has.
    pub code: String,
    /// The IANA time zone that its days are in.
    #[schema(example = "Asia/Kolkata")]
    pub time_zone: String,
    /// ISO 4217.
    #[schema(example = "INR")]
    pub currency: String,
    /// The language of what it sends, as a BCP 47 tag.
    #[schema(example = "en-IN")]
    pub locale: String,
    /// Whether its people can come in.
    pub is_active: bool,
    /// The version, also in `ETag`.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A school to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchool {
    /// Its name.
    pub name: Text<200>,
    /// Its code: letters, digits, `.`, `_` and `-`; no other school has it.
    pub code: Text<64>,
    /// The IANA time zone that its days are in; UTC if left out.
    #[serde(default)]
    pub time_zone: Option<Text<64>>,
    /// ISO 4217; INR if left out.
    #[serde(default)]
    pub currency: Option<Text<3>>,
    /// A BCP 47 tag; `en` if left out.
    #[serde(default)]
    pub locale: Option<Text<35>>,
}

/// What to change; what is left out stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SchoolChange {
    /// Its name.
    #[serde(default)]
    pub name: Option<Text<200>>,
    /// Its code. Only for a super admin.
    #[serde(default)]
    pub code: Option<Text<64>>,
    /// The IANA time zone that its days are in.
    #[serde(default)]
    pub time_zone: Option<Text<64>>,
    /// ISO 4217.
    #[serde(default)]
    pub currency: Option<Text<3>>,
    /// A BCP 47 tag.
    #[serde(default)]
    pub locale: Option<Text<35>>,
    /// Whether its people can come in; false ends their sessions. Only for a super admin.
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// Which part of the list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SchoolQuery {
    /// How many items a page holds.
    #[serde(default)]
    pub limit: Limit,
    /// Where the page starts: `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Only active ones, or only the others.
    #[serde(default)]
    pub is_active: Option<bool>,
}

fn check(code: Option<&str>, zone: Option<&str>, currency: Option<&str>, locale: Option<&str>) -> Result<(), Problem> {
    let mut faults = Faults::none();
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let code_fits = |code: &str| code.chars().all(sign) && code.starts_with(|c: char| c.is_ascii_alphanumeric());
    faults.require(code.is_none_or(code_fits), "/code", "must be letters, digits, '.', '_' and '-', and start with a letter or digit");
    let zone_fits = |zone: &str| zone.parse::<chrono_tz::Tz>().is_ok();
    faults.require(zone.is_none_or(zone_fits), "/time_zone", "must be an IANA time zone such as Asia/Kolkata");
    let currency_fits = |text: &str| text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase());
    faults.require(currency.is_none_or(currency_fits), "/currency", "must be an ISO 4217 code such as INR");
    let locale_fits = |text: &str| text.len() >= 2 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    faults.require(locale.is_none_or(locale_fits), "/locale", "must be a BCP 47 tag such as en-IN");
    Ok(faults.into_result()?)
}

/// Creates a school.
#[utoipa::path(tag = "auth", responses((status = 201, description = "Created", body = School), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/schools")]
pub(crate) async fn create(
    _permit: PlatformPermit<permits::SchoolsManage>,
    body: Body<NewSchool>,
    platform: Data<Platform>,
) -> Result<Created<School>, Problem> {
    let new = body.into_inner();
    let (zone, currency, locale) =
        (new.time_zone.as_ref().map(Text::as_str), new.currency.as_ref().map(Text::as_str), new.locale.as_ref().map(Text::as_str));
    check(Some(new.code.as_str()), zone, currency, locale)?;
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let insert = "INSERT INTO schools (id, name, code, time_zone, currency, locale, created_at, updated_at) \
                  VALUES ($1, $2, $3, coalesce($4, 'UTC'), coalesce($5, 'INR'), coalesce($6, 'en'), $7, $7) RETURNING to_jsonb(schools)";
    let Json(school): Json<School> = sqlx::query_scalar(insert)
        .bind(SchoolId::generate().as_uuid())
        .bind(new.name.as_str())
        .bind(new.code.as_str())
        .bind(zone)
        .bind(currency)
        .bind(locale)
        .bind(platform.clock().now())
        .fetch_one(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    transaction.commit().await?;
    Ok(Created { location: format!("/api/v1/schools/{}", school.id), version: school.version, body: school })
}

type Position = (Timestamp, SchoolId);

/// All schools, newest first.
#[utoipa::path(tag = "auth", params(SchoolQuery), responses((status = 200, description = "A page", body = Page<School>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/schools")]
pub(crate) async fn list(
    _permit: PlatformPermit<permits::SchoolsManage>,
    query: Params<SchoolQuery>,
    platform: Data<Platform>,
) -> Result<Page<School>, Problem> {
    let open = |cursor: &String| Cursor::<Position>::open(platform.cursor_key(), "schools", &query.is_active, cursor);
    let after = query.cursor.as_ref().map(open).transpose()?;
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let select = "SELECT to_jsonb(s) FROM schools s WHERE ($1::boolean IS NULL OR is_active = $1) \
                  AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3)) ORDER BY created_at DESC, id DESC LIMIT $4";
    let rows: Vec<Json<School>> = sqlx::query_scalar(select)
        .bind(query.is_active)
        .bind(after.map(|(at, _)| at))
        .bind(after.map(|(_, id)| id.as_uuid()))
        .bind(i64::from(query.limit.get()) + 1)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let seal = |last: &School| Cursor::<Position>::seal(platform.cursor_key(), "schools", &query.is_active, &(last.created_at, last.id));
    Ok(Page::of(store::plain(rows), query.limit, seal))
}

fn reach(caller: &PlatformCaller, school: SchoolId) -> Result<(), Problem> {
    if caller.role == Role::SuperAdmin || caller.school_id == Some(school) { Ok(()) } else { Err(Problem::not_found("school")) }
}

async fn find(connection: &mut PgConnection, school: SchoolId, lock: bool) -> Result<Option<School>, StoreError> {
    let select =
        if lock { "SELECT to_jsonb(s) FROM schools s WHERE id = $1 FOR UPDATE" } else { "SELECT to_jsonb(s) FROM schools s WHERE id = $1" };
    let row: Option<Json<School>> = sqlx::query_scalar(select).bind(school.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// A school: any for a super admin, one's own for everybody else.
#[utoipa::path(tag = "auth", params(("id" = SchoolId, Path, description = "The school")), responses((status = 200, description = "The school", body = School), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/schools/{id}")]
pub(crate) async fn show(
    permit: PlatformPermit<permits::SchoolRead>,
    id: IdPath<SchoolId>,
    known: IfNoneMatch,
    platform: Data<Platform>,
) -> Result<NotModifiedOr<School>, Problem> {
    reach(&permit, *id)?;
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let school = find(transaction.connection()?, *id, false).await?.ok_or_else(|| Problem::not_found("school"))?;
    let version = school.version;
    Ok(NotModifiedOr(known, school, version))
}

/// Changes a school.
#[utoipa::path(tag = "auth", params(("id" = SchoolId, Path, description = "The school")), responses((status = 200, description = "Changed", body = School), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/schools/{id}")]
pub(crate) async fn change(
    permit: PlatformPermit<permits::SchoolEdit>,
    id: IdPath<SchoolId>,
    version: IfMatch,
    body: Body<SchoolChange>,
    platform: Data<Platform>,
) -> Result<Versioned<School>, Problem> {
    reach(&permit, *id)?;
    let change = body.into_inner();
    if permit.role != Role::SuperAdmin && (change.code.is_some() || change.is_active.is_some()) {
        return Err(Problem::forbidden(domain::Permission::SchoolsManage));
    }
    let text = |text: &Option<Text<64>>| text.as_ref().map(|text| text.as_str().to_owned());
    let (code, zone) = (text(&change.code), text(&change.time_zone));
    let (currency, locale) = (change.currency.as_ref().map(Text::as_str), change.locale.as_ref().map(Text::as_str));
    check(code.as_deref(), zone.as_deref(), currency, locale)?;
    let now = platform.clock().now();
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let connection = transaction.connection()?;
    let school = find(connection, *id, true).await?.ok_or_else(|| Problem::not_found("school"))?;
    version.require(school.version)?;
    let update = "UPDATE schools SET name = coalesce($2, name), code = coalesce($3, code), time_zone = coalesce($4, time_zone), \
                  currency = coalesce($5, currency), locale = coalesce($6, locale), is_active = coalesce($7, is_active), \
                  version = version + 1, updated_at = $8 WHERE id = $1 RETURNING to_jsonb(schools)";
    let Json(school): Json<School> = sqlx::query_scalar(update)
        .bind(id.as_uuid())
        .bind(change.name.as_ref().map(Text::as_str))
        .bind(code)
        .bind(zone)
        .bind(currency)
        .bind(locale)
        .bind(change.is_active)
        .bind(now)
        .fetch_one(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    let revoked = if school.is_active {
        Revoked::default()
    } else {
        revocation::revoke(connection, Which { school: Some(*id), ..Which::default() }, "school switched off", now).await?
    };
    transaction.commit().await?;
    super::changed(&platform, *id).await;
    revoked.announce(&platform, Some(Actor { user_id: permit.user_id, role: permit.role })).await;
    let version = school.version;
    Ok(Versioned(school, version))
}
