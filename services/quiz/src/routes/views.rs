//! What is answered about quizzes and attempts.

use chrono::{DateTime, Utc};
use domain::{AttemptId, ClassId, QuizId, SlotId, StudentId, SubjectId, TeacherId, Timestamp, UserId, Version};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::admission::Network;
use crate::model::asked::{Asked, asked};
use crate::model::attempt::{Answer, Attempt, Questions, State};
use crate::model::certainty::Certainty;
use crate::model::checked::{Checked, checked};
use crate::model::mark::{Fraction, Mark};
use crate::model::paper::Pinned;
use crate::model::quiz::{Behaviour, GradeMethod, Kind, MarkFloor, OverdueHandling, Quiz, Section, Status};
use crate::model::response::Response;
use crate::model::review::{ReviewOptions, Shown};
use crate::model::terms::Terms;
use crate::model::timing;
use crate::store::Sheet;

/// A quiz or an exam.
#[derive(Debug, Serialize, ToSchema)]
#[allow(clippy::struct_excessive_bools, reason = "a form with boxes to tick")]
pub(super) struct QuizView {
    /// Its id.
    id: QuizId,
    /// The class that it is for.
    class_id: ClassId,
    /// The subject, if it belongs to one.
    subject_id: Option<SubjectId>,
    /// The teacher who made it; null when the office did.
    teacher_id: Option<TeacherId>,
    /// The user who made it.
    created_by: UserId,
    /// Whether it is a quiz or an exam.
    kind: Kind,
    /// What it is called.
    title: String,
    /// What it is about.
    description: Option<String>,
    /// Where it stands.
    status: Status,
    /// When attempts may begin; to a student, on their own terms.
    opens_at: Option<DateTime<Utc>>,
    /// When all attempts end; to a student, on their own terms.
    closes_at: Option<DateTime<Utc>>,
    /// How long an attempt may take; to a student, on their own terms.
    time_limit_seconds: Option<u32>,
    /// What happens when time is up.
    overdue_handling: OverdueHandling,
    /// For how long an attempt may still be submitted, or an answer come late.
    grace_seconds: u32,
    /// How many attempts there are, null for no limit; to a student, on their own terms.
    max_attempts: Option<u8>,
    /// How long to wait between two attempts.
    attempt_delay_seconds: u32,
    /// Which attempt counts.
    grade_method: GradeMethod,
    /// Whether each attempt has the questions in an order of its own.
    shuffle_questions: bool,
    /// Whether options are shuffled.
    shuffle_answers: bool,
    /// When answers are marked.
    behaviour: Behaviour,
    /// What a wrong answer costs, as a part of the question's marks.
    negative_fraction: Fraction,
    /// How low marks can go.
    mark_floor: MarkFloor,
    /// What students and parents are shown when.
    review_options: ReviewOptions,
    /// The parts of the paper.
    sections: Vec<Section>,
    /// Whether there is a live leaderboard.
    has_leaderboard: bool,
    /// Whether a password is needed to begin.
    has_password: bool,
    /// Whether it may be sat from certain networks only.
    is_bound_to_networks: bool,
    /// From which, for those who set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_networks: Option<Vec<Network>>,
    /// Whether it may be sat with Safe Exam Browser only.
    needs_safe_browser: bool,
    /// How many questions there are; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    question_count: Option<usize>,
    /// What it is worth.
    max_points: Mark,
    /// When it was given to the class.
    published_at: Option<DateTime<Utc>>,
    /// When an exam's results were released.
    released_at: Option<DateTime<Utc>>,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl QuizView {
    /// The quiz, on `terms` if they are the reader's own.
    pub(super) fn of(quiz: &Quiz, questions: usize, terms: Option<Terms>) -> Self {
        let settings = quiz.settings.clone();
        let terms = terms.unwrap_or(Terms {
            opens_at: settings.opens_at,
            closes_at: settings.closes_at,
            time_limit_seconds: settings.time_limit_seconds,
            max_attempts: settings.max_attempts,
        });
        Self {
            id: quiz.id,
            class_id: quiz.class_id,
            subject_id: quiz.subject_id,
            teacher_id: quiz.teacher_id,
            created_by: quiz.created_by,
            kind: settings.kind,
            title: settings.title,
            description: settings.description,
            status: quiz.status,
            opens_at: terms.opens_at,
            closes_at: terms.closes_at,
            time_limit_seconds: terms.time_limit_seconds,
            overdue_handling: settings.overdue_handling,
            grace_seconds: settings.grace_seconds,
            max_attempts: terms.max_attempts,
            attempt_delay_seconds: settings.attempt_delay_seconds,
            grade_method: settings.grade_method,
            shuffle_questions: settings.shuffle_questions,
            shuffle_answers: settings.shuffle_answers,
            behaviour: settings.behaviour,
            negative_fraction: settings.negative_fraction,
            mark_floor: settings.mark_floor,
            review_options: settings.review_options,
            sections: settings.sections,
            has_leaderboard: settings.has_leaderboard,
            has_password: quiz.password_hash.is_some(),
            is_bound_to_networks: !settings.allowed_networks.is_empty(),
            allowed_networks: None,
            needs_safe_browser: !quiz.safe_browser.is_empty(),
            question_count: Some(questions),
            max_points: quiz.max_points,
            published_at: quiz.published_at,
            released_at: quiz.released_at,
            version: quiz.version,
            created_at: quiz.created_at,
            updated_at: quiz.updated_at,
        }
    }

    /// With what only those read who may change it.
    pub(super) fn for_setter(self, quiz: &Quiz, may_change: bool) -> Self {
        Self { allowed_networks: may_change.then(|| quiz.settings.allowed_networks.clone()), ..self }
    }

    /// As it stands in a list, which doesn't read the papers.
    pub(super) fn without_count(self) -> Self {
        Self { question_count: None, ..self }
    }
}

/// An attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttemptView {
    /// Its id.
    id: AttemptId,
    /// The quiz.
    quiz_id: QuizId,
    /// Whose it is.
    student_id: StudentId,
    /// Which attempt it is, from 1.
    attempt: u8,
    /// Where it stands.
    state: State,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it is due, by the server's clock.
    due_at: Option<DateTime<Utc>>,
    /// How many seconds are left, for a client whose clock is wrong; null when it has ended, or there is no end.
    seconds_left: Option<i64>,
    /// When it was submitted.
    submitted_at: Option<DateTime<Utc>>,
    /// What it earned; null while something waits to be marked, and while it is not shown.
    score: Option<Mark>,
    /// What the quiz is worth.
    max_points: Mark,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// The questions of an attempt that runs, for who sits it.
    #[serde(skip_serializing_if = "Option::is_none")]
    questions: Option<Vec<QuestionView>>,
}

