//! Which invoice gets what of a payment, and what is taken back when money goes.

/// Sets `available` against open amounts in the order given. Answers a part for each, and what is left over: the student's credit.
#[must_use]
pub fn settle(available: i64, open: &[i64]) -> (Vec<i64>, i64) {
    let mut left = available.max(0);
    let parts = open
        .iter()
        .map(|owed| {
            let part = left.min((*owed).max(0));
            left -= part;
            part
        })
        .collect();
    (parts, left)
}

/// What of each allocation must be released, the last one first, so that `wanted` more is free. `None` if there is not so much.
#[must_use]
pub fn release(wanted: i64, held: &[i64]) -> Option<Vec<i64>> {
    let mut left = wanted;
    let mut parts = vec![0; held.len()];
    for (part, holds) in parts.iter_mut().zip(held).rev() {
        *part = left.min(*holds).max(0);
        left -= *part;
    }
    (left <= 0).then_some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_invoice_is_paid_first_and_the_excess_is_credit() {
        assert_eq!(settle(150, &[100, 100]), (vec![100, 50], 0));
        assert_eq!(settle(250, &[100, 0, 100]), (vec![100, 0, 100], 50));
        assert_eq!(release(60, &[50, 40]), Some(vec![20, 40]));
        assert_eq!(release(91, &[50, 40]), None);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_made_or_overpaid(available in 0_i64..=1_000_000_000_000, open in prop::collection::vec(0_i64..=1_000_000_000, 0..20)) {
            let (parts, left) = settle(available, &open);
            prop_assert_eq!(parts.iter().sum::<i64>() + left, available);
            prop_assert!(left >= 0);
            for (part, owed) in parts.iter().zip(&open) {
                prop_assert!((0..=*owed).contains(part));
            }
            prop_assert!(left == 0 || parts == open);
        }

        #[test]
        fn as_much_is_released_as_is_wanted(wanted in 0_i64..=10_000, held in prop::collection::vec(0_i64..=1_000, 0..20)) {
            match release(wanted, &held) {
                Some(parts) => {
                    prop_assert_eq!(parts.iter().sum::<i64>(), wanted);
                    prop_assert!(parts.iter().zip(&held).all(|(part, holds)| (0..=*holds).contains(part)));
                }
                None => prop_assert!(held.iter().sum::<i64>() < wanted),
            }
        }
    }
}
