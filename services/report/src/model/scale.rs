//! Scales: what a percentage is called, and how many grade points it is worth.

use std::collections::HashSet;

use rust_decimal::Decimal;
use thiserror::Error;

/// A step of a scale: everything from `from_percent` up to the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Such as `A` or `very good`.
    pub letter: String,
    /// The lowest percentage that earns it.
    pub from_percent: Decimal,
    /// What it counts in a grade point average, if the school has one.
    pub grade_points: Option<Decimal>,
}

/// Why steps are no scale.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidScale {
    /// A scale names every percentage, so its lowest step starts at zero.
    #[error("the lowest step must start at 0 %")]
    NoFloor,
    /// The index of a step that starts where another does.
    #[error("two steps start at the same percentage")]
    SameStart(usize),
    /// The index of a step that is called as another is.
    #[error("two steps have the same name")]
    SameLetter(usize),
    /// The index of a step outside 0 to 100, or that starts between two hundredths of a percent.
    #[error("must be from 0 to 100 with at most two decimals")]
    OutOfRange(usize),
    /// The index of a step whose grade points are negative, more than 100, or have more than four decimals.
    #[error("must be from 0 to 100 with at most four decimals")]
    GradePoints(usize),
}

/// Steps from the highest to the lowest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale(Vec<Step>);

impl Scale {
    /// A scale of `steps` in any order.
    pub fn new(steps: Vec<Step>) -> Result<Self, InvalidScale> {
        let (mut starts, mut letters) = (HashSet::new(), HashSet::new());
        for (index, step) in steps.iter().enumerate() {
            let fits = |number: Decimal, decimals| {
                (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&number) && number.normalize().scale() <= decimals
            };
            if !fits(step.from_percent, 2) {
                return Err(InvalidScale::OutOfRange(index));
            }
            if step.grade_points.is_some_and(|points| !fits(points, 4)) {
                return Err(InvalidScale::GradePoints(index));
            }
            if !starts.insert(step.from_percent.normalize()) {
                return Err(InvalidScale::SameStart(index));
            }
            if !letters.insert(step.letter.clone()) {
                return Err(InvalidScale::SameLetter(index));
            }
        }
        if !starts.contains(&Decimal::ZERO) {
            return Err(InvalidScale::NoFloor);
        }
        let mut steps = steps;
        steps.sort_by_key(|step| std::cmp::Reverse(step.from_percent));
        Ok(Self(steps))
    }

    /// The step of a percentage as it is shown, that is rounded: who sees 90.00 % has earned what starts at 90 %.
    #[must_use]
    pub fn step(&self, percent: Decimal) -> Option<&Step> {
        self.0.iter().find(|step| percent >= step.from_percent)
    }

    /// From the highest to the lowest.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn step(letter: &str, from: i64) -> Step {
        Step { letter: letter.to_owned(), from_percent: Decimal::from(from), grade_points: None }
    }

    fn letters() -> Scale {
        Scale::new(vec![step("C", 60), step("A", 90), step("F", 0), step("B", 75)]).unwrap()
    }

    #[test]
    fn a_step_starts_where_it_says_and_has_no_upper_end() {
        let scale = letters();
        let letter = |percent: &str| scale.step(percent.parse().unwrap()).unwrap().letter.clone();
        assert_eq!(["0", "59.99", "60", "89.99", "90.00", "104.5"].map(letter), ["F", "F", "C", "B", "A", "A"]);
    }

    #[test]
    fn what_is_no_scale_is_refused_with_the_step_that_is_wrong() {
        assert_eq!(Scale::new(vec![]), Err(InvalidScale::NoFloor));
        assert_eq!(Scale::new(vec![step("A", 50)]), Err(InvalidScale::NoFloor));
        assert_eq!(Scale::new(vec![step("A", 0), step("A", 50)]), Err(InvalidScale::SameLetter(1)));
        assert_eq!(Scale::new(vec![step("A", 0), step("B", 0)]), Err(InvalidScale::SameStart(1)));
        assert_eq!(Scale::new(vec![step("A", 0), step("B", 101)]), Err(InvalidScale::OutOfRange(1)));
        assert_eq!(Scale::new(vec![Step { from_percent: Decimal::new(89_999, 3), ..step("A", 0) }]), Err(InvalidScale::OutOfRange(0)));
        assert_eq!(Scale::new(vec![Step { grade_points: Some(Decimal::NEGATIVE_ONE), ..step("A", 0) }]), Err(InvalidScale::GradePoints(0)));
    }

    proptest! {
        #[test]
        fn more_percent_never_earn_a_lower_step(one in 0..12_000_i64, more in 0..5_000_i64) {
            let scale = letters();
            let from = |hundredths| scale.step(Decimal::new(hundredths, 2)).unwrap().from_percent;
            prop_assert!(from(one) <= from(one + more));
        }

        #[test]
        fn whatever_the_scale_every_percentage_has_a_letter_and_more_percent_never_a_lower_one(
            starts in proptest::collection::btree_set(1..=10_000_i64, 0..20), one in 0..15_000_i64, other in 0..15_000_i64,
        ) {
            let steps = starts.iter().chain([&0]).enumerate();
            let steps = steps.map(|(n, from)| Step { letter: format!("L{n}"), from_percent: Decimal::new(*from, 2), grade_points: None }).collect();
            let scale = Scale::new(steps).unwrap();
            let from = |hundredths| scale.step(Decimal::new(hundredths, 2)).unwrap().from_percent;
            prop_assert_eq!(from(one) <= from(other), one <= other || from(one) == from(other));
            prop_assert!(from(one) <= Decimal::new(one, 2));
        }
    }
}
