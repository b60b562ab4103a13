//! Where the register of the day and those of its periods contradict each other: somebody is mistaken, or a student left in between.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::CountsAs;

/// How they contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// Away for the day, and there in a lesson.
    SeenInLesson,
    /// There for the day, and away from a lesson.
    MissedLesson,
}

/// The contradiction between a daily mark and one of a period.
#[must_use]
pub const fn between(daily: CountsAs, period: CountsAs) -> Option<Conflict> {
    use CountsAs::{Absent, Excused, Late, Present};
    match (daily, period) {
        (Absent | Excused, Present | Late) => Some(Conflict::SeenInLesson),
        (Present | Late, Absent) => Some(Conflict::MissedLesson),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn being_there_and_away_contradict_each_other_and_leave_from_a_lesson_does_not() {
        assert_eq!(between(CountsAs::Absent, CountsAs::Late), Some(Conflict::SeenInLesson));
        assert_eq!(between(CountsAs::Excused, CountsAs::Present), Some(Conflict::SeenInLesson));
        assert_eq!(between(CountsAs::Late, CountsAs::Absent), Some(Conflict::MissedLesson));
        assert_eq!(between(CountsAs::Present, CountsAs::Excused), None);
        assert_eq!(between(CountsAs::NotCounted, CountsAs::Present), None);
        assert_eq!(between(CountsAs::Absent, CountsAs::Absent), None);
    }
}
