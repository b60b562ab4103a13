//! A whole file, read: of each component what it means here, or why it can't be taken. What a file can cost is bounded: in components, and in occurrences.

use chrono_tz::Tz;

use super::file::{Unreadable, components};
use super::read::{Found, understand};

/// The most occurrences that the series of one file may have together; each is looked at.
pub const MOST_OCCURRENCES: usize = 50_000;

/// A component of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name, if it has one.
    pub uid: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// What it means, or why it can't be taken.
    pub meaning: Result<Found, String>,
}

/// Reads a file whose floating times are those of `zone`. Time zones are no components of their own; zones are known by name.
pub fn read(file: &str, zone: Tz) -> Result<Vec<Line>, Unreadable> {
    let mut left = MOST_OCCURRENCES;
    let mut lines = Vec::new();
    for piece in components(file)?.iter().filter(|piece| piece.name != "VTIMEZONE") {
        if piece.name != "VEVENT" {
            lines.push(Line { uid: None, title: None, meaning: Err(format!("{} is not supported", piece.name)) });
            continue;
        }
        let line = piece.read(|event| {
            let named = |name: &str| event.find_prop(name).map(|property| property.val.as_str().chars().take(255).collect::<String>());
            // What is left bounds what the next one may cost.
            let meaning = if left == 0 {
                Err("the file has too many occurrences".to_owned())
            } else {
                understand(event, zone).map_err(|error| error.to_string())
            };
            Line { uid: named("UID"), title: named("SUMMARY"), meaning }
        });
        let line = line.unwrap_or_else(|| Line { uid: None, title: None, meaning: Err("can't be read".to_owned()) });
        left = left.saturating_sub(line.meaning.as_ref().map_or(1, |found| found.schedule.occurrences()));
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn file(events: impl IntoIterator<Item = String>) -> String {
        let mut file = "BEGIN:VCALENDAR\r\n".to_owned();
        for event in events {
            file.push_str("BEGIN:VEVENT\r\n");
            file.push_str(&event);
            file.push_str("END:VEVENT\r\n");
        }
        file + "END:VCALENDAR\r\n"
    }

    #[test]
    fn a_file_of_nothing_but_long_series_costs_little_and_says_where_it_stops() {
        let daily = |n: usize| {
            format!(
                "UID:{n}\r\nSUMMARY:x\r\nDTSTART;TZID=Europe/London:20260101T090000\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=2500\r\n"
            )
        };
        let started = Instant::now();
        let lines = read(&file((0..1_900).map(daily)), Tz::UTC).unwrap();
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(lines.len(), 1_900);
        assert_eq!(lines.iter().filter(|line| line.meaning.is_ok()).count(), MOST_OCCURRENCES / 2_500);
        assert_eq!(lines[1_899].meaning, Err("the file has too many occurrences".to_owned()));
    }

    #[test]
    fn a_series_with_as_many_exceptions_as_a_file_can_hold_costs_little() {
        let exceptions = "EXDATE:20260102T090000Z,20260103T090000Z,20990101T090000Z\r\n".repeat(15_000);
        let event =
            format!("UID:1\r\nSUMMARY:x\r\nDTSTART:20260101T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=2500\r\n{exceptions}");
        let started = Instant::now();
        let lines = read(&file([event]), Tz::UTC).unwrap();
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert_eq!(lines[0].meaning.as_ref().unwrap().schedule.exdates, ["20260102T090000", "20260103T090000"]);
    }
}
