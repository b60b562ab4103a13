//! Attendance for a calendar: a student's absences, lateness and leave, and the registers that a teacher has to take, as iCalendar files.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use chrono::{Days, NaiveDate};
use directory::Glance;
use domain::{ClassId, Fault, StudentId, Version};
use serde::Deserialize;
use service_kit::{CommonProblems, IdPath, Params, Permit, Problem, permits};
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::works_here;
use super::{Rooms, range};
use crate::model::calendar_file::{Entry, file};
use crate::model::code::CountsAs;
use crate::model::leave::{Leave, LeaveStatus, overlap};
use crate::model::missing::{expected, missing};
use crate::model::register::Mark;
use crate::store::{LeaveFilter, MarkFilter, MarkRow, Rules, class_years, list_leave, marks, rules, taken, timetable};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(of_student).service(to_take);
}

/// How far a file looks ahead and back unless it is told, in days.
const AHEAD: u64 = 90;
const BACK: u64 = 180;
/// The most leave that a file holds.
const MOST_LEAVE: u64 = 1_000;
/// The most days of registers that a file holds.
const LONGEST: i64 = 31;

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DaysOf {
    /// From this day on; 180 days ago unless said otherwise.
    from: Option<NaiveDate>,
    /// Up to this day; 90 days ahead unless said otherwise, because leave may lie ahead.
    to: Option<NaiveDate>,
}

