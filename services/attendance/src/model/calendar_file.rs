//! Attendance as an iCalendar file (RFC 5545): days, not hours, because a calendar that stands in another zone must not move an absence to the day before.
//!
//! An entry's UID is its row's id, so that a file that is imported again replaces what was there; DTSTAMP is when the row was last changed, SEQUENCE how often.

use chrono::{Days, NaiveDate};
use domain::Timestamp;
use ics::{Component, component, property, stamp, text, write};
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
    let properties = vec![
        property("VERSION", &[], "2.0"),
        property("PRODID", &[], "-//Schools24//Attendance//EN"),
        property("CALSCALE", &[], "GREGORIAN"),
        property("METHOD", &[], "PUBLISH"),
        property("X-WR-CALNAME", &[], text(name)),
    ];
    write(&component("VCALENDAR", properties, entries.iter().map(event).collect()))
}

fn event(entry: &Entry) -> Component {
    let (first, last) = entry.days;
    let mut properties = vec![
        property("UID", &[], format!("{}@attendance.schools24", entry.id)),
        property("DTSTAMP", &[], stamp(entry.changed_at)),
        property("SEQUENCE", &[], entry.changes.to_string()),
        ics::day("DTSTART", first),
        // The end is the first day that is no part of it.
        ics::day("DTEND", last.checked_add_days(Days::new(1)).unwrap_or(last)),
        property("SUMMARY", &[], text(&entry.summary)),
        property("CATEGORIES", &[], entry.category),
        property("CLASS", &[], "PRIVATE"),
        // Nobody is busy because of it.
        property("TRANSP", &[], "TRANSPARENT"),
    ];
    properties.extend(entry.description.as_ref().map(|description| property("DESCRIPTION", &[], text(description))));
    component("VEVENT", properties, Vec::new())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SubsecRound};
    use icalendar::{Calendar, Component as _, DatePerhapsTime};
    use proptest::prelude::*;

    use super::*;

    fn day(number: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(number)
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let text = "[a-zé,;\\\\\n\r\t\": ]{0,120}[a-z]";
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
            prop_assert!(file.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{}", file);
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
            // A line break is one, however it was typed.
            let lines = |text: String| text.replace("\r\n", "\n").replace('\r', "\n");
            let entries: Vec<Entry> = entries.into_iter().map(|entry| Entry { summary: lines(entry.summary), description: entry.description.map(lines), ..entry }).collect();
            prop_assert_eq!(read, entries);
        }
    }
}
