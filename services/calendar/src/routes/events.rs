//! Events: put in, list what takes place, show, change, call off.

use actix_web::web::Data;
use actix_web::{delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{CalendarEventId, Patch, RoomId, ServiceName, Text};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, Caller, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind as ProblemKind, Limit, MaybeIdempotencyKey,
    NoContent, NotModifiedOr, Page, Paging, Params, Permit, Problem, Versioned, permits,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::{Idempotency, Operation};

use super::access::Viewer;
use super::writing::{EventView, Times, Wish, create as put_in, examine, stored, write};
use super::{Desk, retried};
use crate::events::about_event;
use crate::model::audience::Audience;
use crate::model::event::{Details, Event, Kind, Status};
use crate::model::month::Window;
use crate::model::occurrence::{Occurrence, Place, expand};
use crate::model::schedule::{Schedule, Time};
use crate::store::{called_off_by_themselves, events_between, find_event, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(change).service(cancel);
}

/// An event to be put in. It has days (`start_date`, `end_date`) or times (`starts_at`, `ends_at`).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEvent {
    /// What it is about; `holiday` means no school, all day.
    #[serde(default = "event")]
    kind: Kind,
    /// What it is called.
    title: Text<200>,
    /// What it is about.
    description: Option<Text<20000>>,
    /// Where, in words.
    place: Option<Text<200>>,
    /// Where, as a room. A room is not taken for certain by an event: book it, if it must be.
    room_id: Option<RoomId>,
    /// The first day.
    start_date: Option<NaiveDate>,
    /// The last day, inclusive; the first, if left out.
    end_date: Option<NaiveDate>,
    /// When it begins.
    starts_at: Option<DateTime<Utc>>,
    /// When it is over.
    ends_at: Option<DateTime<Utc>>,
    /// The IANA zone whose clocks count for an event with times; the school's, if left out.
    #[schema(example = "Asia/Kolkata")]
    time_zone: Option<String>,
    /// How it recurs (RFC 5545): daily, weekly, monthly or yearly, with COUNT or UNTIL, for at most 20 years and 2500 occurrences.
    #[schema(max_length = 1000, example = "FREQ=WEEKLY;BYDAY=MO;COUNT=10")]
    rrule: Option<String>,
    /// Occurrences that don't take place, such as `20261124T090000` (in the event's zone) or `20261124`.
    #[serde(default)]
    #[schema(max_items = 500)]
    exdates: Vec<String>,
    /// For whom; everybody, if left out. A teacher names classes that they teach.
    #[serde(default)]
    audience: Audience,
    /// Whether it takes place for certain.
    #[serde(default)]
    tentative: bool,
}

const fn event() -> Kind {
    Kind::Event
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEvent {
    /// What it is about.
    kind: Option<Kind>,
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
    /// The first day.
    start_date: Option<NaiveDate>,
    /// The last day, inclusive.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    end_date: Patch<NaiveDate>,
    /// When it begins.
    starts_at: Option<DateTime<Utc>>,
    /// When it is over.
    ends_at: Option<DateTime<Utc>>,
    /// The IANA zone whose clocks count.
    time_zone: Option<String>,
    /// How it recurs. Changed occurrences that the new rule doesn't make are no longer shown; what was called off on a day stays off on that day.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 1000)]
    rrule: Patch<String>,
    /// Occurrences that don't take place: all of them. Left out while rule or times change, those on days on which it no longer occurs are dropped.
    #[schema(max_items = 500)]
    exdates: Option<Vec<String>>,
    /// For whom.
    audience: Option<Audience>,
    /// Whether it takes place for certain.
    tentative: Option<bool>,
}

/// Puts an event into the calendar. Acknowledged once it is on Redis's disk; visible at once.
#[utoipa::path(
    request_body = CreateEvent,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = EventView), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/events")]
async fn create(
    permit: Permit<permits::CalendarWrite>,
    key: MaybeIdempotencyKey,
    desk: Data<Desk>,
    body: Body<CreateEvent>,
) -> Result<Created<EventView>, Problem> {
    let caller = permit.caller();
    let key = key.0.map(|key| idempotency(caller, key.as_str(), &body.0)).transpose()?;
    let id = key.as_ref().map_or_else(CalendarEventId::generate, |key| CalendarEventId::from_uuid(key.row_id()));
    let now = desk.platform.clock().now();
    let viewer = Viewer::of(&desk.directory, caller, now.date_naive()).await?;
    let zone = zone_of(&desk.platform, caller.school_id).await?;
    let body = body.into_inner();
    let tentative = body.tentative;
    let wish = Wish {
        kind: body.kind,
        details: Details {
            title: body.title.into(),
            description: body.description.map(Into::into),
            place: body.place.map(Into::into),
            room_id: body.room_id,
            audience: body.audience,
        },
        times: Times {
            start_date: body.start_date,
            end_date: body.end_date,
            starts_at: body.starts_at,
            ends_at: body.ends_at,
            time_zone: body.time_zone,
        },
        rrule: body.rrule,
        exdates: body.exdates,
    };
    let schedule = examine(&desk, &viewer, caller.school_id, zone, &wish, None).await?;
    let status = if tentative { Status::Tentative } else { Status::Confirmed };
    let row = Event::fresh(id, caller.school_id, (wish.kind, status), caller.user_id, now).described(wish.details).scheduled(schedule);
    let row = put_in(&desk, caller, key.as_ref(), &row).await?;
    let (version, location) = (row.version, format!("/api/v1/events/{}", row.id));
    Ok(Created { body: EventView::of(row.clone(), &row, &viewer), version, location })
}

