//! When something takes place, and when again: the first time, the rule, the exceptions.

use std::collections::HashSet;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use domain::{Fault, Faults};

use super::rule::Rule;
use super::zone;

/// The most exceptions of one series.
pub const MOST_EXCEPTIONS: usize = 500;
/// The longest event, in days.
const LONGEST: i64 = 366;

/// When something takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// On days, wherever one is.
    AllDay {
        /// The first.
        from: NaiveDate,
        /// The last, inclusive.
        to: NaiveDate,
    },
    /// At times of a zone.
    Timed {
        /// When it begins.
        starts_at: DateTime<Utc>,
        /// When it is over.
        ends_at: DateTime<Utc>,
        /// Whose clocks count.
        zone: Tz,
    },
}

impl Time {
    /// The local time at which it begins; midnight for a day.
    #[must_use]
    pub fn local_start(self) -> NaiveDateTime {
        match self {
            Self::AllDay { from, .. } => from.and_time(NaiveTime::MIN),
            Self::Timed { starts_at, zone, .. } => zone::local(zone, starts_at),
        }
    }

    /// The zone, if clocks matter.
    #[must_use]
    pub const fn zone(self) -> Option<Tz> {
        match self {
            Self::AllDay { .. } => None,
            Self::Timed { zone, .. } => Some(zone),
        }
    }

    /// The same length, from another local start. A timed occurrence takes exactly as long as the first (RFC 5545, 3.8.5.3).
    #[must_use]
    pub fn moved(self, start: NaiveDateTime) -> Self {
        match self {
            Self::AllDay { from, to } => Self::AllDay { from: start.date(), to: start.date() + (to - from) },
            // Of an hour that comes twice, the event itself may be in the second pass.
            Self::Timed { .. } if start == self.local_start() => self,
            Self::Timed { starts_at, ends_at, zone } => {
                let begins = zone::instant(zone, start);
                Self::Timed { starts_at: begins, ends_at: begins + (ends_at - starts_at), zone }
            }
        }
    }

    /// The last day that it touches, in its own zone.
    #[must_use]
    pub fn last_day(self) -> NaiveDate {
        match self {
            Self::AllDay { to, .. } => to,
            Self::Timed { ends_at, zone, .. } => zone::local(zone, ends_at).date(),
        }
    }

    /// How an occurrence that begins at this local time is called: `20261124T090000`, or `20261124` for a day.
    #[must_use]
    pub fn recurrence_id(self, start: NaiveDateTime) -> String {
        match self {
            Self::AllDay { .. } => start.format("%Y%m%d").to_string(),
            Self::Timed { .. } => start.format("%Y%m%dT%H%M%S").to_string(),
        }
    }

    /// Every fault, with the pointers of the fields that a request has.
    #[must_use]
    pub fn faults(self) -> Vec<Fault> {
        let mut faults = Faults::none();
        match self {
            Self::AllDay { from, to } => {
                faults.require(to >= from, "/end_date", "must not be before start_date");
                faults.require((to - from).num_days() < LONGEST, "/end_date", format!("must be less than {LONGEST} days after start_date"));
                faults.require(sane(from), "/start_date", "must be within the years 1970 to 2200");
            }
            Self::Timed { starts_at, ends_at, .. } => {
                faults.require(ends_at > starts_at, "/ends_at", "must be after starts_at");
                let length = ends_at - starts_at;
                faults.require(length < Duration::days(LONGEST), "/ends_at", format!("must be less than {LONGEST} days after starts_at"));
                faults.require(sane(starts_at.date_naive()), "/starts_at", "must be within the years 1970 to 2200");
                let whole = starts_at.timestamp_subsec_nanos() == 0 && ends_at.timestamp_subsec_nanos() == 0;
                faults.require(whole, "/starts_at", "times are in whole seconds");
            }
        }
        faults.into_result().err().unwrap_or_default()
    }
}

fn sane(day: NaiveDate) -> bool {
    (1970..=2200).contains(&day.year())
}

/// When an event takes place, and when again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The first time.
    pub time: Time,
    /// How it recurs.
    pub rrule: Option<String>,
    /// Occurrences that don't take place, by recurrence id; sorted, each once.
    pub exdates: Vec<String>,
    /// No occurrence is later.
    pub last_day: NaiveDate,
}

