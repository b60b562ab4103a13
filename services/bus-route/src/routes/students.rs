//! A student's bus: for the student's own parents, the driver of the trip, and the office. For everybody else there is none.

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use domain::{BusAssignmentId, BusRouteId, BusTripId, Role, StopId, StudentId};
use serde::Serialize;
use service_kit::permits::TransportRead;
use service_kit::{Caller, CommonProblems, IdPath, Permit, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::is_office;
use crate::model::eta::StopEta;
use crate::model::progress::Course;
use crate::model::route::{Assignment, Direction};
use crate::model::trip::TripState;
use crate::store as tables;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// A student's bus.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StudentBus {
    /// The student.
    student_id: StudentId,
    /// The seats that are held today or later.
    seats: Vec<StudentSeat>,
}

/// A seat of a student.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StudentSeat {
    /// The seat.
    assignment_id: BusAssignmentId,
    /// Which way.
    direction: Direction,
    /// The first day.
    begin_date: NaiveDate,
    /// The last day, inclusive.
    end_date: Option<NaiveDate>,
    /// The route.
    route_id: BusRouteId,
    /// What it is called.
    route_name: String,
    /// The stop.
    stop_id: StopId,
    /// What it is called.
    stop_name: String,
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// When the bus comes, by the school's clock.
    #[schema(value_type = Option<String>)]
    time: Option<NaiveTime>,
    /// Today's trip, if there is one and the seat is held today; one that was called off unless another was planned instead.
    trip: Option<SeatTrip>,
}

/// Today's trip of a seat.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SeatTrip {
    /// The trip.
    trip_id: BusTripId,
    /// How far it is.
    state: TripState,
    /// The vehicle's number plate.
    registration: String,
    /// When the bus was, or will be, at the student's stop, while it runs.
    at_stop: Option<StopEta>,
    /// When the student got on.
    boarded_at: Option<DateTime<Utc>>,
    /// When the student got off.
    alighted_at: Option<DateTime<Utc>>,
}

/// A student's seats, stops and today's trips.
#[utoipa::path(tag = "bus-route", params(("id" = StudentId, Path)), responses((status = 200, body = StudentBus), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/students/{id}/bus")]
async fn show(permit: Permit<TransportRead>, id: IdPath<StudentId>, rooms: Data<Rooms>) -> Result<Json<StudentBus>, Problem> {
    let caller = permit.caller();
    let school = caller.school_id;
    let missing = || Problem::not_found("student");
    let mut transaction = tables::reading(&rooms.platform, school).await?;
    let connection = transaction.connection()?;
    let zone = tables::zone(&mut *connection, school).await?;
    let today = rooms.platform.clock().now().with_timezone(&zone).date_naive();
    let seats = tables::seats_of(&mut *connection, school, *id, today).await?;
    // Given back before another one is asked for: as many requests as there are connections, each waiting for a second one, would wait for one another.
    drop(transaction);
    let Some(seats) = rooms.visible(caller, *id, seats, today).await? else { return Err(missing()) };
    let mut transaction = tables::reading(&rooms.platform, school).await?;
    let routes: Vec<BusRouteId> = seats.iter().map(|seat| seat.route_id).collect();
    let connection = transaction.connection()?;
    let names = tables::names_of_routes(&mut *connection, school, &routes).await?;
    let stops = tables::stops_of_routes(&mut *connection, school, &routes).await?;
    let runs = tables::runs_of_routes(connection, school, &routes, today).await?;
    drop(transaction);
    let trips: Vec<BusTripId> = runs.iter().map(|run| run.id).collect();
    let courses = tables::courses_of(&rooms.platform, school, &trips).await?;
    let mut views = Vec::with_capacity(seats.len());
    for seat in seats {
        let stop = stops.get(&seat.route_id).and_then(|stops| stops.iter().find(|stop| stop.id == seat.stop_id)).cloned();
        let (Some(stop), Some(route_name)) = (stop, names.get(&seat.route_id).cloned()) else { continue };
        let run = runs.iter().find(|run| run.route_id == seat.route_id && run.direction == seat.direction && seat.covers(today));
        let course = run.and_then(|run| courses.iter().find(|(course, _)| course.trip_id == run.id));
        let trip = match course {
            Some((course, state)) => Some(rooms.seat_trip(course, *state, *id, seat.stop_id).await?),
            None => None,
        };
        views.push(StudentSeat {
            assignment_id: seat.id,
            direction: seat.direction,
            begin_date: seat.begin_date,
            end_date: seat.end_date,
            route_id: seat.route_id,
            route_name,
            stop_id: seat.stop_id,
            latitude: stop.latitude,
            longitude: stop.longitude,
            time: stop.time(seat.direction),
            stop_name: stop.name,
            trip,
        });
    }
    Ok(Json(StudentBus { student_id: *id, seats: views }))
}

impl Rooms {
    /// As many of a student's seats as the caller may see; none if not even that there is such a student.
    async fn visible(
        &self,
        caller: &Caller,
        student: StudentId,
        seats: Vec<Assignment>,
        today: NaiveDate,
    ) -> Result<Option<Vec<Assignment>>, Problem> {
        if is_office(caller) {
            let known = self.directory.learner(caller.school_id, student).await?;
            return Ok(known.map(|_| seats));
        }
        if self.children(caller).await?.contains(&student) {
            return Ok(Some(seats));
        }
        if caller.role != Role::Staff {
            return Ok(None);
        }
        let mut transaction = tables::reading(&self.platform, caller.school_id).await?;
        let connection = transaction.connection()?;
        let Some(staff) = tables::staff_of(&mut *connection, caller.school_id, caller.user_id).await? else { return Ok(None) };
        let driven = tables::driven_by(connection, caller.school_id, staff, today).await?;
        let on_board = |seat: &Assignment| seat.covers(today) && driven.contains(&(seat.route_id, seat.direction));
        let seen: Vec<Assignment> = seats.into_iter().filter(on_board).collect();
        Ok(if seen.is_empty() { None } else { Some(seen) })
    }

    async fn seat_trip(&self, course: &Course, state: TripState, student: StudentId, stop: StopId) -> Result<SeatTrip, Problem> {
        let live = if state == TripState::Running { tables::begin_live(&self.platform, course).await.ok() } else { None };
        let at_stop = live.and_then(|live| live.progress.etas(course).into_iter().find(|eta| eta.stop_id == stop));
        let part = tables::find_boarding(&self.platform, course.school_id, course.trip_id, student).await?.row();
        Ok(SeatTrip {
            trip_id: course.trip_id,
            state,
            registration: course.registration.clone(),
            at_stop,
            boarded_at: part.as_ref().map(|part| part.boarded_at),
            alighted_at: part.and_then(|part| part.alighted_at),
        })
    }
}
