//! A school's feeds as files, `tests/reference/*`, for readers that are not ours: `tests/reference/reference.py` opens them with `gtfs_kit`, with the official
//! Python bindings and with GDAL, and writes down what it reads. Here both are compared with what is made now.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use chrono::{Duration, NaiveDate};
use domain::{BusAlertId, BusRouteId, BusTripId, SchoolId, StopId, Timestamp, VehicleId, Version};
use prost::Message;
use serde_json::{Value, json};
use uuid::Uuid;

use super::geojson;
use super::realtime::{self, Running};
use super::schedule;
use crate::model::alert::{self, AlertKind, Effect};
use crate::model::eta::Call;
use crate::model::position::Fix;
use crate::model::progress::{Course, Progress};
use crate::model::route::{BusRoute, Direction, Stop};
use crate::model::timetable;
use crate::store::{Agency, Plan};

fn now() -> Timestamp {
    "2026-07-01T02:05:00Z".parse().unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn plan() -> Plan {
    let school = SchoolId::from_uuid(id(1));
    let route = |number: u128, name: &str, code: Option<&str>| BusRoute {
        id: BusRouteId::from_uuid(id(number)),
        school_id: school,
        name: name.to_owned(),
        code: code.map(str::to_owned),
        vehicle_id: None,
        driver_staff_id: None,
        capacity: 40,
        is_active: true,
        version: Version::FIRST,
        created_at: now(),
        updated_at: now(),
    };
    let stops = (0..4_u32).flat_map(|at| {
        [(10, 0.0), (11, 1.0)].map(|(route, west)| Stop {
            id: StopId::from_uuid(id(route * 100 + u128::from(at))),
            school_id: school,
            route_id: BusRouteId::from_uuid(id(route)),
            position: i32::try_from(at + 1).unwrap(),
            // What a table of commas must bear.
            name: format!("Stop {at}, \"the {}\"", ["well", "mill", "gate", "école"][at as usize]),
            latitude: 12.9 + f64::from(at) * 0.01,
            longitude: 77.6 - west,
            pickup_time: format!("07:{:02}:00", 30 + at * 4).parse().ok(),
            // The second route takes nobody home from its last stop.
            drop_time: if route == 11 && at == 3 { None } else { format!("16:{:02}:00", 50 - at * 4).parse().ok() },
            distance_metres: None,
            version: Version::FIRST,
            created_at: now(),
            updated_at: now(),
        })
    });
    let date = |text: &str| text.parse::<NaiveDate>().unwrap();
    Plan {
        agency: Agency { id: school, name: "Greenfield, Public School".to_owned(), time_zone: "Asia/Kolkata".to_owned() },
        routes: vec![route(10, "North", Some("N")), route(11, "West", None)],
        stops: stops.collect(),
        weekdays: vec![1, 2, 3, 4, 5, 6],
        begin: date("2026-06-01"),
        end: date("2027-03-31"),
        holidays: vec![date("2026-08-15"), date("2026-10-02")],
        changed_at: now(),
    }
}

fn running() -> Vec<Running> {
    let plan = plan();
    let stops: Vec<Stop> = plan.stops.into_iter().filter(|stop| stop.route_id.as_uuid() == id(10)).collect();
    let calls = timetable::run(&stops, Direction::Pickup).into_iter().zip(0_i64..).map(|(stop, at)| Call {
        stop_id: stop.id,
        name: stop.name,
        latitude: stop.latitude,
        longitude: stop.longitude,
        scheduled_at: "2026-07-01T02:00:00Z".parse::<Timestamp>().unwrap() + Duration::minutes(4 * at),
    });
    let course = Course {
        school_id: plan.agency.id,
        trip_id: BusTripId::from_uuid(id(20)),
        route_id: BusRouteId::from_uuid(id(10)),
        route_name: "North".to_owned(),
        vehicle_id: VehicleId::from_uuid(id(30)),
        registration: "KA 01 F 1234".to_owned(),
        capacity: 40,
        driver_staff_id: None,
        driver_user_id: None,
        direction: Direction::Pickup,
        service_date: "2026-07-01".parse().unwrap(),
        started_at: None,
        ended_at: None,
        calls: calls.collect(),
        bells: Vec::new(),
    };
    let mut progress = Progress::new(course.trip_id);
    let fix = |seconds: i64, latitude: f64| Fix {
        recorded_at: now() - Duration::seconds(seconds),
        latitude,
        longitude: 77.6,
        speed_mps: Some(9.5),
        heading_degrees: Some(0.0),
    };
    progress.advance(&course, &[fix(130, 12.9), fix(10, 12.91), fix(0, 12.911)]);
    vec![Running { course, progress, aboard: 33 }]
}

fn alerts() -> Vec<alert::Alert> {
    let alert = |number: u128, effect, route: Option<u128>, trip: Option<u128>, student: Option<u128>, header: &str| alert::Alert {
        id: BusAlertId::from_uuid(id(number)),
        school_id: SchoolId::from_uuid(id(1)),
        kind: if student.is_some() { AlertKind::NotAlighted } else { AlertKind::Notice },
        effect,
        route_id: route.map(|number| id(number).into()),
        trip_id: trip.map(|number| id(number).into()),
        student_id: student.map(|number| id(number).into()),
        header: header.to_owned(),
        description: (number == 40).then(|| "Until further notice.".to_owned()),
        delay_seconds: None,
        begins_at: now(),
        ends_at: (number == 40).then(|| now() + Duration::hours(2)),
        resolved_at: None,
        resolved_by: None,
        version: Version::FIRST,
        created_at: now(),
        updated_at: now(),
    };
    vec![
        alert(40, Effect::Detour, Some(11), None, None, "Roadworks in the west"),
        alert(41, Effect::SignificantDelays, Some(10), Some(20), None, "North is late"),
        alert(42, Effect::NoEffect, Some(10), Some(20), Some(99), "A student has not got off"),
        alert(43, Effect::NoService, None, None, None, "Snow"),
    ]
}

fn made() -> BTreeMap<&'static str, Vec<u8>> {
    let (running, feed) = (running(), |entities| realtime::feed(entities, now()).encode_to_vec());
    let courses: Vec<Course> = running.iter().map(|trip| trip.course.clone()).collect();
    BTreeMap::from([
        ("routes.geojson", serde_json::to_vec_pretty(&geojson::network(&plan())).unwrap()),
        ("vehicles.geojson", serde_json::to_vec_pretty(&geojson::vehicles(&running)).unwrap()),
        ("gtfs.zip", schedule::archive(&plan(), "https://school.example").unwrap()),
        ("vehicle-positions.pb", feed(realtime::vehicle_positions(&running))),
        ("trip-updates.pb", feed(realtime::trip_updates(&running))),
        ("alerts.pb", feed(realtime::alerts(&alerts(), &courses, SchoolId::from_uuid(id(1))))),
    ])
}

fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

/// The tables of a zip: how they are compressed is nobody's business.
fn tables(zip: &[u8]) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let read = |name: String| {
        let mut text = String::new();
        zip.by_name(&name).unwrap().read_to_string(&mut text).unwrap();
        (name, text)
    };
    names.into_iter().map(read).collect()
}

/// Written by this test when `UPDATE_FEEDS` is set, and compared otherwise.
#[test]
#[allow(clippy::disallowed_methods)] // whoever runs the test says so, not whoever runs the service
fn the_feeds_that_others_have_read_are_the_ones_that_are_made() {
    for (name, bytes) in made() {
        if std::env::var_os("UPDATE_FEEDS").is_some() {
            std::fs::write(place(name), &bytes).unwrap();
        }
        let committed = std::fs::read(place(name)).unwrap();
        if name == "gtfs.zip" {
            assert_eq!(tables(&committed), tables(&bytes), "{name}: run this test with UPDATE_FEEDS=1, then reference.py");
        } else {
            assert!(committed == bytes, "{name}: run this test with UPDATE_FEEDS=1, then reference.py");
        }
    }
}

#[test]
fn independent_readers_read_what_was_meant() {
    let readings: Value = serde_json::from_slice(&std::fs::read(place("readings.json")).unwrap()).unwrap();
    let schedule = &readings["gtfs"];
    let counts =
        json!({"agency": 1, "stops": 8, "routes": 2, "trips": 4, "stop_times": 15, "calendar": 1, "calendar_dates": 2, "feed_info": 1});
    assert_eq!(schedule["rows"], counts);
    assert_eq!(schedule["faults"], json!([]), "ids that point nowhere, times that go back");
    assert_eq!(schedule["agency"], json!({"name": "Greenfield, Public School", "timezone": "Asia/Kolkata"}));
    assert_eq!(schedule["stop_name"], "Stop 3, \"the école\"");
    // Six days a week from June to March, without two holidays.
    let days = (0..304).map(|days| plan().begin + Duration::days(days));
    let sundays = days.clone().filter(|day| chrono::Datelike::weekday(day) == chrono::Weekday::Sun).count();
    assert_eq!(days.clone().next_back(), Some(plan().end));
    assert_eq!(schedule["school_days"], json!(304 - sundays - 2));
    let north = format!("{}-pickup", id(10));
    assert_eq!(schedule["first_trip"], json!({"trip_id": north, "times": ["07:30:00", "07:34:00", "07:38:00", "07:42:00"]}));

    let vehicle = &readings["vehicle_positions"][0];
    assert_eq!(vehicle["trip"], json!({"trip_id": north, "start_date": "20260701", "route_id": id(10), "direction_id": 0}));
    let expected = json!({"latitude": 12.911, "longitude": 77.6, "speed": 9.5, "bearing": 0.0});
    assert_eq!(vehicle["position"], expected);
    assert_eq!(
        (&vehicle["status"], &vehicle["occupancy"], &vehicle["percentage"]),
        (&json!("IN_TRANSIT_TO"), &json!("FEW_SEATS_AVAILABLE"), &json!(83))
    );
    assert_eq!((&vehicle["stop_sequence"], &vehicle["stop_id"], &vehicle["plate"]), (&json!(3), &json!(id(1002)), &json!("KA 01 F 1234")));
    assert_eq!(vehicle["timestamp"], json!(now().timestamp()));

    let etas = running()[0].progress.etas(&running()[0].course);
    let expected: Vec<Value> = etas
        .iter()
        .zip(1..)
        .map(|(eta, sequence)| {
            let delay = (eta.expected_at - eta.scheduled_at).num_seconds();
            json!({"stop_sequence": sequence, "stop_id": eta.stop_id, "time": eta.expected_at.timestamp(), "delay": delay})
        })
        .collect();
    assert_eq!(readings["trip_updates"][0]["stops"], json!(expected));
    assert_eq!(readings["trip_updates"][0]["trip"], vehicle["trip"]);

    let about = |alert: &Value| (alert["header"].clone(), alert["effect"].clone(), alert["about"].clone());
    let alerts: Vec<_> = readings["alerts"].as_array().unwrap().iter().map(about).collect();
    assert_eq!(
        alerts,
        [
            (json!("Roadworks in the west"), json!("DETOUR"), json!({"route_id": id(11)})),
            (json!("North is late"), json!("SIGNIFICANT_DELAYS"), json!({"trip_id": north})),
            (json!("Snow"), json!("NO_SERVICE"), json!({"agency_id": id(1)})),
        ]
    );
    assert_eq!(readings["alerts"][0]["period"], json!([now().timestamp(), (now() + Duration::hours(2)).timestamp()]));
    let line: Vec<Value> = (0..4_u32).map(|at| json!([77.6, 12.9 + f64::from(at) * 0.01])).collect();
    assert_eq!(
        readings["geojson"],
        json!({
            "routes": {"kinds": {"route": 2, "stop": 8}, "first": {"id": id(10), "kind": "route", "type": "LineString", "places": line}},
            "vehicles": {"kinds": {"vehicle": 1}, "first": {"id": id(20), "kind": "vehicle", "type": "Point", "places": [[77.6, 12.911]]}},
        })
    );

    for feed in ["vehicle-positions", "trip-updates", "alerts"] {
        assert_eq!(readings["headers"][feed], json!({"version": "2.0", "incrementality": "FULL_DATASET", "timestamp": now().timestamp()}));
    }
}
