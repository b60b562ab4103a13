//! Numbers: tolerance and units, in exact decimals.

use rust_decimal::Decimal;

use crate::model::mark::Fraction;
use crate::model::number::Number;
use crate::model::question::{NumericKey, ToleranceKind, Unit};

/// What a question says about units.
pub(super) struct UnitRules<'q> {
    pub(super) units: &'q [Unit],
    pub(super) required: bool,
    pub(super) penalty: Fraction,
}

/// What a number earns, and the answer that it fits. A unit may stand in `unit` or behind the number. A unit that is not known is a wrong answer, unless units
/// are optional and there are none.
pub(super) fn grade<'q>(
    accepted: &'q [NumericKey],
    rules: &UnitRules<'_>,
    given: &str,
    unit: Option<&str>,
) -> (Fraction, Option<&'q NumericKey>) {
    let Some((number, behind)) = Number::read_with_unit(given) else { return (Fraction::ZERO, None) };
    let unit = unit.map(str::trim).filter(|unit| !unit.is_empty()).or(behind);
    let known = unit.map(|symbol| rules.units.iter().find(|unit| unit.symbol.trim() == symbol));
    let (per_first, penalty) = match known {
        Some(Some(unit)) => (unit.per_first.decimal(), Fraction::ZERO),
        None if !rules.required => (Decimal::ONE, Fraction::ZERO),
        // Right but for its unit: taken as if it were in the first one, at a price.
        _ if rules.required => (Decimal::ONE, rules.penalty),
        _ => return (Fraction::ZERO, None),
    };
    let matched = accepted.iter().find(|answer| fits(answer, number.decimal(), per_first));
    let earned = matched.map_or(Fraction::ZERO, |answer| {
        let left = answer.fraction - penalty;
        if left.is_negative() { Fraction::ZERO } else { left }
    });
    (earned, matched)
}

/// Whether `given`, in a unit of which `per_first` make one, is within the tolerance. The answer is taken into the unit rather than the number out of it: a
/// product of decimals is exact and a quotient is not. What can't be computed in 28 digits does not fit.
fn fits(answer: &NumericKey, given: Decimal, per_first: Decimal) -> bool {
    let (value, tolerance) = (answer.value.decimal(), answer.tolerance.decimal());
    let margin = match answer.tolerance_kind {
        ToleranceKind::Absolute => Some(tolerance),
        ToleranceKind::Relative => value.abs().checked_mul(tolerance),
        ToleranceKind::Geometric => return value.checked_mul(per_first).is_some_and(|value| within_factor(value, tolerance, given)),
    };
    let scaled = value.checked_mul(per_first).zip(margin.and_then(|margin| margin.checked_mul(per_first)));
    scaled.is_some_and(|(value, margin)| given.checked_sub(value).is_some_and(|off| off.abs() <= margin))
}

/// Whether neither of the two is more than one and `tolerance` times the other. Multiplied rather than divided, for the same reason.
fn within_factor(value: Decimal, tolerance: Decimal, given: Decimal) -> bool {
    let same_side = value.is_zero() == given.is_zero() && (value.is_zero() || value.is_sign_negative() == given.is_sign_negative());
    let (value, given) = (value.abs(), given.abs());
    let factor = Decimal::ONE.checked_add(tolerance);
    let most = |side: Decimal| factor.and_then(|factor| side.checked_mul(factor));
    same_side && most(value).is_some_and(|most| given <= most) && most(given).is_some_and(|most| value <= most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn units() -> Vec<Unit> {
        serde_json::from_value(json!([{"symbol": "m", "per_first": 1}, {"symbol": "cm", "per_first": 100}])).unwrap()
    }

    fn earns(required: bool, given: &str, unit: Option<&str>) -> f64 {
        let accepted: Vec<NumericKey> = serde_json::from_value(json!([
            {"value": "3.14", "tolerance": "0.005"},
            {"value": 3, "tolerance": "0.2", "tolerance_kind": "relative", "fraction": 0.5}]))
        .unwrap();
        let units = units();
        let rules = UnitRules { units: &units, required, penalty: Fraction::try_from(0.1).unwrap() };
        grade(&accepted, &rules, given, unit).0.as_f64()
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn the_ends_of_a_tolerance_belong_to_it_and_units_convert_exactly() {
        assert_eq!([earns(false, "3.145", None), earns(false, "3.1451", None), earns(false, "3.61", None)], [1.0, 0.5, 0.0]);
        assert_eq!([earns(false, "314,5 cm", None), earns(false, "314", Some("cm")), earns(false, "314", None)], [1.0, 1.0, 0.0]);
        assert_eq!([earns(true, "3.14", None), earns(true, "3.14 m", None), earns(true, "3.14 kg", None)], [0.9, 1.0, 0.9]);
        assert_eq!([earns(false, "3.14 kg", None), earns(false, "many", None), earns(false, "NaN", None)], [0.0, 0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn a_geometric_tolerance_is_a_factor_either_way(value in -10_000_i32..10_000, tolerance in 0_i32..3_000, given in -10_000_i32..10_000) {
            let exact = |steps: i32| Decimal::new(steps.into(), 3);
            let [v, t, g] = [value, tolerance, given].map(|steps| f64::from(steps) / 1e3);
            let (low, high) = if v < 0.0 { (v * (1.0 + t), v / (1.0 + t)) } else { (v / (1.0 + t), v * (1.0 + t)) };
            prop_assume!((g - low).abs() > 1e-9 && (g - high).abs() > 1e-9);
            prop_assert_eq!(within_factor(exact(value), exact(tolerance), exact(given)), low < g && g < high);
        }

        #[test]
        fn within_the_tolerance_and_nowhere_else(value in -1_000_000_i64..1_000_000, tolerance in 0_i64..1_000, off in -2_000_i64..2_000) {
            let number = |steps: i64| Number(Decimal::new(steps, 3));
            let answer = NumericKey {
                value: number(value), tolerance: number(tolerance), tolerance_kind: ToleranceKind::Absolute, fraction: Fraction::ONE, feedback: None,
            };
            for per_first in [Decimal::ONE, Decimal::new(1, 3), Decimal::from(1_000)] {
                prop_assert_eq!(fits(&answer, Decimal::new(value + off, 3) * per_first, per_first), off.abs() <= tolerance);
            }
        }
    }
}