/// Which days to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListEvents {
    /// The first day, in the school's zone.
    from: NaiveDate,
    /// The last day, inclusive; less than 366 days later.
    to: NaiveDate,
    /// Only of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only in this room.
    #[param(inline)]
    room_id: Option<RoomId>,
    /// What was called off, too.
    #[serde(default)]
    cancelled: bool,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists what takes place between two days, as far as it is for the caller: each occurrence of a series by itself, in order of time. What was acknowledged a
/// moment ago is in it.
#[utoipa::path(params(ListEvents), responses((status = 200, body = Page<Occurrence>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/events")]
async fn list(permit: Permit<permits::CalendarRead>, desk: Data<Desk>, params: Params<ListEvents>) -> Result<Page<Occurrence>, Problem> {
    let caller = permit.caller();
    let zone = zone_of(&desk.platform, caller.school_id).await?;
    let window = Window::asked(params.from, params.to, zone)?;
    let viewer = Viewer::of(&desk.directory, caller, desk.platform.clock().now().date_naive()).await?;
    let paging = Paging::asking(
        &desk.platform,
        caller,
        "events",
        (params.from, params.to, params.kind, params.room_id, params.cancelled),
        params.limit,
        params.cursor.as_deref(),
    );
    let after: Option<Place> = paging.after()?;
    let mut rows = events_between(&desk.platform, caller.school_id, params.from, params.to).await?;
    let reader = viewer.reader();
    // A changed occurrence is for whom its series is; what is nobody's here goes before anything is expanded.
    let masters: std::collections::HashSet<_> =
        rows.iter().filter(|row| row.master_event_id.is_none() && row.audience.includes(&reader)).map(|row| row.id).collect();
    rows.retain(|row| masters.contains(&row.series()));
    let mut found = expand(&rows, &window, zone);
    found.retain(|one| {
        (params.cancelled || one.status != Status::Cancelled)
            && params.kind.is_none_or(|kind| one.kind == kind)
            && params.room_id.is_none_or(|room| one.room_id == Some(room))
    });
    let start = after.map_or(0, |after| found.partition_point(|one| one.place(zone) <= after));
    let rows: Vec<Occurrence> = found.into_iter().skip(start).take(usize::from(params.limit.get()) + 1).collect();
    let page = paging.page(rows, |last| last.place(zone));
    Ok(page.map(|one| one.shown_to(viewer.works_here())))
}

