//! What is to be done: homework that is due, quizzes that open and close, as far as they are the caller's.

use actix_web::get;
use actix_web::web::Json;
use chrono::NaiveDate;
use domain::Fault;
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, Params, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Records;
use super::access::Viewer;
use crate::model::action::Action;
use crate::model::month::Window;
use crate::store::{actions, zone_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// The most days to look at.
const MOST_DAYS: i64 = 93;
/// The most to tell.
const MOST: usize = 500;

/// Which days to look at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListActions {
    /// The first day, in the school's zone.
    from: NaiveDate,
    /// The last day, inclusive; less than 93 days later.
    to: NaiveDate,
}

/// What is to be done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Actions {
    /// In order of time.
    items: Vec<Action>,
    /// Whether there is more than these 500.
    more: bool,
}

/// Lists what is to be done: a student's own, of each of a parent's children, of the classes that a teacher teaches. Nothing for the others. What was set a
/// moment ago is there once it is saved, which takes a second or so.
#[utoipa::path(params(ListActions), responses((status = 200, body = Actions), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/calendar/actions")]
async fn list(desk: Records<permits::CalendarRead>, params: Params<ListActions>) -> Result<Json<Actions>, Problem> {
    let caller = *desk.caller();
    let window = Window::asked(params.from, params.to, zone_of(desk.platform(), caller.school_id).await?)?;
    if (params.to - params.from).num_days() >= MOST_DAYS {
        return Err(Problem::invalid(vec![Fault::new("query:to", format!("must be less than {MOST_DAYS} days after from"))]));
    }
    let viewer = Viewer::of(&desk.directory(), &caller, desk.now().date_naive()).await?;
    let mut transaction = desk.read().await?;
    let span = (window.starts_at, window.ends_at);
    let limit = i64::try_from(MOST).unwrap_or(i64::MAX).saturating_add(1);
    let mut items = actions(transaction.connection()?, caller.school_id, &viewer.places(), span, limit).await?;
    let more = items.len() > MOST;
    items.truncate(MOST);
    Ok(Json(Actions { items, more }))
}
