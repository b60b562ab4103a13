//! On what terms a student sits a quiz: the quiz's own, or what an override makes of them.
//!
//! A student's own override goes before a group's. Of several groups' overrides the kindest counts, field by field: the earliest opening, the latest close, the
//! longest time, the most attempts. A field that an override leaves out stays the quiz's.

use domain::{QuizId, QuizOverrideId, SchoolId, StudentId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};

use super::quiz::Quiz;

/// An exception for a student, or for a group of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its id.
    pub id: QuizOverrideId,
    /// The school.
    pub school_id: SchoolId,
    /// The quiz.
    pub quiz_id: QuizId,
    /// The student; none for a group.
    pub student_id: Option<StudentId>,
    /// The group's name; none for a student.
    pub group_name: Option<String>,
    /// The group's students.
    #[serde(default)]
    pub members: Vec<StudentId>,
    /// When attempts may begin.
    pub opens_at: Option<Timestamp>,
    /// When all attempts end.
    pub closes_at: Option<Timestamp>,
    /// How long an attempt may take.
    pub time_limit_seconds: Option<u32>,
    /// How many attempts there are.
    pub max_attempts: Option<u8>,
    /// Why.
    pub reason: Option<String>,
    /// Who made it.
    pub created_by: UserId,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What holds for one student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When attempts may begin.
    pub opens_at: Option<Timestamp>,
    /// When all attempts end.
    pub closes_at: Option<Timestamp>,
    /// How long an attempt may take.
    pub time_limit_seconds: Option<u32>,
    /// How many attempts there are; none means no limit.
    pub max_attempts: Option<u8>,
}

impl Override {
    /// Whether it is for this student.
    #[must_use]
    pub fn is_for(&self, student: StudentId) -> bool {
        self.student_id == Some(student) || self.members.contains(&student)
    }
}

impl Terms {
    /// The terms on which `student` sits `quiz`.
    #[must_use]
    pub fn of(quiz: &Quiz, overrides: &[Override], student: StudentId) -> Self {
        let own = overrides.iter().find(|exception| exception.student_id == Some(student));
        let groups: Vec<&Override> = overrides.iter().filter(|exception| exception.members.contains(&student)).collect();
        let settings = &quiz.settings;
        Self {
            opens_at: own
                .and_then(|own| own.opens_at)
                .or_else(|| groups.iter().filter_map(|group| group.opens_at).min())
                .or(settings.opens_at),
            closes_at: own
                .and_then(|own| own.closes_at)
                .or_else(|| groups.iter().filter_map(|group| group.closes_at).max())
                .or(settings.closes_at),
            time_limit_seconds: own
                .and_then(|own| own.time_limit_seconds)
                .or_else(|| groups.iter().filter_map(|group| group.time_limit_seconds).max())
                .or(settings.time_limit_seconds),
            max_attempts: own
                .and_then(|own| own.max_attempts)
                .or_else(|| groups.iter().filter_map(|group| group.max_attempts).max())
                .or(settings.max_attempts),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use proptest::prelude::*;

    use super::*;
    use crate::model::testing::{exception, quiz};

    proptest! {
        #[test]
        fn one_more_group_takes_nothing_away_and_strangers_have_the_quizs_own(
            groups in proptest::collection::vec((-5_i64..5, -5_i64..5, 1_u32..5_000, 1_u8..9), 2..6),
        ) {
            let quiz = quiz();
            let student = StudentId::generate();
            let (opens, closes) = (quiz.settings.opens_at.unwrap(), quiz.settings.closes_at.unwrap());
            let all: Vec<Override> = groups.iter().map(|(early, late, seconds, attempts)| Override {
                group_name: Some("group".into()),
                members: vec![student],
                opens_at: Some(opens + Duration::days(*early)),
                closes_at: Some(closes + Duration::days(*late)),
                time_limit_seconds: Some(*seconds),
                max_attempts: Some(*attempts),
                ..exception()
            }).collect();
            let (more, less) = (Terms::of(&quiz, &all, student), Terms::of(&quiz, &all[1..], student));
            prop_assert!(more.opens_at <= less.opens_at && more.closes_at >= less.closes_at);
            prop_assert!(more.time_limit_seconds >= less.time_limit_seconds && more.max_attempts >= less.max_attempts);
            prop_assert_eq!(Terms::of(&quiz, &all, StudentId::generate()), Terms::of(&quiz, &[], student));
        }
    }

    #[test]
    fn ones_own_override_goes_first_then_the_kindest_group_then_the_quiz() {
        let mut quiz = quiz();
        quiz.settings.time_limit_seconds = Some(600);
        quiz.settings.max_attempts = Some(1);
        let (student, other) = (StudentId::generate(), StudentId::generate());
        let opens = quiz.settings.opens_at.unwrap();
        let own = Override { student_id: Some(student), time_limit_seconds: Some(700), ..exception() };
        let group = |seconds, days| Override {
            group_name: Some("extra time".into()),
            members: vec![student, other],
            time_limit_seconds: Some(seconds),
            opens_at: Some(opens - Duration::days(days)),
            ..exception()
        };
        let all = [group(900, 1), own, group(1_200, 2)];
        let terms = Terms::of(&quiz, &all, student);
        assert_eq!((terms.time_limit_seconds, terms.opens_at), (Some(700), Some(opens - Duration::days(2))));
        assert_eq!(Terms::of(&quiz, &all, other).time_limit_seconds, Some(1_200));
        assert_eq!(Terms::of(&quiz, &all, StudentId::generate()).time_limit_seconds, Some(600));
        assert_eq!(terms.max_attempts, Some(1));
    }
}
