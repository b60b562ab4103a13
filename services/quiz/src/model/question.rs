//! A question: what is asked, what is right, and what it is worth.
//!
//! What [`Spec`] holds is for teachers' eyes. What a student is shown is made of it in [`super::asked`].

mod types;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calculated::{FormulaKey, Wildcard};
use super::drag::{Marker, Piece, Place, Spot, Word, Zone};
use super::mark::{Fraction, Mark};
use super::number::Number;
use super::picture::Picture;

/// What a version of a question says. It never changes once it is stored: a change is a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "Written", deny_unknown_fields)]
pub struct Content {
    /// What teachers call it.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What is asked. Where there are gaps, each is marked with its key in double braces: `The capital of France is {{1}}.` A calculated question names its
    /// numbers in braces, `{x}`, and may work out others, `{={x} * 2}`.
    #[schema(min_length = 1, max_length = 20_000)]
    pub stem: String,
    /// What it is worth unless a quiz says otherwise: 1 if left out, and 0 where nothing is asked.
    #[serde(default)]
    pub default_mark: Mark,
    /// What each wrong try costs where a quiz lets students check their answers, as a part of the marks.
    #[serde(default)]
    pub penalty: Fraction,
    /// Shown with the review, whatever was answered.
    #[serde(default)]
    #[schema(max_length = 20_000)]
    pub general_feedback: Option<String>,
    /// Told one by one after wrong tries, where a quiz lets students try again: there is one try more than there are hints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub hints: Vec<String>,
    /// Its type, and what is right.
    pub answer: Spec,
}

/// A [`Content`] as it is written: what a question is worth if that is not said follows from its type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    stem: String,
    #[serde(default)]
    default_mark: Option<Mark>,
    #[serde(default)]
    penalty: Fraction,
    #[serde(default)]
    general_feedback: Option<String>,
    #[serde(default)]
    hints: Vec<String>,
    answer: Spec,
}

impl From<Written> for Content {
    fn from(written: Written) -> Self {
        let Written { name, stem, default_mark, penalty, general_feedback, hints, answer } = written;
        let default_mark = default_mark.unwrap_or(if answer.is_question() { Mark::ONE } else { Mark::ZERO });
        Self { name, stem, default_mark, penalty, general_feedback, hints, answer }
    }
}

const fn yes() -> bool {
    true
}

/// The type of a question, and what is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Spec {
    /// One of several options.
    SingleChoice {
        /// What there is to choose from; the best is worth 1.
        options: Vec<Choice>,
        /// Whether each attempt sees them in an order of its own.
        #[serde(default = "yes")]
        shuffle: bool,
    },
    /// Any number of several options.
    MultipleChoice {
        /// What there is to choose from; those worth something add up to 1.
        options: Vec<Choice>,
        /// Whether each attempt sees them in an order of its own.
        #[serde(default = "yes")]
        shuffle: bool,
        /// Whether only exactly the right set earns anything.
        #[serde(default)]
        all_or_nothing: bool,
    },
    /// Right or wrong.
    TrueFalse {
        /// Whether the statement is true.
        correct: bool,
        /// Said to who answers "true".
        #[serde(default)]
        feedback_true: Option<String>,
        /// Said to who answers "false".
        #[serde(default)]
        feedback_false: Option<String>,
    },
    /// A word or a few.
    ShortAnswer {
        /// What is taken, the first that fits counts. `*` stands for any characters, `\*` for an asterisk.
        accepted: Vec<Accepted>,
        /// Whether capitals matter.
        #[serde(default)]
        case_sensitive: bool,
    },
    /// A number.
    Numerical {
        /// What is taken, the first that fits counts.
        accepted: Vec<NumericKey>,
        /// The units in which it may be given; numbers are in the first one.
        #[serde(default)]
        units: Vec<Unit>,
        /// Whether the unit must be given.
        #[serde(default)]
        unit_required: bool,
        /// What a missing or unknown unit costs, as a part of the marks, where one is required.
        #[serde(default)]
        unit_penalty: Fraction,
    },
    /// To each its own.
    Matching {
        /// What belongs together.
        pairs: Vec<Pair>,
        /// Targets that belong to nothing.
        #[serde(default)]
        distractors: Vec<Item>,
        /// Whether each attempt sees the premises in an order of its own; targets are always shuffled.
        #[serde(default = "yes")]
        shuffle: bool,
    },
    /// Into the right order. Leave the items' keys out, or take care that they don't give the order away.
    Ordering {
        /// In the right order.
        items: Vec<Item>,
        /// What an order that is partly right earns.
        #[serde(default)]
        scoring: OrderScoring,
    },
    /// A text with gaps.
    Cloze {
        /// The gaps, in any order; the stem has the place of each.
        gaps: Vec<Gap>,
    },
    /// A text with gaps that are filled from lists.
    SelectWords {
        /// The gaps; the stem has the place of each.
        places: Vec<Place>,
        /// What there is to choose from.
        choices: Vec<Word>,
        /// Whether each attempt sees the choices in an order of its own.
        #[serde(default = "yes")]
        shuffle: bool,
    },
    /// A text with gaps into which words are dragged.
    DragWords {
        /// The gaps; the stem has the place of each.
        places: Vec<Place>,
        /// What there is to drag.
        choices: Vec<Word>,
        /// Whether each attempt sees the choices in an order of its own.
        #[serde(default = "yes")]
        shuffle: bool,
    },
    /// A picture onto which words or pictures are dragged.
    DragOntoPicture {
        /// The picture.
        picture: Picture,
        /// Where something belongs.
        places: Vec<Spot>,
        /// What there is to drag.
        choices: Vec<Piece>,
        /// Whether each attempt sees the choices in an order of its own.
        #[serde(default = "yes")]
        shuffle: bool,
    },
    /// A picture of which parts are marked.
    DragMarkers {
        /// The picture.
        picture: Picture,
        /// The parts that want a marker; students don't see them.
        zones: Vec<Zone>,
        /// What there is to mark them with.
        markers: Vec<Marker>,
        /// Whether each attempt sees the markers in an order of its own.
        #[serde(default = "yes")]
        shuffle: bool,
    },
    /// A number that is worked out from numbers which each attempt draws for itself.
    Calculated {
        /// What is taken, the first that fits counts.
        accepted: Vec<FormulaKey>,
        /// The numbers that are drawn.
        wildcards: Vec<Wildcard>,
        /// The units in which it may be given; numbers are in the first one.
        #[serde(default)]
        units: Vec<Unit>,
        /// Whether the unit must be given.
        #[serde(default)]
        unit_required: bool,
        /// What a missing or unknown unit costs, as a part of the marks, where one is required.
        #[serde(default)]
        unit_penalty: Fraction,
    },
    /// A text of one's own, marked by a teacher.
    Essay {
        /// At least so many words are asked for; shown to student and marker.
        #[serde(default)]
        min_words: Option<u32>,
        /// At most so many words are asked for; shown to student and marker.
        #[serde(default)]
        max_words: Option<u32>,
        /// What the student starts from.
        #[serde(default)]
        template: Option<String>,
        /// What the marker should look for.
        #[serde(default)]
        marking_guide: Option<String>,
    },
    /// Nothing is asked: a text between questions.
    Description {},
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Names it in answers; made up if left out.
    #[serde(default)]
    pub key: String,
    /// What it says.
    pub text: String,
    /// The part of the marks that it earns or costs.
    #[serde(default)]
    pub fraction: Fraction,
    /// Said to who chooses it.
    #[serde(default)]
    pub feedback: Option<String>,
}

