//! What decides about a student's fees and stands nowhere else: the category, and who pays.

use actix_web::{get, put};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{ClassId, StudentId, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesManage;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Problem, Versioned};
use sqlx::FromRow;
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{Billed, billed, db, student_exists};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(put_profile);
}

/// What decides about a student's fees.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeeProfileView {
    /// The student.
    student_id: StudentId,
    /// The category, such as day scholar: structures and concessions may be for one.
    category: Option<String>,
    /// Who pays, where that is neither the student nor a guardian.
    payer: Option<String>,
    /// Whether a brother or sister was admitted before: another student with the same guardian.
    has_elder_sibling: bool,
    /// Whether a guardian works at the school.
    is_staff_child: bool,
    /// The classes that they sit in today, or, where there is none yet, the next ones: a concession may be for one.
    class_ids: Vec<ClassId>,
    /// One more with each change.
    version: i32,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

/// What decides about a student's fees. All of it: what is left out is emptied.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutFeeProfile {
    /// The category.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    category: Option<Text<100>>,
    /// Who pays.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    payer: Option<Text<200>>,
}

#[derive(FromRow)]
struct Row {
    version: i32,
    updated_at: DateTime<Utc>,
}

async fn profile(transaction: &mut SchoolTransaction, student: Uuid, today: NaiveDate) -> Result<Versioned<FeeProfileView>, Problem> {
    // A profile that nobody has written yet is empty, in its first version.
    let row: Option<Row> = sqlx::query_as(
        "SELECT coalesce(p.version, 1) AS version, coalesce(p.updated_at, s.created_at) AS updated_at
         FROM students s LEFT JOIN fee_profiles p ON p.school_id = s.school_id AND p.id = s.id WHERE s.school_id = $1 AND s.id = $2",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(student)
    .fetch_optional(transaction.connection()?)
    .await
    .map_err(db)?;
    let row = row.ok_or_else(|| Problem::not_found("student"))?;
    let found = billed(transaction, Billed::One(student), today, None, 1).await?.into_iter().next();
    let found = found.ok_or_else(|| Problem::not_found("student"))?;
    let view = FeeProfileView {
        student_id: student.into(),
        category: found.category,
        payer: found.payer,
        has_elder_sibling: found.has_elder_sibling,
        is_staff_child: found.is_staff_child,
        class_ids: found.classes.into_iter().map(ClassId::from).collect(),
        version: row.version,
        updated_at: row.updated_at,
    };
    Ok(Versioned(view, Version::try_from(row.version).map_err(Problem::internal)?))
}

/// Makes the profile a row of its own, which nobody else changes until the transaction ends.
async fn lock(transaction: &mut SchoolTransaction, student: Uuid) -> Result<(), Problem> {
    if !student_exists(transaction, student).await? {
        return Err(Problem::not_found("student"));
    }
    let school = transaction.school_id().as_uuid();
    sqlx::query("INSERT INTO fee_profiles (school_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(school)
        .bind(student)
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
    sqlx::query("SELECT FROM fee_profiles WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind(school)
        .bind(student)
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
    Ok(())
}

/// What decides about a student's fees.
#[utoipa::path(params(("id" = StudentId, Path)), responses((status = 200, body = FeeProfileView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/students/{id}/fee-profile")]
async fn show(desk: Desk<FeesManage>, id: IdPath<StudentId>) -> Result<Versioned<FeeProfileView>, Problem> {
    let mut transaction = desk.read().await?;
    let today = desk.today(&transaction).await?;
    profile(&mut transaction, id.as_uuid(), today).await
}

/// Says what decides about a student's fees. Invoices that were made stay as they are.
#[utoipa::path(
    params(("id" = StudentId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = PutFeeProfile,
    responses((status = 200, body = FeeProfileView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/students/{id}/fee-profile")]
async fn put_profile(
    desk: Desk<FeesManage>,
    id: IdPath<StudentId>,
    based_on: IfMatch,
    body: Body<PutFeeProfile>,
) -> Result<Versioned<FeeProfileView>, Problem> {
    let put = body.into_inner();
    desk.change(async |transaction| {
        let today = desk.today(transaction).await?;
        lock(transaction, id.as_uuid()).await?;
        let Versioned(_, version) = profile(transaction, id.as_uuid(), today).await?;
        based_on.require(version)?;
        sqlx::query(
            "UPDATE fee_profiles SET category = $3, payer = $4, version = version + 1, updated_at = $5 WHERE school_id = $1 AND id = $2",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(put.category.map(String::from))
        .bind(put.payer.map(String::from))
        .bind(desk.now())
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
        profile(transaction, id.as_uuid(), today).await
    })
    .await
}
