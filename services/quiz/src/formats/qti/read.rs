//! Reads an assessment item.

use std::collections::HashMap;

use crate::formats::xml::{Node, Piece, parse};
use crate::formats::{Broken, Draft, Imported, Loss, key, name_of};
use crate::model::mark::{Fraction, Mark};
use crate::model::number::Number;
use crate::model::question::{Accepted, Choice, Content, Item, NumericKey, OrderScoring, Pair, Spec, ToleranceKind};

/// What a response is declared to be.
struct Declared {
    cardinality: String,
    base_type: String,
    correct: Vec<String>,
    /// What a value is worth, if that is said, and whether capitals matter.
    mapping: Option<Vec<(String, f64, bool)>>,
}

/// Reads an item into `imported`.
pub(super) fn item(document: &str, imported: &mut Imported) -> Result<(), Vec<Broken>> {
    let root = parse(document)?;
    if root.name != "assessmentItem" {
        return Err(vec![Broken::new(root.line, format!("the root is <{}>, not <assessmentItem>", root.name))]);
    }
    let body = root.get("itemBody").ok_or_else(|| vec![Broken::new(root.line, "there is no <itemBody>")])?;
    let mut stem = String::new();
    asked(body, &mut stem);
    let stem = stem.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = root.attribute("title").map(str::trim).filter(|title| !title.is_empty()).map_or_else(|| name_of(&stem), str::to_owned);
    let mut interactions = Vec::new();
    find_interactions(body, &mut interactions);
    let lose = |imported: &mut Imported, detail: &str| imported.losses.push(Loss::new(&name, detail));
    if root.get("modalFeedback").is_some() || body.find("feedbackInline").is_some() || body.find("feedbackBlock").is_some() {
        lose(imported, "feedback");
    }
    if body.find("img").is_some() || body.find("object").is_some() {
        lose(imported, "pictures and media");
    }
    let best = root.all("outcomeDeclaration").find(|outcome| outcome.attribute("identifier") == Some("MAXSCORE"));
    let best = best.and_then(|outcome| outcome.find("value")).and_then(|value| value.text().trim().parse::<f64>().ok());
    let (answer, worth) = match interactions[..] {
        [] => (Some(Spec::Description {}), None),
        [only] => {
            let declared = declared(&root, only)?;
            answer(&root, only, &declared)?
        }
        _ => (None, None),
    };
    let Some(answer) = answer else {
        lose(imported, "the whole question: its interactions are not known here");
        return Ok(());
    };
    let mark = best.or(worth).unwrap_or(1.0);
    let default_mark = if answer.is_question() { Mark::try_from(mark).unwrap_or(Mark::ONE) } else { Mark::ZERO };
    let content = Content { name, stem, default_mark, penalty: Fraction::ZERO, general_feedback: None, hints: Vec::new(), answer };
    imported.questions.push(Draft { line: root.line, category: Vec::new(), content, tags: Vec::new(), difficulty: None });
    Ok(())
}

fn is_interaction(node: &Node) -> bool {
    node.name.ends_with("Interaction")
}

fn find_interactions<'n>(node: &'n Node, into: &mut Vec<&'n Node>) {
    for child in node.children() {
        if is_interaction(child) { into.push(child) } else { find_interactions(child, into) }
    }
}

/// The text around the interactions, and their prompts.
fn asked(node: &Node, into: &mut String) {
    for piece in &node.content {
        match piece {
            Piece::Text(text) => into.push_str(text),
            Piece::Node(child) if is_interaction(child) => {
                if let Some(prompt) = child.get("prompt") {
                    into.push(' ');
                    into.push_str(&prompt.text());
                }
            }
            Piece::Node(child) if child.name.starts_with("feedback") => {}
            Piece::Node(child) => {
                asked(child, into);
                into.push(' ');
            }
        }
    }
}