/// A text that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The text, with `*` for any characters.
    pub text: String,
    /// The part of the marks that it earns; all unless said otherwise.
    #[serde(default = "whole")]
    pub fraction: Fraction,
    /// Said to who answers it.
    #[serde(default)]
    pub feedback: Option<String>,
}

const fn whole() -> Fraction {
    Fraction::ONE
}

/// A number that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumericKey {
    /// The number.
    pub value: Number,
    /// How far off an answer may be, both ends included.
    #[serde(default)]
    pub tolerance: Number,
    /// What the tolerance is measured in.
    #[serde(default)]
    pub tolerance_kind: ToleranceKind,
    /// The part of the marks that it earns; all unless said otherwise.
    #[serde(default = "whole")]
    pub fraction: Fraction,
    /// Said to who answers it.
    #[serde(default)]
    pub feedback: Option<String>,
}

/// What a tolerance is measured in; <https://docs.moodle.org/en/Calculated_question_type#Tolerance>, where an absolute one is called nominal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToleranceKind {
    /// In the number's own unit.
    #[default]
    Absolute,
    /// As a part of the number.
    Relative,
    /// As a factor: from the number divided by one more than it to the number times one more than it.
    Geometric,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// As it is written: `cm`.
    pub symbol: String,
    /// How many of it make one of the first unit: 100 for `cm` where the first is `m`.
    pub per_first: Number,
}

/// What belongs together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Names the premise in answers; made up if left out.
    #[serde(default)]
    pub key: String,
    /// The premise.
    pub premise: String,
    /// Names the target in answers; made up if left out.
    #[serde(default)]
    pub target_key: String,
    /// What belongs to it. Two premises may have the same.
    pub target: String,
}

/// Something to be put in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Names it in answers; made up if left out.
    #[serde(default)]
    pub key: String,
    /// What it says.
    pub text: String,
}

/// What an order that is partly right earns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderScoring {
    /// Nothing.
    #[default]
    Exact,
    /// The share of items that stand in their place.
    Position,
    /// The share of neighbours that follow each other rightly.
    Neighbours,
    /// The share of items in the longest run, gaps allowed, that is in the right order.
    LongestRun,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Its mark in the stem, and its name in answers.
    pub key: String,
    /// How much it counts among the gaps.
    #[serde(default = "single")]
    #[schema(minimum = 1, maximum = 100)]
    pub weight: u16,
    /// What goes in.
    pub blank: Blank,
}

const fn single() -> u16 {
    1
}

/// What goes into a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Blank {
    /// One of several options.
    Choice {
        /// What there is to choose from.
        options: Vec<Choice>,
    },
    /// A word or a few.
    Text {
        /// What is taken, the first that fits counts.
        accepted: Vec<Accepted>,
        /// Whether capitals matter.
        #[serde(default)]
        case_sensitive: bool,
    },
    /// A number.
    Number {
        /// What is taken, the first that fits counts.
        accepted: Vec<NumericKey>,
    },
}
