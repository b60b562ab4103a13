//! What holds of an attempt whatever becomes of it.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::testing::{quiz, slot};

fn statement(correct: bool) -> Arc<Content> {
    Arc::new(serde_json::from_value(json!({"name": "n", "stem": "s", "answer": {"type": "true_false", "correct": correct}})).unwrap())
}

proptest! {
    /// Submitted, reopened, submitted again, or abandoned: what was answered stays, marks add up, and each step is one version.
    #[test]
    fn whatever_becomes_of_an_attempt_its_answers_stay_and_its_marks_add_up(said in proptest::collection::vec(proptest::option::of(any::<bool>()), 1..12), abandons in any::<bool>()) {
        let quiz = quiz();
        let now = quiz.created_at;
        let slots: Vec<Slot> = (1..).zip(&said).map(|(n, _)| slot(n, 1)).collect();
        let student = StudentId::generate();
        let (attempt, empty) = begin(&quiz, &Terms::of(&quiz, &[], student), &slots, student, 1, now).unwrap();
        prop_assert!(attempt.is_in_turn());
        let questions: Questions = empty.iter().map(|answer| (answer.pinned(), statement(true))).collect();
        let given: Vec<Answer> = empty.iter().zip(&said).map(|(answer, said)| {
            let response = said.map(|is_true| Response { is_true: Some(is_true), ..Response::default() });
            answer.answered(response, false, now).unwrap()
        }).collect();
        let (after, closed) = if abandons { attempt.abandoned(&given, now) } else { attempt.submitted(&quiz, &given, &questions, now, now) };
        prop_assert!(after.is_in_turn() && after.version == attempt.version.next());
        prop_assert_eq!(after.score.is_some(), !abandons);
        if let Some(score) = after.score {
            prop_assert_eq!(score, closed.iter().filter_map(|answer| answer.mark).sum());
            prop_assert_eq!(score.steps(), 10_000 * i64::try_from(said.iter().filter(|said| **said == Some(true)).count()).unwrap());
        }
        for (answer, before) in closed.iter().zip(&given) {
            prop_assert_eq!((&answer.response, answer.version, answer.question_version), (&before.response, before.version.next(), before.question_version));
            prop_assert_eq!(answer.answered(None, false, now), Err(Refused::Ended));
        }
        let (again, open) = after.reopened(&closed, now).unwrap();
        prop_assert!(!again.is_in_turn() && again.state.is_running() && again.score.is_none() && again.started_at == attempt.started_at);
        prop_assert!(open.iter().zip(&given).all(|(answer, before)| answer.response == before.response && answer.mark.is_none() && answer.state == AnswerState::Open));
        prop_assert_eq!(again.reopened(&open, now), Err(Refused::Running));
        let (last, _) = again.submitted(&quiz, &open, &questions, now, now);
        prop_assert!(abandons || last.score == after.score);
        prop_assert!(!last.is_in_turn());
    }

    /// There is one row for each attempt and one for each answer, from wherever it is named.
    #[test]
    fn an_attempt_and_its_answers_are_named_alike_everywhere_and_no_two_share_a_name(number in 1_u8..100, other in 1_u8..100) {
        let (quiz, student) = (quiz(), StudentId::generate());
        prop_assert_eq!(attempt_id(&quiz, student, number) == attempt_id(&quiz, student, other), number == other);
        prop_assert_ne!(attempt_id(&quiz, student, number), attempt_id(&quiz, StudentId::generate(), number));
        let (attempt, slot) = (attempt_id(&quiz, student, number), SlotId::generate());
        prop_assert_eq!(answer_id(attempt, slot), answer_id(attempt, slot));
        prop_assert_ne!(answer_id(attempt, slot), answer_id(attempt, SlotId::generate()));
    }
}

#[test]
fn a_person_marks_within_the_floor_of_the_quiz() {
    let mut quiz = quiz();
    let now = quiz.created_at;
    let essay = Answer { state: AnswerState::Waiting, ..crate::model::testing::answer(&quiz) };
    let marked = |quiz: &Quiz, mark: f64| essay.marked_by(quiz, UserId::generate(), Mark::try_from(mark).unwrap(), None, now);
    for (floor, lowest) in [(MarkFloor::Question, 0.0), (MarkFloor::Attempt, -1.0), (MarkFloor::None, -1.0)] {
        quiz.settings.mark_floor = floor;
        assert!(marked(&quiz, lowest).is_ok() && marked(&quiz, 1.0).is_ok(), "{floor:?}");
        assert_eq!(marked(&quiz, lowest - 0.0001), Err(Refused::Mark), "{floor:?}");
        assert_eq!(marked(&quiz, 1.0001), Err(Refused::Mark), "{floor:?}");
    }
}
