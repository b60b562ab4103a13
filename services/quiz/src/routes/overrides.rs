//! Overrides: other times and attempts for a student, or for a group. Part of their quiz: they carry its `ETag`.

use actix_web::web::Data;
use actix_web::{delete, get, post, put};
use chrono::{DateTime, Utc};
use domain::{Fault, Permission, QuizId, QuizOverrideId, StudentId, Text, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{Body, Caller, CommonProblems, EditProblems, IdPath, IfMatch, Kind, Permit, Problem, Versioned, permits};
use store::{SchoolTransaction, StoreError};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Rooms, owned};
use crate::model::quiz::MAX_ATTEMPTS;
use crate::model::terms::Override;
use crate::store::{Sheet, lock_sheet, remove_override, save_override, save_quiz};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(show).service(add).service(change).service(remove);
}

/// An override.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverrideView {
    /// Its id.
    id: QuizOverrideId,
    /// The student; null for a group.
    student_id: Option<StudentId>,
    /// The group's name; null for a student.
    group_name: Option<String>,
    /// The group's students.
    members: Vec<StudentId>,
    /// When attempts may begin.
    opens_at: Option<DateTime<Utc>>,
    /// When all attempts end.
    closes_at: Option<DateTime<Utc>>,
    /// How long an attempt may take.
    time_limit_seconds: Option<u32>,
    /// How many attempts there are.
    max_attempts: Option<u8>,
    /// Why.
    reason: Option<String>,
    /// Who made it.
    created_by: UserId,
}

/// All overrides of a quiz.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverridesView {
    /// The quiz's version; its `ETag` is this number as `"v3"`.
    version: Version,
    /// The overrides, oldest first.
    items: Vec<OverrideView>,
}

impl From<&Override> for OverrideView {
    fn from(row: &Override) -> Self {
        Self {
            id: row.id,
            student_id: row.student_id,
            group_name: row.group_name.clone(),
            members: row.members.clone(),
            opens_at: row.opens_at,
            closes_at: row.closes_at,
            time_limit_seconds: row.time_limit_seconds,
            max_attempts: row.max_attempts,
            reason: row.reason.clone(),
            created_by: row.created_by,
        }
    }
}

impl OverridesView {
    fn of(sheet: &Sheet) -> Versioned<Self> {
        let (version, items) = (sheet.quiz.version, sheet.overrides.iter().map(OverrideView::from).collect());
        Versioned(Self { version, items }, version)
    }
}

/// What holds instead of the quiz's own; what is left out stays the quiz's. For a student (`student_id`), or for a group (`group_name` and `members`).
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteOverride {
    /// The student.
    student_id: Option<StudentId>,
    /// The group's name.
    group_name: Option<Text<100>>,
    /// The group's students.
    #[serde(default)]
    #[schema(max_items = 500)]
    members: Vec<StudentId>,
    /// When attempts may begin.
    opens_at: Option<DateTime<Utc>>,
    /// When all attempts end.
    closes_at: Option<DateTime<Utc>>,
    /// How long an attempt may take.
    #[schema(minimum = 1, maximum = 86400)]
    time_limit_seconds: Option<u32>,
    /// How many attempts there are.
    #[schema(minimum = 1, maximum = 100)]
    max_attempts: Option<u8>,
    /// Why.
    reason: Option<Text<1000>>,
}

