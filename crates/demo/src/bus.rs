//! Buses and their drivers, routes and stops, what seats cost, who sits where, and the trips of the last two weeks with a trace of the latest.

use anyhow::Context;
use chrono::Duration;
use domain::Timestamp;
use serde_json::{Value, json};
use store::SchoolTransaction;
use uuid::Uuid;

use crate::ids::{Ids, Kind, id};
use crate::insert::school_rows;
use crate::random::Random;
use crate::roster::{Person, Roster};
use crate::spec::DRIVER;

const CAPACITY: usize = 40;
const SEATS_TAKEN: usize = 34;
const STOPS: &[&str] =
    &["Lake Gate", "Old Market", "Clock Tower", "Park Corner", "Mill Lane", "Station Square", "Garden Colony", "Hill Top"];
const NAMES: &[&str] = &["North", "East", "South", "West", "Lake", "Airport"];
const DIRECTIONS: [&str; 2] = ["pickup", "drop"];

/// A bus, its route and its driver.
struct Bus {
    number: usize,
    vehicle: Uuid,
    route: Uuid,
    driver: Option<Uuid>,
}

/// Everything of the buses.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let (school, now, number) = (roster.school, roster.dates.now, roster.spec.number);
    let mut wheel = roster.staff.iter().filter(|member| member.position == DRIVER).map(|member| member.id);
    let buses: Vec<Bus> = (0..roster.spec.buses)
        .map(|bus| Bus {
            number: bus,
            vehicle: id(number, Kind::Vehicle, bus + 1),
            route: id(number, Kind::Route, bus + 1),
            driver: wheel.next(),
        })
        .collect();
    let vehicles = buses.iter().map(|bus| {
        json!({"id": bus.vehicle, "registration": format!("DEMO {:02}", bus.number + 1), "name": format!("Bus {}", bus.number + 1), "capacity": CAPACITY + 2,
            "insurance_expires_on": roster.dates.year.to, "fitness_expires_on": roster.dates.year.to, "permit_expires_on": roster.dates.year.to, "is_active": true})
    });
    let routes = buses.iter().map(|bus| {
        json!({"id": bus.route, "name": format!("{} route", NAMES.get(bus.number).unwrap_or(&"Other")), "code": format!("R{}", bus.number + 1),
            "vehicle_id": bus.vehicle, "driver_staff_id": bus.driver, "capacity": CAPACITY, "is_active": true})
    });
    let trips = trips(roster, &buses);
    let positions = positions(roster, &buses, &trips)?;
    let connection = transaction.connection()?;
    school_rows(connection, school, now, "vehicles", &vehicles.collect::<Vec<_>>()).await?;
    school_rows(connection, school, now, "vehicle_maintenance", &maintenance(roster, &buses)).await?;
    school_rows(connection, school, now, "bus_drivers", &drivers(roster, &buses)).await?;
    school_rows(connection, school, now, "bus_fee_slabs", &fee_slabs(roster)).await?;
    school_rows(connection, school, now, "bus_routes", &routes.collect::<Vec<_>>()).await?;
    school_rows(connection, school, now, "route_stops", &stops(roster, &buses)).await?;
    school_rows(connection, school, now, "bus_assignments", &seats(roster, &buses)).await?;
    school_rows(connection, school, now, "bus_trips", &trips.into_iter().map(|trip| trip.row).collect::<Vec<_>>()).await?;
    school_rows(connection, school, now, "vehicle_positions", &positions).await
}

/// A service that is due soon, for each bus.
fn maintenance(roster: &Roster, buses: &[Bus]) -> Vec<Value> {
    let due = roster.dates.now.date_naive() + Duration::days(30);
    let row = |bus: &Bus| {
        json!({"id": id(roster.spec.number, Kind::Maintenance, bus.number + 1), "vehicle_id": bus.vehicle, "kind": "service",
            "description": "Half-yearly service", "due_on": due})
    };
    buses.iter().map(row).collect()
}

/// Their licences; the first driver's runs out soon.
fn drivers(roster: &Roster, buses: &[Bus]) -> Vec<Value> {
    let today = roster.dates.now.date_naive();
    let row = |bus: &Bus| {
        let expires = today + Duration::days(if bus.number == 0 { 21 } else { 900 });
        Some(json!({"id": id(roster.spec.number, Kind::Driver, bus.number + 1), "staff_id": bus.driver?,
            "licence_number": format!("DEMO-DL-{:04}", bus.number + 1), "licence_expires_on": expires, "is_active": true}))
    };
    buses.iter().filter_map(row).collect()
}

/// A twentieth of the tuition a month up to three kilometres, and a half more beyond.
fn fee_slabs(roster: &Roster) -> Vec<Value> {
    let near = roster.spec.tuition / 20;
    let mut ids = Ids::of(roster.spec.number, Kind::FeeSlab);
    let mut row = |from: i32, below: Option<i32>, amount: i64| {
        json!({"id": ids.next(), "from_metres": from, "below_metres": below, "currency": roster.spec.currency, "amount_minor": amount,
            "valid_from": roster.dates.year.from})
    };
    vec![row(0, Some(3000), near), row(3000, None, near + near / 2)]
}

