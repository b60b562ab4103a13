//! How a trip goes: which position is the latest, which stops were reached, how late the bus is, which alarms are to ring.
//!
//! Which stops were reached is in [`super::fence`]; those before one that were not noticed count as passed. A position that is not newer than the
//! latest, or is of before the trip began or after it ended, changes nothing here; it is stored all the same.

use chrono::{Duration, NaiveDate};
use domain::{BusAlarmId, BusRouteId, BusTripId, SchoolId, StaffId, StopId, Timestamp, UserId, VehicleId};
use serde::{Deserialize, Serialize};

use super::alarm::Bell;
use super::boarding::CLOCK_GRACE;
use super::eta::{self, Call, StopEta};
use super::fence;
use super::geo::haversine;
use super::position::Fix;
use super::route::Direction;

/// From which delay on it is told, and by how much it must change to be told anew.
pub const DELAY_TOLD: Duration = Duration::minutes(10);

/// Below which delay a bus that was late is on time again.
pub const ON_TIME: Duration = Duration::minutes(5);

/// What does not change while a trip runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The school.
    pub school_id: SchoolId,
    /// The trip.
    pub trip_id: BusTripId,
    /// The route.
    pub route_id: BusRouteId,
    /// What the route is called.
    pub route_name: String,
    /// The vehicle.
    pub vehicle_id: VehicleId,
    /// The vehicle's number plate.
    pub registration: String,
    /// Seats for students.
    pub capacity: i32,
    /// Who drives, as staff.
    pub driver_staff_id: Option<StaffId>,
    /// Who drives, as a user.
    pub driver_user_id: Option<UserId>,
    /// Which way.
    pub direction: Direction,
    /// The school's day that the trip belongs to.
    pub service_date: NaiveDate,
    /// When the trip began; none before.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The stops in the order in which the bus serves them.
    pub calls: Vec<Call>,
    /// Who wants to be told before the bus is at one of them.
    #[serde(default)]
    pub bells: Vec<Bell>,
}

impl Course {
    /// Whether `at`, by a device's clock, is while the trip runs.
    fn runs_at(&self, at: Timestamp) -> bool {
        self.started_at.is_none_or(|start| at >= start - CLOCK_GRACE) && self.ended_at.is_none_or(|end| at <= end + CLOCK_GRACE)
    }
}

/// How a trip goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The trip.
    pub trip_id: BusTripId,
    /// The latest position.
    pub latest: Option<Fix>,
    /// The observed speed, in metres a second.
    pub speed_mps: Option<f64>,
    /// The stops that were reached, and when.
    pub arrived: Vec<(StopId, Timestamp)>,
    /// How many of the trip's stops are behind the bus.
    pub passed: usize,
    /// Whether a delay is told of, and still holds.
    pub delay_told: bool,
    /// Which one, in seconds.
    #[serde(default)]
    pub told_delay: Option<i64>,
    /// The alarms that rang.
    #[serde(default)]
    pub rung: Vec<BusAlarmId>,
    /// Stops that were reached and could not be noted yet.
    #[serde(default)]
    pub untold: Vec<(StopId, Timestamp)>,
    /// Worked out anew from what is stored: what follows from it may not have been told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_replayed: bool,
}

/// What a position brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Happened {
    /// Whether the latest position is another one now.
    pub moved: bool,
    /// Stops that were reached.
    pub arrived: Vec<(StopId, Timestamp)>,
    /// The delay, if it is to be told now, or told anew.
    pub delayed: Option<Duration>,
    /// Whether a delay that was told is made up.
    pub on_time: bool,
    /// Alarms that are to ring, and when the bus is expected at their stops.
    pub rings: Vec<(BusAlarmId, Timestamp)>,
}

impl Progress {
    /// A trip that has just begun.
    #[must_use]
    pub const fn new(trip_id: BusTripId) -> Self {
        Self {
            trip_id,
            latest: None,
            speed_mps: None,
            arrived: Vec::new(),
            passed: 0,
            delay_told: false,
            told_delay: None,
            rung: Vec::new(),
            untold: Vec::new(),
            is_replayed: false,
        }
    }

