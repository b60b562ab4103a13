//! Recurrence rules (RFC 5545, 3.3.10), bounded, by the day at the most often. The `rrule` crate expands them in local time, where clocks never change; what
//! instant a local time is, and when the rule is over, is decided here.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use rrule::RRuleSet;
use thiserror::Error;

use super::zone;

/// The most occurrences that a rule may make.
pub const MOST: usize = 2_500;
/// The most years that a rule may go on.
pub const YEARS: u32 = 20;
/// The longest text of a rule, in characters.
const LONGEST_TEXT: usize = 1_000;
/// The largest interval.
const LARGEST_INTERVAL: u32 = 1_000;

/// Why a rule can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRule {
    /// It is not of the form `FREQ=WEEKLY;COUNT=10`.
    #[error("{0} can't be read")]
    Unreadable(String),
    /// A part that is unknown, or that stands there twice.
    #[error("{0} is unknown here, or given twice")]
    Part(String),
    /// A part that has no meaning with this frequency.
    #[error("{0} has no meaning with FREQ={1}")]
    Meaningless(&'static str, String),
    /// More often than daily, or at several times of a day.
    #[error("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY, at the time of the day at which the event starts")]
    TooOften,
    /// Too much text.
    #[error("must have at most {LONGEST_TEXT} characters")]
    TooLongText,
    /// Goes on for ever.
    #[error("must have an end: COUNT, or else UNTIL")]
    Endless,
    /// Has two ends.
    #[error("must have COUNT or UNTIL, not both")]
    TwoEnds,
    /// Too far, or too many.
    #[error("must end within {YEARS} years and make at most {MOST} occurrences")]
    TooLong,
    /// The event doesn't start on a day of its rule.
    #[error("must make the event's own start the first occurrence")]
    Unsynchronised,
}

/// When a rule is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Count,
    Until(DateTime<Utc>),
    UntilDay(NaiveDate),
}

/// A rule that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Everything but UNTIL.
    pattern: String,
    end: End,
    /// The zone of a timed event; none for an all-day one.
    zone: Option<Tz>,
}

impl Rule {
    /// Reads a rule: that of a timed event in `zone`, or of an all-day one. What makes no sense or never ends is refused.
    pub fn read(text: &str, zone: Option<Tz>) -> Result<Self, BadRule> {
        let mut parts = parts(text)?;
        let frequency = parts.get("FREQ").cloned().ok_or_else(|| BadRule::Unreadable("a rule without FREQ".to_owned()))?;
        sensible(&frequency, &parts)?;
        let until = parts.remove("UNTIL");
        let end = match (parts.get("COUNT"), until) {
            (None, None) => return Err(BadRule::Endless),
            (Some(_), Some(_)) => return Err(BadRule::TwoEnds),
            (Some(count), None) => {
                let count = number(count)
                    .and_then(|count| usize::try_from(count).ok())
                    .filter(|count| *count > 0)
                    .ok_or_else(|| BadRule::Unreadable("COUNT".to_owned()))?;
                if count > MOST {
                    return Err(BadRule::TooLong);
                }
                End::Count
            }
            (None, Some(until)) => until_of(&until, zone).ok_or_else(|| BadRule::Unreadable("UNTIL".to_owned()))?,
        };
        // FREQ first, as everybody writes it; the order means nothing.
        let rest = parts.iter().filter(|(name, _)| *name != "FREQ").map(|(name, value)| format!(";{name}={value}"));
        let pattern = format!("FREQ={frequency}{}", rest.collect::<String>());
        Ok(Self { pattern, end, zone })
    }

    /// The rule as it is kept and shown. UNTIL is of the kind that RFC 5545 asks for: in UTC for a timed event, a date for an all-day one.
    #[must_use]
    pub fn text(&self) -> String {
        match self.end {
            End::Count => self.pattern.clone(),
            End::Until(time) => format!("{};UNTIL={}", self.pattern, time.format("%Y%m%dT%H%M%SZ")),
            End::UntilDay(day) => format!("{};UNTIL={}", self.pattern, day.format("%Y%m%d")),
        }
    }

