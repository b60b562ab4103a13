//! The paper: its slots, and how an attempt's own copy is laid out. The layout follows from the attempt's seed and nothing else.

use std::collections::HashSet;

use domain::{QuestionCategoryId, QuestionId, QuizId, SchoolId, SlotId, Timestamp, Version};
use serde::{Deserialize, Serialize};

use super::mark::Mark;
use super::quiz::{Quiz, Section};
use super::random::Random;

/// The most slots that a quiz may have.
pub const MAX_SLOTS: usize = 200;

/// A place for a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its id.
    pub id: SlotId,
    /// The school.
    pub school_id: SchoolId,
    /// The quiz.
    pub quiz_id: QuizId,
    /// Its place, from 1.
    pub position: u16,
    /// The section that it belongs to, from 1.
    pub section: u16,
    /// The question; none where one is drawn.
    pub question_id: Option<QuestionId>,
    /// Its version.
    pub question_version: Option<Version>,
    /// What is drawn from; none where the question is fixed.
    pub random_from: Option<Draw>,
    /// What it is worth.
    pub max_mark: Mark,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a question is drawn from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// The category.
    pub category_id: QuestionCategoryId,
    /// Only questions with all of these tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What the category held when the quiz was published: every attempt draws from the same hat, and needs no question bank to do so.
    #[serde(default)]
    pub pool: Vec<Pinned>,
}

/// A version of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pinned {
    /// The question.
    pub question_id: QuestionId,
    /// The version.
    pub version: Version,
}

/// A place on an attempt's own paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The slot.
    pub slot_id: SlotId,
    /// What is asked there.
    pub question: Pinned,
    /// What it is worth.
    pub max_mark: Mark,
}

impl Slot {
    /// The question, where it is fixed.
    #[must_use]
    pub fn pinned(&self) -> Option<Pinned> {
        Some(Pinned { question_id: self.question_id?, version: self.question_version? })
    }
}

/// An attempt's own paper, in its order; none if a slot has nothing left to draw. A question is asked once, however many slots could draw it.
#[must_use]
pub fn lay_out(quiz: &Quiz, slots: &[Slot], seed: i64) -> Option<Vec<Place>> {
    let mut used: HashSet<QuestionId> = slots.iter().filter_map(|slot| slot.question_id).collect();
    let mut places = Vec::with_capacity(slots.len());
    for slot in in_order(quiz, slots, seed) {
        let question = match (slot.pinned(), &slot.random_from) {
            (Some(pinned), _) => pinned,
            (None, Some(draw)) => {
                let left: Vec<&Pinned> = draw.pool.iter().filter(|pinned| !used.contains(&pinned.question_id)).collect();
                let at = Random::of(seed, slot.id.as_uuid().as_bytes()).below(left.len());
                **left.get(at)?
            }
            (None, None) => return None,
        };
        used.insert(question.question_id);
        places.push(Place { slot_id: slot.id, question, max_mark: slot.max_mark });
    }
    Some(places)
}

/// Sections stay in their order; within one the slots are shuffled if it, or the quiz, says so.
fn in_order<'s>(quiz: &Quiz, slots: &'s [Slot], seed: i64) -> Vec<&'s Slot> {
    let mut sections: Vec<(u16, Vec<&Slot>)> = Vec::new();
    let mut sorted: Vec<&Slot> = slots.iter().collect();
    sorted.sort_by_key(|slot| (slot.section, slot.position));
    for slot in sorted {
        match sections.last_mut() {
            Some((section, slots)) if *section == slot.section => slots.push(slot),
            _ => sections.push((slot.section, vec![slot])),
        }
    }
    let settings = &quiz.settings;
    let shuffles = |section: u16| {
        let own = settings.sections.get(usize::from(section).saturating_sub(1)).is_some_and(|Section { shuffle, .. }| *shuffle);
        own || settings.shuffle_questions
    };
    for (section, slots) in &mut sections {
        if shuffles(*section) {
            Random::of(seed, &section.to_be_bytes()).shuffle(slots);
        }
    }
    sections.into_iter().flat_map(|(_, slots)| slots).collect()
}

