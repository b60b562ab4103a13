//! How attempts end: submitted by the student, or by themselves when time is up.
//!
//! Ending writes the attempt and all of its answers in one operation, based on the versions that were read. An answer that was saved meanwhile makes the write
//! fail, and everything is read again: what was acknowledged is marked.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use cache::Guard;
use domain::{AttemptId, EventKind, Fault, SchoolId, ServiceName, SlotId, Timestamp};
use service_kit::{Caller, Kind, Problem, Refusal, Retries};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use write_behind::{Operation, WriteError};

use super::Rooms;
use super::answers::refused;
use crate::events::about_attempt;
use crate::model::attempt::{Answer, AnswerState, Attempt, Questions, Refused, Said};
use crate::model::certainty::Certainty;
use crate::model::mark::Mark;
use crate::model::quiz::Quiz;
use crate::model::response::Response;
use crate::model::scoring;
use crate::model::terms::Terms;
use crate::model::timing::{Clock, Ending, clock};
use crate::store::{Sheet, answers_of, answers_to_change, find_attempt, other_attempts, overdue, schools_that_sit};

/// How often attempts whose time is up are looked for. Whoever looks at one ends it at once.
const INTERVAL: Duration = Duration::from_secs(10);
/// How many of a school are looked for at once.
const BATCH: usize = 500;

/// A last answer that is brought along.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) slot: SlotId,
    pub(super) response: Option<Response>,
    /// What was said before holds where this is none.
    pub(super) certainty: Option<Certainty>,
}

/// Who ends an attempt.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// Its student, who may bring last answers along. The guard holds as long as they are who they were taken for.
    Student(&'a Caller, Option<&'a Arc<Guard>>, &'a [Last]),
    /// The clock.
    Clock,
}

impl<'a> By<'a> {
    const fn guard(self) -> Option<&'a Arc<Guard>> {
        match self {
            Self::Student(_, guard, _) => guard,
            Self::Clock => None,
        }
    }

    const fn caller(self) -> Option<&'a Caller> {
        match self {
            Self::Student(caller, ..) => Some(caller),
            Self::Clock => None,
        }
    }

    const fn last(self) -> &'a [Last] {
        match self {
            Self::Student(_, _, last) => last,
            Self::Clock => &[],
        }
    }
}

impl Rooms {
    /// Ends an attempt if it can be ended; one that has ended stays as it is. `attempt` is what was read of it. Answers with what it is now, and whether the last
    /// answers that were brought are in it: taken now, or already there.
    pub(super) async fn end(&self, sheet: &Sheet, mut attempt: Attempt, by: By<'_>) -> Result<(Attempt, bool), Problem> {
        // Not `retried`: the compiler can't tell of a closure that is given to a background task that it may move between threads.
        let mut tries = 0;
        loop {
            match self.end_once(sheet, &attempt, by).await {
                Ok((after, there)) => {
                    if after.version != attempt.version {
                        self.show_on_leaderboard(&sheet.quiz, &after).await;
                    }
                    return Ok((after, there));
                }
                Err(refusal) => Retries::EVEN_IF_CHANGED.again(refusal, &mut tries)?,
            }
            let found = find_attempt(&self.platform, by.guard(), attempt.school_id, attempt.id).await?;
            attempt = found.row().ok_or_else(|| Problem::not_found("attempt"))?;
        }
    }

    /// Ends an attempt whose time was found to be up.
    pub(super) async fn end_if_over(&self, guard: Option<&Arc<Guard>>, sheet: &Sheet, id: AttemptId) -> Result<Attempt, Problem> {
        let attempt = find_attempt(&self.platform, guard, sheet.quiz.school_id, id).await?.row();
        Ok(self.end(sheet, attempt.ok_or_else(|| Problem::not_found("attempt"))?, By::Clock).await?.0)
    }

