//! Writes GIFT.

use std::fmt::Write;

use super::SPECIAL;
use crate::formats::moodle::{absolute, not_absolute};
use crate::formats::{Draft, Exported, Loss};
use crate::model::mark::{Fraction, Mark};
use crate::model::question::{Choice, Content, NumericKey, Spec};

/// Writes a file.
pub(crate) fn export(questions: &[Draft]) -> Exported {
    let (mut file, mut losses) = (String::new(), Vec::new());
    let mut category: &[String] = &[];
    for draft in questions {
        let content = &draft.content;
        let Some(answer) = answer(content, &mut losses) else { continue };
        if draft.category != category {
            category = &draft.category;
            let path: Vec<String> = category.iter().map(|part| part.replace('/', "-")).collect();
            let _ = write!(file, "$CATEGORY: {}\n\n", path.join("/"));
        }
        let name = &content.name;
        if !draft.tags.is_empty() {
            losses.push(Loss::new(name, "tags"));
        }
        let usual = if content.answer.is_question() { Mark::ONE } else { Mark::ZERO };
        if content.default_mark != usual {
            losses.push(Loss::new(name, "the default mark"));
        }
        if content.penalty != Fraction::ZERO {
            losses.push(Loss::new(name, "the penalty"));
        }
        if !content.hints.is_empty() {
            losses.push(Loss::new(name, "the hints"));
        }
        // A text that begins like the mark of a format gets a mark of its own.
        let format = if content.stem.trim_start().starts_with('[') { "[plain]" } else { "" };
        let _ = write!(file, "::{}::{format}{}{answer}\n\n", escape(name), escape(&content.stem));
    }
    Exported { file: file.into_bytes(), losses }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        if c == '\n' {
            escaped.push_str("\\n");
            continue;
        }
        if SPECIAL.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A fraction in percent, with the five decimals that make it exact.
fn percent(fraction: Fraction) -> String {
    let steps = fraction.steps();
    let text = format!("{}{}.{:05}", if steps < 0 { "-" } else { "" }, steps.abs() / 100_000, steps.abs() % 100_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn feedback(text: Option<&String>) -> String {
    text.map(|text| format!("#{}", escape(text))).unwrap_or_default()
}

/// The braces and what is in them; none if the format has no such question.
fn answer(content: &Content, losses: &mut Vec<Loss>) -> Option<String> {
    let name = &content.name;
    let mut lose = |what: &str| losses.push(Loss::new(name, what));
    let general = content.general_feedback.as_ref().map(|text| format!("\n\t####{}", escape(text))).unwrap_or_default();
    let lines = match &content.answer {
        Spec::SingleChoice { options, shuffle } | Spec::MultipleChoice { options, shuffle, .. } => {
            if !shuffle {
                lose("that the options are not shuffled");
            }
            if matches!(&content.answer, Spec::MultipleChoice { all_or_nothing: true, .. }) {
                lose("that only exactly the right options earn anything");
            }
            let single = matches!(&content.answer, Spec::SingleChoice { .. });
            // One equals sign makes it a single choice; with nothing but equals signs it would be a short answer.
            let first = options.iter().position(|option| single && option.fraction == Fraction::ONE);
            options.iter().enumerate().map(|(at, option)| choice(option, first == Some(at))).collect::<String>()
        }
        Spec::TrueFalse { correct, feedback_true, feedback_false } => {
            let (wrong, right) = if *correct { (feedback_false, feedback_true) } else { (feedback_true, feedback_false) };
            let said = match (wrong, right) {
                (None, None) => String::new(),
                (wrong, None) => feedback(wrong.as_ref()),
                (wrong, right) => format!("#{}{}", wrong.as_deref().map(escape).unwrap_or_default(), feedback(right.as_ref())),
            };
            format!("{}{said}", if *correct { "TRUE" } else { "FALSE" })
        }
        Spec::ShortAnswer { accepted, case_sensitive } => {
            if accepted.iter().all(|answer| answer.text.contains("->")) {
                lose("the whole question: its answers would be read as pairs");
                return None;
            }
            if *case_sensitive {
                lose("that capitals matter");
            }
            let line = |answer: &crate::model::question::Accepted| {
                format!(
                    "\n\t={}{}{}",
                    weight(answer.fraction, Fraction::ONE, &answer.text),
                    escape(&answer.text),
                    feedback(answer.feedback.as_ref())
                )
            };
            accepted.iter().map(line).collect()
        }
        Spec::Numerical { accepted, units, .. } => {
            if !units.is_empty() {
                lose("the units");
            }
            losses.extend(accepted.iter().filter_map(|own| not_absolute(name, own)).take(1));
            format!("#{}", accepted.iter().map(number).collect::<String>())
        }
        Spec::Matching { pairs, distractors, shuffle } => {
            if pairs.iter().any(|pair| pair.premise.contains("->")) {
                lose("the whole question: a premise holds the arrow that divides a pair");
                return None;
            }
            if !shuffle {
                lose("that the premises are not shuffled");
            }
            let pairs = pairs.iter().map(|pair| format!("\n\t={} -> {}", escape(&pair.premise), escape(&pair.target)));
            pairs.chain(distractors.iter().map(|item| format!("\n\t= -> {}", escape(&item.text)))).collect()
        }
        Spec::Essay { min_words, max_words, template, marking_guide } => {
            if min_words.is_some() || max_words.is_some() {
                lose("how many words are asked for");
            }
            if template.is_some() {
                lose("what the student starts from");
            }
            if marking_guide.is_some() {
                lose("the marking guide");
            }
            String::new()
        }
        Spec::Description {} => {
            if content.general_feedback.is_some() {
                lose("the general feedback");
            }
            return Some(String::new());
        }
        Spec::Ordering { .. }
        | Spec::Cloze { .. }
        | Spec::SelectWords { .. }
        | Spec::DragWords { .. }
        | Spec::DragOntoPicture { .. }
        | Spec::DragMarkers { .. }
        | Spec::Calculated { .. } => {
            lose("the whole question: the format has none of its type");
            return None;
        }
    };
    Some(format!(" {{{lines}{general}\n}}"))
}

/// The weight in front of an answer, if it is not the usual one, or the text would be taken for one.
fn weight(fraction: Fraction, usual: Fraction, text: &str) -> String {
    if fraction == usual && !text.trim_start().starts_with('%') { String::new() } else { format!("%{}%", percent(fraction)) }
}

fn choice(option: &Choice, right: bool) -> String {
    let usual = if right { Fraction::ONE } else { Fraction::ZERO };
    let mark = if right { '=' } else { '~' };
    format!("\n\t{mark}{}{}{}", weight(option.fraction, usual, &option.text), escape(&option.text), feedback(option.feedback.as_ref()))
}

fn number(answer: &NumericKey) -> String {
    let tolerance = absolute(answer).normalize();
    let margin = if tolerance.is_zero() { String::new() } else { format!(":{tolerance}") };
    format!("\n\t={}{}{margin}{}", weight(answer.fraction, Fraction::ONE, ""), answer.value, feedback(answer.feedback.as_ref()))
}
