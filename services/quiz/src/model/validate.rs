//! Whether a question can be asked: every fault of its content, as JSON pointers into it.

mod parts;

use std::collections::HashSet;

use domain::{Fault, Faults};
use rust_decimal::Decimal;

use super::calculated;
use super::mark::{Fraction, Mark};
use super::question::{Accepted, Blank, Choice, Content, Gap, Item, NumericKey, Pair, Spec, Unit};

/// The most parts of one kind: options, pairs, items, gaps.
pub const MAX_PARTS: usize = 100;
/// The longest text of a part.
const MAX_PART: usize = 5_000;
const MAX_KEY: usize = 40;
/// The most hints.
const MAX_HINTS: usize = 10;
/// Fractions that add up to one may miss it by this much: three thirds of seven decimals do.
const SLACK: i64 = 100;

impl Content {
    /// Every fault.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        text(&mut faults, "/name", &self.name, 200);
        text(&mut faults, "/stem", &self.stem, 20_000);
        optional(&mut faults, "/general_feedback", self.general_feedback.as_deref(), 20_000);
        faults.require(!self.default_mark.is_negative(), "/default_mark", "must not be negative");
        faults.require(!self.penalty.is_negative(), "/penalty", "must not be negative");
        faults.require(self.hints.len() <= MAX_HINTS, "/hints", format!("must be at most {MAX_HINTS}"));
        for (at, hint) in self.hints.iter().take(MAX_HINTS).enumerate() {
            text(&mut faults, &format!("/hints/{at}"), hint, MAX_PART);
        }
        match &self.answer {
            Spec::SingleChoice { options, .. } => {
                choices(&mut faults, "/answer/options", options);
                let best = options.iter().map(|option| option.fraction).max();
                faults.require(best == Some(Fraction::ONE), "/answer/options", "the best option must be worth 1");
            }
            Spec::MultipleChoice { options, .. } => {
                choices(&mut faults, "/answer/options", options);
                let sum: i64 = options.iter().map(|option| option.fraction.steps().max(0)).sum();
                let off = (sum - Fraction::SCALE).abs();
                faults.require(off <= SLACK, "/answer/options", "the options that are worth something must add up to 1");
            }
            Spec::TrueFalse { feedback_true, feedback_false, .. } => {
                optional(&mut faults, "/answer/feedback_true", feedback_true.as_deref(), MAX_PART);
                optional(&mut faults, "/answer/feedback_false", feedback_false.as_deref(), MAX_PART);
            }
            Spec::ShortAnswer { accepted, .. } => texts(&mut faults, "/answer/accepted", accepted),
            Spec::Numerical { accepted, units, unit_required, unit_penalty } => {
                numbers(&mut faults, "/answer/accepted", accepted);
                check_units(&mut faults, units, *unit_required, *unit_penalty);
            }
            Spec::Calculated { accepted, wildcards, units, unit_required, unit_penalty } => {
                if count(&mut faults, "/answer/accepted", accepted.len(), 1) {
                    for (at, key) in accepted.iter().enumerate() {
                        let positive = key.tolerance.decimal() >= Decimal::ZERO;
                        faults.require(positive, &format!("/answer/accepted/{at}/tolerance"), "must not be negative");
                        optional(&mut faults, &format!("/answer/accepted/{at}/feedback"), key.feedback.as_deref(), MAX_PART);
                    }
                    fractions(&mut faults, "/answer/accepted", accepted.iter().map(|key| key.fraction));
                    calculated::check(&mut faults, self, accepted, wildcards);
                }
                check_units(&mut faults, units, *unit_required, *unit_penalty);
            }
            spec @ (Spec::SelectWords { places, choices, .. } | Spec::DragWords { places, choices, .. }) => {
                parts::words(&mut faults, spec, &self.stem, places, choices);
            }
            spec @ Spec::DragOntoPicture { picture, places, choices, .. } => {
                parts::onto_picture(&mut faults, spec, picture, places, choices);
            }
            Spec::DragMarkers { picture, zones, markers, .. } => parts::markers(&mut faults, picture, zones, markers),
            Spec::Matching { pairs, distractors, .. } => matching(&mut faults, pairs, distractors),
            Spec::Ordering { items: all, .. } => {
                if count(&mut faults, "/answer/items", all.len(), 2) {
                    items(&mut faults, "/answer/items", all);
                    keys(&mut faults, "/answer/items", all.iter().map(|item| item.key.as_str()));
                }
            }
            Spec::Cloze { gaps } => cloze(&mut faults, &self.stem, gaps),
            Spec::Essay { min_words, max_words, template, marking_guide } => {
                let ordered = min_words.zip(*max_words).is_none_or(|(min, max)| min <= max);
                faults.require(ordered, "/answer/max_words", "must not be less than min_words");
                optional(&mut faults, "/answer/template", template.as_deref(), 20_000);
                optional(&mut faults, "/answer/marking_guide", marking_guide.as_deref(), 20_000);
            }
            Spec::Description {} => {
                faults.require(self.default_mark == Mark::ZERO, "/default_mark", "must be 0: nothing is asked");
            }
        }
        faults.into_result()
    }
}

