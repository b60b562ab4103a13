//! Statistics of a quiz: how hard its questions are, how well they tell students apart, and how far the whole can be trusted.
//!
//! Formulas are Moodle's, <https://docs.moodle.org/dev/Quiz_statistics_calculations>, where nothing else is said, with sample (n − 1) variances and covariances
//! throughout. They are computed in doubles: they describe marks, and are none. A figure that is not defined (nobody answered, everybody earned the same) is
//! none rather than nought. The committed fixture compares every figure with what `numpy`, `scipy` and `pingouin` make of the same responses.

mod moments;
#[cfg(test)]
mod reference;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use moments::{covariance, mean, pearson, variance};

/// What the statistics are computed from: each row is a student's counted attempt, each column a question.
#[derive(Debug, Clone, Default)]
pub struct Responses {
    /// What each question is worth.
    pub max_marks: Vec<f64>,
    /// The marks, row by row; a row has as many as there are questions.
    pub marks: Vec<Vec<f64>>,
    /// The scores, if floors made them other than the sums of the rows.
    pub scores: Vec<f64>,
}

/// The whole quiz.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Whole {
    /// How many attempts are counted.
    pub n: usize,
    /// The mean score.
    pub mean: Option<f64>,
    /// The score that as many are above as below.
    pub median: Option<f64>,
    /// The standard deviation of the scores.
    pub sd: Option<f64>,
    /// The skewness of the scores, k₃ / k₂^1.5 by k-statistics (the adjusted Fisher–Pearson coefficient).
    pub skewness: Option<f64>,
    /// The excess kurtosis of the scores, k₄ / k₂² by k-statistics.
    pub kurtosis: Option<f64>,
    /// Cronbach's alpha, k/(k−1) · (1 − Σ var(xᵢ) / var(Σ xᵢ)); L. J. Cronbach, "Coefficient alpha and the internal structure of tests",
    /// Psychometrika 16 (1951). Moodle's coefficient of internal consistency is a hundred times that.
    pub alpha: Option<f64>,
    /// How much of the standard deviation is chance: √(1 − alpha). None where alpha is negative.
    pub error_ratio: Option<f64>,
    /// By how much a score is off by chance: error ratio times standard deviation.
    pub standard_error: Option<f64>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// How easy it is: mean mark over maximum mark.
    pub facility: Option<f64>,
    /// The standard deviation of its marks.
    pub sd: Option<f64>,
    /// How well it tells the strong from the weak: 100 · cov(x, rest) / √(var x · var rest), where the rest is the score without it.
    pub discrimination: Option<f64>,
    /// The same against the best that marks like these could do: 100 · cov(x, rest) / `cov_max`, where `cov_max` pairs both columns after sorting each.
    pub efficiency: Option<f64>,
    /// Its share in what makes scores differ: 100 · √cov(x, score) / Σ √cov(xᵢ, score), for questions that go along with the score.
    pub effective_weight: Option<f64>,
    /// Its share in the maximum, in percent.
    pub intended_weight: Option<f64>,
    /// Point-biserial correlation of having earned all of its marks with the score; F. M. Lord and M. R. Novick, "Statistical Theories of Mental Test
    /// Scores" (1968), 15.3, as Canvas shows it. Pearson's r where one variable is 0 or 1.
    pub point_biserial: Option<f64>,
}

/// Computes all of them.
#[must_use]
pub fn compute(responses: &Responses) -> (Whole, Vec<Item>) {
    let columns: Vec<Vec<f64>> = (0..responses.max_marks.len())
        .map(|at| responses.marks.iter().map(|row| row.get(at).copied().unwrap_or_default()).collect())
        .collect();
    let sums: Vec<f64> = responses.marks.iter().map(|row| row.iter().sum()).collect();
    let whole = whole(responses, &columns, &sums);
    let total: f64 = responses.max_marks.iter().sum();
    let pulls: Vec<Option<f64>> = columns.iter().map(|column| covariance(column, &sums).filter(|c| *c >= 0.0).map(f64::sqrt)).collect();
    let pull: f64 = pulls.iter().flatten().sum();
    let items = columns
        .iter()
        .zip(&responses.max_marks)
        .zip(pulls)
        .map(|((column, max), own)| {
            let rest: Vec<f64> = sums.iter().zip(column).map(|(sum, mark)| sum - mark).collect();
            let right: Vec<f64> = column.iter().map(|mark| f64::from(u8::from(*mark >= max - 1e-9))).collect();
            Item {
                facility: mean(column).filter(|_| *max > 0.0).map(|mean| mean / max),
                sd: variance(column).map(f64::sqrt),
                discrimination: pearson(column, &rest).map(|r| 100.0 * r),
                efficiency: efficiency(column, &rest),
                effective_weight: own.filter(|_| pull > 0.0).map(|own| 100.0 * own / pull),
                intended_weight: (total > 0.0).then(|| 100.0 * max / total),
                point_biserial: pearson(&right, &sums),
            }
        })
        .collect();
    (whole, items)
}

