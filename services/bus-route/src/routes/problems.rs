//! Problem reports: what riders and drivers tell the office is wrong with a trip or a stop.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use domain::{BusProblemId, BusRouteId, BusTripId, EventKind, StopId, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::{TransportManage, TransportRead};
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind, Limit, Page, Params, Problem, Versioned, filters};
use store::SchoolTransaction;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::is_office;
use super::paging::{Sort, page};
use super::{Rooms, wrong};
use crate::desk::Desk;
use crate::model::problem::{ProblemKind, Report};
use crate::store as tables;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(about_trip).service(about_stop).service(show).service(resolve);
}

/// What is wrong with a trip.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusTripProblem)]
pub struct NewTripProblem {
    /// What is wrong.
    kind: ProblemKind,
    /// At which stop of the trip.
    stop_id: Option<StopId>,
    /// In your own words.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    comment: Option<Text<1000>>,
}

/// What is wrong with a stop.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusStopProblem)]
pub struct NewStopProblem {
    /// What is wrong.
    kind: ProblemKind,
    /// In your own words.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    comment: Option<Text<1000>>,
}

/// What the office did.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResolveBusProblem)]
pub struct Resolve {
    /// What whoever told it is answered.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    answer: Option<Text<1000>>,
}

/// Which reports.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProblemFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// About this route only.
    #[param(inline)]
    route_id: Option<BusRouteId>,
    /// About this trip only.
    #[param(inline)]
    trip_id: Option<BusTripId>,
    /// About this stop only.
    #[param(inline)]
    stop_id: Option<StopId>,
    /// Only those that the office is done with, or only those that it is not.
    is_resolved: Option<bool>,
    /// Only what this user told: the caller, unless it is the office.
    #[serde(skip_deserializing)]
    #[param(ignore)]
    reported_by: Option<UserId>,
}
filters!(ProblemFilter);

/// Reports, in the order in which they came: all for the office, for everybody else their own.
#[utoipa::path(tag = "bus-route", params(ProblemFilter), responses((status = 200, body = Page<Report>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/problems")]
async fn list(desk: Desk<TransportRead>, filter: Params<ProblemFilter>) -> Result<Page<Report>, Problem> {
    let own = (!is_office(desk.caller())).then_some(desk.caller().user_id);
    let filter = ProblemFilter { reported_by: own, ..filter.0 };
    let sort = Sort { by: "t.id", key: |row: &Report| row.id.to_string() };
    let condition = "($5->>'route_id' IS NULL OR t.route_id = ($5->>'route_id')::uuid) AND ($5->>'trip_id' IS NULL OR t.trip_id = ($5->>'trip_id')::uuid)
        AND ($5->>'stop_id' IS NULL OR t.stop_id = ($5->>'stop_id')::uuid)
        AND ($5->>'is_resolved' IS NULL OR (t.resolved_at IS NOT NULL) = ($5->>'is_resolved')::boolean)
        AND ($5->>'reported_by' IS NULL OR t.reported_by = ($5->>'reported_by')::uuid)";
    page(&desk, "bus problems", &filter, sort, condition).await
}

/// Tells the office what is wrong with a trip: whoever may see it.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), request_body = NewTripProblem, responses((status = 201, body = Report), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/trips/{id}/problems")]
async fn about_trip(
    desk: Desk<TransportRead>,
    id: IdPath<BusTripId>,
    rooms: Data<Rooms>,
    body: Body<NewTripProblem>,
) -> Result<HttpResponse, Problem> {
    let (course, _, sight) = rooms.seen_trip(desk.caller(), *id).await?;
    if !body.kind.is_of_a_trip() {
        return Err(wrong("/kind", "is what can be wrong with a stop"));
    }
    if body.stop_id.is_some_and(|stop| !sight.holds(stop) || !course.calls.iter().any(|call| call.stop_id == stop)) {
        return Err(wrong("/stop_id", "is no stop of this trip"));
    }
    let (kind, stop, comment) = (body.kind, body.stop_id, body.comment.clone());
    let report = async |transaction: &mut SchoolTransaction| {
        let row = report(&desk, course.route_id, kind, comment);
        add(&desk, transaction, Report { trip_id: Some(course.trip_id), stop_id: stop, ..row }).await
    };
    desk.create(&body.0, report).await
}

