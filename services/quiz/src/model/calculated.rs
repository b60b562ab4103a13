//! Calculated questions: a formula, and numbers that each attempt draws for itself.
//!
//! What an attempt drew is kept with its answer, so the question stays what the student saw whatever becomes of its data. With its numbers put in, a calculated
//! question is a numerical one, and is asked and marked as that.

use std::borrow::Cow;

use domain::{Faults, SlotId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::formula::{DigitsKind, Formula, MAX_DIGITS, Values, is_wildcard_name, substitute};
use super::mark::Fraction;
use super::number::Number;
use super::question::{Content, NumericKey, Spec, ToleranceKind};
use super::random::Random;

/// The most sets of numbers that a question may have.
pub const MAX_SETS: usize = 200;
/// The most wildcards.
const MAX_WILDCARDS: usize = 20;

/// A number that each attempt draws for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wildcard {
    /// Stands in the text and in formulas as `{name}`.
    #[schema(min_length = 1, max_length = 40)]
    pub name: String,
    /// What it can be. The first values of all wildcards belong together, the second, and so on.
    #[schema(min_items = 1, max_items = 200)]
    pub values: Vec<Number>,
}

const fn two() -> u8 {
    2
}

const fn whole() -> Fraction {
    Fraction::ONE
}

/// A formula whose value is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormulaKey {
    /// The formula: `0.5 * {m} * pow({v}, 2)`.
    #[schema(min_length = 1, max_length = 500)]
    pub formula: String,
    /// How far off an answer may be, both ends included.
    #[serde(default)]
    pub tolerance: Number,
    /// What the tolerance is measured in.
    #[serde(default)]
    pub tolerance_kind: ToleranceKind,
    /// To how many digits its value is rounded before an answer is compared with it.
    #[serde(default = "two")]
    #[schema(maximum = 15)]
    pub digits: u8,
    /// Which digits these are.
    #[serde(default)]
    pub digits_kind: DigitsKind,
    /// The part of the marks that it earns; all unless said otherwise.
    #[serde(default = "whole")]
    pub fraction: Fraction,
    /// Said to who answers it.
    #[serde(default)]
    pub feedback: Option<String>,
}

impl FormulaKey {
    fn with(&self, values: &Values) -> Option<NumericKey> {
        Some(NumericKey {
            value: Formula::read(&self.formula).ok()?.rounded(values, self.digits, self.digits_kind)?,
            tolerance: self.tolerance,
            tolerance_kind: self.tolerance_kind,
            fraction: self.fraction,
            feedback: self.feedback.as_ref().map(|text| substitute(text, values).unwrap_or_else(|_| text.clone())),
        })
    }
}

/// The numbers of the attempt with this seed; none if the question has none to draw.
#[must_use]
pub fn draw(content: &Content, slot: SlotId, attempt_seed: i64) -> Option<Values> {
    let Spec::Calculated { wildcards, .. } = &content.answer else { return None };
    let sets = wildcards.iter().map(|wildcard| wildcard.values.len()).min()?;
    let at = Random::of(attempt_seed, &[slot.as_uuid().as_bytes().as_slice(), b"numbers"].concat()).below(sets);
    set(wildcards, at)
}

fn set(wildcards: &[Wildcard], at: usize) -> Option<Values> {
    wildcards.iter().map(|wildcard| Some((wildcard.name.clone(), *wildcard.values.get(at)?))).collect()
}

/// The question with its numbers put in. One that draws none is what it is; so is one for which there are no numbers: then a person must mark the answer.
#[must_use]
pub fn with_numbers<'c>(content: &'c Content, values: Option<&Values>) -> Cow<'c, Content> {
    values.and_then(|values| numerical(content, values)).map_or(Cow::Borrowed(content), Cow::Owned)
}

fn numerical(content: &Content, values: &Values) -> Option<Content> {
    let Spec::Calculated { accepted, units, unit_required, unit_penalty, .. } = &content.answer else { return None };
    let say = |text: &String| substitute(text, values).unwrap_or_else(|_| text.clone());
    Some(Content {
        stem: say(&content.stem),
        general_feedback: content.general_feedback.as_ref().map(say),
        hints: content.hints.iter().map(say).collect(),
        answer: Spec::Numerical {
            accepted: accepted.iter().map(|key| key.with(values)).collect::<Option<_>>()?,
            units: units.clone(),
            unit_required: *unit_required,
            unit_penalty: *unit_penalty,
        },
        ..content.clone()
    })
}

