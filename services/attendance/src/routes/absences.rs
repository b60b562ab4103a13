//! Who has been away for days on end, and has not come back.

use std::collections::HashMap;

use actix_web::get;
use actix_web::web::Data;
use chrono::NaiveDate;
use directory::Glance;
use domain::{ClassId, Fault, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Limit, Page, Paging, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::figures::Enrolled;
use super::{Rooms, range};
use crate::model::absence::current;
use crate::model::day_value::{Thresholds, day};
use crate::store::{MarkFilter, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// How far back a run is looked for, in days.
const WINDOW: u64 = 60;

/// Which absences.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAbsences {
    /// At least so many days; 3 unless said otherwise.
    #[serde(default = "three")]
    #[param(minimum = 1, maximum = 60, default = 3)]
    min_days: u8,
    /// Of this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// As it stood on this day; today unless said otherwise.
    on: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

const fn three() -> u8 {
    3
}

/// A student who has been away.
#[derive(Debug, Serialize, ToSchema)]
pub struct AbsenceRun {
    /// The student.
    student_id: StudentId,
    /// Their name.
    name: String,
    /// The class in whose list they stand.
    class_id: ClassId,
    /// How many days in a row, excused days not counted.
    days: u32,
    /// The first of them.
    from: NaiveDate,
    /// The last of them.
    to: NaiveDate,
}

/// Lists students who have been absent for days in a row and were not back by then, the longest first: of a teacher's classes, of the whole school for the office.
/// Excused days neither break a run nor make it longer. Looks 60 days back.
#[utoipa::path(params(ListAbsences), responses((status = 200, body = Page<AbsenceRun>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/absences")]
async fn list(
    permit: Permit<permits::AttendanceMark>,
    rooms: Data<Rooms>,
    params: Params<ListAbsences>,
) -> Result<Page<AbsenceRun>, Problem> {
    let caller = permit.caller();
    if !(1..=WINDOW).contains(&u64::from(params.min_days)) {
        return Err(Problem::invalid(vec![Fault::new("query:min_days", format!("must be from 1 to {WINDOW}"))]));
    }
    let rules = rules(&rooms.platform, caller.school_id).await?;
    let (from, to) = range(None, params.on, rules.day_at(rooms.platform.clock().now()), WINDOW)?;
    let look = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, caller).await?;
        let classes = rooms.classes(&viewer, params.class_id).await?;
        let (mut enrolled, mut known) = (Enrolled::new(), HashMap::new());
        for class in &classes {
            for seat in &glance.roster(*class).await?.0 {
                known.entry(seat.student_id).or_insert_with(|| (seat.name.clone(), *class));
                enrolled.insert(seat.student_id, seat.attends.clone());
            }
        }
        Ok::<_, Problem>((classes, enrolled, known))
    };
    let (classes, enrolled, known) = rooms.directory.consult(caller.school_id, look).await?;
    let days = rooms.days(caller.school_id, &rules, &enrolled, &MarkFilter { classes, students: None, from, to }).await?;
    let thresholds = Thresholds::from(&rules.settings);
    let runs = days.into_iter().filter_map(|(student_id, days)| {
        let run = current(days.into_iter().map(|(date, marks)| (date, day(&marks, thresholds))))?;
        let (name, class_id) = known.get(&student_id)?.clone();
        (run.days >= u32::from(params.min_days)).then_some(AbsenceRun {
            student_id,
            name,
            class_id,
            days: run.days,
            from: run.from,
            to: run.to,
        })
    });
    let place = |run: &AbsenceRun| (std::cmp::Reverse(run.days), run.student_id);
    let paging =
        Paging::asking(&rooms.platform, caller, "absences", (params.min_days, params.class_id, to), params.limit, params.cursor.as_deref());
    let after: Option<(u32, StudentId)> = paging.after()?;
    let mut runs: Vec<AbsenceRun> =
        runs.filter(|run| after.is_none_or(|(days, student)| place(run) > (std::cmp::Reverse(days), student))).collect();
    runs.sort_by_key(place);
    Ok(paging.page(runs, |last| (last.days, last.student_id)))
}
