//! Requests for leave: ask, list, show, change, take back.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Either, HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{EventKind, Fault, LeaveRequestId, Permission, Role, ServiceName, StudentId, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::idempotency::{Answer, fingerprint, once};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, MaybeIdempotencyKey, NoContent, NotModifiedOr,
    Page, Paging, Params, Permit, Problem, Versioned, permits,
};
use store::{SchoolTransaction, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use crate::events::about_leave;
use crate::model::leave::{Leave, LeaveStatus, check_dates};
use crate::store::{LeaveFilter, announce, create_leave, find_leave, list_leave, lock_leave, rules, save_leave};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(ask).service(list).service(show).service(change).service(withdraw);
}

/// A request for leave.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeaveView {
    /// Its id.
    id: LeaveRequestId,
    /// Who is to have leave.
    student_id: StudentId,
    /// The first day.
    from_date: NaiveDate,
    /// The last day.
    to_date: NaiveDate,
    /// Why.
    reason: String,
    /// Where it stands.
    status: LeaveStatus,
    /// Who asked.
    requested_by: UserId,
    /// Who decided.
    decided_by: Option<UserId>,
    /// When.
    decided_at: Option<DateTime<Utc>>,
    /// What they had to say.
    decision_note: Option<String>,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Leave> for LeaveView {
    fn from(row: Leave) -> Self {
        Self {
            id: row.id,
            student_id: row.student_id,
            from_date: row.from_date,
            to_date: row.to_date,
            reason: row.reason,
            status: row.status,
            requested_by: row.requested_by,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            decision_note: row.decision_note,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Leave to be asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskForLeave {
    /// Who is to have leave: a child of the caller, any student for the office. A student asks for themselves and can leave this out.
    student_id: Option<StudentId>,
    /// The first day; may lie ahead, or up to 30 days back.
    #[schema(example = "2026-12-01")]
    from_date: NaiveDate,
    /// The last day; 60 days at most.
    #[schema(example = "2026-12-03")]
    to_date: NaiveDate,
    /// Why.
    #[schema(value_type = String, min_length = 1, max_length = 2000, example = "A wedding in the family")]
    reason: Text<2000>,
}

const ROUTE: &str = "POST /api/v1/leave-requests";

/// Asks for leave. Two requests for one student must not share a day, unless one was refused or taken back.
#[utoipa::path(
    request_body = AskForLeave,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = LeaveView), (status = 409, description = "There is a request for some of these days already."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/leave-requests")]
async fn ask(
    permit: Permit<permits::LeaveRequest>,
    key: MaybeIdempotencyKey,
    rooms: Data<Rooms>,
    body: Body<AskForLeave>,
) -> Result<Either<Created<LeaveView>, HttpResponse>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let fingerprint = fingerprint(&body.0)?;
    let leave = asked(&rooms, &viewer, body.into_inner()).await?;
    let event = about_leave(EventKind::LeaveRequested, caller, &leave, leave.created_at)?;
    let mut transaction = rooms.platform.postgres(ServiceName::Attendance).school(caller.school_id).await?;
    let work = async |transaction: &mut SchoolTransaction| {
        create_leave(transaction.connection()?, &leave).await.map_err(clash)?;
        ::events::outbox::enqueue(&*transaction, &event).await.map_err(Problem::internal)
    };
    let created = || {
        let location = format!("/api/v1/leave-requests/{}", leave.id);
        Created { version: leave.version, body: LeaveView::from(leave.clone()), location }
    };
    let Some(key) = key.0 else {
        work(&mut transaction).await?;
        transaction.commit().await?;
        return Ok(Either::Left(created()));
    };
    let answer = once(transaction, caller, ROUTE, &key, fingerprint, async |transaction| {
        work(transaction).await?;
        Answer::created(created())
    })
    .await?;
    debug_assert!(answer.status() == StatusCode::CREATED, "only a 201 is stored");
    Ok(Either::Right(answer))
}

fn clash(error: StoreError) -> Problem {
    match error {
        StoreError::ExclusionViolation { .. } => Problem::conflict(
            Kind::AlreadyExists,
            "There is a request for some of these days already, which was not refused or taken back.",
        ),
        error => error.into(),
    }
}

async fn asked(rooms: &Rooms, viewer: &Viewer, body: AskForLeave) -> Result<Leave, Problem> {
    let (caller, now) = (&viewer.caller, rooms.platform.clock().now());
    let student = match (body.student_id, caller.role) {
        (None, Role::Student) => viewer.learners().first().cloned(),
        (None, _) => None,
        (Some(student), _) if viewer.is_office() => rooms.directory.learner(caller.school_id, student).await?,
        (Some(student), _) => viewer.learner(student).cloned(),
    };
    let mut faults = Vec::new();
    if student.is_none() {
        faults.push(Fault::new("/student_id", "is no student for whom you may ask"));
    }
    let today = rules(&rooms.platform, caller.school_id).await?.day_at(now);
    faults.extend(check_dates(body.from_date, body.to_date, today).err().unwrap_or_default());
    let (Some(student), true) = (student, faults.is_empty()) else { return Err(Problem::invalid(faults)) };
    Ok(Leave {
        id: LeaveRequestId::generate(),
        school_id: caller.school_id,
        student_id: student.student_id,
        from_date: body.from_date,
        to_date: body.to_date,
        reason: body.reason.into(),
        status: LeaveStatus::Pending,
        requested_by: caller.user_id,
        decided_by: None,
        decided_at: None,
        decision_note: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    })
}

/// Which requests to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListLeave {
    /// For this student only.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// In this state only.
    #[param(inline)]
    status: Option<LeaveStatus>,
    /// Of leave that ends on this day or later.
    from: Option<NaiveDate>,
    /// Of leave that begins on this day or earlier.
    to: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists requests for leave, the latest first: one's own, one's children's, those of the students whom a teacher teaches now, all for the office.
#[utoipa::path(params(ListLeave), responses((status = 200, body = Page<LeaveView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/leave-requests")]
async fn list(permit: Permit<permits::LeaveRead>, rooms: Data<Rooms>, params: Params<ListLeave>) -> Result<Page<LeaveView>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let mut students = rooms.students_of(&viewer).await?;
    if let Some(student) = params.student_id {
        if students.as_ref().is_some_and(|students| !students.contains(&student)) {
            return Err(Problem::not_found("student"));
        }
        students = Some(vec![student]);
    }
    let paging = Paging::asking(
        &rooms.platform,
        caller,
        "leave",
        (params.student_id, params.status, params.from, params.to),
        params.limit,
        params.cursor.as_deref(),
    );
    let after = paging.after()?;
    let filter = LeaveFilter { students, status: params.status, from: params.from, to: params.to, after };
    let rows = list_leave(&rooms.platform, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.created_at, last.id));
    Ok(page.map(Into::into))
}