    /// The local times that the rule makes from `start` on, in order, at most one more than [`MOST`].
    pub fn times(&self, start: NaiveDateTime) -> Result<impl Iterator<Item = NaiveDateTime> + use<>, BadRule> {
        let unreadable = |error: rrule::RRuleError| BadRule::Unreadable(error.to_string());
        let mut text = format!("DTSTART:{}Z\nRRULE:{}", start.format("%Y%m%dT%H%M%S"), self.pattern);
        // For the crate to stop searching; which occurrence is the last is decided below, by the instant.
        let latest = match self.end {
            End::Count => None,
            End::Until(time) => Some(time.naive_utc()),
            End::UntilDay(day) => Some(day.and_time(NaiveTime::MIN)),
        };
        if let Some(latest) = latest {
            let latest = latest.max(start).checked_add_days(Days::new(2)).ok_or(BadRule::TooLong)?;
            text = format!("{text};UNTIL={}", latest.format("%Y%m%dT%H%M%SZ"));
        }
        let set: RRuleSet = text.parse().map_err(unreadable)?;
        let (end, zone) = (self.end, self.zone.unwrap_or(chrono_tz::UTC));
        let over = move |local: &NaiveDateTime| match end {
            End::Count => false,
            End::Until(time) => zone::instant(zone, *local) > time,
            End::UntilDay(day) => local.date() > day,
        };
        Ok(set.limit().into_iter().map(|time| time.naive_utc()).take_while(move |local| !over(local)).take(MOST + 1))
    }

    /// The same, all of them, for a rule that is to be kept: it starts with `start`, ends in time and makes not too many.
    pub fn all(&self, start: NaiveDateTime) -> Result<Vec<NaiveDateTime>, BadRule> {
        let latest = start.checked_add_months(Months::new(12 * YEARS)).ok_or(BadRule::TooLong)?;
        let too_far = match self.end {
            End::Count => false,
            End::Until(time) => time.naive_utc() > latest,
            End::UntilDay(day) => day > latest.date(),
        };
        if too_far {
            return Err(BadRule::TooLong);
        }
        let mut times = Vec::new();
        for time in self.times(start)? {
            if time > latest || times.len() == MOST {
                return Err(BadRule::TooLong);
            }
            if times.is_empty() && time != start {
                return Err(BadRule::Unsynchronised);
            }
            times.push(time);
        }
        if times.is_empty() { Err(BadRule::Unsynchronised) } else { Ok(times) }
    }
}

fn parts(text: &str) -> Result<BTreeMap<String, String>, BadRule> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(BadRule::TooLongText);
    }
    let text = text.trim().to_ascii_uppercase();
    let text = text.strip_prefix("RRULE:").unwrap_or(&text);
    let mut parts = BTreeMap::new();
    for part in text.split(';').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| BadRule::Unreadable("a part without =".to_owned()))?;
        let known = matches!(
            name,
            "FREQ" | "COUNT" | "UNTIL" | "INTERVAL" | "BYDAY" | "BYMONTHDAY" | "BYYEARDAY" | "BYWEEKNO" | "BYMONTH" | "BYSETPOS" | "WKST"
        );
        if matches!(name, "BYHOUR" | "BYMINUTE" | "BYSECOND") {
            return Err(BadRule::TooOften);
        }
        let clean = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'+' | b'-'));
        if !clean {
            return Err(BadRule::Unreadable(name.chars().filter(char::is_ascii_alphanumeric).take(16).collect()));
        }
        if !known || parts.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(BadRule::Part(name.chars().filter(char::is_ascii_alphanumeric).take(16).collect()));
        }
    }
    Ok(parts)
}

