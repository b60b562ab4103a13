//! One grade: show and change.

use actix_web::web::Data;
use actix_web::{get, patch};
use domain::{GradeId, ServiceName};
use service_kit::{
    Body, Caller, CommonProblems, EditProblems, IdPath, IfMatch, IfNoneMatch, NotModifiedOr, Permit, Problem, Versioned, permits,
};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::{Operation, WriteError};

use super::Rooms;
use super::access::Viewer;
use super::sheets::GradeView;
use super::writing::{GradeEdit, open_item};
use crate::feed::with_change;
use crate::model::grade::Grade;
use crate::store::{find_grade, item};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(edit);
}

/// How often a write is begun anew when its row left Redis between being read and being written. Each try puts the row back there first.
const TRIES: usize = 4;

/// The grade, if the caller keeps the book that it is in, or it is theirs and not hidden.
pub(super) async fn seen_grade(rooms: &Rooms, caller: &Caller, viewer: &Viewer, id: GradeId) -> Result<Grade, Problem> {
    let missing = || Problem::not_found("grade");
    let grade = find_grade(&rooms.platform, caller.school_id, id).await?.ok_or_else(missing)?;
    if viewer.keeps(grade.class_id) {
        return Ok(grade);
    }
    let item = item(&rooms.platform, caller.school_id, grade.item_id).await?;
    let shown = viewer.stands_for(grade.student_id) && item.is_some_and(|item| !item.is_hidden);
    if shown { Ok(grade) } else { Err(missing()) }
}

/// A grade.
#[utoipa::path(
    params(("id" = GradeId, Path, description = "The grade.")),
    responses((status = 200, body = GradeView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/grades/{id}")]
async fn show(
    permit: Permit<permits::GradesRead>,
    id: IdPath<GradeId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<GradeView>, Problem> {
    let caller = permit.caller();
    let viewer = Viewer::of(&rooms.platform, caller).await?;
    let grade = seen_grade(&rooms, caller, &viewer, *id).await?;
    Ok(NotModifiedOr(known, GradeView::from(&grade), grade.version))
}

/// Changes a grade: override it, exempt the student, leave it out of the totals, comment on it.
#[utoipa::path(
    request_body = GradeEdit,
    params(("id" = GradeId, Path, description = "The grade."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = GradeView), (status = 409, description = "The item is locked."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/grades/{id}")]
async fn edit(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<GradeId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<GradeEdit>,
) -> Result<Versioned<GradeView>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    let viewer = Viewer::of(platform, caller).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        let missing = || Problem::not_found("grade");
        let row = find_grade(platform, caller.school_id, *id).await?.filter(|row| viewer.keeps(row.class_id)).ok_or_else(missing)?;
        let item = open_item(platform, caller.school_id, row.item_id).await?;
        seen.require(row.version)?;
        let faults = body.faults(&item, "");
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let changed = row.next(body.applied_to(&row.figures()), Some(caller.user_id), platform.clock().now());
        let operation = Operation::new(caller.school_id, ServiceName::Report).update(&changed, row.version);
        let operation = with_change(operation, &changed, Some(caller.actor()))?;
        match platform.buffer().write(platform.postgres(ServiceName::Report), operation).await {
            Ok(_) => return Ok(Versioned(GradeView::from(&changed), changed.version)),
            Err(WriteError::Evicted) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}
