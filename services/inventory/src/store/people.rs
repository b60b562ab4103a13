//! Who can borrow: the members of the school.

use domain::{Fault, StudentId, UserId};
use service_kit::Problem;
use store::SchoolTransaction;
use uuid::Uuid;

use super::refuse;

/// Somebody who can borrow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Borrower {
    pub(crate) user: UserId,
    /// Whom a fee can be charged to.
    pub(crate) student: Option<StudentId>,
}

/// The borrower whom a request names: at `pointer` as a user, or as a student.
pub(crate) async fn borrower(
    transaction: &mut SchoolTransaction,
    pointer: &str,
    user: Option<UserId>,
    student: Option<StudentId>,
) -> Result<Borrower, Problem> {
    let fault = |pointer: &str, detail: &str| Problem::invalid(vec![Fault::new(pointer, detail)]);
    let pointer = match (user, student) {
        (Some(_), None) => pointer,
        (None, Some(_)) => "/student_id",
        _ => return Err(fault("/borrower_user_id", "give either borrower_user_id or student_id")),
    };
    let query = "SELECT m.user_id, s.id FROM memberships m
        LEFT JOIN students s ON s.school_id = m.school_id AND s.user_id = m.user_id AND s.status = 'active'
        WHERE m.school_id = $1 AND m.is_active AND (m.user_id = $2 OR s.id = $3) LIMIT 1";
    let found: Option<(Uuid, Option<Uuid>)> = sqlx::query_as(query)
        .bind(transaction.school_id().as_uuid())
        .bind(user.map(UserId::as_uuid))
        .bind(student.map(StudentId::as_uuid))
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(refuse)?;
    let (user, student) = found.ok_or_else(|| fault(pointer, "is nobody of this school"))?;
    Ok(Borrower { user: user.into(), student: student.map(StudentId::from) })
}
