//! The realtime feeds, in protobuf.

use std::collections::HashMap;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use chrono::Days;
use domain::BusTripId;
use prost::Message;
use service_kit::permits::TransportManage;
use service_kit::{Caller, CommonProblems, Permit, Problem};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::feeds::messages::FeedEntity;
use crate::feeds::realtime::{self, Running};
use crate::model::boarding::Boarding;
use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(vehicle_positions).service(trip_updates).service(alerts);
}

/// The media type of protobuf that the feeds' consumers ask for.
const PROTOBUF: &str = "application/x-protobuf";

/// Where the buses are, as a GTFS-Realtime 2.0 feed.
#[utoipa::path(tag = "bus-route", responses((status = 200, content_type = "application/x-protobuf", body = Vec<u8>, description = "The feed."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/gtfs-rt/vehicle-positions")]
async fn vehicle_positions(permit: Permit<TransportManage>, rooms: Data<Rooms>) -> Result<HttpResponse, Problem> {
    let running = rooms.running(permit.caller(), true).await?;
    Ok(rooms.answer(realtime::vehicle_positions(&running)))
}

/// How many days ahead it is told which runs don't take place.
const AHEAD: Days = Days::new(7);

/// When the buses will be at their stops, and which runs of the next days don't take place, as a GTFS-Realtime 2.0 feed.
#[utoipa::path(tag = "bus-route", responses((status = 200, content_type = "application/x-protobuf", body = Vec<u8>, description = "The feed."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/gtfs-rt/trip-updates")]
async fn trip_updates(permit: Permit<TransportManage>, rooms: Data<Rooms>) -> Result<HttpResponse, Problem> {
    let running = rooms.running(permit.caller(), false).await?;
    let today = rooms.today(permit.caller()).await?;
    let mut transaction = store::reading(&rooms.platform, permit.school_id).await?;
    let cancelled = store::cancelled_trips(transaction.connection()?, permit.school_id, today, today + AHEAD).await?;
    let cancelled = cancelled.into_iter().map(|run| realtime::cancelled(run.trip_id, run.route_id, run.direction, run.service_date));
    Ok(rooms.answer(realtime::trip_updates(&running).into_iter().chain(cancelled).collect()))
}

/// What riders should know, as a GTFS-Realtime 2.0 feed. Nothing that is about a student.
#[utoipa::path(tag = "bus-route", responses((status = 200, content_type = "application/x-protobuf", body = Vec<u8>, description = "The feed."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/gtfs-rt/alerts")]
async fn alerts(permit: Permit<TransportManage>, rooms: Data<Rooms>) -> Result<HttpResponse, Problem> {
    let (school, now) = (permit.school_id, rooms.platform.clock().now());
    let open = store::open_notices(&mut store::reading(&rooms.platform, school).await?, now).await?;
    let trips: Vec<BusTripId> = open.iter().filter_map(|alert| alert.trip_id).collect();
    let courses: Vec<Course> = store::courses_of(&rooms.platform, school, &trips).await?.into_iter().map(|(course, _)| course).collect();
    Ok(rooms.answer(realtime::alerts(&open, &courses, school)))
}

impl Rooms {
    /// The trips that run now.
    pub(super) async fn running(&self, caller: &Caller, with_occupancy: bool) -> Result<Vec<Running>, Problem> {
        let school = caller.school_id;
        let mut transaction = store::reading(&self.platform, school).await?;
        let trips = store::running_trips(transaction.connection()?, school, None).await?;
        drop(transaction);
        let boardings = if with_occupancy { store::boardings_of_trips(&self.platform, school, &trips).await? } else { Vec::new() };
        let mut aboard: HashMap<BusTripId, usize> = HashMap::new();
        for boarding in boardings.iter().filter(|boarding| Boarding::is_aboard(boarding)) {
            *aboard.entry(boarding.trip_id).or_default() += 1;
        }
        let mut courses = store::courses_of(&self.platform, school, &trips).await?;
        // One may have ended since.
        courses.retain(|(_, state)| *state == TripState::Running);
        let lives = store::lives_of(&self.platform, &courses.iter().map(|(course, _)| course).collect::<Vec<_>>()).await?;
        let running = courses.into_iter().zip(lives).map(|((course, _), live)| {
            let aboard = aboard.get(&course.trip_id).copied().unwrap_or_default();
            Running { course, progress: live.progress, aboard }
        });
        Ok(running.collect())
    }

    fn answer(&self, entities: Vec<FeedEntity>) -> HttpResponse {
        let feed = realtime::feed(entities, self.platform.clock().now());
        HttpResponse::Ok().content_type(PROTOBUF).insert_header((header::CACHE_CONTROL, "private, no-store")).body(feed.encode_to_vec())
    }
}