    /// How a trip goes, worked out anew from its positions and the stops that are known to have been reached.
    #[must_use]
    pub fn replay(course: &Course, mut fixes: Vec<Fix>, visits: &[(StopId, Timestamp)]) -> Self {
        let (mut progress, mut happened) = (Self::new(course.trip_id), Happened::default());
        fixes.sort_by_key(|fix| fix.recorded_at);
        for fix in &fixes {
            progress.step(course, fix, &mut happened);
        }
        let place = |stop: StopId| course.calls.iter().position(|call| call.stop_id == stop);
        let is_new = |(stop, _): &&(StopId, Timestamp)| !visits.iter().any(|(known, _)| known == stop);
        progress.untold = happened.arrived.iter().filter(is_new).copied().collect();
        // What was told stays told, whatever the positions say by now.
        let lost = visits.iter().filter(|(stop, _)| !happened.arrived.iter().any(|(found, _)| found == stop));
        progress.arrived.extend(lost.copied());
        progress.arrived.sort_by_key(|(stop, at)| (place(*stop), *at));
        progress.passed =
            progress.arrived.last().and_then(|(stop, _)| place(*stop)).map_or(progress.passed, |last| progress.passed.max(last + 1));
        progress.is_replayed = progress.latest.is_some();
        progress
    }

    /// Takes positions in, in whatever order they come.
    pub fn advance(&mut self, course: &Course, fixes: &[Fix]) -> Happened {
        let (arrived, moved) = (std::mem::take(&mut self.untold), std::mem::take(&mut self.is_replayed));
        let mut happened = Happened { moved, arrived, ..Happened::default() };
        let mut fixes: Vec<&Fix> = fixes.iter().collect();
        fixes.sort_by_key(|fix| fix.recorded_at);
        for fix in fixes {
            self.step(course, fix, &mut happened);
        }
        if happened.moved {
            self.judge_delay(course, &mut happened);
        }
        if happened.moved {
            happened.rings = self.due(course, &happened.arrived);
            self.rung.extend(happened.rings.iter().map(|(alarm, _)| *alarm));
        }
        happened
    }

    /// A delay is told when it comes, anew when it is another one by ten minutes, and taken back when it is made up: a bus that is late by about so much as is known
    /// tells nothing with each position.
    fn judge_delay(&mut self, course: &Course, happened: &mut Happened) {
        let Some(delay) = self.delay(course) else { return };
        let told = self.told_delay.map_or(DELAY_TOLD, Duration::seconds);
        if self.delay_told && delay < ON_TIME {
            (self.delay_told, self.told_delay, happened.on_time) = (false, None, true);
        } else if delay >= DELAY_TOLD && (!self.delay_told || (delay - told).abs() >= DELAY_TOLD) {
            (self.delay_told, self.told_delay, happened.delayed) = (true, Some(delay.num_seconds()), Some(delay));
        }
    }

    /// The alarms whose time has come: the bus is near enough, or it was quicker than expected and is there now. Those of stops that it has left behind stay silent.
    fn due(&self, course: &Course, arrived: &[(StopId, Timestamp)]) -> Vec<(BusAlarmId, Timestamp)> {
        let (Some(latest), false) = (&self.latest, course.bells.is_empty()) else { return Vec::new() };
        let etas = self.etas(course);
        let waiting = course.bells.iter().filter(|bell| !self.rung.contains(&bell.alarm_id));
        let due = waiting.filter_map(|bell| {
            let eta = etas.iter().find(|eta| eta.stop_id == bell.stop_id)?;
            let is_due = if eta.has_arrived {
                arrived.iter().any(|(stop, _)| *stop == bell.stop_id)
            } else {
                eta.expected_at - latest.recorded_at <= Duration::minutes(bell.minutes_before.into())
            };
            is_due.then_some((bell.alarm_id, eta.expected_at))
        });
        due.collect()
    }

