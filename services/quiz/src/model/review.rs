//! What a student, and the student's parents, are shown of an attempt when.

use chrono::Duration;
use domain::{Fault, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempt::{Attempt, State};
use super::quiz::{Behaviour, Kind, Quiz};
use super::terms::Terms;

/// For how long after submitting it is "immediately".
const MOMENT: Duration = Duration::minutes(2);

/// What is shown when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewOptions {
    /// While the attempt runs: of answers that were checked; what is right, only of those that can't be changed any more. One's own answers are always shown.
    #[serde(default)]
    pub during: Shown,
    /// Within two minutes of submitting.
    #[serde(default = "Shown::marked")]
    pub immediately: Shown,
    /// After that, while the quiz is open.
    #[serde(default = "Shown::marked")]
    pub later: Shown,
    /// When it is over; for an exam, when it was released.
    #[serde(default = "Shown::all")]
    pub closed: Shown,
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)]
pub struct Shown {
    /// The questions and one's answers.
    #[serde(default)]
    pub responses: bool,
    /// Whether they are right.
    #[serde(default)]
    pub correctness: bool,
    /// The marks.
    #[serde(default)]
    pub marks: bool,
    /// What is said to who answers so, and what a marker said.
    #[serde(default)]
    pub feedback: bool,
    /// What is said about the question.
    #[serde(default)]
    pub general_feedback: bool,
    /// What is right.
    #[serde(default)]
    pub right_answer: bool,
}

impl Shown {
    /// Nothing.
    pub const NOTHING: Self =
        Self { responses: false, correctness: false, marks: false, feedback: false, general_feedback: false, right_answer: false };

    const fn marked() -> Self {
        Self { right_answer: false, ..Self::all() }
    }

    /// Everything.
    #[must_use]
    pub const fn all() -> Self {
        Self { responses: true, correctness: true, marks: true, feedback: true, general_feedback: true, right_answer: true }
    }

    const fn is_nothing(self) -> bool {
        !(self.responses || self.correctness || self.marks || self.feedback || self.general_feedback || self.right_answer)
    }

    /// Whether there is anything to review.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !self.is_nothing()
    }
}

impl Default for ReviewOptions {
    fn default() -> Self {
        Self { during: Shown::NOTHING, immediately: Shown::marked(), later: Shown::marked(), closed: Shown::all() }
    }
}

impl ReviewOptions {
    /// What they are unless somebody says otherwise: where a check ends an answer, it tells what came of it.
    #[must_use]
    pub fn of(behaviour: Behaviour) -> Self {
        let told = Shown { correctness: true, marks: true, feedback: true, ..Shown::NOTHING };
        Self { during: if behaviour.makes_final() { told } else { Shown::NOTHING }, ..Self::default() }
    }

    /// Every fault.
    pub fn check(&self, behaviour: Behaviour) -> Result<(), Vec<Fault>> {
        if (self.during.right_answer || self.during.general_feedback) && !behaviour.makes_final() {
            return Err(vec![Fault::new("/review_options/during", "an attempt that runs is not told what is right")]);
        }
        Ok(())
    }
}

/// Which of the options holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The attempt runs.
    During,
    /// It was submitted just now.
    Immediately,
    /// It was submitted, and the quiz is open.
    Later,
    /// The quiz is over.
    Closed,
    /// An exam that was not released.
    Withheld,
}

/// In which phase `attempt` is at `now`. The student's own close counts, and the class's too: who has more time must not be told by who had less.
#[must_use]
pub fn phase(quiz: &Quiz, terms: &Terms, attempt: &Attempt, now: Timestamp) -> Phase {
    match attempt.state {
        State::InProgress | State::Overdue => return Phase::During,
        State::Submitted | State::Graded | State::Abandoned => {}
    }
    if quiz.settings.kind == Kind::Exam {
        return if quiz.released_at.is_some_and(|at| at <= now) { Phase::Closed } else { Phase::Withheld };
    }
    let closes = terms.closes_at.max(quiz.settings.closes_at);
    if closes.is_some_and(|closes| now >= closes) {
        return Phase::Closed;
    }
    match attempt.submitted_at.or(attempt.due_at) {
        Some(submitted) if now < submitted + MOMENT => Phase::Immediately,
        _ => Phase::Later,
    }
}