fn whole(responses: &Responses, columns: &[Vec<f64>], sums: &[f64]) -> Whole {
    let scores = if responses.scores.len() == sums.len() { &responses.scores } else { sums };
    let sd = variance(scores).map(f64::sqrt);
    let alpha = alpha(columns, sums);
    let error_ratio = alpha.filter(|alpha| *alpha >= 0.0).map(|alpha| (1.0 - alpha).max(0.0).sqrt());
    Whole {
        n: scores.len(),
        mean: mean(scores),
        median: moments::median(scores),
        sd,
        skewness: moments::skewness(scores),
        kurtosis: moments::kurtosis(scores),
        alpha,
        error_ratio,
        standard_error: error_ratio.zip(sd).map(|(ratio, sd)| ratio * sd),
    }
}

#[allow(clippy::cast_precision_loss)]
fn alpha(columns: &[Vec<f64>], sums: &[f64]) -> Option<f64> {
    let count = columns.len() as f64;
    let of_sums = variance(sums).filter(|variance| *variance > 0.0)?;
    let of_columns: f64 = columns.iter().map(|column| variance(column)).sum::<Option<f64>>()?;
    (count > 1.0).then(|| count / (count - 1.0) * (1.0 - of_columns / of_sums))
}

fn efficiency(column: &[f64], rest: &[f64]) -> Option<f64> {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let best = covariance(&sorted(column), &sorted(rest)).filter(|best| *best > 1e-12)?;
    covariance(column, rest).map(|own| 100.0 * own / best)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn figures_stay_within_their_bounds(rows in proptest::collection::vec(proptest::collection::vec(0_u8..=4, 5), 0..30)) {
            let marks: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|mark| f64::from(*mark) / 4.0).collect()).collect();
            let (whole, items) = compute(&Responses { max_marks: vec![1.0; 5], marks, scores: Vec::new() });
            prop_assert!(whole.alpha.is_none_or(|alpha| alpha <= 1.0 + 1e-9));
            prop_assert!(whole.standard_error.zip(whole.sd).is_none_or(|(error, sd)| error <= sd + 1e-9));
            for item in &items {
                prop_assert!(item.facility.is_none_or(|f| (0.0..=1.0).contains(&f)));
                prop_assert!(item.discrimination.is_none_or(|d| d.abs() <= 100.0 + 1e-6));
                prop_assert!(item.efficiency.is_none_or(|e| e <= 100.0 + 1e-6));
                prop_assert!(item.point_biserial.is_none_or(|r| r.abs() <= 1.0 + 1e-9));
                for figure in [item.facility, item.sd, item.discrimination, item.efficiency, item.effective_weight, item.point_biserial] {
                    prop_assert!(figure.is_none_or(f64::is_finite));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn neither_the_order_of_the_students_nor_the_size_of_a_mark_matters(
            rows in proptest::collection::vec(proptest::collection::vec(0_u8..=4, 4), 3..20), turn in 0_usize..20,
        ) {
            let of = |rows: &[Vec<u8>], times: f64| {
                let marks = rows.iter().map(|row| row.iter().map(|mark| f64::from(*mark) / 4.0 * times).collect()).collect();
                compute(&Responses { max_marks: vec![times; 4], marks, scores: Vec::new() })
            };
            let mut turned = rows.clone();
            turned.rotate_left(turn % rows.len());
            let same = |one: Option<f64>, other: Option<f64>| one.zip(other).map_or(one == other, |(one, other)| (one - other).abs() < 1e-6);
            let ((whole, items), (whole_turned, items_turned)) = (of(&rows, 1.0), of(&turned, 1.0));
            prop_assert!(same(whole.alpha, whole_turned.alpha) && same(whole.sd, whole_turned.sd) && same(whole.skewness, whole_turned.skewness));
            let (whole_larger, items_larger) = of(&rows, 2.0);
            prop_assert!(same(whole.alpha, whole_larger.alpha) && same(whole.sd.map(|sd| 2.0 * sd), whole_larger.sd));
            for ((item, turned), larger) in items.iter().zip(&items_turned).zip(&items_larger) {
                for other in [turned, larger] {
                    prop_assert!(same(item.facility, other.facility) && same(item.discrimination, other.discrimination));
                    prop_assert!(same(item.efficiency, other.efficiency) && same(item.point_biserial, other.point_biserial));
                }
            }
        }
    }

    #[test]
    fn nobody_answered_and_nothing_is_made_up() {
        let (whole, items) = compute(&Responses { max_marks: vec![1.0, 2.0], ..Responses::default() });
        assert_eq!(whole, Whole::default());
        assert!(items.iter().all(|item| item.facility.is_none() && item.discrimination.is_none()));
    }
}
