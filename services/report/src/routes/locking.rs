//! Locking an item and unlocking it: what is locked doesn't change, whoever asks.

use actix_web::post;
use domain::GradeItemId;
use records::{Table, rows};
use sea_orm::ActiveValue::Set;
use service_kit::permits::GradesWrite;
use service_kit::{CommonProblems, EditProblems, IdPath, IfMatch, Kind, Problem, Versioned};
use store::entity::grade_items::{ActiveModel, Entity};
use utoipa_actix_web::service_config::ServiceConfig;

use super::items::{ItemView, kept};
use crate::desk::Desk;
use crate::feed;
use crate::store::{RULES, Source, announce, is_locked};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(lock).service(unlock);
}

/// What a change of a locked item's grades is told.
pub(super) fn locked() -> Problem {
    Problem::conflict(Kind::Conflict, "The item is locked: unlock it first.")
}

/// Locks an item now: its grades don't change any more, whoever asks, until it is unlocked.
#[utoipa::path(
    params(("id" = GradeItemId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = ItemView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/grade-items/{id}/lock")]
async fn lock(desk: Desk<GradesWrite>, id: IdPath<GradeItemId>, based_on: IfMatch) -> Result<Versioned<ItemView>, Problem> {
    set_lock(&desk, *id, based_on, true).await
}

/// Unlocks an item, and takes over what its source has seen meanwhile.
#[utoipa::path(
    params(("id" = GradeItemId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = ItemView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/grade-items/{id}/unlock")]
async fn unlock(desk: Desk<GradesWrite>, id: IdPath<GradeItemId>, based_on: IfMatch) -> Result<Versioned<ItemView>, Problem> {
    let done = set_lock(&desk, *id, based_on, false).await?;
    if let Some(source) = Source::of(&done.0.source_kind, done.0.source_ref) {
        feed::sync(desk.platform(), desk.caller().school_id, source, None).await?;
    }
    Ok(done)
}

async fn set_lock(desk: &Desk<GradesWrite>, id: GradeItemId, based_on: IfMatch, locks: bool) -> Result<Versioned<ItemView>, Problem> {
    kept(desk, id.as_uuid()).await?;
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        if locks && is_locked(&row, desk.now()) {
            return Err(Problem::conflict(Kind::Conflict, "It is locked already."));
        }
        if !locks && row.locked_at.is_none() {
            return Err(Problem::conflict(Kind::Conflict, "It is not locked."));
        }
        announce(desk.platform(), transaction, &row).await?;
        // The time is taken now that nobody writes any more: no grade is younger.
        let locked_at = locks.then(|| desk.now());
        let change = ActiveModel { locked_at: Set(locked_at), ..Default::default() };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}
