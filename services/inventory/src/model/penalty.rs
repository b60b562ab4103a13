//! What being late costs: so much a day for each piece after the days of grace, up to a cap, and never more than an invoice
//! can have.

use chrono::NaiveDate;
use domain::Amount;
use serde::{Deserialize, Serialize};

/// The terms on which something was lent. Amounts are minor units of the loan's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PenaltyRule {
    /// For each piece and each day after the days of grace.
    pub per_day_minor: i64,
    /// Days after the due day that cost nothing, ever.
    pub grace_days: i32,
    /// The most that a piece costs by being late.
    pub cap_minor: Option<i64>,
}

impl PenaltyRule {
    /// What `quantity` pieces owe, each at most [`Amount::MAX`], that were due on `due_on` and came back on `returned_on`, both days of the school.
    #[must_use]
    pub fn of(self, due_on: NaiveDate, returned_on: NaiveDate, quantity: i32) -> i64 {
        let late = (returned_on - due_on).num_days();
        let days = late.saturating_sub(self.grace_days.max(0).into()).max(0);
        let each = days.saturating_mul(self.per_day_minor.max(0)).min(self.cap_minor.unwrap_or(Amount::MAX)).min(Amount::MAX);
        each.saturating_mul(quantity.max(0).into())
    }
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    const DUE: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 10).unwrap();

    fn on(rule: PenaltyRule, days_late: i64) -> i64 {
        rule.of(DUE, DUE + chrono::Duration::days(days_late), 1)
    }

    #[test]
    fn it_costs_so_much_a_day_after_the_days_of_grace_up_to_the_cap() {
        let rule = PenaltyRule { per_day_minor: 200, grace_days: 2, cap_minor: Some(1_000) };
        let owed: Vec<i64> = [-5, 0, 1, 2, 3, 4, 7, 8, 400].into_iter().map(|days| on(rule, days)).collect();
        assert_eq!(owed, [0, 0, 0, 0, 200, 400, 1_000, 1_000, 1_000]);
        assert_eq!(rule.of(DUE, DUE + Days::new(4), 3), 1_200, "each piece by itself");
        assert_eq!(on(PenaltyRule::default(), 400), 0, "no rule, no penalty");
    }

    #[test]
    fn a_piece_never_costs_more_than_can_be_charged_however_late_it_is() {
        let dear = PenaltyRule { per_day_minor: 1_000_000_000, ..PenaltyRule::default() };
        assert_eq!((on(dear, 1_000), on(dear, 90_000)), (Amount::MAX, Amount::MAX));
        assert_eq!(on(PenaltyRule { cap_minor: Some(i64::MAX), ..dear }, 90_000), Amount::MAX);
    }

    proptest! {
        #[test]
        fn it_never_falls_with_the_days_and_never_passes_the_cap(
            per_day in 0..1_000_000_000_i64, grace in 0..366_i32, cap in prop::option::of(0..1_000_000_000_000_i64), day in -1_000..10_000_i64
        ) {
            let rule = PenaltyRule { per_day_minor: per_day, grace_days: grace, cap_minor: cap };
            let (today, tomorrow) = (on(rule, day), on(rule, day + 1));
            prop_assert!(0 <= today && today <= tomorrow);
            prop_assert!(tomorrow - today <= per_day);
            prop_assert!(cap.is_none_or(|cap| tomorrow <= cap));
            prop_assert!(day > i64::from(grace) || today == 0);
        }
    }
}
