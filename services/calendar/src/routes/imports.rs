//! Taking in an iCalendar file. Each event stands by itself: what can be taken is, and of each of the others is told why not.

use std::collections::{HashMap, HashSet};

use actix_web::http::header;
use actix_web::web::{Bytes, Data, Json, Payload};
use actix_web::{HttpRequest, post};
use domain::{CalendarEventId, ClassId, Fault, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use service_kit::extract::read_payload;
use service_kit::{Caller, CommonProblems, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::{Found as Row, Operation, WriteError, natural_id};

use super::writing::write;
use super::{Desk, Refusal, TRIES};
use crate::events::about_event;
use crate::model::audience::Audience;
use crate::model::event::{Details, Event, Kind, Status};
use crate::model::ics::{Found, Line, read};
use crate::store::{by_uid, classes_missing, find_event, look_for_event, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(import);
}

/// The largest file.
const LIMIT: usize = 1024 * 1024;

/// What to make of the file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportAs {
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
    /// What its events are about.
    #[serde(default = "event")]
    #[param(inline)]
    kind: Kind,
    /// For this class only; for everybody, if left out.
    #[param(inline)]
    class_id: Option<ClassId>,
}

const fn event() -> Kind {
    Kind::Event
}

/// A file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
struct CalendarFile(Vec<u8>);

/// What became of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is new here.
    Created,
    /// It was here, and is changed.
    Updated,
    /// It was here like this.
    Unchanged,
    /// It can't be taken.
    Refused,
}

/// A component of the file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedEvent {
    /// Its place in the file, from 0; time zones are not counted.
    index: usize,
    /// Its name.
    uid: Option<String>,
    /// What it is called.
    title: Option<String>,
    /// What became of it, or would.
    outcome: Outcome,
    /// Why it can't be taken.
    reason: Option<String>,
    /// The event that it is here; null where it is none, and for what a dry run would create.
    event_id: Option<CalendarEventId>,
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// How many are new.
    created: usize,
    /// How many are changed.
    updated: usize,
    /// How many were here like this.
    unchanged: usize,
    /// How many can't be taken.
    refused: usize,
    /// Each of them.
    events: Vec<ImportedEvent>,
}

/// Imports a calendar
///
/// The body is the file itself, `text/calendar`, at most 1 MiB, 2000 components, and 50000 occurrences of all series together. Events are known again by their UID, so the same file can be imported twice.
/// Times without a zone are the school's. With `dry_run=true` the answer is what would come of it.
#[utoipa::path(
    params(ImportAs),
    request_body(content = CalendarFile, content_type = "text/calendar", description = "The file."),
    responses((status = 200, body = ImportReport), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/calendar/imports")]
async fn import(
    permit: Permit<permits::CalendarManage>,
    params: Params<ImportAs>,
    request: HttpRequest,
    payload: Payload,
    desk: Data<Desk>,
) -> Result<Json<ImportReport>, Problem> {
    let caller = permit.caller();
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/calendar") {
        return Err(Problem::unsupported_media_type("text/calendar"));
    }
    if let Some(class) = params.class_id
        && !classes_missing(&desk.platform, caller.school_id, &[class]).await?.is_empty()
    {
        return Err(Problem::invalid(vec![Fault::new("query:class_id", "there is no such class in this school")]));
    }
    let bytes: Bytes = read_payload(&request, payload.into_inner(), LIMIT).await?;
    let file = std::str::from_utf8(&bytes).map_err(|_| Problem::malformed("The file is not valid UTF-8."))?;
    let zone = zone_of(&desk.platform, caller.school_id).await?;
    // A megabyte of rules is work for more than a moment.
    let file = file.to_owned();
    let lines = tokio::task::spawn_blocking(move || read(&file, zone)).await.map_err(Problem::internal)?;
    let lines = lines.map_err(|error| Problem::malformed(error.to_string()))?;
    let events = Import::new(&desk, caller, &params).run(lines).await?;
    let count = |outcome| events.iter().filter(|one| one.outcome == outcome).count();
    Ok(Json(ImportReport {
        dry_run: params.dry_run,
        created: count(Outcome::Created),
        updated: count(Outcome::Updated),
        unchanged: count(Outcome::Unchanged),
        refused: count(Outcome::Refused),
        events,
    }))
}

/// An import at work.
struct Import<'i> {
    desk: &'i Desk,
    caller: &'i Caller,
    params: &'i ImportAs,
    now: Timestamp,
    audience: Audience,
    /// The events of the file as they are here by now, by UID.
    present: HashMap<String, Event>,
}

