//! Planning the trips of many days in one go.

use actix_web::post;
use actix_web::web::Json;
use chrono::NaiveDate;
use domain::{BusRouteId, BusTripId, Fault, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{Body, CommonProblems, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::wrong;
use crate::desk::Desk;
use crate::model::planning::{self, MOST_RUNS, NoSchool, Prospect, Reason, Run};
use crate::model::route::{BusRoute, Direction};
use crate::model::timetable;
use crate::model::trip::{Trip, TripState};
use crate::store as tables;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(plan);
}

/// Which trips are to be planned.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanBusTrips)]
pub struct PlanTrips {
    /// The first day: today at the earliest, by the school's clock.
    from: NaiveDate,
    /// The last day, inclusive: less than 62 days after the first, and at most 366 days ahead.
    to: NaiveDate,
    /// Of these routes; of all that are run unless said otherwise.
    #[schema(min_items = 1)]
    route_ids: Option<Vec<BusRouteId>>,
    /// In this direction only; in both unless said otherwise.
    direction: Option<Direction>,
}

/// What was planned, and what was not.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PlannedBusTrips)]
pub struct PlannedTrips {
    /// The trips that were planned now, by day.
    planned: Vec<Trip>,
    /// The runs that were not, by day.
    skipped: Vec<SkippedRun>,
    /// The days on which no bus runs.
    days_off: Vec<DayOff>,
}

/// A run that was not planned.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SkippedBusRun)]
pub struct SkippedRun {
    /// The route.
    route_id: BusRouteId,
    /// Which way.
    direction: Direction,
    /// The school's day.
    service_date: NaiveDate,
    /// Why.
    reason: Reason,
    /// In words.
    detail: String,
}

/// A day on which no bus runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusDayOff)]
pub struct DayOff {
    /// The day.
    service_date: NaiveDate,
    /// Why.
    reason: NoSchool,
}

/// Plans the trips of the days from one to another: each run of the routes on each school day, with the route's vehicle and driver. As often as one likes: a run is
/// planned once, and one that was called off is not planned again. What can't be planned is skipped, and said why; at most 2000 runs at once.
#[utoipa::path(tag = "bus-route", request_body = PlanTrips, responses((status = 200, body = PlannedTrips), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/trips/plan")]
async fn plan(desk: Desk<TransportManage>, body: Body<PlanTrips>) -> Result<Json<PlannedTrips>, Problem> {
    let wanted = body.into_inner();
    let school = desk.caller().school_id;
    let working = desk.directory().working_days(school).await?;
    let done = desk.change(async |transaction| {
        let faults = planning::faults(wanted.from, wanted.to, desk.today(transaction).await?);
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let routes = tables::lock_routes(transaction, wanted.route_ids.as_deref()).await?;
        all_are_run(wanted.route_ids.as_deref().unwrap_or_default(), &routes)?;
        let days = (wanted.from, wanted.to);
        let school_days = tables::school_days(transaction.connection()?, school, days, working).await?;
        let mut answer = PlannedTrips { planned: Vec::new(), skipped: Vec::new(), days_off: Vec::new() };
        let mut to_run = Vec::new();
        for day in wanted.from.iter_days().take_while(|day| *day <= wanted.to) {
            match school_days.off(day) {
                Some(reason) => answer.days_off.push(DayOff { service_date: day, reason }),
                None => to_run.push(day),
            }
        }
        let ways: Vec<Direction> = Direction::ALL.into_iter().filter(|way| wanted.direction.is_none_or(|wanted| wanted == *way)).collect();
        if to_run.len() * routes.len() * ways.len() > MOST_RUNS {
            return Err(wrong("/to", &format!("makes more than {MOST_RUNS} runs: plan fewer days or routes at once")));
        }
        let ids: Vec<BusRouteId> = routes.iter().map(|route| route.id).collect();
        let stops = tables::stops_of_routes(transaction.connection()?, school, &ids).await?;
        let known = tables::prospects(transaction, &routes, days).await?;
        let now = desk.now();
        for day in to_run {
            for (route, direction) in routes.iter().flat_map(|route| ways.iter().map(move |way| (route, *way))) {
                let run = Run { route_id: route.id, direction, day };
                let prospect = Prospect {
                    is_planned: known.planned.contains(&run),
                    was_called_off: known.called_off.contains(&run),
                    has_stops: stops.get(&route.id).is_some_and(|stops| !timetable::run(stops, direction).is_empty()),
                    vehicle: route.vehicle_id.and_then(|vehicle| known.vehicles.get(&vehicle)),
                    driver: route.driver_staff_id.map(|staff| known.drivers.get(&staff)),
                };
                match prospect.judge(day) {
                    Ok(vehicle) => answer.planned.push(Trip {
                        id: BusTripId::generate(),
                        school_id: school,
                        route_id: route.id,
                        vehicle_id: vehicle.id,
                        driver_staff_id: route.driver_staff_id,
                        direction,
                        service_date: day,
                        state: TripState::Planned,
                        started_at: None,
                        ended_at: None,
                        version: Version::FIRST,
                        created_at: now,
                        updated_at: now,
                    }),
                    Err(skip) => answer.skipped.push(SkippedRun {
                        route_id: route.id,
                        direction,
                        service_date: day,
                        reason: skip.reason,
                        detail: skip.detail,
                    }),
                }
            }
        }
        tables::insert_trips(transaction, &answer.planned).await?;
        Ok(answer)
    });
    Ok(Json(done.await?))
}

/// 422 if one of the routes that are named is not run.
fn all_are_run(named: &[BusRouteId], routes: &[BusRoute]) -> Result<(), Problem> {
    let missing = named.iter().enumerate().filter(|(_, id)| !routes.iter().any(|route| route.id == **id));
    let faults: Vec<Fault> =
        missing.map(|(index, _)| Fault::new(format!("/route_ids/{index}"), "there is no such route in this school that is run")).collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}