fn clean(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn text(faults: &mut Faults, pointer: &str, text: &str, max: usize) {
    faults.require(!text.trim().is_empty(), pointer, "must not be empty");
    faults.require(text.chars().nth(max).is_none(), pointer, format!("must be at most {max} characters"));
    faults.require(clean(text), pointer, "must not contain control characters");
}

fn optional(faults: &mut Faults, pointer: &str, given: Option<&str>, max: usize) {
    if let Some(given) = given {
        text(faults, pointer, given, max);
    }
}

/// Whether there are no more than can be looked at one by one: a file of megabytes may hold a million.
fn count(faults: &mut Faults, pointer: &str, count: usize, least: usize) -> bool {
    faults.require((least..=MAX_PARTS).contains(&count), pointer, format!("must be from {least} to {MAX_PARTS}"));
    count <= MAX_PARTS
}

fn keys<'k>(faults: &mut Faults, pointer: &str, keys: impl Iterator<Item = &'k str>) {
    let mut seen = HashSet::new();
    for key in keys {
        let fit = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        faults.require(fit, pointer, format!("a key is 1 to {MAX_KEY} letters, digits, - or _"));
        faults.require(seen.insert(key), pointer, "two keys are the same");
    }
}

fn choices(faults: &mut Faults, pointer: &str, options: &[Choice]) {
    if !count(faults, pointer, options.len(), 2) {
        return;
    }
    for (at, option) in options.iter().enumerate() {
        text(faults, &format!("{pointer}/{at}/text"), &option.text, MAX_PART);
        optional(faults, &format!("{pointer}/{at}/feedback"), option.feedback.as_deref(), MAX_PART);
    }
    keys(faults, pointer, options.iter().map(|option| option.key.as_str()));
}

/// Something must earn all the marks, and nothing may cost any: an answer that is not listed earns nothing, so one that is can't be worse.
fn fractions(faults: &mut Faults, pointer: &str, fractions: impl Iterator<Item = Fraction>) {
    let fractions: Vec<Fraction> = fractions.collect();
    faults.require(fractions.contains(&Fraction::ONE), pointer, "one answer must be worth 1");
    faults.require(!fractions.into_iter().any(Fraction::is_negative), pointer, "no answer may be worth less than nothing");
}

fn texts(faults: &mut Faults, pointer: &str, accepted: &[Accepted]) {
    if !count(faults, pointer, accepted.len(), 1) {
        return;
    }
    for (at, answer) in accepted.iter().enumerate() {
        text(faults, &format!("{pointer}/{at}/text"), &answer.text, 500);
        optional(faults, &format!("{pointer}/{at}/feedback"), answer.feedback.as_deref(), MAX_PART);
    }
    fractions(faults, pointer, accepted.iter().map(|answer| answer.fraction));
}

fn numbers(faults: &mut Faults, pointer: &str, accepted: &[NumericKey]) {
    if !count(faults, pointer, accepted.len(), 1) {
        return;
    }
    for (at, answer) in accepted.iter().enumerate() {
        let positive = answer.tolerance.decimal() >= Decimal::ZERO;
        faults.require(positive, &format!("{pointer}/{at}/tolerance"), "must not be negative");
        optional(faults, &format!("{pointer}/{at}/feedback"), answer.feedback.as_deref(), MAX_PART);
    }
    fractions(faults, pointer, accepted.iter().map(|answer| answer.fraction));
}

fn check_units(faults: &mut Faults, units: &[Unit], required: bool, penalty: Fraction) {
    faults.require(!required || !units.is_empty(), "/answer/unit_required", "needs a unit");
    faults.require(!penalty.is_negative(), "/answer/unit_penalty", "must not be negative");
    if !count(faults, "/answer/units", units.len(), 0) {
        return;
    }
    let mut seen = HashSet::new();
    for (at, unit) in units.iter().enumerate() {
        let pointer = format!("/answer/units/{at}");
        text(faults, &format!("{pointer}/symbol"), &unit.symbol, 30);
        let fit = !unit.symbol.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+'));
        faults.require(fit, &format!("{pointer}/symbol"), "must not begin like a number");
        faults.require(seen.insert(unit.symbol.trim()), &format!("{pointer}/symbol"), "is given twice");
        let value = unit.per_first.decimal();
        faults.require(value > Decimal::ZERO, &format!("{pointer}/per_first"), "must be more than 0");
        faults.require(at > 0 || value == Decimal::ONE, &format!("{pointer}/per_first"), "must be 1 for the first unit");
    }
}

