//! Times that can be booked: sittings of exams, meetings with parents.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Duration, Utc};
use domain::{AppointmentSlotId, ClassId, EventKind, Fault, Patch, RoomId, TeacherId, Text, Version};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, Caller, CommonProblems, Created, EditProblems, IdPath, IfMatch, Limit, NoContent, Page, Params, Problem, Versioned, filters,
    permits,
};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Records;
use super::access::Viewer;
use super::slot_places::{gives_no_lesson, holidays_about, place, take_room};
use crate::events::{about_booking, tell_all};
use crate::model::slot::{Booking, Kind, MOST, Slot, Status};
use crate::store::{
    Queue, SLOT_RULES, SlotFilter, bookings_of_slot, cancel_bookings, find_slot, insert_slots, list_slots, queue_up, save_slot,
    taken_seats, zone_of,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(cancel);
}

/// A time that can be booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlotView {
    /// Its id.
    id: AppointmentSlotId,
    /// The first of the times that were offered together, of which a student gets one; its own id, if it is by itself.
    series_id: AppointmentSlotId,
    /// What is offered.
    kind: Kind,
    /// What it is called.
    title: String,
    /// For the students of this class only; null means any.
    class_id: Option<ClassId>,
    /// With whom.
    teacher_id: Option<TeacherId>,
    /// Where.
    room_id: Option<RoomId>,
    /// When it begins.
    starts_at: DateTime<Utc>,
    /// When it is over.
    ends_at: DateTime<Utc>,
    /// Until when it can be booked and given up.
    book_until: DateTime<Utc>,
    /// How many students it is for.
    capacity: i32,
    /// How many more can book.
    free: i32,
    /// Whether it is offered.
    status: Status,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
}

impl SlotView {
    fn of(row: Slot, taken: i32) -> Self {
        Self {
            id: row.id,
            series_id: row.series_id,
            kind: row.kind,
            title: row.title,
            class_id: row.class_id,
            teacher_id: row.teacher_id,
            room_id: row.room_id,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            book_until: row.book_until,
            capacity: row.capacity,
            free: if row.status == Status::Open { (row.capacity - taken).max(0) } else { 0 },
            status: row.status,
            version: row.version,
        }
    }
}

/// Times to be offered: one, or as many as fit if they have a length.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSlots {
    /// What is offered.
    kind: Kind,
    /// What it is called.
    title: Text<200>,
    /// For the students of this class only.
    class_id: Option<ClassId>,
    /// With whom; a teacher offers their own time.
    teacher_id: Option<TeacherId>,
    /// Where.
    room_id: Option<RoomId>,
    /// When the first begins.
    starts_at: DateTime<Utc>,
    /// When the last is over.
    ends_at: DateTime<Utc>,
    /// How long each is; one for the whole time, if left out. At most 200 fit.
    #[schema(minimum = 1, maximum = 1440)]
    minutes: Option<u16>,
    /// How long to rest between two.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1440)]
    pause_minutes: u16,
    /// Until when they can be booked and given up; until each begins, if left out.
    book_until: Option<DateTime<Utc>>,
    /// How many students each is for.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000)]
    capacity: i32,
    /// Whether a student may have several of these times; else one of them.
    #[serde(default)]
    allow_several: bool,
}

const fn one() -> i32 {
    1
}

/// What changes; what is left out stays as it is. Bookings move along.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSlot {
    /// What it is called.
    title: Option<Text<200>>,
    /// Where.
    #[serde(default)]
    #[schema(value_type = Option<RoomId>)]
    room_id: Patch<RoomId>,
    /// When it begins.
    starts_at: Option<DateTime<Utc>>,
    /// When it is over.
    ends_at: Option<DateTime<Utc>>,
    /// Until when it can be booked and given up.
    book_until: Option<DateTime<Utc>>,
    /// How many students it is for: not fewer than have booked.
    #[schema(minimum = 1, maximum = 1000)]
    capacity: Option<i32>,
}

/// Slots that were made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Slots {
    /// In order of time.
    items: Vec<SlotView>,
}

/// Which slots to list.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSlots {
    /// Only of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only with this teacher.
    #[param(inline)]
    teacher_id: Option<TeacherId>,
    /// That begin at this time or later; now, if left out.
    from: Option<DateTime<Utc>>,
    /// That begin before this time.
    before: Option<DateTime<Utc>>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ListSlots);

/// Lists what is offered, in order of time: to students and parents what is for their classes.
#[utoipa::path(params(ListSlots), responses((status = 200, body = Page<SlotView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/appointment-slots")]
async fn list(desk: Records<permits::CalendarRead>, params: Params<ListSlots>) -> Result<Page<SlotView>, Problem> {
    let caller = *desk.caller();
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    let paging = desk.paging("slots", &params.0);
    let after: Option<(DateTime<Utc>, Uuid)> = paging.after()?;
    let filter = SlotFilter {
        classes: (!viewer.works_here()).then(|| viewer.classes()),
        teacher: params.teacher_id,
        kind: params.kind,
        from: params.from.unwrap_or_else(|| desk.now()),
        before: params.before,
        after,
    };
    let mut transaction = desk.read().await?;
    let rows = list_slots(transaction.connection()?, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |(last, _)| (last.starts_at, last.id.as_uuid()));
    Ok(page.map(|(slot, taken)| SlotView::of(slot, taken)))
}

