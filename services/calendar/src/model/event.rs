//! An event of the calendar as it is kept: alone, a series, or a changed occurrence of one.

use chrono::{NaiveDate, NaiveDateTime};
use domain::{CalendarEventId, Fault, Faults, RoomId, SchoolId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;
use write_behind::natural_id;

use super::audience::Audience;
use super::schedule::{Schedule, Time};
use super::zone;

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

/// Breaks between lines as spaces.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) {
        text.split(char::is_control).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(" ")
    } else {
        text
    }
}

/// Another calendar speaks of an older state than is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is older than what is here")]
pub struct Older;

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

    /// The same with other words, for others. What stands in one line elsewhere is one line here.
    #[must_use]
    pub fn described(self, details: Details) -> Self {
        let Details { title, description, place, room_id, audience } = details;
        let description = description.map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
        Self { title: one_line(title), description, place: place.map(one_line), room_id, audience, ..self }
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

    /// What is to be written of an occurrence of this series: `changed`, after the row that it has already if it has one. A calendar that says its own SEQUENCE
    /// (`incoming`) is not heard if it speaks of an older state than is here, and its number is kept; what is changed here has the next number.
    pub fn change_of(&self, found: Option<&Self>, changed: Self, incoming: Option<i32>, now: Timestamp) -> Result<Self, Older> {
        match (found, incoming) {
            (Some(row), Some(incoming)) if incoming < row.sequence => Err(Older),
            (Some(row), incoming) => {
                let next = row.next(changed, now);
                Ok(Self { sequence: next.sequence.max(incoming.unwrap_or(0)), ..next })
            }
            // Made by the series so far, whose number is its own: others count changes of an occurrence by themselves.
            (None, Some(incoming)) => Ok(Self { sequence: incoming.max(self.sequence), ..changed }),
            (None, None) => Ok(Self { sequence: self.sequence + 1, ..changed }),
        }
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
            faults.require(schedule.time.zone().is_none(), "/starts_at", "a holiday is all day");
            faults.require(schedule.rrule.is_none(), "/rrule", "a holiday has days of its own: put in one for each year");
            faults.require(audience.user_ids.is_none(), "/audience/user_ids", "a holiday is for classes or roles, not for persons");
        }
        faults.into_result().err().unwrap_or_default()
    }
}
