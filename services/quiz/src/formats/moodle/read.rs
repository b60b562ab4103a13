//! Reads Moodle XML.

use crate::formats::xml::{Node, parse};
use crate::formats::{Broken, Draft, Imported, Loss, key, name_of};
use crate::model::mark::{Fraction, Mark};
use crate::model::number::Number;
use crate::model::question::{Accepted, Choice, Content, Item, NumericKey, OrderScoring, Pair, Spec, ToleranceKind, Unit};

use super::{calculated, cloze, drag};

/// Reads a file.
pub(crate) fn import(file: &str) -> Result<Imported, Vec<Broken>> {
    let root = parse(file)?;
    if root.name != "quiz" {
        return Err(vec![Broken::new(root.line, format!("the root is <{}>, not <quiz>", root.name))]);
    }
    let (mut imported, mut broken) = (Imported::default(), Vec::new());
    let mut category = Vec::new();
    for node in root.all("question") {
        let kind = node.attribute("type").unwrap_or_default();
        if kind == "category" {
            let path = node.get("category").map(plain).unwrap_or_default();
            let inner = path.split('/').map(str::trim).filter(|part| !matches!(*part, "" | "top") && !part.starts_with('$'));
            category = inner.map(str::to_owned).collect();
            continue;
        }
        match question(node, kind, &mut imported.losses) {
            Ok(Some(content)) => {
                let tags = node.get("tags").into_iter().flat_map(|tags| tags.all("tag")).map(plain).filter(|tag| !tag.is_empty()).collect();
                imported.questions.push(Draft { line: node.line, category: category.clone(), content, tags, difficulty: None });
            }
            Ok(None) => {}
            Err(fault) => broken.push(fault),
        }
    }
    if broken.is_empty() { Ok(imported) } else { Err(broken) }
}

/// The text of an element that has a `<text>`, or is one.
pub(super) fn plain(node: &Node) -> String {
    node.get("text").unwrap_or(node).text().trim().to_owned()
}

pub(super) fn field(node: &Node, name: &str) -> Option<String> {
    node.get(name).map(plain).filter(|text| !text.is_empty())
}

pub(super) fn flag(node: &Node, name: &str, usual: bool) -> bool {
    field(node, name).map_or(usual, |text| text == "1" || text.eq_ignore_ascii_case("true"))
}

/// A weight in percent.
pub(super) fn fraction(node: &Node) -> Result<Fraction, Broken> {
    let wrong = || Broken::new(node.line, "the fraction is no number from -100 to 100");
    let Some(text) = node.attribute("fraction") else { return Ok(Fraction::ZERO) };
    let percent: f64 = text.trim().parse().map_err(|_| wrong())?;
    Fraction::try_from((percent * 100_000.0).round() / 10_000_000.0).map_err(|_| wrong())
}

pub(super) fn number(node: &Node, text: Option<&str>) -> Result<Number, Broken> {
    text.and_then(Number::read).ok_or_else(|| Broken::new(node.line, "is no number"))
}

