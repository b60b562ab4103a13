//! What requests say about events, and how it is checked and written.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{CalendarEventId, Fault, Patch, RoomId, SchoolId, ServiceName, Text, Version};
use serde::Serialize;
use service_kit::{Caller, Problem};
use utoipa::ToSchema;
use write_behind::{Absence, Buffered, Found, Idempotency, Operation, ReadError, WriteError, Written};

use super::access::Viewer;
use super::{Desk, Refusal, retried};
use crate::events::about_event;
use crate::model::audience::Audience;
use crate::model::event::{Details, Event, Kind, Status};
use crate::model::schedule::{Schedule, Time};
use crate::store::{classes_missing, find_event, look_for_event, room_missing, users_missing};

/// An event of the calendar.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
    /// Its id.
    id: CalendarEventId,
    /// Its name in other calendars.
    uid: String,
    /// How often its schedule or status was changed.
    sequence: i32,
    /// What it is about.
    kind: Kind,
    /// What it is called.
    title: String,
    /// What it is about.
    description: Option<String>,
    /// Where, in words.
    place: Option<String>,
    /// Where, as a room.
    room_id: Option<RoomId>,
    /// Whether it has days rather than times.
    is_all_day: bool,
    /// The first day; null if it has times.
    start_date: Option<NaiveDate>,
    /// The last day, inclusive.
    end_date: Option<NaiveDate>,
    /// When it begins; null if it has days.
    starts_at: Option<DateTime<Utc>>,
    /// When it is over.
    ends_at: Option<DateTime<Utc>>,
    /// The zone whose clocks count.
    time_zone: Option<String>,
    /// How it recurs (RFC 5545).
    #[schema(example = "FREQ=WEEKLY;COUNT=10")]
    rrule: Option<String>,
    /// Occurrences that don't take place.
    exdates: Vec<String>,
    /// Which occurrence this is, if it is one that was asked for by its name.
    recurrence_id: Option<String>,
    /// For whom; null for those who may not put in events.
    audience: Option<Audience>,
    /// Whether it takes place.
    status: Status,
    /// Its version, for an occurrence that of its series; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was put in.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl EventView {
    /// `row` as `viewer` may see it; `series` is the row itself, or the series of which it is an occurrence.
    pub(super) fn of(row: Event, series: &Event, viewer: &Viewer) -> Self {
        let status = if series.status == Status::Cancelled { Status::Cancelled } else { row.status };
        Self {
            id: series.id,
            uid: row.uid,
            sequence: row.sequence,
            kind: series.kind,
            title: row.title,
            description: row.description,
            place: row.place,
            room_id: row.room_id,
            is_all_day: row.is_all_day,
            start_date: row.start_date,
            end_date: row.end_date,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            time_zone: row.time_zone,
            rrule: row.rrule,
            exdates: row.exdates,
            recurrence_id: row.recurrence_id,
            audience: viewer.works_here().then(|| series.audience.clone()),
            status,
            version: series.version,
            created_at: series.created_at,
            updated_at: series.updated_at,
        }
    }
}

/// When, as a request says it.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub(super) start_date: Option<NaiveDate>,
    pub(super) end_date: Option<NaiveDate>,
    pub(super) starts_at: Option<DateTime<Utc>>,
    pub(super) ends_at: Option<DateTime<Utc>>,
    pub(super) time_zone: Option<String>,
}

impl Times {
    /// Those of an event.
    pub(super) fn of(event: &Event) -> Self {
        let (start_date, end_date, starts_at, ends_at) = (event.start_date, event.end_date, event.starts_at, event.ends_at);
        Self { start_date, end_date, starts_at, ends_at, time_zone: event.time_zone.clone() }
    }

    /// Days, or times in a zone: that of the school unless said otherwise.
    pub(super) fn read(self, school: Tz) -> Result<Time, Vec<Fault>> {
        let fault = |pointer: &str, detail: &str| Err(vec![Fault::new(pointer, detail)]);
        match self {
            Self { start_date: Some(from), end_date, starts_at: None, ends_at: None, time_zone: None } => {
                Ok(Time::AllDay { from, to: end_date.unwrap_or(from) })
            }
            Self { start_date: None, end_date: None, starts_at: Some(starts_at), ends_at: Some(ends_at), time_zone } => {
                let zone = time_zone.map_or(Ok(school), |name| Tz::from_str(&name));
                match zone {
                    Ok(zone) => Ok(Time::Timed { starts_at, ends_at, zone }),
                    Err(_) => fault("/time_zone", "is no IANA time zone, such as Asia/Kolkata"),
                }
            }
            Self { start_date: Some(_), .. } => fault("/start_date", "has no meaning beside starts_at, ends_at or time_zone"),
            Self { starts_at: Some(_), ends_at: None, .. } => fault("/ends_at", "is missing"),
            Self { starts_at: Some(_), .. } => fault("/end_date", "has no meaning beside starts_at"),
            _ => fault("/start_date", "is missing: give start_date for days, or starts_at and ends_at for times"),
        }
    }

    /// Other times, where the request names some. Naming days turns times into days, and the other way round.
    pub(super) fn changed(
        self,
        start_date: Option<NaiveDate>,
        end_date: Patch<NaiveDate>,
        times: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        zone: Option<String>,
    ) -> Self {
        let names_days = start_date.is_some() || !end_date.is_keep();
        let names_times = times.0.is_some() || times.1.is_some() || zone.is_some();
        let (was_days, was_times) = (self.start_date.is_some(), self.starts_at.is_some());
        if names_days && names_times {
            // Told as a fault by `read`.
            return Self { start_date, end_date: end_date.apply(None), starts_at: times.0, ends_at: times.1, time_zone: zone };
        }
        if names_days {
            let kept = if was_days { self.end_date } else { None };
            return Self { start_date: start_date.or(self.start_date), end_date: end_date.apply(kept), ..Self::default() };
        }
        if names_times {
            let (starts_at, ends_at) = if was_times { (times.0.or(self.starts_at), times.1.or(self.ends_at)) } else { times };
            return Self { starts_at, ends_at, time_zone: zone.or(self.time_zone), ..Self::default() };
        }
        self
    }
}

