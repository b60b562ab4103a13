//! The figures of the fixture, which `numpy`, `scipy` and `pingouin` computed (`tests/reference/reference.py`).

use serde::Deserialize;

use super::{Item, Responses, Whole, compute};

#[derive(Deserialize)]
struct Case {
    name: String,
    max_marks: Vec<f64>,
    marks: Vec<Vec<f64>>,
    whole: Whole,
    items: Vec<Item>,
}

#[track_caller]
fn same(ours: Option<f64>, theirs: Option<f64>, what: &str) {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{what}: {ours} is not {theirs}"),
        (ours, theirs) => assert_eq!(ours, theirs, "{what}"),
    }
}

#[test]
fn every_figure_is_what_independent_tools_compute_from_the_same_responses() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/reference/statistics.json")).unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let (whole, items) = compute(&Responses { max_marks: case.max_marks, marks: case.marks, scores: Vec::new() });
        let name = &case.name;
        assert_eq!(whole.n, case.whole.n, "{name}");
        same(whole.mean, case.whole.mean, name);
        same(whole.median, case.whole.median, name);
        same(whole.sd, case.whole.sd, name);
        same(whole.skewness, case.whole.skewness, name);
        same(whole.kurtosis, case.whole.kurtosis, name);
        same(whole.alpha, case.whole.alpha, name);
        same(whole.error_ratio, case.whole.error_ratio, name);
        same(whole.standard_error, case.whole.standard_error, name);
        assert_eq!(items.len(), case.items.len());
        for (at, (ours, theirs)) in items.iter().zip(&case.items).enumerate() {
            let what = |figure: &str| format!("{name}: {figure} of question {at}");
            same(ours.facility, theirs.facility, &what("facility"));
            same(ours.sd, theirs.sd, &what("standard deviation"));
            same(ours.discrimination, theirs.discrimination, &what("discrimination"));
            same(ours.efficiency, theirs.efficiency, &what("efficiency"));
            same(ours.effective_weight, theirs.effective_weight, &what("effective weight"));
            same(ours.intended_weight, theirs.intended_weight, &what("intended weight"));
            same(ours.point_biserial, theirs.point_biserial, &what("point-biserial"));
        }
    }
}
