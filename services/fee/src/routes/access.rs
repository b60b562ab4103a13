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
    let visible = visible(desk).await?;
    if visible.is_none_or(|students| students.contains(&student.as_uuid())) { Ok(()) } else { Err(Problem::not_found(noun)) }
}
