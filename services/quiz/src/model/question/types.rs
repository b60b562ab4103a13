//! What can be said of a question of any type.

use super::{Blank, Spec};

impl Spec {
    /// The type's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SingleChoice { .. } => "single_choice",
            Self::MultipleChoice { .. } => "multiple_choice",
            Self::TrueFalse { .. } => "true_false",
            Self::ShortAnswer { .. } => "short_answer",
            Self::Numerical { .. } => "numerical",
            Self::Matching { .. } => "matching",
            Self::Ordering { .. } => "ordering",
            Self::Cloze { .. } => "cloze",
            Self::SelectWords { .. } => "select_words",
            Self::DragWords { .. } => "drag_words",
            Self::DragOntoPicture { .. } => "drag_onto_picture",
            Self::DragMarkers { .. } => "drag_markers",
            Self::Calculated { .. } => "calculated",
            Self::Essay { .. } => "essay",
            Self::Description {} => "description",
        }
    }

    /// Whether anything is asked.
    #[must_use]
    pub const fn is_question(&self) -> bool {
        !matches!(self, Self::Description {})
    }

    /// Whether a person must mark it.
    #[must_use]
    pub const fn is_marked_by_hand(&self) -> bool {
        matches!(self, Self::Essay { .. })
    }

    /// How large its pictures are together, in bytes of base64.
    #[must_use]
    pub fn picture_bytes(&self) -> usize {
        match self {
            Self::DragOntoPicture { picture, choices, .. } => {
                let own = choices.iter().filter_map(|piece| piece.picture.as_ref()).map(|picture| picture.data.len());
                picture.data.len() + own.sum::<usize>()
            }
            Self::DragMarkers { picture, .. } => picture.data.len(),
            _ => 0,
        }
    }

    /// Gives a name to everything that has none; `fresh` makes one up.
    pub fn name_parts(&mut self, mut fresh: impl FnMut() -> String) {
        self.each_key(|key| {
            if key.is_empty() {
                *key = fresh();
            }
        });
    }

    /// Takes all names away, except those of gaps, which stand in the stem.
    pub fn forget_names(&mut self) {
        self.each_key(String::clear);
    }

    fn each_key(&mut self, mut name: impl FnMut(&mut String)) {
        match self {
            Self::SingleChoice { options, .. } | Self::MultipleChoice { options, .. } => {
                for option in options {
                    name(&mut option.key);
                }
            }
            Self::Matching { pairs, distractors, .. } => {
                for pair in pairs {
                    name(&mut pair.key);
                    name(&mut pair.target_key);
                }
                for item in distractors {
                    name(&mut item.key);
                }
            }
            Self::Ordering { items, .. } => {
                for item in items {
                    name(&mut item.key);
                }
            }
            Self::Cloze { gaps } => {
                for gap in gaps {
                    if let Blank::Choice { options } = &mut gap.blank {
                        for option in options {
                            name(&mut option.key);
                        }
                    }
                }
            }
            Self::SelectWords { choices, .. } | Self::DragWords { choices, .. } => {
                for word in choices {
                    name(&mut word.key);
                }
            }
            Self::DragOntoPicture { places, choices, .. } => {
                for spot in places {
                    name(&mut spot.key);
                }
                for piece in choices {
                    name(&mut piece.key);
                }
            }
            Self::DragMarkers { markers, .. } => {
                for marker in markers {
                    name(&mut marker.key);
                }
            }
            Self::TrueFalse { .. }
            | Self::ShortAnswer { .. }
            | Self::Numerical { .. }
            | Self::Calculated { .. }
            | Self::Essay { .. }
            | Self::Description {} => {}
        }
    }
}
