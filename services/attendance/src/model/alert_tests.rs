//! Tests of the rules of alerts.

use proptest::prelude::*;

use super::*;
use crate::model::day_value::Minutes;

const USUAL: Thresholds = Thresholds { full_day_percent: 75, half_day_percent: 40 };
const STATES: [CountsAs; 5] = [CountsAs::Present, CountsAs::Absent, CountsAs::Late, CountsAs::Excused, CountsAs::NotCounted];

fn rule(kind: AlertKind, rate: Option<u32>, times: Option<u32>, window_days: u16) -> AlertRule {
    let now = chrono::DateTime::from_timestamp(0, 0).unwrap();
    AlertRule {
        id: AlertRuleId::generate(),
        school_id: SchoolId::generate(),
        name: "A rule".to_owned(),
        kind,
        rate,
        times,
        window_days,
        min_days: 1,
        tells_guardians: true,
        is_active: true,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    }
}

fn date(number: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Days::new(u64::try_from(number).unwrap())
}

fn days(states: &[CountsAs]) -> Vec<MarkedDay> {
    let marks = |state| vec![Minutes { is_daily: true, counts_as: state, minutes_late: None, length: 360, on_leave: false }];
    states.iter().enumerate().map(|(number, state)| (date(number), marks(*state))).collect()
}

fn of(letters: &str) -> Vec<MarkedDay> {
    let state = |letter| match letter {
        'A' => CountsAs::Absent,
        'L' => CountsAs::Late,
        'E' => CountsAs::Excused,
        _ => CountsAs::Present,
    };
    days(&letters.chars().map(state).collect::<Vec<_>>())
}

fn began(rule: &AlertRule, letters: &str) -> Option<(NaiveDate, u32)> {
    episode(rule, &of(letters), USUAL, NaiveDate::MIN).map(|episode| (episode.began_on, episode.figure))
}

#[test]
fn days_away_in_a_row_begin_an_episode_that_a_day_there_ends() {
    let three = rule(AlertKind::AbsentInARow, None, Some(3), 60);
    assert_eq!(began(&three, "PAA"), None);
    assert_eq!(began(&three, "PAAA"), Some((date(3), 3)));
    assert_eq!(began(&three, "PAAEAE"), Some((date(4), 3)), "excused days neither count nor end it");
    assert_eq!(began(&three, "PAAAAA"), Some((date(3), 5)), "it goes on as the same episode");
    assert_eq!(began(&three, "PAAAP"), None);
    assert_eq!(began(&three, "PAAAPAAA"), Some((date(7), 3)), "the next one is another");
}

#[test]
fn being_late_counts_in_the_window_alone() {
    let twice = rule(AlertKind::TimesLate, None, Some(2), 3);
    assert_eq!(began(&twice, "LPL"), Some((date(2), 2)));
    assert_eq!(began(&twice, "LPPL"), None);
    assert_eq!(began(&twice, "LLLPP"), None);
    assert_eq!(began(&twice, "LLLP"), Some((date(1), 2)));
}

#[test]
fn a_rate_is_compared_exactly_and_says_nothing_of_too_few_days() {
    let ninety = rule(AlertKind::RateBelow, Some(9_000), None, 200);
    assert_eq!(began(&ninety, "PPPPPPPPPA"), None, "ninety is not below ninety");
    assert_eq!(began(&ninety, "PPPPPPPPA"), Some((date(8), 8_889)));
    assert_eq!(began(&AlertRule { min_days: 10, ..ninety.clone() }, "PPPPPPPPA"), None);
    assert_eq!(began(&ninety, "E"), None, "nothing counted is no rate");
}

#[test]
fn a_rule_names_what_it_needs_and_nothing_else() {
    let pointers = |rule: AlertRule| rule.check().err().unwrap_or_default().into_iter().map(|fault| fault.pointer).collect::<Vec<_>>();
    assert!(pointers(rule(AlertKind::RateBelow, Some(9_000), None, 30)).is_empty());
    assert_eq!(pointers(rule(AlertKind::RateBelow, None, Some(3), 30)), ["/percent", "/times"]);
    assert_eq!(pointers(rule(AlertKind::TimesLate, Some(1), None, 30)), ["/percent", "/times"]);
    assert_eq!(pointers(rule(AlertKind::RateBelow, Some(10_001), None, 0)), ["/percent", "/window_days", "/window_days"]);
    assert_eq!(pointers(rule(AlertKind::AbsentInARow, None, Some(5), 4)), ["/window_days"]);
    assert_eq!(pointers(rule(AlertKind::TimesLate, None, Some(61), 201)), ["/times", "/window_days"]);
}

