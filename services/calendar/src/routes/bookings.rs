//! Bookings of exams' and meetings' times: one seat a student, never more than there are, whoever comes first.

use actix_web::{HttpResponse, delete, get, post};
use chrono::{DateTime, Utc};
use domain::{AppointmentBookingId, AppointmentSlotId, EventKind, Fault, Permission, Role, StudentId, Text, UserId, Version};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind as ProblemKind, Limit, NoContent, Page, Params, Problem, filters,
    permits,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Records;
use super::access::Viewer;
use super::slots::is_visible;
use crate::events::{about_booking, tell};
use crate::model::slot::{Booking, BookingStatus, Kind, Refused, Slot};
use crate::store::{
    BOOKING_RULES, BookingFilter, Queue, find_booking, find_slot, insert_booking, list_bookings, lock_slot, queue_up, save_booking,
    taken_seats,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(cancel);
}

/// A booking.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookingView {
    /// Its id.
    id: AppointmentBookingId,
    /// The slot.
    slot_id: AppointmentSlotId,
    /// When it begins.
    starts_at: DateTime<Utc>,
    /// When it is over.
    ends_at: DateTime<Utc>,
    /// The student.
    student_id: StudentId,
    /// The number of the seat, from 1.
    seat: i32,
    /// Who booked.
    booked_by: UserId,
    /// What the teacher should know.
    note: Option<String>,
    /// Whether it stands.
    status: BookingStatus,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
}

impl From<Booking> for BookingView {
    fn from(row: Booking) -> Self {
        let Booking { id, slot_id, starts_at, ends_at, student_id, seat, booked_by, note, status, version, .. } = row;
        Self { id, slot_id, starts_at, ends_at, student_id, seat, booked_by, note, status, version }
    }
}

/// A booking to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBooking {
    /// The student: oneself, or a child of the caller; any for the office. May be left out by a student, and by a parent of one child.
    student_id: Option<StudentId>,
    /// What the teacher should know.
    note: Option<Text<500>>,
}