impl Rooms {
    /// The students whose leave the caller may see; none means all.
    async fn students_of(&self, viewer: &Viewer) -> Result<Option<Vec<StudentId>>, Problem> {
        if viewer.is_office() {
            return Ok(None);
        }
        let mut students: Vec<StudentId> = viewer.learners().iter().map(|learner| learner.student_id).collect();
        let today = self.platform.clock().now().date_naive();
        for class in viewer.classes_taught() {
            let seats = self.directory.roster(viewer.caller.school_id, *class).await?;
            let taught = seats.into_iter().map(|seat| directory::Learner { student_id: seat.student_id, attends: seat.attends });
            students.extend(taught.filter(|learner| viewer.teaches_now(learner, today)).map(|learner| learner.student_id));
        }
        Ok(Some(students))
    }

    /// Whether the request is for the caller's eyes.
    async fn may_see(&self, viewer: &Viewer, leave: &Leave) -> Result<bool, Problem> {
        if viewer.is_office() || viewer.learner(leave.student_id).is_some() {
            return Ok(true);
        }
        let learner = self.directory.learner(leave.school_id, leave.student_id).await?;
        let today = self.platform.clock().now().date_naive();
        Ok(learner.is_some_and(|learner| viewer.teaches_now(&learner, today)))
    }
}

