//! Attendance added up: of a student, or of a class with each of its students. What counts, and the formulas, are in [`crate::model::summary`].

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::NaiveDate;
use directory::Glance;
use domain::{ClassId, Fault, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::figures::Enrolled;
use super::{Rooms, range};
use crate::model::day_value::Thresholds;
use crate::model::summary::{Figures, Tally, tally};
use crate::store::{MarkFilter, rules, taken};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// Whose attendance to add up: exactly one of the two.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SummaryOf {
    /// Of this class, student by student; for its teachers and the office.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Of this student.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// From this day on; 30 days up to `to` unless said otherwise, 366 at most.
    from: Option<NaiveDate>,
    /// Up to this day; today unless said otherwise.
    to: Option<NaiveDate>,
}

/// A student's attendance added up.
#[derive(Debug, Serialize, ToSchema)]
pub struct StudentFigures {
    /// The student.
    student_id: StudentId,
    /// Their name; null in a student's own summary.
    name: Option<String>,
    /// The figures.
    figures: Figures,
}

/// Attendance added up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    /// Registers of these days that were taken; of a class only.
    registers_taken: Option<usize>,
    /// Everybody together: the sum of all days, not the mean of the rates.
    total: Figures,
    /// Student by student.
    students: Vec<StudentFigures>,
}

/// Adds attendance up
///
/// Only what took place counts: marks in registers that were taken, on school days, while the student was enrolled in the class. `rate` is the days attended among
/// the days that counted, excused days in neither; `absence_rate` has excused days in both. An absence with approved leave is excused. A day is worth 1, 0.5 or 0 by
/// the minutes that the student was there (see `/api/v1/attendance/settings`). What was marked a moment ago is in it.
#[utoipa::path(params(SummaryOf), responses((status = 200, body = Summary), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/summary")]
async fn show(permit: Permit<permits::AttendanceRead>, rooms: Data<Rooms>, params: Params<SummaryOf>) -> Result<Json<Summary>, Problem> {
    let caller = permit.caller();
    let rules = rules(&rooms.platform, caller.school_id).await?;
    let (from, to) = range(params.from, params.to, rules.day_at(rooms.platform.clock().now()), 30)?;
    let (enrolled, names, filter) = match (params.class_id, params.student_id) {
        (Some(class), None) => {
            let look = async |glance: &Glance<'_>| {
                let viewer = rooms.viewer_at(glance, caller).await?;
                if !viewer.may_mark(class) || glance.class(class).await?.is_none() {
                    return Err(Problem::not_found("class"));
                }
                Ok(glance.roster(class).await?)
            };
            let seats = &rooms.directory.consult(caller.school_id, look).await?.0;
            let names: Vec<(StudentId, Option<String>)> = seats.iter().map(|seat| (seat.student_id, Some(seat.name.clone()))).collect();
            let enrolled: Enrolled = seats.iter().map(|seat| (seat.student_id, seat.attends.clone())).collect();
            (enrolled, names, MarkFilter { classes: vec![class], students: None, from, to })
        }
        (None, Some(student)) => {
            let (learner, classes) = rooms.student(caller, student).await?;
            let enrolled: Enrolled = [(student, learner.attends)].into_iter().collect();
            (enrolled, vec![(student, None)], MarkFilter { classes, students: Some(vec![student]), from, to })
        }
        _ => {
            let detail = "is needed, or student_id is, and not both";
            return Err(Problem::invalid(vec![Fault::new("query:class_id", detail)]));
        }
    };
    let registers_taken = match params.class_id {
        Some(class) => Some(taken(&rooms.platform, caller.school_id, &[class], from, to).await?.len()),
        None => None,
    };
    let days = rooms.days(caller.school_id, &rules, &enrolled, &filter).await?;
    let thresholds = Thresholds::from(&rules.settings);
    let mut total = Tally::default();
    let mut students = Vec::with_capacity(names.len());
    for (student_id, name) in names {
        // Who was not in the class in these days is not shown as somebody with no marks.
        let was_here = enrolled.get(&student_id).is_some_and(|attends| {
            let here = attends.iter().filter(|attends| filter.classes.contains(&attends.class_id));
            here.into_iter().any(|attends| attends.begin_date <= to && attends.end_date.is_none_or(|end| end >= from))
        });
        if params.class_id.is_some() && !was_here {
            continue;
        }
        let of_student = tally(days.get(&student_id).map(Vec::as_slice).unwrap_or_default(), thresholds);
        total = total.plus(of_student);
        students.push(StudentFigures { student_id, name, figures: of_student.into() });
    }
    Ok(Json(Summary { from, to, registers_taken, total: total.into(), students }))
}
