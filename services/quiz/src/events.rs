//! What quizzes tell the other services.
//!
//! `quiz:submitted` and `quiz:graded` are read by the grade book, which keeps marks of its own: they carry what counts of the student's attempts, what the quiz
//! is worth, and from when on student and parents may see it. Nothing of what was asked or answered is in them.

use domain::{AttemptId, ClassId, EventEnvelope, EventKind, QuizId, StudentId, SubjectId, Timestamp};
use serde::Serialize;
use service_kit::{Caller, Problem};

use crate::model::attempt::Attempt;
use crate::model::mark::Mark;
use crate::model::quiz::{Kind, Quiz};
use crate::model::review;

#[derive(Serialize)]
struct AboutQuiz {
    quiz_id: QuizId,
    class_id: ClassId,
    subject_id: Option<SubjectId>,
    kind: Kind,
    max_points: Mark,
    opens_at: Option<Timestamp>,
    closes_at: Option<Timestamp>,
    released: bool,
}

#[derive(Serialize)]
struct AboutAttempt {
    quiz_id: QuizId,
    class_id: ClassId,
    subject_id: Option<SubjectId>,
    kind: Kind,
    student_id: StudentId,
    attempt_id: AttemptId,
    attempt: u8,
    submitted_at: Option<Timestamp>,
    /// What this attempt earned; null while something waits to be marked.
    attempt_score: Option<Mark>,
    /// What counts of all the student's attempts; null while that is not known.
    score: Option<Mark>,
    max_points: Mark,
    /// Whether student and parents see the marks now.
    released: bool,
    /// From when on they do, as far as that is known.
    visible_from: Option<Timestamp>,
}

/// `quiz:assigned`, `quiz:changed` or `quiz:released`.
pub(crate) fn about_quiz(kind: EventKind, caller: &Caller, quiz: &Quiz, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = AboutQuiz {
        quiz_id: quiz.id,
        class_id: quiz.class_id,
        subject_id: quiz.subject_id,
        kind: quiz.settings.kind,
        max_points: quiz.max_points,
        opens_at: quiz.settings.opens_at,
        closes_at: quiz.settings.closes_at,
        released: quiz.settings.kind == Kind::Quiz || quiz.released_at.is_some(),
    };
    Ok(events::envelope(kind, quiz.school_id, Some(caller.actor()), quiz.id.as_uuid(), now, &data)?)
}

/// `quiz:submitted` or `quiz:graded`; `counts` is what counts of all the student's attempts.
pub(crate) fn about_attempt(
    kind: EventKind,
    caller: Option<&Caller>,
    quiz: &Quiz,
    attempt: &Attempt,
    counts: Option<Mark>,
    now: Timestamp,
) -> Result<EventEnvelope, Problem> {
    let visible_from = attempt.submitted_at.and_then(|submitted| review::marks_visible_from(quiz, submitted));
    let data = AboutAttempt {
        quiz_id: quiz.id,
        class_id: quiz.class_id,
        subject_id: quiz.subject_id,
        kind: quiz.settings.kind,
        student_id: attempt.student_id,
        attempt_id: attempt.id,
        attempt: attempt.attempt,
        submitted_at: attempt.submitted_at,
        attempt_score: attempt.score,
        score: counts,
        max_points: quiz.max_points,
        released: visible_from.is_some_and(|from| from <= now),
        visible_from,
    };
    Ok(events::envelope(kind, quiz.school_id, caller.map(Caller::actor), attempt.id.as_uuid(), now, &data)?)
}
