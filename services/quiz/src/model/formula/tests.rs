//! What a formula comes to, and what is no formula.

use proptest::prelude::*;

use super::*;

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Number::read(value).unwrap())).collect()
}

fn worth(text: &str) -> Option<f64> {
    Formula::read(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}")).value(&values(&[("x", "3"), ("y", "-4"), ("long_name2", "0.5")]))
}

#[test]
fn signs_powers_and_functions_bind_as_they_do_in_php() {
    for (text, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("2 / 4 / 2", 0.25),
        ("-2 ** 2", -4.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 ** -1", 0.5),
        ("- - 3", 3.0),
        ("7 % 4 + 7.9 % 4.1", 6.0),
        ("{x}*{x}+{y}", 5.0),
        ("sqrt({x}*{x}+{y}*{y})", 5.0),
        ("{long_name2} * 1.5e1", 7.5),
        (".5 + 1. + 1E+1", 11.5),
        ("pow({x}, 2) + max(1, {x}, {y}) - min(1, {y})", 16.0),
        ("round(2.345, 1) + round(2.5)", 5.3),
        ("log(8, 2) + log10(100) + FLOOR(2.9)", 7.0),
        ("rad2deg(pi()) + deg2rad(0)", 180.0),
        ("2e", f64::NAN),
    ] {
        if expected.is_nan() {
            assert!(Formula::read(text).is_err(), "{text}");
        } else {
            assert!((worth(text).unwrap() - expected).abs() < 1e-12, "{text}: {:?}", worth(text));
        }
    }
}

#[test]
fn what_has_no_finite_value_has_none() {
    for text in ["1 / 0", "sqrt(-1)", "log(0)", "0 / 0", "1e308 * 10", "5 % 0", "{z} + 1", "max(1, 0/0)", "min(0/0, 1)"] {
        assert_eq!(worth(text), None, "{text}");
    }
}

#[test]
fn what_is_no_formula_is_refused_with_its_place() {
    for text in [
        "",
        "1 +",
        "(1",
        "1)",
        "{x",
        "{}",
        "{1x}",
        "foo(1)",
        "sin",
        "sin 1",
        "sin()",
        "pow(1)",
        "2 ^ 3",
        "1 2",
        "system('ls')",
        "$x",
        "`ls`",
        "x",
        "é",
        "1e999",
        "{={x}}",
    ] {
        let wrong = Formula::read(text).expect_err(text);
        assert!(wrong.starts_with("at character"), "{text}: {wrong}");
    }
    assert!(Formula::read(&format!("{}1{}", "(".repeat(33), ")".repeat(33))).is_err(), "too deep");
    assert!(Formula::read(&format!("{}1{}", "(".repeat(32), ")".repeat(32))).is_ok());
    assert!(Formula::read(&"-".repeat(400)).is_err() && Formula::read(&"2**".repeat(150)).is_err(), "too deep in other ways");
    assert!(Formula::read(&format!("1{}", "+1".repeat(249))).is_ok(), "a long sum is not a deep one");
    assert!(Formula::read(&"1".repeat(501)).is_err(), "too long");
}

#[test]
fn digits_are_those_behind_the_point_or_those_that_signify() {
    let rounded = |value: f64, digits, kind| round(value, digits, kind).map(|number| number.to_string());
    assert_eq!(rounded(1234.5678, 2, DigitsKind::Decimals).as_deref(), Some("1234.57"));
    assert_eq!(rounded(1234.5678, 2, DigitsKind::Significant).as_deref(), Some("1200"));
    assert_eq!(rounded(0.000_123_456, 3, DigitsKind::Significant).as_deref(), Some("0.000123"));
    assert_eq!(rounded(-0.4, 0, DigitsKind::Decimals).as_deref(), Some("0"));
    assert_eq!(rounded(1e30, 2, DigitsKind::Significant), None, "no decimal holds it");
}

#[test]
fn wildcards_and_formulas_in_a_text_are_worked_out_and_other_braces_stay() {
    let values = values(&[("x", "3"), ("y", "-4")]);
    let done = substitute("{x} m and {y}, so {={x}*{y}}; {z} {x {=1/3}", &values).unwrap();
    assert_eq!(done, "3 m and -4, so -12; {z} {x 0.333333333333333");
    for bad in ["{=", "{={x}", "{=1/0}", "{=foo}"] {
        assert!(substitute(bad, &values).is_err(), "{bad}");
    }
}

/// A formula as text, with what it comes to, by construction.
fn formula() -> impl Strategy<Value = (String, f64)> {
    let leaf = prop_oneof![
        (0_u32..1000).prop_map(|n| (n.to_string(), f64::from(n))),
        (0_u32..1000).prop_map(|n| (format!("{}.{:02}", n / 100, n % 100), format!("{}.{:02}", n / 100, n % 100).parse().unwrap())),
        Just(("{x}".to_owned(), 3.0)),
        Just(("{y}".to_owned(), -4.0)),
        Just(("pi()".to_owned(), std::f64::consts::PI)),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("({a} + {b})"), x + y)),
            (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("({a}-{b})"), x - y)),
            (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("({a}*{b})"), x * y)),
            (inner.clone(), inner.clone()).prop_map(|((a, x), (b, y))| (format!("atan2({a}, {b})"), x.atan2(y))),
            inner.clone().prop_map(|(a, x)| (format!("-({a})"), -x)),
            inner.prop_map(|(a, x)| (format!("abs({a})"), x.abs())),
        ]
    })
}

proptest! {
    #[test]
    fn a_formula_comes_to_what_its_parts_do((text, expected) in formula()) {
        prop_assume!(text.len() <= MAX_FORMULA && expected.is_finite());
        prop_assert_eq!(Formula::read(&text).map(|formula| formula.value(&values(&[("x", "3"), ("y", "-4")]))), Ok(Some(expected)));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}", likely in "[0-9+*/%(){}xye.,a-z -]{0,120}") {
        for text in [text, likely] {
            if let Ok(formula) = Formula::read(&text) {
                let value = formula.value(&values(&[("x", "3")]));
                prop_assert!(value.is_none_or(f64::is_finite));
                let _ = formula.rounded(&values(&[("x", "3")]), 15, DigitsKind::Decimals);
            }
            let _ = substitute(&text, &values(&[("x", "3")]));
        }
    }

    #[test]
    fn every_function_takes_what_it_says_and_never_panics(at in 0..Function::ALL.len(), x in -1e6_f64..1e6, y in -20.0_f64..20.0) {
        let (function, name, least) = Function::ALL[at];
        let text = format!("{name}({})", vec!["1"; least].join(","));
        prop_assert!(Formula::read(&text).is_ok());
        let _ = call(function, &[x, y]);
        let _ = call(function, &[x]);
    }
}
