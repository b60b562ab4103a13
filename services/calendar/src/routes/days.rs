//! Days of the timetable: which day of the rotation each is, and under which bell. A day that nobody has said anything about is as its day of the week.

use actix_web::web::{Json, Path};
use actix_web::{get, patch, post};
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use domain::{Fault, Patch, SchoolId, Text, TimetableColumnId, Version};
use records::refuse;
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IfMatch, Kind, Params, Problem, Versioned, permits};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use crate::model::given::{holidays, is_holiday};
use crate::model::month::Window;
use crate::model::rotation::Rotation;
use crate::store::{DAY_RULES, TimetableDay, days_between, events_between, first_clash, hold_timetable, save_days, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(show).service(change).service(lay_out);
}

/// The last day that can be spoken of.
pub(super) const LAST: NaiveDate = NaiveDate::from_ymd_opt(2200, 12, 31).unwrap();

/// A day of the timetable.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayView {
    /// The day.
    day: NaiveDate,
    /// Which day of the rotation it is: its day of the week unless said otherwise, 1 is Monday; null means no lessons.
    rotation_day: Option<u8>,
    /// The bell by which lessons are; null means that they are at their own minutes.
    column_id: Option<TimetableColumnId>,
    /// Why it is not as others.
    note: Option<String>,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
}

impl From<TimetableDay> for DayView {
    fn from(row: TimetableDay) -> Self {
        let TimetableDay { day, rotation_day, column_id, note, version } = row;
        Self { day, rotation_day, column_id, note, version }
    }
}

/// What changes about a day; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeDay {
    /// Which day of the rotation it is; null means no lessons.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 31)]
    rotation_day: Patch<u8>,
    /// The bell; null means that lessons are at their own minutes. Under a bell a lesson is where its period is, and is not given if the bell has no such period.
    #[serde(default)]
    #[schema(value_type = Option<TimetableColumnId>)]
    column_id: Patch<TimetableColumnId>,
    /// Why it is not as others.
    #[serde(default)]
    #[schema(value_type = Option<Text<200>>)]
    note: Patch<Text<200>>,
}

/// How days are to be numbered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LayOut {
    /// The first day.
    from: NaiveDate,
    /// The last day, inclusive; less than 366 days later.
    to: NaiveDate,
    /// How many days the rotation has.
    #[schema(minimum = 1, maximum = 31)]
    length: u8,
    /// The number of the first school day.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 31)]
    first: u8,
    /// The days of the week on which there is school, 1 is Monday; Monday to Friday, if left out.
    #[serde(default = "monday_to_friday")]
    #[schema(min_items = 1, max_items = 7)]
    weekdays: Vec<u8>,
    /// Whether the rotation goes on only after a holiday that is for everybody; else holidays have numbers too.
    #[serde(default = "yes")]
    skip_holidays: bool,
}

const fn one() -> u8 {
    1
}

const fn yes() -> bool {
    true
}

fn monday_to_friday() -> Vec<u8> {
    vec![1, 2, 3, 4, 5]
}

/// Days that were numbered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Days {
    /// Each of them, in order.
    items: Vec<DayView>,
}

/// Which days to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListDays {
    /// The first day.
    from: NaiveDate,
    /// The last day, inclusive; less than 366 days later.
    to: NaiveDate,
}

/// Lists what the days of the timetable are.
#[utoipa::path(params(ListDays), responses((status = 200, body = Days), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/timetable-days")]
async fn list(desk: Records<permits::CalendarRead>, params: Params<ListDays>) -> Result<Json<Days>, Problem> {
    Window::asked(params.from, params.to, Tz::UTC)?;
    let mut transaction = desk.read().await?;
    let days = days_between(transaction.connection()?, desk.caller().school_id, params.from, params.to).await?;
    Ok(Json(Days { items: days.into_iter().map(Into::into).collect() }))
}

pub(super) fn named(day: &str) -> Result<NaiveDate, Problem> {
    let day: NaiveDate = day.parse().map_err(|_| Problem::malformed("The day must be one such as 2026-11-24."))?;
    if !(1970..=2200).contains(&day.year()) {
        return Err(Problem::malformed("The day must be within the years 1970 to 2200."));
    }
    Ok(day)
}

async fn one_day(connection: &mut PgConnection, school: SchoolId, day: NaiveDate) -> Result<TimetableDay, Problem> {
    let days = days_between(connection, school, day, day).await?;
    Ok(days.into_iter().next().unwrap_or_else(|| TimetableDay::usual(day)))
}

