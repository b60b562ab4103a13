//! Who is on the honour roll.
//!
//! A rule names an average to reach, and perhaps a grade that none of the results that count may lie below. Both are percentages as they are shown, rounded to two
//! decimals: what reads 85.00 reaches 85. Extra work and what drop-lowest left out can lift somebody onto the roll and keep nobody off it.

use std::collections::HashSet;
use std::hash::BuildHasher;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::concern::attained;
use super::total::{Category, Item, Outcome};

/// What it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HonourRule {
    /// The average to reach, in percent.
    pub min_average: Decimal,
    /// The percentage that no result may lie below.
    pub min_grade: Option<Decimal>,
    /// How many results must count at least.
    pub min_results: usize,
}

impl HonourRule {
    /// Whether somebody with this average and these results is on the roll.
    #[must_use]
    pub fn honours(&self, average: Option<Decimal>, results: &[Decimal]) -> bool {
        average.is_some_and(|average| average >= self.min_average)
            && results.len() >= self.min_results
            && self.min_grade.is_none_or(|least| results.iter().all(|result| *result >= least))
    }
}

/// The results of somebody that count, as percentages: without extra work, and without what was `dropped`, alone or with its category.
#[must_use]
pub fn counted<S: BuildHasher>(
    categories: &[Category],
    items: &[Item],
    outcome: impl Fn(Uuid) -> Option<Outcome>,
    dropped: &HashSet<Uuid, S>,
) -> Vec<Decimal> {
    let is_dropped = |item: &Item| {
        let (mut within, mut steps) = (item.category, categories.len());
        while let Some(id) = within.filter(|_| steps > 0) {
            if dropped.contains(&id) {
                return true;
            }
            within = categories.iter().find(|category| category.id == id).and_then(|category| category.parent);
            steps -= 1;
        }
        dropped.contains(&item.id)
    };
    let counts = |item: &&Item| !item.is_extra_credit && !is_dropped(item);
    items.iter().filter(counts).filter_map(|item| attained(outcome(item.id)?, item.max_points)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::aggregation::Aggregation;
    use crate::model::selection::Selection;
    use crate::model::total::{Viewpoint, totals};

    fn rule(average: i64, grade: Option<i64>, min_results: usize) -> HonourRule {
        HonourRule { min_average: Decimal::new(average, 2), min_grade: grade.map(|grade| Decimal::new(grade, 2)), min_results }
    }

    #[test]
    fn what_reads_as_the_average_reaches_it_and_one_low_grade_is_enough() {
        let percents = |grades: &[i64]| grades.iter().map(|grade| Decimal::new(*grade, 2)).collect::<Vec<_>>();
        let honours = rule(8_500, Some(7_000), 2);
        assert!(honours.honours(Some(Decimal::new(8_500, 2)), &percents(&[7_000, 10_000])));
        assert!(!honours.honours(Some(Decimal::new(8_499, 2)), &percents(&[8_499, 8_499])));
        assert!(!honours.honours(Some(Decimal::new(9_900, 2)), &percents(&[6_999, 10_000, 10_000])));
        assert!(!honours.honours(Some(Decimal::new(9_900, 2)), &percents(&[9_900])), "too little was graded");
        assert!(!honours.honours(None, &[]));
    }

    #[test]
    fn what_was_dropped_with_its_category_and_extra_work_keep_nobody_off() {
        let (inner, outer) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let category =
            |id, parent| Category { id, parent, aggregation: Aggregation::Mean, weight: Decimal::ONE, selection: Selection::All };
        let categories = [category(inner, Some(outer)), category(outer, None)];
        let item = |number: u128, category, is_extra_credit| Item {
            id: Uuid::from_u128(number),
            category,
            max_points: Decimal::TEN,
            weight: Decimal::ONE,
            is_extra_credit,
            is_hidden: false,
        };
        let items = [item(10, Some(inner), false), item(11, None, true), item(12, None, false), item(13, None, false)];
        let zero = |_| Some(Outcome { points: Some(Decimal::ZERO), ..Outcome::default() });
        let counted = |dropped: &[u128]| {
            counted(&categories, &items, zero, &dropped.iter().map(|id| Uuid::from_u128(*id)).collect::<HashSet<Uuid>>()).len()
        };
        assert_eq!((counted(&[]), counted(&[2]), counted(&[1, 13]), counted(&[10, 12, 13])), (3, 2, 1, 0));
    }

    proptest! {
        #[test]
        fn a_stricter_rule_honours_nobody_more(
            marks in prop::collection::vec(proptest::option::of(0..=1_000_i64), 1..8), drop in 0..3_u32, average in 0..10_000_i64, grade in proptest::option::of(0..10_000_i64),
            more in 0..3_000_i64,
        ) {
            let items: Vec<Item> = (0..marks.len()).map(|number| Item {
                id: Uuid::from_u128(number as u128 + 1), category: Some(Uuid::from_u128(99)), max_points: Decimal::TEN, weight: Decimal::ONE, is_extra_credit: false, is_hidden: false,
            }).collect();
            let categories = [Category {
                id: Uuid::from_u128(99), parent: None, aggregation: Aggregation::Mean, weight: Decimal::ONE, selection: Selection::DropLowest(drop),
            }];
            let results: HashMap<Uuid, Outcome> = items.iter().zip(&marks)
                .filter_map(|(item, marks)| Some((item.id, Outcome { points: Some(Decimal::new((*marks)?, 2)), ..Outcome::default() })))
                .collect();
            let totals = totals(&categories, &items, &results, Viewpoint::Teacher);
            let counted = counted(&categories, &items, |id| results.get(&id).copied(), &totals.dropped);
            let shown = totals.overall.map(crate::model::share::percent);
            // The results are those that the average is of: as many, and the average of the rounded ones is the rounded average, but for rounding.
            prop_assert_eq!(shown.is_some(), !counted.is_empty());
            if let Some(shown) = shown {
                let mean = counted.iter().sum::<Decimal>() / Decimal::from(counted.len());
                prop_assert!((mean - shown).abs() <= Decimal::new(1, 2));
            }
            let of = |average, grade, least| rule(average, grade, least).honours(shown, &counted);
            prop_assert!(of(average, grade, 1) || !of(average + more, grade, 1));
            prop_assert!(of(average, grade, 1) || !of(average, grade.map(|grade| grade + more), 1));
            prop_assert!(of(average, None, 1) || !of(average, grade, 1));
            prop_assert!(of(average, grade, 1) || !of(average, grade, 4));
            prop_assert!(of(0, None, 0) == shown.is_some());
        }
    }
}