/// The overrides of a quiz, for its teachers and the office.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuizId, Path, description = "The quiz.")),
    responses((status = 200, body = OverridesView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/overrides")]
async fn list(permit: Permit<permits::QuizWrite>, id: IdPath<QuizId>, rooms: Data<Rooms>) -> Result<Versioned<OverridesView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let sheet = rooms.own_sheet(&viewer, *id, Permission::QuizWrite).await?;
    Ok(OverridesView::of(&sheet))
}

/// One override of a quiz, for its teachers and the office.
#[utoipa::path(
    tag = "quiz",
    params(
        ("id" = QuizId, Path, description = "The quiz."),
        ("override_id" = QuizOverrideId, Path, description = "The override."),
    ),
    responses((status = 200, body = OverrideView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/quizzes/{id}/overrides/{override_id}")]
async fn show(
    permit: Permit<permits::QuizWrite>,
    path: IdPath<(QuizId, QuizOverrideId)>,
    rooms: Data<Rooms>,
) -> Result<Versioned<OverrideView>, Problem> {
    let (id, override_id) = path.0;
    let viewer = rooms.viewer(permit.caller()).await?;
    let sheet = rooms.own_sheet(&viewer, id, Permission::QuizWrite).await?;
    let row = sheet.overrides.iter().find(|row| row.id == override_id).ok_or_else(|| Problem::not_found("override"))?;
    Ok(Versioned(row.into(), sheet.quiz.version))
}

/// Adds an override. It holds at once, also for an attempt that is under way.
#[utoipa::path(
    tag = "quiz",
    request_body = WriteOverride,
    params(("id" = QuizId, Path, description = "The quiz."), ("If-Match" = String, Header, description = "The quiz's `ETag`.")),
    responses((status = 200, body = OverridesView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/quizzes/{id}/overrides")]
async fn add(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuizId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<WriteOverride>,
) -> Result<Versioned<OverridesView>, Problem> {
    let body = body.into_inner();
    edit(&rooms, permit.caller(), *id, seen, async |transaction, sheet, caller, now| {
        let row = checked(transaction, sheet, &body, QuizOverrideId::generate(), caller, now).await?;
        save_override(transaction, &row).await.map_err(taken)?;
        sheet.overrides.push(row);
        Ok(())
    })
    .await
}

/// Replaces an override.
#[utoipa::path(
    tag = "quiz",
    request_body = WriteOverride,
    params(
        ("id" = QuizId, Path, description = "The quiz."),
        ("override_id" = QuizOverrideId, Path, description = "The override."),
        ("If-Match" = String, Header, description = "The quiz's `ETag`."),
    ),
    responses((status = 200, body = OverridesView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/quizzes/{id}/overrides/{override_id}")]
async fn change(
    permit: Permit<permits::QuizWrite>,
    path: IdPath<(QuizId, QuizOverrideId)>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<WriteOverride>,
) -> Result<Versioned<OverridesView>, Problem> {
    let (body, (id, override_id)) = (body.into_inner(), path.0);
    edit(&rooms, permit.caller(), id, seen, async |transaction, sheet, caller, now| {
        let old = sheet.overrides.iter().find(|row| row.id == override_id).cloned().ok_or_else(|| Problem::not_found("override"))?;
        let row = checked(transaction, sheet, &body, override_id, caller, now).await?;
        if old.student_id != row.student_id || old.group_name.is_some() != row.group_name.is_some() {
            return Err(Problem::invalid(vec![Fault::new("/student_id", "whom an override is for does not change")]));
        }
        let row = Override { created_by: old.created_by, created_at: old.created_at, version: old.version.next(), ..row };
        save_override(transaction, &row).await.map_err(taken)?;
        sheet.overrides.retain(|row| row.id != override_id);
        sheet.overrides.push(row);
        Ok(())
    })
    .await
}

/// Takes an override away.
#[utoipa::path(
    tag = "quiz",
    params(
        ("id" = QuizId, Path, description = "The quiz."),
        ("override_id" = QuizOverrideId, Path, description = "The override."),
        ("If-Match" = String, Header, description = "The quiz's `ETag`."),
    ),
    responses((status = 200, body = OverridesView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/quizzes/{id}/overrides/{override_id}")]
async fn remove(
    permit: Permit<permits::QuizWrite>,
    path: IdPath<(QuizId, QuizOverrideId)>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<OverridesView>, Problem> {
    let (id, override_id) = path.0;
    edit(&rooms, permit.caller(), id, seen, async |transaction, sheet, _, _| {
        let count = sheet.overrides.len();
        sheet.overrides.retain(|row| row.id != override_id);
        if sheet.overrides.len() == count {
            return Err(Problem::not_found("override"));
        }
        Ok(remove_override(transaction, override_id).await?)
    })
    .await
}

async fn edit(
    rooms: &Rooms,
    caller: &Caller,
    id: QuizId,
    seen: IfMatch,
    alter: impl AsyncFnOnce(&mut SchoolTransaction, &mut Sheet, &Caller, Timestamp) -> Result<(), Problem>,
) -> Result<Versioned<OverridesView>, Problem> {
    let viewer = rooms.viewer(caller).await?;
    rooms.own_sheet(&viewer, id, Permission::QuizWrite).await?;
    let now = rooms.platform.clock().now();
    let mut transaction = rooms.writing(caller.school_id).await?;
    let mut sheet = lock_sheet(&mut transaction, id).await?.ok_or_else(|| Problem::not_found("quiz"))?;
    seen.require(sheet.quiz.version)?;
    alter(&mut transaction, &mut sheet, caller, now).await?;
    sheet.quiz = sheet.quiz.next(now);
    save_quiz(&mut transaction, &sheet.quiz).await?;
    transaction.commit().await?;
    rooms.changed(caller.school_id, id).await;
    Ok(OverridesView::of(&sheet))
}

fn taken(error: StoreError) -> Problem {
    if matches!(error, StoreError::UniqueViolation { .. }) {
        return Problem::conflict(Kind::AlreadyExists, "There is an override for this student or group already.");
    }
    error.into()
}

async fn checked(
    transaction: &mut SchoolTransaction,
    sheet: &Sheet,
    body: &WriteOverride,
    id: QuizOverrideId,
    caller: &Caller,
    now: Timestamp,
) -> Result<Override, Problem> {
    let mut faults = domain::Faults::none();
    let one_of = body.student_id.is_some() != body.group_name.is_some();
    faults.require(one_of, "/student_id", "give either student_id or group_name");
    faults.require(body.group_name.is_some() || body.members.is_empty(), "/members", "has no meaning without group_name");
    faults.require(body.members.len() <= 500, "/members", "must be at most 500");
    let (opens, closes) = (body.opens_at.or(sheet.quiz.settings.opens_at), body.closes_at.or(sheet.quiz.settings.closes_at));
    faults.require(opens.zip(closes).is_none_or(|(opens, closes)| closes > opens), "/closes_at", "must be after opens_at");
    let limit = body.time_limit_seconds.is_none_or(|limit| (1..=86_400).contains(&limit));
    faults.require(limit, "/time_limit_seconds", "must be from 1 to 86400");
    let most = body.max_attempts.is_none_or(|most| (1..=MAX_ATTEMPTS).contains(&most));
    faults.require(most, "/max_attempts", format!("must be from 1 to {MAX_ATTEMPTS}"));
    let mut members = body.members.clone();
    members.sort_unstable();
    members.dedup();
    let students: Vec<uuid::Uuid> = body.student_id.iter().chain(&members).map(|student| student.as_uuid()).collect();
    let known: i64 = sqlx::query_scalar(
        "SELECT count(DISTINCT student_id) FROM enrollments WHERE school_id = $1 AND class_id = $2 AND student_id = ANY ($3) AND status = 'active'",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(sheet.quiz.class_id.as_uuid())
    .bind(&students)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let pointer = if body.student_id.is_some() { "/student_id" } else { "/members" };
    faults.require(
        usize::try_from(known).is_ok_and(|known| known == students.len()),
        pointer,
        "names somebody who is not in the quiz's class",
    );
    faults.into_result()?;
    Ok(Override {
        id,
        school_id: sheet.quiz.school_id,
        quiz_id: sheet.quiz.id,
        student_id: body.student_id,
        group_name: body.group_name.clone().map(owned),
        members,
        opens_at: body.opens_at,
        closes_at: body.closes_at,
        time_limit_seconds: body.time_limit_seconds,
        max_attempts: body.max_attempts,
        reason: body.reason.clone().map(owned),
        created_by: caller.user_id,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    })
}