/// A student's attendance as an iCalendar file
///
/// Absences, lateness and approved leave, each as an all-day entry: for those who may see the student's marks. An entry keeps its `UID`, so that importing the file
/// again replaces what was there. A day of leave stands in it once. Notes are for teachers and the office only.
#[utoipa::path(
    params(("id" = StudentId, Path, description = "The student."), DaysOf),
    responses((status = 200, body = String, content_type = "text/calendar", description = "RFC 5545, in UTF-8."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/students/{id}/attendance.ics")]
async fn of_student(
    permit: Permit<permits::AttendanceRead>,
    id: IdPath<StudentId>,
    rooms: Data<Rooms>,
    params: Params<DaysOf>,
) -> Result<HttpResponse, Problem> {
    let caller = permit.caller();
    let (_, classes) = rooms.student(caller, *id).await?;
    let rules = rules(&rooms.platform, caller.school_id).await?;
    let today = rules.day_at(rooms.platform.clock().now());
    let to = params.to.or_else(|| today.checked_add_days(Days::new(AHEAD)));
    let (from, to) = range(params.from, to, today, AHEAD + BACK)?;
    let filter =
        LeaveFilter { students: Some(vec![*id]), status: Some(LeaveStatus::Approved), from: Some(from), to: Some(to), after: None };
    let leave = list_leave(&rooms.platform, caller.school_id, &filter, MOST_LEAVE).await?;
    let mut rows = marks(&rooms.platform, caller.school_id, &MarkFilter { classes, students: Some(vec![*id]), from, to }).await?;
    rows.sort_by_key(|row| (row.held_on, row.period, row.session_id));
    let told = |row: &MarkRow| marked(row, &rules, &leave, works_here(caller.role), caller.school_id);
    let entries: Vec<Entry> = rows.iter().filter_map(told).chain(leave.iter().map(on_leave)).collect();
    Ok(answer("attendance.ics", &file("Attendance", &entries)))
}

/// What a mark is to a calendar: nothing, if the student was there in time, or had leave that stands there itself.
fn marked(row: &MarkRow, rules: &Rules, leave: &[Leave], with_note: bool, school: domain::SchoolId) -> Option<Entry> {
    let has_leave = leave.iter().any(|leave| overlap((leave.from_date, leave.to_date), (row.held_on, row.held_on)));
    let category = match rules.codes.counts_as(&row.code) {
        CountsAs::Absent | CountsAs::Excused if has_leave => return None,
        CountsAs::Absent => "ABSENT",
        CountsAs::Excused => "EXCUSED",
        CountsAs::Late => "LATE",
        CountsAs::Present | CountsAs::NotCounted => return None,
    };
    let mut summary = rules.codes.get(&row.code).map_or_else(|| row.code.clone(), |code| code.name.clone());
    if let Some(period) = row.period {
        summary = format!("{summary}, period {period}");
    }
    if let Some(minutes) = row.minutes_late {
        summary = format!("{summary}, {minutes} min");
    }
    Some(Entry {
        id: Mark::row_id(school, row.session_id, row.student_id),
        changed_at: row.marked_at,
        changes: changes(row.marked_in),
        days: (row.held_on, row.held_on),
        summary,
        category,
        description: row.note.clone().filter(|_| with_note),
    })
}

fn on_leave(leave: &Leave) -> Entry {
    Entry {
        id: leave.id.as_uuid(),
        changed_at: leave.updated_at,
        changes: changes(leave.version),
        days: (leave.from_date, leave.to_date),
        summary: "Leave".to_owned(),
        category: "LEAVE",
        description: None,
    }
}

/// How often something of this version was changed.
fn changes(version: Version) -> u32 {
    u32::try_from(version.get()).unwrap_or(1).saturating_sub(1)
}

/// Whose registers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RegistersOf {
    /// From this day on; today unless said otherwise.
    from: Option<NaiveDate>,
    /// Up to this day; 30 days later unless said otherwise, 31 days at most.
    to: Option<NaiveDate>,
    /// Of this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
}

/// The registers that are to be taken, as an iCalendar file
///
/// Those that `/api/v1/attendance/missing` lists, and those of days to come: of a teacher's classes, of the whole school for the office.
#[utoipa::path(
    params(RegistersOf),
    responses((status = 200, body = String, content_type = "text/calendar", description = "RFC 5545, in UTF-8."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/registers.ics")]
async fn to_take(
    permit: Permit<permits::AttendanceMark>,
    rooms: Data<Rooms>,
    params: Params<RegistersOf>,
) -> Result<HttpResponse, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    let school = caller.school_id;
    let look = async |glance: &Glance<'_>| {
        let classes = rooms.classes(&rooms.viewer_at(glance, caller).await?, params.class_id).await?;
        let mut names = Vec::with_capacity(classes.len());
        for class in &classes {
            names.extend(glance.class(*class).await?.map(|class| (class.class_id, class.name.clone())));
        }
        Ok::<_, Problem>((classes, names))
    };
    let (classes, names) = rooms.directory.consult(school, look).await?;
    let rules = rules(platform, school).await?;
    let now = platform.clock().now();
    let from = params.from.unwrap_or_else(|| rules.day_at(now));
    let to = params.to.or_else(|| from.checked_add_days(Days::new(LONGEST.unsigned_abs() - 1)));
    let (from, to) = range(Some(from), to, from, 1)?;
    if (to - from).num_days() >= LONGEST {
        return Err(Problem::invalid(vec![Fault::new("query:from", format!("must be less than {LONGEST} days before to"))]));
    }
    let working_days = rooms.directory.working_days(school).await?;
    let years = class_years(platform, school, &classes, &working_days).await?;
    let lessons = if rules.settings.period_registers { timetable(platform, school, &classes, from, to).await? } else { Vec::new() };
    let taken = taken(platform, school, &classes, from, to).await?;
    let entry = |place: crate::model::register::Place| {
        let class = names.iter().find(|(id, _)| *id == place.class_id).map_or("", |(_, name)| name.as_str());
        let of_period = place.period.map(|period| format!(", period {period}")).unwrap_or_default();
        Entry {
            id: place.id(school).as_uuid(),
            // It follows from the timetable, which says nothing of when it was changed: what is told now is as it is now.
            changed_at: now,
            changes: 0,
            days: (place.held_on, place.held_on),
            summary: format!("Register {class}{of_period}"),
            category: "REGISTER",
            description: None,
        }
    };
    let all = missing(expected(&years, &lessons, &rules.settings, from, to), &taken);
    let entries: Vec<Entry> = all.into_iter().map(|register| entry(register.place)).collect();
    Ok(answer("registers.ics", &file("Registers", &entries)))
}

fn answer(name: &str, file: &str) -> HttpResponse {
    let disposition = format!("attachment; filename=\"{name}\"");
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, "text/calendar; charset=utf-8"));
    response.insert_header((header::CONTENT_DISPOSITION, disposition));
    response.body(file.to_owned())
}
