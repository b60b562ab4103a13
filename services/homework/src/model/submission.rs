//! What a student hands in, and whether it is taken. The server's clock alone decides what is late.

use domain::{HomeworkId, Points, SchoolId, StudentId, SubmissionId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use write_behind::natural_id;

use super::homework::{Homework, Status as HomeworkStatus};
use super::late_policy::late_seconds;

/// Where a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Handed in.
    Submitted,
    /// Graded; the student does not see the marks yet.
    Graded,
    /// Given back to the student with marks and feedback.
    Returned,
}

impl Status {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Graded => "graded",
            Self::Returned => "returned",
        }
    }
}

/// A submission as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Its id, made from homework, student and attempt.
    pub id: SubmissionId,
    /// The school.
    pub school_id: SchoolId,
    /// What it answers.
    pub homework_id: HomeworkId,
    /// Who handed it in.
    pub student_id: StudentId,
    /// Which attempt it is, from 1.
    pub attempt: u8,
    /// Where it stands.
    pub status: Status,
    /// What was handed in.
    pub content: String,
    /// When the server received it.
    pub submitted_at: Timestamp,
    /// Whether that was after the due time.
    pub is_late: bool,
    /// By how many seconds.
    pub late_seconds: i64,
    /// The marks that the work earned.
    pub points: Option<Points>,
    /// The marks that are left after the late policy.
    pub points_after_penalty: Option<Points>,
    /// What the teacher says about it.
    pub feedback: Option<String>,
    /// Who graded it.
    pub graded_by: Option<UserId>,
    /// When.
    pub graded_at: Option<Timestamp>,
    /// When it was given back.
    pub returned_at: Option<Timestamp>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why a submission is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The homework takes nothing any more: closed, or past its cut-off.
    Closed,
    /// It is late and late work is not taken.
    TooLate,
    /// All attempts are used.
    NoAttemptsLeft,
}

/// The id of a student's attempt: whoever creates it, from wherever, names the same row, so that there can be only one.
#[must_use]
pub fn id_of(homework: &Homework, student: StudentId, attempt: u8) -> SubmissionId {
    let [school, homework, student] = [homework.school_id.as_uuid(), homework.id.as_uuid(), student.as_uuid()];
    SubmissionId::from_uuid(natural_id("homework_submission", &[school.as_bytes(), homework.as_bytes(), student.as_bytes(), &[attempt]]))
}

/// Takes `content` as the student's `attempt`, received at `now`, or says why not.
pub fn hand_in(homework: &Homework, student_id: StudentId, attempt: u8, content: String, now: Timestamp) -> Result<Submission, Refused> {
    if homework.status != HomeworkStatus::Published || homework.cutoff_at.is_some_and(|cutoff| now > cutoff) {
        return Err(Refused::Closed);
    }
    let late_seconds = late_seconds(homework.due_at, now);
    if late_seconds > 0 && !homework.allow_late {
        return Err(Refused::TooLate);
    }
    if attempt > homework.max_attempts {
        return Err(Refused::NoAttemptsLeft);
    }
    Ok(Submission {
        id: id_of(homework, student_id, attempt),
        school_id: homework.school_id,
        homework_id: homework.id,
        student_id,
        attempt,
        status: Status::Submitted,
        content,
        submitted_at: now,
        is_late: late_seconds > 0,
        late_seconds,
        points: None,
        points_after_penalty: None,
        feedback: None,
        graded_by: None,
        graded_at: None,
        returned_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    })
}