fn question(node: &Node, kind: &str, losses: &mut Vec<Loss>) -> Result<Option<Content>, Broken> {
    let mut stem = node.get("questiontext").map(plain).unwrap_or_default();
    let name = field(node, "name").unwrap_or_else(|| name_of(&stem));
    let mut lose = |detail: String| losses.push(Loss::new(&name, detail));
    let html =
        node.get("questiontext").and_then(|text| text.attribute("format")).is_some_and(|format| format == "html" || format == "markdown");
    if html && stem.contains('<') {
        lose("the text is HTML, and is taken as it is written".to_owned());
    }
    // Some types are made of pictures; those that stand in texts are not taken over.
    let has_pictures = matches!(kind, "ddimageortext" | "ddmarker");
    if node.children().filter(|child| !(has_pictures && matches!(child.name.as_str(), "file" | "drag"))).any(holds_file) {
        lose("files".to_owned());
    }
    let hints = read_hints(node, &mut lose);
    for said in ["correctfeedback", "partiallycorrectfeedback", "incorrectfeedback"] {
        // What Moodle writes by itself is no loss.
        if field(node, said).is_some_and(|text| !text.starts_with("Your answer is")) {
            lose(format!("the {said}"));
        }
    }
    let answers: Vec<&Node> = node.all("answer").collect();
    let shuffle = flag(node, "shuffleanswers", true);
    let answer = match kind {
        "multichoice" => {
            let options = answers.iter().enumerate().map(|(at, answer)| choice(at, answer)).collect::<Result<Vec<_>, _>>()?;
            if flag(node, "single", true) {
                Spec::SingleChoice { options, shuffle }
            } else {
                Spec::MultipleChoice { options, shuffle, all_or_nothing: false }
            }
        }
        "multichoiceset" => {
            let options = answers.iter().enumerate().map(|(at, answer)| choice(at, answer)).collect::<Result<Vec<_>, _>>()?;
            Spec::MultipleChoice { options: shared_out(options), shuffle, all_or_nothing: true }
        }
        "truefalse" => {
            let of = |wanted: &str| answers.iter().find(|answer| plain(answer).eq_ignore_ascii_case(wanted));
            let right = of("true").map(|answer| fraction(answer)).transpose()?.unwrap_or_default();
            let said = |wanted| of(wanted).and_then(|answer| field(answer, "feedback"));
            Spec::TrueFalse { correct: right > Fraction::ZERO, feedback_true: said("true"), feedback_false: said("false") }
        }
        "shortanswer" => {
            let accepted =
                |answer: &&Node| Ok(Accepted { text: plain(answer), fraction: fraction(answer)?, feedback: field(answer, "feedback") });
            Spec::ShortAnswer {
                accepted: answers.iter().map(accepted).collect::<Result<_, Broken>>()?,
                case_sensitive: flag(node, "usecase", false),
            }
        }
        "numerical" => numerical(node, &answers)?,
        "matching" => {
            let (mut pairs, mut distractors) = (Vec::new(), Vec::new());
            for (at, pair) in node.all("subquestion").enumerate() {
                let (premise, target) = (plain(pair), pair.get("answer").map(plain).unwrap_or_default());
                if premise.is_empty() {
                    distractors.push(Item { key: format!("d{}", at + 1), text: target });
                } else {
                    pairs.push(Pair { key: key(at), premise, target_key: format!("t{}", at + 1), target });
                }
            }
            Spec::Matching { pairs, distractors, shuffle }
        }
        "ordering" => {
            let items = answers.iter().enumerate().map(|(at, answer)| Item { key: key(at), text: plain(answer) }).collect();
            let grading = field(node, "gradingtype").unwrap_or_else(|| "ALL_OR_NOTHING".to_owned());
            let scoring = order_scoring(&grading).unwrap_or_else(|| {
                lose(format!("the grading type {grading}; all or nothing is taken"));
                OrderScoring::Exact
            });
            Spec::Ordering { items, scoring }
        }
        "cloze" => {
            let (text, gaps) = cloze::read(&stem, node.line)?;
            stem = text;
            Spec::Cloze { gaps }
        }
        "essay" => {
            let words = |name: &str| field(node, name).and_then(|text| text.parse::<u32>().ok()).filter(|words| *words > 0);
            if field(node, "attachments").is_some_and(|count| count != "0") {
                lose("attachments".to_owned());
            }
            Spec::Essay {
                min_words: words("minwordlimit"),
                max_words: words("maxwordlimit"),
                template: field(node, "responsetemplate"),
                marking_guide: field(node, "graderinfo"),
            }
        }
        "gapselect" | "ddwtos" => drag::read_words(node, &mut stem, kind == "ddwtos")?,
        "ddimageortext" => drag::read_onto_picture(node)?,
        "ddmarker" => drag::read_markers(node, &mut lose)?,
        "calculated" | "calculatedsimple" => calculated::read(node, &answers, &mut lose)?,
        "description" => Spec::Description {},
        other => {
            lose(format!("the whole question: there is no type {other}"));
            return Ok(None);
        }
    };
    let (default_mark, penalty) = if answer.is_question() { marks(node)? } else { (Mark::ZERO, Fraction::ZERO) };
    let general_feedback = field(node, "generalfeedback");
    Ok(Some(Content { name, stem, default_mark, penalty, general_feedback, hints, answer }))
}

/// Hints, of which the marks that clear or count what is wrong are not taken over.
fn read_hints(node: &Node, lose: &mut impl FnMut(String)) -> Vec<String> {
    let mut hints = Vec::new();
    for hint in node.all("hint") {
        if ["shownumcorrect", "clearwrong", "options"].iter().any(|name| hint.get(name).is_some_and(|own| own.text().trim() != "0")) {
            lose("what a hint does besides what it says".to_owned());
        }
        match plain(hint) {
            text if text.is_empty() => lose("a hint that says nothing".to_owned()),
            text => hints.push(text),
        }
    }
    hints
}

fn holds_file(node: &Node) -> bool {
    node.name == "file" || node.find("file").is_some()
}

/// By its name, or by the number that older files have.
fn order_scoring(grading: &str) -> Option<OrderScoring> {
    match grading {
        "ALL_OR_NOTHING" | "-1" => Some(OrderScoring::Exact),
        "ABSOLUTE_POSITION" | "0" => Some(OrderScoring::Position),
        "RELATIVE_NEXT_EXCLUDE_LAST" | "1" => Some(OrderScoring::Neighbours),
        "LONGEST_ORDERED_SUBSET" | "5" => Some(OrderScoring::LongestRun),
        _ => None,
    }
}

/// The default mark and the penalty.
fn marks(node: &Node) -> Result<(Mark, Fraction), Broken> {
    let number = |name: &str| field(node, name).map(|text| text.parse::<f64>()).transpose();
    let broken = |detail: String| Broken::new(node.line, detail);
    let mark = number("defaultgrade").map_err(|_| broken("the default grade is no number".to_owned()))?.unwrap_or(1.0);
    let penalty = number("penalty").map_err(|_| broken("the penalty is no number".to_owned()))?.unwrap_or_default();
    let mark = Mark::try_from(mark).map_err(|error| broken(format!("the default grade {error}")))?;
    Ok((mark, Fraction::try_from(penalty).map_err(|error| broken(format!("the penalty {error}")))?))
}

