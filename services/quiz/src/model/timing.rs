//! Time: when an attempt may begin, until when it may be answered and submitted. The server's clock alone counts.

use chrono::Duration;
use domain::Timestamp;

use super::attempt::{Attempt, State};
use super::quiz::{MAX_ATTEMPTS, OverdueHandling, Quiz};
use super::terms::Terms;

/// Why an attempt can't begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is not open yet.
    NotOpen(Timestamp),
    /// It is over.
    Closed,
    /// All attempts are used.
    NoAttemptsLeft,
    /// The next attempt must wait.
    TooSoon(Timestamp),
}

/// What a running attempt is allowed at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// It may be answered and submitted.
    Running,
    /// Time is up; it may be submitted as it is.
    Grace,
    /// It is over, and ends as [`Ending`] says.
    Over(Ending),
}

/// How an attempt ends whose time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Submitted by itself, at this time.
    Submitted(Timestamp),
    /// Abandoned.
    Abandoned,
}

/// Whether the attempt after `earlier` may begin at `now`. `earlier` are the student's attempts on this quiz, all of them finished.
pub fn may_start(quiz: &Quiz, terms: &Terms, earlier: &[Attempt], now: Timestamp) -> Result<(), Refused> {
    if !quiz.is_given() || terms.closes_at.is_some_and(|closes| now >= closes) {
        return Err(Refused::Closed);
    }
    if let Some(opens) = terms.opens_at.filter(|opens| now < *opens) {
        return Err(Refused::NotOpen(opens));
    }
    if earlier.len() >= usize::from(terms.max_attempts.unwrap_or(MAX_ATTEMPTS)) {
        return Err(Refused::NoAttemptsLeft);
    }
    let delay = Duration::seconds(quiz.settings.attempt_delay_seconds.into());
    let last = earlier.iter().filter_map(|attempt| attempt.submitted_at.or(attempt.due_at)).max();
    match last.map(|last| last + delay).filter(|next| now < *next) {
        Some(next) => Err(Refused::TooSoon(next)),
        None => Ok(()),
    }
}

/// When an attempt that began at `started` is due: after its time limit or at the close, whichever is first; none if there is neither.
#[must_use]
pub fn due_at(terms: &Terms, started: Timestamp) -> Option<Timestamp> {
    let limit = terms.time_limit_seconds.map(|seconds| started + Duration::seconds(seconds.into()));
    match (limit, terms.closes_at) {
        (Some(limit), Some(closes)) => Some(limit.min(closes)),
        (limit, closes) => limit.or(closes),
    }
    // An override that ends before it began still leaves a moment.
    .map(|due| due.max(started + Duration::milliseconds(1)))
}

/// What an attempt that began at `started`, and is not finished, is allowed at `now`.
#[must_use]
pub fn clock(quiz: &Quiz, terms: &Terms, started: Timestamp, now: Timestamp) -> Clock {
    let Some(due) = due_at(terms, started) else { return Clock::Running };
    let grace = due + Duration::seconds(quiz.settings.grace_seconds.into());
    match quiz.settings.overdue_handling {
        _ if now <= due => Clock::Running,
        OverdueHandling::Autosubmit if now <= grace => Clock::Running,
        OverdueHandling::Autosubmit => Clock::Over(Ending::Submitted(due)),
        OverdueHandling::GracePeriod if now <= grace => Clock::Grace,
        OverdueHandling::GracePeriod | OverdueHandling::AutoAbandon => Clock::Over(Ending::Abandoned),
    }
}

/// The state in which a running attempt shows at `now`.
#[must_use]
pub fn shown_state(attempt: &Attempt, clock: Clock) -> State {
    match (attempt.state, clock) {
        (State::InProgress, Clock::Grace) => State::Overdue,
        (state, _) => state,
    }
}

#[cfg(test)]
mod tests {
    use domain::StudentId;
    use proptest::prelude::*;

    use super::*;
    use crate::model::terms::Override;
    use crate::model::testing::{attempt, exception, quiz};