/// What is shown of `attempt` at `now` to its student and the student's parents.
#[must_use]
pub fn shown(quiz: &Quiz, terms: &Terms, attempt: &Attempt, now: Timestamp) -> Shown {
    let options = &quiz.settings.review_options;
    match phase(quiz, terms, attempt, now) {
        Phase::During => options.during,
        Phase::Immediately => options.immediately,
        Phase::Later => options.later,
        Phase::Closed => options.closed,
        Phase::Withheld => Shown::NOTHING,
    }
}

/// From when on the marks of a submitted attempt show, as far as that is known.
#[must_use]
pub fn marks_visible_from(quiz: &Quiz, submitted: Timestamp) -> Option<Timestamp> {
    let options = &quiz.settings.review_options;
    if quiz.settings.kind == Kind::Exam {
        return quiz.released_at.filter(|_| options.closed.marks);
    }
    if options.immediately.marks {
        return Some(submitted);
    }
    if options.later.marks {
        return Some(submitted + MOMENT);
    }
    quiz.settings.closes_at.filter(|_| options.closed.marks)
}

/// Whether marks of attempts that were submitted long enough ago show at `now`: then a leaderboard gives nothing away.
#[must_use]
pub fn marks_are_out(quiz: &Quiz, now: Timestamp) -> bool {
    let options = &quiz.settings.review_options;
    match quiz.settings.kind {
        Kind::Exam => options.closed.marks && quiz.released_at.is_some_and(|at| at <= now),
        Kind::Quiz => {
            let closed = quiz.settings.closes_at.is_some_and(|closes| closes <= now);
            options.immediately.marks || options.later.marks || (options.closed.marks && closed)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::testing::{attempt, quiz};

    #[test]
    fn what_is_right_shows_when_the_quiz_is_over_and_an_exam_when_it_is_released() {
        let mut quiz = quiz();
        let (opens, closes) = (quiz.settings.opens_at.unwrap(), quiz.settings.closes_at.unwrap());
        let mut attempt = attempt(&quiz, opens);
        let terms = Terms::of(&quiz, &[], attempt.student_id);
        assert_eq!(shown(&quiz, &terms, &attempt, opens), Shown::NOTHING);
        attempt.state = State::Graded;
        attempt.submitted_at = Some(opens);
        assert_eq!(phase(&quiz, &terms, &attempt, opens), Phase::Immediately);
        assert_eq!(phase(&quiz, &terms, &attempt, opens + MOMENT), Phase::Later);
        assert!(!shown(&quiz, &terms, &attempt, opens + MOMENT).right_answer);
        assert!(shown(&quiz, &terms, &attempt, closes).right_answer);
        quiz.settings.kind = Kind::Exam;
        assert_eq!(shown(&quiz, &terms, &attempt, closes), Shown::NOTHING);
        quiz.released_at = Some(closes);
        assert_eq!(shown(&quiz, &terms, &attempt, closes), Shown::all());
    }

    proptest! {
        #[test]
        fn whatever_the_options_a_running_attempt_is_never_told_what_is_right(right in any::<bool>(), seconds in 0_i64..1_000_000) {
            let mut quiz = quiz();
            quiz.settings.review_options.during = Shown { right_answer: right, ..Shown::all() };
            prop_assert!(quiz.settings.review_options.check(quiz.settings.behaviour).is_err());
            quiz.settings.review_options = ReviewOptions::default();
            let opens = quiz.settings.opens_at.unwrap();
            let attempt = attempt(&quiz, opens);
            let terms = Terms::of(&quiz, &[], attempt.student_id);
            prop_assert!(!shown(&quiz, &terms, &attempt, opens + Duration::seconds(seconds)).right_answer);
        }
    }
}
