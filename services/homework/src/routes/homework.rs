//! Homework itself: create, change, publish, close, list, show.

use std::sync::Arc;

use actix_web::web::Data;
use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use directory::Glance;
use domain::{ClassId, Fault, HomeworkId, Patch, Points, ServiceName, StudentId, SubjectId, TeacherId, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, Caller, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, MaybeIdempotencyKey, NotModifiedOr,
    Page, Paging, Params, Permit, Problem, Versioned, permits,
};
use store::StoreError;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::{Absence, Buffered, Found, Idempotency, Operation, ReadError, WriteError, Written};

use super::access::Viewer;
use super::{Refusal, Rooms, retried};
use crate::events;
use crate::model::homework::{Assignment, Homework, Refused, Status};
use crate::model::late_policy::LatePolicy;
use crate::store::{HomeworkFilter, find_homework, list_homework, look_for_homework};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(change).service(publish).service(close);
}

/// A piece of homework.
#[derive(Debug, Serialize, ToSchema)]
pub struct HomeworkView {
    /// Its id.
    id: HomeworkId,
    /// The class that it is for.
    class_id: ClassId,
    /// The subject, if it belongs to one.
    subject_id: Option<SubjectId>,
    /// The teacher who set it; null when the office did.
    teacher_id: Option<TeacherId>,
    /// The user who set it.
    created_by: UserId,
    /// What it is called.
    title: String,
    /// What it is about.
    description: Option<String>,
    /// How to do it.
    instructions: Option<String>,
    /// The marks that it is worth.
    max_points: Points,
    /// When it was given to the class.
    assigned_at: Option<DateTime<Utc>>,
    /// When it is due.
    due_at: DateTime<Utc>,
    /// After this nothing is taken any more.
    cutoff_at: Option<DateTime<Utc>>,
    /// Whether anything is taken after the due time.
    allow_late: bool,
    /// What being late costs.
    late_policy: Option<LatePolicy>,
    /// How often a student may hand in.
    max_attempts: u8,
    /// Where it stands.
    status: Status,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<Homework> for HomeworkView {
    fn from(row: Homework) -> Self {
        Self {
            id: row.id,
            class_id: row.class_id,
            subject_id: row.subject_id,
            teacher_id: row.teacher_id,
            created_by: row.created_by,
            title: row.title,
            description: row.description,
            instructions: row.instructions,
            max_points: row.max_points,
            assigned_at: row.assigned_at,
            due_at: row.due_at,
            cutoff_at: row.cutoff_at,
            allow_late: row.allow_late,
            late_policy: row.late_policy,
            max_attempts: row.max_attempts,
            status: row.status,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Homework to be set.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateHomework {
    /// The class that it is for: one that the teacher teaches.
    class_id: ClassId,
    /// The subject: one that is taught in the class.
    subject_id: Option<SubjectId>,
    /// What it is called.
    title: Text<200>,
    /// What it is about.
    description: Option<Text<5000>>,
    /// How to do it.
    instructions: Option<Text<20000>>,
    /// The marks that it is worth; 100 unless said otherwise.
    #[serde(default = "hundred")]
    max_points: Points,
    /// When it is due.
    due_at: DateTime<Utc>,
    /// After this nothing is taken any more; not before `due_at`.
    cutoff_at: Option<DateTime<Utc>>,
    /// Whether anything is taken after the due time.
    #[serde(default = "yes")]
    allow_late: bool,
    /// What being late costs; nothing unless said otherwise.
    late_policy: Option<LatePolicy>,
    /// How often a student may hand in.
    #[serde(default = "once")]
    #[schema(minimum = 1, maximum = 100)]
    max_attempts: u8,
}

const fn yes() -> bool {
    true
}

const fn once() -> u8 {
    1
}

fn hundred() -> Points {
    Points::from_hundredths(10_000).unwrap_or_default()
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeHomework {
    /// What it is called.
    title: Option<Text<200>>,
    /// What it is about.
    #[serde(default)]
    #[schema(value_type = Option<Text<5000>>)]
    description: Patch<Text<5000>>,
    /// How to do it.
    #[serde(default)]
    #[schema(value_type = Option<Text<20000>>)]
    instructions: Patch<Text<20000>>,
    /// The marks that it is worth.
    max_points: Option<Points>,
    /// When it is due.
    due_at: Option<DateTime<Utc>>,
    /// After this nothing is taken any more.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    cutoff_at: Patch<DateTime<Utc>>,
    /// Whether anything is taken after the due time.
    allow_late: Option<bool>,
    /// What being late costs.
    #[serde(default)]
    #[schema(value_type = Option<LatePolicy>)]
    late_policy: Patch<LatePolicy>,
    /// How often a student may hand in.
    #[schema(minimum = 1, maximum = 100)]
    max_attempts: Option<u8>,
}

impl ChangeHomework {
    fn applied_to(self, row: &Homework) -> Result<Assignment, Problem> {
        Ok(Assignment {
            title: self.title.map_or_else(|| stored(&row.title), Ok)?,
            description: self.description.apply(row.description.as_deref().map(stored).transpose()?),
            instructions: self.instructions.apply(row.instructions.as_deref().map(stored).transpose()?),
            max_points: self.max_points.unwrap_or(row.max_points),
            due_at: self.due_at.unwrap_or(row.due_at),
            cutoff_at: self.cutoff_at.apply(row.cutoff_at),
            allow_late: self.allow_late.unwrap_or(row.allow_late),
            late_policy: self.late_policy.apply(row.late_policy),
            max_attempts: self.max_attempts.unwrap_or(row.max_attempts),
        })
    }
}

/// A text of the stored row: it was valid when it came in.
fn stored<const MAX: usize>(text: &str) -> Result<Text<MAX>, Problem> {
    Text::try_from(text).map_err(Problem::internal)
}

/// Sets homework for a class, as a draft. Acknowledged once it is on Redis's disk; visible at once.
#[utoipa::path(
    request_body = CreateHomework,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = HomeworkView, description = "Set, as a draft."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/homework")]
async fn create(
    permit: Permit<permits::HomeworkWrite>,
    key: MaybeIdempotencyKey,
    rooms: Data<Rooms>,
    body: Body<CreateHomework>,
) -> Result<Created<HomeworkView>, Problem> {
    let caller = permit.caller();
    let key = key.0.map(|key| idempotency(caller, "POST /api/v1/homework", key.as_str(), &body.0)).transpose()?;
    // The same in every try: a try whose outcome is unknown must be known again.
    let id = key.as_ref().map_or_else(HomeworkId::generate, |key| HomeworkId::from_uuid(key.row_id()));
    let now = rooms.platform.clock().now();
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, caller).await?;
        let row = draft(glance, caller, &viewer, &body.0, id, now).await?;
        retried(async || {
            let operation = Operation::new(caller.school_id, ServiceName::Homework).named(id.as_uuid()).guarded(glance.guard());
            let operation = match &key {
                None => operation.create(&row),
                Some(key) => match first_answer(&rooms, glance, caller, key, &row).await? {
                    Found::Row(first) => return Ok(first),
                    // Whoever made the row in the meantime did so with this key, and the write script knows it: no further proof is needed, which a busy
                    // partition would outdate again and again.
                    Found::Absent(_) => operation.create_absent(&row, Absence::unproven()).idempotent(Some(key.clone())),
                },
            };
            match rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Homework), operation).await.map_err(Refusal::Write)? {
                Written::New => Ok(row.clone()),
                Written::Replayed(id) => {
                    let first = find_homework(&rooms.platform, None, caller.school_id, HomeworkId::from_uuid(id)).await?;
                    Ok(first.ok_or_else(|| Problem::not_found("homework"))?)
                }
            }
        })
        .await
    };
    Ok(created(rooms.directory.consult(caller.school_id, work).await?))
}

fn created(row: Homework) -> Created<HomeworkView> {
    let (version, location) = (row.version, format!("/api/v1/homework/{}", row.id));
    Created { body: row.into(), version, location }
}

/// What an earlier request with the same key made, or the proof that there was none. The key names the row. Redis remembers keys for a day or two; the row itself is remembered for good, and a key that comes back after a week must not
/// be taken for a new one.
async fn first_answer(
    rooms: &Rooms,
    glance: &Glance<'_>,
    caller: &Caller,
    key: &Idempotency,
    row: &Homework,
) -> Result<Found<Homework>, Problem> {
    match look_for_homework(&rooms.platform, glance.guard(), caller.school_id, row.id).await {
        // What has been changed since can't be compared any more, but Redis knows for a day or two what was asked for first.
        Ok(Found::Row(first)) if first.version > Version::FIRST => {
            match rooms.platform.buffer().recall(ServiceName::Homework, caller.school_id, key).await {
                Ok(_) | Err(WriteError::Unavailable(_)) => Ok(Found::Row(first)),
                Err(error) => Err(error.into()),
            }
        }
        // What has not been changed must be what is asked for now.
        Ok(Found::Row(first)) if first.same_content(row) => Ok(Found::Row(first)),
        Ok(Found::Row(_)) => Err(WriteError::KeyReused.into()),
        // Should the key be known all the same, the write says so.
        Ok(Found::Absent(absence)) => Ok(Found::Absent(absence)),
        // Creating goes on while PostgreSQL is away.
        Err(ReadError::Store(StoreError::Unavailable(_))) => Ok(Found::Absent(Absence::unproven())),
        Err(error) => Err(error.into()),
    }
}

async fn draft(
    glance: &Glance<'_>,
    caller: &Caller,
    viewer: &Viewer,
    body: &CreateHomework,
    id: HomeworkId,
    now: DateTime<Utc>,
) -> Result<Homework, Problem> {
    let class = glance.class(body.class_id).await?;
    // To a teacher of other classes the class is as good as not there.
    let class = class.filter(|class| caller.role.is_office() || viewer.teaches(class.class_id));
    let mut faults = Vec::new();
    match &class {
        None => faults.push(Fault::new("/class_id", "is no class that you teach")),
        Some(class) if body.subject_id.is_some_and(|subject| !class.subjects.contains(&subject)) => {
            faults.push(Fault::new("/subject_id", "is not taught in this class"));
        }
        Some(_) => {}
    }
    let assignment = Assignment {
        title: body.title.clone(),
        description: body.description.clone(),
        instructions: body.instructions.clone(),
        max_points: body.max_points,
        due_at: body.due_at,
        cutoff_at: body.cutoff_at,
        allow_late: body.allow_late,
        late_policy: body.late_policy,
        max_attempts: body.max_attempts,
    };
    faults.extend(assignment.check().err().unwrap_or_default());
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    Ok(Homework {
        id,
        school_id: caller.school_id,
        class_id: body.class_id,
        subject_id: body.subject_id,
        teacher_id: viewer.teacher_id(),
        created_by: caller.user_id,
        title: assignment.title.into(),
        description: assignment.description.map(Into::into),
        instructions: assignment.instructions.map(Into::into),
        max_points: assignment.max_points,
        assigned_at: None,
        due_at: assignment.due_at,
        cutoff_at: assignment.cutoff_at,
        allow_late: assignment.allow_late,
        late_policy: assignment.late_policy,
        max_attempts: assignment.max_attempts,
        status: Status::Draft,
        published_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    })
}

/// Which homework to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListHomework {
    /// Of this class only.
    class_id: Option<ClassId>,
    /// As this student sees it: oneself, or a child of the caller; for the office and teachers, any student's classes.
    student_id: Option<StudentId>,
    /// In this state only.
    status: Option<Status>,
    /// Due at this time or later.
    due_from: Option<DateTime<Utc>>,
    /// Due before this time.
    due_before: Option<DateTime<Utc>>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists homework, newest first: a teacher's classes and own, a student's classes, a parent's children's classes, the whole school for the office.
/// What was acknowledged a moment ago is in it.
#[utoipa::path(params(ListHomework), responses((status = 200, body = Page<HomeworkView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/homework")]
async fn list(
    permit: Permit<permits::HomeworkRead>,
    rooms: Data<Rooms>,
    params: Params<ListHomework>,
) -> Result<Page<HomeworkView>, Problem> {
    let caller = permit.caller();
    let filter = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, caller).await?;
        whose(glance, caller, &viewer, &params).await
    };
    let Some(mut filter) = rooms.directory.consult(caller.school_id, filter).await? else {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    };
    filter.status = params.status;
    filter.due_from = params.due_from;
    filter.due_before = params.due_before;
    let paging = Paging::asking(
        &rooms.platform,
        caller,
        "homework",
        (params.class_id, params.student_id, params.status, params.due_from, params.due_before),
        params.limit,
        params.cursor.as_deref(),
    );
    filter.after = paging.after()?;
    let rows = list_homework(&rooms.platform, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.created_at, last.id));
    Ok(page.map(Into::into))
}

