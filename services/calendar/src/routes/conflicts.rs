//! What is in the way of what: rooms, teachers and classes that are needed for two things at once.

use actix_web::get;
use actix_web::web::Json;
use chrono::NaiveDate;
use directory::timetable::{GivenFilter, lessons_given};
use domain::{ClassId, Fault, RoomId, TeacherId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Params, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use crate::model::conflict::{Conflict, Taken, What, conflicts, event, lessons};
use crate::model::event::Status;
use crate::model::given::without_holidays;
use crate::model::month::Window;
use crate::model::occurrence::expand;
use crate::store::{SlotFilter, events_between, list_room_bookings, list_slots, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// The most days to look at.
const MOST_DAYS: i64 = 31;
/// The most conflicts to tell.
const MOST: usize = 500;

/// Which days to look at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListConflicts {
    /// The first day, in the school's zone.
    from: NaiveDate,
    /// The last day, inclusive; less than 31 days later.
    to: NaiveDate,
    /// About this room only.
    #[param(inline)]
    room_id: Option<RoomId>,
    /// About this teacher only.
    #[param(inline)]
    teacher_id: Option<TeacherId>,
    /// About this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conflicts {
    /// In order of time.
    items: Vec<Conflict>,
    /// Whether there are more than these 500.
    more: bool,
}

/// Lists conflicts between events, lessons with their cover, room bookings and appointments. The timetable by itself has none: its constraints refuse them.
#[utoipa::path(params(ListConflicts), responses((status = 200, body = Conflicts), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/conflicts")]
async fn list(desk: Records<permits::CalendarManage>, params: Params<ListConflicts>) -> Result<Json<Conflicts>, Problem> {
    let school = desk.caller().school_id;
    let zone = zone_of(desk.platform(), school).await?;
    let window = Window::asked(params.from, params.to, zone)?;
    if (params.to - params.from).num_days() >= MOST_DAYS {
        return Err(Problem::invalid(vec![Fault::new("query:to", format!("must be less than {MOST_DAYS} days after from"))]));
    }
    let rows = events_between(desk.platform(), school, params.from, params.to).await?;
    let events = expand(&rows, &window, zone).into_iter().filter(|one| one.status != Status::Cancelled);
    let mut taken: Vec<Taken> = events.flat_map(|one| event(&one, zone)).collect();
    let mut transaction = desk.read().await?;
    let given = lessons_given(&mut transaction, (params.from, params.to), &GivenFilter::default()).await?;
    taken.extend(lessons(&without_holidays(given, &rows), zone));
    let connection = transaction.connection()?;
    let bookings = list_room_bookings(connection, school, params.room_id, (window.starts_at, window.ends_at)).await?;
    taken.extend(bookings.into_iter().map(|booking| Taken {
        what: What::RoomBooking,
        id: booking.id.as_uuid(),
        starts_at: booking.starts_at,
        ends_at: booking.ends_at,
        room_id: Some(booking.room_id),
        teacher_id: None,
        class_id: None,
    }));
    let all = SlotFilter { classes: None, teacher: None, kind: None, from: window.starts_at, before: Some(window.ends_at), after: None };
    taken.extend(list_slots(connection, school, &all, 100_000).await?.into_iter().map(|(slot, _)| Taken {
        what: What::Appointment,
        id: slot.id.as_uuid(),
        starts_at: slot.starts_at,
        ends_at: slot.ends_at,
        room_id: slot.room_id,
        teacher_id: slot.teacher_id,
        // Its students come one by one, or some of them.
        class_id: None,
    }));
    let about = |one: &Taken| {
        params.room_id.is_none_or(|room| one.room_id == Some(room))
            && params.teacher_id.is_none_or(|teacher| one.teacher_id == Some(teacher))
            && params.class_id.is_none_or(|class| one.class_id == Some(class))
    };
    taken.retain(about);
    let mut items = conflicts(taken);
    let more = items.len() > MOST;
    items.truncate(MOST);
    Ok(Json(Conflicts { items, more }))
}
