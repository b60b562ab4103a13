//! One occurrence of a series: show, move, change, call off. Every change of one is a change of its series, so that two who change the same series at once
//! learn of each other.

use actix_web::web::{Data, Path};
use actix_web::{get, patch};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use domain::{CalendarEventId, Fault, Patch, RoomId, ServiceName, Text};
use serde::Deserialize;
use service_kit::{Body, CommonProblems, EditProblems, IfMatch, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::{Found, Operation};

use super::access::Viewer;
use super::events::called_off;
use super::writing::{EventView, Times, stored, write};
use super::{Desk, Refusal, retried};
use crate::events::about_event;
use crate::model::event::{Details, Event, Status};
use crate::model::schedule::{Schedule, Time};
use crate::store::{find_event, look_for_event, room_missing, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(change);
}

/// What changes about one occurrence; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeOccurrence {
    /// What it is called.
    title: Option<Text<200>>,
    /// What it is about.
    #[serde(default)]
    #[schema(value_type = Option<Text<20000>>)]
    description: Patch<Text<20000>>,
    /// Where, in words.
    #[serde(default)]
    #[schema(value_type = Option<Text<200>>)]
    place: Patch<Text<200>>,
    /// Where, as a room.
    #[serde(default)]
    #[schema(value_type = Option<RoomId>)]
    room_id: Patch<RoomId>,
    /// The first day, for a series of days.
    start_date: Option<NaiveDate>,
    /// The last day, inclusive.
    end_date: Option<NaiveDate>,
    /// When it begins, for a series of times.
    starts_at: Option<DateTime<Utc>>,
    /// When it is over.
    ends_at: Option<DateTime<Utc>>,
    /// Whether it takes place; an occurrence that was called off may be called back.
    status: Option<Status>,
}

/// The series and the local time at which the occurrence of this name would begin.
async fn occurrence(
    desk: &Desk,
    viewer: &Viewer,
    school: domain::SchoolId,
    path: &(String, String),
) -> Result<(Event, NaiveDateTime), Problem> {
    let id: Uuid = path.0.parse().map_err(|_| Problem::malformed("The event's id is no UUID."))?;
    let series = viewer.see(find_event(&desk.platform, school, CalendarEventId::from_uuid(id)).await?)?;
    let start = series.schedule().and_then(|schedule| schedule.occurrence(&path.1));
    let start = start.ok_or_else(|| Problem::not_found("occurrence"))?;
    Ok((series, start))
}

/// The occurrence's row: as it was changed, or as the series makes it. The second is whether it has a row of its own already.
async fn row_of(
    desk: &Desk,
    series: &Event,
    start: NaiveDateTime,
    name: &str,
    by: domain::UserId,
    now: DateTime<Utc>,
) -> Result<(Event, Found<Event>), Problem> {
    let found = look_for_event(&desk.platform, series.school_id, Event::occurrence_id(series.id, name)).await?;
    let row = match &found {
        Found::Row(row) => row.clone(),
        Found::Absent(_) => {
            let time = series.time().ok_or_else(|| Problem::not_found("occurrence"))?;
            series.occurrence(name, start, time, by, now)
        }
    };
    Ok((row, found))
}

