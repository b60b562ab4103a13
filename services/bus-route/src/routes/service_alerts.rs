//! Service alerts: what riders should know now. The office writes them in [`super::alerts`]; delays come by themselves.

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use domain::{BusAlertId, BusRouteId, BusTripId};
use serde::Serialize;
use service_kit::permits::TransportRead;
use service_kit::{Caller, CommonProblems, Permit, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::alert::{Alert, AlertKind, Effect};
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// What riders should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BusServiceAlert)]
pub struct ServiceAlert {
    /// Its id.
    id: BusAlertId,
    /// Where it comes from.
    kind: AlertKind,
    /// What it means for riders.
    effect: Effect,
    /// The route that it is about; none means all.
    route_id: Option<BusRouteId>,
    /// The trip that it is about.
    trip_id: Option<BusTripId>,
    /// What it says, in short.
    header: String,
    /// What it says.
    description: Option<String>,
    /// How late the bus was when it was told last.
    delay_seconds: Option<i32>,
    /// From when on it holds.
    begins_at: DateTime<Utc>,
    /// Until when; none means until it is resolved.
    ends_at: Option<DateTime<Utc>>,
}

impl ServiceAlert {
    /// Whether it is about this trip, or about more than one.
    pub(super) fn concerns(&self, trip: BusTripId) -> bool {
        self.trip_id.is_none_or(|about| about == trip)
    }
}

impl From<Alert> for ServiceAlert {
    fn from(row: Alert) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            effect: row.effect,
            route_id: row.route_id,
            trip_id: row.trip_id,
            header: row.header,
            description: row.description,
            delay_seconds: row.delay_seconds,
            begins_at: row.begins_at,
            ends_at: row.ends_at,
        }
    }
}

/// What riders should know now, about all buses and about one's own: the routes of one's children, the routes that one drives today; for the office all. Nothing in it
/// is about a student.
#[utoipa::path(tag = "bus-route", responses((status = 200, body = Vec<ServiceAlert>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/service-alerts")]
async fn list(permit: Permit<TransportRead>, rooms: Data<Rooms>) -> Result<Json<Vec<ServiceAlert>>, Problem> {
    let places = rooms.places(permit.caller()).await?;
    let concerns = |route: Option<BusRouteId>| match (&places, route) {
        (Some(places), Some(route)) => places.touch(route),
        _ => true,
    };
    Ok(Json(rooms.service_alerts(permit.caller(), concerns).await?))
}

impl Rooms {
    /// The service alerts that hold now, about all routes (none) and about those that `concerns` says.
    pub(super) async fn service_alerts(
        &self,
        caller: &Caller,
        concerns: impl Fn(Option<BusRouteId>) -> bool,
    ) -> Result<Vec<ServiceAlert>, Problem> {
        let now = self.platform.clock().now();
        let open = store::open_notices(&mut store::reading(&self.platform, caller.school_id).await?, now).await?;
        Ok(open.into_iter().filter(|alert| alert.is_open(now) && concerns(alert.route_id)).map(ServiceAlert::from).collect())
    }
}