/// What became of one, or why it can't be taken.
type Taken = Result<(Outcome, Option<CalendarEventId>), String>;

impl<'i> Import<'i> {
    fn new(desk: &'i Desk, caller: &'i Caller, params: &'i ImportAs) -> Self {
        let audience = Audience { class_ids: params.class_id.map(|class| vec![class]), ..Audience::EVERYBODY };
        Self { desk, caller, params, now: desk.platform.clock().now(), audience, present: HashMap::new() }
    }

    async fn run(mut self, lines: Vec<Line>) -> Result<Vec<ImportedEvent>, Problem> {
        let mut report = Vec::new();
        let mut found = Vec::new();
        for (index, Line { uid, title, meaning }) in lines.into_iter().enumerate() {
            let reason = meaning.as_ref().err().cloned();
            report.push(ImportedEvent { index, uid, title, outcome: Outcome::Refused, reason, event_id: None });
            found.extend(meaning.ok().map(|event| (index, event)));
        }
        let uids: Vec<String> = found.iter().map(|(_, event)| event.uid.clone()).collect();
        self.present = by_uid(&self.desk.platform, self.caller.school_id, &uids).await?;
        // A series first, then what changes its occurrences, wherever they stand in the file.
        found.sort_by_key(|(index, event)| (event.replaces.is_some(), *index));
        let mut seen = HashSet::new();
        for (index, event) in found {
            let name = (event.uid.clone(), event.replaces.map(|replaces| format!("{replaces:?}")));
            let taken = if seen.insert(name) { self.take(event).await? } else { Err("stands in the file twice".to_owned()) };
            if let Some(line) = report.get_mut(index) {
                match taken {
                    Ok((outcome, id)) => (line.outcome, line.event_id) = (outcome, id),
                    Err(reason) => line.reason = Some(reason),
                }
            }
        }
        Ok(report)
    }

    /// Begins anew when something was saved between look and write, by which nothing is known of the row any more.
    async fn take(&mut self, event: Found) -> Result<Taken, Problem> {
        for _ in 0..TRIES {
            match self.attempt(event.clone()).await {
                Ok(taken) => return Ok(taken),
                Err(Refusal::Write(WriteError::Exists | WriteError::Evicted)) => {
                    if let Some(id) = self.present.get(&event.uid).map(|present| present.id)
                        && let Some(present) = find_event(&self.desk.platform, self.caller.school_id, id).await?
                    {
                        self.present.insert(event.uid.clone(), present);
                    }
                }
                Err(Refusal::Write(error)) => return Err(error.into()),
                Err(Refusal::Problem(problem)) => return Err(problem),
            }
        }
        Ok(Err("is being changed by others all the time".to_owned()))
    }

    async fn attempt(&mut self, event: Found) -> Result<Taken, Refusal> {
        let present = self.present.get(&event.uid).cloned();
        if present.as_ref().is_some_and(|present| present.uid == present.id.to_string()) {
            return Ok(Err("is an event of this calendar's own".to_owned()));
        }
        match (event.replaces, present) {
            (None, None) => self.create(event).await,
            (None, Some(present)) => self.update(event, present).await,
            (Some(_), None) => Ok(Err("changes an occurrence of a series that is not here".to_owned())),
            (Some(_), Some(series)) => self.change_occurrence(event, series).await,
        }
    }

    async fn create(&mut self, event: Found) -> Result<Taken, Refusal> {
        if event.status == Status::Cancelled {
            return Ok(Err("was called off, and is not here".to_owned()));
        }
        let school = self.caller.school_id;
        let id = CalendarEventId::from_uuid(natural_id("calendar_event_uid", &[school.as_uuid().as_bytes(), event.uid.as_bytes()]));
        let faults = Event::kind_faults(self.params.kind, &event.schedule, &self.audience);
        if let Some(fault) = faults.first() {
            return Ok(Err(fault.detail.clone()));
        }
        let fresh = Event::fresh(id, school, (self.params.kind, event.status), self.caller.user_id, self.now);
        let details = self.details(&event);
        let row = Event { uid: event.uid, sequence: event.sequence, ..fresh }.described(details).scheduled(event.schedule);
        if !self.params.dry_run {
            let Row::Absent(absence) = look_for_event(&self.desk.platform, school, id).await? else {
                return Ok(Err("is being imported by somebody else".to_owned()));
            };
            let told = about_event(self.caller, &row, &row, self.now)?;
            let operation = Operation::new(school, ServiceName::Calendar).create_absent(&row, absence).event(told);
            if !self.written(operation).await? {
                return Ok(Err("is being imported by somebody else".to_owned()));
            }
        }
        let shown = (!self.params.dry_run).then_some(row.id);
        self.present.insert(row.uid.clone(), row);
        Ok(Ok((Outcome::Created, shown)))
    }

