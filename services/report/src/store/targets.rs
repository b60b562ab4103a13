//! What students are to reach in a class.

use std::collections::HashMap;

use domain::{ClassId, SchoolId, StudentId};
use rust_decimal::Decimal;
use service_kit::{Platform, Problem};
use store::StoreError;
use uuid::Uuid;

use super::reading;

/// The targets of a class, in percent.
pub(crate) async fn targets(platform: &Platform, school: SchoolId, class: ClassId) -> Result<HashMap<StudentId, Decimal>, Problem> {
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT student_id, percent FROM grade_targets WHERE school_id = $1 AND class_id = $2 AND percent IS NOT NULL";
    let rows: Vec<(Uuid, Decimal)> = sqlx::query_as(query)
        .bind(school.as_uuid())
        .bind(class.as_uuid())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    Ok(rows.into_iter().map(|(student, percent)| (student.into(), percent)).collect())
}

/// What the student is to reach in the class, in percent; none if nobody has set it.
pub(crate) async fn target(platform: &Platform, school: SchoolId, class: ClassId, student: StudentId) -> Result<Option<Decimal>, Problem> {
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT percent FROM grade_targets WHERE school_id = $1 AND class_id = $2 AND student_id = $3 AND percent IS NOT NULL";
    let percent: Option<Decimal> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(class.as_uuid())
        .bind(student.as_uuid())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    Ok(percent)
}
