//! What holds of an attempt whatever becomes of it.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::certainty::Certainty;
use crate::model::checked::checked;
use crate::model::quiz::{Behaviour, MarkFloor};
use crate::model::review::{ReviewOptions, Shown};
use crate::model::testing::{one_of_each, quiz, slot};

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
            answer.answered(&quiz, &statement(true), Said { response, ..Said::default() }, now).unwrap()
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
            prop_assert_eq!(answer.answered(&quiz, &statement(true), Said::default(), now), Err(Refused::Ended));
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

const BEHAVIOURS: [Behaviour; 7] = [
    Behaviour::Deferred,
    Behaviour::Adaptive,
    Behaviour::Immediate,
    Behaviour::Interactive,
    Behaviour::DeferredCertainty,
    Behaviour::ImmediateCertainty,
    Behaviour::Manual,
];

fn behaving(behaviour: Behaviour) -> Quiz {
    let mut quiz = quiz();
    quiz.settings.behaviour = behaviour;
    quiz.settings.mark_floor = MarkFloor::Attempt;
    quiz.settings.review_options = ReviewOptions { during: Shown::all(), ..ReviewOptions::default() };
    quiz
}

fn hinted(hints: usize) -> Content {
    let hints: Vec<String> = (1..=hints).map(|n| format!("hint {n}")).collect();
    serde_json::from_value(json!({"name": "n", "stem": "s", "penalty": 0.3, "general_feedback": "advice", "hints": hints, "answer": {"type": "true_false", "correct": true}})).unwrap()
}

fn says(is_true: bool, certainty: Option<Certainty>) -> Said {
    Said { response: Some(Response { is_true: Some(is_true), ..Response::default() }), certainty, is_flagged: false }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Say(Option<bool>, u8),
    Check,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![(proptest::option::of(any::<bool>()), 0_u8..4).prop_map(|(said, sure)| Step::Say(said, sure)), Just(Step::Check)]
}

proptest! {
    /// Whatever a student does under whatever behaviour: what is final stays, no one is told what is right of what is not, and marks are those of the rules.
    #[test]
    fn whatever_is_said_and_checked_what_is_final_stays_and_nothing_is_told_too_early(
        steps in proptest::collection::vec(step(), 0..12), at in 0_usize..7, hints in 0_usize..4, shows in any::<bool>(),
    ) {
        let mut quiz = behaving(BEHAVIOURS[at]);
        if !shows {
            quiz.settings.review_options.during = Shown::NOTHING;
        }
        let (question, now) = (hinted(hints), quiz.created_at);
        let mut answer = crate::model::testing::answer(&quiz);
        for step in steps {
            let was_final = answer.is_final(&quiz, &question);
            let before = answer.clone();
            let result = match step {
                Step::Say(said, sure) => {
                    let certainty = Certainty::try_from(sure).ok().filter(|_| quiz.settings.behaviour.asks_certainty());
                    let response = said.map(|is_true| Response { is_true: Some(is_true), ..Response::default() });
                    answer.answered(&quiz, &question, Said { response, certainty, is_flagged: false }, now)
                }
                Step::Check => answer.checked(&quiz, &question, now),
            };
            match result {
                Ok(next) => {
                    prop_assert_eq!(next.version, answer.version.next());
                    prop_assert!(!was_final || (&next.response, next.certainty, next.tries) == (&before.response, before.certainty, before.tries));
                    answer = next;
                }
                Err(refused) => prop_assert!(refused != Refused::Ended && (refused != Refused::Final || was_final)),
            }
            let told = checked(&quiz, &question, &answer);
            prop_assert_eq!(told.is_some(), answer.tries > 0);
            if let Some(told) = told {
                let open = !answer.is_final(&quiz, &question);
                prop_assert!(!open || (told.right_answer.is_none() && told.general_feedback.is_none()));
                prop_assert!(answer.is_checked || (told.correctness.is_none() && told.mark.is_none() && told.feedback.is_none()));
                prop_assert!(shows || (told.right_answer.is_none() && told.general_feedback.is_none() && told.correctness.is_none() && told.mark.is_none()));
                prop_assert!(told.hint.is_none() || quiz.settings.behaviour == Behaviour::Interactive);
                if quiz.settings.behaviour == Behaviour::Interactive {
                    prop_assert!(usize::try_from(answer.tries).unwrap() <= hints + 1, "no more tries than there are");
                }
                if let Some(mark) = told.mark {
                    let marked = answer.marked_by_rule(&quiz, &question, Version::FIRST, now);
                    prop_assert_eq!(Some(mark), marked.mark, "what was told is what comes of it");
                }
            }
        }
        let marked = answer.marked_by_rule(&quiz, &question, Version::FIRST, now);
        prop_assert_eq!(&marked.response, &answer.response);
        if let Some(mark) = marked.mark {
            prop_assert!(quiz.settings.least(answer.max_mark) <= mark && mark <= answer.max_mark);
        } else {
            prop_assert_eq!((quiz.settings.behaviour, marked.state), (Behaviour::Manual, AnswerState::Waiting));
        }
        let again = marked.marked_by_rule(&quiz, &question, Version::FIRST, now);
        prop_assert_eq!(again.mark, marked.mark, "marking it again changes nothing");
    }

    #[test]
    fn an_attempt_of_all_types_marks_right_answers_full_whatever_numbers_it_drew(seed in any::<i64>()) {
        let quiz = behaving(Behaviour::Deferred);
        for content in one_of_each() {
            let answer = crate::model::testing::answer(&quiz).drawn(&content, seed);
            prop_assert_eq!(answer.numbers.is_some(), content.answer.kind() == "calculated");
            let asked = answer.asked(&content).into_owned();
            let Some(right) = crate::model::asked::right_answer(&asked.answer) else { continue };
            let said = Said { response: Some(right), ..Said::default() };
            let marked = answer.answered(&quiz, &asked, said, quiz.created_at).unwrap().marked_by_rule(&quiz, &content, Version::FIRST, quiz.created_at);
            prop_assert_eq!(marked.mark, Some(answer.max_mark), "{}", content.name);
        }
    }
}

