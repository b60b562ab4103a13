//! One figure from the results of a category. The kinds and their names are those of Moodle's grade book ("Grade aggregation" in its documentation).

use rust_decimal::Decimal;

use super::share::Share;

/// How the results of a category become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// Σ wᵢ·sᵢ / Σ wᵢ, with sᵢ the share earned and wᵢ the weight.
    WeightedMean,
    /// Σ sᵢ / n.
    Mean,
    /// Σ earned / Σ possible: an item counts by what it is marked out of. Moodle: "natural".
    Sum,
    /// The middle share; of an even number the mean of the two in the middle.
    Median,
    /// The lowest share.
    Lowest,
    /// The highest share.
    Highest,
}

/// A result that counts.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// What was earned.
    pub share: Share,
    /// Its weight, for a weighted mean.
    pub weight: Decimal,
    /// Adds to what is earned and nothing to what is possible.
    pub is_extra_credit: bool,
}

/// The category's fraction; none if nothing counts (extra credit alone has nothing to be added to), or if all weights are zero.
#[must_use]
pub fn aggregate(kind: Aggregation, results: &[Counted]) -> Option<Decimal> {
    let ordinary = || results.iter().filter(|result| !result.is_extra_credit);
    let extra = || results.iter().filter(|result| result.is_extra_credit);
    let sum = |values: &mut dyn Iterator<Item = Decimal>| values.fold(Decimal::ZERO, |sum, value| sum + value);
    match kind {
        Aggregation::WeightedMean => {
            let possible = sum(&mut ordinary().map(|result| result.weight));
            sum(&mut results.iter().map(|result| result.weight * result.share.fraction())).checked_div(possible)
        }
        Aggregation::Mean => {
            let number = Decimal::from(ordinary().count());
            sum(&mut results.iter().map(|result| result.share.fraction())).checked_div(number)
        }
        Aggregation::Sum => {
            let possible = sum(&mut ordinary().map(|result| result.share.possible()));
            sum(&mut results.iter().map(|result| result.share.earned())).checked_div(possible)
        }
        Aggregation::Median | Aggregation::Lowest | Aggregation::Highest => {
            let mut shares: Vec<Share> = ordinary().map(|result| result.share).collect();
            shares.sort_by(|a, b| a.compare(*b));
            let chosen = match kind {
                Aggregation::Lowest => shares.first().map(|share| share.fraction()),
                Aggregation::Highest => shares.last().map(|share| share.fraction()),
                _ => median(&shares),
            };
            // Extra credit counts as much as one result would in a mean.
            let bonus = sum(&mut extra().map(|result| result.share.fraction())).checked_div(Decimal::from(shares.len()));
            Some(chosen? + bonus?)
        }
    }
}

