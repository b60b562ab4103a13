//! A week's timetable without clashes: in every period a class has one subject, and a teacher one class.

use std::collections::HashSet;

use uuid::Uuid;

use crate::random::Random;
use crate::roster::{Class, Roster, Taught};

/// Days of the rotation: Monday to Friday.
pub(crate) const DAYS: usize = 5;
/// Periods of a day, in minutes since midnight: a break after the second, lunch after the fourth.
pub(crate) const PERIODS: [(usize, usize); 7] = [(540, 585), (590, 635), (655, 700), (705, 750), (800, 845), (850, 895), (900, 945)];

/// A lesson.
#[derive(Debug)]
pub(crate) struct Lesson<'r> {
    pub(crate) class: &'r Class,
    pub(crate) taught: &'r Taught,
    /// From 1.
    pub(crate) day: usize,
    /// From 0.
    pub(crate) period: usize,
}

/// The lessons of all classes. A lesson for which no period is left where both class and teacher are free is left out.
pub(crate) fn lessons(roster: &Roster) -> Vec<Lesson<'_>> {
    let mut random = Random::of(roster.spec.number, "timetable");
    let mut busy: HashSet<(Uuid, usize, usize)> = HashSet::new();
    let mut lessons = Vec::new();
    // Who teaches most is hardest to place, so those subjects choose first, in every class; a class meets a subject twice a day only if it must.
    let most = roster.classes.iter().flat_map(|class| &class.subjects).map(|taught| taught.lessons).max().unwrap_or_default();
    for wanted in (1..=most).rev() {
        for class in &roster.classes {
            for taught in class.subjects.iter().filter(|taught| taught.lessons == wanted) {
                place(class, taught, &mut busy, &mut lessons, &mut random);
            }
        }
    }
    lessons
}

fn place<'r>(
    class: &'r Class,
    taught: &'r Taught,
    busy: &mut HashSet<(Uuid, usize, usize)>,
    lessons: &mut Vec<Lesson<'r>>,
    random: &mut Random,
) {
    let first = usize::try_from(random.below(35)).unwrap_or_default();
    let mut left = taught.lessons;
    for only_once_a_day in [true, false] {
        let mut days_used = HashSet::new();
        for step in 0..DAYS * PERIODS.len() {
            // Goes through the days first, so that the lessons of a week spread over it.
            let (day, period) = ((first + step) % DAYS + 1, (first / DAYS + step / DAYS) % PERIODS.len());
            let is_free = !busy.contains(&(class.id, day, period)) && !busy.contains(&(taught.teacher, day, period));
            if left == 0 || !is_free || (only_once_a_day && !days_used.insert(day)) {
                continue;
            }
            busy.insert((class.id, day, period));
            busy.insert((taught.teacher, day, period));
            lessons.push(Lesson { class, taught, day, period });
            left -= 1;
        }
    }
}
