//! The heads of a fee structure as they are asked for, and how they become instalments.

use chrono::{Days, NaiveDate};
use domain::{Amount, Fault, Text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::split::{WHOLE, by_weight};

/// What is owed under one head.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHead {
    /// What for; once.
    head: Text<100>,
    /// How much in all instalments together, in minor units, without tax.
    amount_minor: Amount,
    /// Tax on it, in hundredths of a percent.
    #[serde(default)]
    #[schema(maximum = 10000)]
    tax_basis_points: u16,
    /// Whether it is charged only when asked for, and not by a run.
    #[serde(default)]
    is_optional: bool,
    /// When which part is due. Instalments are numbered in this order, for each head alike, and what a run charges in one of them is due on one day.
    #[schema(min_items = 1, max_items = 24)]
    instalments: Vec<NewInstalment>,
}

/// A part of what is owed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInstalment {
    /// When it is due: this, or `after_days`.
    due_on: Option<NaiveDate>,
    /// How many days after the first day of the structure's term it is due, or of its year if it has no term.
    #[schema(maximum = 730)]
    after_days: Option<u16>,
    /// Its share, in hundredths of a percent; together they are 10000. Left out for all: equal parts.
    #[schema(minimum = 1, maximum = 10000)]
    share_basis_points: Option<u16>,
}

impl NewInstalment {
    /// The day, for what starts on `start`.
    fn due(&self, start: NaiveDate) -> Option<NaiveDate> {
        match (self.due_on, self.after_days) {
            (Some(day), None) => Some(day),
            (None, Some(days @ 0..=730)) => start.checked_add_days(Days::new(days.into())),
            _ => None,
        }
    }
}

/// An item to be: head, instalment, amount, tax, day, whether optional.
pub(super) type Item = (String, i32, i64, i32, NaiveDate, bool);

/// The heads divided into their instalments, or all that is wrong with them. `start` is the first day of the structure's term or year.
pub(super) fn items(heads: &[NewHead], start: NaiveDate) -> Result<Vec<Item>, Vec<Fault>> {
    let (mut items, mut faults): (Vec<Item>, Vec<Fault>) = (Vec::new(), Vec::new());
    // The day of each instalment, as the first head has it that is not charged only when asked for: one invoice has one day.
    let mut due: Vec<NaiveDate> = Vec::new();
    if heads.len() > 100 {
        faults.push(Fault::new("/heads", "must be at most 100"));
    }
    for (n, head) in heads.iter().enumerate() {
        let mut fault = |field: &str, detail: &str| faults.push(Fault::new(format!("/heads/{n}/{field}"), detail));
        if heads.iter().take(n).any(|other| other.head == head.head) {
            fault("head", "stands there already");
        }
        if u32::from(head.tax_basis_points) > WHOLE {
            fault("tax_basis_points", "must be at most 10000");
        }
        let shares: Vec<Option<u16>> = head.instalments.iter().map(|one| one.share_basis_points).collect();
        let given: u32 = shares.iter().flatten().map(|share| u32::from(*share)).sum();
        if !(1..=24).contains(&shares.len()) {
            fault("instalments", "must be 1 to 24");
        } else if shares.iter().any(Option::is_some) && (given != WHOLE || shares.iter().any(|share| share.is_none_or(|share| share == 0)))
        {
            fault("instalments", "must all have a share, and together 10000, or none");
        }
        let days: Vec<NaiveDate> = head.instalments.iter().filter_map(|one| one.due(start)).collect();
        if days.len() < head.instalments.len() {
            fault("instalments", "must each have a day on which it is due, or after how many days, at most 730; not both");
        } else if days.iter().zip(days.iter().skip(1)).any(|(one, next)| next <= one) {
            fault("instalments", "must be due one after the other");
        }
        if !head.is_optional && days.len() == head.instalments.len() {
            for (place, day) in days.iter().enumerate() {
                match due.get(place) {
                    Some(other) if other != day => {
                        fault(&format!("instalments/{place}"), &format!("must be due on {other}, as this instalment of the heads before"));
                    }
                    Some(_) => {}
                    None => due.push(*day),
                }
            }
        }
        let weights: Vec<i64> = shares.iter().map(|share| share.map_or(1, i64::from)).collect();
        let parts = by_weight(head.amount_minor.minor(), &weights);
        if parts.iter().any(|part| *part < 1) {
            fault("amount_minor", "is too little for so many instalments");
        }
        for (place, (part, due_on)) in parts.iter().zip(days).enumerate() {
            let number = i32::try_from(place + 1).unwrap_or(i32::MAX);
            items.push((head.head.as_str().to_owned(), number, *part, head.tax_basis_points.into(), due_on, head.is_optional));
        }
    }
    if faults.is_empty() { Ok(items) } else { Err(faults) }
}
