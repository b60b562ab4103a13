//! The static feed.

use actix_web::http::header;
use actix_web::{HttpResponse, get};
use service_kit::permits::TransportManage;
use service_kit::{CommonProblems, Problem};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::feeds::schedule;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// The school's routes, stops and times as a GTFS feed: a zip with agency, stops, routes, trips, stop times, calendar and feed info. For the office, and for programs
/// that it trusts: where children wait is nobody else's business.
#[utoipa::path(
    tag = "bus-route",
    responses((status = 200, content_type = "application/zip", body = Vec<u8>, description = "The feed."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/bus/gtfs.zip")]
async fn show(desk: Desk<TransportManage>) -> Result<HttpResponse, Problem> {
    let mut transaction = desk.read().await?;
    let today = desk.today(&transaction).await?;
    let plan = store::plan(&mut transaction, today).await?;
    let bytes = schedule::archive(&plan, &desk.platform().config().http.public_url)?;
    Ok(HttpResponse::Ok()
        .content_type("application/zip")
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"gtfs.zip\""))
        .body(bytes))
}
