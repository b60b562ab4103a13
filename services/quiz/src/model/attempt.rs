//! A student's attempt and its answers, as they are stored, and how one state follows from another.
//!
//! An attempt and an answer for each of its questions are made together when it begins, and written together when it ends. In between, saving an answer
//! writes that answer's row alone: it is small, and two tabs that answer two questions can't undo each other's work. An answer is open only as long as its
//! attempt runs; ending the attempt changes every answer, so an answer that was saved at the same moment either was there in time to be marked or is refused.

mod answer;

use std::collections::HashMap;
use std::sync::Arc;

use domain::{AnswerId, AttemptId, QuestionId, QuizId, SchoolId, SlotId, StudentId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use write_behind::natural_id;

use super::certainty::Certainty;
use super::formula::Values;
use super::mark::{Fraction, Mark};
use super::paper::{Pinned, Slot, lay_out};
use super::question::Content;
use super::quiz::Quiz;
use super::response::Response;
use super::scoring;
use super::terms::Terms;
use super::timing;

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs.
    InProgress,
    /// Its time is up, and it may still be submitted.
    Overdue,
    /// It was submitted, and something waits to be marked by a person.
    Submitted,
    /// All of it is marked.
    Graded,
    /// It was not submitted in time, and does not count.
    Abandoned,
}

impl State {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Overdue => "overdue",
            Self::Submitted => "submitted",
            Self::Graded => "graded",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether it has not ended.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::InProgress | Self::Overdue)
    }

    /// Whether it was submitted.
    #[must_use]
    pub const fn is_submitted(self) -> bool {
        matches!(self, Self::Submitted | Self::Graded)
    }
}

/// A student's attempt as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id, made from quiz, student and number.
    pub id: AttemptId,
    /// The school.
    pub school_id: SchoolId,
    /// The quiz.
    pub quiz_id: QuizId,
    /// Whose it is.
    pub student_id: StudentId,
    /// Which attempt it is, from 1.
    pub attempt: u8,
    /// Where it stands.
    pub state: State,
    /// What its order and its draws follow from.
    pub seed: i64,
    /// Its slots, in its own order.
    pub layout: Vec<SlotId>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it is due, as it was known when this was written; an override may move it.
    pub due_at: Option<Timestamp>,
    /// When it was submitted.
    pub submitted_at: Option<Timestamp>,
    /// What it earned, once all of it is marked.
    pub score: Option<Mark>,
    /// When that was.
    pub graded_at: Option<Timestamp>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Where an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerState {
    /// It may be given and changed.
    Open,
    /// It waits for a person to mark it.
    Waiting,
    /// It is marked.
    Marked,
}

impl AnswerState {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Marked => "marked",
        }
    }
}

/// An answer as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its id, made from attempt and slot.
    pub id: AnswerId,
    /// The school.
    pub school_id: SchoolId,
    /// The quiz.
    pub quiz_id: QuizId,
    /// The attempt.
    pub attempt_id: AttemptId,
    /// The slot.
    pub slot_id: SlotId,
    /// What was asked.
    pub question_id: QuestionId,
    /// In which version. It never changes: this is what the student saw.
    pub question_version: Version,
    /// The version that the marks are by; a regrade may use a later one.
    pub graded_version: Option<Version>,
    /// What it is worth.
    pub max_mark: Mark,
    /// Where it stands.
    pub state: AnswerState,
    /// What was answered.
    pub response: Option<Response>,
    /// Whether the student wants to come back to it.
    pub is_flagged: bool,
    /// How often it was checked.
    pub tries: i16,
    /// The best that a check earned, penalties taken off.
    pub best_fraction: Option<Fraction>,
    /// Whether it is as it was when it was last checked.
    pub is_checked: bool,
    /// The numbers that this attempt drew, where the question has some to draw. They never change: this is what the student saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Values>,
    /// How sure the student is, where that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Certainty>,
    /// What it earned.
    pub mark: Option<Mark>,
    /// What a marker said.
    pub feedback: Option<String>,
    /// When it was last saved.
    pub answered_at: Option<Timestamp>,
    /// Who marked it; none when it was marked by rule.
    pub graded_by: Option<UserId>,
    /// When it was marked.
    pub graded_at: Option<Timestamp>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why an attempt or an answer can't be changed that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It has ended.
    Ended,
    /// It has not ended yet.
    Running,
    /// It was checked, and has not changed since.
    AlreadyChecked,
    /// It was checked, and stays what it is.
    Final,
    /// There is nothing to check.
    Unanswered,
    /// This quiz does not ask how sure one is.
    NoCertainty,
    /// This quiz marks answers when it is submitted, or a person marks this one.
    NotCheckable,
    /// More or less than the question can earn.
    Mark,
}

/// What a student says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The answer; none takes it back.
    pub response: Option<Response>,
    /// How sure they are.
    pub certainty: Option<Certainty>,
    /// Whether they want to come back to it.
    pub is_flagged: bool,
}

/// The questions of an attempt, by version.
pub type Questions = HashMap<Pinned, Arc<Content>>;

/// The id of a student's attempt: whoever begins it, from wherever, names the same row, so that there can be only one.
#[must_use]
pub fn attempt_id(quiz: &Quiz, student: StudentId, attempt: u8) -> AttemptId {
    let [school, quiz, student] = [quiz.school_id.as_uuid(), quiz.id.as_uuid(), student.as_uuid()];
    AttemptId::from_uuid(natural_id("quiz_attempt", &[school.as_bytes(), quiz.as_bytes(), student.as_bytes(), &[attempt]]))
}