/// Digits and nothing else, as RFC 5545 has numbers here.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What RFC 5545 forbids beyond the ranges of values, which the crate knows.
fn sensible(frequency: &str, parts: &BTreeMap<String, String>) -> Result<(), BadRule> {
    let has = |name: &str| parts.contains_key(name);
    if !matches!(frequency, "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY") {
        return Err(BadRule::TooOften);
    }
    let interval = parts.get("INTERVAL").map_or(Some(1), |text| number(text));
    if !interval.is_some_and(|interval| (1..=LARGEST_INTERVAL).contains(&interval)) {
        return Err(BadRule::Unreadable("INTERVAL".to_owned()));
    }
    let numbered = parts.get("BYDAY").is_some_and(|days| days.bytes().any(|byte| byte.is_ascii_digit()));
    let meaningless = [
        ("BYWEEKNO", has("BYWEEKNO") && frequency != "YEARLY"),
        ("BYYEARDAY", has("BYYEARDAY") && frequency != "YEARLY"),
        ("BYMONTHDAY", has("BYMONTHDAY") && frequency == "WEEKLY"),
        ("a numbered BYDAY", numbered && !matches!(frequency, "MONTHLY" | "YEARLY")),
        ("a numbered BYDAY beside BYWEEKNO", numbered && has("BYWEEKNO")),
        ("BYSETPOS alone", has("BYSETPOS") && !["BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH"].into_iter().any(has)),
    ];
    match meaningless.into_iter().find(|(_, is_so)| *is_so) {
        Some((what, _)) => Err(BadRule::Meaningless(what, frequency.to_owned())),
        None => Ok(()),
    }
}

