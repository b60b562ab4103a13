//! The realtime feeds, in protobuf.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use prost::Message;
use service_kit::permits::TransportManage;
use service_kit::{Caller, CommonProblems, Permit, Problem};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::feeds::messages::FeedEntity;
use crate::feeds::realtime::{self, Running};
use crate::model::boarding::Boarding;
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

/// When the buses will be at their stops, as a GTFS-Realtime 2.0 feed.
#[utoipa::path(tag = "bus-route", responses((status = 200, content_type = "application/x-protobuf", body = Vec<u8>, description = "The feed."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/gtfs-rt/trip-updates")]
async fn trip_updates(permit: Permit<TransportManage>, rooms: Data<Rooms>) -> Result<HttpResponse, Problem> {
    let running = rooms.running(permit.caller(), false).await?;
    Ok(rooms.answer(realtime::trip_updates(&running)))
}

/// What riders should know, as a GTFS-Realtime 2.0 feed. Nothing that is about a student.
#[utoipa::path(tag = "bus-route", responses((status = 200, content_type = "application/x-protobuf", body = Vec<u8>, description = "The feed."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/gtfs-rt/alerts")]
async fn alerts(permit: Permit<TransportManage>, rooms: Data<Rooms>) -> Result<HttpResponse, Problem> {
    let (school, now) = (permit.school_id, rooms.platform.clock().now());
    let open = store::open_notices(&mut store::reading(&rooms.platform, school).await?, now).await?;
    let mut courses = Vec::new();
    for trip in open.iter().filter_map(|alert| alert.trip_id) {
        courses.extend(store::any_course(&rooms.platform, school, trip).await?.map(|(course, _)| course));
    }
    Ok(rooms.answer(realtime::alerts(&open, &courses, school)))
}

impl Rooms {
    /// The trips that run now.
    pub(super) async fn running(&self, caller: &Caller, with_occupancy: bool) -> Result<Vec<Running>, Problem> {
        let school = caller.school_id;
        let mut transaction = store::reading(&self.platform, school).await?;
        let trips = store::running_trips(transaction.connection()?, school, None).await?;
        drop(transaction);
        let mut running = Vec::with_capacity(trips.len());
        for trip in trips {
            // It may have ended since.
            let Some(course) = store::course(&self.platform, school, trip).await? else { continue };
            let live = store::begin_live(&self.platform, &course).await?;
            let boardings = if with_occupancy { store::boardings_of(&self.platform, school, trip).await? } else { Vec::new() };
            let aboard = boardings.iter().filter(|boarding| Boarding::is_aboard(boarding)).count();
            running.push(Running { course, progress: live.progress, aboard });
        }
        Ok(running)
    }

    fn answer(&self, entities: Vec<FeedEntity>) -> HttpResponse {
        let feed = realtime::feed(entities, self.platform.clock().now());
        HttpResponse::Ok().content_type(PROTOBUF).insert_header((header::CACHE_CONTROL, "private, no-store")).body(feed.encode_to_vec())
    }
}
