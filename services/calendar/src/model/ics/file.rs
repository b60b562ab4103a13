//! A file, taken apart: each component by itself, so that one that is spoilt doesn't spoil the others.

use icalendar::parser::{Component, read_components, unfold};
use thiserror::Error;

/// The most components of one file.
pub const MOST_COMPONENTS: usize = 2_000;
/// No component of RFC 5545 is deeper: an alarm in an event in a calendar. The crate's parser calls itself for each level.
const DEEPEST: usize = 4;

/// Why a file can't be taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// No calendar.
    #[error("The file is no iCalendar file: it must begin with BEGIN:VCALENDAR and end with END:VCALENDAR.")]
    NoCalendar,
    /// Begins and ends don't match.
    #[error("A component of the file begins or ends where it must not.")]
    Crossed,
    /// Too many.
    #[error("The file has more than {MOST_COMPONENTS} components.")]
    TooMany,
    /// Not a calendar that counts days as others do.
    #[error("The file counts days in a calendar other than the Gregorian.")]
    OtherScale,
}

/// A component as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is: `VEVENT`.
    pub name: String,
    text: String,
}

impl Piece {
    /// Its properties; why not, if they can't be read.
    pub fn read<T>(&self, understand: impl FnOnce(&Component<'_>) -> T) -> Option<T> {
        let components = read_components(&self.text).ok()?;
        components.first().map(understand)
    }
}

/// The components that stand directly in the calendars of a file.
pub fn components(file: &str) -> Result<Vec<Piece>, Unreadable> {
    let file = file.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let unfolded = unfold(&file);
    let mut open: Vec<String> = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut calendars = 0;
    for line in unfolded.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim().to_ascii_uppercase();
        let (begins, ends) = (name.eq_ignore_ascii_case("BEGIN"), name.eq_ignore_ascii_case("END"));
        if begins {
            let clean = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !clean || open.len() == DEEPEST || open.is_empty() != (value == "VCALENDAR") {
                return Err(if open.is_empty() { Unreadable::NoCalendar } else { Unreadable::Crossed });
            }
            calendars += usize::from(open.is_empty());
            if open.len() == 1 {
                if pieces.len() == MOST_COMPONENTS {
                    return Err(Unreadable::TooMany);
                }
                pieces.push(Piece { name: value.clone(), text: String::new() });
            }
            open.push(value.clone());
        } else if open.is_empty() {
            return Err(Unreadable::NoCalendar);
        }
        if open.len() == 1 && name.eq_ignore_ascii_case("CALSCALE") && value != "GREGORIAN" {
            return Err(Unreadable::OtherScale);
        }
        if open.len() > 1
            && let Some(piece) = pieces.last_mut()
        {
            // Names are upper case for whoever compares them; values stay as they are.
            let line = if begins || ends { format!("{}:{value}", name.to_ascii_uppercase()) } else { upper_name(line) };
            piece.text.push_str(&line);
            piece.text.push_str("\r\n");
        }
        if ends && open.pop().as_ref() != Some(&value) {
            return Err(Unreadable::Crossed);
        }
    }
    if calendars == 0 || !open.is_empty() {
        return Err(Unreadable::NoCalendar);
    }
    Ok(pieces)
}

fn upper_name(line: &str) -> String {
    let end = line.find([';', ':']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    name.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_apart() {
        let file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nsummary:Sports\r\n  day\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VTODO\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
        let pieces = components(file).unwrap();
        assert_eq!(pieces.iter().map(|piece| piece.name.as_str()).collect::<Vec<_>>(), ["VEVENT", "VTODO"]);
        let summary = pieces[0].read(|event| event.find_prop("SUMMARY").map(|property| property.val.to_string()));
        assert_eq!(summary.flatten().as_deref(), Some("Sports day"));
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        for (file, why) in [
            ("", Unreadable::NoCalendar),
            ("hello", Unreadable::NoCalendar),
            ("BEGIN:VEVENT\nEND:VEVENT", Unreadable::NoCalendar),
            ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", Unreadable::Crossed),
            ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT", Unreadable::NoCalendar),
            ("BEGIN:VCALENDAR\nCALSCALE:JULIAN\nEND:VCALENDAR", Unreadable::OtherScale),
            ("BEGIN:VCALENDAR\nEND:VCALENDAR\ntrailing", Unreadable::NoCalendar),
        ] {
            assert_eq!(components(file), Err(why), "{file:?}");
        }
    }

    #[test]
    fn a_file_that_is_deep_or_endless_is_refused_before_anything_is_parsed() {
        let deep = format!("BEGIN:VCALENDAR\n{}", "BEGIN:VEVENT\n".repeat(100_000));
        assert_eq!(components(&deep), Err(Unreadable::Crossed));
        let wide = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR", "BEGIN:VEVENT\nEND:VEVENT\n".repeat(MOST_COMPONENTS + 1));
        assert_eq!(components(&wide), Err(Unreadable::TooMany));
    }

    #[test]
    fn a_spoilt_component_spoils_no_other() {
        let file = "BEGIN:VCALENDAR\nBEGIN:VEVENT\n;;;=\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nEND:VEVENT\nEND:VCALENDAR";
        let pieces = components(file).unwrap();
        assert!(pieces[0].read(|_| ()).is_none() || pieces[0].read(|event| event.find_prop("UID").is_none()).unwrap());
        assert!(pieces[1].read(|event| event.find_prop("UID").is_some()).unwrap());
    }
}
