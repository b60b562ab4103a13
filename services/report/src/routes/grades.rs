//! One grade: show and change.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{get, patch};
use domain::{GradeId, ServiceName};
use service_kit::{
    Body, Caller, CommonProblems, EditProblems, IdPath, IfMatch, IfNoneMatch, NotModifiedOr, Permit, Problem, Versioned, permits,
};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::Operation;

use super::Rooms;
use super::access::Viewer;
use super::sheets::GradeView;
use super::writing::{GradeEdit, open_item};
use crate::feed::{TRIES, pause, with_change};
use crate::model::grade::Grade;
use crate::store::{Seat, find_grade, item, reading, shows_effort, submit, withheld};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(edit);
}

/// The grade, if the caller keeps the book that it is in, or it is theirs and not hidden.
pub(super) async fn seen_grade(rooms: &Rooms, caller: &Caller, viewer: &Viewer, id: GradeId) -> Result<Grade, Problem> {
    let missing = || Problem::not_found("grade");
    let grade = find_grade(&rooms.platform, caller.school_id, id).await?.ok_or_else(missing)?;
    if viewer.keeps(grade.class_id) {
        return Ok(grade);
    }
    if !viewer.stands_for(grade.student_id) {
        return Err(missing());
    }
    let item = item(&rooms.platform, caller.school_id, grade.item_id).await?.filter(|item| !item.is_hidden).ok_or_else(missing)?;
    if viewer.is_parent() && item.hides_from_parents {
        return Err(missing());
    }
    let mut transaction = reading(&rooms.platform, caller.school_id).await?;
    let now = rooms.platform.clock().now();
    let withheld = withheld(&mut transaction, caller.school_id, grade.student_id, grade.class_id, now).await?;
    if item.source_ref.is_some_and(|source| withheld.contains(&source)) { Err(missing()) } else { Ok(grade) }
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
    let shows_effort = viewer.keeps(grade.class_id) || shows_effort(&rooms.platform, caller.school_id, grade.class_id).await?;
    Ok(NotModifiedOr(known, GradeView::from(&grade).with_effort(shows_effort), grade.version))
}

/// Changes a grade: override it, exempt the student, leave it out of the totals, comment on it. What changes nothing leaves its version as it is.
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
    for turn in 0..TRIES {
        pause(turn).await;
        let missing = || Problem::not_found("grade");
        let row = find_grade(platform, caller.school_id, *id).await?.filter(|row| viewer.keeps(row.class_id)).ok_or_else(missing)?;
        let seat = Seat::take(platform, caller.school_id, row.item_id).await?;
        let item = item(platform, caller.school_id, row.item_id).await?;
        let now = platform.clock().now();
        let item = open_item(item.as_ref(), now)?;
        seen.require(row.version)?;
        let faults = body.faults(item, "");
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let figures = body.applied_to(&row.figures());
        if figures == row.figures() {
            // What changes nothing is no change, and leaves nothing in the history.
            return Ok(Versioned(GradeView::from(&row), row.version));
        }
        if !seat.agrees(platform, item).await? {
            continue;
        }
        let changed = row.next(figures, Some(caller.user_id), now);
        let operation = Operation::new(caller.school_id, ServiceName::Report).update(&changed, row.version);
        let operation = with_change(operation, &changed, Some(caller.actor()))?;
        if submit(platform, seat.moves_with(operation, now)).await? {
            return Ok(Versioned(GradeView::from(&changed), changed.version));
        }
    }
    Err(Problem::unavailable(Duration::from_secs(1), "The grade, which is being changed by others,"))
}
