//! The month view: what takes place, holidays among it, and the terms of the school.
//!
//! Cached as `calendar:events:<month>:<school>:<audience>:<write>`. The audience is the reader's role and classes; what is for named persons is in there for all
//! of them and taken out for each reader. The write is the number of the partition's last write to any calendar, read in front of everything: a month that
//! was put together before an event was written is never looked at again. Terms, which auth keeps, may be as old as the entry.

use std::time::Duration;

use actix_web::get;
use actix_web::web::{Data, Json, Path};
use domain::{ClassId, Partition, Role, SchoolId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Permit, Problem, permits};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::WriteMode;

use super::Desk;
use super::access::Viewer;
use crate::model::audience::Reader;
use crate::model::event::Status;
use crate::model::month::{Window, days_of};
use crate::model::occurrence::{Occurrence, expand};
use crate::store::{Term, events_between, sequence, terms_between, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// How long a month is kept. Also a bound on how long what reached PostgreSQL while Redis was away can stay unseen.
const TTL: Duration = Duration::from_mins(5);

/// A month.
#[derive(Debug, Serialize, ToSchema)]
pub struct MonthView {
    /// The month.
    #[schema(example = "2026-11")]
    month: String,
    /// The zone whose days these are.
    time_zone: String,
    /// What takes place, in order of time; what was called off is not among it.
    events: Vec<Occurrence>,
    /// The terms of the school that touch the month.
    terms: Vec<Term>,
}

#[derive(Serialize, Deserialize)]
struct Cached {
    events: Vec<Occurrence>,
    terms: Vec<Term>,
}

/// Shows a month, as far as it is for the caller.
#[utoipa::path(
    params(("month" = String, Path, description = "The month, such as `2026-11`.")),
    responses((status = 200, body = MonthView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/calendar/months/{month}")]
async fn show(permit: Permit<permits::CalendarRead>, month: Path<String>, desk: Data<Desk>) -> Result<Json<MonthView>, Problem> {
    let caller = permit.caller();
    let (from, to) = days_of(&month).ok_or_else(|| Problem::malformed("The month must be one such as 2026-11."))?;
    let school = caller.school_id;
    let viewer = Viewer::of(&desk.directory, caller, desk.platform.clock().now().date_naive()).await?;
    let (zone, reader) = (zone_of(&desk.platform, school).await?, viewer.reader());
    let load = || async {
        let rows = events_between(&desk.platform, school, from, to).await?;
        let mut events = expand(&rows, &Window::new(from, to, zone), zone);
        events.retain(|one| {
            one.status != Status::Cancelled
                && one
                    .audience
                    .as_ref()
                    .is_some_and(|audience| audience.is_for_group(&reader) || audience.user_ids.is_some() || reader.role.is_office())
        });
        let terms = terms_between(&desk.platform, school, from, to).await?;
        Ok::<_, Problem>(Some(Cached { events, terms }))
    };
    // What is written straight to PostgreSQL is not counted.
    let is_counted = desk.platform.config().write_buffer.mode != WriteMode::Through;
    let write = if is_counted { sequence(&desk.platform, school).await } else { None };
    let found = match write {
        Some(write) => desk.platform.cache().get_or_load(cache_key(&month, school, &reader, write), TTL, load).await?,
        None => load().await?,
    };
    let Cached { events, terms } = found.ok_or_else(|| Problem::not_found("month"))?;
    let for_reader = events.into_iter().filter(|one| one.audience.as_ref().is_some_and(|audience| audience.includes(&reader)));
    let events = for_reader.map(|one| one.shown_to(viewer.works_here())).collect();
    Ok(Json(MonthView { month: month.into_inner(), time_zone: zone.name().to_owned(), events, terms }))
}

fn cache_key(month: &str, school: SchoolId, reader: &Reader, write: u64) -> String {
    format!("calendar:events:{month}:{}:{school}:{}:{write}", Partition::of(school), audience(reader.role, &reader.classes))
}

/// Readers of one role and the same classes share an entry.
fn audience(role: Role, classes: &[ClassId]) -> String {
    if role.is_office() {
        return "office".to_owned();
    }
    let mut hasher = Sha256::new();
    for class in classes {
        hasher.update(class.as_uuid().as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let short = Uuid::from_bytes(digest.first_chunk().copied().unwrap_or_default());
    format!("{role}-{}", short.simple())
}

#[cfg(test)]
mod tests {
    use domain::UserId;

    use super::*;

    #[test]
    fn a_key_tells_schools_and_audiences_apart_and_not_their_members() {
        let (school, class) = (SchoolId::generate(), ClassId::generate());
        let key = |school, role, classes: &[ClassId], write| {
            cache_key("2026-11", school, &Reader::new(role, UserId::generate(), classes.to_vec()), write)
        };
        let usual = key(school, Role::Student, &[class], 7);
        assert!(usual.starts_with("calendar:events:2026-11:"));
        assert_eq!(usual, key(school, Role::Student, &[class], 7), "two students of one class share it");
        assert_ne!(usual, key(school, Role::Parent, &[class], 7));
        assert_ne!(usual, key(school, Role::Student, &[], 7));
        assert_ne!(usual, key(school, Role::Student, &[class], 8));
        assert_ne!(usual, key(SchoolId::generate(), Role::Student, &[class], 7));
    }
}
