//! The class list to fill in: everybody who is to be marked, with the mark that stands there or the one to begin with. As JSON, or as a CSV file that can be
//! filled in and sent back to `/api/v1/attendance/uploads`.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use chrono::NaiveDate;
use directory::Glance;
use domain::{ClassId, Fault, RegisterId, StudentId, Version};
use futures_util::future::join;
use serde::{Deserialize, Serialize};
use service_kit::{Caller, CommonProblems, Params, Permit, Problem, permits};
use spreadsheet::csv_file;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::taking::NO_PERIOD;
use crate::model::code::CountsAs;
use crate::model::lock;
use crate::model::register::{Place, State};
use crate::store::{day, find_register, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(download);
}

/// Which class list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SheetOf {
    /// The class.
    #[param(inline)]
    class_id: ClassId,
    /// The day; today unless said otherwise.
    held_on: Option<NaiveDate>,
    /// The period; left out means the register of the whole day.
    #[param(minimum = 0, maximum = 99)]
    period: Option<u8>,
}

/// A student on the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct SheetRow {
    /// The student.
    student_id: StudentId,
    /// Their name.
    name: String,
    /// Their number in the school.
    admission_number: String,
    /// Their number in the class.
    roll_number: Option<String>,
    /// The code that stands there; else the leave code for who has leave, else the school's default.
    code: Option<String>,
    /// What it counts as.
    counts_as: Option<CountsAs>,
    /// How late the student came, in minutes.
    minutes_late: Option<u16>,
    /// What there is to say.
    note: Option<String>,
    /// Whether the mark stands in the register, rather than being where to begin.
    is_marked: bool,
    /// Whether the student has approved leave on that day.
    on_leave: bool,
}

/// A class list.
#[derive(Debug, Serialize, ToSchema)]
pub struct SheetView {
    /// The id of the register: where to `PUT` the marks.
    session_id: RegisterId,
    /// The class.
    class_id: ClassId,
    /// The day.
    held_on: NaiveDate,
    /// The period; null for the register of the whole day.
    period: Option<u8>,
    /// Where the register stands; null if nobody has opened it: then mark it with `If-None-Match: *`.
    state: Option<State>,
    /// The register's version, to be sent as `If-Match: "v…"`; null if nobody has opened it.
    version: Option<Version>,
    /// Whether only the office can change it now.
    is_locked: bool,
    /// Why there is no school on that day, if there is none; then nothing can be marked.
    no_school: Option<&'static str>,
    /// Everybody, by roll number and name.
    rows: Vec<SheetRow>,
}

impl Rooms {
    async fn sheet(&self, caller: &Caller, params: &SheetOf) -> Result<SheetView, Problem> {
        let work = async |glance: &Glance<'_>| {
            let viewer = self.viewer_at(glance, caller).await?;
            self.sheet_at(glance, &viewer, params).await
        };
        self.directory.consult(caller.school_id, work).await
    }

    async fn sheet_at(&self, glance: &Glance<'_>, viewer: &Viewer, params: &SheetOf) -> Result<SheetView, Problem> {
        let school = viewer.caller.school_id;
        let rules = rules(&self.platform, school).await?;
        let held_on = params.held_on.unwrap_or_else(|| rules.day_at(self.platform.clock().now()));
        let ground = self.ground(glance, viewer, params.class_id, rules).await?.ok_or_else(|| Problem::not_found("class"))?;
        let place = Place { held_on, class_id: params.class_id, period: params.period };
        if !place.has_sound_period() {
            return Err(Problem::invalid(vec![Fault::new("query:period", NO_PERIOD)]));
        }
        let register = find_register(&self.platform, glance.guard(), school, place.id(school));
        let (register, day) = join(register, day(&self.platform, glance, school, params.class_id, held_on)).await;
        let (register, day) = (register?, day?);
        let pupils = self.pupils(&ground, viewer, place).await?;
        let no_school = day.calendar.and_then(|calendar| calendar.judge(held_on, &ground.rules.settings.weekdays).err());
        let codes = &ground.rules.codes;
        let mut rows = Vec::with_capacity(pupils.len());
        for seat in ground.seats() {
            let mark = register.as_ref().and_then(|register| register.mark(seat.student_id));
            if mark.is_none() && !pupils.contains(&seat.student_id) {
                continue;
            }
            let on_leave = day.on_leave.contains(&seat.student_id);
            let begin = || if on_leave { codes.leave_code() } else { None }.or_else(|| codes.default_code());
            let code = mark.map(|mark| mark.code().to_owned()).or_else(|| begin().map(|code| code.code.clone()));
            rows.push(SheetRow {
                student_id: seat.student_id,
                name: seat.name.clone(),
                admission_number: seat.admission_number.clone(),
                roll_number: seat.roll_number.clone(),
                counts_as: code.as_deref().map(|code| codes.counts_as(code)),
                code,
                minutes_late: mark.and_then(|mark| mark.minutes_late),
                note: mark.and_then(|mark| mark.note.clone()),
                is_marked: mark.is_some(),
                on_leave,
            });
        }
        let lock_after_days = ground.rules.settings.lock_after_days;
        let is_locked = register.as_ref().map_or_else(
            || lock::has_passed(held_on, lock_after_days, ground.today),
            |register| lock::is_locked(register, lock_after_days, ground.today),
        );
        Ok(SheetView {
            session_id: place.id(school),
            class_id: params.class_id,
            held_on,
            period: params.period,
            state: register.as_ref().map(|register| register.state),
            version: register.as_ref().map(|register| register.version),
            is_locked,
            no_school: no_school.map(crate::model::school_day::NoSchool::reason),
            rows,
        })
    }
}

/// Shows the class list to fill in.
#[utoipa::path(params(SheetOf), responses((status = 200, body = SheetView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/sheet")]
async fn show(permit: Permit<permits::AttendanceMark>, rooms: Data<Rooms>, params: Params<SheetOf>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(rooms.sheet(permit.caller(), &params).await?))
}

/// The class list as CSV (RFC 4180). Cells that a spreadsheet would take for a formula begin with an apostrophe.
#[utoipa::path(
    params(SheetOf),
    responses((status = 200, body = String, content_type = "text/csv", description = "The list."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/sheet.csv")]
async fn download(permit: Permit<permits::AttendanceMark>, rooms: Data<Rooms>, params: Params<SheetOf>) -> Result<HttpResponse, Problem> {
    let sheet = rooms.sheet(permit.caller(), &params).await?;
    let heading = ["student_id", "admission_number", "roll_number", "name", "code", "minutes_late", "note"].map(str::to_owned).to_vec();
    let rows = sheet.rows.into_iter().map(|row| {
        vec![
            row.student_id.to_string(),
            row.admission_number,
            row.roll_number.unwrap_or_default(),
            row.name,
            row.code.unwrap_or_default(),
            row.minutes_late.map(|minutes| minutes.to_string()).unwrap_or_default(),
            row.note.unwrap_or_default(),
        ]
    });
    let csv = csv_file::write(std::iter::once(heading).chain(rows)).map_err(Problem::internal)?;
    let period = sheet.period.map(|period| format!("-{period}")).unwrap_or_default();
    let name = format!("attachment; filename=\"register-{}{period}.csv\"", sheet.held_on);
    Ok(HttpResponse::Ok().content_type("text/csv; charset=utf-8").insert_header((header::CONTENT_DISPOSITION, name)).body(csv))
}
