//! What an answer earns, as a fraction of the question's marks. Marks, floors and penalties come after: [`super::scoring`].

mod numeric;
mod order;
mod text;

use std::collections::HashMap;

use super::drag::{Places, grade_markers};
use super::mark::Fraction;
use super::question::{Accepted, Blank, Choice, Gap, Pair, Spec};
use super::response::Response;

pub use text::matches as text_matches;

/// What comes of marking an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It earns this part of the marks; less than nothing if wrong options cost.
    Earned(Fraction),
    /// A person must decide.
    ByHand,
    /// Nothing was asked.
    NotAsked,
}

/// Marks `response`. Nothing answered earns nothing, and costs nothing.
#[must_use]
pub fn grade(spec: &Spec, response: Option<&Response>) -> Outcome {
    if !spec.is_question() {
        return Outcome::NotAsked;
    }
    let Some(response) = response.filter(|response| !response.is_empty()) else { return Outcome::Earned(Fraction::ZERO) };
    Outcome::Earned(match spec {
        Spec::SingleChoice { options, .. } => chosen(options, response).map(|option| option.fraction).next().unwrap_or_default(),
        Spec::MultipleChoice { options, all_or_nothing, .. } => multiple_choice(options, *all_or_nothing, response),
        Spec::TrueFalse { correct, .. } => all_if(response.is_true == Some(*correct)),
        Spec::ShortAnswer { accepted, case_sensitive } => {
            let given = response.text.as_deref().unwrap_or_default();
            text::first(accepted, given, *case_sensitive).map_or(Fraction::ZERO, |answer| answer.fraction)
        }
        Spec::Numerical { accepted, units, unit_required, unit_penalty } => {
            let given = response.number.as_deref().unwrap_or_default();
            let rules = numeric::UnitRules { units, required: *unit_required, penalty: *unit_penalty };
            numeric::grade(accepted, &rules, given, response.unit.as_deref()).0
        }
        Spec::Matching { pairs, .. } => matching(pairs, response),
        Spec::Ordering { items, scoring } => {
            let right: Vec<&str> = items.iter().map(|item| item.key.as_str()).collect();
            let given: Vec<&str> = response.keys.iter().flatten().map(String::as_str).collect();
            order::grade(&right, &given, *scoring)
        }
        Spec::Cloze { gaps } => cloze(gaps, response),
        Spec::SelectWords { .. } | Spec::DragWords { .. } | Spec::DragOntoPicture { .. } => {
            let given = response.gaps.as_ref().or(response.matches.as_ref());
            Places::of(spec).zip(given).map_or(Fraction::ZERO, |(places, given)| places.grade(given))
        }
        Spec::DragMarkers { zones, markers, .. } => {
            response.markers.as_ref().map_or(Fraction::ZERO, |given| grade_markers(zones, markers, given))
        }
        // Without its numbers nobody knows what was asked: see `calculated::with_numbers`.
        Spec::Calculated { .. } | Spec::Essay { .. } => return Outcome::ByHand,
        Spec::Description {} => return Outcome::NotAsked,
    })
}

/// What is said to who answers so, in the order of the question's parts.
#[must_use]
pub fn feedback(spec: &Spec, response: Option<&Response>) -> Vec<String> {
    let Some(response) = response.filter(|response| !response.is_empty()) else { return Vec::new() };
    let said: Vec<Option<&String>> = match spec {
        Spec::SingleChoice { options, .. } | Spec::MultipleChoice { options, .. } => {
            chosen(options, response).map(|option| option.feedback.as_ref()).collect()
        }
        Spec::TrueFalse { feedback_true, feedback_false, .. } => match response.is_true {
            Some(true) => vec![feedback_true.as_ref()],
            Some(false) => vec![feedback_false.as_ref()],
            None => Vec::new(),
        },
        Spec::ShortAnswer { accepted, case_sensitive } => {
            let given = response.text.as_deref().unwrap_or_default();
            text::first(accepted, given, *case_sensitive).map(|answer| answer.feedback.as_ref()).into_iter().collect()
        }
        Spec::Numerical { accepted, units, unit_required, unit_penalty } => {
            let given = response.number.as_deref().unwrap_or_default();
            let rules = numeric::UnitRules { units, required: *unit_required, penalty: *unit_penalty };
            let (_, matched) = numeric::grade(accepted, &rules, given, response.unit.as_deref());
            matched.map(|answer| answer.feedback.as_ref()).into_iter().collect()
        }
        Spec::Matching { .. }
        | Spec::Ordering { .. }
        | Spec::Cloze { .. }
        | Spec::SelectWords { .. }
        | Spec::DragWords { .. }
        | Spec::DragOntoPicture { .. }
        | Spec::DragMarkers { .. }
        | Spec::Calculated { .. }
        | Spec::Essay { .. }
        | Spec::Description {} => Vec::new(),
    };
    said.into_iter().flatten().cloned().collect()
}

