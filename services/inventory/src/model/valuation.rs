//! What stock is worth: the moving average, kept exactly.
//!
//! Not an average is stored but what it is the average of: how many are owned, and what they cost together in minor units. What comes in adds its cost; of
//! what goes out, the share `value × quantity ÷ owned` leaves, rounded half up to a minor unit, and the last piece takes all that is left. So nothing is
//! ever gained or lost by rounding: what came in is what went out and what is left. (IAS 2, paragraph 27: the weighted average may be calculated as each
//! shipment is received.)

use rust_decimal::{Decimal, RoundingStrategy};

/// The most that a movement, or all that is owned of an item, may be worth, in minor units.
pub const MOST_VALUE: i64 = 1_000_000_000_000_000;
/// The most pieces of an item that a school may own.
pub const MOST_PIECES: i32 = 1_000_000_000;

/// What is owned of an item, and what it cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Valuation {
    quantity: i32,
    value_minor: i64,
}

impl Valuation {
    /// As stored.
    #[must_use]
    pub const fn new(quantity: i32, value_minor: i64) -> Self {
        Self { quantity, value_minor }
    }

    /// How many are owned, wherever they are.
    #[must_use]
    pub const fn quantity(self) -> i32 {
        self.quantity
    }

    /// What they cost together, in minor units.
    #[must_use]
    pub const fn value_minor(self) -> i64 {
        self.value_minor
    }

    /// What `quantity` of them are worth at the average; none if there are not so many.
    #[must_use]
    pub fn share(self, quantity: i32) -> Option<i64> {
        if quantity <= 0 || quantity > self.quantity { None } else { portion(self.value_minor, quantity, self.quantity) }
    }

    /// With `quantity` more, which cost `cost_minor`; none if that is more than can be kept.
    #[must_use]
    pub fn with(self, quantity: i32, cost_minor: i64) -> Option<Self> {
        let after = Self { quantity: self.quantity.checked_add(quantity)?, value_minor: self.value_minor.checked_add(cost_minor)? };
        let fits = quantity > 0 && cost_minor >= 0 && after.quantity <= MOST_PIECES && after.value_minor <= MOST_VALUE;
        fits.then_some(after)
    }

    /// With `quantity` fewer, and the value that left with them.
    #[must_use]
    pub fn without(self, quantity: i32) -> Option<(Self, i64)> {
        let value = self.share(quantity)?;
        Some((Self { quantity: self.quantity - quantity, value_minor: self.value_minor - value }, value))
    }

    /// What pieces that turn up again are worth: the average of those that are there; nothing if there are none to compare with.
    #[must_use]
    pub fn of_found(self, quantity: i32) -> i64 {
        if self.quantity == 0 { 0 } else { portion(self.value_minor, quantity, self.quantity).unwrap_or(0) }
    }

    /// The average cost of one, in minor units with four decimals, rounded half up; for people to read, never to calculate with.
    #[must_use]
    pub fn unit_cost(self) -> Option<Decimal> {
        let average = Decimal::from(self.value_minor).checked_div(Decimal::from(self.quantity))?;
        Some(average.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero))
    }
}

/// `value × part ÷ whole`, rounded half up.
#[must_use]
pub fn portion(value: i64, part: i32, whole: i32) -> Option<i64> {
    let (value, part, whole) = (i128::from(value), i128::from(part), i128::from(whole));
    if whole <= 0 {
        return None;
    }
    i64::try_from((value * part * 2 + whole).div_euclid(whole * 2)).ok()
}

/// `value` shared out over `parts` pieces that come one after the other: no share differs from another by more than a minor unit, and together they are `value`.
#[must_use]
pub fn shares(value: i64, parts: usize) -> Vec<i64> {
    let Ok(whole) = i32::try_from(parts) else { return Vec::new() };
    let up_to = |part: i32| portion(value, part, whole).unwrap_or(0);
    (0..whole).map(|part| up_to(part + 1) - up_to(part)).collect()
}