fn choice(at: usize, answer: &Node) -> Result<Choice, Broken> {
    Ok(Choice { key: key(at), text: plain(answer), fraction: fraction(answer)?, feedback: field(answer, "feedback") })
}

/// In a set each right option says 100 %: together they are the whole.
fn shared_out(mut options: Vec<Choice>) -> Vec<Choice> {
    let right = options.iter().filter(|option| option.fraction > Fraction::ZERO).count();
    for option in &mut options {
        option.fraction = if option.fraction > Fraction::ZERO { Fraction::of(1, right) } else { Fraction::ZERO };
    }
    options
}

fn numerical(node: &Node, answers: &[&Node]) -> Result<Spec, Broken> {
    let accepted = |answer: &&Node| {
        let tolerance = field(answer, "tolerance").unwrap_or_else(|| "0".to_owned());
        Ok(NumericKey {
            value: number(answer, Some(&plain(answer)))?,
            tolerance: number(answer, Some(&tolerance))?,
            tolerance_kind: ToleranceKind::Absolute,
            fraction: fraction(answer)?,
            feedback: field(answer, "feedback"),
        })
    };
    let (units, unit_required, unit_penalty) = units(node)?;
    Ok(Spec::Numerical { accepted: answers.iter().map(accepted).collect::<Result<_, Broken>>()?, units, unit_required, unit_penalty })
}

/// The units, whether one must be given, and what it costs not to.
pub(super) fn units(node: &Node) -> Result<(Vec<Unit>, bool, Fraction), Broken> {
    let unit = |unit: &Node| {
        let per_first = number(unit, field(unit, "multiplier").as_deref())?;
        Ok(Unit { symbol: field(unit, "unit_name").unwrap_or_default(), per_first })
    };
    let units =
        node.get("units").map(|units| units.all("unit").map(unit).collect::<Result<Vec<_>, Broken>>()).transpose()?.unwrap_or_default();
    let penalty = field(node, "unitpenalty").and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    // 3: not used, 0: optional, 1 and 2: marked, as a part of the response or of the question.
    let required = matches!(field(node, "unitgradingtype").as_deref(), Some("1" | "2")) && !units.is_empty();
    let penalty = if required {
        Fraction::try_from(penalty).map_err(|_| Broken::new(node.line, "the unit penalty is no fraction"))?
    } else {
        Fraction::ZERO
    };
    Ok((units, required, penalty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moodle_writes_is_read_and_what_is_not_known_is_told() {
        let file = r#"<?xml version="1.0" encoding="UTF-8"?>
<quiz>
  <question type="category"><category><text>$course$/top/Science/Plants</text></category></question>
  <question type="multichoice">
    <name><text>Leaves</text></name>
    <questiontext format="html"><text><![CDATA[<p>Which gas?</p>]]></text></questiontext>
    <generalfeedback format="html"><text></text></generalfeedback>
    <defaultgrade>2.0000000</defaultgrade><penalty>0.3333333</penalty>
    <single>true</single><shuffleanswers>false</shuffleanswers>
    <correctfeedback format="html"><text>Your answer is correct.</text></correctfeedback>
    <answer fraction="100" format="html"><text>CO2</text><feedback format="html"><text>Yes</text></feedback></answer>
    <answer fraction="-33.33333" format="html"><text>O2</text></answer>
    <tags><tag><text>biology</text></tag></tags>
  </question>
  <question type="calculatedmulti"><name><text>Sum</text></name></question>
</quiz>"#;
        let imported = import(file).unwrap();
        let [draft] = &imported.questions[..] else { panic!() };
        assert_eq!(
            (&draft.category[..], &draft.tags[..], draft.line),
            (&["Science".to_owned(), "Plants".to_owned()][..], &["biology".to_owned()][..], 4)
        );
        assert_eq!((draft.content.default_mark.to_string(), draft.content.penalty.steps()), ("2".to_owned(), 3_333_333));
        let Spec::SingleChoice { options, shuffle } = &draft.content.answer else { panic!() };
        assert_eq!((options[1].fraction.steps(), shuffle), (-3_333_333, &false));
        let told: Vec<&str> = imported.losses.iter().map(|loss| loss.question.as_str()).collect();
        assert_eq!(told, ["Leaves", "Sum"], "{:?}", imported.losses);
    }

    #[test]
    fn faults_are_told_with_their_lines() {
        let broken =
            import("<quiz>\n<question type=\"shortanswer\">\n<answer fraction=\"many\"><text>x</text></answer></question>\n</quiz>")
                .unwrap_err();
        assert_eq!(broken[0].line, 3);
        assert!(import("<questions/>").is_err());
    }
}
