//! Which registers ought to have been taken: one a class and school day where the school keeps daily ones, one a lesson of the timetable where it keeps those of
//! periods, unless an examination stands in for the timetable. Days to come are not missing yet.

use std::collections::HashSet;
use std::hash::BuildHasher;

use chrono::NaiveDate;
use domain::{ClassId, SubjectId, TeacherId};

use super::register::Place;
use super::school_day::{Calendar, Span};
use super::settings::Settings;

/// A lesson of the timetable, on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimetableLesson {
    /// The class.
    pub class_id: ClassId,
    /// The subject.
    pub subject_id: Option<SubjectId>,
    /// Who gives it: whoever stands in, if somebody does.
    pub teacher_id: Option<TeacherId>,
    /// The day on which it is given.
    pub held_on: NaiveDate,
    /// The period.
    pub period: u8,
}

/// A register that is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Which.
    pub place: Place,
    /// The subject of the lesson.
    pub subject_id: Option<SubjectId>,
    /// Who gives it.
    pub teacher_id: Option<TeacherId>,
}

/// What a class has, for [`expected`].
#[derive(Debug, Clone)]
pub struct ClassYear {
    /// When it has school.
    pub calendar: Calendar,
    /// When it has students.
    pub enrolled: Vec<Span>,
}

/// The registers that are to be taken from `from` to `to`, in the order of day, class and period.
#[must_use]
pub fn expected(classes: &[ClassYear], lessons: &[TimetableLesson], settings: &Settings, from: NaiveDate, to: NaiveDate) -> Vec<Expected> {
    let mut all = Vec::new();
    for class in classes {
        let class_id = class.calendar.class_id;
        for held_on in class.calendar.days(from, to, &settings.weekdays).filter(|day| class.enrolled.iter().any(|span| span.has(*day))) {
            if settings.daily_registers {
                all.push(Expected { place: Place { held_on, class_id, period: None }, subject_id: None, teacher_id: None });
            }
            if settings.period_registers && class.calendar.has_lessons(held_on) {
                let given = lessons.iter().filter(|lesson| lesson.class_id == class_id && lesson.held_on == held_on);
                all.extend(given.map(|lesson| Expected {
                    place: Place { held_on, class_id, period: Some(lesson.period) },
                    subject_id: lesson.subject_id,
                    teacher_id: lesson.teacher_id,
                }));
            }
        }
    }
    all.sort_by_key(|expected| expected.place);
    // Two lessons of one period would have one register.
    all.dedup_by_key(|expected| expected.place);
    all
}

/// Those that were not taken.
#[must_use]
pub fn missing(expected: Vec<Expected>, taken: &HashSet<Place, impl BuildHasher>) -> Vec<Expected> {
    expected.into_iter().filter(|expected| !taken.contains(&expected.place)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::school_day::DaysOff;

    fn day(number: i64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Duration::days(number)
    }

    fn span(from: i64, length: i64) -> Span {
        Span { from: day(from), to: day(from + length) }
    }

    fn settings(daily_registers: bool, period_registers: bool) -> Settings {
        let now = chrono::DateTime::from_timestamp(0, 0).unwrap();
        Settings {
            id: uuid::Uuid::nil(),
            school_id: domain::SchoolId::generate(),
            lock_after_days: 7,
            weekdays: vec![1, 2, 3, 4, 5],
            daily_registers,
            period_registers,
            self_registration: false,
            day_minutes: 360,
            period_minutes: 45,
            full_day_percent: 75,
            half_day_percent: 40,
            version: domain::Version::FIRST,
            created_at: now,
            updated_at: now,
        }
    }

    prop_compose! {
        fn class_year()(term in 0..30_i64, long in 0..60_i64, holiday in 0..60_i64, off in 0..5_i64, exams in 0..60_i64, came in 0..60_i64, stayed in 0..60_i64) -> ClassYear {
            let days = |from, length| vec![DaysOff { span: span(from, length), audience: serde_json::json!({}) }];
            let calendar = Calendar {
                class_id: ClassId::generate(),
                spans: vec![span(term, long)],
                holidays: days(holiday, off),
                off_timetable: days(exams, off),
                working_days: std::sync::Arc::default(),
            };
            ClassYear { calendar, enrolled: vec![span(came, stayed)] }
        }
    }

    proptest! {
        #[test]
        fn what_is_expected_lies_on_school_days_with_students_once_each_and_what_is_taken_is_not_missing(
            classes in prop::collection::vec(class_year(), 1..4), (daily, periods) in any::<(bool, bool)>(), from in 0..60_i64, length in 0..31_i64,
            lessons in prop::collection::vec((0..4_u8, 0..90_i64), 0..40), taken in any::<prop::sample::Index>(),
        ) {
            let lessons: Vec<TimetableLesson> = lessons.into_iter().map(|(period, number)| TimetableLesson {
                class_id: classes[0].calendar.class_id, subject_id: None, teacher_id: None, held_on: day(number), period,
            }).collect();
            let settings = settings(daily, periods);
            let all = expected(&classes, &lessons, &settings, day(from), day(from + length));
            for one in &all {
                let class = classes.iter().find(|class| class.calendar.class_id == one.place.class_id).unwrap();
                prop_assert!(class.calendar.judge(one.place.held_on, &settings.weekdays).is_ok());
                prop_assert!(class.enrolled.iter().any(|span| span.has(one.place.held_on)));
                prop_assert!(span(from, length).has(one.place.held_on));
                let is_kept = if one.place.period.is_some() { periods } else { daily };
                prop_assert!(is_kept);
                prop_assert!(one.place.period.is_none() || class.calendar.has_lessons(one.place.held_on));
                let (class_id, held_on) = (one.place.class_id, one.place.held_on);
                let is_given = |period| lessons.iter().any(|lesson| (lesson.class_id, lesson.held_on, lesson.period) == (class_id, held_on, period));
                prop_assert!(one.place.period.is_none_or(is_given));
            }
            prop_assert!(all.windows(2).all(|pair| pair[0].place < pair[1].place));
            if !all.is_empty() {
                let taken: HashSet<Place> = std::iter::once(all[taken.index(all.len())].place).collect();
                let left = missing(all.clone(), &taken);
                prop_assert_eq!(left.len(), all.len() - 1);
                prop_assert!(left.iter().all(|one| !taken.contains(&one.place)));
            }
        }
    }
}
