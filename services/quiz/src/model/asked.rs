//! What a student is shown of a question: never what is right, in an order of the attempt's own.
//!
//! The types here have no place for a fraction, a tolerance or a key of what is right, so none can slip through.

use std::collections::{BTreeMap, HashSet};

use domain::SlotId;
use serde::Serialize;
use utoipa::ToSchema;

use super::drag::{Marker, Piece, Places, Word, right_markers};
use super::picture::{Picture, Point};
use super::question::{Blank, Choice, Content, Spec, Unit};
use super::random::Random;
use super::response::Response;

/// A question as it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Asked {
    /// Its type; a calculated question is `numerical` once it has its numbers.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What is asked; gaps stand as `{{key}}`.
    pub stem: String,
    /// Choice: what there is to choose from. Ordering: what to put into order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<Part>>,
    /// Matching: what needs a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub premises: Option<Vec<Part>>,
    /// Matching: the targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<Part>>,
    /// Cloze: the gaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps: Option<Vec<AskedGap>>,
    /// Words, pictures and markers to be put in their places: where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<AskedPlace>>,
    /// Words, pictures and markers to be put in their places: what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<AskedPiece>>,
    /// What things are dragged onto.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// Numerical: the units that are understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<String>>,
    /// Essay: how long it should be at least, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_words: Option<u32>,
    /// Essay: how long it should be at most, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_words: Option<u32>,
    /// Essay: what to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A part of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// Names it in answers.
    pub key: String,
    /// What it says.
    pub text: String,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AskedGap {
    /// Its mark in the stem, and its name in answers.
    pub key: String,
    /// `choice`, `text` or `number`.
    pub kind: &'static str,
    /// What there is to choose from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<Part>>,
}

/// A place that takes one of the choices of its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AskedPlace {
    /// Its mark in the stem, if it is a gap, and its name in answers.
    pub key: String,
    /// The group of the choices that it takes.
    pub group: u8,
    /// Its upper left corner on the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Point>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Something to be put in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AskedPiece {
    /// Names it in answers.
    pub key: String,
    /// What it says.
    pub text: String,
    /// The picture, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// The group of the places that take it; none of a marker, which goes anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u8>,
    /// How many there are of it; null for as many as one likes.
    pub count: Option<u8>,
}

fn word(word: &Word, dragged: bool) -> AskedPiece {
    let count = (dragged && !word.unlimited).then_some(1);
    AskedPiece { key: word.key.clone(), text: word.text.clone(), picture: None, group: Some(word.group), count }
}

fn piece(piece: &Piece) -> AskedPiece {
    AskedPiece {
        key: piece.key.clone(),
        text: piece.text.clone(),
        picture: piece.picture.clone(),
        group: Some(piece.group),
        count: (!piece.unlimited).then_some(1),
    }
}

fn part(key: &str, text: &str) -> Part {
    Part { key: key.to_owned(), text: text.to_owned() }
}

fn options(choices: &[Choice]) -> Vec<Part> {
    choices.iter().map(|choice| part(&choice.key, &choice.text)).collect()
}