impl Schedule {
    /// Checks all there is to check. `rrule` is brought into the form that is kept.
    pub fn plan(time: Time, rrule: Option<&str>, mut exdates: Vec<String>) -> Result<Self, Vec<Fault>> {
        let mut faults = time.faults();
        exdates.sort_unstable();
        exdates.dedup();
        let fault = |pointer: &str, detail: String| Fault::new(pointer, detail);
        if exdates.len() > MOST_EXCEPTIONS {
            faults.push(fault("/exdates", format!("has more than {MOST_EXCEPTIONS} entries")));
        }
        let Some(rrule) = rrule else {
            if !exdates.is_empty() {
                faults.push(fault("/exdates", "has no meaning without rrule".to_owned()));
            }
            return if faults.is_empty() { Ok(Self { time, rrule: None, exdates, last_day: time.last_day() }) } else { Err(faults) };
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        let start = time.local_start();
        if let Time::Timed { starts_at, zone, .. } = time
            && zone::instant(zone, start) != starts_at
        {
            return Err(vec![fault("/starts_at", "a series can't begin in the second pass of an hour that comes twice".to_owned())]);
        }
        let planned = Rule::read(rrule, time.zone()).and_then(|rule| Ok((rule.all(start)?, rule.text())));
        let (starts, rrule) = planned.map_err(|error| vec![fault("/rrule", error.to_string())])?;
        let ids: Vec<String> = starts.iter().map(|start| time.recurrence_id(*start)).collect();
        for (index, exdate) in exdates.iter().enumerate() {
            if ids.binary_search(exdate).is_err() {
                faults.push(fault(&format!("/exdates/{index}"), "is no occurrence of the series".to_owned()));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let last_day = starts.last().map_or_else(|| time.last_day(), |last| time.moved(*last).last_day());
        Ok(Self { time, rrule: Some(rrule), exdates, last_day })
    }

    /// The same with exceptions; those that the rule doesn't make mean nothing and are left out.
    pub fn except(self, exdates: Vec<String>) -> Result<Self, Vec<Fault>> {
        if exdates.is_empty() {
            return Ok(Self { exdates, ..self });
        }
        let names = Self { exdates: Vec::new(), ..self.clone() }.names();
        let mut exdates: Vec<String> = exdates.into_iter().filter(|name| names.contains(name)).collect();
        exdates.sort_unstable();
        exdates.dedup();
        if exdates.len() > MOST_EXCEPTIONS {
            return Err(vec![Fault::new("/exdates", format!("has more than {MOST_EXCEPTIONS} entries"))]);
        }
        Ok(Self { exdates, ..self })
    }

    /// The same with what was off in the series as it was: exceptions, and occurrences that were called off by themselves, which this schedule doesn't name any
    /// more. What is off on a day stays off on that day when the hour is another one.
    pub fn except_as_before(self, exdates: &[String], called_off: &[String]) -> Result<Self, Vec<Fault>> {
        if exdates.is_empty() && called_off.is_empty() {
            return Ok(self);
        }
        let (names, start) = (self.names(), self.time.local_start().time());
        let on_that_day = |name: &String| {
            let day = NaiveDate::parse_from_str(name.get(..8)?, "%Y%m%d").ok()?;
            Some(self.time.recurrence_id(day.and_time(start)))
        };
        let kept = exdates.iter().filter_map(|name| if names.contains(name) { Some(name.clone()) } else { on_that_day(name) });
        // Those that are still named are still called off, and can be called back.
        let lost = called_off.iter().filter(|name| !names.contains(*name)).filter_map(on_that_day);
        let exdates = kept.chain(lost).collect();
        self.except(exdates)
    }

    fn starts(&self) -> impl Iterator<Item = NaiveDateTime> {
        let rule = self.rrule.as_deref().and_then(|rrule| Rule::read(rrule, self.time.zone()).ok());
        rule.and_then(|rule| rule.times(self.time.local_start()).ok()).into_iter().flatten()
    }

    /// The names of all occurrences of a series, exceptions left out.
    #[must_use]
    pub fn names(&self) -> HashSet<String> {
        let off: HashSet<&String> = self.exdates.iter().collect();
        self.starts().map(|start| self.time.recurrence_id(start)).filter(|name| !off.contains(name)).collect()
    }

    /// How often it takes place, exceptions among it.
    #[must_use]
    pub fn occurrences(&self) -> usize {
        self.starts().count().max(1)
    }

    /// The local time of the occurrence of this name, if the rule makes it and it is no exception.
    #[must_use]
    pub fn occurrence(&self, recurrence_id: &str) -> Option<NaiveDateTime> {
        if self.exdates.iter().any(|exdate| exdate == recurrence_id) {
            return None;
        }
        self.starts().find(|start| self.time.recurrence_id(*start) == recurrence_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn days(from: &str, to: &str) -> Time {
        Time::AllDay { from: day(from), to: day(to) }
    }

    #[test]
    fn a_series_knows_its_last_day() {
        let plan = Schedule::plan(days("2026-03-02", "2026-03-03"), Some("FREQ=WEEKLY;COUNT=3"), vec![]).unwrap();
        assert_eq!(plan.last_day, day("2026-03-17"));
        assert_eq!(plan.occurrence("20260309"), day("2026-03-09").and_hms_opt(0, 0, 0));
        assert_eq!(plan.occurrence("20260310"), None);
    }

    #[test]
    fn exceptions_are_occurrences_of_the_series() {
        let plan = |exdates: &[&str]| {
            let exdates = exdates.iter().map(|exdate| (*exdate).to_owned()).collect();
            Schedule::plan(days("2026-03-02", "2026-03-02"), Some("FREQ=DAILY;COUNT=5"), exdates)
        };
        let planned = plan(&["20260304", "20260303", "20260304"]).unwrap();
        assert_eq!(planned.exdates, ["20260303", "20260304"]);
        assert_eq!(planned.occurrence("20260303"), None);
        assert_eq!(plan(&["20260303", "20260401", "x"]).unwrap_err().len(), 2);
        assert!(Schedule::plan(days("2026-03-02", "2026-03-02"), None, vec!["20260302".to_owned()]).is_err());
    }

    #[test]
    fn what_is_off_on_a_day_stays_off_when_the_hour_is_another() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let plan = |starts_at: &str| {
            let time =
                Time::Timed { starts_at: at(starts_at), ends_at: at(starts_at) + Duration::minutes(45), zone: chrono_tz::Europe::London };
            Schedule::plan(time, Some("FREQ=WEEKLY;COUNT=4"), Vec::new()).unwrap()
        };
        let (exdates, called_off) = (["20261019T090000".to_owned()], ["20261026T090000".to_owned()]);
        let later = plan("2026-10-12T09:00:00Z").except_as_before(&exdates, &called_off).unwrap();
        assert_eq!(later.exdates, ["20261019T100000", "20261026T100000"], "across a change of clocks, too");
        let same = plan("2026-10-12T08:00:00Z").except_as_before(&exdates, &called_off).unwrap();
        assert_eq!(same.exdates, exdates, "what is still called off by itself can be called back");
        let tuesday = plan("2026-10-13T08:00:00Z").except_as_before(&exdates, &called_off).unwrap();
        assert_eq!(tuesday.exdates, [""; 0]);
    }

    #[test]
    fn an_end_before_the_start_is_refused_and_so_are_absurd_years() {
        assert!(Schedule::plan(days("2026-03-02", "2026-03-01"), None, vec![]).is_err());
        assert!(Schedule::plan(days("0001-03-02", "0001-03-02"), None, vec![]).is_err());
        assert!(Schedule::plan(days("2026-03-02", "2027-03-03"), None, vec![]).is_err());
        let noon = day("2026-03-02").and_hms_opt(12, 0, 0).unwrap().and_utc();
        let timed = |ends_at| Schedule::plan(Time::Timed { starts_at: noon, ends_at, zone: chrono_tz::UTC }, None, vec![]);
        assert!(timed(noon).is_err() && timed(noon + Duration::seconds(1)).is_ok());
    }

    #[test]
    fn an_event_may_be_in_the_second_pass_of_an_hour_and_a_series_not() {
        let starts_at: DateTime<Utc> = "2026-10-25T01:30:00Z".parse().unwrap();
        let time = Time::Timed { starts_at, ends_at: starts_at + Duration::minutes(10), zone: chrono_tz::Europe::London };
        assert_eq!(Schedule::plan(time, None, vec![]).unwrap().time, time);
        assert!(Schedule::plan(time, Some("FREQ=DAILY;COUNT=2"), vec![]).is_err());
    }
}