/// A question of an attempt that runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuestionView {
    /// The slot, which names the answer.
    slot_id: SlotId,
    /// Its place on this paper, from 1.
    number: usize,
    /// The section that it belongs to, from 1.
    section: u16,
    /// What it is worth.
    max_mark: Mark,
    /// What is asked.
    question: Asked,
    /// What was answered so far.
    response: Option<Response>,
    /// Whether the student wants to come back to it.
    is_flagged: bool,
    /// When it was last saved.
    answered_at: Option<DateTime<Utc>>,
    /// How often it was checked.
    tries: i16,
    /// The best that a check earned, penalties taken off, where the quiz shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    best_fraction: Option<Fraction>,
    /// How sure the student is, where that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    certainty: Option<Certainty>,
    /// What checks have told, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked: Option<Checked>,
}

/// What is asked in these answers.
pub(super) fn pinned(answers: &[Answer]) -> Vec<Pinned> {
    answers.iter().map(Answer::pinned).collect()
}

impl AttemptView {
    /// The attempt as it stands at `now`. `sees_score` is for whoever marks it, and for student and parents once the review is open.
    pub(super) fn of(sheet: &Sheet, attempt: &Attempt, sees_score: bool, now: Timestamp) -> Self {
        let terms = Terms::of(&sheet.quiz, &sheet.overrides, attempt.student_id);
        let runs = attempt.state.is_running();
        let due_at = if runs { timing::due_at(&terms, attempt.started_at) } else { attempt.due_at };
        let state =
            if runs { timing::shown_state(attempt, timing::clock(&sheet.quiz, &terms, attempt.started_at, now)) } else { attempt.state };
        // Whether all is marked is a matter of marks, too.
        let state = if state == State::Graded && !sees_score { State::Submitted } else { state };
        Self {
            id: attempt.id,
            quiz_id: attempt.quiz_id,
            student_id: attempt.student_id,
            attempt: attempt.attempt,
            state,
            started_at: attempt.started_at,
            due_at,
            seconds_left: due_at.filter(|_| runs).map(|due| (due - now).num_seconds().max(0)),
            submitted_at: attempt.submitted_at,
            score: attempt.score.filter(|_| sees_score),
            max_points: sheet.quiz.max_points,
            version: attempt.version,
            questions: None,
        }
    }

    /// The same with its questions.
    pub(super) fn with_questions(
        mut self,
        sheet: &Sheet,
        attempt: &Attempt,
        answers: &[Answer],
        questions: &Questions,
        shown: Shown,
    ) -> Self {
        let view = |(number, answer): (usize, &Answer)| {
            let content = &*answer.asked(questions.get(&answer.pinned())?);
            let section = sheet.slots.iter().find(|slot| slot.id == answer.slot_id).map_or(1, |slot| slot.section);
            Some(QuestionView {
                slot_id: answer.slot_id,
                number,
                section,
                max_mark: answer.max_mark,
                question: asked(content, answer.slot_id, attempt.seed, sheet.quiz.settings.shuffle_answers),
                response: answer.response.clone(),
                is_flagged: answer.is_flagged,
                answered_at: answer.answered_at,
                tries: answer.tries,
                best_fraction: answer.best_fraction.filter(|_| shown.marks),
                certainty: answer.certainty,
                checked: checked(&sheet.quiz, content, answer),
            })
        };
        self.questions = Some((1..).zip(answers).filter_map(view).collect());
        self
    }
}
