//! The school's rooms.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, Patch, RoomId, Text, Version};
use records::{Rule, refuse};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Paging, Params,
    Problem, Versioned, permits,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Records;
use crate::store::{Room, find_room, insert_room, list_rooms, lock_room, save_room};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

const RULES: &[Rule] = &[Rule::once("rooms_school_id_name_key", "/name", "the school has a room of this name already")];

/// A room.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomView {
    /// Its id.
    id: RoomId,
    /// What it is called.
    name: String,
    /// How many it holds.
    capacity: Option<i32>,
    /// Whether it is in use.
    is_active: bool,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Room> for RoomView {
    fn from(row: Room) -> Self {
        let Room { id, name, capacity, is_active, version, created_at, updated_at, .. } = row;
        Self { id, name, capacity, is_active, version, created_at, updated_at }
    }
}

/// A new room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// What it is called.
    name: Text<100>,
    /// How many it holds.
    #[schema(minimum = 1, maximum = 100_000)]
    capacity: Option<i32>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRoom {
    /// What it is called.
    name: Option<Text<100>>,
    /// How many it holds.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 100_000)]
    capacity: Patch<i32>,
    /// Whether it is in use. What is in a room that goes out of use stays there.
    is_active: Option<bool>,
}

fn check(room: &Room) -> Result<(), Problem> {
    if room.capacity.is_none_or(|capacity| (1..=100_000).contains(&capacity)) {
        return Ok(());
    }
    Err(Problem::invalid(vec![Fault::new("/capacity", "must be from 1 to 100000")]))
}

/// Which rooms to list.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListRooms {
    /// Only those in use, or only those out of use.
    is_active: Option<bool>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}

/// Lists the rooms by name.
#[utoipa::path(params(ListRooms), responses((status = 200, body = Page<RoomView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/rooms")]
async fn list(desk: Records<permits::CalendarRead>, params: Params<ListRooms>) -> Result<Page<RoomView>, Problem> {
    let school = desk.caller().school_id;
    let paging = Paging::asking(desk.platform(), desk.caller(), "rooms", params.is_active, params.limit, params.cursor.as_deref());
    let after: Option<(String, Uuid)> = paging.after()?;
    let mut transaction = desk.read().await?;
    let rows = list_rooms(transaction.connection()?, school, params.is_active, after, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.name.clone(), last.id.as_uuid()));
    Ok(page.map(Into::into))
}

/// Makes a room.
#[utoipa::path(
    request_body = CreateRoom,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = RoomView), (status = 409, description = "There is a room of this name."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/rooms")]
async fn create(desk: Records<permits::CalendarManage>, body: Body<CreateRoom>) -> Result<HttpResponse, Problem> {
    let (school_id, now) = (desk.caller().school_id, desk.now());
    desk.create(&body.0, async |transaction| {
        let room = Room {
            id: RoomId::generate(),
            school_id,
            name: body.name.to_string(),
            capacity: body.capacity,
            is_active: true,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        check(&room)?;
        insert_room(transaction.connection()?, &room).await.map_err(|error| refuse(RULES, error))?;
        let (version, location) = (room.version, format!("/api/v1/rooms/{}", room.id));
        Ok(Created { body: RoomView::from(room), version, location })
    })
    .await
}

/// Shows a room.
#[utoipa::path(
    params(("id" = RoomId, Path, description = "The room.")),
    responses((status = 200, body = RoomView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/rooms/{id}")]
async fn show(desk: Records<permits::CalendarRead>, id: IdPath<RoomId>, known: IfNoneMatch) -> Result<NotModifiedOr<RoomView>, Problem> {
    let mut transaction = desk.read().await?;
    let room = find_room(transaction.connection()?, desk.caller().school_id, *id).await?.ok_or_else(|| Problem::not_found("room"))?;
    let version = room.version;
    Ok(NotModifiedOr(known, room.into(), version))
}

/// Changes a room.
#[utoipa::path(
    request_body = ChangeRoom,
    params(("id" = RoomId, Path, description = "The room."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = RoomView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/rooms/{id}")]
async fn change(
    desk: Records<permits::CalendarManage>,
    id: IdPath<RoomId>,
    seen: IfMatch,
    body: Body<ChangeRoom>,
) -> Result<Versioned<RoomView>, Problem> {
    let body = body.into_inner();
    let room = edit(&desk, *id, seen, |room| Room {
        name: body.name.map_or_else(|| room.name.clone(), Into::into),
        capacity: body.capacity.apply(room.capacity),
        is_active: body.is_active.unwrap_or(room.is_active),
        ..room
    })
    .await?;
    let version = room.version;
    Ok(Versioned(room.into(), version))
}

/// Takes a room out of use. Lessons and events that are in it stay there.
#[utoipa::path(
    params(("id" = RoomId, Path, description = "The room."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "It is out of use."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/rooms/{id}")]
async fn remove(desk: Records<permits::CalendarManage>, id: IdPath<RoomId>, seen: IfMatch) -> Result<NoContent, Problem> {
    edit(&desk, *id, seen, |room| Room { is_active: false, ..room }).await?;
    Ok(NoContent)
}

async fn edit(
    desk: &Records<permits::CalendarManage>,
    id: RoomId,
    seen: IfMatch,
    alter: impl FnOnce(Room) -> Room,
) -> Result<Room, Problem> {
    let (school, now) = (desk.caller().school_id, desk.now());
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        let room = lock_room(connection, school, id).await?.ok_or_else(|| Problem::not_found("room"))?;
        seen.require(room.version)?;
        let version = room.version.next();
        let room = Room { version, updated_at: now, ..alter(room) };
        check(&room)?;
        save_room(connection, &room).await.map_err(|error| refuse(RULES, error))?;
        Ok(room)
    })
    .await
}