/// What a part of an issue brings back when it is returned: its share of what left then, so that all parts together bring back exactly that.
#[must_use]
pub fn returned_value(issued_value: i64, issued: i32, returned_before: i32, returned_value_before: i64, quantity: i32) -> Option<i64> {
    let upto = returned_before.checked_add(quantity)?;
    if quantity <= 0 || upto > issued {
        return None;
    }
    Some((portion(issued_value, upto, issued)? - returned_value_before).max(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_average_moves_with_what_comes_in_and_stays_when_something_goes() {
        // Ten at 10.00, then ten at 13.00.
        let stock = Valuation::default().with(10, 10_000).unwrap().with(10, 13_000).unwrap();
        assert_eq!(stock.unit_cost(), Some(Decimal::from(1_150)));
        let (stock, left) = stock.without(5).unwrap();
        assert_eq!((left, stock.value_minor()), (5_750, 17_250));
        assert_eq!(stock.unit_cost(), Some(Decimal::from(1_150)));
    }

    #[test]
    fn thirds_are_rounded_half_up_and_the_last_piece_takes_the_rest() {
        let stock = Valuation::new(3, 100);
        let (stock, first) = stock.without(1).unwrap();
        let (stock, second) = stock.without(1).unwrap();
        let (stock, third) = stock.without(1).unwrap();
        assert_eq!((first, second, third), (33, 34, 33));
        assert_eq!(stock, Valuation::default());
        assert_eq!(portion(1, 1, 2), Some(1), "half goes up");
    }

    #[test]
    fn nothing_has_no_average_and_gives_nothing() {
        assert_eq!(Valuation::default().unit_cost(), None);
        assert_eq!(Valuation::new(3, 3).share(4), None);
        assert_eq!(Valuation::new(3, 3).share(0), None);
        assert_eq!(Valuation::new(3, 3).share(-1), None);
        assert_eq!(Valuation::default().of_found(5), 0);
        assert_eq!(Valuation::new(1, 1).with(1, -1), None);
        assert_eq!(Valuation::new(MOST_PIECES, 1).with(1, 1), None);
        assert_eq!(Valuation::new(1, MOST_VALUE).with(1, 1), None);
    }

    #[derive(Debug, Clone)]
    enum Step {
        In(i32, i64),
        Out(i32),
        Found(i32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1..5_000_i32, 0..50_000_000_i64).prop_map(|(quantity, cost)| Step::In(quantity, cost)),
            (1..5_000_i32).prop_map(Step::Out),
            (1..50_i32).prop_map(Step::Found),
        ];
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn value_is_conserved_never_negative_and_gone_with_the_last_piece(steps in steps()) {
            let (mut stock, mut came, mut went) = (Valuation::default(), 0_i64, 0_i64);
            for step in steps {
                match step {
                    Step::In(quantity, cost) => { stock = stock.with(quantity, cost).unwrap(); came += cost; }
                    Step::Found(quantity) => {
                        let value = stock.of_found(quantity);
                        stock = stock.with(quantity, value).unwrap();
                        came += value;
                    }
                    Step::Out(quantity) => match stock.without(quantity) {
                        Some((rest, value)) => { stock = rest; went += value; prop_assert!(value >= 0); }
                        None => prop_assert!(quantity > stock.quantity()),
                    },
                }
                prop_assert!(stock.value_minor() >= 0 && stock.quantity() >= 0);
                prop_assert!(stock.quantity() > 0 || stock.value_minor() == 0);
                prop_assert_eq!(came, went + stock.value_minor());
            }
        }

        #[test]
        fn going_out_moves_the_average_by_less_than_a_minor_unit(out in 1..9_999_i32, more in 1..10_000_i32, value in 0..1_000_000_000_i64) {
            let quantity = out + more;
            let before = Valuation::new(quantity, value);
            let (after, left) = before.without(out).unwrap();
            // |left/out - value/quantity| ≤ 1/2 ÷ out, in whole numbers.
            let drift = (i128::from(left) * i128::from(quantity) - i128::from(value) * i128::from(out)).abs() * 2;
            prop_assert!(drift <= i128::from(quantity));
            prop_assert!(after.value_minor() <= value);
        }

        #[test]
        fn shares_are_even_and_add_up(value in 0..MOST_VALUE, parts in 1..500_usize) {
            let shares = shares(value, parts);
            prop_assert_eq!(shares.iter().sum::<i64>(), value);
            let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            prop_assert!(most - least <= 1 && *least >= 0);
        }

        #[test]
        fn what_is_returned_bit_by_bit_brings_back_what_was_issued(value in 0..1_000_000_000_i64, parts in prop::collection::vec(1..50_i32, 1..12)) {
            let issued: i32 = parts.iter().sum();
            let (mut pieces, mut brought) = (0, 0);
            for part in parts {
                let value = returned_value(value, issued, pieces, brought, part).unwrap();
                prop_assert!(value >= 0);
                pieces += part;
                brought += value;
            }
            prop_assert_eq!(brought, value);
            prop_assert_eq!(returned_value(value, issued, pieces, brought, 1), None);
        }
    }
}
