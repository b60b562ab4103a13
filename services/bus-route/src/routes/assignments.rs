//! Seats on routes: who rides where, in which direction, from when to when.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{Days, NaiveDate};
use domain::{BusAssignmentId, BusRouteId, Fault, Patch, StopId, StudentId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::{SchoolTransaction, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::bus_routes::existing;
use super::wrong;
use crate::desk::Desk;
use crate::model::route::{Assignment, AssignmentStatus, BusRoute, Direction, Stop};
use crate::store as tables;

/// How many days ahead a seat can begin.
const AHEAD: Days = Days::new(366);

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(cancel);
}

/// A seat to be taken.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusAssignment)]
pub struct NewAssignment {
    /// The student.
    student_id: StudentId,
    /// The route.
    route_id: BusRouteId,
    /// Where the student gets on or off: a stop of the route that is served in this direction.
    stop_id: StopId,
    /// Which way.
    direction: Direction,
    /// The first day: at most 366 days ahead.
    begin_date: NaiveDate,
    /// The last day, inclusive; none means open.
    end_date: Option<NaiveDate>,
}

/// What changes; what is left out stays as it is. To ride on another route, end this seat and take another.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeBusAssignment)]
pub struct ChangeAssignment {
    /// Another stop of the route.
    stop_id: Option<StopId>,
    /// The last day, inclusive; null means open. Later is possible as long as there is room.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    end_date: Patch<NaiveDate>,
}

/// Which seats.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AssignmentList {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// On this route only.
    #[param(inline)]
    route_id: Option<BusRouteId>,
    /// Of this student only.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// In this direction only.
    #[param(inline)]
    direction: Option<Direction>,
    /// Held on this day only.
    on: Option<NaiveDate>,
}
filters!(AssignmentList);

/// Seats, in the order in which they were taken.
#[utoipa::path(tag = "bus-route", params(AssignmentList), responses((status = 200, body = Page<Assignment>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/assignments")]
async fn list(desk: Desk<TransportManage>, list: Params<AssignmentList>) -> Result<Page<Assignment>, Problem> {
    let paging = desk.paging("bus assignments", &list.0);
    let after: Option<Uuid> = paging.after()?;
    let filter = tables::AssignmentFilter { route: list.route_id, student: list.student_id, direction: list.direction, on: list.on, after };
    let rows = tables::list_assignments(&mut desk.read().await?, &filter, paging.limit()).await?;
    Ok(paging.page(rows, |last| last.id.as_uuid()))
}

