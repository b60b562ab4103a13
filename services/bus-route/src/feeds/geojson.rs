//! Features for maps, after RFC 7946: places are longitude first, then latitude.

use serde_json::{Value, json};

use super::realtime::Running;
use crate::model::geo::Place;
use crate::model::occupancy::Occupancy;
use crate::model::route::Stop;
use crate::store::Plan;

/// The routes that are run as lines, and their stops as points.
pub(crate) fn network(plan: &Plan) -> Value {
    let mut features = Vec::new();
    for route in &plan.routes {
        let stops: Vec<&Stop> = plan.stops.iter().filter(|stop| stop.route_id == route.id).collect();
        // A line has two ends.
        if stops.len() > 1 {
            let line: Vec<Value> = stops.iter().map(|stop| position(stop.place())).collect();
            let properties = json!({"kind": "route", "route_id": route.id, "name": route.name, "code": route.code});
            features.push(feature(&route.id.to_string(), &json!({"type": "LineString", "coordinates": line}), &properties));
        }
        features.extend(stops.into_iter().map(|stop| {
            let properties = json!({"kind": "stop", "stop_id": stop.id, "route_id": stop.route_id, "name": stop.name, "position": stop.position,
                "pickup_time": stop.pickup_time, "drop_time": stop.drop_time});
            feature(&stop.id.to_string(), &point(stop.place()), &properties)
        }));
    }
    collection(&features)
}

/// The buses that are on a trip, where they were last.
pub(crate) fn vehicles(running: &[Running]) -> Value {
    let features = running.iter().filter_map(|trip| {
        let (course, latest) = (&trip.course, trip.progress.latest?);
        let properties = json!({"kind": "vehicle", "vehicle_id": course.vehicle_id, "registration": course.registration, "trip_id": course.trip_id,
            "route_id": course.route_id, "route_name": course.route_name, "direction": course.direction, "recorded_at": latest.recorded_at,
            "speed_mps": latest.speed_mps.or(trip.progress.speed_mps), "heading_degrees": latest.heading_degrees,
            "delay_seconds": trip.progress.delay(course).map(|delay| delay.num_seconds()), "occupancy": Occupancy::of(trip.aboard, course.capacity)});
        Some(feature(&course.trip_id.to_string(), &point(latest.place()), &properties))
    });
    collection(&features.collect::<Vec<_>>())
}

fn collection(features: &[Value]) -> Value {
    json!({"type": "FeatureCollection", "features": features})
}

fn feature(id: &str, geometry: &Value, properties: &Value) -> Value {
    json!({"type": "Feature", "id": id, "geometry": geometry, "properties": properties})
}

fn point(place: Place) -> Value {
    json!({"type": "Point", "coordinates": position(place)})
}

fn position(place: Place) -> Value {
    json!([place.longitude, place.latitude])
}