/// Shows one occurrence of a series, as it was changed or as the series makes it.
#[utoipa::path(
    params(
        ("id" = CalendarEventId, Path, description = "The series."),
        ("recurrence_id" = String, Path, description = "The occurrence, such as `20261124T090000` or `20261124`."),
    ),
    responses((status = 200, body = EventView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/events/{id}/occurrences/{recurrence_id}")]
async fn show(
    permit: Permit<permits::CalendarRead>,
    path: Path<(String, String)>,
    desk: Data<Desk>,
) -> Result<Versioned<EventView>, Problem> {
    let (caller, now) = (permit.caller(), desk.platform.clock().now());
    let viewer = Viewer::of(&desk.directory, caller, now.date_naive()).await?;
    let (series, start) = occurrence(&desk, &viewer, caller.school_id, &path).await?;
    let (row, _) = row_of(&desk, &series, start, &path.1, caller.user_id, now).await?;
    let version = series.version;
    Ok(Versioned(EventView::of(row, &series, &viewer), version))
}

/// Changes one occurrence of a series: moves it, renames it, calls it off. It keeps the name under which the series makes it.
#[utoipa::path(
    request_body = ChangeOccurrence,
    params(
        ("id" = CalendarEventId, Path, description = "The series."),
        ("recurrence_id" = String, Path, description = "The occurrence, such as `20261124T090000` or `20261124`."),
        ("If-Match" = String, Header, description = "The `ETag` of the series or of any of its occurrences, which is the same."),
    ),
    responses((status = 200, body = EventView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/events/{id}/occurrences/{recurrence_id}")]
async fn change(
    permit: Permit<permits::CalendarWrite>,
    path: Path<(String, String)>,
    seen: IfMatch,
    desk: Data<Desk>,
    body: Body<ChangeOccurrence>,
) -> Result<Versioned<EventView>, Problem> {
    let (caller, now) = (permit.caller(), desk.platform.clock().now());
    let viewer = Viewer::of(&desk.directory, caller, now.date_naive()).await?;
    let zone = zone_of(&desk.platform, caller.school_id).await?;
    let (series, changed) = retried(async || {
        let (series, start) = occurrence(&desk, &viewer, caller.school_id, &path).await?;
        let series = viewer.change(Some(series))?;
        seen.require(series.version)?;
        if series.status == Status::Cancelled {
            return Err(Refusal::from(called_off()));
        }
        let (row, found) = row_of(&desk, &series, start, &path.1, caller.user_id, now).await?;
        let changed = alter(&desk, &body.0, &row, zone).await?;
        // Told by the occurrence; the series itself says nothing new, but it is another version of it.
        let next = series.next(series.clone(), now);
        let told = about_event(caller, &next, &changed, now)?;
        let operation = Operation::new(caller.school_id, ServiceName::Calendar).update(&next, series.version);
        let before = if let Found::Row(row) = &found { Some(row) } else { None };
        let changed = series.change_of(before, changed, None, now).map_err(Problem::internal)?;
        let operation = match found {
            Found::Row(row) => operation.update(&changed, row.version),
            Found::Absent(absence) => operation.create_absent(&changed, absence),
        };
        write(&desk, operation.event(told)).await?;
        Ok((next, changed))
    })
    .await?;
    let version = series.version;
    Ok(Versioned(EventView::of(changed, &series, &viewer), version))
}

async fn alter(desk: &Desk, body: &ChangeOccurrence, row: &Event, zone: chrono_tz::Tz) -> Result<Event, Problem> {
    let body = body.clone();
    let mut faults = Vec::new();
    let times =
        Times::of(row).changed(body.start_date, body.end_date.map_or(Patch::Keep, Patch::Set), (body.starts_at, body.ends_at), None);
    let kind_differs = |time: Time| time.zone().is_none() != row.is_all_day;
    let planned = times.read(zone).and_then(|time| Schedule::plan(time, None, Vec::new()));
    match &planned {
        Ok(schedule) if kind_differs(schedule.time) => {
            let pointer = if row.is_all_day { "/starts_at" } else { "/start_date" };
            faults.push(Fault::new(pointer, "an occurrence has days where its series has days, and times where that has times"));
        }
        Ok(_) => {}
        Err(found) => faults.extend(found.iter().cloned()),
    }
    let before = row.details();
    let room_id = body.room_id.apply(before.room_id);
    if let Some(room) = room_id.filter(|room| before.room_id != Some(*room))
        && room_missing(&desk.platform, row.school_id, room).await?
    {
        faults.push(Fault::new("/room_id", "there is no such room in use"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let details = Details {
        title: body.title.map_or(before.title, Into::into),
        description: body.description.apply(stored(before.description.as_deref())?).map(Into::into),
        place: body.place.apply(stored(before.place.as_deref())?).map(Into::into),
        room_id,
        audience: before.audience,
    };
    let schedule = planned.map_err(Problem::invalid)?;
    Ok(Event { status: body.status.unwrap_or(row.status), ..row.clone() }.described(details).scheduled(schedule))
}