fn items(faults: &mut Faults, pointer: &str, items: &[Item]) {
    for (at, item) in items.iter().enumerate() {
        text(faults, &format!("{pointer}/{at}/text"), &item.text, MAX_PART);
    }
}

fn matching(faults: &mut Faults, pairs: &[Pair], distractors: &[Item]) {
    let few = count(faults, "/answer/pairs", pairs.len(), 2);
    if !count(faults, "/answer/distractors", distractors.len(), 0) || !few {
        return;
    }
    for (at, pair) in pairs.iter().enumerate() {
        text(faults, &format!("/answer/pairs/{at}/premise"), &pair.premise, MAX_PART);
        text(faults, &format!("/answer/pairs/{at}/target"), &pair.target, MAX_PART);
    }
    items(faults, "/answer/distractors", distractors);
    keys(faults, "/answer/pairs", pairs.iter().map(|pair| pair.key.as_str()));
    let targets = pairs.iter().map(|pair| pair.target_key.as_str());
    keys(faults, "/answer/pairs", targets.chain(distractors.iter().map(|item| item.key.as_str())));
    let real: HashSet<&str> = pairs.iter().map(|pair| pair.target.trim()).collect();
    let fooled = distractors.iter().any(|item| real.contains(item.text.trim()));
    faults.require(!fooled, "/answer/distractors", "a distractor is the same as a target");
}

/// A gap has one place in the text.
fn stands_once(faults: &mut Faults, stem: &str, pointer: &str, key: &str) {
    let places = stem.matches(&format!("{{{{{key}}}}}")).count();
    faults.require(places == 1, pointer, format!("must stand in the stem once, as {{{{{key}}}}}"));
}

fn cloze(faults: &mut Faults, stem: &str, gaps: &[Gap]) {
    if !count(faults, "/answer/gaps", gaps.len(), 1) {
        return;
    }
    keys(faults, "/answer/gaps", gaps.iter().map(|gap| gap.key.as_str()));
    for (at, gap) in gaps.iter().enumerate() {
        let pointer = format!("/answer/gaps/{at}");
        stands_once(faults, stem, &format!("{pointer}/key"), &gap.key);
        faults.require((1..=100).contains(&gap.weight), &format!("{pointer}/weight"), "must be from 1 to 100");
        match &gap.blank {
            Blank::Choice { options } => {
                let pointer = format!("{pointer}/blank/options");
                choices(faults, &pointer, options);
                fractions(faults, &pointer, options.iter().map(|option| option.fraction));
            }
            Blank::Text { accepted, .. } => texts(faults, &format!("{pointer}/blank/accepted"), accepted),
            Blank::Number { accepted } => numbers(faults, &format!("{pointer}/blank/accepted"), accepted),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pointers(answer: &Value) -> Vec<String> {
        let content: Content = serde_json::from_value(json!({"name": "n", "stem": "{{1}}", "answer": answer})).unwrap();
        content.check().err().unwrap_or_default().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn every_fault_of_a_question_is_named_at_once() {
        let options = json!([{"key": "a", "text": "", "fraction": 0.5}, {"key": "a", "text": "x"}]);
        assert_eq!(
            pointers(&json!({"type": "single_choice", "options": options})),
            ["/answer/options/0/text", "/answer/options", "/answer/options"]
        );
        assert_eq!(pointers(&json!({"type": "numerical", "accepted": [{"value": 1, "tolerance": "-1"}], "unit_required": true})).len(), 2);
        assert_eq!(pointers(&json!({"type": "cloze", "gaps": [{"key": "2", "blank": {"kind": "text", "accepted": []}}]})).len(), 3);
        assert_eq!(pointers(&json!({"type": "description"})), [""; 0], "it is worth nothing unless somebody says otherwise");
        let text = json!({"name": "n", "stem": "s", "default_mark": 1, "answer": {"type": "description"}});
        let faults = serde_json::from_value::<Content>(text).unwrap().check().unwrap_err();
        assert_eq!(faults[0].pointer, "/default_mark");
        assert_eq!(pointers(&json!({"type": "essay", "min_words": 3, "max_words": 2})), ["/answer/max_words"]);
    }

    #[test]
    fn three_thirds_make_a_whole() {
        let third = |key: &str| json!({"key": key, "text": key, "fraction": 0.333_333_3});
        let wrong = json!({"key": "d", "text": "d", "fraction": -0.5});
        assert_eq!(pointers(&json!({"type": "multiple_choice", "options": [third("a"), third("b"), third("c"), wrong]})), [""; 0]);
    }
}
