//! Attendance as an iCalendar file (RFC 5545): days, not hours, because a calendar that stands in another zone must not move an absence to the day before.
//!
//! An entry's UID is its row's id, so that a file that is imported again replaces what was there; DTSTAMP is when the row was last changed, SEQUENCE how often.
//! Lines are escaped and folded by the library.

use chrono::{Days, NaiveDate};
use domain::Timestamp;
use icalendar::{Calendar, Class, Component, Event, EventLike, Property};
use uuid::Uuid;

/// What a calendar is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The row that it is about.
    pub id: Uuid,
    /// When that was last changed.
    pub changed_at: Timestamp,
    /// How often it was changed.
    pub changes: u32,
    /// The first day and the last.
    pub days: (NaiveDate, NaiveDate),
    /// What it is, for a person.
    pub summary: String,
    /// What it is, for a program: `ABSENT`, `LATE`, `EXCUSED`, `LEAVE` or `REGISTER`.
    pub category: &'static str,
    /// What there is to say.
    pub description: Option<String>,
}

/// The file.
#[must_use]
pub fn file(name: &str, entries: &[Entry]) -> String {
    let mut calendar = Calendar::empty();
    let properties = [
        ("VERSION", "2.0"),
        ("PRODID", "-//Schools24//Attendance//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
        ("X-WR-CALNAME", name),
    ];
    for (key, value) in properties {
        calendar.append_property(Property::new(key, value));
    }
    for entry in entries {
        calendar.push(event(entry));
    }
    calendar.done().to_string()
}

fn event(entry: &Entry) -> Event {
    let (first, last) = entry.days;
    let mut event = Event::new();
    event
        .uid(&format!("{}@attendance.schools24", entry.id))
        .timestamp(entry.changed_at)
        .sequence(entry.changes)
        .starts(first)
        // The end is the first day that is no part of it.
        .ends(last.checked_add_days(Days::new(1)).unwrap_or(last))
        .summary(&entry.summary)
        .categories([entry.category])
        .class(Class::Private)
        // Nobody is busy because of it.
        .add_property("TRANSP", "TRANSPARENT");
    if let Some(description) = &entry.description {
        event.description(description);
    }
    event.done()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SubsecRound};
    use icalendar::DatePerhapsTime;
    use proptest::prelude::*;

    use super::*;

    fn day(number: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(number)
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let text = "[a-zé,;\\\\\n\": ]{0,120}[a-z]";
        let times = (any::<u128>(), 0..2_000_000_000_i64, 0..1_000_u32);
        (times, 0..700_u64, 0..20_u64, text, proptest::option::of(text)).prop_map(
            |((id, at, changes), from, length, summary, description)| Entry {
                id: Uuid::from_u128(id),
                changed_at: DateTime::from_timestamp(at, 0).unwrap().trunc_subsecs(0),
                changes,
                days: (day(from), day(from + length)),
                summary,
                category: "ABSENT",
                description,
            },
        )
    }

    #[test]
    fn a_day_is_a_date_and_ends_where_the_next_one_begins() {
        let entry = Entry {
            id: Uuid::nil(),
            changed_at: DateTime::from_timestamp(0, 0).unwrap(),
            changes: 2,
            days: (day(0), day(0)),
            summary: "Absent, ill; 7A".to_owned(),
            category: "ABSENT",
            description: None,
        };
        let file = file("Mira", &[entry]);
        let lines: Vec<&str> = file.split("\r\n").collect();
        for line in [
            "UID:00000000-0000-0000-0000-000000000000@attendance.schools24",
            "DTSTAMP:19700101T000000Z",
            "DTSTART;VALUE=DATE:20260101",
            "DTEND;VALUE=DATE:20260102",
            "SEQUENCE:2",
            "SUMMARY:Absent\\, ill\\; 7A",
            "CATEGORIES:ABSENT",
            "CLASS:PRIVATE",
            "TRANSP:TRANSPARENT",
            "PRODID:-//Schools24//Attendance//EN",
        ] {
            assert!(lines.contains(&line), "{line} is not in {file}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was_in_lines_that_are_short_enough(entries in prop::collection::vec(entry(), 0..8)) {
            let file = file("Mira, 7A", &entries);
            // 75 octets is what the standard asks for if it can be had; the library's last fold of a line may have one more.
            prop_assert!(file.split("\r\n").all(|line| line.len() <= 76 && !line.contains(['\r', '\n'])), "{}", file);
            let calendar: Calendar = file.parse().map_err(TestCaseError::fail)?;
            let read: Vec<Entry> = calendar.events().map(|event| {
                let date = |value: Option<DatePerhapsTime>| match value {
                    Some(DatePerhapsTime::Date(date)) => date,
                    other => panic!("{other:?} is no date"),
                };
                Entry {
                    id: event.get_uid().unwrap().strip_suffix("@attendance.schools24").unwrap().parse().unwrap(),
                    changed_at: event.get_timestamp().unwrap(),
                    changes: event.get_sequence().unwrap(),
                    days: (date(event.get_start()), date(event.get_end()) - Days::new(1)),
                    summary: event.get_summary().unwrap().to_owned(),
                    category: "ABSENT",
                    description: event.get_description().map(str::to_owned),
                }
            }).collect();
            prop_assert_eq!(read, entries);
        }
    }
}
