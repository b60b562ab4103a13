//! Dividing an amount into whole minor units so that the parts add up to it exactly.

/// A hundred percent.
pub const WHOLE: u32 = 10_000;

/// Divides `amount`, which is not negative, in proportion to `weights`. What rounding down leaves goes to those who lost most by it, the earlier of equals
/// first (the method of largest remainders), so that the parts add up exactly and none is more than one unit off its share. All weights zero: equal parts.
#[must_use]
pub fn by_weight(amount: i64, weights: &[i64]) -> Vec<i64> {
    let total: i128 = weights.iter().map(|weight| i128::from((*weight).max(0))).sum();
    if total == 0 {
        return if weights.is_empty() { Vec::new() } else { by_weight(amount, &vec![1; weights.len()]) };
    }
    let shares = weights.iter().map(|weight| i128::from(amount) * i128::from((*weight).max(0)));
    // A share of the amount is at most the amount, so it fits.
    let mut parts: Vec<i64> = shares.clone().map(|share| i64::try_from(share / total).unwrap_or(0)).collect();
    let mut losers: Vec<(usize, i128)> = shares.map(|share| share % total).enumerate().collect();
    losers.sort_by_key(|(place, lost)| (std::cmp::Reverse(*lost), *place));
    let mut left = amount - parts.iter().sum::<i64>();
    for (place, _) in losers {
        if left == 0 {
            break;
        }
        if let Some(part) = parts.get_mut(place) {
            *part += 1;
            left -= 1;
        }
    }
    parts
}

/// `basis_points` of `amount`, rounded half up. Neither is negative.
#[must_use]
pub fn share_of(amount: i64, basis_points: u32) -> i64 {
    let exact = i128::from(amount) * i128::from(basis_points);
    i64::try_from((exact + i128::from(WHOLE / 2)) / i128::from(WHOLE)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hundred_in_three_parts_is_a_hundred() {
        assert_eq!(by_weight(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(by_weight(10_001, &[5_000, 3_000, 2_000]), [5_001, 3_000, 2_000]);
        assert_eq!(by_weight(2, &[0, 0, 0]), [1, 1, 0]);
        assert_eq!(by_weight(5, &[]), [0_i64; 0]);
        assert_eq!((share_of(999, 5_000), share_of(1, 4_999), share_of(1, 5_000)), (500, 0, 1));
    }

    proptest! {
        #[test]
        fn parts_add_up_exactly_and_none_is_a_unit_off_its_share(
            amount in 0_i64..=1_000_000_000_000, weights in prop::collection::vec(0_i64..=1_000_000_000_000, 1..20)
        ) {
            let parts = by_weight(amount, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(*part >= 0);
                if total > 0 {
                    let off = i128::from(*part) * total - i128::from(amount) * i128::from(*weight);
                    prop_assert!(off.abs() < total, "{} of {} by {}", part, amount, weight);
                }
            }
        }

        #[test]
        fn a_share_is_never_more_than_the_whole(amount in 0_i64..=i64::MAX, basis_points in 0_u32..=WHOLE) {
            prop_assert!((0..=amount).contains(&share_of(amount, basis_points)));
        }
    }
}