    #[test]
    fn an_attempt_begins_within_its_times_and_not_too_often() {
        let mut quiz = quiz();
        quiz.settings.attempt_delay_seconds = 60;
        quiz.settings.max_attempts = Some(2);
        let (opens, closes) = (quiz.settings.opens_at.unwrap(), quiz.settings.closes_at.unwrap());
        let terms = Terms::of(&quiz, &[], StudentId::generate());
        let tick = Duration::microseconds(1);
        assert_eq!(may_start(&quiz, &terms, &[], opens - tick), Err(Refused::NotOpen(opens)));
        assert_eq!(may_start(&quiz, &terms, &[], opens), Ok(()));
        assert_eq!(may_start(&quiz, &terms, &[], closes - tick), Ok(()));
        assert_eq!(may_start(&quiz, &terms, &[], closes), Err(Refused::Closed));
        let done = Attempt { submitted_at: Some(opens), ..attempt(&quiz, opens) };
        assert_eq!(may_start(&quiz, &terms, std::slice::from_ref(&done), opens), Err(Refused::TooSoon(opens + Duration::seconds(60))));
        assert_eq!(may_start(&quiz, &terms, std::slice::from_ref(&done), opens + Duration::seconds(60)), Ok(()));
        assert_eq!(may_start(&quiz, &terms, &[done.clone(), done], opens + Duration::hours(1)), Err(Refused::NoAttemptsLeft));
    }

    #[test]
    fn when_time_is_up_each_way_of_handling_it_does_as_it_says() {
        let mut quiz = quiz();
        quiz.settings.time_limit_seconds = Some(600);
        quiz.settings.grace_seconds = 30;
        let started = quiz.settings.opens_at.unwrap();
        let attempt = attempt(&quiz, started);
        let terms = Terms::of(&quiz, &[], attempt.student_id);
        let due = started + Duration::seconds(600);
        let mut at = |handling, seconds: i64| {
            quiz.settings.overdue_handling = handling;
            clock(&quiz, &terms, attempt.started_at, due + Duration::seconds(seconds))
        };
        assert_eq!(at(OverdueHandling::Autosubmit, 30), Clock::Running);
        assert_eq!(at(OverdueHandling::Autosubmit, 31), Clock::Over(Ending::Submitted(due)));
        assert_eq!(at(OverdueHandling::GracePeriod, 0), Clock::Running);
        assert_eq!(at(OverdueHandling::GracePeriod, 1), Clock::Grace);
        assert_eq!(at(OverdueHandling::GracePeriod, 31), Clock::Over(Ending::Abandoned));
        assert_eq!(at(OverdueHandling::AutoAbandon, 1), Clock::Over(Ending::Abandoned));
    }

    proptest! {
        #[test]
        fn more_time_is_never_less(limit in 1_u32..10_000, extra in 0_u32..10_000, seconds in 0_i64..30_000) {
            let mut quiz = quiz();
            quiz.settings.time_limit_seconds = Some(limit);
            let started = quiz.settings.opens_at.unwrap();
            let attempt = attempt(&quiz, started);
            let kind = Override { student_id: Some(attempt.student_id), time_limit_seconds: Some(limit + extra), ..exception() };
            let (usual, kinder) = (Terms::of(&quiz, &[], attempt.student_id), Terms::of(&quiz, &[kind], attempt.student_id));
            let now = started + Duration::seconds(seconds);
            let runs = |terms: &Terms| clock(&quiz, terms, attempt.started_at, now) == Clock::Running;
            prop_assert!(!runs(&usual) || runs(&kinder));
        }

        #[test]
        fn once_over_an_attempt_stays_over(limit in 1_u32..1_000, grace in 0_u32..100, now in 0_i64..2_000, later in 0_i64..2_000) {
            for handling in [OverdueHandling::Autosubmit, OverdueHandling::GracePeriod, OverdueHandling::AutoAbandon] {
                let mut quiz = quiz();
                quiz.settings.time_limit_seconds = Some(limit);
                quiz.settings.grace_seconds = grace;
                quiz.settings.overdue_handling = handling;
                let started = quiz.settings.opens_at.unwrap();
                let attempt = attempt(&quiz, started);
                let terms = Terms::of(&quiz, &[], attempt.student_id);
                let at = |seconds| clock(&quiz, &terms, attempt.started_at, started + Duration::seconds(seconds));
                if let Clock::Over(ending) = at(now) {
                    prop_assert_eq!(at(now + later), Clock::Over(ending));
                }
            }
        }
    }
}
