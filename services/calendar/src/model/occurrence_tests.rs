//! Expansion against an independent library, and what must hold for any rule.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use domain::{CalendarEventId, SchoolId, UserId, Version};
use proptest::prelude::*;
use serde::Deserialize;

use super::audience::Audience;
use super::event::{Event, Kind, Status};
use super::month::Window;
use super::occurrence::{Occurrence, expand};
use super::schedule::{Schedule, Time};
use super::zone;

fn event(schedule: Schedule) -> Event {
    let now = DateTime::UNIX_EPOCH;
    let bare = Event {
        id: CalendarEventId::generate(),
        school_id: SchoolId::generate(),
        uid: "uid".to_owned(),
        sequence: 0,
        kind: Kind::Event,
        title: "Event".to_owned(),
        description: None,
        place: None,
        room_id: None,
        is_all_day: true,
        start_date: None,
        end_date: None,
        starts_at: None,
        ends_at: None,
        time_zone: None,
        rrule: None,
        exdates: Vec::new(),
        master_event_id: None,
        recurrence_id: None,
        audience: Audience::EVERYBODY,
        status: Status::Confirmed,
        created_by: UserId::generate(),
        last_day: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    bare.scheduled(schedule)
}

/// The event and its changed occurrences.
fn rows(schedule: &Schedule, moved: &[(String, Time)], cancelled: &[String]) -> Vec<Event> {
    let (time, master) = (schedule.time, event(schedule.clone()));
    let by = UserId::generate();
    let changed = |id: &String| {
        let start = schedule.occurrence(id).unwrap_or_else(|| panic!("{id} is no occurrence"));
        master.occurrence(id, start, time, by, DateTime::UNIX_EPOCH)
    };
    let mut rows = vec![master.clone()];
    rows.extend(moved.iter().map(|(id, to)| {
        let plan = Schedule::plan(*to, None, Vec::new()).unwrap();
        changed(id).scheduled(plan)
    }));
    rows.extend(cancelled.iter().map(|id| Event { status: Status::Cancelled, ..changed(id) }));
    rows
}

#[derive(Deserialize)]
struct Case {
    zone: Option<String>,
    start: String,
    minutes: Option<i64>,
    days: Option<i64>,
    rrule: String,
    exdates: Vec<String>,
    moved: Vec<(String, String)>,
    cancelled: Vec<String>,
    from: NaiveDate,
    to: NaiveDate,
    expected: Vec<(String, String)>,
}

impl Case {
    fn at(&self, text: &str) -> Time {
        let Some(name) = &self.zone else {
            let from = NaiveDate::parse_from_str(text, "%Y%m%d").unwrap();
            return Time::AllDay { from, to: from + Duration::days(self.days.unwrap() - 1) };
        };
        let zone = zone::named(name);
        let starts_at = zone::instant(zone, NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").unwrap());
        Time::Timed { starts_at, ends_at: starts_at + Duration::minutes(self.minutes.unwrap()), zone }
    }
}

fn shown(occurrence: &Occurrence) -> (String, String) {
    let begins = match (occurrence.starts_at, occurrence.start_date) {
        (Some(at), _) => at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        (None, day) => day.unwrap().to_string(),
    };
    (begins, if occurrence.status == Status::Cancelled { "CANCELLED" } else { "CONFIRMED" }.to_owned())
}

#[test]
fn expansion_agrees_with_an_independent_library_on_hundreds_of_rules() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/reference/recurrence.json")).unwrap();
    let mut changes = 0;
    for (number, case) in cases.iter().enumerate() {
        let schedule = Schedule::plan(case.at(&case.start), Some(&case.rrule), case.exdates.clone())
            .unwrap_or_else(|faults| panic!("case {number}: {faults:?}"));
        let moved: Vec<_> = case.moved.iter().map(|(id, to)| (id.clone(), case.at(to))).collect();
        let zone = case.zone.as_deref().map_or(Tz::UTC, zone::named);
        let mut found: Vec<_> =
            expand(&rows(&schedule, &moved, &case.cancelled), &Window::new(case.from, case.to, zone), zone).iter().map(shown).collect();
        found.sort();
        assert_eq!(found, case.expected, "case {number}: {:?} {} {} from {} to {}", case.zone, case.start, case.rrule, case.from, case.to);
        let offsets = found.iter().filter_map(|(at, _)| at.parse::<DateTime<Utc>>().ok()).map(|at| zone::local(zone, at) - at.naive_utc());
        changes += usize::from(offsets.collect::<std::collections::BTreeSet<_>>().len() > 1);
    }
    assert!(cases.len() >= 600);
    assert!(changes >= 150, "{changes} of them go across a change of clocks");
}

fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        chrono_tz::Europe::London,
        chrono_tz::America::New_York,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Asia::Kolkata,
    ])
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let rules = prop::sample::select(vec![
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY",
        "FREQ=MONTHLY;BYMONTHDAY=-1,15",
        "FREQ=MONTHLY;BYDAY=2TU",
        "FREQ=YEARLY",
    ]);
    (zones(), 0..900_i64, 0..96_i64, 1..300_i64, rules, 1..40_usize).prop_filter_map(
        "the event starts on a day of its rule",
        |(zone, day, quarter, length, rule, count)| {
            let count = if rule == "FREQ=YEARLY" { count.min(15) } else { count };
            let local =
                NaiveDate::from_ymd_opt(2025, 1, 1)?.and_time(NaiveTime::MIN) + Duration::days(day) + Duration::minutes(15 * quarter);
            let starts_at = zone::instant(zone, local);
            let time = Time::Timed { starts_at, ends_at: starts_at + Duration::minutes(length), zone };
            Schedule::plan(time, Some(&format!("{rule};COUNT={count}")), Vec::new()).ok()
        },
    )
}

