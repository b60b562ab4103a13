//! What the realtime feeds say. Nothing in them is about a student: not who is on board, and not who was left behind.

use chrono::NaiveDate;
use domain::{BusRouteId, BusTripId, SchoolId, Timestamp};

use super::messages::{
    Alert, Effect, EntitySelector, FeedEntity, FeedHeader, FeedMessage, OccupancyStatus, Position, ScheduleRelationship, StopTimeEvent,
    StopTimeUpdate, TimeRange, TranslatedString, Translation, TripDescriptor, TripUpdate, VehicleDescriptor, VehiclePosition,
    VehicleStopStatus,
};
use super::{direction_number, trip_name};
use crate::model::alert;
use crate::model::occupancy::{Occupancy, percentage};
use crate::model::progress::{Course, Progress};
use crate::model::route::Direction;

/// `OTHER_CAUSE` of the definition's `Cause`: nobody says why.
const OTHER_CAUSE: i32 = 2;

/// A trip that runs, and how it goes.
#[derive(Debug, Clone)]
pub struct Running {
    /// What does not change.
    pub course: Course,
    /// How it goes.
    pub progress: Progress,
    /// How many are on board.
    pub aboard: usize,
}

/// A feed of `entities`, made at `now`.
#[must_use]
pub fn feed(entity: Vec<FeedEntity>, now: Timestamp) -> FeedMessage {
    let header = FeedHeader { gtfs_realtime_version: "2.0".to_owned(), incrementality: Some(0), timestamp: seconds(now) };
    FeedMessage { header, entity }
}

/// Where the buses are.
#[must_use]
pub fn vehicle_positions(running: &[Running]) -> Vec<FeedEntity> {
    let entity = |trip: &Running| {
        let latest = trip.progress.latest?;
        let next = trip.course.calls.get(trip.progress.passed);
        let vehicle = VehiclePosition {
            trip: Some(descriptor(&trip.course)),
            position: Some(Position {
                latitude: single(latest.latitude),
                longitude: single(latest.longitude),
                bearing: latest.heading_degrees.map(single),
                speed: latest.speed_mps.or(trip.progress.speed_mps).map(single),
            }),
            current_stop_sequence: next.and_then(|_| u32::try_from(trip.progress.passed + 1).ok()),
            current_status: next.map(|_| VehicleStopStatus::InTransitTo.into()),
            timestamp: seconds(latest.recorded_at),
            stop_id: next.map(|call| call.stop_id.to_string()),
            vehicle: Some(vehicle(&trip.course)),
            occupancy_status: Some(occupancy(Occupancy::of(trip.aboard, trip.course.capacity)).into()),
            occupancy_percentage: percentage(trip.aboard, trip.course.capacity),
        };
        Some(FeedEntity { id: trip.course.trip_id.to_string(), vehicle: Some(vehicle), ..FeedEntity::default() })
    };
    running.iter().filter_map(entity).collect()
}

/// When the buses will be at their stops.
#[must_use]
pub fn trip_updates(running: &[Running]) -> Vec<FeedEntity> {
    let entity = |trip: &Running| {
        let stop_time_update = trip.progress.etas(&trip.course).into_iter().filter_map(|eta| {
            let place = trip.course.calls.iter().position(|call| call.stop_id == eta.stop_id)?;
            let delay = i32::try_from((eta.expected_at - eta.scheduled_at).num_seconds()).ok();
            Some(StopTimeUpdate {
                stop_sequence: u32::try_from(place + 1).ok(),
                arrival: Some(StopTimeEvent { delay, time: Some(eta.expected_at.timestamp()) }),
                stop_id: Some(eta.stop_id.to_string()),
            })
        });
        let update = TripUpdate {
            trip: descriptor(&trip.course),
            stop_time_update: stop_time_update.collect(),
            vehicle: Some(vehicle(&trip.course)),
            timestamp: trip.progress.latest.and_then(|latest| seconds(latest.recorded_at)),
            delay: trip.progress.delay(&trip.course).and_then(|delay| i32::try_from(delay.num_seconds()).ok()),
        };
        FeedEntity { id: trip.course.trip_id.to_string(), trip_update: Some(update), ..FeedEntity::default() }
    };
    running.iter().map(entity).collect()
}

