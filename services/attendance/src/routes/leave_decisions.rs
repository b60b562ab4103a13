//! Deciding on leave: granting and refusing it.

use actix_web::post;
use actix_web::web::Data;
use domain::{EventKind, LeaveRequestId, Permission, Text};
use serde::Deserialize;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::leave_requests::{LeaveView, decided_already};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(approve).service(reject);
}

/// A decision.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What there is to say to whoever asked.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    note: Option<Text<2000>>,
}

/// Grants leave: a teacher of the student's present classes, or the office. From now on the leave code is what `others` and the class list give the student on these
/// days, and an absence is an excused one in all figures.
#[utoipa::path(
    request_body = Decision,
    params(("id" = LeaveRequestId, Path, description = "The request."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = LeaveView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/leave-requests/{id}/approve")]
async fn approve(
    permit: Permit<permits::LeaveDecide>,
    id: IdPath<LeaveRequestId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<Decision>,
) -> Result<Versioned<LeaveView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    rooms.decide(&viewer, *id, seen, true, body.into_inner()).await
}

/// Refuses leave: a teacher of the student's present classes, or the office.
#[utoipa::path(
    request_body = Decision,
    params(("id" = LeaveRequestId, Path, description = "The request."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = LeaveView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/leave-requests/{id}/reject")]
async fn reject(
    permit: Permit<permits::LeaveDecide>,
    id: IdPath<LeaveRequestId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<Decision>,
) -> Result<Versioned<LeaveView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    rooms.decide(&viewer, *id, seen, false, body.into_inner()).await
}

impl Rooms {
    async fn decide(
        &self,
        viewer: &Viewer,
        id: LeaveRequestId,
        seen: IfMatch,
        grant: bool,
        decision: Decision,
    ) -> Result<Versioned<LeaveView>, Problem> {
        let told = if grant { EventKind::LeaveApproved } else { EventKind::LeaveRejected };
        let note = decision.note.map(String::from);
        let edited = self.edit_leave(viewer, id, seen, Permission::LeaveDecide, Some(told), |leave, _, now| {
            leave.decided(grant, viewer.caller.user_id, note, now).ok_or_else(decided_already)
        });
        let leave = edited.await?;
        Ok(Versioned(leave.clone().into(), leave.version))
    }
}