/// Shows what a day of the timetable is.
#[utoipa::path(
    params(("day" = String, Path, description = "The day, such as `2026-11-24`.")),
    responses((status = 200, body = DayView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/timetable-days/{day}")]
async fn show(desk: Records<permits::CalendarRead>, day: Path<String>) -> Result<Versioned<DayView>, Problem> {
    let day = named(&day)?;
    let mut transaction = desk.read().await?;
    let day = one_day(transaction.connection()?, desk.caller().school_id, day).await?;
    let version = day.version;
    Ok(Versioned(day.into(), version))
}

/// Changes a day: another day of the rotation, another bell, no lessons at all. 409 if a lesson would then meet a booking of its room.
#[utoipa::path(
    request_body = ChangeDay,
    params(
        ("day" = String, Path, description = "The day, such as `2026-11-24`."),
        ("If-Match" = String, Header, description = "The `ETag` that was read."),
    ),
    responses((status = 200, body = DayView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/timetable-days/{day}")]
async fn change(
    desk: Records<permits::CalendarManage>,
    day: Path<String>,
    seen: IfMatch,
    body: Body<ChangeDay>,
) -> Result<Versioned<DayView>, Problem> {
    let (day, school, now) = (named(&day)?, desk.caller().school_id, desk.now());
    let zone = zone_of(desk.platform(), school).await?;
    let changed = desk
        .change(async |transaction| {
            let connection = transaction.connection()?;
            hold_timetable(connection, school).await?;
            let before = one_day(connection, school, day).await?;
            seen.require(before.version)?;
            let body = body.0.clone();
            let note = match body.note {
                Patch::Keep => before.note,
                Patch::Clear => None,
                Patch::Set(note) => Some(note.into()),
            };
            let changed = TimetableDay {
                rotation_day: body.rotation_day.apply(before.rotation_day),
                column_id: body.column_id.apply(before.column_id),
                note,
                version: before.version.next(),
                ..before
            };
            check(&changed)?;
            save_days(connection, school, std::slice::from_ref(&changed), now).await.map_err(|error| refuse(DAY_RULES, error))?;
            meets_nobody(connection, school, zone, (day, day), None).await?;
            Ok(changed)
        })
        .await?;
    desk.directory().changed(school).await;
    let version = changed.version;
    Ok(Versioned(changed.into(), version))
}

fn check(day: &TimetableDay) -> Result<(), Problem> {
    let mut faults = Vec::new();
    if !day.rotation_day.is_none_or(|number| (1..=31).contains(&number)) {
        faults.push(Fault::new("/rotation_day", "must be from 1 to 31"));
    }
    if day.rotation_day.is_none() && day.column_id.is_some() {
        faults.push(Fault::new("/column_id", "has no meaning on a day without lessons"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// Refuses days, or a bell, that were just written if a lesson now meets a booking of its room or an appointment in it.
pub(super) async fn meets_nobody(
    connection: &mut PgConnection,
    school: SchoolId,
    zone: Tz,
    days: (NaiveDate, NaiveDate),
    bell: Option<TimetableColumnId>,
) -> Result<(), Problem> {
    match first_clash(connection, school, zone, days, bell).await? {
        None => Ok(()),
        Some(day) => {
            let detail = format!("On {day} a lesson would be in a room that is booked then.");
            let pointer = if bell.is_some() { "/blocks" } else { "/rotation_day" };
            Err(Problem::conflict(Kind::Conflict, detail.clone()).with_faults(vec![Fault::new(pointer, detail)]))
        }
    }
}

/// Numbers the school days of a span one after the other, over week-ends and holidays: for a school whose timetable repeats after other than five days. Other days
/// of the span have no lessons. Bells of days stay what they are.
#[utoipa::path(request_body = LayOut, responses((status = 200, body = Days), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/timetable-days/rotation")]
async fn lay_out(desk: Records<permits::CalendarManage>, body: Body<LayOut>) -> Result<Json<Days>, Problem> {
    let (school, now) = (desk.caller().school_id, desk.now());
    let zone = zone_of(desk.platform(), school).await?;
    let LayOut { from, to, length, first, weekdays, skip_holidays } = body.into_inner();
    let rotation = Rotation { from, to, length, first, weekdays };
    rotation.check()?;
    let events = if skip_holidays { events_between(desk.platform(), school, from, to).await? } else { Vec::new() };
    let off = holidays(&events);
    let numbers = rotation.days(|day| is_holiday(&off, day, None));
    let days = desk
        .change(async |transaction| {
            let connection = transaction.connection()?;
            hold_timetable(connection, school).await?;
            let before = days_between(connection, school, from, to).await?;
            let numbered = before.into_iter().zip(&numbers).map(|(day, (_, number))| TimetableDay {
                rotation_day: *number,
                column_id: day.column_id.filter(|_| number.is_some()),
                version: day.version.next(),
                ..day
            });
            let days: Vec<TimetableDay> = numbered.collect();
            save_days(connection, school, &days, now).await.map_err(|error| refuse(DAY_RULES, error))?;
            meets_nobody(connection, school, zone, (from, to), None).await?;
            Ok(days)
        })
        .await?;
    desk.directory().changed(school).await;
    Ok(Json(Days { items: days.into_iter().map(Into::into).collect() }))
}