/// `content` as the attempt with this seed is asked it at `slot`.
#[must_use]
pub fn asked(content: &Content, slot: SlotId, attempt_seed: i64, shuffle_answers: bool) -> Asked {
    let mut random = Random::of(attempt_seed, &[slot.as_uuid().as_bytes().as_slice(), b"parts"].concat());
    let mut asked = Asked {
        kind: content.answer.kind(),
        stem: content.stem.clone(),
        options: None,
        premises: None,
        targets: None,
        gaps: None,
        places: None,
        choices: None,
        picture: None,
        units: None,
        min_words: None,
        max_words: None,
        template: None,
    };
    match &content.answer {
        Spec::SingleChoice { options: choices, shuffle } | Spec::MultipleChoice { options: choices, shuffle, .. } => {
            let mut parts = options(choices);
            if *shuffle && shuffle_answers {
                random.shuffle(&mut parts);
            }
            asked.options = Some(parts);
        }
        Spec::Matching { pairs, distractors, shuffle } => {
            let mut premises: Vec<Part> = pairs.iter().map(|pair| part(&pair.key, &pair.premise)).collect();
            if *shuffle && shuffle_answers {
                random.shuffle(&mut premises);
            }
            // What two premises share is offered once.
            let mut offered = HashSet::new();
            let real = pairs.iter().filter(|pair| offered.insert(pair.target.as_str())).map(|pair| part(&pair.target_key, &pair.target));
            let mut targets: Vec<Part> = real.chain(distractors.iter().map(|item| part(&item.key, &item.text))).collect();
            random.shuffle(&mut targets);
            asked.premises = Some(premises);
            asked.targets = Some(targets);
        }
        Spec::Ordering { items, .. } => {
            let mut parts: Vec<Part> = items.iter().map(|item| part(&item.key, &item.text)).collect();
            random.shuffle(&mut parts);
            asked.options = Some(parts);
        }
        Spec::Cloze { gaps } => {
            let gap = |gap: &super::question::Gap| {
                let (kind, options) = match &gap.blank {
                    Blank::Choice { options: choices } => ("choice", Some(options(choices))),
                    Blank::Text { .. } => ("text", None),
                    Blank::Number { .. } => ("number", None),
                };
                AskedGap { key: gap.key.clone(), kind, options }
            };
            asked.gaps = Some(gaps.iter().map(gap).collect());
        }
        Spec::SelectWords { .. } | Spec::DragWords { .. } | Spec::DragOntoPicture { .. } | Spec::DragMarkers { .. } => {
            put_in_place(&mut asked, &content.answer, shuffle_answers, &mut random);
        }
        Spec::Numerical { units, .. } | Spec::Calculated { units, .. } => asked.units = symbols(units),
        Spec::Essay { min_words, max_words, template, .. } => {
            asked.min_words = *min_words;
            asked.max_words = *max_words;
            asked.template.clone_from(template);
        }
        Spec::TrueFalse { .. } | Spec::ShortAnswer { .. } | Spec::Description {} => {}
    }
    asked
}

/// What is put in its place, and where, as far as that is asked.
fn put_in_place(asked: &mut Asked, spec: &Spec, shuffle_answers: bool, random: &mut Random) {
    let all = Places::of(spec);
    let place = |key: &str, at: Option<Point>, label: Option<String>| AskedPlace {
        key: key.to_owned(),
        group: all.as_ref().and_then(|all| all.group(key)).unwrap_or_default(),
        at,
        label,
    };
    let (mut pieces, shuffle): (Vec<AskedPiece>, bool) = match spec {
        Spec::SelectWords { places, choices, shuffle } | Spec::DragWords { places, choices, shuffle } => {
            let dragged = matches!(spec, Spec::DragWords { .. });
            asked.places = Some(places.iter().map(|own| place(&own.key, None, None)).collect());
            (choices.iter().map(|own| word(own, dragged)).collect(), *shuffle)
        }
        Spec::DragOntoPicture { picture, places, choices, shuffle } => {
            asked.places = Some(places.iter().map(|spot| place(&spot.key, Some(spot.at), spot.label.clone())).collect());
            asked.picture = Some(picture.clone());
            (choices.iter().map(piece).collect(), *shuffle)
        }
        Spec::DragMarkers { picture, markers, shuffle, .. } => {
            asked.picture = Some(picture.clone());
            (markers.iter().map(marker).collect(), *shuffle)
        }
        _ => return,
    };
    if shuffle && shuffle_answers {
        random.shuffle(&mut pieces);
    }
    asked.choices = Some(pieces);
}

fn marker(marker: &Marker) -> AskedPiece {
    let count = (marker.count > 0).then_some(marker.count);
    AskedPiece { key: marker.key.clone(), text: marker.text.clone(), picture: None, group: None, count }
}

fn symbols(units: &[Unit]) -> Option<Vec<String>> {
    (!units.is_empty()).then(|| units.iter().map(|unit| unit.symbol.clone()).collect())
}