    async fn update(&mut self, event: Found, present: Event) -> Result<Taken, Refusal> {
        let shown = Some(present.id);
        let details = Details { audience: present.audience.clone(), room_id: present.room_id, ..self.details(&event) };
        let changed = Event { status: event.status, ..present.clone() }.described(details).scheduled(event.schedule.clone());
        let as_before = Event { last_day: changed.last_day, ..present.clone() } == changed;
        if as_before {
            return Ok(Ok((Outcome::Unchanged, shown)));
        }
        if present.status == Status::Cancelled {
            return Ok(Err("was called off here".to_owned()));
        }
        if event.sequence < present.sequence {
            return Ok(Err("is older than what is here".to_owned()));
        }
        let faults = Event::kind_faults(present.kind, &event.schedule, &present.audience);
        if let Some(fault) = faults.first() {
            return Ok(Err(fault.detail.clone()));
        }
        let next = present.next(changed, self.now);
        let next = Event { sequence: next.sequence.max(event.sequence), ..next };
        if !self.params.dry_run {
            let told = about_event(self.caller, &next, &next, self.now)?;
            let operation = Operation::new(present.school_id, ServiceName::Calendar).update(&next, present.version).event(told);
            if !self.written(operation).await? {
                return Ok(Err("is being changed by somebody else".to_owned()));
            }
        }
        self.present.insert(next.uid.clone(), next);
        Ok(Ok((Outcome::Updated, shown)))
    }

    async fn change_occurrence(&mut self, event: Found, series: Event) -> Result<Taken, Refusal> {
        let named = series.time().and_then(|time| Some((time, event.replaces?.recurrence_id(time)?)));
        let Some((time, name)) = named else { return Ok(Err("changes an occurrence in another form than its series has".to_owned())) };
        let Some(start) = series.schedule().and_then(|schedule| schedule.occurrence(&name)) else {
            return Ok(Err("changes an occurrence that its series doesn't have".to_owned()));
        };
        if event.schedule.time.zone().is_none() != time.zone().is_none() {
            return Ok(Err("has days where its series has times, or times where that has days".to_owned()));
        }
        let id = Event::occurrence_id(series.id, &name);
        // What a dry run would create is not there to be found.
        let found = look_for_event(&self.desk.platform, series.school_id, id).await?;
        let before = match &found {
            Row::Row(row) => row.clone(),
            Row::Absent(_) => series.occurrence(&name, start, time, self.caller.user_id, self.now),
        };
        let details = Details { audience: series.audience.clone(), room_id: before.room_id, ..self.details(&event) };
        let changed = Event { status: event.status, ..before.clone() }.described(details).scheduled(event.schedule.clone());
        if matches!(found, Row::Row(_)) && changed == before {
            return Ok(Ok((Outcome::Unchanged, Some(series.id))));
        }
        let here = if let Row::Row(row) = &found { Some(row) } else { None };
        let changed = match series.change_of(here, changed, Some(event.sequence), self.now) {
            Ok(changed) => changed,
            Err(older) => return Ok(Err(older.to_string())),
        };
        let next = series.next(series.clone(), self.now);
        if !self.params.dry_run {
            let operation = Operation::new(series.school_id, ServiceName::Calendar).update(&next, series.version);
            let told = about_event(self.caller, &next, &changed, self.now)?;
            let operation = match found {
                Row::Row(row) => operation.update(&changed, row.version),
                Row::Absent(absence) => operation.create_absent(&changed, absence),
            };
            if !self.written(operation.event(told)).await? {
                return Ok(Err("is being changed by somebody else".to_owned()));
            }
        }
        let shown = Some(series.id);
        self.present.insert(next.uid.clone(), next);
        Ok(Ok((Outcome::Updated, shown)))
    }

    /// Whether `operation` was written; if not, somebody else was quicker.
    async fn written(&self, operation: Operation) -> Result<bool, Refusal> {
        match write(self.desk, operation).await {
            Ok(_) => Ok(true),
            Err(Refusal::Write(WriteError::Conflict(_))) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    fn details(&self, event: &Found) -> Details {
        Details {
            title: event.title.clone(),
            description: event.description.clone(),
            place: event.place.clone(),
            room_id: None,
            audience: self.audience.clone(),
        }
    }
}