/// Takes a seat. What it costs is told to fee, once for each student, direction and month, where a slab says so; a month that was charged is not charged again for
/// another seat.
#[utoipa::path(
    tag = "bus-route",
    request_body = NewAssignment,
    responses((status = 201, body = Assignment), (status = 409, description = "The route, or the vehicle of a planned trip, is full on one of the days, or the student has a seat in this direction then."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/bus/assignments")]
async fn create(desk: Desk<TransportManage>, body: Body<NewAssignment>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        // From here on nobody else takes a seat of this route until the commit.
        let route = existing(transaction, new.route_id, "/route_id").await?;
        let today = desk.today(transaction).await?;
        let stop = check(transaction, &new, today).await?;
        let now = desk.now();
        let wish = Assignment {
            id: BusAssignmentId::generate(),
            school_id: transaction.school_id(),
            student_id: new.student_id,
            route_id: route.id,
            route_capacity: route.capacity,
            stop_id: new.stop_id,
            direction: new.direction,
            seat: 0,
            begin_date: new.begin_date,
            end_date: new.end_date,
            status: AssignmentStatus::Active,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        let row = tables::take_seat(transaction, &route, wish, true).await?;
        tables::charge(transaction, &row, &route.name, stop.distance_metres, Some(desk.caller().actor()), today, now).await?;
        Ok(Created { location: format!("/api/v1/bus/assignments/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// A seat.
#[utoipa::path(tag = "bus-route", params(("id" = BusAssignmentId, Path)), responses((status = 200, body = Assignment), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/assignments/{id}")]
async fn show(desk: Desk<TransportManage>, id: IdPath<BusAssignmentId>, known: IfNoneMatch) -> Result<NotModifiedOr<Assignment>, Problem> {
    let row = tables::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(NotModifiedOr(known, row, version))
}

/// Changes where and until when a seat is held.
#[utoipa::path(tag = "bus-route", params(("id" = BusAssignmentId, Path)), request_body = ChangeAssignment, responses((status = 200, body = Assignment), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/assignments/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<BusAssignmentId>,
    based_on: IfMatch,
    body: Body<ChangeAssignment>,
) -> Result<Versioned<Assignment>, Problem> {
    let change = body.into_inner();
    let changed = desk
        .change(async |transaction| {
            let (route, row) = held(transaction, *id, based_on).await?;
            let row = Assignment {
                stop_id: change.stop_id.unwrap_or(row.stop_id),
                end_date: change.end_date.apply(row.end_date),
                version: row.version.next(),
                updated_at: desk.now(),
                ..row
            };
            if row.end_date.is_some_and(|end| end < row.begin_date) {
                return Err(wrong("/end_date", "must not be before begin_date"));
            }
            if change.stop_id.is_some() {
                let stop = served(transaction, row.route_id, row.stop_id, row.direction).await?;
                stop.ok_or_else(|| wrong("/stop_id", "is no stop of the route that is served in this direction"))?;
            }
            let row = tables::take_seat(transaction, &route, row, false).await?;
            let version = row.version;
            Ok(Versioned(row, version))
        })
        .await?;
    tables::rights_changed(desk.platform(), desk.caller().school_id).await;
    Ok(changed)
}

/// Gives a seat back as if it had never been taken; it stays in the list, cancelled. To end it on a day, change its last day. What was charged stays charged: a month
/// that has begun is not given back, and is not charged again if the student takes another seat in it.
#[utoipa::path(tag = "bus-route", params(("id" = BusAssignmentId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/bus/assignments/{id}")]
async fn cancel(desk: Desk<TransportManage>, id: IdPath<BusAssignmentId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        let (_, row) = held(transaction, *id, based_on).await?;
        let row = Assignment { status: AssignmentStatus::Cancelled, version: row.version.next(), updated_at: desk.now(), ..row };
        tables::save(transaction, &row).await
    })
    .await?;
    tables::rights_changed(desk.platform(), desk.caller().school_id).await;
    Ok(NoContent)
}

/// The seat to be changed, with its route locked first, as whoever takes one does.
async fn held(transaction: &mut SchoolTransaction, id: BusAssignmentId, based_on: IfMatch) -> Result<(BusRoute, Assignment), Problem> {
    let seen = tables::find(transaction, id).await?;
    let route = tables::lock(transaction, seen.route_id).await?.ok_or_else(|| Problem::not_found("bus route"))?;
    let row = tables::edit(transaction, id, based_on).await?;
    if row.status == AssignmentStatus::Cancelled {
        return Err(Problem::conflict(service_kit::Kind::Conflict, "This seat was cancelled."));
    }
    Ok((route, row))
}

async fn served(
    transaction: &mut SchoolTransaction,
    route: BusRouteId,
    stop: StopId,
    direction: Direction,
) -> Result<Option<Stop>, StoreError> {
    let school = transaction.school_id();
    let stops = tables::stops_of(transaction.connection()?, school, route).await?;
    Ok(stops.into_iter().find(|candidate| candidate.id == stop && candidate.time(direction).is_some()))
}

/// 422 with everything that is wrong with a wish; else its stop.
async fn check(transaction: &mut SchoolTransaction, new: &NewAssignment, today: NaiveDate) -> Result<Stop, Problem> {
    let school = transaction.school_id();
    let mut faults = Vec::new();
    if new.end_date.is_some_and(|end| end < new.begin_date) {
        faults.push(Fault::new("/end_date", "must not be before begin_date"));
    }
    if new.begin_date > today + AHEAD {
        faults.push(Fault::new("/begin_date", "must be at most 366 days ahead"));
    }
    let is_student: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM students WHERE school_id = $1 AND id = $2 AND status = 'active')")
            .bind(school.as_uuid())
            .bind(new.student_id.as_uuid())
            .fetch_one(transaction.connection()?)
            .await
            .map_err(StoreError::from)?;
    if !is_student {
        faults.push(Fault::new("/student_id", "there is no such student in this school"));
    }
    let stop = served(transaction, new.route_id, new.stop_id, new.direction).await?;
    if stop.is_none() {
        faults.push(Fault::new("/stop_id", "is no stop of the route that is served in this direction"));
    }
    match stop {
        Some(stop) if faults.is_empty() => Ok(stop),
        _ => Err(Problem::invalid(faults)),
    }
}