/// Offers times to be booked: all of them, or none.
#[utoipa::path(
    request_body = CreateSlots,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = Slots), (status = 409, description = "The teacher or the room is taken at one of these times."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/appointment-slots")]
async fn create(desk: Records<permits::CalendarWrite>, body: Body<CreateSlots>) -> Result<HttpResponse, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let viewer = Viewer::of(&desk.directory(), &caller, now.date_naive()).await?;
    let zone = zone_of(desk.platform(), caller.school_id).await?;
    let holidays = holidays_about(&desk, &[body.starts_at, body.ends_at]).await?;
    desk.create(&body.0, async |transaction| {
        let slots = divide(&body.0, &caller, &viewer, now)?;
        let connection = transaction.connection()?;
        queue_up(connection, caller.school_id, &[Queue::Timetable, Queue::Appointments]).await?;
        for slot in &slots {
            take_room(connection, slot, None, zone).await?;
        }
        gives_no_lesson(transaction, &slots, &holidays, zone).await?;
        let connection = transaction.connection()?;
        insert_slots(connection, &slots).await.map_err(|error| refuse(SLOT_RULES, error))?;
        let items = slots.into_iter().map(|slot| SlotView::of(slot, 0)).collect();
        Ok(Created { body: Slots { items }, version: Version::FIRST, location: "/api/v1/appointment-slots".to_owned() })
    })
    .await
}

