//! Buses and their drivers, routes and stops, what seats cost, who sits where, and the trips of the last two weeks; of each bus's latest way home a trace, and who got
//! off where. The first bus is to run today, and is late. One notice, one report of a problem, and an alarm of the parent whom everybody knows.

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
    /// The driver's user.
    driver_user: Option<Uuid>,
}

/// Everything of the buses.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let (school, now, number) = (roster.school, roster.dates.now, roster.spec.number);
    let mut wheel = roster.staff.iter().filter(|member| member.position == DRIVER).map(|member| (member.id, member.person.user));
    let buses: Vec<Bus> = (0..roster.spec.buses)
        .map(|bus| {
            let (driver, driver_user) = wheel.next().unzip();
            let (vehicle, route) = (id(number, Kind::Vehicle, bus + 1), id(number, Kind::Route, bus + 1));
            Bus { number: bus, vehicle, route, driver, driver_user }
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
    let (trips, today) = trips(roster, &buses);
    let positions = positions(roster, &buses, &trips)?;
    let seats = seats(roster, &buses);
    let (visits, boardings) = way_home(roster, &buses, &trips, &seats)?;
    let (alerts, problems, alarms) = (alerts(roster, &buses, &today), problems(roster, &trips, &seats), alarms(roster, &seats));
    let connection = transaction.connection()?;
    school_rows(connection, school, now, "vehicles", &vehicles.collect::<Vec<_>>()).await?;
    school_rows(connection, school, now, "vehicle_maintenance", &maintenance(roster, &buses)).await?;
    school_rows(connection, school, now, "bus_drivers", &drivers(roster, &buses)).await?;
    school_rows(connection, school, now, "bus_fee_slabs", &fee_slabs(roster)).await?;
    school_rows(connection, school, now, "bus_routes", &routes.collect::<Vec<_>>()).await?;
    school_rows(connection, school, now, "route_stops", &stops(roster, &buses)).await?;
    school_rows(connection, school, now, "bus_assignments", &seats.iter().map(|seat| seat.row.clone()).collect::<Vec<_>>()).await?;
    school_rows(connection, school, now, "bus_trips", &trips.into_iter().map(|trip| trip.row).chain(today).collect::<Vec<_>>()).await?;
    school_rows(connection, school, now, "vehicle_positions", &positions).await?;
    school_rows(connection, school, now, "bus_stop_visits", &visits).await?;
    school_rows(connection, school, now, "bus_boardings", &boardings).await?;
    school_rows(connection, school, now, "bus_alerts", &alerts).await?;
    school_rows(connection, school, now, "bus_problems", &problems).await?;
    school_rows(connection, school, now, "bus_alarms", &alarms).await
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

/// A student's seat in one direction.
struct Seat {
    id: Uuid,
    bus: usize,
    stop: usize,
    direction: &'static str,
    student: Uuid,
    /// The parent who is told first.
    parent: Option<Uuid>,
    is_known: bool,
    row: Value,
}

/// The same seat there and back, from the first day of the year on.
fn seats(roster: &Roster, buses: &[Bus]) -> Vec<Seat> {
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
            let at = seat % STOPS.len();
            let parent = roster.families.get(student.family).and_then(|family| family.parents.first()).map(|(parent, _)| parent.user);
            for direction in DIRECTIONS {
                let id = ids.next();
                let row = json!({"id": id, "student_id": student.id, "route_id": bus.route, "route_capacity": CAPACITY,
                    "stop_id": stop_id(roster, bus.number, at), "direction": direction, "seat": seat + 1, "begin_date": roster.dates.year.from,
                    "status": "active"});
                let (bus, student, is_known) = (bus.number, student.id, is_known(&student.person));
                rows.push(Seat { id, bus, stop: at, direction, student, parent, is_known, row });
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

/// Ten school days, there and back; and what the first bus is to run today, whatever day that is.
fn trips(roster: &Roster, buses: &[Bus]) -> (Vec<Trip>, Vec<Value>) {
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
    let mut planned = |bus: &Bus, direction: &str| {
        json!({"id": ids.next(), "route_id": bus.route, "vehicle_id": bus.vehicle, "driver_staff_id": bus.driver, "direction": direction,
            "service_date": roster.dates.today, "state": "planned", "started_at": null, "ended_at": null, "created_at": roster.dates.now})
    };
    let today = buses.first().map(|bus| DIRECTIONS.map(|direction| planned(bus, direction)));
    (trips, today.into_iter().flatten().collect())
}

/// The latest way home of a bus.
fn latest<'t>(bus: &Bus, trips: &'t [Trip]) -> anyhow::Result<&'t Trip> {
    trips.iter().rev().find(|trip| trip.bus == bus.number && trip.direction == "drop").context("buses have run")
}

/// When a bus was at a stop on its way home, which runs the stops the other way round.
fn at_stop(trip: &Trip, stop: usize) -> Timestamp {
    trip.started + Duration::minutes(4) * i32::try_from(STOPS.len() - stop).unwrap_or_default()
}

/// When each bus was at its stops on its latest way home, and who got off there.
fn way_home(roster: &Roster, buses: &[Bus], trips: &[Trip], seats: &[Seat]) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let (mut visit_ids, mut boarding_ids) = (Ids::of(roster.spec.number, Kind::StopVisit), Ids::of(roster.spec.number, Kind::Boarding));
    let (mut visits, mut boardings) = (Vec::new(), Vec::new());
    for bus in buses {
        let trip = latest(bus, trips)?;
        let noted_by = bus.driver_user.unwrap_or(roster.admin.user);
        for stop in (0..STOPS.len()).rev() {
            let at = at_stop(trip, stop);
            visits.push(json!({"id": visit_ids.next(), "trip_id": trip.id, "stop_id": stop_id(roster, bus.number, stop), "arrived_at": at, "created_at": at}));
        }
        for seat in seats.iter().filter(|seat| seat.bus == bus.number && seat.direction == "drop") {
            let (on, off) = (trip.started, at_stop(trip, seat.stop));
            let note =
                |kind: &str, at: Timestamp, stop: Option<Uuid>| json!({"kind": kind, "at": at, "stop_id": stop, "noted_by": noted_by});
            let log = [note("boarded", on, None), note("alighted", off, Some(stop_id(roster, bus.number, seat.stop)))];
            boardings.push(
                json!({"id": boarding_ids.next(), "trip_id": trip.id, "student_id": seat.student, "boarded_at": on, "alighted_at": off,
                "log": log, "version": 2, "created_at": on}),
            );
        }
    }
    Ok((visits, boardings))
}

/// What riders should know of the first route: a stop is moved, and its bus is late.
fn alerts(roster: &Roster, buses: &[Bus], today: &[Value]) -> Vec<Value> {
    let (Some(bus), Some(trip)) = (buses.first(), today.first().and_then(|trip| trip.get("id"))) else { return Vec::new() };
    let mut ids = Ids::of(roster.spec.number, Kind::BusAlert);
    vec![
        json!({"id": ids.next(), "kind": "notice", "effect": "STOP_MOVED", "route_id": bus.route, "trip_id": null, "delay_seconds": null,
            "header": format!("{} is moved across the road", STOPS.first().unwrap_or(&"A stop")), "description": "While the pavement is renewed.",
            "begins_at": roster.dates.now}),
        json!({"id": ids.next(), "kind": "delay", "effect": "SIGNIFICANT_DELAYS", "route_id": bus.route, "trip_id": trip, "delay_seconds": 900,
            "header": format!("{} route is about 15 minutes late", NAMES.first().unwrap_or(&"The")), "description": null,
            "begins_at": roster.dates.now}),
    ]
}

/// What a parent has told the office about the first bus.
fn problems(roster: &Roster, trips: &[Trip], seats: &[Seat]) -> Vec<Value> {
    let about = seats.iter().find(|seat| seat.direction == "drop").zip(trips.iter().find(|trip| trip.bus == 0 && trip.direction == "drop"));
    let row = |(seat, trip): (&Seat, &Trip)| {
        let at = trip.started + Duration::hours(2);
        Some(json!({"id": id(roster.spec.number, Kind::BusProblem, 1), "route_id": trip.row.get("route_id"), "trip_id": trip.id,
            "stop_id": stop_id(roster, seat.bus, seat.stop), "kind": "came_late", "comment": "Ten minutes, in the rain", "reported_by": seat.parent?,
            "created_at": at}))
    };
    about.and_then(row).into_iter().collect()
}

/// The parent whom everybody knows is told five minutes before the bus comes.
fn alarms(roster: &Roster, seats: &[Seat]) -> Vec<Value> {
    let mut ids = Ids::of(roster.spec.number, Kind::BusAlarm);
    let known = seats.iter().filter(|seat| seat.is_known);
    known
        .filter_map(|seat| Some(json!({"id": ids.next(), "user_id": seat.parent?, "assignment_id": seat.id, "minutes_before": 5})))
        .collect()
}

/// Where each bus was at the stops of its latest way home.
fn positions(roster: &Roster, buses: &[Bus], trips: &[Trip]) -> anyhow::Result<Vec<Value>> {
    let mut ids = Ids::of(roster.spec.number, Kind::Position);
    let mut rows = Vec::new();
    for bus in buses {
        let latest = latest(bus, trips)?;
        for stop in (0..STOPS.len()).rev() {
            let (latitude, longitude) = place(roster, bus.number, stop);
            let recorded = at_stop(latest, stop);
            rows.push(json!({"id": ids.next(), "vehicle_id": bus.vehicle, "trip_id": latest.id, "recorded_at": recorded, "received_at": recorded,
                "latitude": latitude, "longitude": longitude, "speed_mps": 7.5, "heading_degrees": 60 * bus.number, "created_at": recorded}));
        }
    }
    Ok(rows)
}