fn declared(root: &Node, interaction: &Node) -> Result<Declared, Vec<Broken>> {
    let id = interaction.attribute("responseIdentifier").unwrap_or("RESPONSE");
    let node = root.all("responseDeclaration").find(|node| node.attribute("identifier") == Some(id));
    let node = node.ok_or_else(|| vec![Broken::new(interaction.line, format!("the response {id} is not declared"))])?;
    let values = node.get("correctResponse").map(|correct| correct.all("value").map(|value| value.text().trim().to_owned()).collect());
    let entry = |entry: &Node| {
        let value = entry.attribute("mappedValue")?.trim().parse().ok()?;
        Some((entry.attribute("mapKey")?.to_owned(), value, entry.attribute("caseSensitive") != Some("false")))
    };
    let mapping = node.get("mapping").map(|mapping| {
        mapping
            .all("mapEntry")
            .map(|own| entry(own).ok_or_else(|| vec![Broken::new(own.line, "a map entry needs a key and a number")]))
            .collect()
    });
    Ok(Declared {
        cardinality: node.attribute("cardinality").unwrap_or_default().to_owned(),
        base_type: node.attribute("baseType").unwrap_or_default().to_owned(),
        correct: values.unwrap_or_default(),
        mapping: mapping.transpose()?,
    })
}

fn flag(node: &Node, name: &str) -> bool {
    node.attribute(name) == Some("true")
}

fn said(node: &Node) -> String {
    node.text().trim().to_owned()
}

fn own_key(node: &Node, at: usize) -> String {
    let id = node.attribute("identifier").unwrap_or_default();
    let fit = (1..=40).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fit { id.to_owned() } else { key(at) }
}

fn part(value: f64, whole: f64) -> Fraction {
    let scaled = if whole > 0.0 { value / whole } else { 0.0 };
    Fraction::try_from((scaled.clamp(-1.0, 1.0) * 1e7).round() / 1e7).unwrap_or_default()
}

type Answer = (Option<Spec>, Option<f64>);

fn answer(root: &Node, interaction: &Node, declared: &Declared) -> Result<Answer, Vec<Broken>> {
    Ok(match interaction.name.as_str() {
        "choiceInteraction" => choice(interaction, declared),
        "textEntryInteraction" if matches!(declared.base_type.as_str(), "float" | "integer") => {
            (Some(number(root, interaction, declared)?), None)
        }
        "textEntryInteraction" => text_entry(declared),
        "matchInteraction" => (matching(interaction, declared), None),
        "orderInteraction" => (Some(ordering(interaction, declared)?), None),
        "extendedTextInteraction" => (Some(Spec::Essay { min_words: None, max_words: None, template: None, marking_guide: None }), None),
        _ => (None, None),
    })
}

fn choice(interaction: &Node, declared: &Declared) -> Answer {
    let choices: Vec<&Node> = interaction.all("simpleChoice").collect();
    let is_right = |node: &&Node| node.attribute("identifier").is_some_and(|id| declared.correct.iter().any(|correct| correct == id));
    let ids: Vec<&str> = choices.iter().filter_map(|node| node.attribute("identifier")).collect();
    if ids == ["true", "false"] && declared.mapping.is_none() {
        let correct = declared.correct.first().is_some_and(|id| id == "true");
        return (Some(Spec::TrueFalse { correct, feedback_true: None, feedback_false: None }), None);
    }
    let worth: HashMap<&str, f64> = declared.mapping.iter().flatten().map(|(id, value, _)| (id.as_str(), *value)).collect();
    let value = |node: &&Node| node.attribute("identifier").and_then(|id| worth.get(id)).copied().unwrap_or_default();
    let multiple = declared.cardinality == "multiple";
    let right = choices.iter().filter(|node| is_right(node)).count();
    let positive = choices.iter().map(value).filter(|value| *value > 0.0);
    let best = if multiple { positive.sum::<f64>() } else { positive.fold(0.0, f64::max) };
    // Three thirds of seven decimals are a whole.
    let whole = if (best - 1.0).abs() < 1e-5 { 1.0 } else { best };
    let fraction = |node: &&Node| match &declared.mapping {
        Some(_) => part(value(node), whole),
        None if !is_right(node) => Fraction::ZERO,
        None if multiple => Fraction::of(1, right),
        None => Fraction::ONE,
    };
    let option =
        |(at, node): (usize, &&Node)| Choice { key: own_key(node, at), text: said(node), fraction: fraction(node), feedback: None };
    let options = choices.iter().enumerate().map(option).collect();
    let shuffle = flag(interaction, "shuffle");
    let spec = if multiple {
        Spec::MultipleChoice { options, shuffle, all_or_nothing: declared.mapping.is_none() }
    } else {
        Spec::SingleChoice { options, shuffle }
    };
    (Some(spec), declared.mapping.as_ref().map(|_| whole).filter(|whole| *whole > 0.0))
}