#[test]
fn an_alert_is_acknowledged_once_and_closed_once_and_keeps_its_note() {
    let (now, by) = (chrono::DateTime::from_timestamp(0, 0).unwrap(), UserId::generate());
    let (rule_id, student_id) = (AlertRuleId::generate(), StudentId::generate());
    let open = Alert {
        id: Alert::id_of(rule_id, student_id, date(0)),
        school_id: SchoolId::generate(),
        rule_id,
        student_id,
        class_id: ClassId::generate(),
        began_on: date(0),
        ended_on: None,
        figure: 3,
        tells_guardians: true,
        state: AlertState::Open,
        note: None,
        acknowledged_by: None,
        acknowledged_at: None,
        closed_by: None,
        closed_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    let taken = open.acknowledged(by, Some("Called home".to_owned()), now).unwrap();
    assert_eq!((taken.state, taken.version.get()), (AlertState::Acknowledged, 2));
    assert_eq!(taken.acknowledged(by, None, now), None);
    let closed = taken.closed(by, None, now).unwrap();
    assert_eq!((closed.state, closed.note.as_deref()), (AlertState::Closed, Some("Called home")));
    assert_eq!((closed.closed(by, None, now), closed.acknowledged(by, None, now)), (None, None));
    assert!(open.closed(by, None, now).is_some());
    assert_ne!(open.id, Alert::id_of(rule_id, student_id, date(1)));
}

fn any_rule() -> impl Strategy<Value = AlertRule> {
    (0..3_u8, 1..=10_000_u32, 1..6_u32, 1..30_u16, 1..6_u16).prop_map(|(kind, rate, times, window, min_days)| match kind {
        0 => AlertRule { min_days, ..rule(AlertKind::RateBelow, Some(rate), None, window) },
        1 => rule(AlertKind::AbsentInARow, None, Some(times), window.max(6)),
        _ => rule(AlertKind::TimesLate, None, Some(times), window),
    })
}

proptest! {
    /// Whoever looks after each day, as registers are taken, sees the same episodes as somebody who looks at the end: one goes on, or ends, or another begins.
    #[test]
    fn an_episode_goes_on_under_its_first_day_until_it_ends(
        rule in any_rule(), states in prop::collection::vec(prop::sample::select(STATES.to_vec()), 1..60),
    ) {
        let days = days(&states);
        let mut before: Option<Episode> = None;
        for length in 1..=days.len() {
            let (last, seen) = (days[length - 1].0, &days[..length]);
            let now = episode(&rule, seen, USUAL, NaiveDate::MIN);
            prop_assert_eq!(now, episode(&rule, seen, USUAL, NaiveDate::MIN));
            if let Some(now) = now {
                prop_assert_eq!(now.began_on, before.map_or(last, |before| before.began_on));
            }
            before = now;
        }
    }

    #[test]
    fn what_is_true_is_what_counting_by_hand_says(
        rule in any_rule(), states in prop::collection::vec(prop::sample::select(STATES.to_vec()), 1..60),
    ) {
        let window: Vec<CountsAs> = states.iter().rev().take(usize::from(rule.window_days)).copied().collect();
        let number = |count: usize| u32::try_from(count).unwrap();
        let count = |wanted: CountsAs| number(window.iter().filter(|state| **state == wanted).count());
        let (there, counted) = (count(CountsAs::Present) + count(CountsAs::Late), count(CountsAs::Present) + count(CountsAs::Late) + count(CountsAs::Absent));
        let lately = window.iter().take_while(|state| !matches!(state, CountsAs::Present | CountsAs::Late));
        let away = number(lately.filter(|state| **state == CountsAs::Absent).count());
        let expected = match rule.kind {
            AlertKind::RateBelow => counted >= u32::from(rule.min_days) && there * 10_000 < rule.rate.unwrap() * counted,
            AlertKind::AbsentInARow => away >= rule.times.unwrap(),
            AlertKind::TimesLate => count(CountsAs::Late) >= rule.times.unwrap(),
        };
        prop_assert_eq!(episode(&rule, &days(&states), USUAL, NaiveDate::MIN).is_some(), expected);
    }
}