    async fn end_once(&self, sheet: &Sheet, attempt: &Attempt, by: By<'_>) -> Result<(Attempt, bool), Refusal> {
        let school = sheet.quiz.school_id;
        let now = self.platform.clock().now();
        if !attempt.state.is_running() {
            let last = by.last();
            let there = last.is_empty() || are_there(&answers_of(&self.platform, attempt).await?, last);
            return Ok((attempt.clone(), there));
        }
        let terms = Terms::of(&sheet.quiz, &sheet.overrides, attempt.student_id);
        let clock = clock(&sheet.quiz, &terms, attempt.started_at, now);
        let ending = match (clock, by) {
            (Clock::Over(ending), _) => ending,
            (Clock::Running | Clock::Grace, By::Student(..)) => Ending::Submitted(now),
            (Clock::Running | Clock::Grace, By::Clock) => return Ok((attempt.clone(), true)),
        };
        let mut answers = answers_to_change(&self.platform, attempt).await?;
        if answers.iter().any(|answer| answer.state != AnswerState::Open) {
            // It has ended between the two reads.
            return Err(Refusal::Write(WriteError::Conflict(attempt.version)));
        }
        let seen: Vec<_> = answers.iter().map(|answer| answer.version).collect();
        let pinned: Vec<_> = answers.iter().map(Answer::pinned).collect();
        let questions = self.bank.contents(school, &pinned).await?;
        let last = by.last();
        let there = clock == Clock::Running || are_there(&answers, last);
        if clock == Clock::Running {
            take_last(&sheet.quiz, &mut answers, last, &questions, now)?;
        } else if clock == Clock::Grace && !there {
            // Nothing is submitted that is not what the student meant.
            return Err(time_is_up().into());
        }
        let (after, answers) = match ending {
            Ending::Submitted(at) => attempt.submitted(&sheet.quiz, &answers, &questions, at, now),
            Ending::Abandoned => attempt.abandoned(&answers, now),
        };
        self.write(&sheet.quiz, by.caller(), by.guard(), attempt, &after, &seen, &answers, now).await?;
        Ok((after, there))
    }

    /// Writes an attempt and its answers as one operation, and tells of it.
    #[allow(clippy::too_many_arguments)]
    pub(super) async fn write(
        &self,
        quiz: &Quiz,
        caller: Option<&Caller>,
        guard: Option<&Arc<Guard>>,
        before: &Attempt,
        after: &Attempt,
        seen: &[domain::Version],
        answers: &[Answer],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let operation = self.operation(quiz, caller, guard, before, after, seen, answers, now).await?;
        self.platform.buffer().write(self.platform.postgres(ServiceName::Quiz), operation).await.map_err(Refusal::Write)?;
        Ok(())
    }

    /// What [`Rooms::write`] writes.
    #[allow(clippy::too_many_arguments)]
    pub(super) async fn operation(
        &self,
        quiz: &Quiz,
        caller: Option<&Caller>,
        guard: Option<&Arc<Guard>>,
        before: &Attempt,
        after: &Attempt,
        seen: &[domain::Version],
        answers: &[Answer],
        now: Timestamp,
    ) -> Result<Operation, Refusal> {
        let mut operation = Operation::new(quiz.school_id, ServiceName::Quiz).update(after, before.version).guarded(guard);
        for (answer, seen) in answers.iter().zip(seen) {
            // Two steps may lie between what was read and what is written; the row's number goes up by one all the same.
            let answer = Answer { version: seen.next(), ..answer.clone() };
            operation = operation.update(&answer, *seen);
        }
        let counts = self.counts(quiz, after).await?;
        if after.state.is_submitted() && !before.state.is_submitted() {
            operation = operation.event(about_attempt(EventKind::QuizSubmitted, caller, quiz, after, counts, now)?);
        }
        // A score that came, went or changed changes what counts.
        if after.score.is_some() || before.score.is_some() {
            operation = operation.event(about_attempt(EventKind::QuizGraded, caller, quiz, after, counts, now)?);
        }
        Ok(operation)
    }

    /// What counts of the student's attempts, with `attempt` as it is, or is about to be.
    pub(super) async fn counts(&self, quiz: &Quiz, attempt: &Attempt) -> Result<Option<Mark>, Problem> {
        let mut attempts = other_attempts(&self.platform, quiz, attempt).await?;
        attempts.push(attempt.clone());
        Ok(scoring::result(quiz.settings.grade_method, &attempts))
    }
}

