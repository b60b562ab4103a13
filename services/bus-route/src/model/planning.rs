//! Planning trips for many days at once: on which days the buses run, and which runs can be planned.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use directory::timetable::WorkingDays;
use domain::{BusRouteId, Fault, Faults};
use serde::Serialize;
use utoipa::ToSchema;

use super::documents::{Document, missing_on};
use super::fleet::{Driver, Vehicle};
use super::route::Direction;

/// The most days that are planned at once: two months.
pub const MOST_DAYS: i64 = 62;
/// The most runs that are planned at once.
pub const MOST_RUNS: usize = 2_000;
/// How many days ahead a trip can be planned.
pub const AHEAD: i64 = 366;

/// Everything that is wrong with planning the days from `from` to `to`, both inclusive, when it is `today` at the school.
#[must_use]
pub fn faults(from: NaiveDate, to: NaiveDate, today: NaiveDate) -> Vec<Fault> {
    let mut faults = Faults::none();
    faults.require(from >= today, "/from", "must not be before today");
    faults.require(to >= from, "/to", "must not be before from");
    faults.require((to - from).num_days() < MOST_DAYS, "/to", format!("must be less than {MOST_DAYS} days after from"));
    faults.require((to - today).num_days() <= AHEAD, "/to", format!("must be at most {AHEAD} days ahead"));
    faults.into_result().err().unwrap_or_default()
}

/// When there is school, as far as the buses need to know.
#[derive(Debug, Clone, Default)]
pub struct SchoolDays {
    /// Days of the week with school, 1 is Monday.
    pub weekdays: Vec<i32>,
    /// Days without.
    pub holidays: HashSet<NaiveDate>,
    /// Days on which the school works whatever day of the week they are.
    pub working: Arc<WorkingDays>,
    /// The first and the last day of each academic year; none means that the school keeps none.
    pub years: Vec<(NaiveDate, NaiveDate)>,
}

/// Why no bus runs on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusDayOffReason)]
pub enum NoSchool {
    /// A holiday of the whole school.
    Holiday,
    /// A day of the week without school.
    Weekend,
    /// Before, between or after the school's academic years.
    OutsideYear,
}

impl SchoolDays {
    /// Why no bus runs on `day`, if none does.
    #[must_use]
    pub fn off(&self, day: NaiveDate) -> Option<NoSchool> {
        let in_year = self.years.is_empty() || self.years.iter().any(|(first, last)| (*first..=*last).contains(&day));
        let weekday = i32::try_from(day.weekday().number_from_monday()).unwrap_or_default();
        if !in_year {
            Some(NoSchool::OutsideYear)
        } else if self.holidays.contains(&day) {
            Some(NoSchool::Holiday)
        } else if self.weekdays.contains(&weekday) || self.working.has(day) {
            None
        } else {
            Some(NoSchool::Weekend)
        }
    }
}

/// Why a run is not planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BusRunSkippedReason)]
pub enum Reason {
    /// There is a trip for it.
    PlannedAlready,
    /// It was called off; planning it all the same is for a person to do.
    CalledOff,
    /// The bus serves no stop of the route in this direction.
    NoStops,
    /// The route has no vehicle.
    NoVehicle,
    /// The route's vehicle is not in use.
    VehicleNotInUse,
    /// The route's driver is no driver of the school any more.
    DriverNotInUse,
    /// Papers of the vehicle or the driver will have run out by then.
    PapersRunOut,
}

/// Why a run is not planned, and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Why.
    pub reason: Reason,
    /// In words.
    pub detail: String,
}

impl Skip {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// A run: a route in one direction, on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Run {
    /// The route.
    pub route_id: BusRouteId,
    /// Which way.
    pub direction: Direction,
    /// The school's day.
    pub day: NaiveDate,
}

/// What is known of a run that may be planned.
#[derive(Debug, Clone, Copy)]
pub struct Prospect<'p> {
    /// Whether there is a trip for it that was not called off.
    pub is_planned: bool,
    /// Whether a trip for it was called off.
    pub was_called_off: bool,
    /// Whether the bus serves stops in this direction.
    pub has_stops: bool,
    /// The route's vehicle, which has room for all who have a seat: a route never has more seats than its vehicle.
    pub vehicle: Option<&'p Vehicle>,
    /// The route's driver; none if it has none. A trip without one can be planned, and not begin.
    pub driver: Option<Option<&'p Driver>>,
}

impl<'p> Prospect<'p> {
    /// The vehicle with which the run is planned on `day`, or why it is not.
    pub fn judge(&self, day: NaiveDate) -> Result<&'p Vehicle, Skip> {
        if self.is_planned {
            return Err(Skip::new(Reason::PlannedAlready, "There is a trip for it already."));
        }
        if self.was_called_off {
            return Err(Skip::new(Reason::CalledOff, "It was called off."));
        }
        if !self.has_stops {
            return Err(Skip::new(Reason::NoStops, "The route has no stops in this direction."));
        }
        let vehicle = self.vehicle.ok_or_else(|| Skip::new(Reason::NoVehicle, "The route has no vehicle."))?;
        if !vehicle.is_active {
            return Err(Skip::new(Reason::VehicleNotInUse, "The route's vehicle is not in use any more."));
        }
        let driver = match self.driver {
            None => None,
            Some(Some(driver)) if driver.is_active => Some(driver),
            Some(_) => return Err(Skip::new(Reason::DriverNotInUse, "The route's driver drives no more.")),
        };
        let missing = missing_on(vehicle, driver, day);
        if !missing.is_empty() {
            return Err(Skip::new(Reason::PapersRunOut, run_out(&missing)));
        }
        Ok(vehicle)
    }
}

