//! Where buses are: taking positions in, and showing the latest.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use chrono::{DateTime, Utc};
use domain::{BusTripId, ServiceName, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::{TransportOperate, TransportRead};
use service_kit::{Body, Caller, CommonProblems, IdPath, Kind, Permit, Problem};
use tracing::warn;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::Operation;

use super::{Rooms, wrong};
use crate::live::{Told, Update};
use crate::model::position::{Fix, MOST, Track};
use crate::model::progress::{Course, Happened, Progress};
use crate::model::trip::TripState;
use crate::store::{self, Live};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(take).service(show);
}

/// How often a trip is moved on anew when somebody else moved it meanwhile.
const TRIES: usize = 100;

/// A position, as the device on the bus tells it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusPosition)]
pub struct NewPosition {
    /// When the bus was there, by the device's clock: not older than a week.
    recorded_at: DateTime<Utc>,
    /// Degrees north.
    #[schema(minimum = -90, maximum = 90)]
    latitude: f64,
    /// Degrees east.
    #[schema(minimum = -180, maximum = 180)]
    longitude: f64,
    /// Metres a second.
    #[schema(minimum = 0, maximum = 100)]
    speed_mps: Option<f64>,
    /// Degrees clockwise from north, below 360.
    #[schema(minimum = 0)]
    heading_degrees: Option<f64>,
}

/// Positions of one bus on one trip, in whatever order.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusPositions)]
pub struct NewPositions {
    /// The positions.
    #[schema(min_items = 1, max_items = 500)]
    positions: Vec<NewPosition>,
}

/// What was taken in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AcceptedBusPositions)]
pub struct Accepted {
    /// How many positions.
    accepted: usize,
    /// Of when the trip's latest position is now; none if that is not known at the moment.
    latest_recorded_at: Option<DateTime<Utc>>,
}

/// Takes positions in: from the trip's driver, or the office. An instant of a bus is one position, sent however often. Positions that come late, even after the trip,
/// are stored, and never become the latest.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), request_body = NewPositions, responses((status = 200, body = Accepted), (status = 409, description = "The trip has not begun."), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/trips/{id}/positions")]
async fn take(
    permit: Permit<TransportOperate>,
    id: IdPath<BusTripId>,
    rooms: Data<Rooms>,
    body: Body<NewPositions>,
) -> Result<Json<Accepted>, Problem> {
    let caller = permit.caller();
    let (course, state, seen) = rooms.own_trip_and_live(caller, *id).await?;
    if !matches!(state, TripState::Running | TripState::Finished) {
        return Err(Problem::conflict(Kind::Conflict, "The trip has not begun, or does not take place."));
    }
    let now = rooms.platform.clock().now();
    let fixes = fixes(&body.positions, now)?;
    let accepted = fixes.len();
    let track = Track {
        id: Uuid::now_v7(),
        school_id: caller.school_id,
        vehicle_id: course.vehicle_id,
        trip_id: course.trip_id,
        received_at: now,
        fixes,
        version: Version::FIRST,
    };
    let operation = Operation::new(caller.school_id, ServiceName::BusRoute).create(&track);
    rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::BusRoute), operation).await?;
    // From here on the positions are kept: whatever else fails is made good by the next ones.
    let live = match seen {
        _ if state == TripState::Running => rooms.move_on(caller, &course, seen, &track.fixes).await,
        Some(live) => Ok(live),
        None => store::begin_live(&rooms.platform, &course).await,
    };
    let latest = match live {
        Ok(live) => live.progress.latest,
        Err(problem) => {
            warn!(%problem, "a position is stored and not shown");
            None
        }
    };
    Ok(Json(Accepted { accepted, latest_recorded_at: latest.map(|fix| fix.recorded_at) }))
}

