//! What planning trips for many days at once looks at, and writes. However many days there are, it is one query for each kind of thing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;
use directory::timetable::WorkingDays;
use domain::{BusRouteId, SchoolId, StaffId, VehicleId};
use records::refuse;
use service_kit::Problem;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError, plain};
use uuid::Uuid;

use super::rules;
use crate::model::fleet::{Driver, Vehicle};
use crate::model::planning::{Run, SchoolDays};
use crate::model::route::{BusRoute, Direction};
use crate::model::trip::Trip;

/// Days of the week with school, 1 is Monday.
pub(crate) async fn weekdays(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<i32>, StoreError> {
    let query = sqlx::query_scalar("SELECT weekdays FROM attendance_settings WHERE school_id = $1");
    let weekdays: Option<Vec<i32>> = query.bind(school.as_uuid()).fetch_optional(connection).await?;
    Ok(weekdays.unwrap_or_else(|| vec![1, 2, 3, 4, 5]))
}

/// The days from `first` to `last` that are a holiday of the whole school.
pub(crate) async fn holidays(
    connection: &mut PgConnection,
    school: SchoolId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<NaiveDate>, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT DISTINCT d::date FROM calendar_events e CROSS JOIN LATERAL generate_series(greatest(e.start_date, $2), least(e.end_date, $3), '1 day') d
         WHERE e.school_id = $1 AND e.kind = 'holiday' AND e.is_all_day AND e.rrule IS NULL AND e.audience = '{}' AND e.status = 'confirmed' ORDER BY 1",
    );
    Ok(query.bind(school.as_uuid()).bind(first).bind(last).fetch_all(connection).await?)
}

/// When there is school from `first` to `last`.
pub(crate) async fn school_days(
    connection: &mut PgConnection,
    school: SchoolId,
    (first, last): (NaiveDate, NaiveDate),
    working: Arc<WorkingDays>,
) -> Result<SchoolDays, StoreError> {
    let years = sqlx::query_as("SELECT starts_on, ends_on FROM academic_years WHERE school_id = $1 AND status = 'active'");
    Ok(SchoolDays {
        weekdays: weekdays(&mut *connection, school).await?,
        holidays: holidays(&mut *connection, school, first, last).await?.into_iter().collect(),
        working,
        years: years.bind(school.as_uuid()).fetch_all(connection).await?,
    })
}

/// The routes that are run, all or those that are named, which nobody else plans trips or takes seats of until the commit; in one order for everybody.
pub(crate) async fn lock_routes(transaction: &mut SchoolTransaction, named: Option<&[BusRouteId]>) -> Result<Vec<BusRoute>, StoreError> {
    let school = transaction.school_id();
    let named: Option<Vec<Uuid>> = named.map(|routes| routes.iter().map(|route| route.as_uuid()).collect());
    let query = "SELECT to_jsonb(r) FROM bus_routes r
        WHERE r.school_id = $1 AND r.is_active AND ($2::uuid[] IS NULL OR r.id = ANY ($2)) ORDER BY r.id FOR NO KEY UPDATE";
    let rows: Vec<Json<BusRoute>> =
        sqlx::query_scalar(query).bind(school.as_uuid()).bind(named).fetch_all(transaction.connection()?).await?;
    Ok(plain(rows))
}

/// What there is of some routes on some days.
pub(crate) struct Prospects {
    pub(crate) vehicles: HashMap<VehicleId, Vehicle>,
    pub(crate) drivers: HashMap<StaffId, Driver>,
    /// Runs for which there is a trip.
    pub(crate) planned: HashSet<Run>,
    /// Runs of which a trip was called off.
    pub(crate) called_off: HashSet<Run>,
}

/// What there is of `routes`, which are locked, on the days from `first` to `last`.
pub(crate) async fn prospects(
    transaction: &mut SchoolTransaction,
    routes: &[BusRoute],
    (first, last): (NaiveDate, NaiveDate),
) -> Result<Prospects, StoreError> {
    let school = transaction.school_id().as_uuid();
    let ids: Vec<Uuid> = routes.iter().map(|route| route.id.as_uuid()).collect();
    let connection = transaction.connection()?;
    let vehicles: Vec<Json<Vehicle>> =
        sqlx::query_scalar("SELECT to_jsonb(v) FROM vehicles v WHERE v.school_id = $1").bind(school).fetch_all(&mut *connection).await?;
    let drivers: Vec<Json<Driver>> =
        sqlx::query_scalar("SELECT to_jsonb(d) FROM bus_drivers d WHERE d.school_id = $1").bind(school).fetch_all(&mut *connection).await?;
    let trips: Vec<(Uuid, String, NaiveDate, bool)> = sqlx::query_as(
        "SELECT route_id, direction, service_date, bool_and(state = 'cancelled') FROM bus_trips
         WHERE school_id = $1 AND route_id = ANY ($2) AND service_date BETWEEN $3 AND $4 GROUP BY route_id, direction, service_date",
    )
    .bind(school)
    .bind(&ids)
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    let run = |route: Uuid, direction: &str, day: NaiveDate| Run { route_id: route.into(), direction: Direction::of(direction), day };
    let (called_off, planned): (Vec<_>, Vec<_>) = trips.into_iter().partition(|(.., is_off)| *is_off);
    let runs = |rows: Vec<(Uuid, String, NaiveDate, bool)>| rows.into_iter().map(|(route, way, day, _)| run(route, &way, day)).collect();
    Ok(Prospects {
        vehicles: plain(vehicles).into_iter().map(|vehicle: Vehicle| (vehicle.id, vehicle)).collect(),
        drivers: plain(drivers).into_iter().map(|driver: Driver| (driver.staff_id, driver)).collect(),
        planned: runs(planned),
        called_off: runs(called_off),
    })
}

/// Adds trips, all or none.
pub(crate) async fn insert_trips(transaction: &mut SchoolTransaction, trips: &[Trip]) -> Result<(), Problem> {
    let insert = sqlx::query("INSERT INTO bus_trips SELECT * FROM jsonb_populate_recordset(NULL::bus_trips, $1)");
    let done = insert.bind(Json(trips)).execute(transaction.connection()?).await;
    done.map(drop).map_err(|error| refuse(rules::RULES, StoreError::from(error)))
}
