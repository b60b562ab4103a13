//! A school's attendance codes.

use actix_web::web::{Data, Json};
use actix_web::{delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{AttendanceCodeId, Fault, Faults, ServiceName, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, Caller, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, NoContent, NotModifiedOr, Permit, Problem,
    Versioned, permits,
};
use store::StoreError;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::code::{Code, CountsAs};
use crate::store::{announce, change_code, create_code, find_code, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// A code.
// Each is a column of its own, and any may be set without the others.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Serialize, ToSchema)]
pub struct CodeView {
    /// Its id.
    id: AttendanceCodeId,
    /// What is written into the register; never changes.
    #[schema(example = "L")]
    code: String,
    /// What it is called.
    #[schema(example = "Late")]
    name: String,
    /// What it counts as; never changes, or marks of years past would mean something else.
    counts_as: CountsAs,
    /// Whether a register starts with it; one code at most.
    is_default: bool,
    /// Whether it can be given. Marks that carry it keep it.
    is_active: bool,
    /// Whether only the office may give it.
    office_only: bool,
    /// Whether approved leave gives it; one code at most, which counts as excused.
    is_leave: bool,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Code> for CodeView {
    fn from(row: Code) -> Self {
        Self {
            id: row.id,
            code: row.code,
            name: row.name,
            counts_as: row.counts_as,
            is_default: row.is_default,
            is_active: row.is_active,
            office_only: row.office_only,
            is_leave: row.is_leave,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A new code.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCode {
    /// What is written into the register. `p` and `P` are one code.
    #[schema(value_type = String, min_length = 1, max_length = 16, example = "S")]
    code: Text<16>,
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 100, example = "Sick")]
    name: Text<100>,
    /// What it counts as.
    counts_as: CountsAs,
    /// Whether a register starts with it; the present default is it no more.
    #[serde(default)]
    is_default: bool,
    /// Whether only the office may give it.
    #[serde(default)]
    office_only: bool,
    /// Whether approved leave gives it; the present leave code is it no more.
    #[serde(default)]
    is_leave: bool,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeCode {
    /// What it is called.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Option<Text<100>>,
    /// Whether a register starts with it.
    is_default: Option<bool>,
    /// Whether it can be given.
    is_active: Option<bool>,
    /// Whether only the office may give it.
    office_only: Option<bool>,
    /// Whether approved leave gives it.
    is_leave: Option<bool>,
}

/// Faults that a code's fields have among each other.
fn check(code: &Code, was_default: bool) -> Result<(), Vec<Fault>> {
    let mut faults = Faults::none();
    faults.require(
        !was_default || code.is_default,
        "/is_default",
        "must stay true: make another code the default, and this one is it no more",
    );
    faults.require(!code.is_default || code.is_active, "/is_active", "must be true for the default code");
    faults.require(!code.is_default || !code.office_only, "/office_only", "must be false for the default code");
    faults.require(!code.is_leave || code.is_active, "/is_active", "must be true for the leave code");
    faults.require(!code.is_leave || code.counts_as == CountsAs::Excused, "/is_leave", "goes only with a code that counts as excused");
    faults.into_result()
}

/// Lists the school's codes, those out of use included. A school starts with P, A, L, E and T.
#[utoipa::path(responses((status = 200, body = Vec<CodeView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/codes")]
async fn list(permit: Permit<permits::AttendanceRead>, rooms: Data<Rooms>) -> Result<Json<Vec<CodeView>>, Problem> {
    let rules = rules(&rooms.platform, permit.school_id).await?;
    Ok(Json(rules.codes.0.into_iter().map(Into::into).collect()))
}

/// Makes a code.
#[utoipa::path(
    request_body = CreateCode,
    responses((status = 201, body = CodeView), (status = 409, description = "The school has this code already."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/codes")]
async fn create(
    permit: Permit<permits::AttendanceManage>,
    rooms: Data<Rooms>,
    body: Body<CreateCode>,
) -> Result<Created<CodeView>, Problem> {
    let (school, now, body) = (permit.school_id, rooms.platform.clock().now(), body.into_inner());
    // A school that never had any gets the usual ones first.
    rules(&rooms.platform, school).await?;
    let code = Code {
        id: AttendanceCodeId::generate(),
        school_id: school,
        code: body.code.into(),
        name: body.name.into(),
        counts_as: body.counts_as,
        is_default: body.is_default,
        is_active: true,
        office_only: body.office_only,
        is_leave: body.is_leave,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    check(&code, false)?;
    let mut transaction = rooms.platform.postgres(ServiceName::Attendance).school(school).await?;
    create_code(transaction.connection()?, &code).await.map_err(|error| match error {
        StoreError::UniqueViolation { .. } => Problem::conflict(Kind::AlreadyExists, "The school has this code already."),
        error => error.into(),
    })?;
    transaction.commit().await?;
    announce(&rooms.platform, school).await;
    let location = format!("/api/v1/attendance/codes/{}", code.id);
    Ok(Created { version: code.version, body: code.into(), location })
}

/// Shows a code.
#[utoipa::path(
    params(("id" = AttendanceCodeId, Path, description = "The code.")),
    responses((status = 200, body = CodeView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/codes/{id}")]
async fn show(
    permit: Permit<permits::AttendanceRead>,
    id: IdPath<AttendanceCodeId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<CodeView>, Problem> {
    let rules = rules(&rooms.platform, permit.school_id).await?;
    let code = rules.codes.0.into_iter().find(|code| code.id == *id).ok_or_else(|| Problem::not_found("code"))?;
    let version = code.version;
    Ok(NotModifiedOr(known, code.into(), version))
}

/// Changes a code. What is written and what it counts as never change: take it out of use and make a new one.
#[utoipa::path(
    request_body = ChangeCode,
    params(("id" = AttendanceCodeId, Path, description = "The code."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = CodeView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/attendance/codes/{id}")]
async fn change(
    permit: Permit<permits::AttendanceManage>,
    id: IdPath<AttendanceCodeId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeCode>,
) -> Result<Versioned<CodeView>, Problem> {
    let changed = edit(&rooms, permit.caller(), *id, seen, |code| {
        let body = body.0.clone();
        code.name = body.name.map_or_else(|| code.name.clone(), Into::into);
        code.is_default = body.is_default.unwrap_or(code.is_default);
        code.is_active = body.is_active.unwrap_or(code.is_active);
        code.office_only = body.office_only.unwrap_or(code.office_only);
        code.is_leave = body.is_leave.unwrap_or(code.is_leave);
        Ok(())
    })
    .await?;
    let version = changed.version;
    Ok(Versioned(changed.into(), version))
}

/// Takes a code out of use. Marks that carry it keep it, so it stays in the list, inactive. The default code stays in use until another one is the default.
#[utoipa::path(
    params(("id" = AttendanceCodeId, Path, description = "The code."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "It can't be given any more."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/attendance/codes/{id}")]
async fn remove(
    permit: Permit<permits::AttendanceManage>,
    id: IdPath<AttendanceCodeId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<NoContent, Problem> {
    edit(&rooms, permit.caller(), *id, seen, |code| {
        if code.is_default {
            let detail = "Registers start with this code, the default. Make another one the default first.";
            return Err(Problem::conflict(Kind::Conflict, detail));
        }
        (code.is_active, code.is_leave) = (false, false);
        Ok(())
    })
    .await?;
    Ok(NoContent)
}

async fn edit(
    rooms: &Rooms,
    caller: &Caller,
    id: AttendanceCodeId,
    seen: IfMatch,
    alter: impl FnOnce(&mut Code) -> Result<(), Problem>,
) -> Result<Code, Problem> {
    let mut transaction = rooms.platform.postgres(ServiceName::Attendance).school(caller.school_id).await?;
    let connection = transaction.connection()?;
    let mut code = find_code(connection, caller.school_id, id).await?.ok_or_else(|| Problem::not_found("code"))?;
    seen.require(code.version)?;
    let was_default = code.is_default;
    alter(&mut code)?;
    code.version = code.version.next();
    code.updated_at = rooms.platform.clock().now();
    check(&code, was_default)?;
    change_code(connection, &code).await?;
    transaction.commit().await?;
    announce(&rooms.platform, caller.school_id).await;
    Ok(code)
}
