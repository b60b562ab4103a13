//! What homework tells the other services. The data of each event holds ids and what a listener needs to decide whether it cares; no content and no marks.

use domain::{ClassId, EventEnvelope, EventKind, StudentId, Timestamp};
use serde::Serialize;
use service_kit::{Caller, Problem};

use crate::model::homework::{Homework, Status};
use crate::model::submission::Submission;

#[derive(Serialize)]
struct Assigned {
    class_id: ClassId,
    due_at: Timestamp,
}

#[derive(Serialize)]
struct About {
    homework_id: domain::HomeworkId,
    class_id: ClassId,
    student_id: StudentId,
    attempt: u8,
    is_late: bool,
}

#[derive(Serialize)]
struct Changed {
    homework_id: domain::HomeworkId,
    class_id: ClassId,
}

/// `homework:changed`, if what others keep of published homework is not what it was.
pub(crate) fn changed(caller: &Caller, before: &Homework, after: &Homework, now: Timestamp) -> Result<Option<EventEnvelope>, Problem> {
    let same = (&before.title, before.max_points, before.due_at) == (&after.title, after.max_points, after.due_at);
    if same || before.status == Status::Draft {
        return Ok(None);
    }
    let data = Changed { homework_id: after.id, class_id: after.class_id };
    let (school, subject) = (after.school_id, after.id.as_uuid());
    Ok(Some(events::envelope(EventKind::HomeworkChanged, school, Some(caller.actor()), subject, now, &data)?))
}

pub(crate) fn assigned(caller: &Caller, homework: &Homework, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = Assigned { class_id: homework.class_id, due_at: homework.due_at };
    let subject = homework.id.as_uuid();
    Ok(events::envelope(EventKind::HomeworkAssigned, homework.school_id, Some(caller.actor()), subject, now, &data)?)
}

/// `homework:submitted`, `homework:graded` or `homework:returned`.
pub(crate) fn about(
    kind: EventKind,
    caller: &Caller,
    homework: &Homework,
    submission: &Submission,
    now: Timestamp,
) -> Result<EventEnvelope, Problem> {
    let data = About {
        homework_id: homework.id,
        class_id: homework.class_id,
        student_id: submission.student_id,
        attempt: submission.attempt,
        is_late: submission.is_late,
    };
    Ok(events::envelope(kind, homework.school_id, Some(caller.actor()), submission.id.as_uuid(), now, &data)?)
}