/// Books a time. Of two who want the last seat one gets it, the other 409. Of times that were offered together a student gets one, and a parent has one meeting at
/// a time.
#[utoipa::path(
    request_body = CreateBooking,
    params(
        ("id" = AppointmentSlotId, Path, description = "The slot."),
        ("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer."),
    ),
    responses((status = 201, body = BookingView), (status = 409, description = "All seats are taken, it is too late, or the student or the parent has another appointment."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/appointment-slots/{id}/bookings")]
async fn create(
    desk: Records<permits::AppointmentsBook>,
    id: IdPath<AppointmentSlotId>,
    body: Body<CreateBooking>,
) -> Result<HttpResponse, Problem> {
    let (caller, now, directory) = (*desk.caller(), desk.now(), desk.directory());
    let viewer = Viewer::of(&directory, &caller, now.date_naive()).await?;
    let student = whom(&viewer, body.student_id)?;
    // Asked for before the slot is held: over a connection of its own, for which others may wait who wait for the slot.
    let learner = match viewer.learner(student) {
        Some(learner) => Some(learner.clone()),
        None => directory.learner(caller.school_id, student).await?,
    };
    let no_student = || Problem::invalid(vec![Fault::new("/student_id", "there is no such student in this school")]);
    let learner = learner.ok_or_else(no_student)?;
    desk.create(&(*id, &body.0), async |transaction| {
        let connection = transaction.connection()?;
        // Whoever else books this slot waits here, and whoever books something else for the student, or as the parent.
        let parent = (caller.role == Role::Parent).then_some(caller.user_id);
        let queues = [Some(Queue::Slot(*id)), Some(Queue::Student(student)), parent.map(Queue::Parent)];
        queue_up(connection, caller.school_id, &queues.into_iter().flatten().collect::<Vec<_>>()).await?;
        let slot = lock_slot(connection, caller.school_id, *id).await?.filter(|slot| is_visible(slot, &viewer));
        let slot = slot.ok_or_else(|| Problem::not_found("slot"))?;
        if caller.role == Role::Student && slot.kind == Kind::Meeting {
            return Err(Problem::forbidden(Permission::CalendarManage));
        }
        slot.is_bookable(now).map_err(refused)?;
        if slot.class_id.is_some_and(|class| !viewer.is_in(&learner, class)) {
            return Err(refused(Refused::OtherClass));
        }
        let seat = slot.free_seat(&taken_seats(connection, caller.school_id, slot.id).await?).map_err(refused)?;
        let booking = Booking {
            id: AppointmentBookingId::generate(),
            school_id: caller.school_id,
            slot_id: slot.id,
            series_id: slot.series_id,
            slot_capacity: slot.capacity,
            starts_at: slot.starts_at,
            ends_at: slot.ends_at,
            seat,
            student_id: student,
            booked_by: caller.user_id,
            attending_parent: parent.filter(|_| slot.kind == Kind::Meeting),
            note: body.note.clone().map(Into::into),
            status: BookingStatus::Booked,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        insert_booking(connection, &booking).await.map_err(|error| refuse(BOOKING_RULES, error))?;
        tell(&*transaction, &about_booking(EventKind::AppointmentBooked, &caller, &booking, now)?).await?;
        let (version, location) = (booking.version, format!("/api/v1/appointment-bookings/{}", booking.id));
        Ok(Created { body: BookingView::from(booking), version, location })
    })
    .await
}

/// For whom the caller books.
fn whom(viewer: &Viewer, named: Option<StudentId>) -> Result<StudentId, Problem> {
    let invalid = |detail: &str| Problem::invalid(vec![Fault::new("/student_id", detail)]);
    match (named, viewer.learners()) {
        (Some(student), _) if viewer.is_office() || viewer.learner(student).is_some() => Ok(student),
        (Some(_), _) => Err(invalid("is neither you nor a child of yours")),
        (None, [only]) => Ok(only.student_id),
        (None, _) => Err(invalid("says who is to come, and is missing")),
    }
}

fn refused(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::Cancelled => "It was called off.",
        Refused::TooLate => "It is too late for that.",
        Refused::OtherClass => "It is for another class.",
        Refused::Full => "All seats are taken.",
    };
    Problem::conflict(ProblemKind::Conflict, detail)
}

/// Which bookings to list.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListBookings {
    /// Of this slot only.
    #[param(inline)]
    slot_id: Option<AppointmentSlotId>,
    /// That are not over by then; now, if left out.
    from: Option<DateTime<Utc>>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ListBookings);

/// Lists bookings in order of time: one's own, those of one's children, those with oneself for a teacher, all for the office.
#[utoipa::path(params(ListBookings), responses((status = 200, body = Page<BookingView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/appointment-bookings")]
async fn list(desk: Records<permits::CalendarRead>, params: Params<ListBookings>) -> Result<Page<BookingView>, Problem> {
    let caller = *desk.caller();
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    if caller.role == Role::Staff || (caller.role == Role::Teacher && viewer.teacher_id().is_none()) {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let paging = desk.paging("bookings", &params.0);
    let after: Option<(DateTime<Utc>, Uuid)> = paging.after()?;
    let filter = BookingFilter {
        slot: params.slot_id,
        students: (!viewer.works_here()).then(|| viewer.learners().iter().map(|learner| learner.student_id).collect()),
        teacher: viewer.teacher_id(),
        from: Some(params.from.unwrap_or_else(|| desk.now())),
        after,
    };
    let mut transaction = desk.read().await?;
    let rows = list_bookings(transaction.connection()?, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.starts_at, last.id.as_uuid()));
    Ok(page.map(Into::into))
}

/// Gives a booking up: until the slot can no longer be booked, or at any time for the office.
#[utoipa::path(
    params(("id" = AppointmentBookingId, Path, description = "The booking."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "The seat is free again."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/appointment-bookings/{id}")]
async fn cancel(desk: Records<permits::AppointmentsBook>, id: IdPath<AppointmentBookingId>, seen: IfMatch) -> Result<NoContent, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let viewer = Viewer::of(&desk.directory(), &caller, now.date_naive()).await?;
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        let booking = find_booking(connection, caller.school_id, *id).await?;
        let booking = booking.filter(|booking| viewer.is_office() || viewer.learner(booking.student_id).is_some());
        let booking = booking.filter(|booking| booking.status == BookingStatus::Booked).ok_or_else(|| Problem::not_found("booking"))?;
        seen.require(booking.version)?;
        let slot: Option<Slot> = find_slot(connection, caller.school_id, booking.slot_id).await?;
        if let Some(slot) = slot.filter(|_| !viewer.is_office()) {
            slot.is_bookable(now).map_err(refused)?;
        }
        let booking = Booking { status: BookingStatus::Cancelled, version: booking.version.next(), updated_at: now, ..booking };
        save_booking(connection, &booking).await?;
        tell(&*transaction, &about_booking(EventKind::AppointmentCancelled, &caller, &booking, now)?).await?;
        Ok(())
    })
    .await?;
    Ok(NoContent)
}
