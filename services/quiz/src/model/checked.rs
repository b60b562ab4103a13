//! What a student is told of an answer that was checked while the attempt runs: as far as the quiz's behaviour and its review options allow, and never what is
//! right while the answer can still be changed.

use serde::Serialize;
use utoipa::ToSchema;

use super::asked::right_answer;
use super::attempt::Answer;
use super::grade::{Outcome, feedback, grade};
use super::mark::{Fraction, Mark};
use super::question::{Content, Spec};
use super::quiz::{Behaviour, Quiz};
use super::response::Response;
use super::scoring;

/// What a check has told. What is not shown is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Checked {
    /// Whether the answer stays what it is from now on.
    pub is_final: bool,
    /// How many more tries there are, where they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries_left: Option<usize>,
    /// `right`, `partly_right` or `wrong`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correctness: Option<&'static str>,
    /// What it would earn as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// What is said to who answers so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Vec<String>>,
    /// Help for the next try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is said about the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub general_feedback: Option<String>,
    /// An answer that earns all the marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_answer: Option<Response>,
}

/// How right an answer is, in a word; none for what no rule can tell.
#[must_use]
pub fn correctness(spec: &Spec, response: Option<&Response>) -> Option<&'static str> {
    match grade(spec, response) {
        Outcome::Earned(earned) if earned == Fraction::ONE => Some("right"),
        Outcome::Earned(earned) if earned > Fraction::ZERO => Some("partly_right"),
        Outcome::Earned(_) => Some("wrong"),
        Outcome::ByHand | Outcome::NotAsked => None,
    }
}

/// What is told of `answer` while its attempt runs; none if it was never checked. `question` has its numbers.
#[must_use]
pub fn checked(quiz: &Quiz, question: &Content, answer: &Answer) -> Option<Checked> {
    if answer.tries == 0 {
        return None;
    }
    let shown = quiz.settings.review_options.during;
    let is_final = answer.is_final(quiz, question);
    let response = answer.response.as_ref();
    // Of an answer that was changed since, only the hint is left.
    let now = answer.is_checked;
    let counts = quiz.settings.behaviour == Behaviour::Interactive;
    let tried = usize::try_from(answer.tries).unwrap_or_default();
    let mark = || match grade(&question.answer, response) {
        Outcome::Earned(earned) => Some(scoring::mark(quiz, question, answer, earned)),
        Outcome::ByHand | Outcome::NotAsked => None,
    };
    Some(Checked {
        is_final,
        tries_left: counts.then(|| if is_final { 0 } else { (question.hints.len() + 1).saturating_sub(tried) }),
        correctness: if now && shown.correctness { correctness(&question.answer, response) } else { None },
        mark: if now && shown.marks { mark() } else { None },
        feedback: (now && shown.feedback).then(|| feedback(&question.answer, response)),
        hint: question.hints.get(tried.saturating_sub(1)).filter(|_| counts && !is_final).cloned(),
        general_feedback: question.general_feedback.clone().filter(|_| is_final && shown.general_feedback),
        right_answer: right_answer(&question.answer).filter(|_| is_final && shown.right_answer),
    })
}
