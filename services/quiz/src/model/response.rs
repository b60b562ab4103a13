//! What a student answers, and whether it is an answer to the question that was asked.

use std::collections::{BTreeMap, HashSet};

use domain::{Fault, Faults};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::drag::{MAX_OF_A_MARKER, Places};
use super::picture::Point;
use super::question::{Blank, Spec};

/// The longest essay, in characters.
pub const MAX_ESSAY: usize = 50_000;
/// The longest other text.
pub const MAX_TEXT: usize = 1_000;

/// An answer. Which of the fields a question takes goes by its type; all others are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Choice: the options that are chosen. Ordering: all items, in the order that they are put in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100)]
    pub keys: Option<Vec<String>>,
    /// True or false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_true: Option<bool>,
    /// Short answer and essay: the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 50_000)]
    pub text: Option<String>,
    /// Numerical and calculated: the number as it was written, with or without its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1_000)]
    pub number: Option<String>,
    /// Numerical and calculated: the unit, where it has a field of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 30)]
    pub unit: Option<String>,
    /// Matching: the target's key by the premise's key. Dragged onto a picture: the choice's key by the place's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<BTreeMap<String, String>>,
    /// Texts with gaps: what goes into each gap, by its key; the key of an option or choice where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gaps: Option<BTreeMap<String, String>>,
    /// Markers: where each was put, by its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markers: Option<BTreeMap<String, Vec<Point>>>,
}

impl Response {
    /// Whether nothing is answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let blank = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
        self.keys.as_ref().is_none_or(Vec::is_empty)
            && self.is_true.is_none()
            && blank(&self.text)
            && blank(&self.number)
            && self.matches.as_ref().is_none_or(|matches| matches.values().all(String::is_empty))
            && self.gaps.as_ref().is_none_or(|gaps| gaps.values().all(|gap| gap.trim().is_empty()))
            && self.markers.as_ref().is_none_or(|markers| markers.values().all(Vec::is_empty))
    }

    /// Whether it is an answer to `spec`: every fault, as JSON pointers into it.
    pub fn check(&self, spec: &Spec) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        self.check_fields(spec, &mut faults);
        match spec {
            Spec::SingleChoice { options, .. } => {
                let known: HashSet<&str> = options.iter().map(|option| option.key.as_str()).collect();
                self.check_keys(&known, 1, &mut faults);
            }
            Spec::MultipleChoice { options, .. } => {
                let known: HashSet<&str> = options.iter().map(|option| option.key.as_str()).collect();
                self.check_keys(&known, known.len(), &mut faults);
            }
            Spec::Ordering { items, .. } => {
                let known: HashSet<&str> = items.iter().map(|item| item.key.as_str()).collect();
                self.check_keys(&known, known.len(), &mut faults);
                let complete = self.keys.as_ref().is_none_or(|keys| keys.is_empty() || keys.len() == known.len());
                faults.require(complete, "/keys", "must hold every item");
            }
            Spec::Matching { pairs, distractors, .. } => {
                let premises: HashSet<&str> = pairs.iter().map(|pair| pair.key.as_str()).collect();
                let targets: HashSet<&str> =
                    pairs.iter().map(|pair| pair.target_key.as_str()).chain(distractors.iter().map(|item| item.key.as_str())).collect();
                for (premise, target) in self.matches.iter().flatten() {
                    faults.require(premises.contains(premise.as_str()), "/matches", "names a premise that is not there");
                    faults.require(targets.contains(target.as_str()), "/matches", "names a target that is not there");
                }
            }
            Spec::Cloze { gaps } => {
                for (key, given) in self.gaps.iter().flatten() {
                    let Some(gap) = gaps.iter().find(|gap| gap.key == *key) else {
                        faults.push(Fault::new("/gaps", "names a gap that is not there"));
                        continue;
                    };
                    faults.require(given.chars().nth(MAX_TEXT).is_none(), "/gaps", format!("must be at most {MAX_TEXT} characters each"));
                    faults.require(clean(given), "/gaps", "must not contain control characters");
                    if let Blank::Choice { options } = &gap.blank {
                        let known = given.is_empty() || options.iter().any(|option| option.key == *given);
                        faults.require(known, "/gaps", "names an option that is not there");
                    }
                }
            }
            Spec::SelectWords { .. } | Spec::DragWords { .. } | Spec::DragOntoPicture { .. } => {
                if let Some(places) = Places::of(spec) {
                    self.gaps.iter().for_each(|given| places.check_answer("/gaps", given, &mut faults));
                    self.matches.iter().for_each(|given| places.check_answer("/matches", given, &mut faults));
                }
            }
            Spec::DragMarkers { markers, .. } => {
                for (key, points) in self.markers.iter().flatten() {
                    let most = markers.iter().find(|marker| marker.key == *key).map(super::drag::Marker::most);
                    faults.require(most.is_some(), "/markers", "names a marker that is not there");
                    faults.require(
                        points.len() <= most.unwrap_or(MAX_OF_A_MARKER),
                        "/markers",
                        "uses a marker more often than it is there",
                    );
                    let near = |at: i32| (0..=10_000).contains(&at);
                    faults.require(points.iter().all(|point| near(point.x) && near(point.y)), "/markers", "lies off the picture");
                }
            }
            Spec::Essay { .. } => self.check_text(MAX_ESSAY, &mut faults),
            Spec::ShortAnswer { .. } | Spec::Numerical { .. } | Spec::Calculated { .. } | Spec::TrueFalse { .. } | Spec::Description {} => {
                self.check_text(MAX_TEXT, &mut faults);
            }
        }
        // A list of ten wrong keys has one fault, not ten.
        faults.into_result().map_err(|mut faults| {
            faults.sort();
            faults.dedup();
            faults
        })
    }

    fn check_fields(&self, spec: &Spec, faults: &mut Faults) {
        let takes: &[&str] = match spec {
            Spec::SingleChoice { .. } | Spec::MultipleChoice { .. } | Spec::Ordering { .. } => &["/keys"],
            Spec::TrueFalse { .. } => &["/is_true"],
            Spec::ShortAnswer { .. } | Spec::Essay { .. } => &["/text"],
            Spec::Numerical { .. } | Spec::Calculated { .. } => &["/number", "/unit"],
            Spec::Matching { .. } | Spec::DragOntoPicture { .. } => &["/matches"],
            Spec::Cloze { .. } | Spec::SelectWords { .. } | Spec::DragWords { .. } => &["/gaps"],
            Spec::DragMarkers { .. } => &["/markers"],
            Spec::Description {} => &[],
        };
        let given = [
            ("/keys", self.keys.is_some()),
            ("/is_true", self.is_true.is_some()),
            ("/text", self.text.is_some()),
            ("/number", self.number.is_some()),
            ("/unit", self.unit.is_some()),
            ("/matches", self.matches.is_some()),
            ("/gaps", self.gaps.is_some()),
            ("/markers", self.markers.is_some()),
        ];
        for (pointer, is_given) in given {
            faults.require(!is_given || takes.contains(&pointer), pointer, "is no answer to a question of this type");
        }
    }

    fn check_keys(&self, known: &HashSet<&str>, most: usize, faults: &mut Faults) {
        let mut seen = HashSet::new();
        for key in self.keys.iter().flatten() {
            faults.require(known.contains(key.as_str()), "/keys", "names something that is not there");
            faults.require(seen.insert(key), "/keys", "names something twice");
        }
        faults.require(seen.len() <= most, "/keys", format!("must be at most {most}"));
    }

    fn check_text(&self, most: usize, faults: &mut Faults) {
        for (pointer, text, most) in [("/text", &self.text, most), ("/number", &self.number, MAX_TEXT), ("/unit", &self.unit, 30)] {
            if let Some(text) = text {
                faults.require(text.chars().nth(most).is_none(), pointer, format!("must be at most {most} characters"));
                faults.require(clean(text), pointer, "must not contain control characters");
            }
        }
    }
}