    fn step(&mut self, course: &Course, fix: &Fix, happened: &mut Happened) {
        if !course.runs_at(fix.recorded_at) {
            return;
        }
        if let Some(latest) = &self.latest {
            if fix.recorded_at <= latest.recorded_at {
                return;
            }
            let seconds = (fix.recorded_at - latest.recorded_at).as_seconds_f64();
            self.speed_mps = eta::observe(self.speed_mps, haversine(latest.place(), fix.place()), seconds);
        }
        happened.moved = true;
        let before = self.latest.replace(*fix);
        let last = self.arrived.last().and_then(|(stop, at)| Some((course.calls.iter().position(|call| call.stop_id == *stop)?, *at)));
        for (index, at) in fence::reached(&course.calls, self.passed, last, before.as_ref(), fix) {
            let Some(call) = course.calls.get(index) else { continue };
            self.passed = index + 1;
            self.arrived.push((call.stop_id, at));
            happened.arrived.push((call.stop_id, at));
        }
    }

    /// How late the bus is: at the next stop by what is expected, or at the last one by what was. Negative is early; none before the first position.
    #[must_use]
    pub fn delay(&self, course: &Course) -> Option<Duration> {
        let latest = self.latest.as_ref()?;
        if let Some(next) = course.calls.get(self.passed) {
            let way = eta::times(latest.place(), std::slice::from_ref(next), self.speed_mps);
            return Some(latest.recorded_at + *way.first()? - next.scheduled_at);
        }
        let (stop, at) = self.arrived.last()?;
        let call = course.calls.iter().find(|call| call.stop_id == *stop)?;
        Some(*at - call.scheduled_at)
    }

