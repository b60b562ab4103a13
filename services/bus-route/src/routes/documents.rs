//! Papers of vehicles and drivers that run out.

use actix_web::get;
use actix_web::web::Json;
use chrono::Days;
use serde::Deserialize;
use service_kit::permits::TransportManage;
use service_kit::{CommonProblems, Params, Problem};
use sqlx::types::Json as Column;
use store::StoreError;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::wrong;
use crate::desk::Desk;
use crate::model::documents::{Expiring, expiring};
use crate::model::fleet::{Driver, Vehicle};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// How far to look ahead.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Ahead {
    /// So many days from today on; 30 unless said otherwise, at most 366.
    #[param(minimum = 0, maximum = 366)]
    within_days: Option<u16>,
}

/// Papers of vehicles and drivers in use that have run out or soon will, the most urgent first.
#[utoipa::path(tag = "bus-route", params(Ahead), responses((status = 200, body = Vec<Expiring>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/documents/expiring")]
async fn list(desk: Desk<TransportManage>, ahead: Params<Ahead>) -> Result<Json<Vec<Expiring>>, Problem> {
    let days = ahead.within_days.unwrap_or(30);
    if days > 366 {
        return Err(wrong("query:within_days", "must be from 0 to 366"));
    }
    let mut transaction = desk.read().await?;
    let today = desk.today(&transaction).await?;
    let school = transaction.school_id();
    let connection = transaction.connection()?;
    let vehicles: Vec<Column<Vehicle>> = sqlx::query_scalar("SELECT to_jsonb(v) FROM vehicles v WHERE v.school_id = $1 AND v.is_active")
        .bind(school.as_uuid())
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    let drivers: Vec<Column<Driver>> = sqlx::query_scalar("SELECT to_jsonb(d) FROM bus_drivers d WHERE d.school_id = $1 AND d.is_active")
        .bind(school.as_uuid())
        .fetch_all(connection)
        .await
        .map_err(StoreError::from)?;
    let vehicles: Vec<Vehicle> = vehicles.into_iter().map(|Column(row)| row).collect();
    let drivers: Vec<Driver> = drivers.into_iter().map(|Column(row)| row).collect();
    Ok(Json(expiring(&vehicles, &drivers, today, today + Days::new(days.into()))))
}
