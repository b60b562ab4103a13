//! The stops of a route. They change together, as one list: that is what can be right or wrong.

use std::collections::HashMap;

use domain::{BusRouteId, SchoolId, StopId, Timestamp};
use records::refuse;
use service_kit::{Kind, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::{plain, rules};
use crate::model::route::Stop;

/// The stops of a route that are served, in the order in which the bus picks up.
pub(crate) async fn stops_of(connection: &mut PgConnection, school: SchoolId, route: BusRouteId) -> Result<Vec<Stop>, StoreError> {
    let query = "SELECT to_jsonb(s) FROM route_stops s
        WHERE s.school_id = $1 AND s.route_id = $2 AND (s.pickup_time IS NOT NULL OR s.drop_time IS NOT NULL) ORDER BY s.position";
    let rows: Vec<Json<Stop>> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(route.as_uuid()).fetch_all(connection).await?;
    Ok(plain(rows))
}

/// The same of several routes.
pub(crate) async fn stops_of_routes(
    connection: &mut PgConnection,
    school: SchoolId,
    routes: &[BusRouteId],
) -> Result<HashMap<BusRouteId, Vec<Stop>>, StoreError> {
    let query = "SELECT to_jsonb(s) FROM route_stops s
        WHERE s.school_id = $1 AND s.route_id = ANY ($2) AND (s.pickup_time IS NOT NULL OR s.drop_time IS NOT NULL) ORDER BY s.position";
    let routes: Vec<Uuid> = routes.iter().map(|route| route.as_uuid()).collect();
    let rows: Vec<Json<Stop>> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(routes).fetch_all(connection).await?;
    let mut stops: HashMap<BusRouteId, Vec<Stop>> = HashMap::new();
    for stop in plain(rows) {
        stops.entry(stop.route_id).or_default().push(stop);
    }
    Ok(stops)
}

/// The stop, if it is served.
pub(crate) async fn served_stop(connection: &mut PgConnection, school: SchoolId, stop: StopId) -> Result<Option<Stop>, StoreError> {
    let query = "SELECT to_jsonb(s) FROM route_stops s WHERE s.school_id = $1 AND s.id = $2 AND (s.pickup_time IS NOT NULL OR s.drop_time IS NOT NULL)";
    let row: Option<Json<Stop>> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(stop.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Makes `stops` the route's stops; the route is locked. Stops that are left out go; those that something refers to stay without times, behind the others. A stop at
/// which somebody has a seat on `today` or later can't be left out.
pub(crate) async fn replace_stops(
    transaction: &mut SchoolTransaction,
    route: BusRouteId,
    stops: &[Stop],
    today: chrono::NaiveDate,
    now: Timestamp,
) -> Result<(), Problem> {
    let school = transaction.school_id();
    let kept: Vec<Uuid> = stops.iter().map(|stop| stop.id.as_uuid()).collect();
    let connection = transaction.connection()?;
    let in_use: Option<Uuid> = sqlx::query_scalar(
        "SELECT a.stop_id FROM bus_assignments a WHERE a.school_id = $1 AND a.route_id = $2 AND a.status = 'active' AND a.stop_id <> ALL ($3)
            AND (a.end_date IS NULL OR a.end_date >= $4) LIMIT 1",
    )
    .bind(school.as_uuid())
    .bind(route.as_uuid())
    .bind(&kept)
    .bind(today)
    .fetch_optional(&mut *connection)
    .await
    .map_err(StoreError::from)?;
    if let Some(stop) = in_use {
        let stop = StopId::from_uuid(stop);
        return Err(Problem::conflict(Kind::StillInUse, format!("Somebody gets on or off at the stop {stop}, which is left out.")));
    }
    let change = async {
        // Positions are checked when all have theirs, and so are times (the trigger waits for the commit).
        sqlx::query("SET CONSTRAINTS route_stops_school_id_route_id_position_key DEFERRED").execute(&mut *connection).await?;
        sqlx::query(
            "DELETE FROM route_stops s WHERE s.school_id = $1 AND s.route_id = $2 AND s.id <> ALL ($3)
                AND NOT EXISTS (SELECT FROM bus_assignments a WHERE a.school_id = $1 AND a.stop_id = s.id)
                AND NOT EXISTS (SELECT FROM bus_stop_visits v WHERE v.school_id = $1 AND v.stop_id = s.id)
                AND NOT EXISTS (SELECT FROM bus_problems p WHERE p.school_id = $1 AND p.stop_id = s.id)",
        )
        .bind(school.as_uuid())
        .bind(route.as_uuid())
        .bind(&kept)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "UPDATE route_stops s SET pickup_time = NULL, drop_time = NULL, position = $4 + o.place, version = s.version + 1, updated_at = $5
             FROM (SELECT id, row_number() OVER (ORDER BY position) AS place FROM route_stops
                   WHERE school_id = $1 AND route_id = $2 AND id <> ALL ($3)) o
             WHERE s.school_id = $1 AND s.id = o.id",
        )
        .bind(school.as_uuid())
        .bind(route.as_uuid())
        .bind(&kept)
        .bind(i32::try_from(stops.len()).unwrap_or(i32::MAX))
        .bind(now)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "INSERT INTO route_stops SELECT (jsonb_populate_recordset(NULL::route_stops, $1)).*
             ON CONFLICT (school_id, id) DO UPDATE SET position = excluded.position, name = excluded.name, latitude = excluded.latitude,
                longitude = excluded.longitude, pickup_time = excluded.pickup_time, drop_time = excluded.drop_time,
                distance_metres = excluded.distance_metres, version = route_stops.version + 1, updated_at = excluded.updated_at",
        )
        .bind(Json(stops))
        .execute(&mut *connection)
        .await?;
        sqlx::query("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *connection).await
    };
    change.await.map(drop).map_err(|error: sqlx::Error| refuse(rules::RULES, StoreError::from(error)))
}
