//! Maps: routes, stops and buses as `GeoJSON`.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde_json::Value;
use service_kit::permits::TransportManage;
use service_kit::{CommonProblems, Permit, Problem};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::desk::Desk;
use crate::feeds::geojson;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(network).service(vehicles);
}

/// The media type of RFC 7946.
const GEOJSON: &str = "application/geo+json";

/// The routes that are run, each a line from its first stop to its last, and their stops, as a `FeatureCollection` (RFC 7946): for the office.
#[utoipa::path(
    tag = "bus-route",
    responses((status = 200, content_type = "application/geo+json", body = Object, description = "The features."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/bus/geojson/routes")]
async fn network(desk: Desk<TransportManage>) -> Result<HttpResponse, Problem> {
    let mut transaction = desk.read().await?;
    let today = desk.today(&transaction).await?;
    Ok(answer(&geojson::network(&store::plan(&mut transaction, today).await?)))
}

/// Where the buses are that are on a trip, as a `FeatureCollection` (RFC 7946): for the office.
#[utoipa::path(
    tag = "bus-route",
    responses((status = 200, content_type = "application/geo+json", body = Object, description = "The features."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/bus/geojson/vehicles")]
async fn vehicles(permit: Permit<TransportManage>, rooms: Data<Rooms>) -> Result<HttpResponse, Problem> {
    Ok(answer(&geojson::vehicles(&rooms.running(permit.caller(), true).await?)))
}

fn answer(features: &Value) -> HttpResponse {
    HttpResponse::Ok().content_type(GEOJSON).insert_header((header::CACHE_CONTROL, "private, no-store")).body(features.to_string())
}
