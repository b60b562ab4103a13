//! When something that was lent is due, and for how long it can be kept.

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::{InventoryItemId, InventoryLocationId, InventoryUnitId, LoanId, StudentId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::penalty::PenaltyRule;

/// The longest loan, in days.
pub const LONGEST: u64 = 366;

/// How a loan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The borrower has it.
    Open,
    /// It came back.
    Returned,
    /// It will not come back.
    Lost,
    /// Two loans took its place, each of a part.
    Split,
}

impl State {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Returned => "returned",
            Self::Lost => "lost",
            Self::Split => "split",
        }
    }
}

/// Something lent to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Loan {
    /// Its id.
    pub id: LoanId,
    /// What was lent.
    pub item_id: InventoryItemId,
    /// The item's name.
    pub item_name: String,
    /// The unit, if the item has serial numbers.
    pub unit_id: Option<InventoryUnitId>,
    /// The unit's serial number.
    pub serial_number: Option<String>,
    /// From where.
    pub location_id: InventoryLocationId,
    /// How many.
    pub quantity: i32,
    /// To whom.
    pub borrower_user_id: UserId,
    /// The borrower's name.
    pub borrower_name: Option<String>,
    /// The borrower as a student.
    pub student_id: Option<StudentId>,
    /// How it stands.
    pub state: State,
    /// Since when.
    pub lent_at: DateTime<Utc>,
    /// Who lent it.
    pub lent_by: UserId,
    /// The last day, in the school's time zone.
    pub due_on: NaiveDate,
    /// How often the due day was put off.
    pub renewals: i32,
    /// When it came back.
    pub returned_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub lost_at: Option<DateTime<Utc>>,
    /// When two loans took its place.
    pub split_at: Option<DateTime<Utc>>,
    /// The loan of which this is a part.
    pub split_of: Option<LoanId>,
    /// Who took it back, gave it up or split it.
    pub closed_by: Option<UserId>,
    /// The currency of the amounts, ISO 4217.
    pub currency: String,
    /// What a day of being late costs for each piece, in minor units.
    pub penalty_per_day_minor: i64,
    /// Days of being late that cost nothing.
    pub penalty_grace_days: i32,
    /// The most that being late costs for each piece.
    pub penalty_cap_minor: Option<i64>,
    /// What the borrower owes for it; null while it is open.
    pub penalty_minor: Option<i64>,
    /// Whether it is open after its due day.
    #[serde(default)]
    pub is_overdue: bool,
    /// What would be owed if it came back today; 0 unless it is overdue.
    #[serde(default)]
    pub owed_so_far_minor: i64,
    /// One more with each change.
    pub version: i32,
}

impl Loan {
    /// On which terms being late was agreed on.
    #[must_use]
    pub const fn penalty(&self) -> PenaltyRule {
        PenaltyRule { per_day_minor: self.penalty_per_day_minor, grace_days: self.penalty_grace_days, cap_minor: self.penalty_cap_minor }
    }

    /// What it costs to bring it back on `day`.
    #[must_use]
    pub fn owed_on(&self, day: NaiveDate) -> i64 {
        self.penalty().of(self.due_on, day, self.quantity)
    }

    /// As it looks on `today`.
    #[must_use]
    pub fn seen_on(mut self, today: NaiveDate) -> Self {
        self.is_overdue = self.state == State::Open && self.due_on < today;
        self.owed_so_far_minor = if self.is_overdue { self.owed_on(today) } else { 0 };
        self
    }
}

/// On which terms things are lent: their category's, or these where they have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long.
    pub loan_days: u64,
    /// How often it can be renewed.
    pub max_renewals: i32,
    /// How long it is kept for who is next in the queue.
    pub hold_days: i64,
}

impl Default for Terms {
    fn default() -> Self {
        Self { loan_days: 14, max_renewals: 2, hold_days: 3 }
    }
}

/// Why a day can't be the due day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDue {
    /// Before it was lent.
    #[error("must not be before today")]
    Past,
    /// Too far ahead.
    #[error("must be within {LONGEST} days")]
    TooLong,
    /// A renewal that shortens.
    #[error("must be after the present due day")]
    NotLater,
}

/// The due day: the one that was asked for, or the one that the terms give.
pub fn due(today: NaiveDate, asked: Option<NaiveDate>, terms: Terms) -> Result<NaiveDate, InvalidDue> {
    let due = asked.or_else(|| today.checked_add_days(Days::new(terms.loan_days))).ok_or(InvalidDue::TooLong)?;
    match (due - today).num_days() {
        days if days < 0 => Err(InvalidDue::Past),
        days if days.unsigned_abs() > LONGEST => Err(InvalidDue::TooLong),
        _ => Ok(due),
    }
}

/// The due day after a renewal: counted from today, and later than before.
pub fn renewed(today: NaiveDate, present: NaiveDate, asked: Option<NaiveDate>, terms: Terms) -> Result<NaiveDate, InvalidDue> {
    let due = due(today, asked, terms)?;
    if due > present { Ok(due) } else { Err(InvalidDue::NotLater) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 2, 20).unwrap();

    #[test]
    fn the_terms_give_the_day_unless_one_is_asked_for() {
        let day = |day: u32| NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
        assert_eq!(due(TODAY, None, Terms::default()), Ok(day(6)));
        assert_eq!(due(TODAY, Some(day(1)), Terms::default()), Ok(day(1)));
        assert_eq!(due(TODAY, TODAY.pred_opt(), Terms::default()), Err(InvalidDue::Past));
        assert_eq!(renewed(TODAY, day(6), None, Terms::default()), Err(InvalidDue::NotLater));
        assert_eq!(renewed(TODAY, day(5), None, Terms::default()), Ok(day(6)));
    }

    proptest! {
        #[test]
        fn no_loan_is_shorter_than_a_day_or_longer_than_a_year(ahead in -2_000..2_000_i64, days in 1..=366_u64) {
            let terms = Terms { loan_days: days, ..Terms::default() };
            for asked in [None, Some(TODAY + chrono::Duration::days(ahead))] {
                if let Ok(due) = due(TODAY, asked, terms) {
                    prop_assert!((0..=366).contains(&(due - TODAY).num_days()));
                } else {
                    prop_assert!(asked.is_some() && !(0..=366).contains(&ahead));
                }
            }
        }
    }
}