/// The id of the answer to a slot in an attempt.
#[must_use]
pub fn answer_id(attempt: AttemptId, slot: SlotId) -> AnswerId {
    AnswerId::from_uuid(natural_id("quiz_answer", &[attempt.as_uuid().as_bytes(), slot.as_uuid().as_bytes()]))
}

/// The student's attempt `number`, with its empty answers; none if a slot has nothing to draw.
#[must_use]
pub fn begin(
    quiz: &Quiz,
    terms: &Terms,
    slots: &[Slot],
    student_id: StudentId,
    number: u8,
    now: Timestamp,
) -> Option<(Attempt, Vec<Answer>)> {
    let id = attempt_id(quiz, student_id, number);
    let (seed, _) = id.as_uuid().as_u64_pair();
    let seed = seed.cast_signed();
    let places = lay_out(quiz, slots, seed)?;
    let answer = |place: &super::paper::Place| Answer {
        id: answer_id(id, place.slot_id),
        school_id: quiz.school_id,
        quiz_id: quiz.id,
        attempt_id: id,
        slot_id: place.slot_id,
        question_id: place.question.question_id,
        question_version: place.question.version,
        graded_version: None,
        max_mark: quiz.settings.worth(place.max_mark),
        state: AnswerState::Open,
        response: None,
        is_flagged: false,
        tries: 0,
        best_fraction: None,
        is_checked: false,
        numbers: None,
        certainty: None,
        mark: None,
        feedback: None,
        answered_at: None,
        graded_by: None,
        graded_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    let answers = places.iter().map(answer).collect();
    let attempt = Attempt {
        id,
        school_id: quiz.school_id,
        quiz_id: quiz.id,
        student_id,
        attempt: number,
        state: State::InProgress,
        seed,
        layout: places.iter().map(|place| place.slot_id).collect(),
        started_at: now,
        due_at: timing::due_at(terms, now),
        submitted_at: None,
        score: None,
        graded_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    Some((attempt, answers))
}

impl Attempt {
    /// Whether it has never been touched after it had ended. Attempts begin one after the other, each when those before it have ended; so as long as this holds there
    /// was no later one when this version was written.
    #[must_use]
    pub fn is_in_turn(&self) -> bool {
        self.version == if self.state.is_running() { Version::FIRST } else { Version::FIRST.next() }
    }

    fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version.next(), updated_at: now, ..self.clone() }
    }

    /// The student's last attempt when another one is let run, by its beginning or by being reopened: the same in its next version. Whoever lets an attempt run
    /// writes this too, so of two who do it at once one finds that what it has seen is no longer so.
    #[must_use]
    pub fn followed(&self, now: Timestamp) -> Self {
        self.next(now)
    }

    /// The attempt with what its answers, all of them, earned.
    #[must_use]
    pub fn scored(&self, quiz: &Quiz, answers: &[Answer], now: Timestamp) -> Self {
        match scoring::score(quiz, answers) {
            Some(score) => Self { state: State::Graded, score: Some(score), graded_at: Some(now), ..self.next(now) },
            None => Self { state: State::Submitted, score: None, graded_at: None, ..self.next(now) },
        }
    }

    /// The attempt and its answers as they are submitted at `submitted`, marked as far as rules go.
    #[must_use]
    pub fn submitted(
        &self,
        quiz: &Quiz,
        answers: &[Answer],
        questions: &Questions,
        submitted: Timestamp,
        now: Timestamp,
    ) -> (Self, Vec<Answer>) {
        let mark = |answer: &Answer| match questions.get(&answer.pinned()) {
            Some(question) => answer.marked_by_rule(quiz, question, answer.question_version, now),
            // Not reached: the caller has read them all. A person can still mark it.
            None => Answer { state: AnswerState::Waiting, ..answer.next(now) },
        };
        let answers: Vec<Answer> = answers.iter().map(mark).collect();
        let submitted_at = Some(submitted.max(self.started_at));
        let attempt = Self { submitted_at, ..self.scored(quiz, &answers, now) };
        (attempt, answers)
    }

    /// The attempt and its answers as they are given up. Answers stay as they are, and are closed.
    #[must_use]
    pub fn abandoned(&self, answers: &[Answer], now: Timestamp) -> (Self, Vec<Answer>) {
        let close = |answer: &Answer| Answer { state: AnswerState::Marked, ..answer.next(now) };
        (Self { state: State::Abandoned, ..self.next(now) }, answers.iter().map(close).collect())
    }

    /// The attempt and its answers, open again: a teacher gives another chance. Marks that a person gave are gone, answers stay.
    pub fn reopened(&self, answers: &[Answer], now: Timestamp) -> Result<(Self, Vec<Answer>), Refused> {
        if self.state.is_running() {
            return Err(Refused::Running);
        }
        let open = |answer: &Answer| Answer {
            state: AnswerState::Open,
            mark: None,
            graded_by: None,
            graded_at: None,
            graded_version: None,
            ..answer.next(now)
        };
        let attempt = Self { state: State::InProgress, submitted_at: None, score: None, graded_at: None, ..self.next(now) };
        Ok((attempt, answers.iter().map(open).collect()))
    }
}

#[cfg(test)]
mod tests;
