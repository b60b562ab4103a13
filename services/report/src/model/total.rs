//! A student's totals: each category from its items and sub-categories, the root from all.
//!
//! What counts: a result that is there, or that is *missing*, which is zero. What does not: an item not graded yet, one the student is *exempt* from, and one
//! that was *excluded*; none of them is a zero. An *override* stands in for the marks. Hidden items count for the teacher; a total that is computed
//! for a student leaves them out, or it would tell what is hidden. Nothing is rounded on the way up.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::aggregation::{Aggregation, Counted, aggregate};
use super::selection::{Selection, dropped};
use super::share::Share;

/// A category of a class, or a part of one.
#[derive(Debug, Clone)]
pub struct Category {
    /// Its id.
    pub id: Uuid,
    /// The category that it is a part of; none for one at the top.
    pub parent: Option<Uuid>,
    /// How its results become one.
    pub aggregation: Aggregation,
    /// Its weight among its siblings.
    pub weight: Decimal,
    /// Which of its results count.
    pub selection: Selection,
}

/// Something that is graded.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its id.
    pub id: Uuid,
    /// Its category; none if it stands at the top.
    pub category: Option<Uuid>,
    /// What it is marked out of.
    pub max_points: Decimal,
    /// Its weight among its siblings.
    pub weight: Decimal,
    /// Adds to what is earned and nothing to what is possible.
    pub is_extra_credit: bool,
    /// Students don't see it.
    pub is_hidden: bool,
}

/// What a student got for an item.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Marks; none if not graded.
    pub points: Option<Decimal>,
    /// Marks that stand in for them.
    pub override_points: Option<Decimal>,
    /// Left out of all totals by the teacher, and still shown.
    pub is_excluded: bool,
    /// The student need not do it.
    pub is_exempt: bool,
    /// Not handed in: counts as zero until there are marks.
    pub is_missing: bool,
}

impl Outcome {
    /// The marks that count: override before marks before zero for what is missing; none if it doesn't count.
    #[must_use]
    pub fn effective(self) -> Option<Decimal> {
        if self.is_excluded || self.is_exempt {
            return None;
        }
        self.override_points.or(self.points).or(if self.is_missing { Some(Decimal::ZERO) } else { None })
    }
}

/// For whom a total is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewpoint {
    /// Everything counts.
    Teacher,
    /// Hidden items don't.
    Student,
}

/// A student's totals in a class, as unrounded fractions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Of each category; one without any result that counts is not there.
    pub categories: HashMap<Uuid, Decimal>,
    /// Of the class; none if nothing counts yet.
    pub overall: Option<Decimal>,
    /// Items and categories that drop-lowest or keep-highest left out.
    pub dropped: HashSet<Uuid>,
}

/// The totals of one student. The root is a weighted mean of what stands at the top. A category whose parent is not among `categories`, or that is
/// its own ancestor, is not reached and counts nowhere.
#[must_use]
pub fn totals<S: BuildHasher>(
    categories: &[Category],
    items: &[Item],
    results: &HashMap<Uuid, Outcome, S>,
    viewpoint: Viewpoint,
) -> Totals {
    let mut totals = Totals::default();
    let tree = Tree::new(categories, items, viewpoint);
    totals.overall = tree.fraction(None, Aggregation::WeightedMean, Selection::All, results, &mut totals.categories, &mut totals.dropped);
    totals
}

struct Tree<'a> {
    categories: HashMap<Option<Uuid>, Vec<&'a Category>>,
    items: HashMap<Option<Uuid>, Vec<&'a Item>>,
}

impl<'a> Tree<'a> {
    fn new(categories: &'a [Category], items: &'a [Item], viewpoint: Viewpoint) -> Self {
        let mut tree = Self { categories: HashMap::new(), items: HashMap::new() };
        for category in categories {
            tree.categories.entry(category.parent).or_default().push(category);
        }
        for item in items.iter().filter(|item| viewpoint == Viewpoint::Teacher || !item.is_hidden) {
            tree.items.entry(item.category).or_default().push(item);
        }
        tree
    }