/// Where the bus is, or was last: for the office, its driver, and the parents of those who have a seat on it. 404 before the first position.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), responses((status = 200, body = Update), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/trips/{id}/position")]
async fn show(permit: Permit<TransportRead>, id: IdPath<BusTripId>, rooms: Data<Rooms>) -> Result<Json<Update>, Problem> {
    let (course, _, sight) = rooms.seen_trip(permit.caller(), *id).await?;
    let live = store::begin_live(&rooms.platform, &course).await?;
    let update = Update::of(&course, &live.progress).ok_or_else(|| Problem::not_found("position"))?;
    Ok(Json(update.seen(&sight)))
}

fn fixes(positions: &[NewPosition], now: DateTime<Utc>) -> Result<Vec<Fix>, Problem> {
    if positions.is_empty() || positions.len() > MOST {
        return Err(wrong("/positions", "must have from 1 to 500 positions"));
    }
    let mut faults = Vec::new();
    let fixes: Vec<Fix> = positions
        .iter()
        .enumerate()
        .map(|(index, position)| {
            // As precise as the table: an instant must be the same one wherever it is compared.
            let recorded_at = DateTime::from_timestamp_micros(position.recorded_at.timestamp_micros()).unwrap_or(position.recorded_at);
            let fix = Fix {
                recorded_at,
                latitude: position.latitude,
                longitude: position.longitude,
                speed_mps: position.speed_mps,
                heading_degrees: position.heading_degrees,
            };
            fix.faults(&format!("/positions/{index}"), now, &mut faults);
            fix
        })
        .collect();
    if faults.is_empty() { Ok(fixes) } else { Err(Problem::invalid(faults)) }
}

impl Rooms {
    /// Moves a trip on by positions that are stored, and tells what that brought.
    async fn move_on(&self, caller: &Caller, course: &Course, seen: Option<Live>, fixes: &[Fix]) -> Result<Live, Problem> {
        let redis = self.platform.redis();
        // Something older than the store has by now does no harm: it is compared when it is written.
        let mut live = match seen {
            Some(live) => live,
            None => store::begin_live(&self.platform, course).await?,
        };
        for _ in 0..TRIES {
            let mut progress = live.progress.clone();
            let happened = progress.advance(course, fixes);
            if !happened.moved {
                return Ok(live);
            }
            self.tell(caller, course, &happened, &live.progress, &mut progress).await;
            let next = Live { revision: live.revision + 1, progress };
            let told = Update::of(course, &next.progress).map(Told::Moved);
            live = match store::move_live(redis, course, live.revision, &next, &told).await? {
                Ok(()) => return Ok(next),
                Err(Some(present)) => present,
                Err(None) => store::begin_live(&self.platform, course).await?,
            };
        }
        Err(Problem::unavailable(std::time::Duration::from_secs(1), "The trip, which many move at once,"))
    }

    /// Notes and tells arrivals, delays and alarms before the trip moves on past them. What can't be noted now comes again with the next position.
    async fn tell(&self, caller: &Caller, course: &Course, happened: &Happened, before: &Progress, after: &mut Progress) {
        if !happened.arrived.is_empty()
            && let Err(problem) = store::tell_arrivals(&self.platform, course, &happened.arrived, caller.actor()).await
        {
            warn!(%problem, "an arrival could not be noted");
            after.untold.clone_from(&happened.arrived);
        }
        if let Some(delay) = happened.delayed
            && let Err(problem) = store::tell_delay(&self.platform, course, delay, Some(caller.actor())).await
        {
            warn!(%problem, "a delay could not be noted");
            (after.delay_told, after.told_delay) = (before.delay_told, before.told_delay);
        }
        if happened.on_time
            && let Err(problem) = store::made_up(&self.platform, course).await
        {
            warn!(%problem, "that a delay is made up could not be noted");
            (after.delay_told, after.told_delay) = (before.delay_told, before.told_delay);
        }
        if !happened.rings.is_empty()
            && let Err(problem) = store::ring(&self.platform, course, &happened.rings, caller.actor()).await
        {
            warn!(%problem, "alarms could not be rung");
            after.rung.clone_from(&before.rung);
        }
    }
}
