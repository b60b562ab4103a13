//! Places in a class by total.

use rust_decimal::Decimal;

/// The place of each total, in the order given: one more than there are higher ones, so that who has the same shares a place and the next is left out (1, 2, 2, 4).
/// Who has no total has no place. Totals count as they are shown, rounded.
#[must_use]
pub fn places(percents: &[Option<Decimal>]) -> Vec<Option<usize>> {
    let mut sorted: Vec<Decimal> = percents.iter().copied().flatten().collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let place = |percent: Decimal| sorted.partition_point(|other| *other > percent) + 1;
    percents.iter().map(|percent| percent.map(place)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_has_the_same_shares_a_place_and_the_next_is_left_out() {
        let percents = [80, 95, 80, 12].map(|percent| Some(Decimal::from(percent)));
        assert_eq!(places(&percents), [Some(2), Some(1), Some(2), Some(4)]);
        assert_eq!(places(&[None, percents[0]]), [None, Some(1)]);
        assert!(places(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_place_is_one_more_than_there_are_higher_totals(percents in proptest::collection::vec(proptest::option::of(0..30_i64), 0..40)) {
            let percents: Vec<Option<Decimal>> = percents.into_iter().map(|percent| percent.map(Decimal::from)).collect();
            for (percent, place) in percents.iter().zip(places(&percents)) {
                let higher = percents.iter().filter(|other| percent.is_some() && *other > percent).count();
                prop_assert_eq!(place, percent.map(|_| higher + 1));
            }
        }
    }
}
