//! Writes Moodle XML.

use std::fmt::Write;

use rust_decimal::Decimal;

use super::{calculated, cloze, drag};
use crate::formats::xml::escape;
use crate::formats::{Draft, Exported, Loss};
use crate::model::mark::Fraction;
use crate::model::question::{Choice, Item, NumericKey, OrderScoring, Spec, ToleranceKind, Unit};

/// Writes a file.
pub(crate) fn export(questions: &[Draft]) -> Exported {
    let mut file = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<quiz>\n");
    let mut losses = Vec::new();
    let mut category: &[String] = &[];
    for draft in questions {
        if draft.category != category {
            category = &draft.category;
            let path: Vec<String> = category.iter().map(|part| part.replace('/', "-")).collect();
            let path = escape(&format!("$course$/top/{}", path.join("/")));
            let _ = writeln!(file, "  <question type=\"category\"><category><text>{path}</text></category></question>");
        }
        question(draft, &mut file, &mut losses);
    }
    file.push_str("</quiz>\n");
    Exported { file: file.into_bytes(), losses }
}

/// A fraction in percent, with the five decimals that make it exact.
pub(super) fn percent(fraction: Fraction) -> String {
    let steps = fraction.steps();
    let text = format!("{}{}.{:05}", if steps < 0 { "-" } else { "" }, steps.abs() / 100_000, steps.abs() % 100_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The tolerance in the number's own unit.
pub(crate) fn absolute(answer: &NumericKey) -> Decimal {
    match answer.tolerance_kind {
        ToleranceKind::Absolute => answer.tolerance.decimal(),
        ToleranceKind::Relative => answer.value.decimal().abs().checked_mul(answer.tolerance.decimal()).unwrap_or_default().normalize(),
        // The side on which it is narrower.
        ToleranceKind::Geometric => {
            let value = answer.value.decimal().abs();
            let least = Decimal::ONE.checked_add(answer.tolerance.decimal()).and_then(|factor| value.checked_div(factor)).unwrap_or(value);
            (value - least).normalize()
        }
    }
}

/// What is lost of a tolerance where all are absolute.
pub(crate) fn not_absolute(name: &str, answer: &NumericKey) -> Option<Loss> {
    let kind = match answer.tolerance_kind {
        ToleranceKind::Absolute => return None,
        ToleranceKind::Relative => "relative",
        ToleranceKind::Geometric => "geometric",
    };
    Some(Loss::new(name, format!("that a tolerance is {kind}; it is written as an absolute one")))
}

fn text(tag: &str, said: &str) -> String {
    format!("    <{tag} format=\"plain_text\"><text>{}</text></{tag}>\n", escape(said))
}

fn answer(fraction: Fraction, said: &str, inner: &str, feedback: Option<&String>) -> String {
    let feedback =
        feedback.map(|said| format!("<feedback format=\"plain_text\"><text>{}</text></feedback>", escape(said))).unwrap_or_default();
    format!(
        "    <answer fraction=\"{}\" format=\"plain_text\"><text>{}</text>{inner}{feedback}</answer>\n",
        percent(fraction),
        escape(said)
    )
}

fn choice(option: &Choice) -> String {
    answer(option.fraction, &option.text, "", option.feedback.as_ref())
}

fn said_units(all: &[Unit], required: bool, penalty: Fraction) -> String {
    if all.is_empty() {
        return String::new();
    }
    let unit =
        |unit: &Unit| format!("<unit><multiplier>{}</multiplier><unit_name>{}</unit_name></unit>", unit.per_first, escape(&unit.symbol));
    let units: String = all.iter().map(unit).collect();
    format!(
        "    <units>{units}</units>\n    <unitgradingtype>{}</unitgradingtype>\n    <unitpenalty>{penalty}</unitpenalty>\n",
        u8::from(required)
    )
}

fn ordering(items: &[Item], scoring: OrderScoring) -> String {
    let scoring = match scoring {
        OrderScoring::Exact => "ALL_OR_NOTHING",
        OrderScoring::Position => "ABSOLUTE_POSITION",
        OrderScoring::Neighbours => "RELATIVE_NEXT_EXCLUDE_LAST",
        OrderScoring::LongestRun => "LONGEST_ORDERED_SUBSET",
    };
    let mut body = format!("    <gradingtype>{scoring}</gradingtype>\n");
    for (at, item) in (1..).zip(items) {
        let _ = writeln!(body, "    <answer fraction=\"{at}\" format=\"plain_text\"><text>{}</text></answer>", escape(&item.text));
    }
    body
}

fn tags(tags: &[String]) -> String {
    let each = tags.iter().fold(String::new(), |each, tag| each + "<tag><text>" + &escape(tag) + "</text></tag>");
    if each.is_empty() { each } else { format!("    <tags>{each}</tags>\n") }
}

fn question(draft: &Draft, file: &mut String, losses: &mut Vec<Loss>) {
    let content = &draft.content;
    let name = &content.name;
    let mut stem = content.stem.clone();
    let shuffled = |shuffle: bool| format!("    <shuffleanswers>{}</shuffleanswers>\n", u8::from(shuffle));
    let (kind, body) = match &content.answer {
        Spec::SingleChoice { options, shuffle } => {
            ("multichoice", format!("    <single>true</single>\n{}{}", shuffled(*shuffle), options.iter().map(choice).collect::<String>()))
        }
        Spec::MultipleChoice { options, shuffle, all_or_nothing: false } => {
            ("multichoice", format!("    <single>false</single>\n{}{}", shuffled(*shuffle), options.iter().map(choice).collect::<String>()))
        }
        Spec::MultipleChoice { options, shuffle, all_or_nothing: true } => {
            let right = options.iter().filter(|option| option.fraction > Fraction::ZERO).count();
            let even = |option: &Choice| option.fraction == Fraction::ZERO || option.fraction == Fraction::of(1, right);
            if !options.iter().all(even) {
                losses.push(Loss::new(name, "what single options are worth, which doesn't count where all must be right"));
            }
            let whole = |option: &Choice| {
                let fraction = if option.fraction > Fraction::ZERO { Fraction::ONE } else { Fraction::ZERO };
                answer(fraction, &option.text, "", option.feedback.as_ref())
            };
            ("multichoiceset", format!("{}{}", shuffled(*shuffle), options.iter().map(whole).collect::<String>()))
        }
        Spec::TrueFalse { correct, feedback_true, feedback_false } => {
            let worth = |is: bool| if is == *correct { Fraction::ONE } else { Fraction::ZERO };
            let (yes, no) =
                (answer(worth(true), "true", "", feedback_true.as_ref()), answer(worth(false), "false", "", feedback_false.as_ref()));
            ("truefalse", format!("{yes}{no}"))
        }
        Spec::ShortAnswer { accepted, case_sensitive } => {
            let lines: String = accepted.iter().map(|own| answer(own.fraction, &own.text, "", own.feedback.as_ref())).collect();
            ("shortanswer", format!("    <usecase>{}</usecase>\n{lines}", u8::from(*case_sensitive)))
        }
        Spec::Numerical { accepted, units, unit_required, unit_penalty } => {
            losses.extend(accepted.iter().filter_map(|own| not_absolute(name, own)).take(1));
            let line = |own: &NumericKey| {
                answer(own.fraction, &own.value.to_string(), &format!("<tolerance>{}</tolerance>", absolute(own)), own.feedback.as_ref())
            };
            let lines: String = accepted.iter().map(line).collect();
            ("numerical", lines + &said_units(units, *unit_required, *unit_penalty))
        }
        Spec::Matching { pairs, distractors, shuffle } => {
            let pair = |premise: &str, target: &str| {
                format!(
                    "    <subquestion format=\"plain_text\"><text>{}</text><answer><text>{}</text></answer></subquestion>\n",
                    escape(premise),
                    escape(target)
                )
            };
            let pairs: String = pairs.iter().map(|own| pair(&own.premise, &own.target)).collect();
            let others: String = distractors.iter().map(|item| pair("", &item.text)).collect();
            ("matching", format!("{}{pairs}{others}", shuffled(*shuffle)))
        }
        Spec::Ordering { items, scoring } => ("ordering", ordering(items, *scoring)),
        Spec::Cloze { gaps } => {
            if stem.replace("{{", "").replace("}}", "").contains(['{', '}']) {
                losses.push(Loss::new(name, "the whole question: its text has braces that are no gaps"));
                return;
            }
            if gaps.iter().enumerate().any(|(at, gap)| gap.key != (at + 1).to_string()) {
                losses.push(Loss::new(name, "the keys of the gaps, which are numbered anew"));
            }
            stem = cloze::write(name, &content.stem, gaps, losses);
            ("cloze", String::new())
        }
        spec @ (Spec::SelectWords { places, choices, shuffle } | Spec::DragWords { places, choices, shuffle }) => {
            let dragged = matches!(spec, Spec::DragWords { .. });
            let Some(body) = drag::write_words(name, &mut stem, (places, choices, *shuffle), dragged, losses) else { return };
            (if dragged { "ddwtos" } else { "gapselect" }, body)
        }
        Spec::DragOntoPicture { picture, places, choices, shuffle } => {
            ("ddimageortext", drag::write_onto_picture(name, picture, places, (choices, *shuffle), losses))
        }
        Spec::DragMarkers { picture, zones, markers, shuffle } => {
            ("ddmarker", drag::write_markers(name, picture, zones, (markers, *shuffle), losses))
        }
        Spec::Calculated { accepted, wildcards, units, unit_required, unit_penalty } => {
            ("calculated", calculated::write(accepted, wildcards) + &said_units(units, *unit_required, *unit_penalty))
        }
        Spec::Essay { min_words, max_words, template, marking_guide } => {
            let words = |tag: &str, words: Option<u32>| words.map(|words| format!("    <{tag}>{words}</{tag}>\n")).unwrap_or_default();
            let said = |tag: &str, said: &Option<String>| said.as_ref().map(|said| text(tag, said)).unwrap_or_default();
            let limits = format!("{}{}", words("minwordlimit", *min_words), words("maxwordlimit", *max_words));
            ("essay", format!("{limits}{}{}", said("responsetemplate", template), said("graderinfo", marking_guide)))
        }
        Spec::Description {} => ("description", String::new()),
    };
    let general = content.general_feedback.as_ref().map(|said| text("generalfeedback", said)).unwrap_or_default();
    let hints: String = content.hints.iter().map(|said| text("hint", said)).collect();
    let tags = tags(&draft.tags);
    let _ = write!(
        file,
        "  <question type=\"{kind}\">\n    <name><text>{}</text></name>\n{}{general}    <defaultgrade>{}</defaultgrade>\n    <penalty>{}</penalty>\n{body}{hints}{tags}  </question>\n",
        escape(name),
        text("questiontext", &stem),
        content.default_mark,
        content.penalty
    );
}