/// What blind guessing earns on average, by Moodle's "random guess score": the mean over the options of a single choice, a half for true or false, one over
/// the number of targets for matching, one over the choices that a place takes where something is dragged or selected; nothing where there is nothing to choose
/// from. None for what is not marked by rule, and for markers, which may go anywhere.
/// Source: <https://docs.moodle.org/dev/Quiz_statistics_calculations#Random_guess_score>.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn guess_score(spec: &Spec) -> Option<f64> {
    let mean = |options: &[Choice]| options.iter().map(|option| option.fraction.as_f64()).sum::<f64>() / options.len().max(1) as f64;
    match spec {
        Spec::SingleChoice { options, .. } => Some(mean(options)),
        Spec::TrueFalse { .. } => Some(0.5),
        Spec::MultipleChoice { .. }
        | Spec::ShortAnswer { .. }
        | Spec::Numerical { .. }
        | Spec::Calculated { .. }
        | Spec::Ordering { .. } => Some(0.0),
        Spec::SelectWords { .. } | Spec::DragWords { .. } | Spec::DragOntoPicture { .. } => Places::of(spec).map(|places| places.guess()),
        Spec::Matching { pairs, distractors, .. } => {
            let mut targets: Vec<&str> = pairs.iter().map(|pair| pair.target.as_str()).collect();
            targets.sort_unstable();
            targets.dedup();
            Some(1.0 / (targets.len() + distractors.len()).max(1) as f64)
        }
        Spec::Cloze { gaps } => {
            let weight: f64 = gaps.iter().map(|gap| f64::from(gap.weight)).sum();
            let of = |gap: &Gap| match &gap.blank {
                Blank::Choice { options } => mean(options) * f64::from(gap.weight),
                Blank::Text { .. } | Blank::Number { .. } => 0.0,
            };
            Some(gaps.iter().map(of).sum::<f64>() / weight.max(1.0))
        }
        Spec::DragMarkers { .. } | Spec::Essay { .. } | Spec::Description {} => None,
    }
}

const fn all_if(right: bool) -> Fraction {
    if right { Fraction::ONE } else { Fraction::ZERO }
}

fn chosen<'q>(options: &'q [Choice], response: &'q Response) -> impl Iterator<Item = &'q Choice> {
    options.iter().filter(|option| response.keys.iter().flatten().any(|key| *key == option.key))
}

fn multiple_choice(options: &[Choice], all_or_nothing: bool, response: &Response) -> Fraction {
    let worth = |option: &&Choice| option.fraction > Fraction::ZERO;
    if all_or_nothing {
        let picked: Vec<&Choice> = chosen(options, response).collect();
        let right = options.iter().filter(worth).count();
        return all_if(picked.iter().all(worth) && picked.len() == right);
    }
    let sum: i64 = chosen(options, response).map(|option| option.fraction.steps()).sum();
    // All that are right may add up to a hair less than one: three thirds do.
    let everything: i64 = options.iter().filter(worth).map(|option| option.fraction.steps()).sum();
    if sum == everything { Fraction::ONE } else { Fraction::from_steps(sum) }
}

fn matching(pairs: &[Pair], response: &Response) -> Fraction {
    let targets: HashMap<&str, &str> = pairs.iter().map(|pair| (pair.target_key.as_str(), pair.target.as_str())).collect();
    let given = |pair: &Pair| response.matches.as_ref().and_then(|matches| matches.get(&pair.key)).map(String::as_str);
    // Two premises may have the same target under two keys: what it says counts.
    let right = pairs.iter().filter(|pair| given(pair).and_then(|key| targets.get(key)) == Some(&pair.target.as_str())).count();
    Fraction::of(right, pairs.len())
}

fn cloze(gaps: &[Gap], response: &Response) -> Fraction {
    let parts: Vec<(Fraction, u16)> = gaps
        .iter()
        .map(|gap| {
            let given = response.gaps.as_ref().and_then(|gaps| gaps.get(&gap.key)).map_or("", String::as_str);
            (blank(&gap.blank, given), gap.weight)
        })
        .collect();
    Fraction::weighted(&parts)
}

fn blank(blank: &Blank, given: &str) -> Fraction {
    match blank {
        _ if given.trim().is_empty() => Fraction::ZERO,
        Blank::Choice { options } => options.iter().find(|option| option.key == given).map_or(Fraction::ZERO, |option| option.fraction),
        Blank::Text { accepted, case_sensitive } => first(accepted, given, *case_sensitive),
        Blank::Number { accepted } => {
            let rules = numeric::UnitRules { units: &[], required: false, penalty: Fraction::ZERO };
            numeric::grade(accepted, &rules, given, None).0
        }
    }
}

