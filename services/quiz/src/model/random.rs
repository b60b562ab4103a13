//! Chance that comes out the same every time: `SplitMix64` (Steele, Lea and Flood, 2014) and the Fisher–Yates shuffle.
//!
//! An attempt's order of questions and options follows from its seed and is worked out again whenever it is shown, so nothing here may ever change.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of `seed` for one purpose, such as a slot's options.
    #[must_use]
    pub fn of(seed: i64, purpose: &[u8]) -> Self {
        let start = 0xcbf2_9ce4_8422_2325_u64 ^ seed.cast_unsigned();
        Self(purpose.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if there is none. The bias of the remainder is below 2⁻⁵⁰ for any list that fits into a quiz.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_shuffle_is_what_it_was_in_the_first_release() {
        let mut items: Vec<u8> = (0..8).collect();
        Random::of(7, b"slot").shuffle(&mut items);
        let mut again: Vec<u8> = (0..8).collect();
        Random::of(7, b"slot").shuffle(&mut again);
        assert_eq!(items, again);
        let mut other: Vec<u8> = (0..8).collect();
        Random::of(8, b"slot").shuffle(&mut other);
        assert_ne!(items, other);
    }

    #[test]
    fn every_order_comes_up_about_as_often() {
        let mut counts = std::collections::HashMap::new();
        for seed in 0..6_000 {
            let mut items = [0, 1, 2];
            Random::of(seed, b"x").shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_shuffle_loses_and_doubles_nothing(seed in any::<i64>(), size in 0_usize..50) {
            let mut items: Vec<usize> = (0..size).collect();
            Random::of(seed, b"x").shuffle(&mut items);
            items.sort_unstable();
            prop_assert_eq!(items, (0..size).collect::<Vec<_>>());
        }
    }
}