/// Every fault of the formulas and numbers: whatever an attempt draws, there is an answer.
pub(super) fn check(faults: &mut Faults, content: &Content, accepted: &[FormulaKey], wildcards: &[Wildcard]) {
    let count = wildcards.first().map_or(0, |wildcard| wildcard.values.len());
    let fits = (1..=MAX_WILDCARDS).contains(&wildcards.len());
    faults.require(fits, "/answer/wildcards", format!("must be from 1 to {MAX_WILDCARDS}"));
    let (mut names, mut even) = (std::collections::HashSet::new(), fits);
    for (at, wildcard) in wildcards.iter().take(MAX_WILDCARDS).enumerate() {
        let pointer = format!("/answer/wildcards/{at}");
        let name = is_wildcard_name(&wildcard.name);
        faults.require(name, &format!("{pointer}/name"), "must be a letter, and at most 39 letters, digits and _ behind it");
        faults.require(names.insert(wildcard.name.as_str()), &format!("{pointer}/name"), "is given twice");
        let right = (1..=MAX_SETS).contains(&wildcard.values.len()) && wildcard.values.len() == count;
        faults.require(right, &format!("{pointer}/values"), format!("must be from 1 to {MAX_SETS}, as many as of every other wildcard"));
        even &= right;
    }
    let sets: Vec<Values> = if even { (0..count).filter_map(|at| set(wildcards, at)).collect() } else { Vec::new() };
    for (at, key) in accepted.iter().enumerate() {
        let pointer = format!("/answer/accepted/{at}");
        faults.require(key.digits <= MAX_DIGITS, &format!("{pointer}/digits"), format!("must be at most {MAX_DIGITS}"));
        let some = key.digits_kind == DigitsKind::Decimals || key.digits > 0;
        faults.require(some, &format!("{pointer}/digits"), "must be at least 1 where digits signify");
        let pointer = format!("{pointer}/formula");
        let formula = match Formula::read(&key.formula) {
            Ok(formula) => formula,
            Err(wrong) => {
                faults.require(false, &pointer, wrong);
                continue;
            }
        };
        if let Some(unknown) = formula.wildcards().into_iter().find(|name| !names.contains(name)) {
            faults.require(false, &pointer, format!("there is no wildcard {{{unknown}}}"));
            continue;
        }
        let bad = sets.iter().position(|values| formula.rounded(values, key.digits, key.digits_kind).is_none());
        faults.require(bad.is_none(), &pointer, format!("has no value with the numbers of set {}", bad.unwrap_or_default() + 1));
    }
    let texts = [("/stem", Some(&content.stem)), ("/general_feedback", content.general_feedback.as_ref())];
    for (pointer, text) in texts {
        let wrong = text.and_then(|text| sets.iter().find_map(|values| substitute(text, values).err()));
        faults.require(wrong.is_none(), pointer, wrong.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::grade::{Outcome, grade};
    use crate::model::response::Response;

    fn area(tolerance: &str, kind: &str) -> Content {
        serde_json::from_value(json!({
            "name": "Area", "stem": "A field is {a} m by {b} m; half of it is {={a}*{b}/2} m².", "hints": ["{a} times …"],
            "answer": {"type": "calculated",
                "accepted": [{"formula": "{a} * {b}", "tolerance": tolerance, "tolerance_kind": kind, "feedback": "{a} × {b}"}],
                "wildcards": [{"name": "a", "values": [2, "2.5", 7]}, {"name": "b", "values": [3, 4, 11]}]}}))
        .unwrap()
    }

    fn earns(content: &Content, number: &str) -> Outcome {
        grade(&content.answer, Some(&Response { number: Some(number.to_owned()), ..Response::default() }))
    }

    #[test]
    fn with_its_numbers_it_is_a_numerical_question() {
        let content = area("0.5", "absolute");
        assert_eq!(content.check(), Ok(()));
        let Spec::Calculated { wildcards, .. } = &content.answer else { panic!() };
        let values = set(wildcards, 1).unwrap();
        let asked = with_numbers(&content, Some(&values));
        assert_eq!(asked.stem, "A field is 2.5 m by 4 m; half of it is 5 m².");
        assert_eq!(asked.hints, ["2.5 times …"]);
        for (number, right) in [("10", true), ("10.5", true), ("9.5", true), ("10.51", false), ("6", false)] {
            assert_eq!(earns(&asked, number), Outcome::Earned(if right { Fraction::ONE } else { Fraction::ZERO }), "{number}");
        }
        assert_eq!(earns(&with_numbers(&content, None), "10"), Outcome::ByHand, "nobody knows what was asked");
    }

    #[test]
    fn tolerances_are_nominal_relative_or_geometric_as_in_moodle() {
        for (kind, lowest, highest) in [("absolute", "5.9", "6.1"), ("relative", "5.4", "6.6"), ("geometric", "5.46", "6.6")] {
            let content = area("0.1", kind);
            let Spec::Calculated { wildcards, .. } = &content.answer else { panic!() };
            let asked = with_numbers(&content, set(wildcards, 0).as_ref()).into_owned();
            let off =
                |number: &str, step: &str| (Number::read(number).unwrap().decimal() + Number::read(step).unwrap().decimal()).to_string();
            for (number, right) in
                [(lowest.to_owned(), true), (off(lowest, "-0.01"), false), (highest.to_owned(), true), (off(highest, "0.01"), false)]
            {
                assert_eq!(earns(&asked, &number), Outcome::Earned(if right { Fraction::ONE } else { Fraction::ZERO }), "{kind} {number}");
            }
        }
    }

    #[test]
    fn what_could_leave_an_attempt_without_an_answer_is_refused() {
        let pointers = |change: fn(&mut serde_json::Value)| {
            let mut content = serde_json::to_value(area("0", "absolute")).unwrap();
            change(&mut content);
            let faults = serde_json::from_value::<Content>(content).unwrap().check().err().unwrap_or_default();
            faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert_eq!(
            pointers(|content| content["answer"]["accepted"][0]["formula"] = json!("1 / ({a} - 7)")),
            ["/answer/accepted/0/formula"]
        );
        assert_eq!(pointers(|content| content["answer"]["accepted"][0]["formula"] = json!("{a} * {c}")), ["/answer/accepted/0/formula"]);
        assert_eq!(pointers(|content| content["answer"]["accepted"][0]["formula"] = json!("exec({a})")), ["/answer/accepted/0/formula"]);
        assert_eq!(pointers(|content| content["answer"]["wildcards"][1]["values"] = json!([1])), ["/answer/wildcards/1/values"]);
        assert_eq!(
            pointers(|content| content["answer"]["wildcards"][1]["name"] = json!("1b")).first().map(String::as_str),
            Some("/answer/wildcards/1/name")
        );
        assert_eq!(pointers(|content| content["stem"] = json!("{={a}/0}")), ["/stem"]);
        assert_eq!(pointers(|content| content["answer"]["accepted"][0]["digits"] = json!(16)), ["/answer/accepted/0/digits"]);
        assert_eq!(pointers(|content| content["answer"]["wildcards"] = json!([])).first().map(String::as_str), Some("/answer/wildcards"));
    }

    proptest! {
        #[test]
        fn an_attempt_draws_the_same_numbers_every_time_and_one_set_of_them(seed in any::<i64>()) {
            let (content, slot) = (area("0", "absolute"), SlotId::generate());
            let drawn = draw(&content, slot, seed).unwrap();
            prop_assert_eq!(draw(&content, slot, seed).unwrap(), drawn.clone());
            let Spec::Calculated { wildcards, .. } = &content.answer else { panic!() };
            prop_assert!((0..3).any(|at| set(wildcards, at).as_ref() == Some(&drawn)));
            let asked = with_numbers(&content, Some(&drawn));
            let right = crate::model::asked::right_answer(&asked.answer).unwrap();
            prop_assert_eq!(grade(&asked.answer, Some(&right)), Outcome::Earned(Fraction::ONE));
        }
    }
}
