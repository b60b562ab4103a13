//! Concessions: asked for by the office, granted by whoever runs the school. What was granted doesn't change; it can be ended. What is only asked for can be
//! changed and removed: see [`concession_requests`](super::concession_requests).

use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Amount, ClassId, ConcessionId, Currency, Fault, StudentId, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::{FeesApprove, FeesManage};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind, Limit, MayHold, Page, Params, Problem, Versioned, filters,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{ConcessionRow, db};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(approve).service(reject).service(end);
}

/// Whom a concession is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConcessionKind {
    /// A student.
    Student,
    /// A category of students.
    Category,
    /// Whoever sits in a class on the day on which an invoice is due; before it begins, whoever will.
    Class,
    /// Whoever has a brother or sister who was admitted before; or the student that it names.
    Sibling,
    /// Whoever has a guardian who works at the school; or the student that it names.
    Staff,
}

impl ConcessionKind {
    /// The kind of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Student, Self::Category, Self::Class, Self::Sibling, Self::Staff].into_iter().find(|kind| kind.as_str() == name)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Category => "category",
            Self::Class => "class",
            Self::Sibling => "sibling",
            Self::Staff => "staff",
        }
    }
}

/// A concession.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConcessionView {
    /// Its id.
    id: ConcessionId,
    /// What it is called; stands on the invoice.
    name: String,
    /// `student`, `category`, `class`, `sibling` or `staff`.
    kind: String,
    /// The student.
    student_id: Option<StudentId>,
    /// The category.
    category: Option<String>,
    /// The class.
    class_id: Option<ClassId>,
    /// The one head that it is for; null: all.
    head: Option<String>,
    /// How much of what earlier ones leave, in hundredths of a percent.
    percent_basis_points: Option<i32>,
    /// How much, in minor units.
    amount_minor: Option<i64>,
    /// The currency of the amount and the cap.
    currency: Option<String>,
    /// The most that it takes off one invoice.
    cap_minor: Option<i64>,
    /// Lower ones are taken first.
    stacking_order: i32,
    /// The first day: an invoice that is due from then on has it.
    valid_from: NaiveDate,
    /// The last day; null: open.
    valid_to: Option<NaiveDate>,
    /// `pending`, `approved`, `rejected` or `ended`.
    status: String,
    /// Why.
    reason: Option<String>,
    /// Who asked for it.
    requested_by: Option<UserId>,
    /// Who granted it.
    approved_by: Option<UserId>,
    /// When it was decided.
    decided_at: Option<DateTime<Utc>>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<ConcessionRow> for ConcessionView {
    fn from(row: ConcessionRow) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            kind: row.kind,
            student_id: row.student_id.map(StudentId::from),
            category: row.category,
            class_id: row.class_id.map(ClassId::from),
            head: row.head,
            percent_basis_points: row.percent_basis_points,
            amount_minor: row.amount_minor,
            currency: row.currency,
            cap_minor: row.cap_minor,
            stacking_order: row.stacking_order,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            status: row.status,
            reason: row.reason,
            requested_by: row.requested_by.map(UserId::from),
            approved_by: row.approved_by.map(UserId::from),
            decided_at: row.decided_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A concession to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConcession {
    /// What it is called.
    pub(super) name: Text<100>,
    /// Whom it is for.
    pub(super) kind: ConcessionKind,
    /// The student: required for `student`, possible for `sibling` and `staff`.
    pub(super) student_id: Option<StudentId>,
    /// The category: required for `category`.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    pub(super) category: Option<Text<100>>,
    /// The class: required for `class`.
    pub(super) class_id: Option<ClassId>,
    /// The one head that it is for; left out: all.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    pub(super) head: Option<Text<100>>,
    /// How much of what earlier ones leave, in hundredths of a percent. This or an amount.
    #[schema(minimum = 1, maximum = 10000)]
    pub(super) percent_basis_points: Option<u16>,
    /// How much, in minor units. This or a percentage.
    #[schema(value_type = Option<Amount>)]
    pub(super) amount_minor: Option<Amount>,
    /// The currency: required with an amount or a cap.
    #[schema(value_type = Option<Currency>)]
    pub(super) currency: Option<Currency>,
    /// The most that it takes off one invoice.
    #[schema(value_type = Option<Amount>)]
    pub(super) cap_minor: Option<Amount>,
    /// Lower ones are taken first; 100 unless said otherwise.
    #[serde(default = "hundred")]
    #[schema(minimum = 0, maximum = 1000)]
    pub(super) stacking_order: u16,
    /// The first day.
    pub(super) valid_from: NaiveDate,
    /// The last day; left out: open.
    pub(super) valid_to: Option<NaiveDate>,
    /// Why.
    pub(super) reason: Text<1000>,
}

const fn hundred() -> u16 {
    100
}

impl NewConcession {
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = domain::Faults::none();
        let named = self.student_id.is_some();
        let student = match self.kind {
            ConcessionKind::Student => named,
            ConcessionKind::Category | ConcessionKind::Class => !named,
            ConcessionKind::Sibling | ConcessionKind::Staff => true,
        };
        faults.require(student, "/student_id", "is required for a student's concession, and left out for a category's or a class's");
        faults.require(
            (self.kind == ConcessionKind::Category) == self.category.is_some(),
            "/category",
            "goes with the kind category, and only with it",
        );
        let of_class = (self.kind == ConcessionKind::Class) == self.class_id.is_some();
        faults.require(of_class, "/class_id", "goes with the kind class, and only with it");
        let one = self.percent_basis_points.is_some() != self.amount_minor.is_some();
        faults.require(one, "/amount_minor", "either an amount or a percentage is required, not both");
        let percent = self.percent_basis_points.is_none_or(|points| (1..=10_000).contains(&points));
        faults.require(percent, "/percent_basis_points", "must be 1 to 10000");
        let in_money = self.amount_minor.is_some() || self.cap_minor.is_some();
        faults.require(in_money == self.currency.is_some(), "/currency", "goes with an amount or a cap, and only with one");
        faults.require(self.stacking_order <= 1000, "/stacking_order", "must be at most 1000");
        faults.require(self.valid_to.is_none_or(|to| to >= self.valid_from), "/valid_to", "must not be before valid_from");
        faults.into_result().err().unwrap_or_default()
    }
}

