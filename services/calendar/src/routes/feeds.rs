//! Feeds: a calendar that other programs subscribe to. Whoever has the address reads it, so the address holds a token that can't be guessed and can be revoked.
//!
//! What a token does not open looks the same whatever the reason: never given out, revoked, its owner gone, or no token at all.

use std::collections::{HashMap, HashSet};

use actix_web::http::header;
use actix_web::web::{self, Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Days, Utc};
use domain::{CalendarFeedId, Fault, Role, RoomId, ServiceName, Text};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, IdPath, NoContent, Problem, permits};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::Viewer;
use super::{Desk, Records};
use crate::model::audience::Audience;
use crate::model::event::{Event, Kind, Status};
use crate::model::ics::{Entry, calendar};
use crate::model::occurrence::series;
use crate::model::schedule::{Schedule, Time};
use crate::model::slot::{Booking, BookingStatus, Kind as SlotKind, Slot};
use crate::model::token::FeedToken;
use crate::store::{
    Feed, Queue, Scope, actions, bookings_with_slots, create_feed, events_between, feed_of_token, feeds_of, lesson_events, name_of_room,
    queue_up, revoke_feed, room_names, touch_feed, zone_of,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(revoke).service(read);
    // Programs look whether there is a calendar before they fetch it. The answer is the same; the server leaves its body out.
    config.route("/api/v1/calendar/feeds/{token}.ics", web::head().to(answer));
}

/// The most feeds that one user may have at a time.
const MOST: usize = 20;
/// How far back and ahead a feed goes, in days. What was called off stays in it as long as that.
const BACK: u64 = 200;
const AHEAD: u64 = 730;
/// How far ahead lessons go, in days. A timetable is as long as a year, and programs fetch all of it each time.
const LESSONS_AHEAD: u64 = 60;
/// How much of what is to be done a feed tells.
const MOST_ACTIONS: i64 = 2_000;

/// A feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedView {
    /// Its id.
    id: CalendarFeedId,
    /// What its owner calls it.
    name: Option<String>,
    /// As what its owner reads.
    role: Role,
    /// Whether it holds their lessons.
    lessons: bool,
    /// When it was last read, give or take some minutes.
    last_read_at: Option<DateTime<Utc>>,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<Feed> for FeedView {
    fn from(row: Feed) -> Self {
        Self {
            id: row.id,
            name: row.name,
            role: row.scope.role,
            lessons: row.scope.lessons,
            last_read_at: row.last_read_at,
            created_at: row.created_at,
        }
    }
}

/// A feed that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewFeed {
    /// The feed.
    #[serde(flatten)]
    feed: FeedView,
    /// Where it is. This is the only time that it is told: whoever knows it reads the calendar, without logging in, until the feed is revoked.
    #[schema(example = "/api/v1/calendar/feeds/AY….ics")]
    path: String,
}

/// A feed to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFeed {
    /// What to call it.
    name: Option<Text<100>>,
    /// Whether it is to hold the lessons of the next sixty days: those that a teacher gives or stands in for, those of a student's or child's classes.
    #[serde(default)]
    lessons: bool,
}

/// Lists one's own feeds. Their addresses are not told again.
#[utoipa::path(responses((status = 200, body = Vec<FeedView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/calendar/feeds")]
async fn list(desk: Records<permits::CalendarRead>) -> Result<Json<Vec<FeedView>>, Problem> {
    let caller = *desk.caller();
    let mut transaction = desk.read().await?;
    let feeds = feeds_of(transaction.connection()?, caller.school_id, caller.user_id).await?;
    Ok(Json(feeds.into_iter().map(Into::into).collect()))
}

