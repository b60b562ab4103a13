//! The table `leave_requests`. That two leaves of a student don't overlap is a constraint of the table.

use std::collections::HashSet;

use chrono::NaiveDate;
use domain::{LeaveRequestId, SchoolId, StudentId, Timestamp};
use service_kit::Platform;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::cached::cached;
use super::{plain, reading, uuids};
use crate::model::leave::{Leave, LeaveStatus};

/// Inserts a new request.
pub(crate) async fn create_leave(connection: &mut PgConnection, leave: &Leave) -> Result<(), StoreError> {
    let insert = "INSERT INTO leave_requests SELECT * FROM jsonb_populate_record(NULL::leave_requests, $1)";
    sqlx::query(insert).bind(Json(leave)).execute(connection).await?;
    Ok(())
}

/// The request with this id.
pub(crate) async fn find_leave(platform: &Platform, school: SchoolId, id: LeaveRequestId) -> Result<Option<Leave>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar("SELECT to_jsonb(l) FROM leave_requests l WHERE l.school_id = $1 AND l.id = $2");
    let row: Option<Json<Leave>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await?;
    Ok(row.map(|Json(row)| row))
}

/// The request with this id, locked until the transaction ends.
pub(crate) async fn lock_leave(connection: &mut PgConnection, school: SchoolId, id: LeaveRequestId) -> Result<Option<Leave>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(l) FROM leave_requests l WHERE l.school_id = $1 AND l.id = $2 FOR UPDATE");
    let row: Option<Json<Leave>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Writes a request that [`lock_leave`] has locked.
pub(crate) async fn save_leave(connection: &mut PgConnection, leave: &Leave) -> Result<(), StoreError> {
    let update = "UPDATE leave_requests SET from_date = $3, to_date = $4, reason = $5, status = $6, decided_by = $7, decided_at = $8, decision_note = $9,
        version = $10, updated_at = $11 WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(leave.school_id.as_uuid())
        .bind(leave.id.as_uuid())
        .bind(leave.from_date)
        .bind(leave.to_date)
        .bind(&leave.reason)
        .bind(leave.status.as_str())
        .bind(leave.decided_by.map(Uuid::from))
        .bind(leave.decided_at)
        .bind(&leave.decision_note)
        .bind(leave.version.get())
        .bind(leave.updated_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Which requests a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeaveFilter {
    /// Of these students; none means of all.
    pub(crate) students: Option<Vec<StudentId>>,
    pub(crate) status: Option<LeaveStatus>,
    pub(crate) from: Option<NaiveDate>,
    pub(crate) to: Option<NaiveDate>,
    pub(crate) after: Option<(Timestamp, LeaveRequestId)>,
}

/// The first `limit` requests, the latest first.
pub(crate) async fn list_leave(platform: &Platform, school: SchoolId, filter: &LeaveFilter, limit: u64) -> Result<Vec<Leave>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT to_jsonb(l) FROM leave_requests l
        WHERE l.school_id = $1 AND ($2::uuid[] IS NULL OR l.student_id = ANY ($2)) AND ($3::text IS NULL OR l.status = $3)
            AND ($4::date IS NULL OR l.to_date >= $4) AND ($5::date IS NULL OR l.from_date <= $5)
            AND ($6::timestamptz IS NULL OR (l.created_at, l.id) < ($6, $7))
        ORDER BY l.created_at DESC, l.id DESC LIMIT $8";
    let rows: Vec<Json<Leave>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(filter.students.as_deref().map(uuids))
        .bind(filter.status.map(LeaveStatus::as_str))
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.after.map(|(time, _)| time))
        .bind(filter.after.map(|(_, id)| id.as_uuid()))
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(plain(rows))
}

/// A student's approved leave: from, to.
pub(crate) type Approved = (StudentId, NaiveDate, NaiveDate);

/// All approved leave of `students` that touches the days from `from` to `to`.
pub(crate) async fn approved_leave(
    platform: &Platform,
    school: SchoolId,
    students: &[StudentId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Approved>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    approved_leave_in(&mut transaction, students, from, to).await
}

/// The same on the connection of `transaction`, whose school it is.
pub(crate) async fn approved_leave_in(
    transaction: &mut SchoolTransaction,
    students: &[StudentId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Approved>, StoreError> {
    let query = "SELECT student_id, from_date, to_date FROM leave_requests
        WHERE school_id = $1 AND status = 'approved' AND student_id = ANY ($2) AND daterange(from_date, to_date, '[]') && daterange($3, $4, '[]')";
    let query = sqlx::query_as(query).bind(transaction.school_id().as_uuid()).bind(uuids(students)).bind(from).bind(to);
    let rows: Vec<(Uuid, NaiveDate, NaiveDate)> = query.fetch_all(transaction.connection()?).await?;
    Ok(rows.into_iter().map(|(student, from, to)| (StudentId::from_uuid(student), from, to)).collect())
}

/// Who has approved leave on `day`.
pub(crate) async fn on_leave(platform: &Platform, school: SchoolId, day: NaiveDate) -> Result<HashSet<StudentId>, StoreError> {
    let load = async || {
        let mut transaction = reading(platform, school).await?;
        let query =
            "SELECT student_id FROM leave_requests WHERE school_id = $1 AND status = 'approved' AND $2 BETWEEN from_date AND to_date";
        let rows: Vec<Uuid> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(day).fetch_all(transaction.connection()?).await?;
        Ok(rows.into_iter().map(StudentId::from_uuid).collect())
    };
    cached(platform, school, &format!("leave:{day}"), load).await
}
