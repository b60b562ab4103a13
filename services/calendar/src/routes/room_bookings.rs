//! Rooms taken for certain: by one booking at a time, and not while a lesson or an appointment is in them.

use actix_web::web::Json;
use actix_web::{HttpResponse, delete, get, post};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{Fault, Permission, RoomBookingId, RoomId, Text, UserId, Version};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind, NoContent, Params, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use crate::model::month::Window;
use crate::store::{
    BookingState, ROOM_BOOKING_RULES, RoomBooking, find_room_booking, insert_room_booking, list_room_bookings, lock_room, room_is_taken,
    save_room_booking, zone_of,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(cancel);
}

/// A booking of a room.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomBookingView {
    /// Its id.
    id: RoomBookingId,
    /// The room.
    room_id: RoomId,
    /// What for.
    purpose: String,
    /// From when.
    starts_at: DateTime<Utc>,
    /// Until when.
    ends_at: DateTime<Utc>,
    /// Who booked.
    booked_by: UserId,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
}

impl From<RoomBooking> for RoomBookingView {
    fn from(row: RoomBooking) -> Self {
        let RoomBooking { id, room_id, purpose, starts_at, ends_at, booked_by, version, .. } = row;
        Self { id, room_id, purpose, starts_at, ends_at, booked_by, version }
    }
}

/// A room to be booked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRoomBooking {
    /// The room.
    room_id: RoomId,
    /// What for.
    purpose: Text<200>,
    /// From when.
    starts_at: DateTime<Utc>,
    /// Until when; within a day.
    ends_at: DateTime<Utc>,
}

/// Which bookings to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListRoomBookings {
    /// The first day, in the school's zone.
    from: NaiveDate,
    /// The last day, inclusive; less than 93 days later.
    to: NaiveDate,
    /// Of this room only.
    #[param(inline)]
    room_id: Option<RoomId>,
}

/// Lists which rooms are booked when, in order of time.
#[utoipa::path(params(ListRoomBookings), responses((status = 200, body = Vec<RoomBookingView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/room-bookings")]
async fn list(desk: Records<permits::CalendarWrite>, params: Params<ListRoomBookings>) -> Result<Json<Vec<RoomBookingView>>, Problem> {
    let school = desk.caller().school_id;
    let window = Window::asked(params.from, params.to, zone_of(desk.platform(), school).await?)?;
    if (params.to - params.from).num_days() >= 93 {
        return Err(Problem::invalid(vec![Fault::new("query:to", "must be less than 93 days after from")]));
    }
    let mut transaction = desk.read().await?;
    let rows = list_room_bookings(transaction.connection()?, school, params.room_id, (window.starts_at, window.ends_at)).await?;
    Ok(Json(rows.into_iter().map(Into::into).collect()))
}

/// Books a room. Of two who want it at the same time one gets it, the other 409.
#[utoipa::path(
    request_body = CreateRoomBooking,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = RoomBookingView), (status = 409, description = "Something else is in the room."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/room-bookings")]
async fn create(desk: Records<permits::CalendarWrite>, body: Body<CreateRoomBooking>) -> Result<HttpResponse, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let zone = zone_of(desk.platform(), caller.school_id).await?;
    desk.create(&body.0, async |transaction| {
        let CreateRoomBooking { room_id, purpose, starts_at, ends_at } = body.0.clone();
        let mut faults = Vec::new();
        if ends_at <= starts_at {
            faults.push(Fault::new("/ends_at", "must be after starts_at"));
        } else if ends_at - starts_at > Duration::days(1) {
            faults.push(Fault::new("/ends_at", "must be within a day of starts_at"));
        }
        let connection = transaction.connection()?;
        // Whoever else takes this room waits here.
        let room = lock_room(connection, caller.school_id, room_id).await?;
        if room.is_none_or(|room| !room.is_active) {
            faults.push(Fault::new("/room_id", "there is no such room in use"));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        if room_is_taken(connection, caller.school_id, room_id, zone, (starts_at, ends_at), None).await? {
            let fault = Fault::new("/room_id", "a lesson or an appointment is in the room at this time");
            return Err(
                Problem::conflict(Kind::Conflict, "A lesson or an appointment is in the room at this time.").with_faults(vec![fault])
            );
        }
        let booking = RoomBooking {
            id: RoomBookingId::generate(),
            school_id: caller.school_id,
            room_id,
            purpose: purpose.into(),
            starts_at,
            ends_at,
            booked_by: caller.user_id,
            status: BookingState::Booked,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        insert_room_booking(connection, &booking).await.map_err(|error| refuse(ROOM_BOOKING_RULES, error))?;
        let (version, location) = (booking.version, format!("/api/v1/room-bookings/{}", booking.id));
        Ok(Created { body: RoomBookingView::from(booking), version, location })
    })
    .await
}

/// Gives a booking up: one's own, or any for the office.
#[utoipa::path(
    params(("id" = RoomBookingId, Path, description = "The booking."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "The room is free again."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/room-bookings/{id}")]
async fn cancel(desk: Records<permits::CalendarWrite>, id: IdPath<RoomBookingId>, seen: IfMatch) -> Result<NoContent, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        let booking = find_room_booking(connection, caller.school_id, *id).await?;
        let booking = booking.filter(|booking| booking.status == BookingState::Booked).ok_or_else(|| Problem::not_found("booking"))?;
        if !caller.role.is_office() && booking.booked_by != caller.user_id {
            return Err(Problem::forbidden(Permission::CalendarManage));
        }
        seen.require(booking.version)?;
        let booking = RoomBooking { status: BookingState::Cancelled, version: booking.version.next(), updated_at: now, ..booking };
        save_room_booking(connection, &booking).await?;
        Ok(())
    })
    .await?;
    Ok(NoContent)
}