/// The homework that the caller may list; none when there can't be any.
async fn whose(glance: &Glance<'_>, caller: &Caller, viewer: &Viewer, params: &ListHomework) -> Result<Option<HomeworkFilter>, Problem> {
    let works_here = caller.role.is_office() || caller.role == domain::Role::Teacher;
    let mut filter = HomeworkFilter { given_only: !works_here, ..HomeworkFilter::default() };
    if let Some(student) = params.student_id {
        let learner = if works_here {
            filter.given_only = true;
            glance.learner(student).await?
        } else {
            viewer.learner(student).cloned().map(Arc::new)
        };
        let learner = learner.ok_or_else(|| Problem::not_found("student"))?;
        filter.classes = if works_here { learner.classes().collect() } else { viewer.classes_of(&learner) };
        if caller.role == domain::Role::Teacher {
            filter.classes.retain(|class| viewer.teaches(*class));
        }
    } else if works_here {
        filter.classes = viewer.classes_taught().to_vec();
        filter.author = (caller.role == domain::Role::Teacher).then_some(caller.user_id);
    } else {
        filter.classes = viewer.learners().iter().flat_map(|learner| viewer.classes_of(learner)).collect();
    }
    let everything = caller.role.is_office() && params.student_id.is_none();
    if let Some(class) = params.class_id {
        if !everything && !filter.classes.contains(&class) {
            return Err(Problem::not_found("class"));
        }
        filter.classes = vec![class];
        filter.author = None;
    }
    filter.classes.sort_unstable();
    filter.classes.dedup();
    let empty = filter.classes.is_empty() && filter.author.is_none() && !everything;
    Ok((!empty).then_some(filter))
}