/// PostgreSQL can't keep a NUL, and nobody types the others.
fn clean(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let choice: Spec = serde_json::from_value(json!({"type": "single_choice", "options": [
            {"key": "a", "text": "A", "fraction": 1}, {"key": "b", "text": "B"}]}))
        .unwrap();
        let response = |json| serde_json::from_value::<Response>(json).unwrap();
        assert_eq!(response(json!({"keys": ["a"]})).check(&choice), Ok(()));
        for bad in [json!({"keys": ["c"]}), json!({"keys": ["a", "b"]}), json!({"keys": ["a", "a"]}), json!({"text": "a"})] {
            assert!(response(bad.clone()).check(&choice).is_err(), "{bad}");
        }
        assert!(
            response(json!({"text": "a\u{0}"}))
                .check(&Spec::Essay { min_words: None, max_words: None, template: None, marking_guide: None })
                .is_err()
        );
        let ordering: Spec =
            serde_json::from_value(json!({"type": "ordering", "items": [{"key": "a", "text": "A"}, {"key": "b", "text": "B"}]})).unwrap();
        let told = response(json!({"keys": ["x", "y", "x", "y", "z"]})).check(&ordering).unwrap_err();
        let details: Vec<&str> = told.iter().map(|fault| fault.detail.as_str()).collect();
        assert_eq!(details, ["must be at most 2", "must hold every item", "names something that is not there", "names something twice"]);
        assert!(response(json!({})).is_empty() && !response(json!({"is_true": false})).is_empty());
    }
}
