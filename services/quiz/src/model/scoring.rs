//! From what an answer earns to marks: negative marking, penalties, floors, sums, and which attempt counts.

use super::attempt::{Answer, AnswerState, Attempt};
use super::certainty;
use super::mark::{Fraction, Mark};
use super::question::Content;
use super::quiz::{Behaviour, GradeMethod, MarkFloor, Quiz};

/// What is left of `earned` after so many wrong tries before.
#[must_use]
pub fn after_tries(earned: Fraction, penalty: Fraction, tries: i16) -> Fraction {
    let cost = penalty.steps().saturating_mul(i64::from(tries));
    // A penalty makes a right answer worth less, never a wrong one worse.
    Fraction::from_steps((earned.steps() - cost).max(earned.steps().min(0)))
}

/// The marks of an answer that is marked by rule. In this order: what a wrong answer costs, what tries cost, the best of what was checked where that counts, the
/// floor. Where certainty counts, that alone decides.
#[must_use]
pub fn mark(quiz: &Quiz, question: &Content, answer: &Answer, earned: Fraction) -> Mark {
    let settings = &quiz.settings;
    let answered = answer.response.as_ref().is_some_and(|response| !response.is_empty());
    if settings.behaviour.asks_certainty() {
        return if answered { certainty::mark(answer.max_mark, earned, answer.certainty.unwrap_or_default()) } else { Mark::ZERO };
    }
    let costed = if answered && earned <= Fraction::ZERO { earned.min(-settings.negative_fraction) } else { earned };
    let fraction = match answer.best_fraction {
        // The last try counts, and costs what those before it did.
        _ if settings.behaviour == Behaviour::Interactive => {
            after_tries(costed, question.penalty, answer.tries.saturating_sub(i16::from(answer.is_checked)))
        }
        // It is what was checked last, so that check has counted it.
        Some(best) if answer.is_checked => best,
        Some(best) => best.max(after_tries(costed, question.penalty, answer.tries)),
        None => costed,
    };
    let floored = if settings.mark_floor == MarkFloor::Question { fraction.max(Fraction::ZERO) } else { fraction };
    answer.max_mark.times(floored)
}

/// The sum of an attempt's marks, not below the floor; none while something waits.
#[must_use]
pub fn score(quiz: &Quiz, answers: &[Answer]) -> Option<Mark> {
    if answers.iter().any(|answer| answer.state == AnswerState::Waiting) {
        return None;
    }
    let sum: Mark = answers.iter().filter_map(|answer| answer.mark).sum();
    Some(if quiz.settings.mark_floor == MarkFloor::None { sum } else { sum.max(Mark::ZERO) })
}