/// Makes a feed of one's own calendar. It is read in the role in which it is made, and only as long as one holds that.
#[utoipa::path(request_body = CreateFeed, responses((status = 201, body = NewFeed), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/calendar/feeds")]
async fn create(desk: Records<permits::CalendarRead>, body: Body<CreateFeed>) -> Result<HttpResponse, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let token =
        FeedToken::generate(caller.school_id).ok_or_else(|| Problem::unavailable(std::time::Duration::from_secs(1), "Randomness"))?;
    let feed = Feed {
        id: CalendarFeedId::generate(),
        user_id: caller.user_id,
        name: body.name.clone().map(Into::into),
        scope: Scope { role: caller.role, lessons: body.lessons },
        last_read_at: None,
        created_at: now,
    };
    // An answer that is kept for a retry would keep the token, so there is no idempotency key: a feed too many is revoked.
    desk.change(async |transaction| {
        let connection = transaction.connection()?;
        // Who counts must not be overtaken by another who counts.
        queue_up(connection, caller.school_id, &[Queue::Feeds(caller.user_id)]).await?;
        if feeds_of(connection, caller.school_id, caller.user_id).await?.len() >= MOST {
            return Err(Problem::invalid(vec![Fault::new("", format!("there are {MOST} feeds already: revoke one"))]));
        }
        Ok(create_feed(connection, caller.school_id, &feed, &token).await?)
    })
    .await?;
    let (path, location) = (format!("/api/v1/calendar/feeds/{}.ics", token.text()), format!("/api/v1/calendar/feeds/{}", feed.id));
    let mut answer = HttpResponse::Created();
    answer.insert_header((header::LOCATION, location)).insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(answer.json(NewFeed { feed: feed.into(), path }))
}

/// Revokes a feed: from now on its address opens nothing. The office may revoke anybody's.
#[utoipa::path(
    params(("id" = CalendarFeedId, Path, description = "The feed.")),
    responses((status = 204, description = "Revoked."), CommonProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/calendar/feeds/{id}")]
async fn revoke(desk: Records<permits::CalendarRead>, id: IdPath<CalendarFeedId>) -> Result<NoContent, Problem> {
    let (caller, now) = (*desk.caller(), desk.now());
    let owner = (!caller.role.is_office()).then_some(caller.user_id);
    let revoked =
        desk.change(async |transaction| Ok(revoke_feed(transaction.connection()?, caller.school_id, owner, *id, now).await?)).await?;
    if revoked { Ok(NoContent) } else { Err(Problem::not_found("feed")) }
}

/// The calendar as iCalendar (RFC 5545), for programs that subscribe to it. The token in the path is all that is needed.
#[utoipa::path(
    params(("token" = String, Path, description = "The token of the feed.")),
    responses(
        (status = 200, description = "The calendar.", content_type = "text/calendar", body = String),
        (status = 304, description = "The calendar in If-None-Match is the present one."),
        CommonProblems
    ),
    security(())
)]
#[get("/api/v1/calendar/feeds/{token}.ics")]
async fn read(token: Path<String>, request: HttpRequest, desk: Data<Desk>) -> Result<HttpResponse, Problem> {
    answer(token, request, desk).await
}

