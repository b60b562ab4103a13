//! Boarding and alighting, as the driver notes it.

use actix_web::post;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use domain::{BusTripId, ServiceName, StopId, StudentId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportOperate;
use service_kit::{Body, Caller, CommonProblems, IdPath, Kind, Permit, Problem, Versioned};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::{Found, Operation, WriteError};

use super::{Rooms, wrong};
use crate::model::boarding::{Boarding, BoardingKind, Note, Noted, note};
use crate::model::forgotten::should_have_ended;
use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::{after_trip, events, store};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(board);
}

/// How often a note is written anew when somebody else noted something about the student at the same moment.
const TRIES: usize = 16;

/// What is to be noted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBoarding)]
pub struct NewNote {
    /// The student.
    student_id: StudentId,
    /// What happened.
    kind: BoardingKind,
    /// When, not before the trip began; now unless said otherwise.
    at: Option<DateTime<Utc>>,
    /// At which stop of the trip.
    stop_id: Option<StopId>,
}

/// A student's part in a trip.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Boarding)]
pub struct BoardingView {
    /// The trip.
    trip_id: BusTripId,
    /// The student.
    student_id: StudentId,
    /// Whether the student is on the bus.
    is_aboard: bool,
    /// When the student got on, the last time.
    boarded_at: DateTime<Utc>,
    /// When the student got off; none while on board.
    alighted_at: Option<DateTime<Utc>>,
    /// Everything that was noted.
    log: Vec<Note>,
    /// Its version.
    version: Version,
}

impl From<Boarding> for BoardingView {
    fn from(row: Boarding) -> Self {
        Self {
            trip_id: row.trip_id,
            student_id: row.student_id,
            is_aboard: row.is_aboard(),
            boarded_at: row.boarded_at,
            alighted_at: row.alighted_at,
            log: row.log,
            version: row.version,
        }
    }
}

/// Notes that a student boarded or got off: the trip's driver, or the office. Noting the same twice changes nothing. Somebody who was left behind can still get off
/// after the trip has ended; the alert is then resolved.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), request_body = NewNote, responses((status = 200, body = BoardingView), (status = 409, description = "The trip does not run."), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/trips/{id}/boardings")]
async fn board(
    permit: Permit<TransportOperate>,
    id: IdPath<BusTripId>,
    rooms: Data<Rooms>,
    body: Body<NewNote>,
) -> Result<Versioned<BoardingView>, Problem> {
    let caller = permit.caller();
    let (course, state) = rooms.own_trip(caller, *id).await?;
    if !allowed(state, body.kind) {
        return Err(Problem::conflict(Kind::Conflict, "Nobody can board or get off: the trip does not run."));
    }
    if rooms.directory.learner(caller.school_id, body.student_id).await?.is_none() {
        return Err(wrong("/student_id", "there is no such student in this school"));
    }
    if body.stop_id.is_some_and(|stop| !course.calls.iter().any(|call| call.stop_id == stop)) {
        return Err(wrong("/stop_id", "is no stop of this trip"));
    }
    let mut tries = 0;
    let row = loop {
        tries += 1;
        match try_note(&rooms, caller, &course, &body).await {
            Ok(row) => break row,
            Err(Refusal::Raced) if tries < TRIES => {}
            Err(Refusal::Raced) => return Err(Problem::unavailable(std::time::Duration::from_secs(1), "The student's part in this trip")),
            Err(Refusal::Problem(problem)) => return Err(problem),
        }
    };
    // The trip may have ended meanwhile; whoever ends it looks at the notes only after that.
    let is_over = store::any_course(&rooms.platform, caller.school_id, *id).await?.is_some_and(|(_, state)| state == TripState::Finished);
    // Of a trip that should have ended long ago it is told who is on board though it has not.
    if is_over || (body.kind == BoardingKind::Alighted && should_have_ended(&course, None, rooms.platform.clock().now())) {
        match body.kind {
            BoardingKind::Boarded => drop(after_trip::look_for_left_behind(&rooms.platform, &course).await?),
            BoardingKind::Alighted => {
                store::resolve_left_behind(&rooms.platform, caller.school_id, *id, body.student_id, caller.actor()).await?;
            }
        }
    }
    let version = row.version;
    Ok(Versioned(row.into(), version))
}

fn allowed(state: TripState, kind: BoardingKind) -> bool {
    state == TripState::Running || (state == TripState::Finished && kind == BoardingKind::Alighted)
}

enum Refusal {
    Raced,
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

async fn try_note(rooms: &Rooms, caller: &Caller, course: &Course, new: &NewNote) -> Result<Boarding, Refusal> {
    let (school, now) = (caller.school_id, rooms.platform.clock().now());
    let found = store::find_boarding(&rooms.platform, school, course.trip_id, new.student_id).await?;
    let (before, absence) = match found {
        Found::Row(row) => (Some(row), None),
        Found::Absent(absence) => (None, Some(absence)),
    };
    let seen = before.as_ref().map(|row| row.version);
    let wanted = Note { kind: new.kind, at: new.at.unwrap_or(now), stop_id: new.stop_id, noted_by: caller.user_id };
    let row = match note(school, course.trip_id, new.student_id, before, wanted, course.started_at, now) {
        Noted::Known(row) => return Ok(row),
        Noted::Refused(detail) if new.at.is_some() => return Err(wrong("/at", detail).into()),
        Noted::Refused(detail) => return Err(wrong("/student_id", detail).into()),
        Noted::Changed(row) => row,
    };
    let operation = Operation::new(school, ServiceName::BusRoute);
    let operation = match (absence, seen) {
        (Some(absence), _) => operation.create_absent(&row, absence),
        (None, Some(seen)) => operation.update(&row, seen),
        (None, None) => operation.create(&row),
    };
    let operation = operation.event(events::about_boarding(new.kind, caller, &row, now)?);
    match rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::BusRoute), operation).await {
        Ok(_) => Ok(row),
        Err(WriteError::Conflict(_) | WriteError::Exists | WriteError::Evicted) => Err(Refusal::Raced),
        Err(error) => Err(error.into()),
    }
}
