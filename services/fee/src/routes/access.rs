//! Whose money a caller may see: a student their own, a parent their children's, the office all.

use domain::{Role, StudentId};
use service_kit::{MayHold, Problem};
use uuid::Uuid;

use crate::desk::Desk;

/// The students whom the caller may see; none means all.
pub(super) async fn visible<P: MayHold>(desk: &Desk<P>) -> Result<Option<Vec<Uuid>>, Problem> {
    let role = desk.caller().role;
    if role.is_office() {
        return Ok(None);
    }
    // The role counts, not only the link: a teacher who is a parent too sees their child's fees as a parent.
    let person = desk.person().await?;
    Ok(Some(match role {
        Role::Student => person.student.iter().map(|learner| learner.student_id.as_uuid()).collect(),
        Role::Parent => person.children.iter().map(|learner| learner.student_id.as_uuid()).collect(),
        _ => Vec::new(),
    }))
}

/// Whether the caller may see the student; what is not theirs is not there.
pub(super) async fn see<P: MayHold>(desk: &Desk<P>, student: StudentId, noun: &str) -> Result<(), Problem> {
    among(visible(desk).await?.as_deref(), student.as_uuid(), noun)
}

/// Likewise, where it is known already whom the caller may see: the directory is asked before a transaction is begun, because it may need one of its own.
pub(super) fn among(visible: Option<&[Uuid]>, student: Uuid, noun: &str) -> Result<(), Problem> {
    if visible.is_none_or(|students| students.contains(&student)) { Ok(()) } else { Err(Problem::not_found(noun)) }
}