fn text_entry(declared: &Declared) -> Answer {
    // An asterisk is nothing but itself here.
    let literal = |text: &str| text.replace('*', "\\*");
    let Some(mapping) = &declared.mapping else {
        let accepted =
            declared.correct.iter().map(|text| Accepted { text: literal(text), fraction: Fraction::ONE, feedback: None }).collect();
        return (Some(Spec::ShortAnswer { accepted, case_sensitive: true }), None);
    };
    let best = mapping.iter().map(|(_, value, _)| *value).fold(0.0, f64::max);
    let accepted = |(text, value, _): &(String, f64, bool)| Accepted { text: literal(text), fraction: part(*value, best), feedback: None };
    let case_sensitive = mapping.iter().any(|(_, _, matters)| *matters);
    (Some(Spec::ShortAnswer { accepted: mapping.iter().map(accepted).collect(), case_sensitive }), Some(best).filter(|best| *best > 0.0))
}

fn number(root: &Node, interaction: &Node, declared: &Declared) -> Result<Spec, Vec<Broken>> {
    let wrong = |detail| vec![Broken::new(interaction.line, detail)];
    let value = declared.correct.first().and_then(|text| Number::read(text)).ok_or_else(|| wrong("the right answer is no number"))?;
    let equal = root.get("responseProcessing").and_then(|processing| processing.find("equal"));
    let mode = equal.and_then(|equal| equal.attribute("toleranceMode")).unwrap_or("exact");
    let written = equal.and_then(|equal| equal.attribute("tolerance")).and_then(|text| text.split_whitespace().next()).unwrap_or("0");
    let tolerance = Number::read(written).ok_or_else(|| wrong("the tolerance is no number"))?;
    let (tolerance, tolerance_kind) = match mode {
        "absolute" => (tolerance, ToleranceKind::Absolute),
        // In percent there, a part of one here.
        "relative" => (Number((tolerance.decimal() / rust_decimal::Decimal::ONE_HUNDRED).normalize()), ToleranceKind::Relative),
        _ => (Number::default(), ToleranceKind::Absolute),
    };
    let accepted = vec![NumericKey { value, tolerance, tolerance_kind, fraction: Fraction::ONE, feedback: None }];
    Ok(Spec::Numerical { accepted, units: Vec::new(), unit_required: false, unit_penalty: Fraction::ZERO })
}

fn matching(interaction: &Node, declared: &Declared) -> Option<Spec> {
    let mut sets = interaction.all("simpleMatchSet");
    let (premises, targets) = (sets.next()?, sets.next()?);
    let choices = |set: &Node| -> Vec<(String, String)> {
        set.all("simpleAssociableChoice").map(|node| (node.attribute("identifier").unwrap_or_default().to_owned(), said(node))).collect()
    };
    let (premises, targets) = (choices(premises), choices(targets));
    let right: HashMap<&str, &str> =
        declared.correct.iter().filter_map(|pair| pair.split_once(' ')).map(|(from, to)| (from, to.trim())).collect();
    let (mut pairs, mut used) = (Vec::new(), Vec::new());
    for (at, (id, premise)) in premises.into_iter().enumerate() {
        let target = right.get(id.as_str()).and_then(|target| targets.iter().find(|(own, _)| own == target))?;
        used.push(target.0.clone());
        pairs.push(Pair { key: key(at), premise, target_key: format!("t{}", at + 1), target: target.1.clone() });
    }
    let left = targets.into_iter().filter(|(id, _)| !used.contains(id)).enumerate();
    let distractors = left.map(|(at, (_, text))| Item { key: format!("d{}", at + 1), text }).collect();
    Some(Spec::Matching { pairs, distractors, shuffle: flag(interaction, "shuffle") })
}

fn ordering(interaction: &Node, declared: &Declared) -> Result<Spec, Vec<Broken>> {
    let choices: Vec<&Node> = interaction.all("simpleChoice").collect();
    let item = |(at, id): (usize, &String)| {
        let node = choices.iter().find(|node| node.attribute("identifier") == Some(id));
        let node = node.ok_or_else(|| vec![Broken::new(interaction.line, format!("the right order names {id}, which is not there"))])?;
        Ok(Item { key: key(at), text: said(node) })
    };
    let items = declared.correct.iter().enumerate().map(item).collect::<Result<_, Vec<Broken>>>()?;
    Ok(Spec::Ordering { items, scoring: OrderScoring::Exact })
}
