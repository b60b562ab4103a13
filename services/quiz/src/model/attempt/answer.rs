//! How one state of an answer follows from another: saved, checked, marked.

use std::borrow::Cow;

use domain::{Timestamp, UserId, Version};

use super::{Answer, AnswerState, Refused, Said};
use crate::model::calculated::{self, with_numbers};
use crate::model::grade::{Outcome, grade};
use crate::model::mark::{Fraction, Mark};
use crate::model::paper::Pinned;
use crate::model::question::Content;
use crate::model::quiz::{Behaviour, Quiz};
use crate::model::response::Response;
use crate::model::scoring;

impl Answer {
    /// What was asked.
    #[must_use]
    pub const fn pinned(&self) -> Pinned {
        Pinned { question_id: self.question_id, version: self.question_version }
    }

    pub(super) fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version.next(), updated_at: now, ..self.clone() }
    }

    /// The answer with the numbers that its attempt draws, before it is asked for the first time.
    #[must_use]
    pub fn drawn(self, question: &Content, attempt_seed: i64) -> Self {
        Self { numbers: calculated::draw(question, self.slot_id, attempt_seed), ..self }
    }

    /// The question as this attempt is asked it: with its numbers.
    #[must_use]
    pub fn asked<'c>(&self, question: &'c Content) -> Cow<'c, Content> {
        with_numbers(question, self.numbers.as_ref())
    }

    /// Whether it stays what it is: a check has ended it. `question` has its numbers.
    #[must_use]
    pub fn is_final(&self, quiz: &Quiz, question: &Content) -> bool {
        self.is_checked
            && match quiz.settings.behaviour {
                Behaviour::Immediate | Behaviour::ImmediateCertainty => true,
                Behaviour::Interactive => {
                    let used = usize::try_from(self.tries).is_ok_and(|tries| tries > question.hints.len());
                    used || grade(&question.answer, self.response.as_ref()) == Outcome::Earned(Fraction::ONE)
                }
                Behaviour::Deferred | Behaviour::Adaptive | Behaviour::DeferredCertainty | Behaviour::Manual => false,
            }
    }

    /// The answer with what the student says now. `question` has its numbers.
    pub fn answered(&self, quiz: &Quiz, question: &Content, said: Said, now: Timestamp) -> Result<Self, Refused> {
        if self.state != AnswerState::Open {
            return Err(Refused::Ended);
        }
        if said.certainty.is_some() && !quiz.settings.behaviour.asks_certainty() {
            return Err(Refused::NoCertainty);
        }
        let same = self.response == said.response && self.certainty == said.certainty;
        if !same && self.is_final(quiz, question) {
            return Err(Refused::Final);
        }
        let Said { response, certainty, is_flagged } = said;
        Ok(Self { response, certainty, is_flagged, is_checked: self.is_checked && same, answered_at: Some(now), ..self.next(now) })
    }

    /// The answer, checked. Where each further try costs the question's penalty and the best counts, what it would earn is kept; else it is marked by what it is
    /// when the attempt ends. `question` has its numbers.
    pub fn checked(&self, quiz: &Quiz, question: &Content, now: Timestamp) -> Result<Self, Refused> {
        if self.state != AnswerState::Open {
            return Err(Refused::Ended);
        }
        if matches!(quiz.settings.behaviour, Behaviour::Deferred | Behaviour::DeferredCertainty | Behaviour::Manual) {
            return Err(Refused::NotCheckable);
        }
        if self.is_checked {
            return Err(Refused::AlreadyChecked);
        }
        if self.response.as_ref().is_none_or(Response::is_empty) {
            return Err(Refused::Unanswered);
        }
        let Outcome::Earned(earned) = grade(&question.answer, self.response.as_ref()) else { return Err(Refused::NotCheckable) };
        let best_fraction = if quiz.settings.behaviour == Behaviour::Adaptive {
            let left = scoring::after_tries(earned, question.penalty, self.tries);
            Some(self.best_fraction.map_or(left, |best| best.max(left)))
        } else {
            None
        };
        Ok(Self { tries: self.tries.saturating_add(1), best_fraction, is_checked: true, ..self.next(now) })
    }

    /// The answer as it is marked by rule, by `question` in version `by`; it waits if a person must decide. The response stays what it is.
    #[must_use]
    pub fn marked_by_rule(&self, quiz: &Quiz, question: &Content, by: Version, now: Timestamp) -> Self {
        let next = Self { graded_version: Some(by), graded_by: None, ..self.next(now) };
        let question = &*self.asked(question);
        let answered = self.response.as_ref().is_some_and(|response| !response.is_empty());
        let by_hand = answered && quiz.settings.behaviour == Behaviour::Manual;
        match grade(&question.answer, self.response.as_ref()) {
            Outcome::Earned(_) if by_hand => Self { state: AnswerState::Waiting, mark: None, graded_at: None, ..next },
            Outcome::ByHand => Self { state: AnswerState::Waiting, mark: None, graded_at: None, ..next },
            Outcome::NotAsked => Self { state: AnswerState::Marked, mark: Some(Mark::ZERO), graded_at: Some(now), ..next },
            Outcome::Earned(earned) => {
                let mark = scoring::mark(quiz, question, self, earned);
                Self { state: AnswerState::Marked, mark: Some(mark), graded_at: Some(now), ..next }
            }
        }
    }

    /// The answer as a person marks it: within what a rule could have given it, the quiz's floor included.
    pub fn marked_by(&self, quiz: &Quiz, by: UserId, mark: Mark, feedback: Option<String>, now: Timestamp) -> Result<Self, Refused> {
        if self.state == AnswerState::Open {
            return Err(Refused::Running);
        }
        let least = quiz.settings.least(self.max_mark);
        // Who was never asked how sure they are can't lose by it.
        let least = if self.certainty.is_some() { least } else { least.max(Mark::ZERO - self.max_mark) };
        if mark > self.max_mark || mark < least {
            return Err(Refused::Mark);
        }
        Ok(Self { state: AnswerState::Marked, mark: Some(mark), feedback, graded_by: Some(by), graded_at: Some(now), ..self.next(now) })
    }
}
