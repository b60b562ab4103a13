//! The history of a grade: what it was after each of its changes, and who made them.

use actix_web::get;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use domain::{GradeId, Points, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, Limit, Page, Paging, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use crate::model::grade::Change;
use crate::store::{changes_of, find_grade};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// What a grade was after a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeView {
    /// The version that the change made.
    version: Version,
    /// Marks.
    points: Option<Points>,
    /// Marks that stand in for them.
    override_points: Option<Points>,
    /// Left out of all totals.
    is_excluded: bool,
    /// The student need not do it.
    is_exempt: bool,
    /// Not handed in.
    is_missing: bool,
    /// What the teacher says about it.
    comment: Option<String>,
    /// What the student put into it.
    effort: Option<u8>,
    /// Who did it; null for what came from homework or a quiz.
    changed_by: Option<UserId>,
    /// When.
    changed_at: DateTime<Utc>,
}

impl From<Change> for ChangeView {
    fn from(row: Change) -> Self {
        Self {
            version: row.grade_version,
            points: row.points,
            override_points: row.override_points,
            is_excluded: row.is_excluded,
            is_exempt: row.is_exempt,
            is_missing: row.is_missing,
            comment: row.comment,
            effort: row.effort,
            changed_by: row.changed_by,
            changed_at: row.created_at,
        }
    }
}

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryOf {
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// A grade's changes, the latest first. For those who keep the book.
#[utoipa::path(
    params(("id" = GradeId, Path, description = "The grade."), HistoryOf),
    responses((status = 200, body = Page<ChangeView>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/grades/{id}/history")]
async fn list(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<GradeId>,
    rooms: Data<Rooms>,
    params: Params<HistoryOf>,
) -> Result<Page<ChangeView>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    let viewer = Viewer::of(platform, caller).await?;
    let grade = find_grade(platform, caller.school_id, *id).await?.filter(|grade| viewer.keeps(grade.class_id));
    grade.ok_or_else(|| Problem::not_found("grade"))?;
    let paging = Paging::asking(platform, caller, "grade-history", *id, params.limit, params.cursor.as_deref());
    let before: Option<i32> = paging.after()?;
    let rows = changes_of(platform, caller.school_id, *id, before, paging.limit()).await?;
    let page = paging.page(rows, |last| last.grade_version.get());
    Ok(page.map(Into::into))
}