async fn answer(token: Path<String>, request: HttpRequest, desk: Data<Desk>) -> Result<HttpResponse, Problem> {
    let token = FeedToken::read(&token);
    let now = desk.platform.clock().now();
    let school = token.school();
    let mut transaction = desk.platform.postgres(ServiceName::Calendar).school(school).await?;
    let connection = transaction.connection()?;
    let feed = feed_of_token(connection, &token).await?.ok_or_else(|| Problem::not_found("feed"))?;
    let rooms = room_names(connection, school).await?;
    touch_feed(connection, school, &feed, now).await?;
    // Who looks, and by which clocks, is asked for over connections of their own: whoever held one meanwhile would wait for others who do the same.
    transaction.commit().await?;
    let viewer = Viewer::as_role(&desk.directory, school, feed.user_id, feed.scope.role, now.date_naive()).await?;
    let zone = zone_of(&desk.platform, school).await?;
    let from = now.date_naive().checked_sub_days(Days::new(BACK)).unwrap_or_default();
    let to = now.date_naive().checked_add_days(Days::new(AHEAD)).unwrap_or_default();
    let students = viewer.learners().iter().map(|learner| learner.student_id).collect::<Vec<_>>();
    let mut transaction = desk.platform.postgres(ServiceName::Calendar).school_read(school).await?;
    let connection = transaction.connection()?;
    let bookings = bookings_with_slots(connection, school, &students, viewer.teacher_id(), now - chrono::Duration::days(30)).await?;
    let due =
        actions(connection, school, &viewer.places(), (now - chrono::Duration::days(30), now + chrono::Duration::days(180)), MOST_ACTIONS)
            .await?;
    let lessons = if feed.scope.lessons {
        let today = now.with_timezone(&zone).date_naive();
        let last = today.checked_add_days(Days::new(LESSONS_AHEAD)).unwrap_or(today);
        let (teacher, since) = (viewer.teacher_id(), now - chrono::Duration::days(BACK.cast_signed()));
        let classes = if teacher.is_some() { Vec::new() } else { viewer.classes() };
        lesson_events(connection, school, (today, last), &classes, teacher, since).await?
    } else {
        Vec::new()
    };
    transaction.commit().await?;
    let events = events_between(&desk.platform, school, from, to).await?;
    let mut entries = entries(&events, &viewer, &rooms);
    let holidays: Vec<Event> = events.into_iter().filter(|event| event.kind == Kind::Holiday).collect();
    entries.extend(lessons.into_iter().map(|lesson| {
        let event = lesson.event(school, zone, &holidays);
        Entry { place: name_of_room(&rooms, event.room_id), event, category: Some("Lesson") }
    }));
    entries.extend(bookings.into_iter().map(|(booking, slot)| appointment(&booking, slot, zone, &rooms)));
    // Homework of two children who are in one class is one thing to be done.
    let mut seen = HashSet::new();
    let due = due.iter().filter(|action| seen.insert((action.kind, action.subject_id)));
    entries.extend(due.map(|action| Entry { event: action.event(school), place: None, category: Some(action.kind.category()) }));
    let name = feed.name.as_deref().unwrap_or("School");
    let body = calendar(name, &entries);
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(body.as_bytes())));
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // Nobody in between may keep it: it must be gone as soon as it is revoked.
    answer.insert_header((header::CACHE_CONTROL, "private, no-cache")).insert_header((header::ETAG, tag));
    answer.insert_header(("X-Robots-Tag", "noindex"));
    if is_known {
        return Ok(answer.finish());
    }
    answer.insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"calendar.ics\""));
    Ok(answer.content_type("text/calendar; charset=utf-8").body(body))
}

/// What of `rows` is for the feed's owner, each series with its changed occurrences.
fn entries(rows: &[Event], viewer: &Viewer, rooms: &HashMap<RoomId, String>) -> Vec<Entry> {
    let reader = viewer.reader();
    let mut entries = Vec::new();
    for series in series(rows) {
        if !series.master.audience.includes(&reader) {
            continue;
        }
        let place = |event: &Event| event.place.clone().or_else(|| name_of_room(rooms, event.room_id));
        entries.push(Entry { event: series.master.clone(), place: place(series.master), category: None });
        for changed in series.standing() {
            // A series that was called off takes all of it along.
            let status = if series.master.status == Status::Cancelled { Status::Cancelled } else { changed.status };
            let event = Event { status, kind: series.master.kind, ..changed.clone() };
            entries.push(Entry { event, place: place(changed), category: None });
        }
    }
    entries
}

/// A booking as an event of the feed; one that was given up is cancelled.
fn appointment(booking: &Booking, slot: Slot, zone: chrono_tz::Tz, rooms: &HashMap<RoomId, String>) -> Entry {
    let kind = match slot.kind {
        SlotKind::Exam => Kind::Exam,
        SlotKind::Meeting => Kind::Meeting,
    };
    let status = match booking.status {
        BookingStatus::Booked => Status::Confirmed,
        BookingStatus::Cancelled => Status::Cancelled,
    };
    let time = Time::Timed { starts_at: booking.starts_at, ends_at: booking.ends_at, zone };
    let schedule = Schedule { time, rrule: None, exdates: Vec::new(), last_day: time.last_day() };
    let row = Event::fresh(booking.id.as_uuid().into(), booking.school_id, (kind, status), booking.booked_by, booking.created_at);
    let event = Event {
        title: slot.title,
        audience: Audience::EVERYBODY,
        // A slot that is moved moves its bookings, and is another version of itself.
        sequence: booking.version.get() + slot.version.get() - 2,
        updated_at: booking.updated_at.max(slot.updated_at),
        ..row
    };
    Entry { event: event.scheduled(schedule), place: name_of_room(rooms, slot.room_id), category: None }
}
