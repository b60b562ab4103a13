//! Events as other calendars read them: a stable UID, a SEQUENCE that grows with every change of schedule, the time in the event's own zone, days as days, and
//! what was called off as CANCELLED.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use ics::{Component, Property, component, day, property, stamp, text, write};

use super::vtimezone;
use crate::model::event::{Event, Kind, Status};
use crate::model::schedule::Time;
use crate::model::zone;

/// Something for a feed.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event, or a changed occurrence.
    pub event: Event,
    /// What the place is called: the event's own words, or its room.
    pub place: Option<String>,
    /// What it stands under; its kind, if nothing else is said.
    pub category: Option<&'static str>,
}

/// A property whose value is a time: a date, a local time with its zone, or a time in UTC.
fn moment(name: &'static str, at: DateTime<Utc>, zone: Tz) -> Property {
    let local = zone::local(zone, at);
    // Of an hour that comes twice, a local time means the first.
    if zone == Tz::UTC || zone::instant(zone, local) != at {
        return property(name, &[], stamp(at));
    }
    property(name, &[("TZID", zone.name())], local.format("%Y%m%dT%H%M%S").to_string())
}

/// A recurrence id, as it names an occurrence of a series at `time`.
fn named(name: &'static str, ids: &str, time: Time) -> Property {
    match time {
        Time::AllDay { .. } => property(name, &[("VALUE", "DATE")], ids.to_owned()),
        Time::Timed { zone: Tz::UTC, .. } => property(name, &[], ids.split(',').map(|id| format!("{id}Z")).collect::<Vec<_>>().join(",")),
        Time::Timed { zone, .. } => property(name, &[("TZID", zone.name())], ids.to_owned()),
    }
}

/// The event of `entry`; `master` is the time of its series, if it is a changed occurrence.
fn event(entry: &Entry, master: Option<Time>) -> Option<Component> {
    let row = &entry.event;
    let time = row.time()?;
    let mut lines = vec![
        property("UID", &[], text(&row.uid)),
        property("DTSTAMP", &[], stamp(row.updated_at)),
        property("CREATED", &[], stamp(row.created_at)),
        property("LAST-MODIFIED", &[], stamp(row.updated_at)),
        property("SEQUENCE", &[], row.sequence.to_string()),
    ];
    if let (Some(id), Some(master)) = (&row.recurrence_id, master) {
        lines.push(named("RECURRENCE-ID", id, master));
    }
    match time {
        Time::AllDay { from, to } => {
            lines.push(day("DTSTART", from));
            // In iCalendar the end is the day after.
            lines.push(day("DTEND", to.checked_add_days(Days::new(1))?));
            lines.push(property("TRANSP", &[], "TRANSPARENT".to_owned()));
        }
        Time::Timed { starts_at, ends_at, zone } => {
            lines.push(moment("DTSTART", starts_at, zone));
            // What has no end is over at once (RFC 5545, 3.6.1).
            if ends_at > starts_at {
                lines.push(moment("DTEND", ends_at, zone));
            } else {
                lines.push(property("TRANSP", &[], "TRANSPARENT".to_owned()));
            }
        }
    }
    if let Some(rrule) = &row.rrule {
        lines.push(property("RRULE", &[], rrule.clone()));
    }
    if !row.exdates.is_empty() {
        lines.push(named("EXDATE", &row.exdates.join(","), time));
    }
    lines.push(property("SUMMARY", &[], text(&row.title)));
    if let Some(description) = &row.description {
        lines.push(property("DESCRIPTION", &[], text(description)));
    }
    if let Some(place) = &entry.place {
        lines.push(property("LOCATION", &[], text(place)));
    }
    let category = match row.kind {
        Kind::Event => "Event",
        Kind::Holiday => "Holiday",
        Kind::Exam => "Exam",
        Kind::Meeting => "Meeting",
    };
    lines.push(property("CATEGORIES", &[], entry.category.unwrap_or(category).to_owned()));
    let status = match row.status {
        Status::Tentative => "TENTATIVE",
        Status::Confirmed => "CONFIRMED",
        Status::Cancelled => "CANCELLED",
    };
    lines.push(property("STATUS", &[], status.to_owned()));
    Some(component("VEVENT", lines, Vec::new()))
}

/// A whole calendar called `name`. A changed occurrence must come with its series.
#[must_use]
pub fn calendar(name: &str, entries: &[Entry]) -> String {
    let masters: BTreeMap<_, _> = entries.iter().filter_map(|entry| Some((entry.event.id, entry.event.time()?))).collect();
    // Each zone, and from when to when it is spoken of.
    let mut zones: BTreeMap<&'static str, (Tz, NaiveDate, NaiveDate)> = BTreeMap::new();
    let mut events = Vec::new();
    for entry in entries {
        let (Some(time), row) = (entry.event.time(), &entry.event) else { continue };
        let master = row.master_event_id.and_then(|master| masters.get(&master).copied());
        for time in [Some(time), master].into_iter().flatten() {
            if let Some(zone) = time.zone().filter(|zone| *zone != Tz::UTC) {
                let (from, to) = (time.local_start().date(), row.last_day.unwrap_or_else(|| time.last_day()));
                let known = zones.entry(zone.name()).or_insert((zone, from, to));
                (known.1, known.2) = (known.1.min(from), known.2.max(to));
            }
        }
        if row.master_event_id.is_some() == master.is_some() {
            events.extend(event(entry, master));
        }
    }
    let mut components: Vec<Component> = zones.into_values().map(|(zone, from, to)| vtimezone(zone, from, within(from, to))).collect();
    components.extend(events);
    let properties = vec![
        property("VERSION", &[], "2.0".to_owned()),
        property("PRODID", &[], "-//Schools24//Calendar//EN".to_owned()),
        property("CALSCALE", &[], "GREGORIAN".to_owned()),
        property("NAME", &[], text(name)),
        property("X-WR-CALNAME", &[], text(name)),
        property("REFRESH-INTERVAL", &[("VALUE", "DURATION")], "PT1H".to_owned()),
        property("X-PUBLISHED-TTL", &[], "PT1H".to_owned()),
    ];
    write(&component("VCALENDAR", properties, components))
}

/// No zone is told for more years than a rule may go on.
fn within(from: NaiveDate, to: NaiveDate) -> NaiveDate {
    let furthest = from.with_year(from.year() + 60).unwrap_or(to);
    to.min(furthest)
}
