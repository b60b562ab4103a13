//! Which results of a category count: drop the lowest, keep the highest.
//!
//! Results are compared as shares of what was possible, so that 4 out of 5 beats 40 out of 100. A tie is decided by the ids: of two equal results
//! the one with the smaller id (the older item) is kept, so that the same grades always give the same choice. At least one result always
//! stays: dropping more than there are would turn a grade into none.

use uuid::Uuid;

use super::share::Share;

/// How many results of a category count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Selection {
    /// All.
    #[default]
    All,
    /// All but the lowest so many.
    DropLowest(u32),
    /// The highest so many.
    KeepHighest(u32),
}

/// The ids of the results that do not count, of `results` (each an id and its share; extra credit is not among them).
#[must_use]
pub fn dropped(selection: Selection, results: &[(Uuid, Share)]) -> Vec<Uuid> {
    let keep = match selection {
        Selection::All => return Vec::new(),
        Selection::DropLowest(number) => results.len().saturating_sub(usize::try_from(number).unwrap_or(usize::MAX)),
        Selection::KeepHighest(number) => usize::try_from(number).unwrap_or(usize::MAX),
    };
    let mut ranked: Vec<&(Uuid, Share)> = results.iter().collect();
    ranked.sort_by(|(one, a), (other, b)| b.compare(*a).then(one.cmp(other)));
    ranked.into_iter().skip(keep.max(1)).map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn results(marks: &[(i64, i64)]) -> Vec<(Uuid, Share)> {
        let share = |(earned, possible): &(i64, i64)| Share::new(Decimal::from(*earned), Decimal::from(*possible)).unwrap();
        marks.iter().enumerate().map(|(n, marks)| (Uuid::from_u128(n as u128 + 1), share(marks))).collect()
    }

    fn numbers(ids: &[Uuid]) -> Vec<u128> {
        ids.iter().map(Uuid::as_u128).collect()
    }

    #[test]
    fn the_lowest_share_is_dropped_not_the_fewest_marks() {
        let results = results(&[(4, 5), (40, 100), (9, 10)]);
        assert_eq!(numbers(&dropped(Selection::DropLowest(1), &results)), [2]);
    }

    #[test]
    fn of_equal_results_the_older_item_is_kept() {
        let results = results(&[(1, 2), (5, 10), (50, 100)]);
        assert_eq!(numbers(&dropped(Selection::DropLowest(1), &results)), [3]);
        assert_eq!(numbers(&dropped(Selection::KeepHighest(1), &results)), [2, 3]);
    }

    #[test]
    fn one_result_always_stays() {
        let results = results(&[(0, 10), (1, 10)]);
        assert_eq!(numbers(&dropped(Selection::DropLowest(9), &results)), [1]);
        assert!(dropped(Selection::DropLowest(9), &[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_choice_does_not_depend_on_the_order_and_nothing_dropped_beats_what_is_kept(
            marks in proptest::collection::vec((0..20_i64, 1..20_i64), 0..12), number in 0..14_u32, keep in any::<bool>(), turn in 0..12_usize,
        ) {
            let all = results(&marks);
            let selection = if keep { Selection::KeepHighest(number.max(1)) } else { Selection::DropLowest(number) };
            let mut turned = all.clone();
            if !turned.is_empty() { let len = turned.len(); turned.rotate_left(turn % len); }
            let gone = dropped(selection, &all);
            prop_assert_eq!(&gone, &dropped(selection, &turned));
            for (id, share) in &all {
                for (other, kept) in &all {
                    if gone.contains(id) && !gone.contains(other) {
                        prop_assert_ne!(share.compare(*kept), std::cmp::Ordering::Greater);
                    }
                }
            }
        }
    }
}
