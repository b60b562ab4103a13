//! Local times and instants. A lesson at nine stays at nine when clocks change, so what is kept is the local time and its zone.

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The instant of a local time, as RFC 5545 (3.3.5) reads it: of an hour that comes twice the first, and a time that is skipped counts from before the gap.
#[must_use]
pub fn instant(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.to_utc(),
        LocalResult::None => {
            // The longest gap is a whole day, of places that crossed the date line.
            let before = (1..=120).find_map(|quarter| {
                let earlier = local.checked_sub_signed(Duration::minutes(15 * quarter))?;
                zone.from_local_datetime(&earlier).latest()
            });
            let offset = before.map_or(0, |time| time.offset().fix().local_minus_utc());
            (local - Duration::seconds(offset.into())).and_utc()
        }
    }
}

/// What clocks in `zone` show at `time`.
#[must_use]
pub fn local(zone: Tz, time: DateTime<Utc>) -> NaiveDateTime {
    time.with_timezone(&zone).naive_local()
}

/// The instant at which `day` begins.
#[must_use]
pub fn start_of_day(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    instant(zone, day.and_time(NaiveTime::MIN))
}

/// The zone of this IANA name; an unknown one, which no service writes, is UTC.
#[must_use]
pub fn named(name: &str) -> Tz {
    name.parse().unwrap_or(chrono_tz::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn utc(zone: Tz, text: &str) -> String {
        instant(zone, at(text)).format("%Y-%m-%d %H:%M").to_string()
    }

    #[test]
    fn nine_stays_nine_when_clocks_change() {
        let london = chrono_tz::Europe::London;
        assert_eq!(utc(london, "2026-03-28 09:00"), "2026-03-28 09:00");
        assert_eq!(utc(london, "2026-03-29 09:00"), "2026-03-29 08:00");
    }

    #[test]
    fn of_an_hour_that_comes_twice_it_is_the_first() {
        assert_eq!(utc(chrono_tz::Europe::London, "2026-10-25 01:30"), "2026-10-25 00:30");
    }

    #[test]
    fn a_time_that_is_skipped_counts_from_before_the_gap() {
        // RFC 5545, 3.3.5: TZID=America/New_York:20070311T023000 is 20070311T033000.
        assert_eq!(utc(chrono_tz::America::New_York, "2007-03-11 02:30"), "2007-03-11 07:30");
        assert_eq!(utc(chrono_tz::Australia::Lord_Howe, "2026-10-04 02:15"), "2026-10-03 15:45");
        // Samoa had no 30 December 2011.
        assert_eq!(utc(chrono_tz::Pacific::Apia, "2011-12-30 12:00"), "2011-12-30 22:00");
    }
}
