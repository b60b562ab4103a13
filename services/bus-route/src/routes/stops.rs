//! The stops of a route, as one list in the order in which the bus picks up.

use actix_web::{get, put};
use chrono::NaiveTime;
use domain::{BusRouteId, Fault, StopId, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Problem, Versioned};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::forget_courses;
use crate::desk::Desk;
use crate::model::route::{BusRoute, Stop};
use crate::model::timetable::{self, Entry};
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(replace);
}

/// The stops of a route.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusRouteStops)]
pub struct RouteStops {
    /// The route.
    route_id: BusRouteId,
    /// Its stops, in the order in which the bus picks up; on the way home it runs them the other way round.
    stops: Vec<Stop>,
    /// The route's version, which the stops are a part of.
    version: Version,
}

/// A stop of the list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusStop)]
pub struct NewStop {
    /// The stop that it is; left out for a new one.
    id: Option<StopId>,
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Text<200>,
    /// Degrees north.
    #[schema(minimum = -90, maximum = 90)]
    latitude: f64,
    /// Degrees east.
    #[schema(minimum = -180, maximum = 180)]
    longitude: f64,
    /// When the bus comes in the morning, by the school's clock: later than at the stop before.
    #[schema(value_type = Option<String>, example = "07:20:00")]
    pickup_time: Option<NaiveTime>,
    /// When it comes on the way home: earlier than at the stop before.
    #[schema(value_type = Option<String>, example = "16:55:00")]
    drop_time: Option<NaiveTime>,
    /// How far it is from the school along the road: what the fee goes by.
    #[schema(minimum = 0)]
    distance_metres: Option<i32>,
}

/// All stops of a route.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplaceBusStops)]
pub struct ReplaceStops {
    /// In the order in which the bus picks up.
    #[schema(max_items = 100)]
    stops: Vec<NewStop>,
}

/// The stops of a route that are served.
#[utoipa::path(tag = "bus-route", params(("id" = BusRouteId, Path)), responses((status = 200, body = RouteStops), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/routes/{id}/stops")]
async fn list(desk: Desk<TransportManage>, id: IdPath<BusRouteId>) -> Result<Versioned<RouteStops>, Problem> {
    let mut transaction = desk.read().await?;
    let route = store::find(&mut transaction, *id).await?;
    let school = transaction.school_id();
    let stops = store::stops_of(transaction.connection()?, school, *id).await?;
    Ok(Versioned(RouteStops { route_id: *id, stops, version: route.version }, route.version))
}

/// Replaces the stops of a route. A stop that is left out goes, unless somebody has a seat that begins or ends there: 409.
#[utoipa::path(tag = "bus-route", params(("id" = BusRouteId, Path)), request_body = ReplaceStops, responses((status = 200, body = RouteStops), CommonProblems, EditProblems), security(("bearer" = [])))]
#[put("/api/v1/bus/routes/{id}/stops")]
async fn replace(
    desk: Desk<TransportManage>,
    id: IdPath<BusRouteId>,
    based_on: IfMatch,
    body: Body<ReplaceStops>,
) -> Result<Versioned<RouteStops>, Problem> {
    let wanted = body.into_inner().stops;
    let school = desk.caller().school_id;
    let entries: Vec<Entry> = wanted.iter().map(NewStop::entry).collect();
    let (answer, running) = desk
        .change(async |transaction| {
            let route = store::edit(transaction, *id, based_on).await?;
            let mut faults = timetable::faults(&entries, "/stops");
            let known: Vec<StopId> = all_stops(transaction, *id).await?;
            let mut seen = Vec::new();
            for (index, stop) in wanted.iter().enumerate() {
                if let Some(stop) = stop.id {
                    if !known.contains(&stop) {
                        faults.push(Fault::new(format!("/stops/{index}/id"), "is no stop of this route"));
                    }
                    if seen.contains(&stop) {
                        faults.push(Fault::new(format!("/stops/{index}/id"), "is in the list twice"));
                    }
                    seen.push(stop);
                }
            }
            if !faults.is_empty() {
                return Err(Problem::invalid(faults));
            }
            let now = desk.now();
            let stops: Vec<Stop> = wanted
                .iter()
                .zip(1..)
                .map(|(stop, position)| Stop {
                    id: stop.id.unwrap_or_else(StopId::generate),
                    school_id: school,
                    route_id: *id,
                    position,
                    name: stop.name.as_str().to_owned(),
                    latitude: stop.latitude,
                    longitude: stop.longitude,
                    pickup_time: stop.pickup_time,
                    drop_time: stop.drop_time,
                    distance_metres: stop.distance_metres,
                    version: Version::FIRST,
                    created_at: now,
                    updated_at: now,
                })
                .collect();
            let today = desk.today(transaction).await?;
            store::replace_stops(transaction, *id, &stops, today, now).await?;
            let route = BusRoute { version: route.version.next(), updated_at: now, ..route };
            store::save(transaction, &route).await?;
            let stops = store::stops_of(transaction.connection()?, school, *id).await?;
            let running = store::running_trips(transaction.connection()?, school, Some(*id)).await?;
            Ok((Versioned(RouteStops { route_id: *id, stops, version: route.version }, route.version), running))
        })
        .await?;
    forget_courses(desk.platform(), running, school).await;
    Ok(answer)
}

impl NewStop {
    const fn entry(&self) -> Entry {
        Entry {
            latitude: self.latitude,
            longitude: self.longitude,
            pickup_time: self.pickup_time,
            drop_time: self.drop_time,
            distance_metres: self.distance_metres,
        }
    }
}

async fn all_stops(transaction: &mut ::store::SchoolTransaction, route: BusRouteId) -> Result<Vec<StopId>, Problem> {
    let school = transaction.school_id();
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM route_stops WHERE school_id = $1 AND route_id = $2")
        .bind(school.as_uuid())
        .bind(route.as_uuid())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(::store::StoreError::from)?;
    Ok(ids.into_iter().map(StopId::from_uuid).collect())
}