#[test]
fn an_immediate_answer_is_checked_once() {
    let (quiz, question) = (behaving(Behaviour::Immediate), hinted(0));
    let now = quiz.created_at;
    let empty = crate::model::testing::answer(&quiz);
    assert_eq!(empty.checked(&quiz, &question, now), Err(Refused::Unanswered));
    let wrong = empty.answered(&quiz, &question, says(false, None), now).unwrap().checked(&quiz, &question, now).unwrap();
    let told = checked(&quiz, &question, &wrong).unwrap();
    assert_eq!((told.correctness, told.mark, told.general_feedback.as_deref()), (Some("wrong"), Some(Mark::ZERO), Some("advice")));
    assert!(told.is_final && told.right_answer.is_some());
    assert_eq!(wrong.answered(&quiz, &question, says(true, None), now), Err(Refused::Final));
    assert_eq!(wrong.answered(&quiz, &question, Said::default(), now), Err(Refused::Final));
    assert_eq!(wrong.checked(&quiz, &question, now), Err(Refused::AlreadyChecked));
    assert!(wrong.answered(&quiz, &question, Said { is_flagged: true, ..says(false, None) }, now).unwrap().is_final(&quiz, &question));
}

#[test]
fn tries_are_as_many_as_hints_and_one_and_each_wrong_one_costs() {
    let (quiz, question) = (behaving(Behaviour::Interactive), hinted(2));
    let now = quiz.created_at;
    let mut answer = crate::model::testing::answer(&quiz);
    let mut told = Vec::new();
    for _ in 0..2 {
        answer = answer.answered(&quiz, &question, says(false, None), now).unwrap().checked(&quiz, &question, now).unwrap();
        let checked = checked(&quiz, &question, &answer).unwrap();
        told.push((checked.tries_left, checked.hint, checked.right_answer.is_some()));
        answer = answer.answered(&quiz, &question, Said::default(), now).unwrap();
    }
    assert_eq!(told, [(Some(2), Some("hint 1".to_owned()), false), (Some(1), Some("hint 2".to_owned()), false)]);
    let right = answer.answered(&quiz, &question, says(true, None), now).unwrap();
    let mark = |answer: &Answer| answer.marked_by_rule(&quiz, &question, Version::FIRST, now).mark.unwrap().as_f64();
    let done = right.checked(&quiz, &question, now).unwrap();
    assert!((mark(&done) - 0.4).abs() < 1e-9 && (mark(&right) - 0.4).abs() < 1e-9, "checked or not");
    assert!(checked(&quiz, &question, &done).unwrap().is_final);
    let failed = answer.answered(&quiz, &question, says(false, None), now).unwrap().checked(&quiz, &question, now).unwrap();
    assert_eq!(failed.answered(&quiz, &question, says(true, None), now), Err(Refused::Final));
    assert!(mark(&failed).abs() < 1e-9 && checked(&quiz, &question, &failed).unwrap().hint.is_none());
}

#[test]
#[allow(clippy::float_cmp)]
fn certainty_multiplies_what_is_right_and_what_is_wrong() {
    for behaviour in [Behaviour::DeferredCertainty, Behaviour::ImmediateCertainty] {
        let (quiz, question) = (behaving(behaviour), hinted(0));
        let now = quiz.created_at;
        let mark = |is_true, sure: Option<u8>| {
            let said = says(is_true, sure.map(|sure| Certainty::try_from(sure).unwrap()));
            let answer = crate::model::testing::answer(&quiz).answered(&quiz, &question, said, now).unwrap();
            answer.marked_by_rule(&quiz, &question, Version::FIRST, now).mark.unwrap().as_f64()
        };
        assert_eq!(
            [None, Some(1), Some(2), Some(3)].map(|sure| (mark(true, sure), mark(false, sure))),
            [(1.0, 0.0), (1.0, 0.0), (2.0, -2.0), (3.0, -6.0)]
        );
        let none = crate::model::testing::answer(&quiz).marked_by_rule(&quiz, &question, Version::FIRST, now);
        assert_eq!((none.mark, none.max_mark), (Some(Mark::ZERO), Mark::try_from(3.0).unwrap()), "what is not answered costs nothing");
    }
    let (quiz, question) = (behaving(Behaviour::Deferred), hinted(0));
    let answer = crate::model::testing::answer(&quiz);
    assert_eq!(answer.answered(&quiz, &question, says(true, Some(Certainty::High)), quiz.created_at), Err(Refused::NoCertainty));
}