fn whole(schedule: &Schedule) -> Window {
    Window::new(schedule.time.local_start().date() - chrono::Days::new(3), schedule.last_day + chrono::Days::new(3), Tz::UTC)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_occurrence_has_the_local_time_of_the_first_unless_clocks_skip_it(schedule in schedules()) {
        let zone = schedule.time.zone().unwrap();
        for occurrence in expand(&rows(&schedule, &[], &[]), &whole(&schedule), Tz::UTC) {
            let local = zone::local(zone, occurrence.starts_at.unwrap());
            let named = NaiveDateTime::parse_from_str(&occurrence.recurrence_id.unwrap(), "%Y%m%dT%H%M%S").unwrap();
            prop_assert_eq!(named.time(), schedule.time.local_start().time());
            prop_assert!(local == named || zone::instant(zone, named) == occurrence.starts_at.unwrap());
            prop_assert!(local >= named && local - named <= Duration::hours(1));
        }
    }

    #[test]
    fn two_halves_of_a_span_hold_what_the_whole_does(schedule in schedules(), cut in 0..2000_i64) {
        let rows = rows(&schedule, &[], &[]);
        let all = whole(&schedule);
        let middle = (all.from + Duration::days(cut)).min(all.to - Duration::days(1)).max(all.from);
        let half = |from, to| expand(&rows, &Window::new(from, to, Tz::UTC), Tz::UTC);
        let mut halves = half(all.from, middle);
        // What goes on over the cut is in both.
        halves.extend(half(middle.succ_opt().unwrap(), all.to));
        halves.dedup();
        halves.sort_by_key(|occurrence| occurrence.place(Tz::UTC));
        halves.dedup();
        prop_assert_eq!(halves, expand(&rows, &all, Tz::UTC));
    }

    #[test]
    fn an_exception_takes_one_away_and_a_move_none(schedule in schedules(), which in 0..40_usize, by in -10_i64..10) {
        let all = whole(&schedule);
        let before = expand(&rows(&schedule, &[], &[]), &all, Tz::UTC);
        let chosen = before[which % before.len()].clone();
        let id = chosen.recurrence_id.clone().unwrap();
        let without = Schedule::plan(schedule.time, schedule.rrule.as_deref(), vec![id.clone()]).unwrap();
        let after = expand(&rows(&without, &[], &[]), &all, Tz::UTC);
        prop_assert_eq!(after.len(), before.len() - 1);
        prop_assert!(after.iter().all(|occurrence| occurrence.recurrence_id.as_ref() != Some(&id)));
        let shift = |at: DateTime<Utc>| at + Duration::days(by);
        let zone = schedule.time.zone().unwrap();
        let to = Time::Timed { starts_at: shift(chosen.starts_at.unwrap()), ends_at: shift(chosen.ends_at.unwrap()), zone };
        let wide = Window::new(all.from - chrono::Days::new(20), all.to + chrono::Days::new(20), Tz::UTC);
        let moved = expand(&rows(&schedule, &[(id.clone(), to)], &[]), &wide, Tz::UTC);
        prop_assert_eq!(moved.len(), before.len());
        let found = moved.iter().find(|occurrence| occurrence.recurrence_id.as_ref() == Some(&id)).unwrap();
        prop_assert!(found.is_changed);
        prop_assert_eq!(found.starts_at, Some(shift(chosen.starts_at.unwrap())));
    }

    #[test]
    fn no_occurrence_is_later_than_the_last_day(schedule in schedules()) {
        let far = Window::new(schedule.last_day.succ_opt().unwrap() + chrono::Days::new(1), schedule.last_day + chrono::Days::new(300), Tz::UTC);
        prop_assert_eq!(expand(&rows(&schedule, &[], &[]), &far, Tz::UTC), vec![]);
    }
}

#[test]
fn a_day_is_the_same_day_in_every_zone() {
    let day = "2026-11-24".parse().unwrap();
    let schedule = Schedule::plan(Time::AllDay { from: day, to: day }, None, Vec::new()).unwrap();
    let rows = rows(&schedule, &[], &[]);
    for zone in [Tz::UTC, chrono_tz::Pacific::Kiritimati, chrono_tz::Pacific::Pago_Pago, chrono_tz::Asia::Kolkata] {
        assert_eq!(expand(&rows, &Window::new(day, day, zone), zone).len(), 1, "{zone}");
        let (before, after) = (day.pred_opt().unwrap(), day.succ_opt().unwrap());
        assert_eq!(
            expand(&rows, &Window::new(before, before, zone), zone).len() + expand(&rows, &Window::new(after, after, zone), zone).len(),
            0,
            "{zone}"
        );
    }
}

#[test]
fn a_change_of_an_occurrence_that_the_rule_no_longer_makes_means_nothing() {
    let day: NaiveDate = "2026-11-23".parse().unwrap();
    let plan = |rule: &str| Schedule::plan(Time::AllDay { from: day, to: day }, Some(rule), Vec::new()).unwrap();
    let mut rows = rows(&plan("FREQ=DAILY;COUNT=3"), &[], &["20261124".to_owned()]);
    rows[0] = rows[0].clone().scheduled(plan("FREQ=WEEKLY;COUNT=2"));
    let window = Window::new(day, "2026-12-31".parse().unwrap(), Tz::UTC);
    let found: Vec<_> = expand(&rows, &window, Tz::UTC).iter().map(shown).collect();
    assert_eq!(found, [("2026-11-23".to_owned(), "CONFIRMED".to_owned()), ("2026-11-30".to_owned(), "CONFIRMED".to_owned())]);
}