/// An answer that earns all the marks, for the review; none where there is none.
#[must_use]
pub fn right_answer(spec: &Spec) -> Option<Response> {
    let right = |options: &[Choice]| options.iter().max_by_key(|option| option.fraction).map(|option| option.key.clone());
    let empty = Response::default();
    Some(match spec {
        Spec::SingleChoice { options, .. } => Response { keys: Some(right(options).into_iter().collect()), ..empty },
        Spec::MultipleChoice { options, .. } => {
            let worth = options.iter().filter(|option| option.fraction.steps() > 0).map(|option| option.key.clone());
            Response { keys: Some(worth.collect()), ..empty }
        }
        Spec::TrueFalse { correct, .. } => Response { is_true: Some(*correct), ..empty },
        Spec::ShortAnswer { accepted, .. } => {
            Response { text: accepted.iter().max_by_key(|answer| answer.fraction).map(|answer| answer.text.clone()), ..empty }
        }
        Spec::Numerical { accepted, units, .. } => Response {
            number: accepted.iter().max_by_key(|answer| answer.fraction).map(|answer| answer.value.to_string()),
            unit: units.first().map(|unit| unit.symbol.clone()),
            ..empty
        },
        Spec::Matching { pairs, .. } => {
            // Premises that share a target share its first key: that is the one that is offered.
            let first =
                |target: &str| pairs.iter().find(|pair| pair.target == target).map(|pair| pair.target_key.clone()).unwrap_or_default();
            let matches: BTreeMap<String, String> = pairs.iter().map(|pair| (pair.key.clone(), first(&pair.target))).collect();
            Response { matches: Some(matches), ..empty }
        }
        Spec::Ordering { items, .. } => Response { keys: Some(items.iter().map(|item| item.key.clone()).collect()), ..empty },
        Spec::Cloze { gaps } => {
            let right = |blank: &Blank| match blank {
                Blank::Choice { options } => right(options),
                Blank::Text { accepted, .. } => accepted.iter().max_by_key(|answer| answer.fraction).map(|answer| answer.text.clone()),
                Blank::Number { accepted } => accepted.iter().max_by_key(|answer| answer.fraction).map(|answer| answer.value.to_string()),
            };
            Response { gaps: Some(gaps.iter().filter_map(|gap| Some((gap.key.clone(), right(&gap.blank)?))).collect()), ..empty }
        }
        Spec::SelectWords { .. } | Spec::DragWords { .. } => Response { gaps: Places::of(spec).map(|places| places.solution()), ..empty },
        Spec::DragOntoPicture { .. } => Response { matches: Places::of(spec).map(|places| places.solution()), ..empty },
        Spec::DragMarkers { zones, markers, .. } => Response { markers: Some(right_markers(zones, markers)), ..empty },
        Spec::Calculated { .. } | Spec::Essay { .. } | Spec::Description {} => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::grade::{Outcome, grade};
    use crate::model::mark::Fraction;
    use crate::model::testing::one_of_each;

    #[test]
    fn what_is_asked_holds_nothing_of_what_is_right() {
        for content in one_of_each() {
            let slot = SlotId::generate();
            let json = serde_json::to_string(&asked(&content, slot, 5, true)).unwrap();
            for secret in [
                "fraction",
                "tolerance",
                "feedback",
                "correct",
                "accepted",
                "SECRET",
                "marking_guide",
                "target_key",
                "zones",
                "shape",
                "radius",
                "\"choice\":",
                "formula",
                "wildcards",
                "hints",
            ] {
                assert!(!json.contains(secret), "{secret} in {json}");
            }
            assert_eq!(json, serde_json::to_string(&asked(&content, slot, 5, true)).unwrap(), "the order is the attempt's own and stays");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_attempt_every_part_is_offered_once_and_only_the_order_differs(seed in any::<i64>(), other in any::<i64>(), shuffles in any::<bool>()) {
            let slot = SlotId::generate();
            let sorted = |asked: &Asked| {
                let lists = [&asked.options, &asked.premises, &asked.targets].map(|list| {
                    let mut keys: Vec<String> = list.iter().flatten().map(|part| format!("{} {}", part.key, part.text)).collect();
                    keys.sort_unstable();
                    keys
                });
                let mut pieces: Vec<String> = asked.choices.iter().flatten().map(|piece| format!("{piece:?}")).collect();
                pieces.sort_unstable();
                (lists, pieces, asked.places.clone(), asked.gaps.clone(), asked.units.clone(), asked.stem.clone())
            };
            for content in one_of_each() {
                let (one, two) = (asked(&content, slot, seed, shuffles), asked(&content, slot, other, shuffles));
                prop_assert_eq!(sorted(&one), sorted(&two));
                prop_assert_eq!(asked(&content, slot, seed, shuffles), one);
            }
        }
    }

    #[test]
    fn what_is_shown_as_right_earns_all_the_marks() {
        for content in one_of_each() {
            if let Some(right) = right_answer(&content.answer) {
                assert_eq!(right.check(&content.answer), Ok(()), "{}", content.name);
                assert_eq!(grade(&content.answer, Some(&right)), Outcome::Earned(Fraction::ONE), "{}", content.name);
            }
        }
    }
}
