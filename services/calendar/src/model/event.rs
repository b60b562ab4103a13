//! An event of the calendar as it is kept: alone, a series, or a changed occurrence of one.

use std::collections::HashSet;

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use domain::{CalendarEventId, Fault, Faults, RoomId, SchoolId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use write_behind::natural_id;

use super::audience::Audience;
use super::rule::Rule;
use super::zone;

/// The most exceptions of one series.
pub const MOST_EXCEPTIONS: usize = 500;
/// The longest event, in days.
const LONGEST: i64 = 366;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CalendarEventKind)]
pub enum Kind {
    /// Anything else.
    Event,
    /// No school: all day, on days of its own. Attendance asks for no registers then.
    Holiday,
    /// An examination.
    Exam,
    /// A meeting, such as a parents' evening.
    Meeting,
}

impl Kind {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Holiday => "holiday",
            Self::Exam => "exam",
            Self::Meeting => "meeting",
        }
    }
}

/// Whether it takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CalendarEventStatus)]
pub enum Status {
    /// Perhaps.
    Tentative,
    /// It does.
    Confirmed,
    /// It does not, and that stays so.
    Cancelled,
}

impl Status {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tentative => "tentative",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

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
    use chrono::Datelike;
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

/// What people read about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// Where, in words.
    pub place: Option<String>,
    /// Where, as a room.
    pub room_id: Option<RoomId>,
    /// For whom.
    pub audience: Audience,
}

