//! The manifest of a trip: who is to ride, where they get on or off, and who is on board.

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{BusRouteId, BusTripId, StopId, StudentId};
use serde::Serialize;
use service_kit::permits::TransportOperate;
use service_kit::{CommonProblems, IdPath, Permit, Problem};
use store::StoreError;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::boarding::Boarding;
use crate::model::route::Direction;
use crate::model::trip::TripState;
use crate::store as tables;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// The manifest of a trip.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusManifest)]
pub struct Manifest {
    /// The trip.
    trip_id: BusTripId,
    /// The route.
    route_id: BusRouteId,
    /// What it is called.
    route_name: String,
    /// The vehicle's number plate.
    registration: String,
    /// Seats for students.
    capacity: i32,
    /// Which way.
    direction: Direction,
    /// The school's day.
    service_date: NaiveDate,
    /// How far the trip is.
    state: TripState,
    /// How many are on board.
    aboard: usize,
    /// The stops, in the order in which the bus serves them.
    stops: Vec<ManifestStop>,
    /// Who has a seat, in the order of their stops, and then whoever boarded without one.
    students: Vec<ManifestStudent>,
}

/// A stop of a trip.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusManifestStop)]
pub struct ManifestStop {
    /// The stop.
    stop_id: StopId,
    /// What it is called.
    name: String,
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// When the bus should be there.
    scheduled_at: DateTime<Utc>,
}

/// A student on a manifest.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusManifestStudent)]
pub struct ManifestStudent {
    /// The student.
    student_id: StudentId,
    /// The student's name.
    name: String,
    /// The number under which the student is known in the school.
    admission_number: String,
    /// Where the student gets on or off; none for whoever has no seat.
    stop_id: Option<StopId>,
    /// What the stop is called.
    stop_name: Option<String>,
    /// Whether the student is on the bus.
    is_aboard: bool,
    /// When the student got on.
    boarded_at: Option<DateTime<Utc>>,
    /// When the student got off.
    alighted_at: Option<DateTime<Utc>>,
}

/// The manifest of a trip, as it is now: for its driver and the office.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), responses((status = 200, body = Manifest), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/trips/{id}/manifest")]
async fn show(permit: Permit<TransportOperate>, id: IdPath<BusTripId>, rooms: Data<Rooms>) -> Result<Json<Manifest>, Problem> {
    let caller = permit.caller();
    let (course, state) = rooms.own_trip(caller, *id).await?;
    let school = caller.school_id;
    let mut boardings = tables::boardings_of(&rooms.platform, school, *id).await?;
    let mut transaction = tables::reading(&rooms.platform, school).await?;
    let connection = transaction.connection()?;
    let riders = tables::riders(&mut *connection, school, course.route_id, course.direction, course.service_date).await?;
    let aboard = boardings.iter().filter(|boarding| boarding.is_aboard()).count();
    let mut students: Vec<ManifestStudent> = riders
        .into_iter()
        .map(|rider| {
            let part = boardings.iter().position(|boarding| boarding.student_id == rider.student_id).map(|at| boardings.swap_remove(at));
            student(rider.student_id, rider.name, rider.admission_number, Some((rider.stop_id, rider.stop_name)), part.as_ref())
        })
        .collect();
    let others: Vec<uuid::Uuid> = boardings.iter().map(|boarding| boarding.student_id.as_uuid()).collect();
    let names: Vec<(uuid::Uuid, String, String)> = sqlx::query_as(
        "SELECT s.id, u.full_name, s.admission_number FROM students s JOIN users u ON u.id = s.user_id WHERE s.school_id = $1 AND s.id = ANY ($2)
         ORDER BY u.full_name, s.id",
    )
    .bind(school.as_uuid())
    .bind(others)
    .fetch_all(connection)
    .await
    .map_err(StoreError::from)?;
    students.extend(names.into_iter().map(|(id, name, number)| {
        let id = StudentId::from_uuid(id);
        student(id, name, number, None, boardings.iter().find(|boarding| boarding.student_id == id))
    }));
    let stops = course.calls.into_iter().map(|call| ManifestStop {
        stop_id: call.stop_id,
        name: call.name,
        latitude: call.latitude,
        longitude: call.longitude,
        scheduled_at: call.scheduled_at,
    });
    Ok(Json(Manifest {
        trip_id: course.trip_id,
        route_id: course.route_id,
        route_name: course.route_name,
        registration: course.registration,
        capacity: course.capacity,
        direction: course.direction,
        service_date: course.service_date,
        state,
        aboard,
        stops: stops.collect(),
        students,
    }))
}

fn student(
    student_id: StudentId,
    name: String,
    admission_number: String,
    stop: Option<(StopId, String)>,
    part: Option<&Boarding>,
) -> ManifestStudent {
    let (stop_id, stop_name) = stop.unzip();
    ManifestStudent {
        student_id,
        name,
        admission_number,
        stop_id,
        stop_name,
        is_aboard: part.is_some_and(Boarding::is_aboard),
        boarded_at: part.map(|part| part.boarded_at),
        alighted_at: part.and_then(|part| part.alighted_at),
    }
}
