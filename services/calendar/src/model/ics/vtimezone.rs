//! A zone's rules as other calendars need them: every change of clocks within the years that are asked for.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Duration, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{OffsetComponents, OffsetName, Tz};
use ics::{Component, component, property};

/// Which observance: kind, offset before, offset after, name.
type Observance = (&'static str, i32, i32, String);

/// The `VTIMEZONE` of `zone`, from the year before `from` to the year after `to`.
#[must_use]
pub fn vtimezone(zone: Tz, from: NaiveDate, to: NaiveDate) -> Component {
    let first = year_start(from.year() - 1);
    let last = year_start(to.year() + 2);
    // The state of things at the beginning, then every change of it, gathered by what changes into what.
    let mut observances: BTreeMap<Observance, Vec<NaiveDateTime>> = BTreeMap::new();
    let start = zone.offset_from_utc_datetime(&first.naive_utc());
    let offset = start.fix().local_minus_utc();
    observances.entry((kind(&start), offset, offset, name(&start))).or_default().push(local(first, offset));
    for at in changes(zone, first, last) {
        let before = zone.offset_from_utc_datetime(&(at - Duration::seconds(1)).naive_utc()).fix().local_minus_utc();
        let after = zone.offset_from_utc_datetime(&at.naive_utc());
        let observance = (kind(&after), before, after.fix().local_minus_utc(), name(&after));
        // What clocks show when it happens, before they are changed.
        observances.entry(observance).or_default().push(local(at, before));
    }
    let mut onsets: Vec<(Observance, Vec<NaiveDateTime>)> = observances.into_iter().collect();
    onsets.sort_by(|a, b| a.1.cmp(&b.1));
    let parts = onsets.into_iter().map(|((kind, before, after, name), onsets)| {
        let mut onsets = onsets.into_iter();
        let stamp = |time: NaiveDateTime| time.format("%Y%m%dT%H%M%S").to_string();
        let mut lines = vec![
            property("DTSTART", &[], onsets.next().map(stamp).unwrap_or_default()),
            property("TZOFFSETFROM", &[], utc_offset(before)),
            property("TZOFFSETTO", &[], utc_offset(after)),
            property("TZNAME", &[], name),
        ];
        lines.extend(onsets.map(|onset| property("RDATE", &[], stamp(onset))));
        component(kind, lines, Vec::new())
    });
    component("VTIMEZONE", vec![property("TZID", &[], zone.name().to_owned())], parts.collect())
}

fn year_start(year: i32) -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN).and_utc()
}

fn kind(offset: &impl OffsetComponents) -> &'static str {
    if offset.dst_offset().is_zero() { "STANDARD" } else { "DAYLIGHT" }
}

/// The abbreviation; zones without one are called by their offset.
fn name(offset: &(impl OffsetName + Offset)) -> String {
    offset.abbreviation().map_or_else(|| utc_offset(offset.fix().local_minus_utc()), str::to_owned)
}

fn local(at: DateTime<Utc>, offset: i32) -> NaiveDateTime {
    FixedOffset::east_opt(offset).map_or(at.naive_utc(), |offset| at.with_timezone(&offset).naive_local())
}

/// `+0530`; with seconds only where there are some.
fn utc_offset(seconds: i32) -> String {
    let (sign, size) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let rest = if size % 60 == 0 { String::new() } else { format!("{:02}", size % 60) };
    format!("{sign}{:02}{:02}{rest}", size / 3600, size / 60 % 60)
}

/// The instants from `first` to `last` at which the offset is another one than before: no zone changes its clocks twice within a week.
fn changes(zone: Tz, first: DateTime<Utc>, last: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let state = |at: DateTime<Utc>| {
        let offset = zone.offset_from_utc_datetime(&at.naive_utc());
        (offset.fix().local_minus_utc(), offset.dst_offset())
    };
    let mut changes = Vec::new();
    let mut at = first;
    while at < last {
        let next = at + Duration::days(7);
        if state(at) != state(next) {
            let (mut before, mut after) = (at, next);
            while after - before > Duration::seconds(1) {
                let middle = before + Duration::seconds((after - before).num_seconds() / 2);
                if state(middle) == state(at) { before = middle } else { after = middle }
            }
            changes.push(after);
        }
        at = next;
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(zone: Tz) -> Vec<String> {
        let day = |text: &str| text.parse().unwrap();
        let zone = vtimezone(zone, day("2026-01-01"), day("2026-12-31"));
        let line = |property: &ics::Property| format!("{}:{}", property.name, property.value);
        zone.components.iter().flat_map(|part| std::iter::once(part.name.to_string()).chain(part.properties.iter().map(line))).collect()
    }

    #[test]
    fn a_zone_tells_when_its_clocks_change() {
        let lines = lines(chrono_tz::Europe::London);
        for line in
            ["RDATE:20260329T010000", "RDATE:20261025T020000", "TZNAME:BST", "TZNAME:GMT", "TZOFFSETTO:+0100", "DTSTART:20250101T000000"]
        {
            assert!(lines.iter().any(|have| have == line), "{line} is not in {lines:#?}");
        }
    }

    #[test]
    fn a_zone_whose_clocks_never_change_has_one_part() {
        let lines = lines(chrono_tz::Asia::Kolkata);
        assert_eq!(lines, ["STANDARD", "DTSTART:20250101T053000", "TZOFFSETFROM:+0530", "TZOFFSETTO:+0530", "TZNAME:IST"]);
    }
}
