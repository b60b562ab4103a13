//! A student's marks.

use actix_web::get;
use actix_web::web::Data;
use chrono::NaiveDate;
use domain::{ClassId, RegisterId, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, Limit, Page, Paging, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::works_here;
use super::{Rooms, range};
use crate::model::code::CountsAs;
use crate::model::leave::overlap;
use crate::store::{MarkFilter, approved_leave, marks, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// A mark in a student's own list.
#[derive(Debug, Serialize, ToSchema)]
pub struct StudentMark {
    /// The register.
    session_id: RegisterId,
    /// The class.
    class_id: ClassId,
    /// The day.
    held_on: NaiveDate,
    /// The period; null for the whole day.
    period: Option<u8>,
    /// The code.
    code: String,
    /// What it is called.
    name: Option<String>,
    /// What it counts as.
    counts_as: CountsAs,
    /// Whether the student had approved leave on that day: then an absence is an excused one.
    on_leave: bool,
    /// How late the student came, in minutes.
    minutes_late: Option<u16>,
    /// What there is to say; for teachers and the office only.
    note: Option<String>,
}

/// Which marks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListMarks {
    /// Of this day or later; 90 days up to `to` unless said otherwise.
    from: Option<NaiveDate>,
    /// Of this day or earlier; today unless said otherwise.
    to: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists a student's marks, the latest first: one's own, a child's, those in a teacher's classes, anybody's for the office. What was acknowledged a moment ago is in
/// it.
#[utoipa::path(
    params(("id" = StudentId, Path, description = "The student."), ListMarks),
    responses((status = 200, body = Page<StudentMark>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/students/{id}/attendance")]
async fn list(
    permit: Permit<permits::AttendanceRead>,
    id: IdPath<StudentId>,
    rooms: Data<Rooms>,
    params: Params<ListMarks>,
) -> Result<Page<StudentMark>, Problem> {
    let caller = permit.caller();
    let (_, classes) = rooms.student(caller, *id).await?;
    let rules = rules(&rooms.platform, caller.school_id).await?;
    let (from, to) = range(params.from, params.to, rules.day_at(rooms.platform.clock().now()), 90)?;
    let paging = Paging::asking(&rooms.platform, caller, "marks", (*id, from, to), params.limit, params.cursor.as_deref());
    let after: Option<(NaiveDate, Option<u8>, RegisterId)> = paging.after()?;
    let filter = MarkFilter { classes, students: Some(vec![*id]), from, to };
    let mut rows = marks(&rooms.platform, caller.school_id, &filter).await?;
    rows.retain(|row| after.is_none_or(|after| (row.held_on, row.period, row.session_id) < after));
    rows.sort_by_key(|row| std::cmp::Reverse((row.held_on, row.period, row.session_id)));
    let leaves = approved_leave(&rooms.platform, caller.school_id, &[*id], from, to).await?;
    let page = paging.page(rows, |last| (last.held_on, last.period, last.session_id));
    Ok(page.map(|row| StudentMark {
        session_id: row.session_id,
        class_id: row.class_id,
        held_on: row.held_on,
        period: row.period,
        name: rules.codes.get(&row.code).map(|code| code.name.clone()),
        counts_as: rules.codes.counts_as(&row.code),
        on_leave: leaves.iter().any(|(_, from, to)| overlap((*from, *to), (row.held_on, row.held_on))),
        code: row.code,
        minutes_late: row.minutes_late,
        note: row.note.filter(|_| works_here(caller.role)),
    }))
}
