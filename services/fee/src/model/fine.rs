//! Fines for paying late.

use chrono::NaiveDate;

use super::split::share_of;

/// How a fine is reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// So much, once.
    Fixed(i64),
    /// So much for each day after the last day of grace.
    PerDay(i64),
    /// Of what is still owed without fines, once, in hundredths of a percent.
    Percent(u32),
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How.
    pub kind: Kind,
    /// Days after the due date that cost nothing.
    pub grace_days: u16,
    /// The most that it comes to on one invoice.
    pub cap: Option<i64>,
}

impl Rule {
    /// What the rule comes to on `day` for what is due on `due_on` with `owed` still owed, fines left out. Minor units, not negative.
    #[must_use]
    pub fn due(&self, due_on: NaiveDate, day: NaiveDate, owed: i64) -> i64 {
        let late = (day - due_on).num_days() - i64::from(self.grace_days);
        if late <= 0 || owed <= 0 {
            return 0;
        }
        let fine = match self.kind {
            Kind::Fixed(amount) => amount,
            Kind::PerDay(amount) => amount.saturating_mul(late),
            Kind::Percent(basis_points) => share_of(owed, basis_points),
        };
        fine.min(self.cap.unwrap_or(i64::MAX)).min(domain::Amount::MAX)
    }

    /// What is to be added where the rule has charged `charged` already.
    #[must_use]
    pub fn more(&self, due_on: NaiveDate, day: NaiveDate, owed: i64, charged: i64) -> i64 {
        (self.due(due_on, day, owed) - charged).max(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::concession::tests::day;
    use super::*;

    #[test]
    fn grace_is_free_and_each_day_after_it_counts() {
        let rule = Rule { kind: Kind::PerDay(1_000), grace_days: 5, cap: Some(7_500) };
        let due = day("2026-07-10");
        let on = |text: &str| rule.due(due, day(text), 50_000);
        assert_eq!((on("2026-07-15"), on("2026-07-16"), on("2026-07-20"), on("2026-12-01")), (0, 1_000, 5_000, 7_500));
        assert_eq!(rule.more(due, day("2026-07-20"), 50_000, 3_000), 2_000);
        assert_eq!(rule.due(due, day("2026-12-01"), 0), 0, "what is paid is not late");
        assert_eq!(Rule { kind: Kind::Percent(200), grace_days: 0, cap: None }.due(due, day("2026-07-11"), 12_345), 247);
    }

    proptest! {
        #[test]
        fn a_fine_charged_day_by_day_is_the_fine_charged_at_once(per_day in 1_i64..1_000_000, grace in 0_u16..60, days in 0_i64..400, cap in prop::option::of(1_i64..10_000_000)) {
            let rule = Rule { kind: Kind::PerDay(per_day), grace_days: grace, cap };
            let due = day("2026-07-10");
            let mut charged = 0;
            for day_of in 0..=days {
                charged += rule.more(due, due + chrono::Duration::days(day_of), 1, charged);
            }
            prop_assert_eq!(charged, rule.due(due, due + chrono::Duration::days(days), 1));
        }
    }
}