/// Whether the last answers are what was answered: a repetition brings what was taken the first time.
fn are_there(answers: &[Answer], last: &[Last]) -> bool {
    let is_there = |last: &Last, answer: &Answer| {
        answer.slot_id == last.slot && answer.response == last.response && (last.certainty.is_none() || answer.certainty == last.certainty)
    };
    last.iter().all(|last| answers.iter().any(|answer| is_there(last, answer)))
}

/// The answers with what is brought along as they are submitted. Every fault is told, as pointers into the body of the request.
fn take_last(quiz: &Quiz, answers: &mut [Answer], last: &[Last], questions: &Questions, now: Timestamp) -> Result<(), Problem> {
    let (mut faults, mut seen) = (Vec::new(), HashSet::new());
    for (at, Last { slot, response, certainty }) in last.iter().enumerate() {
        let asked = answers.iter_mut().find(|answer| answer.slot_id == *slot);
        let Some((answer, content)) = asked.and_then(|answer| questions.get(&answer.pinned()).map(|content| (answer, content))) else {
            faults.push(Fault::new(format!("/answers/{at}/slot_id"), "is no slot of this attempt"));
            continue;
        };
        if !seen.insert(slot) {
            faults.push(Fault::new(format!("/answers/{at}/slot_id"), "is given twice"));
        }
        if let Some(Err(own)) = response.as_ref().map(|response| response.check(&content.answer)) {
            faults.extend(own.into_iter().map(|fault| Fault::new(format!("/answers/{at}/response{}", fault.pointer), fault.detail)));
        }
        let said = Said { response: response.clone(), certainty: certainty.or(answer.certainty), is_flagged: answer.is_flagged };
        let content = answer.asked(content).into_owned();
        match answer.answered(quiz, &content, said, now) {
            Ok(next) => *answer = next,
            Err(Refused::NoCertainty) => faults.push(Fault::new(format!("/answers/{at}/certainty"), "is not asked for in this quiz")),
            Err(Refused::Final) => return Err(refused(Refused::Final)),
            Err(_) => return Err(ended()),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// Within the grace period an attempt may be submitted and not answered.
pub(super) fn time_is_up() -> Problem {
    Problem::conflict(Kind::Conflict, "Time is up: submit it as it is.")
}

pub(super) fn ended() -> Problem {
    Problem::conflict(Kind::Conflict, "The attempt has ended.")
}

/// Ends what nobody looks at: attempts whose time was up, in all schools, for ever.
pub(crate) async fn sweep(rooms: Rooms, cancel: CancellationToken) {
    loop {
        tokio::select! { () = tokio::time::sleep(INTERVAL) => {} () = cancel.cancelled() => return }
        match rooms.sweep_once().await {
            Ok(0) => {}
            Ok(ended) => info!(ended, "attempts whose time was up were ended"),
            Err(problem) => warn!(%problem, "attempts whose time is up wait for a store"),
        }
    }
}

impl Rooms {
    /// One round; how many were ended. Several processes may do the same at once: an attempt ends once.
    pub(crate) async fn sweep_once(&self) -> Result<usize, Problem> {
        let mut count = 0;
        for school in schools_that_sit(&self.platform).await? {
            let mut after = None;
            loop {
                let now = self.platform.clock().now();
                let mut transaction = self.reading(school).await?;
                let attempts = overdue(&mut transaction, now, after, BATCH).await?;
                drop(transaction);
                for id in &attempts {
                    // One that can't be ended must not hold up the others.
                    match self.sweep_up(school, *id).await {
                        Ok(ended) => count += usize::from(ended),
                        Err(problem) => warn!(%problem, attempt = %id, "an attempt whose time is up could not be ended"),
                    }
                }
                after = attempts.last().copied().filter(|_| attempts.len() == BATCH);
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(count)
    }

    /// Ends an attempt that may be over; whether it was, and ran until now.
    async fn sweep_up(&self, school: SchoolId, id: AttemptId) -> Result<bool, Problem> {
        let Some(attempt) = find_attempt(&self.platform, None, school, id).await?.row() else { return Ok(false) };
        let Some(sheet) = self.sheets.find(school, attempt.quiz_id).await? else { return Ok(false) };
        if !attempt.state.is_running() {
            return Ok(false);
        }
        Ok(!self.end(&sheet, attempt, By::Clock).await?.0.state.is_running())
    }
}
