//! Registers that ought to have been taken and were not.

use actix_web::get;
use actix_web::web::Data;
use chrono::NaiveDate;
use directory::Glance;
use domain::{ClassId, Fault, RegisterId, SubjectId, TeacherId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Limit, Page, Paging, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Rooms, range};
use crate::model::lock;
use crate::model::missing::{expected, missing};
use crate::model::register::Place;
use crate::store::{class_years, rules, taken, timetable};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// The longest range, in days.
const LONGEST: i64 = 31;

/// Which registers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListMissing {
    /// From this day on; today only unless said otherwise, 31 days at most.
    from: Option<NaiveDate>,
    /// Up to this day; today at the latest.
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

/// A register that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct MissingRegister {
    /// The id that it has or will have: where to `PUT` the marks.
    session_id: RegisterId,
    /// The class.
    class_id: ClassId,
    /// The day.
    held_on: NaiveDate,
    /// The period; null for the register of the whole day.
    period: Option<u8>,
    /// The subject of the lesson.
    subject_id: Option<SubjectId>,
    /// Who gives it.
    teacher_id: Option<TeacherId>,
    /// Whether only the office can take it now.
    is_locked: bool,
}

/// Lists registers that have not been taken: one a class and school day, and one a lesson of the timetable, as the school's settings say. Holidays, days outside the
/// terms, days to come and classes without students are not missing anything. Oldest first; of a teacher's classes, of the whole school for the office.
#[utoipa::path(params(ListMissing), responses((status = 200, body = Page<MissingRegister>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/missing")]
async fn list(
    permit: Permit<permits::AttendanceMark>,
    rooms: Data<Rooms>,
    params: Params<ListMissing>,
) -> Result<Page<MissingRegister>, Problem> {
    let caller = permit.caller();
    let (platform, school) = (&rooms.platform, caller.school_id);
    let look = async |glance: &Glance<'_>| rooms.classes(&rooms.viewer_at(glance, caller).await?, params.class_id).await;
    let classes = rooms.directory.consult(caller.school_id, look).await?;
    let rules = rules(platform, school).await?;
    let today = rules.day_at(platform.clock().now());
    let (from, to) = range(params.from, Some(params.to.unwrap_or(today).min(today)), today, 1)?;
    if (to - from).num_days() >= LONGEST {
        return Err(Problem::invalid(vec![Fault::new("query:from", format!("must be less than {LONGEST} days before to"))]));
    }
    let working_days = rooms.directory.working_days(school).await?;
    let years = class_years(platform, school, &classes, &working_days).await?;
    let lessons = if rules.settings.period_registers { timetable(platform, school, &classes, from, to).await? } else { Vec::new() };
    let taken = taken(platform, school, &classes, from, to).await?;
    let mut rows = missing(expected(&years, &lessons, &rules.settings, from, to), &taken);
    let paging = Paging::asking(platform, caller, "missing", (params.class_id, from, to), params.limit, params.cursor.as_deref());
    let after: Option<Place> = paging.after()?;
    rows.retain(|row| after.is_none_or(|after| row.place > after));
    let page = paging.page(rows, |last| last.place);
    Ok(page.map(|row| MissingRegister {
        session_id: row.place.id(school),
        class_id: row.place.class_id,
        held_on: row.place.held_on,
        period: row.place.period,
        subject_id: row.subject_id,
        teacher_id: row.teacher_id,
        is_locked: lock::has_passed(row.place.held_on, rules.settings.lock_after_days, today),
    }))
}
