//! Starting, ending and calling off a trip.

use actix_web::post;
use actix_web::web::Data;
use domain::{BusTripId, EventKind, StudentId};
use serde::Serialize;
use service_kit::permits::{TransportManage, TransportOperate};
use service_kit::{CommonProblems, EditProblems, IdPath, IfMatch, Kind, Problem, Versioned};
use tracing::warn;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::trips::fits;
use crate::desk::Desk;
use crate::live::tell_end;
use crate::model::alert::AlertKind;
use crate::model::trip::{Step, Trip};
use crate::{after_trip, events, store};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(start).service(end).service(cancel);
}

/// A trip that has ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = EndedBusTrip)]
pub struct EndedTrip {
    /// The trip.
    trip: Trip,
    /// Those who boarded and have not got off: look for them on the bus, now. An alert was raised for each.
    not_alighted: Vec<StudentId>,
}

/// Starts a trip on its day, or a day before or after: its driver, or the office. A vehicle and a driver are on one trip at a time, with papers that hold, and the
/// vehicle has room for all who have a seat.
#[utoipa::path(
    tag = "bus-route",
    params(("id" = BusTripId, Path)),
    responses((status = 200, body = Trip), (status = 409, description = "The vehicle or the driver is on another trip or may not drive, the vehicle is too small, it is not the day, or the trip has begun."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/bus/trips/{id}/start")]
async fn start(
    desk: Desk<TransportOperate>,
    id: IdPath<BusTripId>,
    based_on: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<Trip>, Problem> {
    rooms.own_trip(desk.caller(), *id).await?;
    let trip = step(&desk, *id, based_on, Step::Start).await?;
    let version = trip.version;
    Ok(Versioned(trip, version))
}

/// Ends a trip: its driver, or the office. Whoever boarded and has not got off is told of.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), responses((status = 200, body = EndedTrip), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/trips/{id}/end")]
async fn end(
    desk: Desk<TransportOperate>,
    id: IdPath<BusTripId>,
    based_on: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<EndedTrip>, Problem> {
    let (course, _) = rooms.own_trip(desk.caller(), *id).await?;
    let trip = step(&desk, *id, based_on, Step::End).await?;
    store::forget_course(desk.platform(), trip.school_id, trip.id).await;
    tell_end(desk.platform(), &course).await;
    // The event that went with the commit does the same again, should this process not live to do it.
    let not_alighted = match after_trip::look_for_left_behind(desk.platform(), &course).await {
        Ok(students) => students,
        Err(problem) => {
            warn!(%problem, "who was left behind on a trip is found out later");
            Vec::new()
        }
    };
    let version = trip.version;
    Ok(Versioned(EndedTrip { trip, not_alighted }, version))
}

/// Calls a trip off that has not begun. Riders are told so until the end of its day, unless another trip is planned for it.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), responses((status = 200, body = Trip), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/trips/{id}/cancel")]
async fn cancel(desk: Desk<TransportManage>, id: IdPath<BusTripId>, based_on: IfMatch) -> Result<Versioned<Trip>, Problem> {
    let trip = step(&desk, *id, based_on, Step::Cancel).await?;
    let version = trip.version;
    Ok(Versioned(trip, version))
}

async fn step<P>(desk: &Desk<P>, id: BusTripId, based_on: IfMatch, step: Step) -> Result<Trip, Problem> {
    desk.change(async |transaction| {
        if step == Step::Start {
            // The route first, as whoever takes a seat or plans a trip does.
            let seen = store::find(transaction, id).await?;
            store::lock(transaction, seen.route_id).await?;
        }
        let row = store::edit(transaction, id, based_on).await?;
        let now = desk.now();
        let row = row.after(step, now).map_err(|detail| Problem::conflict(Kind::Conflict, detail))?;
        if step == Step::Start {
            let today = desk.today(transaction).await?;
            if !row.may_start_on(today) {
                let detail = format!("A trip starts on its day, {}, or a day before or after.", row.service_date);
                return Err(Problem::conflict(Kind::Conflict, detail));
            }
            // What held when it was planned may have run out, been taken out of use or become too small since.
            fits(transaction, &row, row.service_date.max(today)).await?;
        }
        store::save(transaction, &row).await?;
        let kind = match step {
            Step::Start => EventKind::TransportTripStarted,
            Step::End => {
                store::resolve(transaction, row.id, &[AlertKind::Delay, AlertKind::NotEnded], now).await?;
                EventKind::TransportTripEnded
            }
            Step::Cancel => {
                store::resolve(transaction, row.id, &[AlertKind::Delay], now).await?;
                store::called_off(transaction, &row, now).await?;
                EventKind::TransportTripCancelled
            }
        };
        let event = events::about_trip(kind, desk.caller(), &row, now)?;
        ::events::outbox::enqueue(&*transaction, &event).await.map_err(Problem::internal)?;
        Ok(row)
    })
    .await
}
