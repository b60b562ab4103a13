//! What takes place within some days: every event there, a series with each of its occurrences, changed ones as they were changed.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{CalendarEventId, RoomId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audience::Audience;
use super::event::{Event, Kind, Status};
use super::month::Window;
use super::rule::Rule;
use super::schedule::{Schedule, Time};
use super::zone;

/// One time that an event takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Occurrence {
    /// The event, or the series.
    pub event_id: CalendarEventId,
    /// Which occurrence of the series, such as `20261124T090000`; null for an event that takes place once. Stays what it is when the occurrence is moved.
    pub recurrence_id: Option<String>,
    /// Whether this occurrence was changed, moved or called off by itself.
    pub is_changed: bool,
    /// What it is about.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// Where, in words.
    pub place: Option<String>,
    /// Where, as a room.
    pub room_id: Option<RoomId>,
    /// Whether it has days rather than times.
    pub is_all_day: bool,
    /// The first day; null if it has times.
    pub start_date: Option<NaiveDate>,
    /// The last day, inclusive.
    pub end_date: Option<NaiveDate>,
    /// When it begins; null if it has days.
    pub starts_at: Option<DateTime<Utc>>,
    /// When it is over.
    pub ends_at: Option<DateTime<Utc>>,
    /// The zone whose clocks count; null if it has days.
    pub time_zone: Option<String>,
    /// Whether it takes place.
    pub status: Status,
    /// For whom; null for those who may not put in events.
    pub audience: Option<Audience>,
    /// The version of the event or series; every change of an occurrence is one of its series.
    pub version: Version,
}

impl Occurrence {
    /// `row` is the series itself or a changed occurrence of it. For whom it is, and what it counts as, is for the series to say.
    fn of(series: &Event, row: &Event, time: Time, recurrence_id: Option<String>) -> Self {
        let status = if series.status == Status::Cancelled { Status::Cancelled } else { row.status };
        let row = row.clone().scheduled(Schedule { time, rrule: None, exdates: Vec::new(), last_day: time.last_day() });
        Self {
            event_id: series.id,
            recurrence_id,
            is_changed: row.master_event_id.is_some(),
            kind: series.kind,
            title: row.title,
            place: row.place,
            room_id: row.room_id,
            is_all_day: row.is_all_day,
            start_date: row.start_date,
            end_date: row.end_date,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            time_zone: row.time_zone,
            status,
            audience: Some(series.audience.clone()),
            version: series.version,
        }
    }

    /// The same for an answer: for whom it is, persons above all, is not for everybody to know.
    #[must_use]
    pub fn shown_to(self, works_here: bool) -> Self {
        Self { audience: self.audience.filter(|_| works_here), ..self }
    }

    /// From when to when, with days as those of `zone`.
    #[must_use]
    pub fn span(&self, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        match (self.starts_at, self.ends_at, self.start_date, self.end_date) {
            (Some(starts_at), Some(ends_at), ..) => (starts_at, ends_at),
            (.., Some(from), Some(to)) => (zone::start_of_day(zone, from), zone::start_of_day(zone, to.succ_opt().unwrap_or(to))),
            _ => (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH),
        }
    }

    /// Where it stands in a list: by time, whole days first, then by id.
    #[must_use]
    pub fn place(&self, zone: Tz) -> Place {
        Place {
            begins: self.span(zone).0,
            has_times: !self.is_all_day,
            event_id: self.event_id,
            recurrence_id: self.recurrence_id.clone().unwrap_or_default(),
        }
    }
}

/// A place in a list of occurrences.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    begins: DateTime<Utc>,
    has_times: bool,
    event_id: CalendarEventId,
    recurrence_id: String,
}

/// A series, or a single event, with its changed occurrences.
#[derive(Debug)]
pub struct Series<'e> {
    /// The event itself.
    pub master: &'e Event,
    /// Its changed occurrences, by recurrence id.
    pub changed: BTreeMap<&'e str, &'e Event>,
}

/// Rows of the table as series. A changed occurrence whose series is not among them is left out.
#[must_use]
pub fn series(rows: &[Event]) -> Vec<Series<'_>> {
    let mut found: BTreeMap<CalendarEventId, Series<'_>> = rows
        .iter()
        .filter(|row| row.master_event_id.is_none())
        .map(|master| (master.id, Series { master, changed: BTreeMap::new() }))
        .collect();
    for row in rows {
        if let (Some(master), Some(recurrence_id)) = (row.master_event_id, row.recurrence_id.as_deref())
            && let Some(series) = found.get_mut(&master)
        {
            series.changed.insert(recurrence_id, row);
        }
    }
    found.into_values().collect()
}

impl<'e> Series<'e> {
    /// The changed occurrences that the series still makes: after its rule was changed, a change of what is no longer there means nothing.
    #[must_use]
    pub fn standing(&self) -> Vec<&'e Event> {
        if self.changed.is_empty() {
            return Vec::new();
        }
        let Some(names) = self.master.schedule().map(|schedule| schedule.names()) else { return Vec::new() };
        let standing = self.changed.iter().filter(|(recurrence_id, _)| names.contains(**recurrence_id));
        standing.map(|(_, row)| *row).collect()
    }

    /// What of it takes place within `window`, cancelled occurrences included.
    #[must_use]
    pub fn within(&self, window: &Window) -> Vec<Occurrence> {
        let Some(first) = self.master.time() else { return Vec::new() };
        let visible = |time: Time| match time {
            Time::AllDay { from, to } => window.has_days(from, to),
            Time::Timed { starts_at, ends_at, .. } => window.has_time(starts_at, ends_at),
        };
        let master = self.master;
        let Some(text) = master.rrule.as_deref() else {
            return visible(first).then(|| Occurrence::of(master, master, first, None)).into_iter().collect();
        };
        let times = Rule::read(text, first.zone()).and_then(|rule| rule.times(first.local_start()));
        let mut found = Vec::new();
        // A day of grace, since the window is in the school's zone and the series in its own. Once past the window, only what was moved can still matter.
        let past = window.to + chrono::Days::new(2);
        let mut waiting = self.changed.len();
        for start in times.into_iter().flatten() {
            if start.date() > past && waiting == 0 {
                break;
            }
            let recurrence_id = first.recurrence_id(start);
            let changed = self.changed.get(recurrence_id.as_str());
            waiting -= usize::from(changed.is_some());
            if master.exdates.contains(&recurrence_id) {
                continue;
            }
            let (row, time) = match changed {
                Some(row) => (*row, row.time().unwrap_or(first)),
                None => (master, first.moved(start)),
            };
            if visible(time) {
                found.push(Occurrence::of(master, row, time, Some(recurrence_id)));
            }
        }
        found
    }
}

/// Everything within `window`, in order.
#[must_use]
pub fn expand(rows: &[Event], window: &Window, zone: Tz) -> Vec<Occurrence> {
    let mut found: Vec<Occurrence> = series(rows).iter().flat_map(|series| series.within(window)).collect();
    found.sort_by_cached_key(|occurrence| occurrence.place(zone));
    found
}
