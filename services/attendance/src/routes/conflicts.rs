//! Where the register of the day and those of its periods contradict each other.

use std::collections::HashMap;

use actix_web::get;
use actix_web::web::Data;
use chrono::NaiveDate;
use directory::Glance;
use domain::{ClassId, RegisterId, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Limit, Page, Paging, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Rooms, range};
use crate::model::conflict::{Conflict, between};
use crate::store::{MarkFilter, MarkRow, marks, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// Which days and classes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListConflicts {
    /// From this day on; 7 days up to `to` unless said otherwise.
    from: Option<NaiveDate>,
    /// Up to this day; today unless said otherwise.
    to: Option<NaiveDate>,
    /// Of this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// A contradiction.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictView {
    /// The student.
    student_id: StudentId,
    /// The day.
    held_on: NaiveDate,
    /// How the two contradict each other.
    conflict: Conflict,
    /// The register of the day.
    daily_session_id: RegisterId,
    /// What it says.
    daily_code: String,
    /// The register of the period.
    period_session_id: RegisterId,
    /// The period.
    period: u8,
    /// What that says.
    period_code: String,
}

/// Lists contradictions between the register of the day and those of its periods, the latest day first: of a teacher's classes, of the whole school for the office.
#[utoipa::path(params(ListConflicts), responses((status = 200, body = Page<ConflictView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/conflicts")]
async fn list(
    permit: Permit<permits::AttendanceMark>,
    rooms: Data<Rooms>,
    params: Params<ListConflicts>,
) -> Result<Page<ConflictView>, Problem> {
    let caller = permit.caller();
    let look = async |glance: &Glance<'_>| rooms.classes(&rooms.viewer_at(glance, caller).await?, params.class_id).await;
    let classes = rooms.directory.consult(caller.school_id, look).await?;
    let rules = rules(&rooms.platform, caller.school_id).await?;
    let (from, to) = range(params.from, params.to, rules.day_at(rooms.platform.clock().now()), 7)?;
    let rows = marks(&rooms.platform, caller.school_id, &MarkFilter { classes, students: None, from, to }).await?;
    let daily: HashMap<(StudentId, NaiveDate), &MarkRow> =
        rows.iter().filter(|row| row.period.is_none()).map(|row| ((row.student_id, row.held_on), row)).collect();
    let conflict = |row: &MarkRow| {
        let (period, daily) = (row.period?, daily.get(&(row.student_id, row.held_on))?);
        let conflict = between(rules.codes.counts_as(&daily.code), rules.codes.counts_as(&row.code))?;
        Some(ConflictView {
            student_id: row.student_id,
            held_on: row.held_on,
            conflict,
            daily_session_id: daily.session_id,
            daily_code: daily.code.clone(),
            period_session_id: row.session_id,
            period,
            period_code: row.code.clone(),
        })
    };
    let place = |view: &ConflictView| (std::cmp::Reverse(view.held_on), view.student_id, view.period_session_id);
    let paging = Paging::asking(&rooms.platform, caller, "conflicts", (from, to, params.class_id), params.limit, params.cursor.as_deref());
    let after: Option<(NaiveDate, StudentId, RegisterId)> = paging.after()?;
    let mut views: Vec<ConflictView> = rows.iter().filter_map(conflict).collect();
    views.retain(|view| after.is_none_or(|(day, student, register)| place(view) > (std::cmp::Reverse(day), student, register)));
    views.sort_by_key(place);
    Ok(paging.page(views, |last| (last.held_on, last.student_id, last.period_session_id)))
}