/// Shows a piece of homework.
#[utoipa::path(
    params(("id" = HomeworkId, Path, description = "The homework.")),
    responses((status = 200, body = HomeworkView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/homework/{id}")]
async fn show(
    permit: Permit<permits::HomeworkRead>,
    id: IdPath<HomeworkId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<HomeworkView>, Problem> {
    let find = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, permit.caller()).await?;
        viewer.see(find_homework(&rooms.platform, glance.guard(), permit.school_id, *id).await?)
    };
    let row = rooms.directory.consult(permit.school_id, find).await?;
    let version = row.version;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a piece of homework that is not closed.
#[utoipa::path(
    request_body = ChangeHomework,
    params(("id" = HomeworkId, Path, description = "The homework."), ("If-Match" = String, Header, description = "The `ETag` that the change is based on.")),
    responses((status = 200, body = HomeworkView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/homework/{id}")]
async fn change(
    permit: Permit<permits::HomeworkWrite>,
    id: IdPath<HomeworkId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeHomework>,
) -> Result<Versioned<HomeworkView>, Problem> {
    edit(&rooms, permit.caller(), *id, seen, |row, now| {
        let assignment = body.0.clone().applied_to(row)?;
        assignment.check()?;
        row.changed(assignment, now).map_err(refused)
    })
    .await
}

/// Gives a draft to its class.
#[utoipa::path(
    params(("id" = HomeworkId, Path, description = "The homework."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = HomeworkView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/homework/{id}/publish")]
async fn publish(
    permit: Permit<permits::HomeworkWrite>,
    id: IdPath<HomeworkId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<HomeworkView>, Problem> {
    edit(&rooms, permit.caller(), *id, seen, |row, now| row.published(now).map_err(refused)).await
}

/// Takes no more submissions for published homework.
#[utoipa::path(
    params(("id" = HomeworkId, Path, description = "The homework."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = HomeworkView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/homework/{id}/close")]
async fn close(
    permit: Permit<permits::HomeworkWrite>,
    id: IdPath<HomeworkId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<HomeworkView>, Problem> {
    edit(&rooms, permit.caller(), *id, seen, |row, now| row.closed(now).map_err(refused)).await
}

/// Writes what `alter` makes of the row, if the caller may change it and has seen its present version.
async fn edit(
    rooms: &Rooms,
    caller: &Caller,
    id: HomeworkId,
    seen: IfMatch,
    alter: impl Fn(&Homework, DateTime<Utc>) -> Result<Homework, Problem>,
) -> Result<Versioned<HomeworkView>, Problem> {
    let now = rooms.platform.clock().now();
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer(glance, caller).await?;
        retried(async || {
            let row = viewer.change(find_homework(&rooms.platform, glance.guard(), caller.school_id, id).await?)?;
            seen.require(row.version)?;
            let changed = alter(&row, now)?;
            let mut operation = Operation::new(caller.school_id, ServiceName::Homework).update(&changed, row.version);
            if row.status == Status::Draft && changed.status == Status::Published {
                operation = operation.event(events::assigned(caller, &changed, now)?);
            }
            if let Some(event) = events::changed(caller, &row, &changed, now)? {
                operation = operation.event(event);
            }
            let operation = operation.guarded(glance.guard());
            rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Homework), operation).await.map_err(Refusal::Write)?;
            Ok(changed)
        })
        .await
    };
    let changed: Homework = rooms.directory.consult(caller.school_id, work).await?;
    let version = changed.version;
    Ok(Versioned(changed.into(), version))
}

fn refused(refused: Refused) -> Problem {
    let detail = match refused {
        Refused::AlreadyPublished => "It was published already.",
        Refused::NotPublished => "It is still a draft: publish it first.",
        Refused::Closed => "It is closed.",
    };
    Problem::conflict(Kind::Conflict, detail)
}

/// The request that `key` names. The body counts as it was understood, not as it was spelt.
pub(super) fn idempotency(caller: &Caller, route: &str, key: &str, body: &impl Serialize) -> Result<Idempotency, Problem> {
    let body = serde_json::to_vec(body)?;
    Ok(Idempotency::new(caller.school_id, caller.user_id.as_uuid(), route, key, &body))
}