/// Where a stop is: each route leaves the school in a direction of its own. The last stop is nearest to the school.
fn place(roster: &Roster, bus: usize, stop: usize) -> (f64, f64) {
    let (latitude, longitude) = roster.spec.place;
    let angle = f64::from(u32::try_from(bus).unwrap_or_default()) * std::f64::consts::FRAC_PI_3;
    let steps = f64::from(u32::try_from(STOPS.len() - stop).unwrap_or_default());
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    (round(latitude + angle.sin() * steps * 0.006), round(longitude + angle.cos() * steps * 0.006))
}

fn stop_id(roster: &Roster, bus: usize, stop: usize) -> Uuid {
    id(roster.spec.number, Kind::Stop, bus * STOPS.len() + stop + 1)
}

fn stops(roster: &Roster, buses: &[Bus]) -> Vec<Value> {
    let mut rows = Vec::new();
    for bus in buses {
        for (stop, name) in STOPS.iter().enumerate() {
            let (latitude, longitude) = place(roster, bus.number, stop);
            rows.push(json!({"id": stop_id(roster, bus.number, stop), "route_id": bus.route, "position": stop + 1, "name": name, "latitude": latitude,
                "longitude": longitude, "pickup_time": format!("07:{:02}", 20 + stop * 4), "drop_time": format!("16:{:02}", 55 - stop * 4),
                "distance_metres": (STOPS.len() - stop) * 670}));
        }
    }
    rows
}

/// The same seat there and back, from the first day of the year on.
fn seats(roster: &Roster, buses: &[Bus]) -> Vec<Value> {
    let mut ids = Ids::of(roster.spec.number, Kind::Seat);
    // Evenly from the whole school.
    let wanted = buses.len() * SEATS_TAKEN;
    let step = (roster.spec.students / wanted.max(1)).max(1);
    // Whoever can log in to see it has a seat.
    let is_known = |person: &Person| roster.spec.known.is_some_and(|known| person.email == known.student);
    let known = roster.students().filter(|(_, student)| is_known(&student.person));
    let mut riders = known.chain(roster.students().step_by(step).filter(|(_, student)| !is_known(&student.person)));
    let mut rows = Vec::new();
    for bus in buses {
        for (seat, (_, student)) in riders.by_ref().take(SEATS_TAKEN).enumerate() {
            for direction in DIRECTIONS {
                rows.push(json!({"id": ids.next(), "student_id": student.id, "route_id": bus.route, "route_capacity": CAPACITY,
                    "stop_id": stop_id(roster, bus.number, seat % STOPS.len()), "direction": direction, "seat": seat + 1,
                    "begin_date": roster.dates.year.from, "status": "active"}));
            }
        }
    }
    rows
}

struct Trip {
    id: Uuid,
    bus: usize,
    direction: &'static str,
    started: Timestamp,
    row: Value,
}

/// Ten school days, there and back.
fn trips(roster: &Roster, buses: &[Bus]) -> Vec<Trip> {
    let mut ids = Ids::of(roster.spec.number, Kind::Trip);
    let mut random = Random::of(roster.spec.number, "trips");
    let days = roster.dates.days_so_far();
    let mut trips = Vec::new();
    for day in days.iter().skip(days.len().saturating_sub(10)) {
        for bus in buses {
            for direction in DIRECTIONS {
                let hour = if direction == "pickup" { 7 } else { 16 };
                let started = roster.dates.at(*day, hour, 15 + random.below(5));
                let ended = started + Duration::minutes(random.between(36, 44).into());
                let trip = ids.next();
                let row = json!({"id": trip, "route_id": bus.route, "vehicle_id": bus.vehicle, "driver_staff_id": bus.driver, "direction": direction,
                    "service_date": day, "state": "finished", "started_at": started, "ended_at": ended, "created_at": started});
                trips.push(Trip { id: trip, bus: bus.number, direction, started, row });
            }
        }
    }
    trips
}

/// Where each bus was at the stops of its latest way home.
fn positions(roster: &Roster, buses: &[Bus], trips: &[Trip]) -> anyhow::Result<Vec<Value>> {
    let mut ids = Ids::of(roster.spec.number, Kind::Position);
    let mut rows = Vec::new();
    for bus in buses {
        let latest = trips.iter().rev().find(|trip| trip.bus == bus.number && trip.direction == "drop").context("buses have run")?;
        for (passed, stop) in (0..STOPS.len()).rev().enumerate() {
            let (latitude, longitude) = place(roster, bus.number, stop);
            let recorded = latest.started + Duration::minutes(4 * (i64::try_from(passed)? + 1));
            rows.push(json!({"id": ids.next(), "vehicle_id": bus.vehicle, "trip_id": latest.id, "recorded_at": recorded, "received_at": recorded,
                "latitude": latitude, "longitude": longitude, "speed_mps": 7.5, "heading_degrees": 60 * bus.number, "created_at": recorded}));
        }
    }
    Ok(rows)
}
