//! Arrival alarms: parents say how many minutes before the bus is at their child's stop they want to be told. Each rings once a trip, as `transport:alarm_rung`.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, delete, get, patch, post};
use domain::{BusAlarmId, BusAssignmentId, BusRouteId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportRead;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, NoContent, Problem, Versioned};
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Rooms, forget_courses, wrong};
use crate::desk::Desk;
use crate::model::alarm::Alarm;
use crate::model::route::Assignment;
use crate::store as tables;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// An alarm to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusAlarm)]
pub struct NewAlarm {
    /// The seat of a child of one's own: see the student's bus.
    assignment_id: BusAssignmentId,
    /// How many minutes before the bus is expected at the stop.
    #[schema(minimum = 1, maximum = 60)]
    minutes_before: i32,
}

/// What changes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeBusAlarm)]
pub struct ChangeAlarm {
    /// How many minutes before the bus is expected at the stop.
    #[schema(minimum = 1, maximum = 60)]
    minutes_before: i32,
}

/// One's own alarms, for seats that are held today or later.
#[utoipa::path(tag = "bus-route", responses((status = 200, body = Vec<Alarm>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/alarms")]
async fn list(desk: Desk<TransportRead>, rooms: Data<Rooms>) -> Result<Json<Vec<Alarm>>, Problem> {
    let (caller, today) = (desk.caller(), rooms.today(desk.caller()).await?);
    let children = rooms.children(caller).await?;
    let mut transaction = desk.read().await?;
    Ok(Json(tables::alarms_of(transaction.connection()?, caller.school_id, caller.user_id, &children, today).await?))
}

/// Sets an alarm for a child's seat: the child's parents, each one.
#[utoipa::path(tag = "bus-route", request_body = NewAlarm, responses((status = 201, body = Alarm), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/alarms")]
async fn create(desk: Desk<TransportRead>, rooms: Data<Rooms>, body: Body<NewAlarm>) -> Result<HttpResponse, Problem> {
    let (caller, today) = (*desk.caller(), rooms.today(desk.caller()).await?);
    let (seat, minutes_before) = (body.assignment_id, body.minutes_before);
    let children = rooms.children(&caller).await?;
    let mut seats = desk.read().await?;
    let held = |seat: &Assignment| children.contains(&seat.student_id) && seat.may_cover_from(today);
    let seat = tables::look(&mut seats, seat).await?.filter(held);
    let seat = seat.ok_or_else(|| wrong("/assignment_id", "is no seat of a child of yours"))?;
    drop(seats);
    let answer = desk
        .create(&body.0, async |transaction| {
            let now = desk.now();
            let row = Alarm {
                id: BusAlarmId::generate(),
                school_id: caller.school_id,
                user_id: caller.user_id,
                assignment_id: seat.id,
                minutes_before,
                rung_trip_id: None,
                rung_at: None,
                version: Version::FIRST,
                created_at: now,
                updated_at: now,
            };
            row.check()?;
            tables::insert(transaction, &row).await?;
            Ok(Created { location: format!("/api/v1/bus/alarms/{}", row.id), version: row.version, body: row })
        })
        .await?;
    rooms.bells_changed(&desk, seat.route_id).await?;
    Ok(answer)
}

/// One's own alarm.
#[utoipa::path(tag = "bus-route", params(("id" = BusAlarmId, Path)), responses((status = 200, body = Alarm), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/alarms/{id}")]
async fn show(desk: Desk<TransportRead>, rooms: Data<Rooms>, id: IdPath<BusAlarmId>) -> Result<Versioned<Alarm>, Problem> {
    rooms.own_alarm(&desk, *id).await?;
    let row = tables::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(Versioned(row, version))
}

/// Changes when one's own alarm rings.
#[utoipa::path(tag = "bus-route", params(("id" = BusAlarmId, Path)), request_body = ChangeAlarm, responses((status = 200, body = Alarm), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/alarms/{id}")]
async fn change(
    desk: Desk<TransportRead>,
    rooms: Data<Rooms>,
    id: IdPath<BusAlarmId>,
    based_on: IfMatch,
    body: Body<ChangeAlarm>,
) -> Result<Versioned<Alarm>, Problem> {
    let route = rooms.own_alarm(&desk, *id).await?;
    let changed = desk
        .change(async |transaction: &mut SchoolTransaction| {
            let row = tables::edit(transaction, *id, based_on).await?;
            let row = Alarm { minutes_before: body.minutes_before, version: row.version.next(), updated_at: desk.now(), ..row };
            row.check()?;
            tables::save(transaction, &row).await?;
            let version = row.version;
            Ok(Versioned(row, version))
        })
        .await?;
    rooms.bells_changed(&desk, route).await?;
    Ok(changed)
}

/// Removes one's own alarm.
#[utoipa::path(tag = "bus-route", params(("id" = BusAlarmId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/bus/alarms/{id}")]
async fn remove(desk: Desk<TransportRead>, rooms: Data<Rooms>, id: IdPath<BusAlarmId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    let route = rooms.own_alarm(&desk, *id).await?;
    desk.change(async |transaction: &mut SchoolTransaction| {
        tables::edit(transaction, *id, based_on).await?;
        tables::remove(transaction, *id).await
    })
    .await?;
    rooms.bells_changed(&desk, route).await?;
    Ok(NoContent)
}

impl Rooms {
    /// The route of the caller's own alarm; 404 if it is somebody else's, or the child is not theirs any more.
    async fn own_alarm<P>(&self, desk: &Desk<P>, id: BusAlarmId) -> Result<BusRouteId, Problem> {
        let missing = || Problem::not_found("alarm");
        let children = self.children(desk.caller()).await?;
        let mut transaction = desk.read().await?;
        let alarm = tables::look(&mut transaction, id).await?.filter(|alarm| alarm.user_id == desk.caller().user_id).ok_or_else(missing)?;
        let seat = tables::look(&mut transaction, alarm.assignment_id).await?;
        let seat = seat.filter(|seat| children.contains(&seat.student_id)).ok_or_else(missing)?;
        Ok(seat.route_id)
    }

    /// Trips that run learn of it with their next position.
    async fn bells_changed<P>(&self, desk: &Desk<P>, route: BusRouteId) -> Result<(), Problem> {
        let school = desk.caller().school_id;
        let running = tables::running_trips(desk.read().await?.connection()?, school, Some(route)).await?;
        forget_courses(&self.platform, running, school).await;
        Ok(())
    }
}