/// That papers have run out, in words.
#[must_use]
pub fn run_out(missing: &[Document]) -> String {
    let names: Vec<&str> = missing.iter().map(|document| document.as_str()).collect();
    format!("On that day these papers have run out: {}.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use domain::{DriverId, SchoolId, StaffId, VehicleId, Version};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_begins_today_at_the_earliest_and_is_two_months_long_at_the_most() {
        let today = day("2026-11-22");
        let pointers = |from: &str, to: &str| faults(day(from), day(to), today).into_iter().map(|fault| fault.pointer).collect::<Vec<_>>();
        for (from, to) in [("2026-11-22", "2026-11-22"), ("2026-11-22", "2027-01-22"), ("2027-11-23", "2027-11-23")] {
            assert_eq!(pointers(from, to), [""; 0], "{from} to {to}");
        }
        assert_eq!(pointers("2026-11-21", "2026-11-22"), ["/from"]);
        assert_eq!(pointers("2026-11-23", "2026-11-22"), ["/to"]);
        assert_eq!(pointers("2026-11-22", "2027-01-23"), ["/to"]);
        assert_eq!(pointers("2027-11-24", "2027-11-24"), ["/to"]);
    }

    #[test]
    fn buses_run_on_school_days_and_on_days_that_count_as_such() {
        let days = SchoolDays {
            weekdays: vec![1, 2, 3, 4, 5],
            holidays: [day("2026-11-25"), day("2026-11-28")].into(),
            working: Arc::new([day("2026-11-28"), day("2026-12-05")].into_iter().collect()),
            years: vec![(day("2026-11-01"), day("2026-12-31"))],
        };
        for (of, off) in [
            ("2026-11-23", None),
            ("2026-11-22", Some(NoSchool::Weekend)),
            ("2026-11-25", Some(NoSchool::Holiday)),
            // A Saturday that is worked, and one that would be if it were no holiday.
            ("2026-12-05", None),
            ("2026-11-28", Some(NoSchool::Holiday)),
            ("2026-10-30", Some(NoSchool::OutsideYear)),
            ("2027-01-04", Some(NoSchool::OutsideYear)),
        ] {
            assert_eq!(days.off(day(of)), off, "{of}");
        }
        assert_eq!(SchoolDays { years: Vec::new(), ..days }.off(day("2027-01-04")), None);
    }

    #[test]
    fn a_run_is_planned_with_a_vehicle_that_may_and_can_or_it_is_said_why_not() {
        let now = "2026-11-22T06:00:00Z".parse().unwrap();
        let (school, on) = (SchoolId::generate(), day("2026-11-23"));
        let vehicle = Vehicle {
            id: VehicleId::generate(),
            school_id: school,
            registration: "KA 01".to_owned(),
            name: None,
            capacity: 5,
            insurance_expires_on: Some(on),
            fitness_expires_on: None,
            permit_expires_on: None,
            registration_expires_on: None,
            pollution_expires_on: None,
            is_active: true,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        let driver = Driver {
            id: DriverId::generate(),
            school_id: school,
            staff_id: StaffId::generate(),
            licence_number: "L".to_owned(),
            licence_expires_on: day("2026-11-24"),
            badge_expires_on: None,
            phone: None,
            is_active: true,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        let good =
            Prospect { is_planned: false, was_called_off: false, has_stops: true, vehicle: Some(&vehicle), driver: Some(Some(&driver)) };
        assert_eq!(good.judge(on), Ok(&vehicle));
        assert_eq!(Prospect { driver: None, ..good }.judge(on), Ok(&vehicle), "somebody is found until then");
        let (idle, away) = (Vehicle { is_active: false, ..vehicle.clone() }, Driver { is_active: false, ..driver.clone() });
        let cases = [
            (Prospect { is_planned: true, was_called_off: true, ..good }, Reason::PlannedAlready),
            (Prospect { was_called_off: true, ..good }, Reason::CalledOff),
            (Prospect { has_stops: false, ..good }, Reason::NoStops),
            (Prospect { vehicle: None, ..good }, Reason::NoVehicle),
            (Prospect { vehicle: Some(&idle), ..good }, Reason::VehicleNotInUse),
            (Prospect { driver: Some(None), ..good }, Reason::DriverNotInUse),
            (Prospect { driver: Some(Some(&away)), ..good }, Reason::DriverNotInUse),
        ];
        for (prospect, why) in cases {
            assert_eq!(prospect.judge(on).map_err(|skip| skip.reason), Err(why));
        }
        for (on, papers) in [("2026-11-24", "insurance"), ("2026-11-25", "insurance, licence")] {
            let skip = good.judge(day(on)).unwrap_err();
            assert_eq!((skip.reason, skip.detail), (Reason::PapersRunOut, format!("On that day these papers have run out: {papers}.")));
        }
    }
}