/// Shows a request for leave.
#[utoipa::path(
    params(("id" = LeaveRequestId, Path, description = "The request.")),
    responses((status = 200, body = LeaveView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/leave-requests/{id}")]
async fn show(
    permit: Permit<permits::LeaveRead>,
    id: IdPath<LeaveRequestId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<LeaveView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let missing = || Problem::not_found("leave request");
    let leave = find_leave(&rooms.platform, permit.school_id, *id).await?.ok_or_else(missing)?;
    if !rooms.may_see(&viewer, &leave).await? {
        return Err(missing());
    }
    let version = leave.version;
    Ok(NotModifiedOr(known, leave.into(), version))
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeLeave {
    /// The first day.
    from_date: Option<NaiveDate>,
    /// The last day.
    to_date: Option<NaiveDate>,
    /// Why.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    reason: Option<Text<2000>>,
}

/// Changes a request that nobody has decided on: by whoever may ask for the student.
#[utoipa::path(
    request_body = ChangeLeave,
    params(("id" = LeaveRequestId, Path, description = "The request."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = LeaveView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/leave-requests/{id}")]
async fn change(
    permit: Permit<permits::LeaveRequest>,
    id: IdPath<LeaveRequestId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeLeave>,
) -> Result<Versioned<LeaveView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let edited = rooms.edit_leave(&viewer, *id, seen, Permission::LeaveRequest, None, |leave, today, now| {
        let from = body.from_date.unwrap_or(leave.from_date);
        let to = body.to_date.unwrap_or(leave.to_date);
        check_dates(from, to, today)?;
        let reason = body.reason.as_ref().map_or_else(|| leave.reason.clone(), |reason| reason.as_str().to_owned());
        leave.changed(from, to, reason, now).ok_or_else(decided_already)
    });
    let leave = edited.await?;
    Ok(Versioned(leave.clone().into(), leave.version))
}

/// Takes a request back: while nobody has decided, or before approved leave begins. It stays in the list as withdrawn.
#[utoipa::path(
    params(("id" = LeaveRequestId, Path, description = "The request."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "Taken back."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/leave-requests/{id}")]
async fn withdraw(
    permit: Permit<permits::LeaveRequest>,
    id: IdPath<LeaveRequestId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<NoContent, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let told = Some(EventKind::LeaveWithdrawn);
    let edited = rooms.edit_leave(&viewer, *id, seen, Permission::LeaveRequest, told, |leave, today, now| {
        leave.withdrawn(today, now).ok_or_else(|| Problem::conflict(Kind::Conflict, "It was refused or taken back already, or has begun."))
    });
    edited.await?;
    Ok(NoContent)
}

pub(super) fn decided_already() -> Problem {
    Problem::conflict(Kind::Conflict, "It was decided or taken back already.")
}

impl Rooms {
    /// Writes what `alter` makes of the request, if the caller may see it and has seen its present version. The row is locked meanwhile: of two who decide at once
    /// the second finds the first one's decision.
    pub(super) async fn edit_leave(
        &self,
        viewer: &Viewer,
        id: LeaveRequestId,
        seen: IfMatch,
        permission: Permission,
        told: Option<EventKind>,
        alter: impl FnOnce(&Leave, NaiveDate, DateTime<Utc>) -> Result<Leave, Problem>,
    ) -> Result<Leave, Problem> {
        let (caller, now) = (&viewer.caller, self.platform.clock().now());
        let today = rules(&self.platform, caller.school_id).await?.day_at(now);
        let missing = || Problem::not_found("leave request");
        // Whose it is never changes, so that is settled before the row is locked: a request that waits for a second connection must not hold a first one.
        let leave = find_leave(&self.platform, caller.school_id, id).await?.ok_or_else(missing)?;
        if !self.may_see(viewer, &leave).await? {
            return Err(missing());
        }
        // A student may look at their own, and a teacher at their students', but each does only their part.
        if permission == Permission::LeaveRequest && !viewer.is_office() && viewer.learner(leave.student_id).is_none() {
            return Err(Problem::forbidden(permission));
        }
        let mut transaction = self.platform.postgres(ServiceName::Attendance).school(caller.school_id).await?;
        let leave = lock_leave(transaction.connection()?, caller.school_id, id).await?.ok_or_else(missing)?;
        seen.require(leave.version)?;
        let changed = alter(&leave, today, now)?;
        save_leave(transaction.connection()?, &changed).await.map_err(clash)?;
        if let Some(kind) = told {
            let event = about_leave(kind, caller, &changed, now)?;
            ::events::outbox::enqueue(&transaction, &event).await.map_err(Problem::internal)?;
        }
        transaction.commit().await?;
        if leave.status == LeaveStatus::Approved || changed.status == LeaveStatus::Approved {
            announce(&self.platform, caller.school_id).await;
        }
        Ok(changed)
    }
}
