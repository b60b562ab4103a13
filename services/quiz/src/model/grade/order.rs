//! Orders that are partly right.

use std::collections::HashMap;

use crate::model::mark::Fraction;
use crate::model::question::OrderScoring;

/// What `given` earns where `right` is the right order.
pub(super) fn grade(right: &[&str], given: &[&str], scoring: OrderScoring) -> Fraction {
    let place: HashMap<&str, usize> = right.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    let places: Vec<usize> = given.iter().filter_map(|key| place.get(key).copied()).collect();
    match scoring {
        OrderScoring::Exact => Fraction::of(usize::from(given == right), 1),
        OrderScoring::Position => Fraction::of(right.iter().zip(given).filter(|(right, given)| right == given).count(), right.len()),
        OrderScoring::Neighbours => {
            let following = places.iter().zip(places.iter().skip(1)).filter(|(here, next)| **here + 1 == **next).count();
            Fraction::of(following, right.len().saturating_sub(1))
        }
        OrderScoring::LongestRun => {
            // One item alone is always in order, so it earns nothing.
            Fraction::of(longest_rising(&places).saturating_sub(1), right.len().saturating_sub(1))
        }
    }
}

/// The length of the longest rising subsequence, by patience sorting.
fn longest_rising(places: &[usize]) -> usize {
    let mut tops: Vec<usize> = Vec::new();
    for place in places {
        let at = tops.partition_point(|top| top < place);
        match tops.get_mut(at) {
            Some(top) => *top = *place,
            None => tops.push(*place),
        }
    }
    tops.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [OrderScoring; 4] = [OrderScoring::Exact, OrderScoring::Position, OrderScoring::Neighbours, OrderScoring::LongestRun];

    #[test]
    fn each_way_of_scoring_an_order() {
        let earned = ALL.map(|scoring| grade(&["a", "b", "c", "d"], &["a", "c", "d", "b"], scoring).as_f64());
        assert_eq!(earned.map(|earned| format!("{earned:.3}")), ["0.000", "0.250", "0.333", "0.667"]);
    }

    proptest! {
        #[test]
        fn the_right_order_earns_all_and_no_order_more(order in Just(["a", "b", "c", "d", "e"].to_vec()).prop_shuffle()) {
            let right = ["a", "b", "c", "d", "e"];
            for scoring in ALL {
                prop_assert_eq!(grade(&right, &right, scoring), Fraction::ONE);
                let earned = grade(&right, &order, scoring);
                prop_assert!(Fraction::ZERO <= earned && earned <= Fraction::ONE);
                prop_assert!(order == right || earned < Fraction::ONE);
            }
        }
    }
}
