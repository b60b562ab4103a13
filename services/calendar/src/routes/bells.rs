//! Bells: when the periods of a day are. A day takes one by its name, see [`days`](super::days).

use actix_web::web::Json;
use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, SchoolId, Text, TimetableColumnId, Version};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, NoContent, NotModifiedOr, Problem, Versioned, permits,
};
use sqlx::PgConnection;
use store::StoreError;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use super::days::{LAST, meets_nobody};
use crate::model::bell::{Bell, Block};
use crate::store::{BELL_RULES, Queue, delete_bell, find_bell, hold_timetable, list_bells, lock_bell, queue_up, save_bell, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// The most bells of one school.
const MOST: usize = 50;

/// A bell.
#[derive(Debug, Serialize, ToSchema)]
pub struct BellView {
    /// Its id.
    id: TimetableColumnId,
    /// What it is called.
    name: String,
    /// Its blocks, in order of time.
    blocks: Vec<Block>,
    /// How many minutes its periods have.
    minutes: u32,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Bell> for BellView {
    fn from(row: Bell) -> Self {
        let minutes = row.minutes();
        let Bell { id, name, blocks, version, created_at, updated_at, .. } = row;
        Self { id, name, blocks, minutes, version, created_at, updated_at }
    }
}

/// A new bell.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBell {
    /// What it is called.
    name: Text<100>,
    /// Its blocks, in order of time: each period once, one after the other.
    #[schema(min_items = 1, max_items = 60)]
    blocks: Vec<Block>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBell {
    /// What it is called.
    name: Option<Text<100>>,
    /// Its blocks: all of them.
    #[schema(min_items = 1, max_items = 60)]
    blocks: Option<Vec<Block>>,
}

/// Lists the bells by name.
#[utoipa::path(responses((status = 200, body = Vec<BellView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/timetable-columns")]
async fn list(desk: Records<permits::CalendarRead>) -> Result<Json<Vec<BellView>>, Problem> {
    let mut transaction = desk.read().await?;
    let bells = list_bells(transaction.connection()?, desk.caller().school_id).await?;
    Ok(Json(bells.into_iter().map(Into::into).collect()))
}

/// Makes a bell.
#[utoipa::path(
    request_body = CreateBell,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = BellView), (status = 409, description = "There is a bell of this name."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/timetable-columns")]
async fn create(desk: Records<permits::CalendarManage>, body: Body<CreateBell>) -> Result<HttpResponse, Problem> {
    let (school_id, now) = (desk.caller().school_id, desk.now());
    desk.create(&body.0, async |transaction| {
        let CreateBell { name, blocks } = body.0.clone();
        let bell = Bell {
            id: TimetableColumnId::generate(),
            school_id,
            name: name.into(),
            blocks,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        bell.check()?;
        let connection = transaction.connection()?;
        // Who counts must not be overtaken by another who counts.
        queue_up(connection, school_id, &[Queue::Timetable]).await?;
        if list_bells(connection, school_id).await?.len() >= MOST {
            return Err(Problem::invalid(vec![Fault::new("", format!("there are {MOST} bells already: remove one"))]));
        }
        save_bell(connection, &bell).await.map_err(|error| refuse(BELL_RULES, error))?;
        let (version, location) = (bell.version, format!("/api/v1/timetable-columns/{}", bell.id));
        Ok(Created { body: BellView::from(bell), version, location })
    })
    .await
}

/// Shows a bell.
#[utoipa::path(
    params(("id" = TimetableColumnId, Path, description = "The bell.")),
    responses((status = 200, body = BellView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/timetable-columns/{id}")]
async fn show(
    desk: Records<permits::CalendarRead>,
    id: IdPath<TimetableColumnId>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<BellView>, Problem> {
    let mut transaction = desk.read().await?;
    let bell = find_bell(transaction.connection()?, desk.caller().school_id, *id).await?.ok_or_else(|| Problem::not_found("bell"))?;
    let version = bell.version;
    Ok(NotModifiedOr(known, bell.into(), version))
}

/// The bell, locked, if it still has the version that the change is based on.
async fn editable(connection: &mut PgConnection, school: SchoolId, id: TimetableColumnId, seen: IfMatch) -> Result<Bell, Problem> {
    let bell = lock_bell(connection, school, id).await?.ok_or_else(|| Problem::not_found("bell"))?;
    seen.require(bell.version)?;
    Ok(bell)
}

/// Changes a bell, and with it every day that has it. 409 if a lesson would then meet a booking of its room.
#[utoipa::path(
    request_body = ChangeBell,
    params(("id" = TimetableColumnId, Path, description = "The bell."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = BellView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/timetable-columns/{id}")]
async fn change(
    desk: Records<permits::CalendarManage>,
    id: IdPath<TimetableColumnId>,
    seen: IfMatch,
    body: Body<ChangeBell>,
) -> Result<Versioned<BellView>, Problem> {
    let (school, now) = (desk.caller().school_id, desk.now());
    let zone = zone_of(desk.platform(), school).await?;
    let bell = desk
        .change(async |transaction| {
            let connection = transaction.connection()?;
            hold_timetable(connection, school).await?;
            let before = editable(connection, school, *id, seen).await?;
            let ChangeBell { name, blocks } = body.0.clone();
            let bell = Bell {
                name: name.map_or(before.name, Into::into),
                blocks: blocks.unwrap_or(before.blocks),
                version: before.version.next(),
                updated_at: now,
                ..before
            };
            bell.check()?;
            save_bell(connection, &bell).await.map_err(|error| refuse(BELL_RULES, error))?;
            let today = now.with_timezone(&zone).date_naive();
            meets_nobody(connection, school, zone, (today, LAST), Some(bell.id)).await?;
            Ok(bell)
        })
        .await?;
    let version = bell.version;
    Ok(Versioned(bell.into(), version))
}

/// Removes a bell that no day has.
#[utoipa::path(
    params(("id" = TimetableColumnId, Path, description = "The bell."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "It is gone."), (status = 409, description = "Some day has it."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/timetable-columns/{id}")]
async fn remove(desk: Records<permits::CalendarManage>, id: IdPath<TimetableColumnId>, seen: IfMatch) -> Result<NoContent, Problem> {
    let school = desk.caller().school_id;
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        queue_up(connection, school, &[Queue::Timetable]).await?;
        editable(connection, school, *id, seen).await?;
        delete_bell(connection, school, *id).await.map_err(|error| match error {
            StoreError::ForeignKeyViolation { .. } => Problem::conflict(Kind::StillInUse, "Some day has this bell."),
            error => error.into(),
        })
    })
    .await?;
    Ok(NoContent)
}