/// Tells the office what is wrong with a stop: whoever may see it.
#[utoipa::path(tag = "bus-route", params(("id" = StopId, Path)), request_body = NewStopProblem, responses((status = 201, body = Report), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/stops/{id}/problems")]
async fn about_stop(
    desk: Desk<TransportRead>,
    id: IdPath<StopId>,
    rooms: Data<Rooms>,
    body: Body<NewStopProblem>,
) -> Result<HttpResponse, Problem> {
    let stop = rooms.seen_stop(desk.caller(), *id).await?;
    if !body.kind.is_of_a_stop() {
        return Err(wrong("/kind", "is what can be wrong with a trip"));
    }
    let (kind, comment) = (body.kind, body.comment.clone());
    let report = async |transaction: &mut SchoolTransaction| {
        let row = report(&desk, stop.route_id, kind, comment);
        add(&desk, transaction, Report { stop_id: Some(stop.id), ..row }).await
    };
    desk.create(&body.0, report).await
}

/// A report: for the office, and for whoever told it.
#[utoipa::path(tag = "bus-route", params(("id" = BusProblemId, Path)), responses((status = 200, body = Report), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/problems/{id}")]
async fn show(desk: Desk<TransportRead>, id: IdPath<BusProblemId>) -> Result<Versioned<Report>, Problem> {
    let row = tables::find(&mut desk.read().await?, *id).await?;
    if !is_office(desk.caller()) && row.reported_by != desk.caller().user_id {
        return Err(Problem::not_found("problem"));
    }
    let version = row.version;
    Ok(Versioned(row, version))
}

/// Notes that the office is done with a report, and what it answers. Once resolved it stays so.
#[utoipa::path(tag = "bus-route", params(("id" = BusProblemId, Path)), request_body = Resolve, responses((status = 200, body = Report), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/problems/{id}/resolve")]
async fn resolve(
    desk: Desk<TransportManage>,
    id: IdPath<BusProblemId>,
    based_on: IfMatch,
    body: Body<Resolve>,
) -> Result<Versioned<Report>, Problem> {
    let answer = body.into_inner().answer.map(Into::into);
    desk.change(async |transaction| {
        let row = tables::edit(transaction, *id, based_on).await?;
        if row.resolved_at.is_some() {
            return Err(Problem::conflict(Kind::Conflict, "This report is resolved already."));
        }
        let now = desk.now();
        let by = Some(desk.caller().user_id);
        let row = Report { answer, resolved_at: Some(now), resolved_by: by, version: row.version.next(), updated_at: now, ..row };
        tables::save(transaction, &row).await?;
        let version = row.version;
        Ok(Versioned(row, version))
    })
    .await
}

fn report<P>(desk: &Desk<P>, route_id: BusRouteId, kind: ProblemKind, comment: Option<Text<1000>>) -> Report {
    let now = desk.now();
    Report {
        id: BusProblemId::generate(),
        school_id: desk.caller().school_id,
        route_id,
        trip_id: None,
        stop_id: None,
        kind,
        comment: comment.map(Into::into),
        reported_by: desk.caller().user_id,
        answer: None,
        resolved_at: None,
        resolved_by: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    }
}

#[derive(Serialize)]
struct AboutProblem {
    route_id: BusRouteId,
    trip_id: Option<BusTripId>,
    stop_id: Option<StopId>,
    kind: ProblemKind,
}

async fn add<P>(desk: &Desk<P>, transaction: &mut SchoolTransaction, row: Report) -> Result<Created<Report>, Problem> {
    tables::insert(transaction, &row).await?;
    let data = AboutProblem { route_id: row.route_id, trip_id: row.trip_id, stop_id: row.stop_id, kind: row.kind };
    let (kind, by) = (EventKind::TransportProblemReported, Some(desk.caller().actor()));
    let event = events::envelope(kind, row.school_id, by, row.id.as_uuid(), row.created_at, &data)?;
    events::outbox::enqueue(&*transaction, &event).await.map_err(Problem::internal)?;
    Ok(Created { location: format!("/api/v1/bus/problems/{}", row.id), version: row.version, body: row })
}