    /// When the bus was, or will be, at its stops. Stops that were passed unnoticed are left out.
    #[must_use]
    pub fn etas(&self, course: &Course) -> Vec<StopEta> {
        let ahead = course.calls.get(self.passed..).unwrap_or_default();
        let reached = self.arrived.iter().filter_map(|(stop, at)| {
            let call = course.calls.iter().find(|call| call.stop_id == *stop)?;
            Some(StopEta { stop_id: *stop, scheduled_at: call.scheduled_at, expected_at: *at, has_arrived: true })
        });
        let mut etas: Vec<StopEta> = reached.collect();
        match &self.latest {
            Some(latest) => etas.extend(ahead.iter().zip(eta::times(latest.place(), ahead, self.speed_mps)).map(|(call, way)| StopEta {
                stop_id: call.stop_id,
                scheduled_at: call.scheduled_at,
                expected_at: latest.recorded_at + way,
                has_arrived: false,
            })),
            None => etas.extend(ahead.iter().map(|call| StopEta {
                stop_id: call.stop_id,
                scheduled_at: call.scheduled_at,
                expected_at: call.scheduled_at,
                has_arrived: false,
            })),
        }
        etas
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn start() -> Timestamp {
        "2026-07-01T02:00:00Z".parse().unwrap()
    }

    /// Four stops, a hundredth of a degree apart along the equator, four minutes apart.
    pub(in super::super) fn course() -> Course {
        let calls = (0..4_u32).map(|index| Call {
            stop_id: StopId::generate(),
            name: format!("Stop {index}"),
            latitude: 0.0,
            longitude: f64::from(index) * 0.01,
            scheduled_at: start() + Duration::minutes(4 * i64::from(index)),
        });
        Course {
            school_id: SchoolId::generate(),
            trip_id: BusTripId::generate(),
            route_id: BusRouteId::generate(),
            route_name: "North".to_owned(),
            vehicle_id: VehicleId::generate(),
            registration: "KA 01".to_owned(),
            capacity: 40,
            driver_staff_id: None,
            driver_user_id: None,
            direction: Direction::Pickup,
            service_date: start().date_naive(),
            started_at: None,
            ended_at: None,
            calls: calls.collect(),
            bells: Vec::new(),
        }
    }

    fn fix(seconds: i64, longitude: f64) -> Fix {
        Fix { recorded_at: start() + Duration::seconds(seconds), latitude: 0.0, longitude, speed_mps: None, heading_degrees: None }
    }

    #[test]
    fn stops_are_reached_one_after_the_other_and_once_each() {
        let course = course();
        let mut progress = Progress::new(course.trip_id);
        let drive: Vec<Fix> = (0..=30).map(|n| fix(n * 20, f64::from(i32::try_from(n).unwrap()) * 0.001)).collect();
        let happened = progress.advance(&course, &drive);
        let reached: Vec<StopId> = happened.arrived.iter().map(|(stop, _)| *stop).collect();
        assert_eq!(reached, course.calls.iter().map(|call| call.stop_id).collect::<Vec<_>>());
        assert_eq!(happened.delayed, None);
        assert_eq!(progress.advance(&course, &drive), Happened::default(), "the same again tells nothing");
    }

    #[test]
    fn a_stop_that_was_not_noticed_does_not_hold_up_the_next() {
        let course = course();
        let mut progress = Progress::new(course.trip_id);
        let happened = progress.advance(&course, &[fix(0, 0.0), fix(400, 0.02)]);
        assert_eq!(happened.arrived.len(), 2);
        let etas = progress.etas(&course);
        assert_eq!(
            etas.iter().map(|eta| (eta.stop_id, eta.has_arrived)).collect::<Vec<_>>(),
            [(course.calls[0].stop_id, true), (course.calls[2].stop_id, true), (course.calls[3].stop_id, false),]
        );
    }

    #[test]
    fn what_is_of_before_the_trip_or_after_it_moves_nothing() {
        let mut course = course();
        (course.started_at, course.ended_at) = (Some(start()), Some(start() + Duration::seconds(600)));
        let mut progress = Progress::new(course.trip_id);
        assert_eq!(progress.advance(&course, &[fix(-86_400, 0.0), fix(-61, 0.01), fix(661, 0.02)]), Happened::default());
        assert_eq!(progress, Progress::new(course.trip_id));
        // A device's clock may go wrong by a minute.
        for seconds in [-60, 660] {
            assert!(progress.advance(&course, &[fix(seconds, 0.0)]).moved, "{seconds}");
        }
    }

    #[test]
    fn a_delay_is_told_once() {
        let course = course();
        let mut progress = Progress::new(course.trip_id);
        assert_eq!(progress.advance(&course, &[fix(0, -0.001)]).delayed, None);
        let late = progress.advance(&course, &[fix(900, -0.001)]).delayed.expect("the bus stands still for a quarter of an hour");
        assert!(late >= DELAY_TOLD && late < Duration::minutes(18), "{late}");
        assert_eq!(progress.advance(&course, &[fix(960, -0.001)]).delayed, None);
        assert!(progress.delay(&course).unwrap() > late);
    }

    #[test]
    fn a_delay_is_told_anew_by_every_ten_minutes_and_taken_back_when_it_is_made_up() {
        let course = course();
        let mut progress = Progress::new(course.trip_id);
        let mut told = |minutes: i64, later: i64| {
            let mut course = course.clone();
            for call in &mut course.calls {
                call.scheduled_at += Duration::minutes(later);
            }
            // It stands before the first stop, which was due at the hour, unless that is said to be later.
            let happened = progress.advance(&course, &[fix(minutes * 60, -0.001)]);
            (happened.delayed.map(|delay| delay.num_minutes()), happened.on_time)
        };
        assert_eq!(told(12, 0), (Some(12), false));
        for minutes in 13..22 {
            assert_eq!(told(minutes, 0), (None, false), "{minutes}");
        }
        assert_eq!(told(22, 0), (Some(23), false));
        assert_eq!(told(23, 9), (None, false));
        assert_eq!(told(24, 13), (Some(12), false), "less by ten minutes");
        assert_eq!(told(25, 19), (None, false), "still late");
        assert_eq!(told(26, 23), (None, true));
        assert_eq!(told(27, 23), (None, false), "once");
        assert_eq!(told(34, 23), (Some(12), false), "late again");
    }

    #[test]
    fn what_is_worked_out_anew_is_what_it_was_and_tells_what_was_not_told() {
        let course = course();
        let drive: Vec<Fix> = (0..=25).map(|n| fix(n * 20, f64::from(i32::try_from(n).unwrap()) * 0.001)).collect();
        let mut progress = Progress::new(course.trip_id);
        let told = progress.advance(&course, &drive).arrived;
        assert_eq!(told.len(), 3);
        let mut again = Progress::replay(&course, drive.iter().rev().copied().collect(), &told[..1]);
        assert_eq!(
            (again.latest, again.speed_mps, again.passed, &again.arrived),
            (progress.latest, progress.speed_mps, 3, &progress.arrived)
        );
        let happened = again.advance(&course, &drive);
        assert!(happened.moved, "whoever worked it out keeps it");
        assert_eq!(happened.arrived, told[1..]);
        assert_eq!(again.advance(&course, &drive), Happened::default());
        // A visit whose position is not there any more.
        let known = Progress::replay(&course, Vec::new(), &told);
        assert_eq!((known.passed, known.arrived, known.untold), (3, told, Vec::new()));
    }

    #[test]
    fn an_alarm_rings_once_when_the_bus_is_near_enough_and_not_for_a_stop_that_is_behind() {
        let mut course = course();
        let bell =
            |stop: usize, minutes_before| Bell { alarm_id: BusAlarmId::generate(), stop_id: course.calls[stop].stop_id, minutes_before };
        course.bells = vec![bell(0, 5), bell(2, 3), bell(3, 1)];
        let ids: Vec<BusAlarmId> = course.bells.iter().map(|bell| bell.alarm_id).collect();
        let mut progress = Progress::new(course.trip_id);
        let mut rings = |seconds, longitude| {
            let happened = progress.advance(&course, &[fix(seconds, longitude)]);
            happened.rings.into_iter().map(|(alarm, _)| ids.iter().position(|id| *id == alarm).unwrap()).collect::<Vec<_>>()
        };
        // Ten metres a second: a hundredth of a degree, by road, takes about two and a half minutes.
        assert_eq!(rings(0, 0.0), [0], "the bus is there");
        assert_eq!(rings(10, 0.000_9), [0; 0], "two stops away");
        assert_eq!(rings(100, 0.009), [1], "a stop and a bit away");
        assert_eq!(rings(110, 0.009_9), [0; 0], "once");
        assert_eq!(rings(330, 0.03), [2], "from one place to the last stop without a word in between");
        assert_eq!(rings(340, 0.03), [0; 0]);
        // Who wants to be told when the bus has left is not.
        let late = BusAlarmId::generate();
        course.bells = vec![Bell { alarm_id: late, stop_id: course.calls[0].stop_id, minutes_before: 60 }];
        assert_eq!(progress.advance(&course, &[fix(350, 0.031)]).rings, []);
    }

    proptest! {
        #[test]
        fn the_latest_position_is_the_latest_in_whatever_order_they_come(order in Just((0..30_i64).collect::<Vec<_>>()).prop_shuffle(), chunk in 1..7_usize) {
            let course = course();
            let mut progress = Progress::new(course.trip_id);
            let mut seen: Option<i64> = None;
            for part in order.chunks(chunk) {
                let fixes: Vec<Fix> = part.iter().map(|n| fix(*n, f64::from(i32::try_from(*n).unwrap()) * 0.001)).collect();
                let newest = part.iter().copied().max();
                let moved = progress.advance(&course, &fixes).moved;
                prop_assert_eq!(moved, newest > seen);
                seen = seen.max(newest);
                prop_assert_eq!(progress.latest.map(|fix| fix.recorded_at), seen.map(|n| start() + Duration::seconds(n)));
            }
            prop_assert_eq!(progress.latest.unwrap(), fix(29, 0.029));
        }

        #[test]
        fn every_stop_is_told_at_most_once_and_in_order(drive in prop::collection::vec((0..2000_i64, -0.005..0.035_f64), 0..60)) {
            let course = course();
            let mut progress = Progress::new(course.trip_id);
            let mut told: Vec<StopId> = Vec::new();
            for (seconds, longitude) in drive {
                told.extend(progress.advance(&course, &[fix(seconds, longitude)]).arrived.into_iter().map(|(stop, _)| stop));
            }
            let places: Vec<usize> = told.iter().map(|stop| course.calls.iter().position(|call| call.stop_id == *stop).unwrap()).collect();
            prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(progress.arrived.len(), told.len());
        }
    }
}