fn first(accepted: &[Accepted], given: &str, case_sensitive: bool) -> Fraction {
    text::first(accepted, given, case_sensitive).map_or(Fraction::ZERO, |answer| answer.fraction)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn earns(spec: &Value, response: &Value) -> f64 {
        let spec: Spec = serde_json::from_value(spec.clone()).unwrap();
        let response: Response = serde_json::from_value(response.clone()).unwrap();
        match grade(&spec, Some(&response)) {
            Outcome::Earned(fraction) => fraction.as_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn each_type_is_marked_as_it_says() {
        let option = |key: &str, fraction: f64| json!({"key": key, "text": key, "fraction": fraction});
        let single = json!({"type": "single_choice", "options": [option("a", 1.0), option("b", -0.25), option("c", 0.5)]});
        assert_eq!(["a", "b", "c"].map(|key| earns(&single, &json!({"keys": [key]}))), [1.0, -0.25, 0.5]);
        let thirds = [option("a", 0.333_333_3), option("b", 0.333_333_3), option("c", 0.333_333_3), option("d", -0.5)];
        let mut multiple = json!({"type": "multiple_choice", "options": thirds});
        assert_eq!(earns(&multiple, &json!({"keys": ["a", "b", "c"]})), 1.0);
        assert_eq!(earns(&multiple, &json!({"keys": ["a", "d"]})), -0.166_666_7);
        multiple["all_or_nothing"] = json!(true);
        assert_eq!(earns(&multiple, &json!({"keys": ["a", "b"]})), 0.0);
        assert_eq!(earns(&json!({"type": "true_false", "correct": false}), &json!({"is_true": false})), 1.0);
        let pairs = [("p", "France", "t", "Paris"), ("q", "Spain", "u", "Madrid"), ("r", "Capital of France", "v", "Paris")]
            .map(|(key, premise, target_key, target)| json!({"key": key, "premise": premise, "target_key": target_key, "target": target}));
        let matching = json!({"type": "matching", "pairs": pairs});
        assert_eq!(earns(&matching, &json!({"matches": {"p": "v", "q": "u", "r": "u"}})), 0.666_666_7);
        let cloze = json!({"type": "cloze", "gaps": [
            {"key": "1", "weight": 3, "blank": {"kind": "text", "accepted": [{"text": "Par*"}]}},
            {"key": "2", "blank": {"kind": "number", "accepted": [{"value": 7, "tolerance": "0.5"}]}}]});
        assert_eq!(earns(&cloze, &json!({"gaps": {"1": "paris", "2": "8"}})), 0.75);
        assert_eq!(earns(&cloze, &json!({"gaps": {"1": "Rome", "2": "7.5"}})), 0.25);
    }

    #[test]
    fn guessing_earns_what_trying_out_every_guess_does() {
        let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../../tests/reference/guess.json")).unwrap();
        assert_eq!(cases.len(), 10);
        for case in cases {
            let spec: Spec = serde_json::from_value(case["answer"].clone()).unwrap();
            let same = match (guess_score(&spec), case["guess"].as_f64()) {
                (Some(ours), Some(theirs)) => (ours - theirs).abs() < 1e-12,
                (ours, theirs) => ours == theirs,
            };
            assert!(same, "{}: {:?} is not {}", spec.kind(), guess_score(&spec), case["guess"]);
        }
    }

    #[test]
    fn nothing_answered_earns_nothing_and_an_essay_waits_for_a_person() {
        let essay: Spec = serde_json::from_value(json!({"type": "essay"})).unwrap();
        let text = Response { text: Some("Once upon a time".into()), ..Response::default() };
        assert_eq!(grade(&essay, Some(&text)), Outcome::ByHand);
        assert_eq!(grade(&essay, None), Outcome::Earned(Fraction::ZERO));
        assert_eq!(grade(&essay, Some(&Response { text: Some(" \n".into()), ..Response::default() })), Outcome::Earned(Fraction::ZERO));
        assert_eq!(grade(&Spec::Description {}, Some(&text)), Outcome::NotAsked);
    }

    proptest! {
        #[test]
        fn whatever_is_chosen_earns_no_more_than_all(picks in proptest::collection::vec(any::<bool>(), 5), fractions in proptest::collection::vec(-10_000_000_i64..=10_000_000, 5)) {
            let keys = ["a", "b", "c", "d", "e"];
            let options = keys.iter().zip(&fractions).map(|(key, steps)| Choice {
                key: (*key).to_owned(), text: (*key).to_owned(), fraction: Fraction::from_steps(*steps), feedback: None,
            }).collect();
            let spec = Spec::MultipleChoice { options, shuffle: true, all_or_nothing: false };
            let keys = keys.iter().zip(&picks).filter(|(_, pick)| **pick).map(|(key, _)| (*key).to_owned()).collect();
            let Outcome::Earned(earned) = grade(&spec, Some(&Response { keys: Some(keys), ..Response::default() })) else { panic!() };
            prop_assert!(earned <= Fraction::ONE && earned >= -Fraction::ONE);
        }

        #[test]
        fn no_text_makes_marking_panic(given in ".{0,60}", pattern in "[a-z*\\\\]{1,20}") {
            let spec: Spec = serde_json::from_value(json!({"type": "short_answer", "accepted": [{"text": pattern}]})).unwrap();
            let _ = grade(&spec, Some(&Response { text: Some(given.clone()), ..Response::default() }));
            let numerical: Spec = serde_json::from_value(json!({"type": "numerical", "accepted": [{"value": "1e20", "tolerance": "0.1", "tolerance_kind": "relative"}],
                "units": [{"symbol": "m", "per_first": 1}, {"symbol": "km", "per_first": "0.001"}]})).unwrap();
            let _ = grade(&numerical, Some(&Response { number: Some(given), ..Response::default() }));
        }
    }
}
