//! The table `calendar_events`, buffered. A series and its changed occurrences are rows of their own, always written in this order.

use std::collections::HashMap;

use async_trait::async_trait;
use cache::key;
use chrono::NaiveDate;
use domain::{CalendarEventId, Partition, RoomId, SchoolId, ServiceName, Timestamp, Version};
use fred::interfaces::KeysInterface;
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;
use write_behind::{Buffered, Found, ReadError, merge};

use super::{plain, reading};
use crate::model::event::{Event, Status};

const UPSERT: &str = "
INSERT INTO calendar_events (id, school_id, uid, sequence, kind, title, description, place, room_id, is_all_day, start_date, end_date, starts_at, ends_at,
    time_zone, rrule, exdates, master_event_id, recurrence_id, audience, status, created_by, last_day, version, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[], $10::bool[], $11::date[],
    $12::date[], $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::jsonb[], $18::uuid[], $19::text[], $20::jsonb[], $21::text[],
    $22::uuid[], $23::date[], $24::int[], $25::timestamptz[], $26::timestamptz[])
ON CONFLICT (school_id, id) DO UPDATE SET
    sequence = excluded.sequence, kind = excluded.kind, title = excluded.title, description = excluded.description, place = excluded.place,
    room_id = excluded.room_id, is_all_day = excluded.is_all_day, start_date = excluded.start_date, end_date = excluded.end_date,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at, time_zone = excluded.time_zone, rrule = excluded.rrule, exdates = excluded.exdates,
    audience = excluded.audience, status = excluded.status, last_day = excluded.last_day, version = excluded.version, updated_at = excluded.updated_at
WHERE calendar_events.version < excluded.version AND calendar_events.created_at = excluded.created_at
RETURNING id";

// The columns of the days have grace on either side. What touches few days and what touches many have an index each. A row is a series or a changed occurrence of
// one, so nothing is told twice. As arrays the hits are looked up one by one: joined, they would be taken for so many that the whole table is read.
const BETWEEN: &str = "
WITH hit AS (
    SELECT coalesce(master_event_id, id) AS id FROM calendar_events
    WHERE school_id = $1 AND touches_to <= touches_from + 40 AND touches_from BETWEEN $2::date - 40 AND $3 AND touches_to >= $2
    UNION SELECT coalesce(master_event_id, id) FROM calendar_events
    WHERE school_id = $1 AND touches_to > touches_from + 40 AND touches_to >= $2 AND touches_from <= $3
    UNION SELECT unnest($4::uuid[]))
SELECT to_jsonb(e) FROM calendar_events e WHERE e.school_id = $1 AND e.id = ANY (ARRAY(SELECT id FROM hit))
UNION ALL SELECT to_jsonb(e) FROM calendar_events e WHERE e.school_id = $1 AND e.master_event_id = ANY (ARRAY(SELECT id FROM hit))";