/// A run that does not take place.
#[must_use]
pub fn cancelled(trip: BusTripId, route: BusRouteId, direction: Direction, day: NaiveDate) -> FeedEntity {
    let trip_descriptor =
        TripDescriptor { schedule_relationship: Some(ScheduleRelationship::Canceled.into()), ..run(route, direction, day) };
    let update = TripUpdate { trip: trip_descriptor, stop_time_update: Vec::new(), vehicle: None, timestamp: None, delay: None };
    FeedEntity { id: trip.to_string(), trip_update: Some(update), ..FeedEntity::default() }
}

/// What riders should know. `trips` are the courses of the trips that alerts are about.
#[must_use]
pub fn alerts(open: &[alert::Alert], trips: &[Course], school: SchoolId) -> Vec<FeedEntity> {
    let entity = |row: &alert::Alert| {
        let about = row.trip_id.and_then(|trip| trips.iter().find(|course| course.trip_id == trip));
        let selector = match (about, row.route_id) {
            (Some(course), _) => EntitySelector { trip: Some(descriptor(course)), ..EntitySelector::default() },
            (None, Some(route)) => EntitySelector { route_id: Some(route.to_string()), ..EntitySelector::default() },
            (None, None) => EntitySelector { agency_id: Some(school.to_string()), ..EntitySelector::default() },
        };
        let alert = Alert {
            active_period: vec![TimeRange { start: seconds(row.begins_at), end: row.ends_at.and_then(seconds) }],
            informed_entity: vec![selector],
            cause: Some(OTHER_CAUSE),
            effect: Some(effect(row.effect).into()),
            header_text: Some(text(&row.header)),
            description_text: row.description.as_deref().map(text),
        };
        FeedEntity { id: row.id.to_string(), alert: Some(alert), ..FeedEntity::default() }
    };
    // What is about a student goes to nobody outside, whoever asks for which alerts.
    open.iter().filter(|row| row.student_id.is_none()).map(entity).collect()
}

fn descriptor(course: &Course) -> TripDescriptor {
    run(course.route_id, course.direction, course.service_date)
}

fn run(route: BusRouteId, direction: Direction, day: NaiveDate) -> TripDescriptor {
    TripDescriptor {
        trip_id: Some(trip_name(route, direction)),
        start_date: Some(day.format("%Y%m%d").to_string()),
        schedule_relationship: None,
        route_id: Some(route.to_string()),
        direction_id: Some(direction_number(direction)),
    }
}

fn vehicle(course: &Course) -> VehicleDescriptor {
    VehicleDescriptor { id: Some(course.vehicle_id.to_string()), license_plate: Some(course.registration.clone()) }
}

const fn occupancy(occupancy: Occupancy) -> OccupancyStatus {
    match occupancy {
        Occupancy::Empty => OccupancyStatus::Empty,
        Occupancy::ManySeatsAvailable => OccupancyStatus::ManySeatsAvailable,
        Occupancy::FewSeatsAvailable => OccupancyStatus::FewSeatsAvailable,
        Occupancy::Full => OccupancyStatus::Full,
    }
}

const fn effect(effect: alert::Effect) -> Effect {
    match effect {
        alert::Effect::NoService => Effect::NoService,
        alert::Effect::ReducedService => Effect::ReducedService,
        alert::Effect::SignificantDelays => Effect::SignificantDelays,
        alert::Effect::Detour => Effect::Detour,
        alert::Effect::AdditionalService => Effect::AdditionalService,
        alert::Effect::ModifiedService => Effect::ModifiedService,
        alert::Effect::OtherEffect => Effect::OtherEffect,
        alert::Effect::StopMoved => Effect::StopMoved,
        alert::Effect::NoEffect => Effect::NoEffect,
    }
}

fn text(text: &str) -> TranslatedString {
    TranslatedString { translation: vec![Translation { text: text.to_owned() }] }
}

fn seconds(instant: Timestamp) -> Option<u64> {
    u64::try_from(instant.timestamp()).ok()
}

// The format has 32 bits: a metre or so.
#[allow(clippy::cast_possible_truncation)]
const fn single(number: f64) -> f32 {
    number as f32
}