/// Others write UNTIL in all three forms whatever the event is; all are understood.
fn until_of(text: &str, zone: Option<Tz>) -> Option<End> {
    let day = NaiveDate::parse_from_str(text.get(..8)?, "%Y%m%d").ok().filter(|day| (1900..=9999).contains(&day.year()))?;
    let time = match text.get(8..)? {
        "" => None,
        rest => Some((NaiveTime::parse_from_str(rest.get(1..7)?, "%H%M%S").ok().filter(|_| rest.starts_with('T'))?, rest.get(7..)?)),
    };
    let Some(zone) = zone else { return Some(End::UntilDay(day)) };
    Some(End::Until(match time {
        // The whole of that day.
        None => zone::instant(zone, day.and_hms_opt(23, 59, 59)?),
        Some((time, "Z")) => day.and_time(time).and_utc(),
        Some((time, "")) => zone::instant(zone, day.and_time(time)),
        Some(_) => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONDON: Tz = chrono_tz::Europe::London;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn all(rule: &str, start: &str) -> Result<Vec<String>, BadRule> {
        let times = Rule::read(rule, Some(LONDON))?.all(at(start))?;
        Ok(times.iter().map(|time| time.format("%m-%d %H:%M").to_string()).collect())
    }

    #[test]
    fn a_weekly_meeting_keeps_its_hour_across_a_change_of_clocks() {
        assert_eq!(all("FREQ=WEEKLY;COUNT=3", "2026-03-22 09:00").unwrap(), ["03-22 09:00", "03-29 09:00", "04-05 09:00"]);
    }

    #[test]
    fn the_last_friday_of_the_month_is_found() {
        assert_eq!(all("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "2026-01-30 15:00").unwrap(), ["01-30 15:00", "02-27 15:00", "03-27 15:00"]);
        assert_eq!(all("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3", "2026-01-31 15:00").unwrap(), ["01-31 15:00", "03-31 15:00", "05-31 15:00"]);
    }

    #[test]
    fn until_is_an_instant_and_includes_it() {
        let until = |until: &str| all(&format!("FREQ=DAILY;UNTIL={until}"), "2026-03-28 09:00").unwrap().len();
        // In summer time nine is eight in UTC.
        assert_eq!(until("20260330T080000Z"), 3);
        assert_eq!(until("20260330T075959Z"), 2);
        assert_eq!(until("20260330T090000"), 3, "local time");
        assert_eq!(until("20260330"), 3, "a date means the whole day");
    }

    #[test]
    fn a_rule_is_kept_in_the_form_that_the_standard_asks_for() {
        let kept = |text: &str, zone| Rule::read(text, zone).unwrap().text();
        assert_eq!(kept("rrule:count=4;freq=daily", Some(LONDON)), "FREQ=DAILY;COUNT=4");
        assert_eq!(kept("FREQ=DAILY;UNTIL=20260701", Some(LONDON)), "FREQ=DAILY;UNTIL=20260701T225959Z");
        assert_eq!(kept("FREQ=DAILY;UNTIL=20260701T120000Z", None), "FREQ=DAILY;UNTIL=20260701");
    }

    #[test]
    fn a_rule_that_makes_little_of_much_costs_little() {
        for (rule, start) in [
            // Days that come once in a long while, or never again.
            ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU;COUNT=2500", "2032-02-29 09:00"),
            ("FREQ=DAILY;INTERVAL=999;BYMONTH=2;BYMONTHDAY=29;COUNT=2500", "2028-02-29 09:00"),
            ("FREQ=YEARLY;INTERVAL=1000;COUNT=2500", "2026-03-02 09:00"),
            ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYMONTHDAY=28;COUNT=2500", "2026-12-28 09:00"),
            ("FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2,4,6,9,11,3;BYDAY=TU;BYSETPOS=-1;COUNT=2500", "2026-03-31 09:00"),
            ("FREQ=YEARLY;BYYEARDAY=366;BYDAY=TU;UNTIL=20450101", "2024-12-31 09:00"),
            // Days without end.
            ("FREQ=DAILY;COUNT=2500", "2026-03-02 09:00"),
            ("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;COUNT=2500", "2026-03-02 09:00"),
            ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU,MO,TU;UNTIL=20460101", "2026-03-02 09:00"),
        ] {
            let started = std::time::Instant::now();
            if let Ok(times) = all(rule, start) {
                assert!((1..=MOST).contains(&times.len()), "{rule}");
            }
            let took = started.elapsed();
            // Far more than it takes, on a busy machine without optimisation; a search without a bound takes minutes.
            assert!(took < std::time::Duration::from_secs(5), "{rule}: {took:?}");
        }
        let long = format!("FREQ=DAILY;COUNT=3;BYMONTH={}", vec!["3"; 600].join(","));
        assert_eq!(all(&long, "2026-03-02 09:00"), Err(BadRule::TooLongText));
    }

    #[test]
    fn what_never_ends_or_makes_no_sense_is_refused() {
        let refused = |rule: &str| all(rule, "2026-03-02 09:00").unwrap_err();
        assert_eq!(refused("FREQ=DAILY"), BadRule::Endless);
        assert_eq!(refused("FREQ=DAILY;COUNT=3;UNTIL=20260401"), BadRule::TwoEnds);
        assert_eq!(refused("FREQ=HOURLY;COUNT=3"), BadRule::TooOften);
        assert_eq!(refused("FREQ=DAILY;BYHOUR=9,10;COUNT=3"), BadRule::TooOften);
        assert_eq!(refused("FREQ=DAILY;COUNT=2501"), BadRule::TooLong);
        assert_eq!(refused("FREQ=DAILY;UNTIL=20360101"), BadRule::TooLong, "too many");
        assert_eq!(refused("FREQ=YEARLY;COUNT=22"), BadRule::TooLong, "too far");
        assert_eq!(refused("FREQ=YEARLY;UNTIL=20460901"), BadRule::TooLong);
        assert_eq!(refused("FREQ=YEARLY;UNTIL=99991231T235959Z"), BadRule::TooLong);
        assert_eq!(refused("FREQ=WEEKLY;BYDAY=TU;COUNT=3"), BadRule::Unsynchronised);
        assert_eq!(refused("FREQ=DAILY;UNTIL=20260301"), BadRule::Unsynchronised);
        assert_eq!(refused("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3"), BadRule::Unsynchronised);
        for nonsense in [
            "",
            "FREQ",
            "COUNT=3",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;COUNT=-1",
            "FREQ=DAILY;COUNT=+2",
            "FREQ=DAILY;INTERVAL=+1;COUNT=3",
            "FREQ=DAILY;INTERVAL=0;COUNT=3",
            "FREQ=DAILY;UNTIL=tomorrow",
            "FREQ=DAILY;COUNT=3\nEXDATE:20260303",
            "FREQ=DAILY;COUNT=3;COUNT=4",
            "FREQ=DAILY;X=1;COUNT=3",
            "FREQ=WEEKLY;BYMONTHDAY=3;COUNT=3",
            "FREQ=WEEKLY;BYDAY=1MO;COUNT=3",
            "FREQ=DAILY;BYSETPOS=1;COUNT=3",
            "FREQ=MONTHLY;BYWEEKNO=3;COUNT=3",
            "FREQ=MONTHLY;BYDAY=XX;COUNT=3",
            "FREQ=MONTHLY;BYMONTHDAY=32;COUNT=3",
        ] {
            all(nonsense, "2026-03-02 09:00").expect_err(nonsense);
        }
    }
}