/// Which concessions.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConcessionFilter {
    /// Of this student.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// Of this class.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// In this state.
    #[param(inline)]
    status: Option<ConcessionStatus>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ConcessionFilter);

/// Where a concession stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConcessionStatus {
    /// Asked for.
    Pending,
    /// Granted.
    Approved,
    /// Refused.
    Rejected,
    /// Over.
    Ended,
}

impl ConcessionStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Ended => "ended",
        }
    }
}

/// The concessions, the oldest first.
#[utoipa::path(params(ConcessionFilter), responses((status = 200, body = Page<ConcessionView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/concessions")]
async fn list(desk: Desk<FeesManage>, filter: Params<ConcessionFilter>) -> Result<Page<ConcessionView>, Problem> {
    let paging = desk.paging("concessions", &filter.0);
    let (at, id) = paging.after::<(DateTime<Utc>, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    let rows: Vec<ConcessionRow> = sqlx::query_as(
        "SELECT * FROM concessions WHERE school_id = $1 AND ($2::uuid IS NULL OR student_id = $2) AND ($3::text IS NULL OR status = $3)
             AND ($7::uuid IS NULL OR class_id = $7)
             AND ($4::timestamptz IS NULL OR (created_at, id) > ($4, $5)) ORDER BY created_at, id LIMIT $6",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(filter.student_id.map(StudentId::as_uuid))
    .bind(filter.status.map(ConcessionStatus::as_str))
    .bind(at)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .bind(filter.class_id.map(ClassId::as_uuid))
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.created_at, row.id)).map(ConcessionView::from))
}

/// Asks for a concession. It counts once somebody else has granted it.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewConcession,
    responses((status = 201, body = ConcessionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/concessions")]
async fn create(desk: Desk<FeesManage>, body: Body<NewConcession>) -> Result<HttpResponse, Problem> {
    let faults = body.faults();
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let row: ConcessionRow = sqlx::query_as(
            "INSERT INTO concessions (school_id, id, name, kind, student_id, category, head, percent_basis_points, amount_minor, currency, cap_minor,
                 stacking_order, valid_from, valid_to, reason, requested_by, created_at, updated_at, class_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18) RETURNING *",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(ConcessionId::generate().as_uuid())
        .bind(String::from(new.name))
        .bind(new.kind.as_str())
        .bind(new.student_id.map(StudentId::as_uuid))
        .bind(new.category.map(String::from))
        .bind(new.head.map(String::from))
        .bind(new.percent_basis_points.map(i32::from))
        .bind(new.amount_minor.map(Amount::minor))
        .bind(new.currency.map(String::from))
        .bind(new.cap_minor.map(Amount::minor))
        .bind(i32::from(new.stacking_order))
        .bind(new.valid_from)
        .bind(new.valid_to)
        .bind(String::from(new.reason))
        .bind(desk.caller().user_id.as_uuid())
        .bind(desk.now())
        .bind(new.class_id.map(ClassId::as_uuid))
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        Ok(Created { location: format!("/api/v1/concessions/{}", row.id), version: Version::FIRST, body: ConcessionView::from(row) })
    })
    .await
}

