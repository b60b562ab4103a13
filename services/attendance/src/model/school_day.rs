//! On which days a class has school: within its term (or year), on the school's weekdays, and not in a holiday.

use chrono::{Datelike, NaiveDate};
use domain::ClassId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// From a day to a day, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Span {
    /// Whether `day` is in it.
    #[must_use]
    pub fn has(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }
}

/// A holiday of the school's calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    /// Its days.
    pub span: Span,
    /// For whom it is: `{}` means everybody, `class_ids` some classes only, `roles` some people only.
    pub audience: Value,
}

impl Holiday {
    /// Whether `class` has this day off.
    #[must_use]
    pub fn is_for(&self, class: ClassId) -> bool {
        let names = |key: &str, wanted: &str| {
            let listed = self.audience.get(key).and_then(Value::as_array);
            listed.is_none_or(|listed| listed.iter().any(|name| name.as_str() == Some(wanted)))
        };
        names("class_ids", &class.to_string()) && names("roles", "student")
    }
}

/// When a class has school, as the calendar tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The class.
    pub class_id: ClassId,
    /// Its term; else the terms of its year; else its year.
    pub spans: Vec<Span>,
    /// The school's holidays.
    pub holidays: Vec<Holiday>,
}

/// Why there is no school on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSchool {
    /// Before, after or between the terms of the class.
    OutsideTerm,
    /// No weekday with school.
    Weekend,
    /// A holiday.
    Holiday,
}

impl NoSchool {
    /// For a person: "is …".
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::OutsideTerm => "is outside the terms of this class",
            Self::Weekend => "is a day of the week without school",
            Self::Holiday => "is a holiday",
        }
    }
}

impl Calendar {
    /// Whether the class has school on `day`, if the school's weekdays are `weekdays` (1 is Monday).
    pub fn judge(&self, day: NaiveDate, weekdays: &[u8]) -> Result<(), NoSchool> {
        if !self.spans.iter().any(|span| span.has(day)) {
            return Err(NoSchool::OutsideTerm);
        }
        if self.holidays.iter().any(|holiday| holiday.span.has(day) && holiday.is_for(self.class_id)) {
            return Err(NoSchool::Holiday);
        }
        let weekday = day.weekday().number_from_monday();
        if weekdays.iter().any(|known| u32::from(*known) == weekday) { Ok(()) } else { Err(NoSchool::Weekend) }
    }

    /// The days with school among those from `from` to `to`.
    pub fn days<'c>(&'c self, from: NaiveDate, to: NaiveDate, weekdays: &'c [u8]) -> impl Iterator<Item = NaiveDate> + 'c {
        from.iter_days().take_while(move |day| *day <= to).filter(|day| self.judge(*day, weekdays).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn span(from: &str, to: &str) -> Span {
        Span { from: day(from), to: day(to) }
    }

    #[test]
    fn there_is_school_on_weekdays_of_the_term_that_are_no_holiday() {
        let holiday = Holiday { span: span("2026-11-10", "2026-11-11"), audience: json!({}) };
        let calendar = Calendar { class_id: ClassId::generate(), spans: vec![span("2026-11-02", "2026-11-30")], holidays: vec![holiday] };
        let week = [1, 2, 3, 4, 5];
        assert_eq!(calendar.judge(day("2026-11-09"), &week), Ok(()));
        assert_eq!(calendar.judge(day("2026-11-10"), &week), Err(NoSchool::Holiday));
        assert_eq!(calendar.judge(day("2026-11-11"), &week), Err(NoSchool::Holiday));
        assert_eq!(calendar.judge(day("2026-11-14"), &week), Err(NoSchool::Weekend));
        assert_eq!(calendar.judge(day("2026-11-14"), &[6]), Ok(()));
        assert_eq!(calendar.judge(day("2026-11-01"), &week), Err(NoSchool::OutsideTerm));
        assert_eq!(calendar.judge(day("2026-12-01"), &week), Err(NoSchool::OutsideTerm));
        assert_eq!(calendar.days(day("2026-11-07"), day("2026-11-15"), &week).count(), 3);
    }

    #[test]
    fn a_holiday_of_others_is_none_for_the_class() {
        let (ours, theirs) = (ClassId::generate(), ClassId::generate());
        let holiday = |audience| Holiday { span: span("2026-11-10", "2026-11-10"), audience };
        assert!(holiday(json!({})).is_for(ours));
        assert!(holiday(json!({"class_ids": [theirs, ours]})).is_for(ours));
        assert!(!holiday(json!({"class_ids": [theirs]})).is_for(ours));
        assert!(!holiday(json!({"roles": ["teacher"]})).is_for(ours));
        assert!(holiday(json!({"roles": ["student"]})).is_for(ours));
    }
}