/// Shows an event, or the series with its rule.
#[utoipa::path(
    params(("id" = CalendarEventId, Path, description = "The event.")),
    responses((status = 200, body = EventView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/events/{id}")]
async fn show(
    permit: Permit<permits::CalendarRead>,
    id: IdPath<CalendarEventId>,
    known: IfNoneMatch,
    desk: Data<Desk>,
) -> Result<NotModifiedOr<EventView>, Problem> {
    let viewer = Viewer::of(&desk.directory, permit.caller(), desk.platform.clock().now().date_naive()).await?;
    let row = viewer.see(find_event(&desk.platform, permit.school_id, *id).await?)?;
    let version = row.version;
    Ok(NotModifiedOr(known, EventView::of(row.clone(), &row, &viewer), version))
}

/// Changes an event, or all of a series. One occurrence is changed by its own route.
#[utoipa::path(
    request_body = ChangeEvent,
    params(("id" = CalendarEventId, Path, description = "The event."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = EventView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/events/{id}")]
async fn change(
    permit: Permit<permits::CalendarWrite>,
    id: IdPath<CalendarEventId>,
    seen: IfMatch,
    desk: Data<Desk>,
    body: Body<ChangeEvent>,
) -> Result<Versioned<EventView>, Problem> {
    let caller = permit.caller();
    let now = desk.platform.clock().now();
    let viewer = Viewer::of(&desk.directory, caller, now.date_naive()).await?;
    let zone = zone_of(&desk.platform, caller.school_id).await?;
    let body = body.into_inner();
    let changed = retried(async || {
        let row = viewer.change(find_event(&desk.platform, caller.school_id, *id).await?)?;
        seen.require(row.version)?;
        if row.status == Status::Cancelled {
            return Err(called_off().into());
        }
        let called_off = if row.rrule.is_some() && body.exdates.is_none() && body.reschedules() {
            called_off_by_themselves(&desk.platform, caller.school_id, *id).await?
        } else {
            Vec::new()
        };
        let wish = body.clone().applied_to(&row, &called_off)?;
        let schedule = examine(&desk, &viewer, caller.school_id, zone, &wish, Some(&row)).await?;
        let status = match body.tentative {
            None => row.status,
            Some(true) => Status::Tentative,
            Some(false) => Status::Confirmed,
        };
        let next = Event { kind: wish.kind, status, ..row.clone() }.described(wish.details).scheduled(schedule);
        let next = row.next(next, now);
        let told = about_event(caller, &next, &next, now)?;
        write(&desk, Operation::new(caller.school_id, ServiceName::Calendar).update(&next, row.version).event(told)).await?;
        Ok(next)
    })
    .await?;
    let version = changed.version;
    Ok(Versioned(EventView::of(changed.clone(), &changed, &viewer), version))
}

impl ChangeEvent {
    fn reschedules(&self) -> bool {
        let days = self.start_date.is_some() || !self.end_date.is_keep();
        days || self.starts_at.is_some() || self.ends_at.is_some() || self.time_zone.is_some() || !self.rrule.is_keep()
    }

    fn applied_to(self, row: &Event, called_off: &[String]) -> Result<Wish, Problem> {
        let reschedules = self.reschedules();
        let times = Times::of(row).changed(self.start_date, self.end_date, (self.starts_at, self.ends_at), self.time_zone);
        let rrule = self.rrule.apply(row.rrule.clone());
        let exdates = match self.exdates {
            Some(exdates) => exdates,
            None if reschedules => kept_exceptions(row, &times, rrule.as_deref(), called_off),
            None => row.exdates.clone(),
        };
        let before = row.details();
        let details = Details {
            title: self.title.map_or(before.title, Into::into),
            description: self.description.apply(stored(before.description.as_deref())?).map(Into::into),
            place: self.place.apply(stored(before.place.as_deref())?).map(Into::into),
            room_id: self.room_id.apply(before.room_id),
            audience: self.audience.unwrap_or(before.audience),
        };
        Ok(Wish { kind: self.kind.unwrap_or(row.kind), details, times, rrule, exdates })
    }
}

/// The exceptions that the series still has once it is rescheduled. `called_off` are its occurrences that were called off by themselves.
fn kept_exceptions(row: &Event, times: &Times, rrule: Option<&str>, called_off: &[String]) -> Vec<String> {
    if rrule.is_none() {
        return Vec::new();
    }
    let zone = row.time().and_then(Time::zone).unwrap_or(chrono_tz::UTC);
    let plan = times.clone().read(zone).and_then(|time| Schedule::plan(time, rrule, Vec::new()));
    plan.and_then(|plan| plan.except_as_before(&row.exdates, called_off)).map(|plan| plan.exdates).unwrap_or_default()
}

/// Calls off an event, or all of a series. It stays in the calendar as cancelled, so that other calendars learn of it.
#[utoipa::path(
    params(("id" = CalendarEventId, Path, description = "The event."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204, description = "Called off."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/events/{id}")]
async fn cancel(
    permit: Permit<permits::CalendarWrite>,
    id: IdPath<CalendarEventId>,
    seen: IfMatch,
    desk: Data<Desk>,
) -> Result<NoContent, Problem> {
    let caller = permit.caller();
    let now = desk.platform.clock().now();
    let viewer = Viewer::of(&desk.directory, caller, now.date_naive()).await?;
    retried(async || {
        let row = viewer.change(find_event(&desk.platform, caller.school_id, *id).await?)?;
        seen.require(row.version)?;
        if row.status == Status::Cancelled {
            return Err(called_off().into());
        }
        let next = row.next(Event { status: Status::Cancelled, ..row.clone() }, now);
        let told = about_event(caller, &next, &next, now)?;
        write(&desk, Operation::new(caller.school_id, ServiceName::Calendar).update(&next, row.version).event(told)).await?;
        Ok(())
    })
    .await?;
    Ok(NoContent)
}

pub(super) fn called_off() -> Problem {
    Problem::conflict(ProblemKind::Conflict, "It was called off.")
}

/// The request that `key` names. The body counts as it was understood, not as it was spelt.
fn idempotency(caller: &Caller, key: &str, body: &impl Serialize) -> Result<Idempotency, Problem> {
    let body = serde_json::to_vec(body)?;
    Ok(Idempotency::new(caller.school_id, caller.user_id.as_uuid(), "POST /api/v1/events", key, &body))
}
