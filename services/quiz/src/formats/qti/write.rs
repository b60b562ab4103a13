//! Writes a package of assessment items.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use rust_decimal::Decimal;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::formats::moodle::absolute;
use crate::formats::xml::escape;
use crate::formats::{Draft, Exported, Loss};
use crate::model::mark::Fraction;
use crate::model::question::{Choice, Content, Item, NumericKey, OrderScoring, Pair, Spec, ToleranceKind};

const NAMESPACE: &str = "http://www.imsglobal.org/xsd/imsqti_v2p1";
const TEMPLATES: &str = "http://www.imsglobal.org/question/qti_v2p1/rptemplates";

/// Writes a zip.
pub(crate) fn export(questions: &[Draft]) -> Exported {
    let (mut items, mut losses) = (Vec::new(), Vec::new());
    for draft in questions {
        if let Some(parts) = parts(&draft.content, &mut losses) {
            common_losses(draft, &mut losses);
            items.push(item(&draft.content, &format!("q{}", items.len() + 1), &parts));
        }
    }
    // Writing into memory fails for nothing but a mistake in here; an empty file then says so.
    let file = package(&items).unwrap_or_default();
    Exported { file, losses }
}

fn package(items: &[String]) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut resources = String::new();
    for (number, item) in (1..).zip(items) {
        let name = format!("q{number}.xml");
        let _ = writeln!(
            resources,
            "    <resource identifier=\"q{number}\" type=\"imsqti_item_xmlv2p1\" href=\"{name}\"><file href=\"{name}\"/></resource>"
        );
        zip.start_file(name, options)?;
        zip.write_all(item.as_bytes())?;
    }
    zip.start_file("imsmanifest.xml", options)?;
    let manifest = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<manifest xmlns=\"http://www.imsglobal.org/xsd/imscp_v1p1\" identifier=\"questions\">\n  <metadata><schema>QTIv2.1 Package</schema><schemaversion>1.0.0</schemaversion></metadata>\n  <organizations/>\n  <resources>\n{resources}  </resources>\n</manifest>\n"
    );
    zip.write_all(manifest.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

fn common_losses(draft: &Draft, losses: &mut Vec<Loss>) {
    let content = &draft.content;
    let mut lose = |holds: bool, what: &str| {
        if holds {
            losses.push(Loss::new(&content.name, what));
        }
    };
    lose(!draft.tags.is_empty(), "tags");
    lose(!draft.category.is_empty(), "the category");
    lose(content.penalty != Fraction::ZERO, "the penalty");
    lose(!content.hints.is_empty(), "the hints");
    lose(content.general_feedback.is_some(), "the general feedback");
    // What is between elements is folded there.
    let folded = content.stem.split_whitespace().collect::<Vec<_>>().join(" ") != content.stem;
    lose(folded, "line breaks and repeated blanks in the text");
}

/// What is particular to a type.
struct Parts {
    declaration: String,
    interaction: String,
    processing: String,
}

fn template(name: &str) -> String {
    format!("  <responseProcessing template=\"{TEMPLATES}/{name}\"/>\n")
}

fn declaration(cardinality: &str, base_type: &str, correct: &[String], mapping: &[(String, Fraction)], attributes: &str) -> String {
    let values = correct.iter().fold(String::new(), |values, value| values + "<value>" + &escape(value) + "</value>");
    let mut declaration = format!(
        "  <responseDeclaration identifier=\"RESPONSE\" cardinality=\"{cardinality}\" baseType=\"{base_type}\">\n    <correctResponse>{values}</correctResponse>\n"
    );
    if !mapping.is_empty() {
        let entry = |(key, value): &(String, Fraction)| {
            // A line break within an attribute is folded unless it is spelt out.
            format!("<mapEntry mapKey=\"{}\" mappedValue=\"{value}\"{attributes}/>", escape(key).replace('\n', "&#10;"))
        };
        let entries: String = mapping.iter().map(entry).collect();
        let _ = writeln!(declaration, "    <mapping lowerBound=\"-1\" upperBound=\"1\" defaultValue=\"0\">{entries}</mapping>");
    }
    declaration + "  </responseDeclaration>\n"
}

fn simple_choices(options: &[(String, &str)]) -> String {
    let choice = |(id, text): &(String, &str)| format!("      <simpleChoice identifier=\"{id}\">{}</simpleChoice>\n", escape(text));
    options.iter().map(choice).collect()
}

fn parts(content: &Content, losses: &mut Vec<Loss>) -> Option<Parts> {
    let name = &content.name;
    let mut lose = |what: &str| losses.push(Loss::new(name, what));
    Some(match &content.answer {
        Spec::SingleChoice { options, shuffle } => choices(options, *shuffle, false, false, &mut lose),
        Spec::MultipleChoice { options, shuffle, all_or_nothing } => choices(options, *shuffle, true, *all_or_nothing, &mut lose),
        Spec::TrueFalse { correct, feedback_true, feedback_false } => {
            if feedback_true.is_some() || feedback_false.is_some() {
                lose("feedback");
            }
            let choices = simple_choices(&[("true".to_owned(), "True"), ("false".to_owned(), "False")]);
            Parts {
                declaration: declaration("single", "identifier", &[correct.to_string()], &[], ""),
                interaction: format!(
                    "    <choiceInteraction responseIdentifier=\"RESPONSE\" shuffle=\"false\" maxChoices=\"1\">\n{choices}    </choiceInteraction>\n"
                ),
                processing: template("match_correct"),
            }
        }
        Spec::ShortAnswer { accepted, case_sensitive } => {
            if accepted.iter().any(|answer| answer.feedback.is_some()) {
                lose("feedback");
            }
            if accepted.iter().any(|answer| answer.text.replace("\\*", "").contains('*')) {
                lose("that * stands for any characters; it is written as an asterisk");
            }
            let mapping: Vec<(String, Fraction)> =
                accepted.iter().map(|answer| (answer.text.replace("\\*", "*"), answer.fraction)).collect();
            let best: Vec<String> = accepted
                .iter()
                .filter(|answer| answer.fraction == Fraction::ONE)
                .map(|answer| answer.text.replace("\\*", "*"))
                .take(1)
                .collect();
            let attributes = if *case_sensitive { " caseSensitive=\"true\"" } else { " caseSensitive=\"false\"" };
            Parts {
                declaration: declaration("single", "string", &best, &mapping, attributes),
                interaction: "    <p><textEntryInteraction responseIdentifier=\"RESPONSE\"/></p>\n".to_owned(),
                processing: template("map_response"),
            }
        }
        Spec::Numerical { accepted, units, .. } => {
            let first = accepted.iter().find(|answer| answer.fraction == Fraction::ONE)?;
            if accepted.len() > 1 {
                lose("all numbers but the first that earns everything");
            }
            if !units.is_empty() {
                lose("the units");
            }
            if first.tolerance_kind == ToleranceKind::Geometric {
                lose("that a tolerance is geometric; it is written as an absolute one");
            }
            if accepted.iter().any(|answer| answer.feedback.is_some()) {
                lose("feedback");
            }
            number(first)
        }
        Spec::Matching { pairs, distractors, shuffle } => matching(pairs, distractors, *shuffle),
        Spec::Ordering { items, scoring } => {
            if *scoring != OrderScoring::Exact {
                lose("what an order that is partly right earns");
            }
            let named: Vec<(String, &str)> = (1..).zip(items).map(|(n, item)| (format!("i{n}"), item.text.as_str())).collect();
            let right: Vec<String> = named.iter().map(|(id, _)| id.clone()).collect();
            let choices = simple_choices(&named);
            Parts {
                declaration: declaration("ordered", "identifier", &right, &[], ""),
                interaction: format!(
                    "    <orderInteraction responseIdentifier=\"RESPONSE\" shuffle=\"true\">\n{choices}    </orderInteraction>\n"
                ),
                processing: template("match_correct"),
            }
        }
        Spec::Essay { min_words, max_words, template, marking_guide } => {
            if min_words.is_some() || max_words.is_some() || template.is_some() || marking_guide.is_some() {
                lose("how many words are asked for, what to start from, and the marking guide");
            }
            Parts {
                declaration: "  <responseDeclaration identifier=\"RESPONSE\" cardinality=\"single\" baseType=\"string\"/>\n".to_owned(),
                interaction: "    <extendedTextInteraction responseIdentifier=\"RESPONSE\" expectedLines=\"10\"/>\n".to_owned(),
                processing: String::new(),
            }
        }
        Spec::Description {} => Parts { declaration: String::new(), interaction: String::new(), processing: String::new() },
        Spec::Cloze { .. } | Spec::SelectWords { .. } | Spec::DragWords { .. } => {
            lose("the whole question: several interactions in one item are not written");
            return None;
        }
        Spec::DragOntoPicture { .. } | Spec::DragMarkers { .. } => {
            lose("the whole question: items with pictures are not written");
            return None;
        }
        Spec::Calculated { .. } => {
            lose("the whole question: templates, which draw numbers, are not written");
            return None;
        }
    })
}

fn matching(pairs: &[Pair], distractors: &[Item], shuffle: bool) -> Parts {
    let set = |lines: Vec<(String, &str)>| {
        let line = |(id, text): (String, &str)| {
            format!("        <simpleAssociableChoice identifier=\"{id}\" matchMax=\"1\">{}</simpleAssociableChoice>\n", escape(text))
        };
        format!("      <simpleMatchSet>\n{}      </simpleMatchSet>\n", lines.into_iter().map(line).collect::<String>())
    };
    let premises = set((1..).zip(pairs).map(|(n, pair)| (format!("p{n}"), pair.premise.as_str())).collect());
    let targets = (1..).zip(pairs).map(|(n, pair)| (format!("t{n}"), pair.target.as_str()));
    let targets = set(targets.chain((1..).zip(distractors).map(|(n, item)| (format!("d{n}"), item.text.as_str()))).collect());
    let right: Vec<String> = (1..=pairs.len()).map(|n| format!("p{n} t{n}")).collect();
    let mapping: Vec<(String, Fraction)> = right.iter().map(|pair| (pair.clone(), Fraction::of(1, pairs.len()))).collect();
    Parts {
        declaration: declaration("multiple", "directedPair", &right, &mapping, ""),
        interaction: format!(
            "    <matchInteraction responseIdentifier=\"RESPONSE\" shuffle=\"{shuffle}\" maxAssociations=\"{}\">\n{premises}{targets}    </matchInteraction>\n",
            pairs.len()
        ),
        processing: template("map_response"),
    }
}

fn number(answer: &NumericKey) -> Parts {
    let (mode, tolerance) = match answer.tolerance_kind {
        ToleranceKind::Absolute | ToleranceKind::Geometric => ("absolute", absolute(answer)),
        // In percent there, a part of one here.
        ToleranceKind::Relative => {
            ("relative", answer.tolerance.decimal().checked_mul(Decimal::ONE_HUNDRED).unwrap_or_default().normalize())
        }
    };
    let processing = format!(
        "  <responseProcessing><responseCondition><responseIf>\n    <equal toleranceMode=\"{mode}\" tolerance=\"{tolerance} {tolerance}\"><variable identifier=\"RESPONSE\"/><correct identifier=\"RESPONSE\"/></equal>\n    <setOutcomeValue identifier=\"SCORE\"><variable identifier=\"MAXSCORE\"/></setOutcomeValue>\n  </responseIf></responseCondition></responseProcessing>\n"
    );
    Parts {
        declaration: declaration("single", "float", &[answer.value.to_string()], &[], ""),
        interaction: "    <p><textEntryInteraction responseIdentifier=\"RESPONSE\"/></p>\n".to_owned(),
        processing,
    }
}

fn choices(options: &[Choice], shuffle: bool, multiple: bool, all_or_nothing: bool, lose: &mut impl FnMut(&str)) -> Parts {
    if options.iter().any(|option| option.feedback.is_some()) {
        lose("feedback");
    }
    let right: Vec<&Choice> = options.iter().filter(|option| option.fraction > Fraction::ZERO).collect();
    if all_or_nothing && !right.iter().all(|option| option.fraction == Fraction::of(1, right.len())) {
        lose("what single options are worth, which doesn't count where all must be right");
    }
    let id = |at: usize| format!("c{}", at + 1);
    let named: Vec<(String, &str)> = options.iter().enumerate().map(|(at, option)| (id(at), option.text.as_str())).collect();
    let best = options.iter().map(|option| option.fraction).max().unwrap_or_default();
    let is_right = |option: &Choice| if multiple { option.fraction > Fraction::ZERO } else { option.fraction == best };
    let correct: Vec<String> = options.iter().enumerate().filter(|(_, option)| is_right(option)).map(|(at, _)| id(at)).collect();
    let correct = if multiple { correct } else { correct.into_iter().take(1).collect() };
    let mapping: Vec<(String, Fraction)> =
        if all_or_nothing { Vec::new() } else { options.iter().enumerate().map(|(at, option)| (id(at), option.fraction)).collect() };
    let (cardinality, most) = if multiple { ("multiple", 0) } else { ("single", 1) };
    Parts {
        declaration: declaration(cardinality, "identifier", &correct, &mapping, ""),
        interaction: format!(
            "    <choiceInteraction responseIdentifier=\"RESPONSE\" shuffle=\"{shuffle}\" maxChoices=\"{most}\">\n{}    </choiceInteraction>\n",
            simple_choices(&named)
        ),
        processing: template(if all_or_nothing { "match_correct" } else { "map_response" }),
    }
}

fn item(content: &Content, id: &str, parts: &Parts) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<assessmentItem xmlns=\"{NAMESPACE}\" identifier=\"{id}\" title=\"{}\" adaptive=\"false\" timeDependent=\"false\">\n{}  <outcomeDeclaration identifier=\"SCORE\" cardinality=\"single\" baseType=\"float\"/>\n  <outcomeDeclaration identifier=\"MAXSCORE\" cardinality=\"single\" baseType=\"float\"><defaultValue><value>{}</value></defaultValue></outcomeDeclaration>\n  <itemBody>\n    <p>{}</p>\n{}  </itemBody>\n{}</assessmentItem>\n",
        escape(&content.name),
        parts.declaration,
        content.default_mark,
        escape(&content.stem),
        parts.interaction,
        parts.processing
    )
}
