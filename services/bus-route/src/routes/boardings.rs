//! Boarding and alighting, as the driver notes it, and who boarded a trip. A note is kept by the write buffer, also while PostgreSQL is away: what Redis knows of the trip
//! will do then ([`crate::store`]), and what is to follow from the note follows when its event comes ([`crate::after_trip`]). A student's own are in
//! [`super::student_boardings`].

use ::store::StoreError;
use actix_web::web::Data;
use actix_web::{get, post};
use chrono::{DateTime, Utc};
use domain::{BusTripId, ServiceName, StopId, StudentId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportOperate;
use service_kit::{Body, Caller, CommonProblems, IdPath, Kind, Limit, Page, Paging, Params, Permit, Problem, Versioned, filters};
use std::time::Duration;
use tracing::warn;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::{Absence, Found, Operation, ReadError, WriteError};

use super::{Rooms, wrong};
use crate::model::boarding::{Boarding, BoardingKind, Note, Noted, note};
use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::{after_trip, events, store};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(board).service(list);
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
    if !rooms.is_student(caller, *id, body.student_id).await? {
        return Err(wrong("/student_id", "there is no such student in this school"));
    }
    if body.stop_id.is_some_and(|stop| !course.calls.iter().any(|call| call.stop_id == stop)) {
        return Err(wrong("/stop_id", "is no stop of this trip"));
    }
    let mut tries = 0;
    let (row, asked) = loop {
        tries += 1;
        match try_note(&rooms, caller, &course, &body).await {
            Ok(noted) => break noted,
            Err(Refusal::Raced) if tries < TRIES => {}
            Err(Refusal::Raced) => return Err(away()),
            Err(Refusal::Problem(problem)) => return Err(problem),
        }
    };
    // The trip may have ended meanwhile; whoever ends it looks at the notes only after that. From here on the note is kept, and its event does the same again.
    if asked && let Err(problem) = after_trip::after_note(&rooms.platform, &row, caller.actor()).await {
        warn!(%problem, trip = %row.trip_id, "what follows from a note on a trip follows when its event comes");
    }
    let version = row.version;
    Ok(Versioned(row.into(), version))
}

/// Which boardings of a trip.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BoardingList {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those who are on board, or only those who got off.
    is_aboard: Option<bool>,
}
filters!(BoardingList);

/// Who boarded a trip, in the order in which they did first, with all that was noted: for its driver and the office. What was noted a moment ago is in it.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path), BoardingList), responses((status = 200, body = Page<BoardingView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/trips/{id}/boardings")]
async fn list(
    permit: Permit<TransportOperate>,
    id: IdPath<BusTripId>,
    rooms: Data<Rooms>,
    list: Params<BoardingList>,
) -> Result<Page<BoardingView>, Problem> {
    let caller = permit.caller();
    rooms.own_trip(caller, *id).await?;
    let paging = Paging::of(&rooms.platform, caller, format!("boardings of {}", *id), &list.0);
    let after: Option<(DateTime<Utc>, Uuid)> = paging.after()?;
    let mut rows = store::boardings_of(&rooms.platform, caller.school_id, *id).await?;
    rows.retain(|row| {
        list.is_aboard.is_none_or(|wanted| row.is_aboard() == wanted) && after.is_none_or(|after| (row.created_at, row.id) > after)
    });
    rows.sort_by_key(|row| (row.created_at, row.id));
    Ok(paging.page(rows, |last| (last.created_at, last.id)).map(BoardingView::from))
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

fn away() -> Problem {
    Problem::unavailable(Duration::from_secs(1), "The student's part in this trip")
}

impl Rooms {
    /// Whether there is such a student. While PostgreSQL is away whoever has a seat on the trip is one.
    async fn is_student(&self, caller: &Caller, trip: BusTripId, student: StudentId) -> Result<bool, Problem> {
        match self.directory.learner(caller.school_id, student).await {
            Err(StoreError::Unavailable(_)) if store::had_a_seat(&self.platform, caller.school_id, trip, student).await => Ok(true),
            found => Ok(found?.is_some()),
        }
    }
}

/// Notes it, or finds that it was. With it goes whether PostgreSQL could be asked, if it had to be.
async fn try_note(rooms: &Rooms, caller: &Caller, course: &Course, new: &NewNote) -> Result<(Boarding, bool), Refusal> {
    let (school, now) = (caller.school_id, rooms.platform.clock().now());
    let (before, absence, asked) = match store::find_boarding(&rooms.platform, school, course.trip_id, new.student_id).await {
        Ok(Found::Row(row)) => (Some(row), None, true),
        Ok(Found::Absent(absence)) => (None, Some(absence), true),
        // Whoever gets on is noted: what was noted of this trip is still in Redis, and should there be more, the two are told apart when they are saved. Of whoever gets
        // off nobody can say now when they got on.
        Err(ReadError::Store(StoreError::Unavailable(_))) if new.kind == BoardingKind::Boarded => (None, Some(Absence::unproven()), false),
        Err(error) => return Err(error.into()),
    };
    let seen = before.as_ref().map(|row| row.version);
    let wanted = Note { kind: new.kind, at: new.at.unwrap_or(now), stop_id: new.stop_id, noted_by: caller.user_id };
    let row = match note(school, course.trip_id, new.student_id, before, wanted, course.started_at, now) {
        Noted::Known(row) => return Ok((row, asked)),
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
        Ok(_) => Ok((row, asked)),
        Err(WriteError::Conflict(_) | WriteError::Exists | WriteError::Evicted) => Err(Refusal::Raced),
        Err(error) => Err(error.into()),
    }
}
