//! How long something has been due.

use chrono::NaiveDate;

/// An age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// Not due before today.
    Current,
    /// Up to 30 days late.
    Days1To30,
    /// 31 to 60 days late.
    Days31To60,
    /// 61 to 90 days late.
    Days61To90,
    /// More than 90 days late.
    Over90,
}

impl Age {
    /// All, the youngest first.
    pub const ALL: [Self; 5] = [Self::Current, Self::Days1To30, Self::Days31To60, Self::Days61To90, Self::Over90];

    /// How old what was due on `due_on` is on `day`.
    #[must_use]
    pub fn of(due_on: NaiveDate, day: NaiveDate) -> Self {
        match (day - due_on).num_days() {
            ..=0 => Self::Current,
            1..=30 => Self::Days1To30,
            31..=60 => Self::Days31To60,
            61..=90 => Self::Days61To90,
            91.. => Self::Over90,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::concession::tests::day;
    use super::*;

    #[test]
    fn a_bill_is_not_late_on_the_day_on_which_it_is_due() {
        let due = day("2026-07-10");
        let ages = ["2026-07-10", "2026-07-11", "2026-08-09", "2026-08-10", "2026-10-08", "2026-10-09"].map(|on| Age::of(due, day(on)));
        assert_eq!(ages, [Age::Current, Age::Days1To30, Age::Days1To30, Age::Days31To60, Age::Days61To90, Age::Over90]);
    }
}