/// The slots that could have nothing left to draw. A draw is safe if its pool, fixed questions aside, has at least as many questions as there are draws that
/// share any with it, itself included: whatever the others take, in whatever order, one is left.
#[must_use]
pub fn short_of_questions(slots: &[Slot]) -> Vec<SlotId> {
    let fixed: HashSet<QuestionId> = slots.iter().filter_map(|slot| slot.question_id).collect();
    let draws: Vec<(&Slot, HashSet<QuestionId>)> = slots
        .iter()
        .filter_map(|slot| slot.random_from.as_ref().map(|draw| (slot, draw)))
        .map(|(slot, draw)| (slot, draw.pool.iter().map(|pinned| pinned.question_id).filter(|id| !fixed.contains(id)).collect()))
        .collect();
    let rivals = |own: &HashSet<QuestionId>| draws.iter().filter(|(_, pool)| !pool.is_disjoint(own)).count();
    draws.iter().filter(|(_, pool)| pool.is_empty() || pool.len() < rivals(pool)).map(|(slot, _)| slot.id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::testing::{pinned, quiz, slot};

    fn drawing(position: u16, pool: &[Pinned]) -> Slot {
        let draw = Draw { category_id: QuestionCategoryId::generate(), tags: Vec::new(), pool: pool.to_vec() };
        Slot { question_id: None, question_version: None, random_from: Some(draw), ..slot(position, 1) }
    }

    #[test]
    fn sections_keep_their_order_and_shuffle_within() {
        let mut quiz = quiz();
        quiz.settings.sections = vec![Section { title: "A".into(), shuffle: false }, Section { title: "B".into(), shuffle: true }];
        let slots: Vec<Slot> = (1..=12).map(|n| slot(n, if n <= 4 { 1 } else { 2 })).collect();
        let first: Vec<SlotId> = lay_out(&quiz, &slots, 3).unwrap().iter().map(|place| place.slot_id).collect();
        let own: Vec<SlotId> = slots.iter().map(|slot| slot.id).collect();
        assert_eq!(first[..4], own[..4]);
        assert_ne!(first[4..], own[4..]);
        let again: Vec<SlotId> = lay_out(&quiz, &slots, 3).unwrap().iter().map(|place| place.slot_id).collect();
        assert_eq!(first, again, "an attempt's paper never changes");
        let other: Vec<SlotId> = lay_out(&quiz, &slots, 4).unwrap().iter().map(|place| place.slot_id).collect();
        assert_ne!(first, other);
    }

    proptest! {
        #[test]
        fn whatever_is_shuffled_each_slot_stands_once_and_sections_stay_in_order(seed in any::<i64>(), sections in proptest::collection::vec((1_usize..6, any::<bool>()), 1..5), all in any::<bool>()) {
            let mut quiz = quiz();
            quiz.settings.shuffle_questions = all;
            quiz.settings.sections = sections.iter().map(|(_, shuffle)| Section { title: "S".into(), shuffle: *shuffle }).collect();
            let mut slots: Vec<Slot> = Vec::new();
            for (section, (count, _)) in (1..).zip(&sections) {
                for _ in 0..*count {
                    slots.push(slot(u16::try_from(slots.len()).unwrap() + 1, section));
                }
            }
            let places = lay_out(&quiz, &slots, seed).unwrap();
            prop_assert_eq!(&lay_out(&quiz, &slots, seed).unwrap(), &places, "an attempt's paper never changes");
            let section_of = |id: SlotId| slots.iter().find(|slot| slot.id == id).unwrap().section;
            prop_assert!(places.windows(2).all(|pair| section_of(pair[0].slot_id) <= section_of(pair[1].slot_id)));
            let mut own: Vec<SlotId> = places.iter().map(|place| place.slot_id).collect();
            for (section, (_, shuffle)) in (1..).zip(&sections) {
                if !shuffle && !all {
                    let laid: Vec<SlotId> = own.iter().copied().filter(|id| section_of(*id) == section).collect();
                    let set: Vec<SlotId> = slots.iter().filter(|slot| slot.section == section).map(|slot| slot.id).collect();
                    prop_assert_eq!(laid, set, "what is not shuffled stays");
                }
            }
            own.sort_unstable();
            own.dedup();
            prop_assert_eq!(own.len(), slots.len());
        }

        #[test]
        fn a_paper_that_was_found_to_have_enough_can_be_laid_out_for_everybody(
            seed in any::<i64>(), pools in proptest::collection::vec(proptest::collection::hash_set(0_usize..6, 0..6), 1..5), fixed in 0_usize..3,
        ) {
            let all: Vec<Pinned> = (0..6).map(|_| pinned()).collect();
            let mut slots: Vec<Slot> = (0..fixed).map(|n| Slot {
                question_id: Some(all[n].question_id), question_version: Some(all[n].version), ..slot(u16::try_from(n).unwrap() + 1, 1)
            }).collect();
            for pool in &pools {
                let pool: Vec<Pinned> = pool.iter().map(|at| all[*at]).collect();
                slots.push(drawing(u16::try_from(slots.len()).unwrap() + 1, &pool));
            }
            prop_assume!(short_of_questions(&slots).is_empty());
            let mut quiz = quiz();
            quiz.settings.shuffle_questions = true;
            let places = lay_out(&quiz, &slots, seed).expect("there is enough");
            let asked: HashSet<QuestionId> = places.iter().map(|place| place.question.question_id).collect();
            prop_assert_eq!(asked.len(), slots.len(), "no question is asked twice");
        }
    }
}