/// What counts of a student's attempts, in the order of their numbers; none if none is marked. Attempts that run, wait or were abandoned don't count, except
/// that the first is the first: while it waits, nothing counts.
#[must_use]
pub fn result(method: GradeMethod, attempts: &[Attempt]) -> Option<Mark> {
    let mut ended: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.state.is_submitted()).collect();
    ended.sort_by_key(|attempt| attempt.attempt);
    let scores: Vec<Mark> = ended.iter().filter_map(|attempt| attempt.score).collect();
    match method {
        GradeMethod::Highest => scores.into_iter().max(),
        GradeMethod::Average => Mark::mean(&scores),
        GradeMethod::First => ended.first().and_then(|attempt| attempt.score),
        GradeMethod::Last => ended.last().and_then(|attempt| attempt.score),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::attempt::{AnswerState, Said, State};
    use crate::model::quiz::Behaviour;
    use crate::model::response::Response;
    use crate::model::testing::{answer, attempt, quiz};

    fn question() -> Content {
        serde_json::from_value(json!({"name": "n", "stem": "s", "penalty": 0.333_333_3, "answer": {"type": "true_false", "correct": true}}))
            .unwrap()
    }

    #[allow(clippy::unnecessary_wraps, reason = "as the field that it is for")]
    fn says(is_true: bool) -> Option<Response> {
        Some(Response { is_true: Some(is_true), ..Response::default() })
    }

    fn say(answer: &Answer, quiz: &Quiz, is_true: bool) -> Answer {
        let said = Said { response: says(is_true), certainty: answer.certainty, is_flagged: false };
        answer.answered(quiz, &question(), said, quiz.created_at).unwrap()
    }

    #[test]
    fn a_wrong_answer_costs_and_no_answer_does_not() {
        let mut quiz = quiz();
        quiz.settings.negative_fraction = Fraction::try_from(0.25).unwrap();
        quiz.settings.mark_floor = MarkFloor::Attempt;
        let now = quiz.created_at;
        let mut answers: Vec<Answer> = [says(true), says(false), says(false), None]
            .into_iter()
            .map(|response| {
                Answer { response, max_mark: Mark::try_from(4.0).unwrap(), ..answer(&quiz) }.marked_by_rule(
                    &quiz,
                    &question(),
                    domain::Version::FIRST,
                    now,
                )
            })
            .collect();
        let marks: Vec<f64> = answers.iter().map(|answer| answer.mark.unwrap().as_f64()).collect();
        assert_eq!(marks, [4.0, -1.0, -1.0, 0.0]);
        assert_eq!(score(&quiz, &answers), Mark::try_from(2.0).ok());
        assert_eq!(score(&quiz, &answers[1..]), Some(Mark::ZERO), "the attempt does not go below nothing");
        quiz.settings.mark_floor = MarkFloor::None;
        assert_eq!(score(&quiz, &answers[1..]), Mark::try_from(-2.0).ok());
        answers[0].state = AnswerState::Waiting;
        assert_eq!(score(&quiz, &answers), None);
    }

    #[test]
    fn each_wrong_check_costs_the_penalty_and_the_best_counts() {
        let mut quiz = quiz();
        quiz.settings.behaviour = Behaviour::Adaptive;
        let (now, question) = (quiz.created_at, question());
        let wrong = say(&answer(&quiz), &quiz, false).checked(&quiz, &question, now).unwrap();
        assert!(wrong.checked(&quiz, &question, now).is_err(), "the same answer is not checked twice");
        let right = say(&wrong, &quiz, true);
        let unchecked = right.marked_by_rule(&quiz, &question, domain::Version::FIRST, now);
        let checked = right.checked(&quiz, &question, now).unwrap().marked_by_rule(&quiz, &question, domain::Version::FIRST, now);
        assert_eq!((unchecked.mark, checked.mark), (Mark::try_from(0.6667).ok(), Mark::try_from(0.6667).ok()));
        let spoilt = say(&right.checked(&quiz, &question, now).unwrap(), &quiz, false);
        assert_eq!(spoilt.marked_by_rule(&quiz, &question, domain::Version::FIRST, now).mark, Mark::try_from(0.6667).ok());
    }

    #[test]
    fn best_mean_first_and_last() {
        let quiz = quiz();
        let of = |number: u8, score: Option<f64>, state| Attempt {
            attempt: number,
            state,
            score: score.and_then(|score| Mark::try_from(score).ok()),
            ..attempt(&quiz, quiz.created_at)
        };
        let all = [
            of(1, Some(5.0), State::Graded),
            of(2, Some(9.0), State::Graded),
            of(3, Some(6.0), State::Graded),
            of(4, None, State::Abandoned),
        ];
        let results =
            [GradeMethod::Highest, GradeMethod::Average, GradeMethod::First, GradeMethod::Last].map(|method| result(method, &all));
        assert_eq!(results.map(|mark| mark.unwrap().to_string()), ["9", "6.6667", "5", "6"]);
        assert_eq!(result(GradeMethod::Last, &[of(1, Some(5.0), State::Graded), of(2, None, State::Submitted)]), None);
        assert_eq!(result(GradeMethod::Highest, &[of(1, None, State::InProgress)]), None);
    }

    proptest! {
        #[test]
        fn marks_stay_between_floor_and_maximum_and_add_up(
            earned in proptest::collection::vec((-10_000_000_i64..=10_000_000, 0_i64..=1_000_000, 0_i16..4), 0..12), negative in 0_i64..=10_000_000,
        ) {
            for floor in [MarkFloor::Question, MarkFloor::Attempt, MarkFloor::None] {
                let mut quiz = quiz();
                quiz.settings.mark_floor = floor;
                quiz.settings.negative_fraction = Fraction::from_steps(negative);
                let answers: Vec<Answer> = earned.iter().map(|(fraction, max, tries)| {
                    let row = Answer { max_mark: Mark::from_steps(*max), tries: *tries, response: says(true), ..answer(&quiz) };
                    let mark = mark(&quiz, &question(), &row, Fraction::from_steps(*fraction));
                    Answer { mark: Some(mark), state: AnswerState::Marked, ..row }
                }).collect();
                for answer in &answers {
                    let mark = answer.mark.unwrap();
                    prop_assert!(mark <= answer.max_mark && mark >= Mark::ZERO - answer.max_mark);
                    prop_assert!(floor != MarkFloor::Question || !mark.is_negative());
                }
                let sum: Mark = answers.iter().filter_map(|answer| answer.mark).sum();
                let score = score(&quiz, &answers).unwrap();
                prop_assert_eq!(score, if floor == MarkFloor::None { sum } else { sum.max(Mark::ZERO) });
            }
        }

        #[test]
        fn what_counts_lies_among_the_attempts_and_their_order_in_the_list_does_not_matter(
            scores in proptest::collection::vec(proptest::option::of(-50_000_i64..50_000), 1..8), turn in 0_usize..8,
        ) {
            let quiz = quiz();
            let mut attempts: Vec<Attempt> = (1..).zip(&scores).map(|(number, score)| Attempt {
                attempt: number,
                state: if score.is_some() { State::Graded } else { State::Submitted },
                score: score.map(Mark::from_steps),
                ..attempt(&quiz, quiz.created_at)
            }).collect();
            let all = [GradeMethod::Highest, GradeMethod::Average, GradeMethod::First, GradeMethod::Last];
            let results = all.map(|method| result(method, &attempts));
            attempts.rotate_left(turn % scores.len());
            prop_assert_eq!(all.map(|method| result(method, &attempts)), results);
            let known: Vec<Mark> = scores.iter().flatten().copied().map(Mark::from_steps).collect();
            let (lowest, highest) = (known.iter().min().copied(), known.iter().max().copied());
            prop_assert_eq!(results[0], highest);
            prop_assert_eq!((results[2], results[3]), (scores[0].map(Mark::from_steps), scores[scores.len() - 1].map(Mark::from_steps)));
            for counts in results.into_iter().flatten() {
                prop_assert!(Some(counts) >= lowest && Some(counts) <= highest);
            }
        }

        #[test]
        fn a_regrade_changes_no_response_and_is_the_same_the_second_time(is_true in any::<bool>(), correct in any::<bool>()) {
            let quiz = quiz();
            let now = quiz.created_at;
            let mut other = question();
            other.answer = serde_json::from_value(json!({"type": "true_false", "correct": correct})).unwrap();
            let row = Answer { response: says(is_true), ..answer(&quiz) };
            let first = row.marked_by_rule(&quiz, &question(), domain::Version::FIRST, now);
            let again = first.marked_by_rule(&quiz, &other, domain::Version::FIRST.next(), now);
            prop_assert_eq!((&again.response, again.question_version), (&row.response, row.question_version));
            let twice = again.marked_by_rule(&quiz, &other, domain::Version::FIRST.next(), now);
            prop_assert_eq!(twice.mark, again.mark);
            prop_assert_eq!(again.mark, Some(if is_true == correct { row.max_mark } else { Mark::ZERO }));
        }
    }
}