    fn fraction<S: BuildHasher>(
        &self,
        of: Option<Uuid>,
        aggregation: Aggregation,
        selection: Selection,
        results: &HashMap<Uuid, Outcome, S>,
        totals: &mut HashMap<Uuid, Decimal>,
        left_out: &mut HashSet<Uuid>,
    ) -> Option<Decimal> {
        let mut counted: Vec<(Uuid, Counted)> = Vec::new();
        for item in self.items.get(&of).into_iter().flatten() {
            let earned = results.get(&item.id).and_then(|result| result.effective());
            if let Some(share) = earned.and_then(|earned| Share::new(earned, item.max_points)) {
                counted.push((item.id, Counted { share, weight: item.weight, is_extra_credit: item.is_extra_credit }));
            }
        }
        for category in self.categories.get(&of).into_iter().flatten() {
            let fraction = self.fraction(Some(category.id), category.aggregation, category.selection, results, totals, left_out);
            if let Some(fraction) = fraction {
                totals.insert(category.id, fraction);
                let share = Share::of_fraction(fraction);
                counted.push((category.id, Counted { share, weight: category.weight, is_extra_credit: false }));
            }
        }
        if aggregation == Aggregation::WeightedMean {
            // What weighs nothing doesn't count, so that dropping it would spare nobody anything, and keeping it nothing would be left.
            counted.retain(|(_, result)| result.weight > Decimal::ZERO);
        }
        let ordinary: Vec<(Uuid, Share)> =
            counted.iter().filter(|(_, result)| !result.is_extra_credit).map(|(id, result)| (*id, result.share)).collect();
        let gone = dropped(selection, &ordinary);
        left_out.extend(&gone);
        let counting: Vec<Counted> = counted.into_iter().filter(|(id, _)| !gone.contains(id)).map(|(_, result)| result).collect();
        aggregate(aggregation, &counting)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::share::percent;
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn category(number: u128, weight: i64, selection: Selection) -> Category {
        Category { id: id(number), parent: None, aggregation: Aggregation::Mean, weight: Decimal::from(weight), selection }
    }

    fn item(number: u128, category: Option<u128>) -> Item {
        Item {
            id: id(number),
            category: category.map(id),
            max_points: Decimal::from(100),
            weight: Decimal::ONE,
            is_extra_credit: false,
            is_hidden: false,
        }
    }

    /// A category within another, and one beside them; all drop so many.
    fn tree(kinds: &[usize], drop: u32) -> [Category; 3] {
        const ALL: [Aggregation; 6] = [
            Aggregation::WeightedMean,
            Aggregation::Mean,
            Aggregation::Sum,
            Aggregation::Median,
            Aggregation::Lowest,
            Aggregation::Highest,
        ];
        let of = |number: u128, kind: usize| Category { aggregation: ALL[kind], ..category(number, 2, Selection::DropLowest(drop)) };
        [of(1, kinds[0]), Category { parent: Some(id(1)), ..of(2, kinds[1]) }, of(3, kinds[2])]
    }

    fn marks(points: i64) -> Outcome {
        Outcome { points: Some(Decimal::from(points)), ..Outcome::default() }
    }

    fn overall(categories: &[Category], items: &[Item], results: &[(u128, Outcome)], viewpoint: Viewpoint) -> Option<String> {
        let results: HashMap<Uuid, Outcome> = results.iter().map(|(number, result)| (id(*number), *result)).collect();
        totals(categories, items, &results, viewpoint).overall.map(|fraction| percent(fraction).to_string())
    }

    #[test]
    fn a_term_is_the_weighted_mean_of_its_categories_and_the_lowest_homework_is_dropped() {
        let categories = [category(1, 40, Selection::DropLowest(1)), category(2, 60, Selection::All)];
        let items = [item(11, Some(1)), item(12, Some(1)), item(13, Some(1)), item(21, Some(2))];
        let results = [(11, marks(50)), (12, marks(90)), (13, marks(100)), (21, marks(70))];
        // (0.4·95 + 0.6·70)
        assert_eq!(overall(&categories, &items, &results, Viewpoint::Teacher).as_deref(), Some("80.00"));
    }

    #[test]
    fn not_graded_exempt_and_excluded_are_no_zero_and_missing_is_one() {
        let items = [item(1, None), item(2, None)];
        let with = |second| overall(&[], &items, &[(1, marks(80)), (2, second)], Viewpoint::Teacher).unwrap();
        assert_eq!(with(Outcome::default()), "80.00");
        assert_eq!(with(Outcome { is_exempt: true, ..marks(10) }), "80.00");
        assert_eq!(with(Outcome { is_excluded: true, ..marks(10) }), "80.00");
        assert_eq!(with(Outcome { is_missing: true, ..Outcome::default() }), "40.00");
        assert_eq!(with(Outcome { is_missing: true, ..marks(60) }), "70.00");
        assert_eq!(with(Outcome { override_points: Some(Decimal::from(100)), ..marks(60) }), "90.00");
    }

    #[test]
    fn a_students_total_does_not_tell_what_is_hidden() {
        let items = [item(1, None), Item { is_hidden: true, ..item(2, None) }];
        let results = [(1, marks(80)), (2, marks(20))];
        assert_eq!(overall(&[], &items, &results, Viewpoint::Teacher).as_deref(), Some("50.00"));
        assert_eq!(overall(&[], &items, &results, Viewpoint::Student).as_deref(), Some("80.00"));
    }

    #[test]
    fn what_weighs_nothing_is_neither_counted_nor_dropped() {
        let categories = [Category { aggregation: Aggregation::WeightedMean, ..category(1, 1, Selection::DropLowest(1)) }];
        let items = [item(11, Some(1)), item(12, Some(1)), Item { weight: Decimal::ZERO, ..item(13, Some(1)) }];
        let results = [(11, marks(50)), (12, marks(90)), (13, marks(5))];
        assert_eq!(overall(&categories, &items, &results, Viewpoint::Teacher).as_deref(), Some("90.00"));
    }

    #[test]
    fn a_category_that_is_its_own_ancestor_ends_nothing_in_a_loop() {
        let looped = [
            Category { parent: Some(id(2)), ..category(1, 1, Selection::All) },
            Category { parent: Some(id(1)), ..category(2, 1, Selection::All) },
        ];
        assert_eq!(overall(&looped, &[item(11, Some(1))], &[(11, marks(50))], Viewpoint::Teacher), None);
    }

    proptest! {
        #[test]
        fn totals_do_not_depend_on_the_order_in_which_anything_is_listed(
            points in proptest::collection::vec(0..=100_i64, 1..12), drop in 0..3_u32, turn in 0..12_usize,
        ) {
            let categories = [category(1, 2, Selection::DropLowest(drop)), Category { parent: Some(id(1)), ..category(2, 3, Selection::All) }];
            let mut items: Vec<Item> = (0..points.len()).map(|n| item(100 + n as u128, [None, Some(1), Some(2)][n % 3])).collect();
            let results: HashMap<Uuid, Outcome> = items.iter().zip(&points).map(|(item, points)| (item.id, marks(*points))).collect();
            let straight = totals(&categories, &items, &results, Viewpoint::Teacher);
            let length = items.len();
            items.rotate_left(turn % length);
            let turned = totals(&[categories[1].clone(), categories[0].clone()], &items, &results, Viewpoint::Teacher);
            prop_assert_eq!(straight.overall.map(percent), turned.overall.map(percent));
            prop_assert_eq!(straight.dropped, turned.dropped);
        }

        #[test]
        fn totals_stay_within_nothing_and_all_and_the_worst_and_the_best_mark(
            points in proptest::collection::vec((0..=100_i64, 0..=3_i64), 1..14), kinds in proptest::collection::vec(0..6_usize, 3), drop in 0..3_u32,
        ) {
            let categories = tree(&kinds, drop);
            let items: Vec<Item> =
                points.iter().enumerate().map(|(n, (_, weight))| Item { weight: Decimal::from(*weight), ..item(100 + n as u128, [None, Some(1), Some(2), Some(3)][n % 4]) }).collect();
            let results: HashMap<Uuid, Outcome> = items.iter().zip(&points).map(|(item, (points, _))| (item.id, marks(*points))).collect();
            let totals = totals(&categories, &items, &results, Viewpoint::Teacher);
            let (worst, best) = (points.iter().map(|(points, _)| *points).min().unwrap(), points.iter().map(|(points, _)| *points).max().unwrap());
            for fraction in totals.categories.values().copied().chain(totals.overall) {
                let percent = percent(fraction);
                prop_assert!(Decimal::from(worst) <= percent && percent <= Decimal::from(best), "{} is not from {} to {}", percent, worst, best);
            }
        }

        #[test]
        fn dropping_the_lowest_never_lowers_a_total(
            points in proptest::collection::vec((0..=100_i64, 0..=3_i64, any::<bool>()), 1..14), kinds in proptest::collection::vec(0..6_usize, 3), drop in 1..4_u32,
        ) {
            let items: Vec<Item> = points
                .iter()
                .enumerate()
                .map(|(n, (_, weight, is_extra))| Item { weight: Decimal::from(*weight), is_extra_credit: *is_extra, ..item(100 + n as u128, [None, Some(1), Some(2), Some(3)][n % 4]) })
                .collect();
            let results: HashMap<Uuid, Outcome> = items.iter().zip(&points).map(|(item, (points, ..))| (item.id, marks(*points))).collect();
            let of = |drop| totals(&tree(&kinds, drop), &items, &results, Viewpoint::Teacher).overall.map(percent);
            prop_assert!(of(drop) >= of(0), "{:?} < {:?}", of(drop), of(0));
        }

        #[test]
        fn what_does_not_count_changes_no_total(points in proptest::collection::vec(0..=100_i64, 1..10), which in 0..4_usize, drop in 0..3_u32) {
            let categories = [category(1, 1, Selection::DropLowest(drop))];
            let mut items: Vec<Item> = (0..points.len()).map(|n| item(100 + n as u128, [None, Some(1)][n % 2])).collect();
            let mut results: HashMap<Uuid, Outcome> = items.iter().zip(&points).map(|(item, points)| (item.id, marks(*points))).collect();
            let before = totals(&categories, &items, &results, Viewpoint::Teacher);
            items.push(item(1, Some(1)));
            let no_count = [
                Outcome::default(),
                Outcome { is_exempt: true, ..marks(3) },
                Outcome { is_excluded: true, ..marks(3) },
                Outcome { is_excluded: true, override_points: Some(Decimal::ONE), is_missing: true, ..Outcome::default() },
            ];
            results.insert(id(1), no_count[which]);
            prop_assert_eq!(totals(&categories, &items, &results, Viewpoint::Teacher), before);
        }

        #[test]
        fn better_marks_never_lower_a_total(points in proptest::collection::vec(0..=99_i64, 1..10), which in 0..10_usize, drop in 0..3_u32) {
            let categories = [category(1, 1, Selection::DropLowest(drop))];
            let items: Vec<Item> = (0..points.len()).map(|n| item(100 + n as u128, Some(1))).collect();
            let mut results: HashMap<Uuid, Outcome> = items.iter().zip(&points).map(|(item, points)| (item.id, marks(*points))).collect();
            let before = totals(&categories, &items, &results, Viewpoint::Teacher).overall;
            let better = which % points.len();
            results.insert(items[better].id, marks(points[better] + 1));
            prop_assert!(totals(&categories, &items, &results, Viewpoint::Teacher).overall >= before);
        }
    }
}
