//! A feed as it is written, byte for byte, and what `icalendar` and `recurring-ical-events` read in it (`tests/reference/feed.py`): every occurrence, at the
//! instant at which the service itself has it.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{CalendarEventId, SchoolId, UserId, Version};
use uuid::Uuid;

use super::{Entry, calendar};
use crate::model::event::{Event, Kind, Status};
use crate::model::month::Window;
use crate::model::occurrence::expand;
use crate::model::schedule::{Schedule, Time};
use crate::model::zone;

const WRITTEN: &str = include_str!("../../../tests/reference/feed.ics");
const READ: &str = include_str!("../../../tests/reference/feed.txt");

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn timed(zone: Tz, starts_at: &str, minutes: i64) -> Time {
    Time::Timed { starts_at: at(starts_at), ends_at: at(starts_at) + Duration::minutes(minutes), zone }
}

fn event(number: u128, title: &str, time: Time, rrule: Option<&str>, exdates: &[&str]) -> Event {
    let (id, school, by) = (Uuid::from_u128(number), SchoolId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::from_u128(2)));
    let plan = Schedule::plan(time, rrule, exdates.iter().map(|exdate| (*exdate).to_owned()).collect()).unwrap();
    let fresh = Event::fresh(CalendarEventId::from_uuid(id), school, (Kind::Event, Status::Confirmed), by, at("2026-06-01T10:00:00Z"));
    Event { title: title.to_owned(), ..fresh.scheduled(plan) }
}

fn changed(series: &Event, name: &str, alter: impl FnOnce(Event) -> Event) -> Event {
    let start = series.schedule().unwrap().occurrence(name).unwrap();
    let row = series.occurrence(name, start, series.time().unwrap(), series.created_by, at("2026-06-02T10:00:00Z"));
    Event { sequence: 1, version: Version::FIRST, ..alter(row) }
}

fn rows() -> Vec<Event> {
    let (london, new_york, lord_howe) = (chrono_tz::Europe::London, chrono_tz::America::New_York, chrono_tz::Australia::Lord_Howe);
    let assembly = event(
        10,
        "Assembly; all, of 7A \\ 7B",
        timed(london, "2026-10-12T08:00:00Z", 45),
        Some("FREQ=WEEKLY;COUNT=6"),
        &["20261019T090000"],
    );
    let moved = changed(&assembly, "20261026T090000", |row| {
        row.scheduled(Schedule::plan(timed(london, "2026-10-28T10:00:00Z", 45), None, Vec::new()).unwrap())
    });
    let off = changed(&assembly, "20261102T090000", |row| Event { status: Status::Cancelled, ..row });
    let days = event(
        11,
        "Reading days",
        Time::AllDay { from: day("2026-10-23"), to: day("2026-10-24") },
        Some("FREQ=MONTHLY;BYDAY=4FR;COUNT=3"),
        &[],
    );
    let skipped = event(
        12,
        "In the hour that is skipped",
        timed(lord_howe, "2026-09-26T15:40:00Z", 10),
        Some("FREQ=WEEKLY;UNTIL=20261031T130000Z"),
        &[],
    );
    let far = event(13, "Call to New York", timed(new_york, "2026-10-30T14:00:00Z", 30), Some("FREQ=DAILY;COUNT=5"), &[]);
    let twice = event(14, "In the second pass of an hour", timed(london, "2026-10-25T01:30:00Z", 20), None, &[]);
    let plain =
        event(15, "In no zone at all", timed(Tz::UTC, "2026-11-05T12:00:00Z", 60), Some("FREQ=DAILY;COUNT=3"), &["20261106T120000"]);
    let title =
        "Überraschung: 老虎 and a very long title, which goes on until it must be folded, twice at the least, since lines are short";
    let called_off =
        Event { status: Status::Cancelled, sequence: 3, ..event(16, title, timed(london, "2026-11-10T18:00:00Z", 90), None, &[]) };
    let words = Event { description: Some("One\nTwo, three; four\\five".to_owned()), ..days };
    vec![assembly, moved, off, words, skipped, far, twice, plain, called_off]
}

#[test]
fn a_feed_is_what_independent_libraries_were_given() {
    let entries: Vec<Entry> =
        rows().into_iter().map(|event| Entry { place: Some("Hall, 1st floor".to_owned()), category: None, event }).collect();
    let written = calendar("A school", &entries);
    assert!(written == WRITTEN, "the feed is another one; give it to tests/reference/feed.py:\n{written}");
}

#[test]
fn independent_libraries_read_what_the_service_means() {
    let rows = rows();
    let window = Window::new(day("2026-09-01"), day("2026-12-31"), Tz::UTC);
    let mut found: Vec<String> = expand(&rows, &window, Tz::UTC)
        .iter()
        .map(|one| {
            let begins =
                one.starts_at.map_or_else(|| one.start_date.unwrap().to_string(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
            format!("{begins} {} {} {}", one.event_id, one.title, one.status.as_str().to_uppercase())
        })
        .collect();
    found.sort();
    assert_eq!(found, READ.lines().collect::<Vec<_>>());
    assert!(
        zone::local(chrono_tz::Australia::Lord_Howe, at("2026-10-03T15:40:00Z")).to_string().ends_with("02:40:00"),
        "half an hour is skipped there"
    );
}
