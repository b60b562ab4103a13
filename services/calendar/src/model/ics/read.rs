//! What an event of a file means here, or why it can't be taken.

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use domain::{Fault, Text};
use icalendar::parser::{Component, Property};
use thiserror::Error;

use crate::model::event::Status;
use crate::model::schedule::{Schedule, Time};
use crate::model::zone;

/// Why an event can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// A property that must be there.
    #[error("has no {0}")]
    Missing(&'static str),
    /// A property that stands there twice.
    #[error("has {0} more than once")]
    Twice(&'static str),
    /// A property that can't be read.
    #[error("{0} can't be read")]
    Unreadable(&'static str),
    /// A text that is too long or holds control characters.
    #[error("{0} {1}")]
    Text(&'static str, String),
    /// A zone that nobody knows.
    #[error("its time zone is no IANA zone")]
    Zone,
    /// What this calendar can't express.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// It lasts no time.
    #[error("ends when it begins, or before")]
    NoLength,
    /// What the schedule's own rules say.
    #[error("{}", faults(.0))]
    Schedule(Vec<Fault>),
}

fn faults(faults: &[Fault]) -> String {
    let one = |fault: &Fault| format!("{} {}", fault.pointer.trim_start_matches('/'), fault.detail);
    faults.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Which occurrence a changed one stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaces {
    /// The one of this day.
    Day(NaiveDate),
    /// The one that would begin then.
    Time(DateTime<Utc>),
}

impl Replaces {
    /// Its name in a series at `time`.
    #[must_use]
    pub fn recurrence_id(self, time: Time) -> Option<String> {
        match (self, time) {
            (Self::Day(day), Time::AllDay { .. }) => Some(time.recurrence_id(day.and_time(NaiveTime::MIN))),
            (Self::Time(at), Time::Timed { zone, .. }) => Some(time.recurrence_id(zone::local(zone, at))),
            _ => None,
        }
    }
}

/// An event that can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub uid: String,
    /// Which occurrence of the series of this name it changes.
    pub replaces: Option<Replaces>,
    /// How often it was changed where it comes from.
    pub sequence: i32,
    /// When it takes place.
    pub schedule: Schedule,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// Where.
    pub place: Option<String>,
    /// Whether it takes place.
    pub status: Status,
}

/// Reads a `VEVENT`. Times that float, without any zone, are the school's.
pub fn understand(event: &Component<'_>, school_zone: Tz) -> Result<Found, Refused> {
    let uid =
        one(event, "UID")?.map(|property| property.val.to_string()).filter(|uid| !uid.trim().is_empty()).ok_or(Refused::Missing("UID"))?;
    if uid.chars().count() > 255 || uid.chars().any(char::is_control) {
        return Err(Refused::Unreadable("UID"));
    }
    for (name, what) in [("RDATE", "RDATE"), ("EXRULE", "EXRULE")] {
        if event.find_prop(name).is_some() {
            return Err(Refused::Unsupported(what));
        }
    }
    let replaces = match one(event, "RECURRENCE-ID")? {
        None => None,
        Some(property) if parameter(property, "RANGE").is_some() => {
            return Err(Refused::Unsupported("a change of all occurrences from one on"));
        }
        Some(property) => Some(match moment(property, "RECURRENCE-ID", school_zone)? {
            Moment::Day(day) => Replaces::Day(day),
            Moment::Time(at, _) => Replaces::Time(at),
        }),
    };
    let time = time(event, school_zone)?;
    let rrule = one(event, "RRULE")?.map(|property| property.val.to_string());
    if rrule.is_some() && replaces.is_some() {
        return Err(Refused::Unsupported("a rule of a changed occurrence"));
    }
    if rrule.is_some() && skipped(event) {
        return Err(Refused::Unsupported("a series that starts at a time that clocks skip"));
    }
    let exdates = exdates(event, time, school_zone)?;
    let schedule = Schedule::plan(time, rrule.as_deref(), Vec::new()).map_err(Refused::Schedule)?;
    // Exceptions that the rule doesn't make are common.
    let schedule = schedule.except(if rrule.is_none() { Vec::new() } else { exdates }).map_err(Refused::Schedule)?;
    let sequence = one(event, "SEQUENCE")?.map_or(Ok(0), |property| property.val.as_str().trim().parse::<i32>());
    Ok(Found {
        uid,
        replaces,
        sequence: sequence.ok().filter(|sequence| (0..=1_000_000_000).contains(sequence)).ok_or(Refused::Unreadable("SEQUENCE"))?,
        schedule,
        title: words::<200>(event, "SUMMARY")?.ok_or(Refused::Missing("SUMMARY"))?,
        description: words::<20000>(event, "DESCRIPTION")?,
        place: words::<200>(event, "LOCATION")?,
        status: match one(event, "STATUS")?.map(|property| property.val.as_str().to_ascii_uppercase()).as_deref() {
            None | Some("CONFIRMED") => Status::Confirmed,
            Some("TENTATIVE") => Status::Tentative,
            Some("CANCELLED") => Status::Cancelled,
            Some(_) => return Err(Refused::Unreadable("STATUS")),
        },
    })
}

fn one<'c>(component: &'c Component<'_>, name: &'static str) -> Result<Option<&'c Property<'c>>, Refused> {
    let mut found = component.properties.iter().filter(|property| property.name == name);
    let first = found.next();
    if found.next().is_some() { Err(Refused::Twice(name)) } else { Ok(first) }
}

fn parameter<'p>(property: &'p Property<'_>, name: &str) -> Option<&'p str> {
    let found = property.params.iter().find(|parameter| parameter.key.as_str().eq_ignore_ascii_case(name))?;
    found.val.as_ref().map(|value| value.as_str().trim_matches('"'))
}

/// A text, without what no text may hold; none if nothing is left.
fn words<const MAX: usize>(event: &Component<'_>, name: &'static str) -> Result<Option<String>, Refused> {
    let Some(property) = one(event, name)? else { return Ok(None) };
    if property.val.as_str().trim().is_empty() {
        return Ok(None);
    }
    let text = Text::<MAX>::try_from(property.val.as_str()).map_err(|error| Refused::Text(name, error.to_string()))?;
    Ok(Some(text.into()))
}

/// A value of a time property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Day(NaiveDate),
    Time(DateTime<Utc>, Tz),
}

fn moment(property: &Property<'_>, name: &'static str, school_zone: Tz) -> Result<Moment, Refused> {
    value(property.val.as_str().trim(), parameter(property, "TZID"), school_zone)?.ok_or(Refused::Unreadable(name))
}

fn value(text: &str, tzid: Option<&str>, school_zone: Tz) -> Result<Option<Moment>, Refused> {
    if text.len() == 8 && text.is_ascii() {
        return Ok(NaiveDate::parse_from_str(text, "%Y%m%d").ok().map(Moment::Day));
    }
    let (local, is_utc) = text.strip_suffix(['Z', 'z']).map_or((text, false), |local| (local, true));
    if local.len() != 15 {
        return Ok(None);
    }
    let Ok(local) = NaiveDateTime::parse_from_str(local, "%Y%m%dT%H%M%S") else { return Ok(None) };
    Ok(Some(match tzid {
        _ if is_utc => Moment::Time(local.and_utc(), Tz::UTC),
        None => Moment::Time(zone::instant(school_zone, local), school_zone),
        Some(tzid) => {
            let zone = iana(tzid).ok_or(Refused::Zone)?;
            Moment::Time(zone::instant(zone, local), zone)
        }
    }))
}

/// The zone of this name; some programs put their own path in front of it.
fn iana(tzid: &str) -> Option<Tz> {
    let parts: Vec<&str> = tzid.trim_start_matches('/').split('/').collect();
    (0..parts.len().min(6)).find_map(|skipped| parts.get(skipped..)?.join("/").parse().ok())
}

fn time(event: &Component<'_>, school_zone: Tz) -> Result<Time, Refused> {
    let start = one(event, "DTSTART")?.ok_or(Refused::Missing("DTSTART"))?;
    let start = moment(start, "DTSTART", school_zone)?;
    let end = one(event, "DTEND")?.map(|property| moment(property, "DTEND", school_zone)).transpose()?;
    let length =
        one(event, "DURATION")?.map(|property| duration(property.val.as_str()).ok_or(Refused::Unreadable("DURATION"))).transpose()?;
    match (start, end, length) {
        (_, Some(_), Some(_)) => Err(Refused::Unsupported("DTEND beside DURATION")),
        (Moment::Day(from), None, None) => Ok(Time::AllDay { from, to: from }),
        (Moment::Day(from), Some(Moment::Day(after)), None) => {
            // Some programs write the same day twice for an event of one day.
            let to = if after == from { from } else { after.checked_sub_days(Days::new(1)).ok_or(Refused::NoLength)? };
            if to < from { Err(Refused::NoLength) } else { Ok(Time::AllDay { from, to }) }
        }
        (Moment::Day(from), None, Some((days, rest))) => {
            if !rest.is_zero() || days < 1 {
                return Err(Refused::Unreadable("DURATION"));
            }
            let to = from.checked_add_signed(Duration::days(days - 1)).ok_or(Refused::Unreadable("DURATION"))?;
            Ok(Time::AllDay { from, to })
        }
        (Moment::Time(starts_at, zone), Some(Moment::Time(ends_at, _)), None) => timed(starts_at, ends_at, zone),
        (Moment::Time(starts_at, zone), None, Some((days, rest))) => {
            // Days are those of the clock, hours are exact (RFC 5545, 3.3.6).
            let shifted = zone::local(zone, starts_at).checked_add_signed(Duration::days(days)).ok_or(Refused::Unreadable("DURATION"))?;
            let base = if days == 0 { starts_at } else { zone::instant(zone, shifted) };
            timed(starts_at, base.checked_add_signed(rest).ok_or(Refused::Unreadable("DURATION"))?, zone)
        }
        (Moment::Time(..), None, None) => Err(Refused::NoLength),
        _ => Err(Refused::Unreadable("DTEND")),
    }
}

fn timed(starts_at: DateTime<Utc>, ends_at: DateTime<Utc>, zone: Tz) -> Result<Time, Refused> {
    if ends_at > starts_at { Ok(Time::Timed { starts_at, ends_at, zone }) } else { Err(Refused::NoLength) }
}

/// The longest that is understood, in days.
const LONGEST_DURATION: i64 = 100_000;

/// `P1W`, `P2DT3H`, `PT45M`: days, and what is less than a day.
fn duration(text: &str) -> Option<(i64, Duration)> {
    let text = text.trim().strip_prefix('+').unwrap_or(text.trim()).strip_prefix('P')?;
    let (mut days, mut rest, mut number, mut in_time) = (0_i64, Duration::zero(), String::new(), false);
    let mut seen = false;
    for character in text.chars() {
        match character {
            '0'..='9' if number.len() < 6 => number.push(character),
            'T' if !in_time && number.is_empty() => in_time = true,
            unit => {
                let amount: i64 = std::mem::take(&mut number).parse().ok()?;
                seen = true;
                match (unit, in_time) {
                    ('W', false) => days += amount * 7,
                    ('D', false) => days += amount,
                    ('H', true) => rest += Duration::hours(amount),
                    ('M', true) => rest += Duration::minutes(amount),
                    ('S', true) => rest += Duration::seconds(amount),
                    _ => return None,
                }
                // Longer than any event, and far from where numbers end, however many more would follow.
                if days > LONGEST_DURATION || rest > Duration::days(LONGEST_DURATION) {
                    return None;
                }
            }
        }
    }
    (seen && number.is_empty()).then_some((days, rest))
}

/// Whether no clock ever shows the time at which the event starts.
fn skipped(event: &Component<'_>) -> bool {
    let Some(start) = event.find_prop("DTSTART") else { return false };
    let zone = parameter(start, "TZID").and_then(iana);
    let local = NaiveDateTime::parse_from_str(start.val.as_str().trim(), "%Y%m%dT%H%M%S");
    matches!((zone, local), (Some(zone), Ok(local)) if zone::local(zone, zone::instant(zone, local)) != local)
}

fn exdates(event: &Component<'_>, time: Time, school_zone: Tz) -> Result<Vec<String>, Refused> {
    let mut found = Vec::new();
    for property in event.properties.iter().filter(|property| property.name == "EXDATE") {
        for text in property.val.as_str().split(',') {
            let at = value(text.trim(), parameter(property, "TZID"), school_zone)?.ok_or(Refused::Unreadable("EXDATE"))?;
            match (at, time) {
                (Moment::Day(day), Time::AllDay { .. }) => found.extend(Replaces::Day(day).recurrence_id(time)),
                // A date excludes whatever begins on that day.
                (Moment::Day(day), Time::Timed { .. }) => found.push(time.recurrence_id(day.and_time(time.local_start().time()))),
                (Moment::Time(at, _), Time::Timed { .. }) => found.extend(Replaces::Time(at).recurrence_id(time)),
                (Moment::Time(at, _), Time::AllDay { .. }) => found.extend(Replaces::Day(at.date_naive()).recurrence_id(time)),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ics::components;

    const LONDON: Tz = chrono_tz::Europe::London;

    fn read(lines: &str) -> Result<Found, Refused> {
        let file = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nSUMMARY:Sports\\, all\n{lines}\nEND:VEVENT\nEND:VCALENDAR");
        components(&file).unwrap()[0].read(|event| understand(event, LONDON)).unwrap()
    }

    fn timed(found: &Found) -> (String, String) {
        let Time::Timed { starts_at, ends_at, .. } = found.schedule.time else { panic!("{found:?}") };
        (starts_at.format("%m-%dT%H:%M").to_string(), ends_at.format("%m-%dT%H:%M").to_string())
    }

    #[test]
    fn times_are_read_in_utc_in_a_zone_and_floating() {
        let both = |lines: &str| timed(&read(lines).unwrap());
        let expected = ("07-01T08:00".to_owned(), "07-01T09:00".to_owned());
        assert_eq!(both("DTSTART:20260701T080000Z\nDTEND:20260701T090000Z"), expected);
        assert_eq!(both("DTSTART;TZID=Europe/Berlin:20260701T100000\nDTEND;TZID=\"Europe/Berlin\":20260701T110000"), expected);
        assert_eq!(both("DTSTART;TZID=/example.org/20060101/Europe/Berlin:20260701T100000\nDURATION:PT1H"), expected);
        assert_eq!(both("DTSTART:20260701T090000\nDURATION:PT60M"), expected, "floating time is the school's");
        assert_eq!(read("DTSTART;TZID=Mean Time:20260701T090000\nDURATION:PT1H"), Err(Refused::Zone));
    }

    #[test]
    fn a_day_of_duration_is_a_day_of_the_clock() {
        let found = read("DTSTART;TZID=Europe/London:20260328T120000\nDURATION:P1D").unwrap();
        assert_eq!(timed(&found), ("03-28T12:00".to_owned(), "03-29T11:00".to_owned()));
    }

    #[test]
    fn days_end_on_the_day_before_their_end() {
        let days = |lines: &str| read(lines).unwrap().schedule.time;
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(
            days("DTSTART;VALUE=DATE:20260701\nDTEND;VALUE=DATE:20260704"),
            Time::AllDay { from: day("2026-07-01"), to: day("2026-07-03") }
        );
        assert_eq!(days("DTSTART;VALUE=DATE:20260701"), Time::AllDay { from: day("2026-07-01"), to: day("2026-07-01") });
        assert_eq!(days("DTSTART;VALUE=DATE:20260701\nDURATION:P2D"), Time::AllDay { from: day("2026-07-01"), to: day("2026-07-02") });
    }

    #[test]
    fn exceptions_of_every_form_are_understood_and_strays_dropped() {
        let found = read(
            "DTSTART;TZID=Europe/London:20260701T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=9\nEXDATE:20260702T080000Z,20990101T000000Z\n\
             EXDATE;VALUE=DATE:20260703\nEXDATE;TZID=Europe/Berlin:20260704T100000",
        );
        assert_eq!(found.unwrap().schedule.exdates, ["20260702T090000", "20260703T090000", "20260704T090000"]);
    }

    #[test]
    fn a_changed_occurrence_names_the_one_it_replaces() {
        let found = read("RECURRENCE-ID;TZID=Europe/Berlin:20260701T100000\nDTSTART:20260701T120000Z\nDURATION:PT1H").unwrap();
        let series = read("DTSTART;TZID=Europe/London:20260630T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3").unwrap();
        assert_eq!(found.replaces.unwrap().recurrence_id(series.schedule.time).as_deref(), Some("20260701T090000"));
    }

    #[test]
    fn what_can_not_be_taken_is_told() {
        let timed = "DTSTART:20260701T080000Z\nDURATION:PT1H";
        let why = |lines: &str| read(lines).unwrap_err();
        assert_eq!(why(""), Refused::Missing("DTSTART"));
        assert_eq!(why("DTSTART:20260701T080000Z"), Refused::NoLength);
        assert_eq!(why("DTSTART:20260701T080000Z\nDTEND:20260701T080000Z"), Refused::NoLength);
        assert_eq!(why("DTSTART:2026-07-01"), Refused::Unreadable("DTSTART"));
        assert_eq!(why(&format!("{timed}\nRDATE:20260702T080000Z")), Refused::Unsupported("RDATE"));
        assert_eq!(why(&format!("{timed}\nUID:v")), Refused::Twice("UID"));
        assert_eq!(why(&format!("{timed}\nSTATUS:MAYBE")), Refused::Unreadable("STATUS"));
        assert_eq!(
            why(&format!("{timed}\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260701T080000Z")),
            Refused::Unsupported("a change of all occurrences from one on")
        );
        let skipped = "DTSTART;TZID=Europe/London:20260329T013000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2";
        assert_eq!(why(skipped), Refused::Unsupported("a series that starts at a time that clocks skip"));
        assert!(matches!(why(&format!("{timed}\nRRULE:FREQ=DAILY")), Refused::Schedule(_)), "it never ends");
        for (start, length) in [
            ("DTSTART:20260701T080000Z", format!("P{}", "999999W".repeat(40_000))),
            ("DTSTART;VALUE=DATE:20260701", format!("P{}", "999999D".repeat(40_000))),
            ("DTSTART:20260701T080000Z", format!("PT{}", "999999H".repeat(40_000))),
        ] {
            assert_eq!(why(&format!("{start}\nDURATION:{length}")), Refused::Unreadable("DURATION"));
        }
        assert!(matches!(why(&format!("{timed}\nDESCRIPTION:{}", "x".repeat(20_001))), Refused::Text("DESCRIPTION", _)));
    }

    #[test]
    fn texts_are_unescaped() {
        let found = read("DTSTART:20260701T080000Z\nDURATION:PT1H\nDESCRIPTION:One\\nTwo\\; three\nSTATUS:cancelled").unwrap();
        assert_eq!(
            (found.title.as_str(), found.description.as_deref(), found.status),
            ("Sports, all", Some("One\nTwo; three"), Status::Cancelled)
        );
    }
}
