//! What was corrected in a register after it had been taken.

use actix_web::get;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use directory::Glance;
use domain::{CorrectionId, Permission, RegisterId, Role, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, Limit, Page, Paging, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::correction::{Change, Correction};
use crate::store::list_corrections;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(corrections);
}

/// A correction: who changed a register that had been taken, when, why, and what it said before.
#[derive(Debug, Serialize, ToSchema)]
pub struct CorrectionView {
    /// Its id.
    id: CorrectionId,
    /// The register.
    session_id: RegisterId,
    /// The register's version that it made.
    session_version: Version,
    /// Who.
    corrected_by: UserId,
    /// In which role.
    role: Role,
    /// Whether the register was locked.
    after_lock: bool,
    /// Why.
    reason: Option<String>,
    /// The marks that changed, before and after.
    changes: Vec<Change>,
    /// When.
    corrected_at: DateTime<Utc>,
}

impl From<Correction> for CorrectionView {
    fn from(row: Correction) -> Self {
        Self {
            id: row.id,
            session_id: row.session_id,
            session_version: row.session_version,
            corrected_by: row.corrected_by,
            role: row.role,
            after_lock: row.after_lock,
            reason: row.reason,
            changes: row.changes,
            corrected_at: row.created_at,
        }
    }
}

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCorrections {
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists the corrections of a register, the latest first.
#[utoipa::path(
    params(("id" = RegisterId, Path, description = "The register."), ListCorrections),
    responses((status = 200, body = Page<CorrectionView>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/sessions/{id}/corrections")]
async fn corrections(
    permit: Permit<permits::AttendanceMark>,
    id: IdPath<RegisterId>,
    rooms: Data<Rooms>,
    params: Params<ListCorrections>,
) -> Result<Page<CorrectionView>, Problem> {
    let caller = permit.caller();
    let find = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, caller).await?;
        rooms.register(glance, &viewer, *id).await
    };
    let register = rooms.directory.consult(caller.school_id, find).await?;
    let paging = Paging::asking(
        &rooms.platform,
        caller,
        "corrections",
        (register.id, Permission::AttendanceMark.as_str()),
        params.limit,
        params.cursor.as_deref(),
    );
    let after = paging.after()?;
    let rows = list_corrections(&rooms.platform, caller.school_id, register.id, after, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.created_at, last.id));
    Ok(page.map(Into::into))
}
