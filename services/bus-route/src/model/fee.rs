//! What a seat costs: by the distance of its stop, for one direction and one month.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use domain::{BusFeeSlabId, Fault, Faults, SchoolId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The day of the month by which a month is to be paid.
const DUE_DAY: u32 = 10;

/// What a seat costs at a distance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BusFeeSlab)]
pub struct FeeSlab {
    /// Its id.
    pub id: BusFeeSlabId,
    /// The school.
    pub school_id: SchoolId,
    /// From so many metres on.
    pub from_metres: i32,
    /// Up to so many metres, exclusive; none means any distance.
    pub below_metres: Option<i32>,
    /// ISO 4217.
    pub currency: String,
    /// In the currency's minor unit.
    pub amount_minor: i64,
    /// The first day on which it holds.
    pub valid_from: NaiveDate,
    /// The last day, inclusive; none means open.
    pub valid_to: Option<NaiveDate>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl FeeSlab {
    /// What its own values must satisfy.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require(self.from_metres >= 0, "/from_metres", "must not be negative");
        faults.require(self.below_metres.is_none_or(|below| below > self.from_metres), "/below_metres", "must be more than from_metres");
        let is_code = self.currency.len() == 3 && self.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        faults.require(is_code, "/currency", "must be an ISO 4217 code of three capitals");
        faults.require((1..=1_000_000_000_000).contains(&self.amount_minor), "/amount_minor", "must be from 1 to 1000000000000");
        faults.require(self.valid_to.is_none_or(|to| to >= self.valid_from), "/valid_to", "must not be before valid_from");
        faults.into_result()
    }

    /// Whether it says what a stop at `metres` costs on `day`.
    #[must_use]
    pub fn holds(&self, metres: i32, day: NaiveDate) -> bool {
        self.from_metres <= metres
            && self.below_metres.is_none_or(|below| metres < below)
            && self.valid_from <= day
            && self.valid_to.is_none_or(|to| day <= to)
    }
}

/// A calendar month, which fees are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    first: NaiveDate,
}

impl Month {
    /// The month that `day` is in.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self { first: day.with_day(1).unwrap_or(day) }
    }

    /// The month written as `2026-11`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain =
            text.len() == 7 && text.bytes().enumerate().all(|(at, byte)| if at == 4 { byte == b'-' } else { byte.is_ascii_digit() });
        if !is_plain {
            return None;
        }
        NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok().map(|first| Self { first })
    }

    /// Its first day.
    #[must_use]
    pub const fn first(self) -> NaiveDate {
        self.first
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> NaiveDate {
        let later = self.first + Days::new(31);
        later.with_day(1).and_then(|next| next.pred_opt()).unwrap_or(self.first)
    }

    /// Whether it can be charged on `today`: the last month, this one and the next can.
    #[must_use]
    pub fn may_be_charged_on(self, today: NaiveDate) -> bool {
        let this = Self::of(today);
        let (last, next) = (Self::of(this.first - Days::new(1)), Self::of(this.last() + Days::new(1)));
        (last..=next).contains(&self)
    }

    /// By which day a seat that begins on `begin` is to be paid for this month: the tenth, or ten days after it was taken.
    #[must_use]
    pub fn due_on(self, begin: NaiveDate) -> NaiveDate {
        let usual = self.first.with_day(DUE_DAY).unwrap_or(self.first);
        if begin > self.first { usual.max(begin + Days::new(u64::from(DUE_DAY))) } else { usual }
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.first.format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_read_and_written_and_has_its_days() {
        let month = Month::parse("2026-02").unwrap();
        assert_eq!((month.to_string(), month.first(), month.last()), ("2026-02".to_owned(), day("2026-02-01"), day("2026-02-28")));
        assert_eq!(Month::of(day("2026-12-31")).last(), day("2026-12-31"));
        for bad in ["2026-13", "2026-1", "2026-00", "26-01", "2026-011", "+202-01", ""] {
            assert!(Month::parse(bad).is_none(), "{bad}");
        }
        for (text, may) in
            [("2025-11", false), ("2025-12", true), ("2026-01", true), ("2026-02", true), ("2026-03", false), ("9999-12", false)]
        {
            assert_eq!(Month::parse(text).unwrap().may_be_charged_on(day("2026-01-31")), may, "{text}");
        }
        assert_eq!(month.due_on(day("2025-06-01")), day("2026-02-10"));
        assert_eq!(month.due_on(day("2026-02-20")), day("2026-03-02"));
    }

    #[test]
    fn a_slab_holds_from_its_first_metre_to_the_one_before_the_next() {
        let now = day("2026-06-01").and_hms_opt(0, 0, 0).unwrap().and_utc();
        let slab = FeeSlab {
            id: BusFeeSlabId::generate(),
            school_id: SchoolId::generate(),
            from_metres: 1000,
            below_metres: Some(5000),
            currency: "INR".to_owned(),
            amount_minor: 50_000,
            valid_from: day("2026-06-01"),
            valid_to: Some(day("2027-05-31")),
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        for (metres, on, holds) in [
            (999, "2026-06-01", false),
            (1000, "2026-06-01", true),
            (4999, "2027-05-31", true),
            (5000, "2026-06-01", false),
            (1000, "2027-06-01", false),
        ] {
            assert_eq!(slab.holds(metres, day(on)), holds, "{metres} {on}");
        }
        assert!(slab.check().is_ok());
        let wrong =
            FeeSlab { below_metres: Some(1000), currency: "inr".to_owned(), amount_minor: 0, valid_to: Some(day("2026-05-31")), ..slab };
        let pointers: Vec<String> = wrong.check().unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/below_metres", "/currency", "/amount_minor", "/valid_to"]);
    }
}