fn divide(body: &CreateSlots, caller: &Caller, viewer: &Viewer, now: DateTime<Utc>) -> Result<Vec<Slot>, Problem> {
    let fault = |pointer: &str, detail: &str| Problem::invalid(vec![Fault::new(pointer, detail)]);
    if body.ends_at <= body.starts_at {
        return Err(fault("/ends_at", "must be after starts_at"));
    }
    if body.minutes == Some(0) {
        return Err(fault("/minutes", "must be from 1 to 1440"));
    }
    let teacher_id = body.teacher_id.or(viewer.teacher_id());
    if !viewer.is_office() && (teacher_id.is_none() || teacher_id != viewer.teacher_id()) {
        return Err(fault("/teacher_id", "is somebody else's time to offer"));
    }
    if body.class_id.is_some_and(|class| !viewer.is_office() && !viewer.classes().contains(&class)) {
        return Err(fault("/class_id", "is no class that you teach"));
    }
    let length = body.minutes.map_or(body.ends_at - body.starts_at, |minutes| Duration::minutes(minutes.into()));
    let mut slots: Vec<Slot> = Vec::new();
    let mut starts_at = body.starts_at;
    while starts_at + length <= body.ends_at {
        if slots.len() == MOST {
            return Err(fault("/minutes", "makes more than 200 slots"));
        }
        let id = AppointmentSlotId::generate();
        let slot = Slot {
            id,
            school_id: caller.school_id,
            series_id: slots.first().filter(|_| !body.allow_several).map_or(id, |first| first.id),
            kind: body.kind,
            title: body.title.to_string(),
            class_id: body.class_id,
            teacher_id,
            room_id: body.room_id,
            starts_at,
            ends_at: starts_at + length,
            book_until: body.book_until.unwrap_or(starts_at),
            capacity: body.capacity,
            status: Status::Open,
            created_by: caller.user_id,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        slot.check()?;
        slots.push(slot);
        starts_at += length + Duration::minutes(body.pause_minutes.into());
    }
    if slots.is_empty() { Err(fault("/minutes", "is longer than the whole time")) } else { Ok(slots) }
}

/// Whether a slot is for the caller's eyes.
pub(super) fn is_visible(slot: &Slot, viewer: &Viewer) -> bool {
    viewer.works_here() || slot.class_id.is_none_or(|class| viewer.classes().contains(&class))
}

/// Shows a slot.
#[utoipa::path(
    params(("id" = AppointmentSlotId, Path, description = "The slot.")),
    responses((status = 200, body = SlotView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/appointment-slots/{id}")]
async fn show(desk: Records<permits::CalendarRead>, id: IdPath<AppointmentSlotId>) -> Result<Versioned<SlotView>, Problem> {
    let caller = *desk.caller();
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    let mut transaction = desk.read().await?;
    let connection = transaction.connection()?;
    let slot = find_slot(connection, caller.school_id, *id).await?.filter(|slot| is_visible(slot, &viewer));
    let slot = slot.ok_or_else(|| Problem::not_found("slot"))?;
    let taken = taken_seats(connection, caller.school_id, slot.id).await?.len();
    let version = slot.version;
    Ok(Versioned(SlotView::of(slot, i32::try_from(taken).unwrap_or(i32::MAX)), version))
}

/// The slot, if the caller may change it: their own, or any for the office. Nobody else changes it until the transaction ends, books it, or books anything for
/// those who have booked it.
async fn editable(
    connection: &mut PgConnection,
    viewer: &Viewer,
    caller: &Caller,
    id: AppointmentSlotId,
    seen: IfMatch,
) -> Result<Slot, Problem> {
    let school = caller.school_id;
    queue_up(connection, school, &[Queue::Timetable, Queue::Appointments, Queue::Slot(id)]).await?;
    let booked = bookings_of_slot(connection, school, id).await?;
    let of_one = |booking: &Booking| [Some(Queue::Student(booking.student_id)), booking.attending_parent.map(Queue::Parent)];
    let queues: Vec<Queue> = booked.iter().flat_map(of_one).flatten().collect();
    queue_up(connection, school, &queues).await?;
    let slot = find_slot(connection, school, id).await?;
    let slot = slot.filter(|slot| slot.status == Status::Open).ok_or_else(|| Problem::not_found("slot"))?;
    let own = slot.created_by == caller.user_id || (slot.teacher_id.is_some() && slot.teacher_id == viewer.teacher_id());
    if !viewer.is_office() && !own {
        return Err(Problem::forbidden(domain::Permission::CalendarManage));
    }
    seen.require(slot.version)?;
    Ok(slot)
}

/// Changes a slot. Whoever has booked keeps their seat.
#[utoipa::path(
    request_body = ChangeSlot,
    params(("id" = AppointmentSlotId, Path, description = "The slot."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = SlotView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/appointment-slots/{id}")]
async fn change(
    desk: Records<permits::CalendarWrite>,
    id: IdPath<AppointmentSlotId>,
    seen: IfMatch,
    body: Body<ChangeSlot>,
) -> Result<Versioned<SlotView>, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let viewer = Viewer::of(&desk.directory(), &caller, now.date_naive()).await?;
    let zone = zone_of(desk.platform(), caller.school_id).await?;
    let holidays = holidays_about(&desk, &[body.starts_at, body.ends_at].into_iter().flatten().collect::<Vec<_>>()).await?;
    let (slot, taken) = desk
        .change(async |transaction| {
            let connection = transaction.connection()?;
            let before = editable(connection, &viewer, &caller, *id, seen).await?;
            let body = body.0.clone();
            let slot = Slot {
                title: body.title.map_or_else(|| before.title.clone(), Into::into),
                room_id: body.room_id.apply(before.room_id),
                starts_at: body.starts_at.unwrap_or(before.starts_at),
                ends_at: body.ends_at.unwrap_or(before.ends_at),
                book_until: body.book_until.unwrap_or(before.book_until),
                capacity: body.capacity.unwrap_or(before.capacity),
                version: before.version.next(),
                updated_at: now,
                ..before.clone()
            };
            slot.check()?;
            take_room(connection, &slot, Some(&before), zone).await?;
            if (slot.starts_at, slot.ends_at) != (before.starts_at, before.ends_at) {
                gives_no_lesson(transaction, std::slice::from_ref(&slot), &holidays, zone).await?;
            }
            let connection = transaction.connection()?;
            save_slot(connection, &slot).await.map_err(|error| refuse(SLOT_RULES, error))?;
            let booked = bookings_of_slot(connection, caller.school_id, slot.id).await?;
            if place(&slot) != place(&before) {
                let told = booked.iter().map(|booking| about_booking(EventKind::AppointmentMoved, &caller, booking, now));
                tell_all(&*transaction, &told.collect::<Result<Vec<_>, _>>()?).await?;
            }
            Ok((slot, i32::try_from(booked.len()).unwrap_or(i32::MAX)))
        })
        .await?;
    let version = slot.version;
    Ok(Versioned(SlotView::of(slot, taken), version))
}

/// Calls a slot off, with all of its bookings.
#[utoipa::path(
    params(("id" = AppointmentSlotId, Path, description = "The slot."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "Called off."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/appointment-slots/{id}")]
async fn cancel(desk: Records<permits::CalendarWrite>, id: IdPath<AppointmentSlotId>, seen: IfMatch) -> Result<NoContent, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let viewer = Viewer::of(&desk.directory(), &caller, now.date_naive()).await?;
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        let slot = editable(connection, &viewer, &caller, *id, seen).await?;
        let slot = Slot { status: Status::Cancelled, version: slot.version.next(), updated_at: now, ..slot };
        save_slot(connection, &slot).await?;
        let booked = cancel_bookings(connection, caller.school_id, slot.id, now).await?;
        let told = booked.iter().map(|booking| about_booking(EventKind::AppointmentCancelled, &caller, booking, now));
        tell_all(&*transaction, &told.collect::<Result<Vec<_>, _>>()?).await
    })
    .await?;
    Ok(NoContent)
}