#[async_trait]
impl Buffered for Event {
    const ENTITY: &'static str = "calendar_event";
    const SERVICE: ServiceName = ServiceName::Calendar;

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    fn version(&self) -> Version {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn scopes(&self) -> Vec<String> {
        vec![school_scope(self.school_id)]
    }

    fn same_content(&self, other: &Self) -> bool {
        let timeless = |row: &Self| Self { created_at: other.created_at, updated_at: other.updated_at, ..row.clone() };
        timeless(self) == timeless(other)
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let text = |f: fn(&Self) -> Option<&str>| rows.iter().map(f).collect::<Vec<_>>();
        let day = |f: fn(&Self) -> Option<NaiveDate>| rows.iter().map(f).collect::<Vec<_>>();
        let time = |f: fn(&Self) -> Option<Timestamp>| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(UPSERT)
            .bind(rows.iter().map(|row| row.id.as_uuid()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.school_id.as_uuid()).collect::<Vec<_>>())
            .bind(text(|row| Some(&row.uid)))
            .bind(rows.iter().map(|row| row.sequence).collect::<Vec<_>>())
            .bind(text(|row| Some(row.kind.as_str())))
            .bind(text(|row| Some(&row.title)))
            .bind(text(|row| row.description.as_deref()))
            .bind(text(|row| row.place.as_deref()))
            .bind(rows.iter().map(|row| row.room_id.map(RoomId::as_uuid)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.is_all_day).collect::<Vec<_>>())
            .bind(day(|row| row.start_date))
            .bind(day(|row| row.end_date))
            .bind(time(|row| row.starts_at))
            .bind(time(|row| row.ends_at))
            .bind(text(|row| row.time_zone.as_deref()))
            .bind(text(|row| row.rrule.as_deref()))
            .bind(rows.iter().map(|row| Json(&row.exdates)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.master_event_id.map(CalendarEventId::as_uuid)).collect::<Vec<_>>())
            .bind(text(|row| row.recurrence_id.as_deref()))
            .bind(rows.iter().map(|row| Json(&row.audience)).collect::<Vec<_>>())
            .bind(text(|row| Some(row.status.as_str())))
            .bind(rows.iter().map(|row| row.created_by.as_uuid()).collect::<Vec<_>>())
            .bind(day(|row| row.last_day))
            .bind(rows.iter().map(|row| row.version.get()).collect::<Vec<_>>())
            .bind(time(|row| Some(row.created_at)))
            .bind(time(|row| Some(row.updated_at)))
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let query = "SELECT to_jsonb(e) FROM calendar_events e
            JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON e.school_id = k.school_id AND e.id = k.id";
        let rows: Vec<Json<Self>> = sqlx::query_scalar(query).bind(schools).bind(ids).fetch_all(connection).await?;
        Ok(plain(rows))
    }
}

fn school_scope(school: SchoolId) -> String {
    format!("school:{school}")
}

/// The event with this id, saved or not.
pub(crate) async fn find_event(platform: &Platform, school: SchoolId, id: CalendarEventId) -> Result<Option<Event>, ReadError> {
    Ok(look_for_event(platform, school, id).await?.row())
}

/// The event with this id, saved or not, or the proof that there is none.
pub(crate) async fn look_for_event(platform: &Platform, school: SchoolId, id: CalendarEventId) -> Result<Found<Event>, ReadError> {
    let load = || async move {
        let mut transaction = reading(platform, school).await?;
        let query = sqlx::query_scalar("SELECT to_jsonb(e) FROM calendar_events e WHERE e.school_id = $1 AND e.id = $2");
        let row: Option<Json<Event>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await?;
        Ok(row.map(|Json(row)| row))
    };
    platform.buffer().find(school, id.as_uuid(), load).await
}

/// Every event that may touch the days from `from` to `to`, with all changed occurrences of each.
pub(crate) async fn events_between(platform: &Platform, school: SchoolId, from: NaiveDate, to: NaiveDate) -> Result<Vec<Event>, Problem> {
    let unsaved: HashMap<Uuid, Event> = platform.buffer().unsaved(school, &school_scope(school)).await?;
    // What belongs to an unsaved row is asked for by name: only together they tell what takes place.
    let mut with: Vec<Uuid> = unsaved.values().map(|row| row.series().as_uuid()).collect();
    with.sort_unstable();
    with.dedup();
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar(BETWEEN).bind(school.as_uuid()).bind(from).bind(to).bind(with);
    let saved: Vec<Json<Event>> = query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    Ok(merge(plain(saved), unsaved, |_| true, |a, b| a.id.cmp(&b.id)))
}

/// The names of the occurrences of a series that were called off by themselves.
pub(crate) async fn called_off_by_themselves(
    platform: &Platform,
    school: SchoolId,
    series: CalendarEventId,
) -> Result<Vec<String>, Problem> {
    let unsaved: HashMap<Uuid, Event> = platform.buffer().unsaved(school, &school_scope(school)).await?;
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar("SELECT to_jsonb(e) FROM calendar_events e WHERE e.school_id = $1 AND e.master_event_id = $2");
    let query = query.bind(school.as_uuid()).bind(series.as_uuid());
    let saved: Vec<Json<Event>> = query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    let rows = merge(plain(saved), unsaved, |row: &Event| row.master_event_id == Some(series), |a, b| a.id.cmp(&b.id));
    Ok(rows.into_iter().filter(|row| row.status == Status::Cancelled).filter_map(|row| row.recurrence_id).collect())
}

/// The events, not occurrences, of these names.
pub(crate) async fn by_uid(platform: &Platform, school: SchoolId, uids: &[String]) -> Result<HashMap<String, Event>, Problem> {
    let unsaved: HashMap<Uuid, Event> = platform.buffer().unsaved(school, &school_scope(school)).await?;
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT to_jsonb(e) FROM calendar_events e WHERE e.school_id = $1 AND e.uid = ANY ($2) AND e.master_event_id IS NULL";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(uids);
    let saved: Vec<Json<Event>> = query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    let rows = merge(plain(saved), unsaved, |row: &Event| row.master_event_id.is_none() && uids.contains(&row.uid), |a, b| a.id.cmp(&b.id));
    Ok(rows.into_iter().map(|row| (row.uid.clone(), row)).collect())
}

/// The number of the last write to any calendar of the school's partition: as long as it stands, no event has changed. None while Redis is away.
pub(crate) async fn sequence(platform: &Platform, school: SchoolId) -> Option<u64> {
    let key = key::sequence(ServiceName::Calendar, Partition::of(school));
    let number: Result<Option<u64>, _> = platform.redis().get(key).await;
    number.ok().map(Option::unwrap_or_default)
}