fn median(sorted: &[Share]) -> Option<Decimal> {
    let upper = sorted.get(sorted.len() / 2)?.fraction();
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = sorted.get(sorted.len() / 2 - 1)?.fraction();
    Some((lower + upper) / Decimal::TWO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::share::percent;
    use super::*;

    fn result(earned: i64, possible: i64, weight: i64) -> Counted {
        Counted {
            share: Share::new(Decimal::from(earned), Decimal::from(possible)).unwrap(),
            weight: Decimal::from(weight),
            is_extra_credit: false,
        }
    }

    fn extra(earned: i64, possible: i64, weight: i64) -> Counted {
        Counted { is_extra_credit: true, ..result(earned, possible, weight) }
    }

    const ALL: [Aggregation; 6] =
        [Aggregation::WeightedMean, Aggregation::Mean, Aggregation::Sum, Aggregation::Median, Aggregation::Lowest, Aggregation::Highest];

    #[test]
    fn each_kind_makes_its_own_figure_of_the_same_results() {
        let results = [result(10, 10, 1), result(50, 100, 3), result(4, 5, 0)];
        let figures = ALL.map(|kind| percent(aggregate(kind, &results).unwrap()).to_string());
        assert_eq!(figures, ["62.50", "76.67", "55.65", "80.00", "50.00", "100.00"]);
    }

    #[test]
    fn extra_credit_adds_and_is_never_needed() {
        let results = [result(80, 100, 1), extra(5, 100, 1)];
        for kind in ALL {
            assert_eq!(percent(aggregate(kind, &results).unwrap()), Decimal::from(85), "{kind:?}");
            assert_eq!(aggregate(kind, &[extra(5, 100, 1)]), None, "{kind:?}");
        }
    }

    #[test]
    fn nothing_that_counts_is_no_grade_rather_than_zero() {
        for kind in ALL {
            assert_eq!(aggregate(kind, &[]), None);
        }
        assert_eq!(aggregate(Aggregation::WeightedMean, &[result(1, 2, 0)]), None);
    }

    #[test]
    fn three_thirds_are_one_also_where_the_result_is_half_a_hundredth() {
        // (1/3 + 1/3 + 1/3 + 1/8) / 4 = 28.125 %.
        let results = [result(1, 3, 1), result(2, 6, 1), result(3, 9, 1), result(1, 8, 1)];
        for kind in [Aggregation::Mean, Aggregation::WeightedMean] {
            assert_eq!(percent(aggregate(kind, &results).unwrap()), Decimal::new(2813, 2), "{kind:?}");
        }
    }

    /// `numerator / denominator` as a percentage, in whole numbers alone: hundredths of a percent, half away from zero.
    fn exactly(numerator: i128, denominator: i128) -> Decimal {
        let hundredths = (numerator * 20_000 + denominator) / (2 * denominator);
        Decimal::new(i64::try_from(hundredths).unwrap(), 2)
    }

    /// Everything that the marks below are out of divides this.
    const COMMON: i128 = 7_207_200;

    proptest! {
        #[test]
        fn sums_means_and_weighted_means_are_exact_to_the_last_half(
            marks in proptest::collection::vec((0..=50_i64, prop::sample::select(vec![1, 3, 7, 8, 9, 11, 13, 16, 20, 25, 32_i64]), 1..=9_i64), 1..9),
        ) {
            let results: Vec<Counted> = marks.iter().map(|(earned, possible, weight)| result(*earned, *possible, *weight)).collect();
            let of = |kind| percent(aggregate(kind, &results).unwrap());
            let (mut earned_sum, mut possible_sum, mut shares, mut weighted, mut weights) = (0, 0, 0, 0, 0);
            for (earned, possible, weight) in marks.iter().map(|(a, b, c)| (i128::from(*a), i128::from(*b), i128::from(*c))) {
                let share = earned * (COMMON / possible);
                (earned_sum, possible_sum, shares) = (earned_sum + earned, possible_sum + possible, shares + share);
                (weighted, weights) = (weighted + weight * share, weights + weight);
            }
            prop_assert_eq!(of(Aggregation::Sum), exactly(earned_sum, possible_sum));
            prop_assert_eq!(of(Aggregation::Mean), exactly(shares, i128::try_from(marks.len()).unwrap() * COMMON));
            prop_assert_eq!(of(Aggregation::WeightedMean), exactly(weighted, weights * COMMON));
        }

        #[test]
        fn a_figure_does_not_depend_on_the_order_of_the_results(
            marks in proptest::collection::vec((0..=100_i64, 1..=60_i64, 0..=5_i64, any::<bool>()), 1..10), turn in 0..10_usize,
        ) {
            let results: Vec<Counted> =
                marks.iter().map(|(earned, possible, weight, is_extra)| if *is_extra { extra(*earned, *possible, *weight) } else { result(*earned, *possible, *weight) }).collect();
            let mut turned = results.clone();
            turned.rotate_left(turn % results.len());
            turned.reverse();
            for kind in ALL {
                prop_assert_eq!(aggregate(kind, &results).map(percent), aggregate(kind, &turned).map(percent), "{:?}", kind);
            }
        }

        #[test]
        fn extra_credit_never_lowers_a_figure(marks in proptest::collection::vec((0..=100_i64, 1..=9_i64), 1..8), bonus in 0..=100_i64, weight in 0..=9_i64) {
            let mut results: Vec<Counted> = marks.iter().map(|(earned, weight)| result(*earned, 100, *weight)).collect();
            let without = ALL.map(|kind| aggregate(kind, &results));
            results.push(extra(bonus, 100, weight));
            for (kind, without) in ALL.into_iter().zip(without) {
                prop_assert!(aggregate(kind, &results) >= without, "{:?}", kind);
            }
        }

        #[test]
        fn a_figure_lies_between_the_lowest_and_the_highest_result(marks in proptest::collection::vec((0..=100_i64, 1..=9_i64), 1..10)) {
            let results: Vec<Counted> = marks.iter().map(|(earned, weight)| result(*earned, 100, *weight)).collect();
            let lowest = Decimal::from(marks.iter().map(|(earned, _)| earned).min().copied().unwrap());
            let highest = Decimal::from(marks.iter().map(|(earned, _)| earned).max().copied().unwrap());
            for kind in ALL {
                let figure = percent(aggregate(kind, &results).unwrap());
                prop_assert!(lowest <= figure && figure <= highest, "{:?}: {}", kind, figure);
            }
        }

        #[test]
        fn weights_that_are_all_the_same_make_a_weighted_mean_a_mean(marks in proptest::collection::vec(0..=100_i64, 1..10), weight in 1..9_i64) {
            let results: Vec<Counted> = marks.iter().map(|earned| result(*earned, 100, weight)).collect();
            let of = |kind| percent(aggregate(kind, &results).unwrap());
            prop_assert_eq!(of(Aggregation::WeightedMean), of(Aggregation::Mean));
        }
    }
}