/// A row of the calendar. A row with `master_event_id` is an occurrence of that series that was changed, moved or called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: CalendarEventId,
    /// The school.
    pub school_id: SchoolId,
    /// Its name in other calendars; never changes.
    pub uid: String,
    /// How often its schedule or status was changed.
    pub sequence: i32,
    /// What it is about.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// Where, in words.
    pub place: Option<String>,
    /// Where, as a room.
    pub room_id: Option<RoomId>,
    /// Whether it has days rather than times.
    pub is_all_day: bool,
    /// The first day.
    pub start_date: Option<NaiveDate>,
    /// The last day, inclusive.
    pub end_date: Option<NaiveDate>,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it is over.
    pub ends_at: Option<Timestamp>,
    /// The zone whose clocks count.
    pub time_zone: Option<String>,
    /// How it recurs.
    pub rrule: Option<String>,
    /// Occurrences that don't take place.
    #[serde(default)]
    pub exdates: Vec<String>,
    /// The series that this is an occurrence of.
    pub master_event_id: Option<CalendarEventId>,
    /// Which occurrence.
    pub recurrence_id: Option<String>,
    /// For whom.
    #[serde(default)]
    pub audience: Audience,
    /// Whether it takes place.
    pub status: Status,
    /// Who put it in.
    pub created_by: UserId,
    /// No occurrence is later; none where whoever wrote the row did not say.
    #[serde(default)]
    pub last_day: Option<NaiveDate>,
    /// Its version.
    pub version: Version,
    /// When it was put in.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Event {
    /// A new event, without time or words yet. Its id is its name in other calendars, as RFC 7986 (5.3) advises.
    #[must_use]
    pub fn fresh(id: CalendarEventId, school: SchoolId, (kind, status): (Kind, Status), by: UserId, now: Timestamp) -> Self {
        Self {
            id,
            school_id: school,
            uid: id.to_string(),
            sequence: 0,
            kind,
            title: String::new(),
            description: None,
            place: None,
            room_id: None,
            is_all_day: false,
            start_date: None,
            end_date: None,
            starts_at: None,
            ends_at: None,
            time_zone: None,
            rrule: None,
            exdates: Vec::new(),
            master_event_id: None,
            recurrence_id: None,
            audience: Audience::EVERYBODY,
            status,
            created_by: by,
            last_day: None,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        }
    }

    /// When it takes place, or takes place first. Always there: the table refuses a row without.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        if self.is_all_day {
            return Some(Time::AllDay { from: self.start_date?, to: self.end_date? });
        }
        Some(Time::Timed { starts_at: self.starts_at?, ends_at: self.ends_at?, zone: zone::named(self.time_zone.as_deref()?) })
    }

    /// Its schedule.
    #[must_use]
    pub fn schedule(&self) -> Option<Schedule> {
        let time = self.time()?;
        let last_day = self.last_day.unwrap_or_else(|| time.last_day());
        Some(Schedule { time, rrule: self.rrule.clone(), exdates: self.exdates.clone(), last_day })
    }

    /// The series that it belongs to: its own id, or its master's.
    #[must_use]
    pub fn series(&self) -> CalendarEventId {
        self.master_event_id.unwrap_or(self.id)
    }

    /// The same, at other times.
    #[must_use]
    pub fn scheduled(self, schedule: Schedule) -> Self {
        let (is_all_day, start_date, end_date, starts_at, ends_at, time_zone) = match schedule.time {
            Time::AllDay { from, to } => (true, Some(from), Some(to), None, None, None),
            Time::Timed { starts_at, ends_at, zone } => (false, None, None, Some(starts_at), Some(ends_at), Some(zone.name().to_owned())),
        };
        let Schedule { rrule, exdates, last_day, .. } = schedule;
        Self { is_all_day, start_date, end_date, starts_at, ends_at, time_zone, rrule, exdates, last_day: Some(last_day), ..self }
    }

    /// The same with other words, for others.
    #[must_use]
    pub fn described(self, details: Details) -> Self {
        let Details { title, description, place, room_id, audience } = details;
        Self { title, description, place, room_id, audience, ..self }
    }

    /// What people read about it.
    #[must_use]
    pub fn details(&self) -> Details {
        Details {
            title: self.title.clone(),
            description: self.description.clone(),
            place: self.place.clone(),
            room_id: self.room_id,
            audience: self.audience.clone(),
        }
    }

    /// The version after `self`. The sequence grows when the schedule or the status is another one: that is what other calendars go by.
    #[must_use]
    pub fn next(&self, changed: Self, now: Timestamp) -> Self {
        let timing = |event: &Self| (event.time(), event.rrule.clone(), event.exdates.clone(), event.status);
        let moved = timing(self) != timing(&changed);
        Self { sequence: self.sequence + i32::from(moved), version: self.version.next(), updated_at: now, ..changed }
    }

    /// The row of an occurrence, as the series has it now: what is changed about it is changed in there.
    #[must_use]
    pub fn occurrence(&self, recurrence_id: &str, start: NaiveDateTime, time: Time, by: UserId, now: Timestamp) -> Self {
        let time = time.moved(start);
        let row = Self {
            id: Self::occurrence_id(self.id, recurrence_id),
            master_event_id: Some(self.id),
            recurrence_id: Some(recurrence_id.to_owned()),
            created_by: by,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
            ..self.clone()
        };
        row.scheduled(Schedule { time, rrule: None, exdates: Vec::new(), last_day: time.last_day() })
    }

    /// The id of an occurrence's row: whoever changes it first names the same one.
    #[must_use]
    pub fn occurrence_id(master: CalendarEventId, recurrence_id: &str) -> CalendarEventId {
        CalendarEventId::from_uuid(natural_id("calendar_event", &[master.as_uuid().as_bytes(), recurrence_id.as_bytes()]))
    }

    /// What goes for some kinds only.
    #[must_use]
    pub fn kind_faults(kind: Kind, schedule: &Schedule, audience: &Audience) -> Vec<Fault> {
        let mut faults = Faults::none();
        if kind == Kind::Holiday {
            faults.require(schedule.time.zone().is_none(), "/is_all_day", "a holiday is all day");
            faults.require(schedule.rrule.is_none(), "/rrule", "a holiday has days of its own: put in one for each year");
            faults.require(audience.user_ids.is_none(), "/audience/user_ids", "a holiday is for classes or roles, not for persons");
        }
        faults.into_result().err().unwrap_or_default()
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