pub(super) async fn find(transaction: &mut store::SchoolTransaction, id: Uuid) -> Result<(ConcessionRow, Version), Problem> {
    let row: Option<ConcessionRow> = sqlx::query_as("SELECT * FROM concessions WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
    let row = row.ok_or_else(|| Problem::not_found("concession"))?;
    let version = Version::try_from(row.version).map_err(Problem::internal)?;
    Ok((row, version))
}

/// A concession.
#[utoipa::path(params(("id" = ConcessionId, Path)), responses((status = 200, body = ConcessionView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/concessions/{id}")]
async fn show(desk: Desk<FeesManage>, id: IdPath<ConcessionId>) -> Result<Versioned<ConcessionView>, Problem> {
    let (row, version) = find(&mut desk.read().await?, id.as_uuid()).await?;
    Ok(Versioned(row.into(), version))
}

async fn decide<P: MayHold>(
    desk: &Desk<P>,
    id: Uuid,
    based_on: IfMatch,
    (from, to): (ConcessionStatus, ConcessionStatus),
) -> Result<Versioned<ConcessionView>, Problem> {
    desk.change(async |transaction| {
        let (row, version) = find(transaction, id).await?;
        based_on.require(version)?;
        if row.status != from.as_str() {
            return Err(Problem::conflict(Kind::Conflict, format!("It is {} already.", row.status)));
        }
        let by = desk.caller().user_id.as_uuid();
        if to == ConcessionStatus::Approved && row.requested_by == Some(by) {
            return Err(Problem::conflict(Kind::Conflict, "Whoever asked for a concession does not grant it."));
        }
        let saved: Option<ConcessionRow> = sqlx::query_as(
            "UPDATE concessions SET status = $3, approved_by = CASE WHEN $3 = 'approved' THEN $4 ELSE approved_by END, decided_at = $5,
                 version = version + 1, updated_at = $5
             WHERE school_id = $1 AND id = $2 AND version = $6 RETURNING *",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .bind(to.as_str())
        .bind(by)
        .bind(desk.now())
        .bind(version.get())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
        let row = saved.ok_or_else(|| Problem::precondition_failed(version.next()))?;
        let version = Version::try_from(row.version).map_err(Problem::internal)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Grants a concession: whoever runs the school, and did not ask for it. Invoices that are made from now on have it.
#[utoipa::path(
    params(("id" = ConcessionId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = ConcessionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/concessions/{id}/approve")]
async fn approve(desk: Desk<FeesApprove>, id: IdPath<ConcessionId>, based_on: IfMatch) -> Result<Versioned<ConcessionView>, Problem> {
    decide(&desk, id.as_uuid(), based_on, (ConcessionStatus::Pending, ConcessionStatus::Approved)).await
}

/// Refuses a concession.
#[utoipa::path(
    params(("id" = ConcessionId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = ConcessionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/concessions/{id}/reject")]
async fn reject(desk: Desk<FeesApprove>, id: IdPath<ConcessionId>, based_on: IfMatch) -> Result<Versioned<ConcessionView>, Problem> {
    decide(&desk, id.as_uuid(), based_on, (ConcessionStatus::Pending, ConcessionStatus::Rejected)).await
}

/// Ends a concession. Invoices that have it keep it.
#[utoipa::path(
    params(("id" = ConcessionId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = ConcessionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/concessions/{id}/end")]
async fn end(desk: Desk<FeesManage>, id: IdPath<ConcessionId>, based_on: IfMatch) -> Result<Versioned<ConcessionView>, Problem> {
    decide(&desk, id.as_uuid(), based_on, (ConcessionStatus::Approved, ConcessionStatus::Ended)).await
}
