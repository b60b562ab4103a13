//! What taking over from homework or a quiz does to a grade.
//!
//! Only what the source has now decides, not which event told of it. So an event that comes twice, late or out of order changes nothing, and computing a class
//! anew is the same step for everybody.

use domain::Points;

use super::grade::Figures;

/// What a grade says once it has taken over `points`; none if it says so already. What was said by hand stays.
#[must_use]
pub fn taken_over(before: Option<&Figures>, points: Option<Points>) -> Option<Figures> {
    match before {
        Some(figures) if figures.points == points => None,
        Some(figures) => Some(Figures { points, ..figures.clone() }),
        // Not graded there, and never spoken of here.
        None if points.is_none() => None,
        None => Some(Figures { points, ..Figures::default() }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Something that happens while a class is graded.
    #[derive(Debug, Clone)]
    enum Step {
        /// The source has other marks for a student, or takes them back; an event goes out.
        Source(u8, Option<i32>),
        /// One of the events that went out comes, perhaps not for the first time.
        Comes(prop::sample::Index),
        /// A teacher overrides a grade.
        Override(u8, i32),
        /// The item is locked.
        Lock,
        /// It is unlocked, and catches up.
        Unlock,
        /// The class is computed anew.
        Recompute,
    }

    fn step() -> impl Strategy<Value = Step> {
        let student = || 0..4_u8;
        prop_oneof![
            4 => (student(), proptest::option::weighted(0.8, 0..=2_000)).prop_map(|(student, marks)| Step::Source(student, marks)),
            4 => any::<prop::sample::Index>().prop_map(Step::Comes),
            1 => (student(), 0..=2_000).prop_map(|(student, marks)| Step::Override(student, marks)),
            1 => Just(Step::Lock),
            1 => Just(Step::Unlock),
            1 => Just(Step::Recompute),
        ]
    }

    #[derive(Default)]
    struct Class {
        source: BTreeMap<u8, Option<Points>>,
        book: BTreeMap<u8, Figures>,
        told: Vec<u8>,
        waiting: Vec<u8>,
        is_locked: bool,
    }

    impl Class {
        fn sync(&mut self, student: u8) -> bool {
            let points = self.source.get(&student).copied().flatten();
            let Some(figures) = taken_over(self.book.get(&student), points).filter(|_| !self.is_locked) else { return false };
            self.book.insert(student, figures);
            true
        }

        /// How many changed.
        fn recompute(&mut self) -> usize {
            let students: Vec<u8> = self.source.keys().copied().collect();
            students.into_iter().filter(|student| self.sync(*student)).count()
        }

        fn take(&mut self, step: &Step) {
            match *step {
                Step::Source(student, marks) => {
                    self.source.insert(student, marks.and_then(|marks| Points::from_hundredths(marks).ok()));
                    self.told.push(student);
                    self.waiting.push(student);
                }
                Step::Comes(which) if !self.told.is_empty() => {
                    let student = self.told[which.index(self.told.len())];
                    if let Some(at) = self.waiting.iter().position(|waiting| *waiting == student) {
                        self.waiting.remove(at);
                    }
                    self.sync(student);
                }
                Step::Override(student, marks) => {
                    let figures = self.book.entry(student).or_default();
                    figures.override_points = Points::from_hundredths(marks).ok();
                }
                Step::Lock => self.is_locked = true,
                Step::Unlock => {
                    self.is_locked = false;
                    self.recompute();
                }
                Step::Recompute => {
                    self.recompute();
                }
                Step::Comes(_) => {}
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_order_events_come_in_and_however_often_the_book_is_what_computing_anew_makes(steps in proptest::collection::vec(step(), 0..60)) {
            let mut class = Class::default();
            for step in steps {
                class.take(&step);
            }
            // In the end every event has come, the latest first, and the item is open.
            while let Some(student) = class.waiting.pop() {
                class.sync(student);
            }
            class.take(&Step::Unlock);
            let fed = class.book.clone();
            prop_assert_eq!(class.recompute(), 0, "computing anew finds something to do");
            // From nothing but the source and what was said by hand.
            let mut anew = Class { source: class.source.clone(), ..Class::default() };
            for (student, figures) in &fed {
                if figures.override_points.is_some() {
                    anew.book.insert(*student, Figures { points: None, ..figures.clone() });
                }
            }
            anew.recompute();
            let spoken_of = |book: &BTreeMap<u8, Figures>| -> BTreeMap<u8, Figures> {
                book.iter().filter(|(_, figures)| **figures != Figures::default()).map(|(student, figures)| (*student, figures.clone())).collect()
            };
            prop_assert_eq!(spoken_of(&anew.book), spoken_of(&fed));
        }

        #[test]
        fn taking_over_twice_changes_nothing_more_and_what_was_said_by_hand_stays(marks in proptest::option::of(0..=2_000), by_hand in proptest::option::of(0..=2_000)) {
            let of = |marks: Option<i32>| marks.and_then(|marks| Points::from_hundredths(marks).ok());
            let before = Figures { override_points: of(by_hand), is_exempt: true, comment: Some("Ill.".to_owned()), ..Figures::default() };
            let after = taken_over(Some(&before), of(marks)).unwrap_or_else(|| before.clone());
            prop_assert_eq!(taken_over(Some(&after), of(marks)), None);
            prop_assert_eq!(Figures { points: before.points, ..after }, before);
        }
    }
}