/// An event as it should become.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) kind: Kind,
    pub(super) details: Details,
    pub(super) times: Times,
    pub(super) rrule: Option<String>,
    pub(super) exdates: Vec<String>,
}

/// What goes to the table, if there is nothing wrong with it.
pub(super) async fn examine(
    desk: &Desk,
    viewer: &Viewer,
    school: SchoolId,
    zone: Tz,
    wish: &Wish,
    before: Option<&Event>,
) -> Result<Schedule, Problem> {
    let audience = &wish.details.audience;
    let mut faults = audience.faults("/audience");
    faults.extend(viewer.authority(wish.kind, audience));
    let planned = wish.times.clone().read(zone).and_then(|time| Schedule::plan(time, wish.rrule.as_deref(), wish.exdates.clone()));
    match &planned {
        Ok(schedule) => faults.extend(Event::kind_faults(wish.kind, schedule, audience)),
        Err(found) => faults.extend(found.iter().cloned()),
    }
    // What is as it was needs no second look, and PostgreSQL may be away.
    let known = before.map(Event::details);
    if known.as_ref().is_none_or(|known| known.audience != *audience) {
        faults.extend(strangers(desk, viewer, school, audience).await?);
    }
    if let Some(room) = wish.details.room_id.filter(|room| known.as_ref().is_none_or(|known| known.room_id != Some(*room)))
        && room_missing(&desk.platform, school, room).await?
    {
        faults.push(Fault::new("/room_id", "there is no such room in use"));
    }
    if faults.is_empty() { planned.map_err(Problem::invalid) } else { Err(Problem::invalid(faults)) }
}

async fn strangers(desk: &Desk, viewer: &Viewer, school: SchoolId, audience: &Audience) -> Result<Vec<Fault>, Problem> {
    let mut faults = Vec::new();
    let named = |list: &str, noun: &str, missing: Vec<usize>| {
        let fault = |index: usize| Fault::new(format!("/audience/{list}/{index}"), format!("there is no such {noun} in this school"));
        missing.into_iter().map(fault).collect::<Vec<_>>()
    };
    // A teacher's classes are known to exist: they teach them.
    if let Some(classes) = audience.class_ids.as_ref().filter(|_| viewer.is_office()) {
        faults.extend(named("class_ids", "class", classes_missing(&desk.platform, school, classes).await?));
    }
    if let Some(users) = audience.user_ids.as_ref().filter(|_| viewer.is_office()) {
        faults.extend(named("user_ids", "user", users_missing(&desk.platform, school, users).await?));
    }
    Ok(faults)
}

/// Puts in `row`, once for each key.
pub(super) async fn create(desk: &Desk, caller: &Caller, key: Option<&Idempotency>, row: &Event) -> Result<Event, Problem> {
    let told = about_event(caller, row, row, row.created_at)?;
    retried(async || {
        let operation = Operation::new(caller.school_id, ServiceName::Calendar).named(row.id.as_uuid()).event(told.clone());
        let operation = match key {
            None => operation.create(row),
            Some(key) => match first_answer(desk, caller, key, row).await? {
                Some(first) => return Ok(first),
                None => operation.create_absent(row, Absence::unproven()).idempotent(Some(key.clone())),
            },
        };
        match write(desk, operation).await? {
            Written::New => Ok(row.clone()),
            Written::Replayed(id) => {
                let first = find_event(&desk.platform, caller.school_id, CalendarEventId::from_uuid(id)).await?;
                Ok(first.ok_or_else(|| Problem::not_found("event"))?)
            }
        }
    })
    .await
}

/// What an earlier request with the same key made. The key names the row, which is remembered for good.
async fn first_answer(desk: &Desk, caller: &Caller, key: &Idempotency, row: &Event) -> Result<Option<Event>, Problem> {
    match look_for_event(&desk.platform, caller.school_id, row.id).await {
        // What has been changed since can't be compared any more, but Redis knows for a day or two what was asked for first.
        Ok(Found::Row(first)) if first.version > Version::FIRST => {
            match desk.platform.buffer().recall(ServiceName::Calendar, caller.school_id, key).await {
                Ok(_) | Err(WriteError::Unavailable(_)) => Ok(Some(first)),
                Err(error) => Err(error.into()),
            }
        }
        Ok(Found::Row(first)) if first.same_content(row) => Ok(Some(first)),
        Ok(Found::Row(_)) => Err(WriteError::KeyReused.into()),
        // Creating goes on while PostgreSQL is away.
        Ok(Found::Absent(_)) | Err(ReadError::Store(store::StoreError::Unavailable(_))) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn write(desk: &Desk, operation: Operation) -> Result<Written, Refusal> {
    desk.platform.buffer().write(desk.platform.postgres(ServiceName::Calendar), operation).await.map_err(Refusal::Write)
}

/// A text of the stored row: it was valid when it came in.
pub(super) fn stored<const MAX: usize>(text: Option<&str>) -> Result<Option<Text<MAX>>, Problem> {
    text.map(|text| Text::try_from(text).map_err(Problem::internal)).transpose()
}
