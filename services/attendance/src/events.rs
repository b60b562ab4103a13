//! What attendance tells the other services. The data of each event holds ids and what a listener needs to decide whether it cares: no names, no notes, no reasons.

use chrono::NaiveDate;
use domain::{AlertRuleId, ClassId, EventEnvelope, EventId, EventKind, RegisterId, StudentId, Timestamp};
use serde::Serialize;
use service_kit::{Caller, Problem};
use write_behind::natural_id;

use crate::model::alert::{Alert, AlertKind, AlertRule};
use crate::model::code::{CodeBook, CountsAs};
use crate::model::leave::Leave;
use crate::model::register::{Mark, Register, State};

#[derive(Serialize)]
struct AboutRegister {
    class_id: ClassId,
    held_on: NaiveDate,
    period: Option<u8>,
    /// Whose marks were changed, if not everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    student_ids: Option<Vec<StudentId>>,
}

#[derive(Serialize)]
struct AboutStudent {
    session_id: RegisterId,
    class_id: ClassId,
    student_id: StudentId,
    held_on: NaiveDate,
    period: Option<u8>,
}

#[derive(Serialize)]
struct AboutLeave {
    student_id: StudentId,
    from_date: NaiveDate,
    to_date: NaiveDate,
}

#[derive(Serialize)]
struct AboutAlert {
    rule_id: AlertRuleId,
    kind: AlertKind,
    student_id: StudentId,
    class_id: ClassId,
    began_on: NaiveDate,
    tells_guardians: bool,
}

/// `attendance:alerted`. The same alert makes the same event, so that whoever tells the guardians tells them once.
pub(crate) fn alerted(alert: &Alert, rule: &AlertRule) -> Result<EventEnvelope, serde_json::Error> {
    let data = AboutAlert {
        rule_id: alert.rule_id,
        kind: rule.kind,
        student_id: alert.student_id,
        class_id: alert.class_id,
        began_on: alert.began_on,
        tells_guardians: alert.tells_guardians,
    };
    let event = ::events::envelope(EventKind::AttendanceAlerted, alert.school_id, None, alert.id.as_uuid(), alert.created_at, &data)?;
    Ok(EventEnvelope { id: EventId::from_uuid(natural_id("attendance:alerted", &[alert.id.as_uuid().as_bytes()])), ..event })
}

/// What the way from `before` to `after` is worth telling: that it was taken or corrected, and one event for each student who is absent now and wasn't before.
pub(crate) fn marked(
    caller: &Caller,
    before: &Register,
    after: &Register,
    codes: &CodeBook,
    now: Timestamp,
) -> Result<Vec<EventEnvelope>, Problem> {
    let about = if before.state == State::Open {
        about_register(EventKind::AttendanceTaken, caller, after, None, now)
    } else {
        about_register(EventKind::AttendanceCorrected, caller, after, Some(changed(before, after)), now)
    };
    let mut told = vec![about?];
    let is_absent = |mark: &Mark| codes.counts_as(mark.code()) == CountsAs::Absent;
    for mark in after.marks.iter().filter(|mark| is_absent(mark) && !before.mark(mark.student_id).is_some_and(is_absent)) {
        let data = AboutStudent {
            session_id: after.id,
            class_id: after.class_id,
            student_id: mark.student_id,
            held_on: after.held_on,
            period: after.period,
        };
        let subject = Mark::row_id(after.school_id, after.id, mark.student_id);
        let event = ::events::envelope(EventKind::AttendanceAbsent, after.school_id, Some(caller.actor()), subject, now, &data)?;
        // Marked there in between and away again, it is the same absence: whoever tells the parents tells them once.
        let id = natural_id("attendance:absent", &[subject.as_bytes()]);
        told.push(EventEnvelope { id: EventId::from_uuid(id), ..event });
    }
    Ok(told)
}

/// Whose marks are other ones in `after` than in `before`.
fn changed(before: &Register, after: &Register) -> Vec<StudentId> {
    let new = after.marks.iter().filter(|mark| before.mark(mark.student_id) != Some(mark));
    let gone = before.marks.iter().filter(|mark| after.mark(mark.student_id).is_none());
    new.chain(gone).map(|mark| mark.student_id).collect()
}

/// `attendance:locked`.
pub(crate) fn locked(caller: &Caller, register: &Register, now: Timestamp) -> Result<EventEnvelope, Problem> {
    about_register(EventKind::AttendanceLocked, caller, register, None, now)
}

fn about_register(
    kind: EventKind,
    caller: &Caller,
    register: &Register,
    student_ids: Option<Vec<StudentId>>,
    now: Timestamp,
) -> Result<EventEnvelope, Problem> {
    let data = AboutRegister { class_id: register.class_id, held_on: register.held_on, period: register.period, student_ids };
    Ok(::events::envelope(kind, register.school_id, Some(caller.actor()), register.id.as_uuid(), now, &data)?)
}

/// `leave:requested`, `leave:approved`, `leave:rejected` or `leave:withdrawn`.
pub(crate) fn about_leave(kind: EventKind, caller: &Caller, leave: &Leave, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = AboutLeave { student_id: leave.student_id, from_date: leave.from_date, to_date: leave.to_date };
    Ok(::events::envelope(kind, leave.school_id, Some(caller.actor()), leave.id.as_uuid(), now, &data)?)
}
