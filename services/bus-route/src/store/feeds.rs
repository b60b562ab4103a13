//! What the feeds are made of.

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{SchoolId, Timestamp};
use serde::Deserialize;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};

use super::plain;
use super::planning::{holidays, weekdays};
use crate::model::alert::Alert;
use crate::model::route::{BusRoute, Stop};

/// Who runs the buses.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Agency {
    pub(crate) id: SchoolId,
    pub(crate) name: String,
    pub(crate) time_zone: String,
}

impl Agency {
    pub(crate) fn zone(&self) -> Tz {
        self.time_zone.parse().unwrap_or(Tz::UTC)
    }
}

/// Everything that the static feed says.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) agency: Agency,
    pub(crate) routes: Vec<BusRoute>,
    /// Those that are served.
    pub(crate) stops: Vec<Stop>,
    /// Days of the week with school, 1 is Monday.
    pub(crate) weekdays: Vec<i32>,
    pub(crate) begin: NaiveDate,
    pub(crate) end: NaiveDate,
    /// Days without school.
    pub(crate) holidays: Vec<NaiveDate>,
    /// When anything of it was changed last.
    pub(crate) changed_at: Timestamp,
}

/// The school as the agency that runs the buses.
pub(crate) async fn agency(transaction: &mut SchoolTransaction) -> Result<Agency, StoreError> {
    let school = transaction.school_id();
    let query = "SELECT jsonb_build_object('id', id, 'name', name, 'time_zone', time_zone) FROM schools WHERE id = $1";
    let Json(agency) = sqlx::query_scalar(query).bind(school.as_uuid()).fetch_one(transaction.connection()?).await?;
    Ok(agency)
}

/// The routes that are run, with their stops, in the academic year that `today` is in; in the half year around it if there is none.
pub(crate) async fn plan(transaction: &mut SchoolTransaction, today: NaiveDate) -> Result<Plan, StoreError> {
    let agency = agency(transaction).await?;
    let school = transaction.school_id();
    let connection = transaction.connection()?;
    let routes: Vec<Json<BusRoute>> =
        sqlx::query_scalar("SELECT to_jsonb(r) FROM bus_routes r WHERE r.school_id = $1 AND r.is_active ORDER BY r.name, r.id")
            .bind(school.as_uuid())
            .fetch_all(&mut *connection)
            .await?;
    let stops: Vec<Json<Stop>> = sqlx::query_scalar(
        "SELECT to_jsonb(s) FROM route_stops s JOIN bus_routes r ON r.school_id = s.school_id AND r.id = s.route_id AND r.is_active
         WHERE s.school_id = $1 AND (s.pickup_time IS NOT NULL OR s.drop_time IS NOT NULL) ORDER BY r.name, r.id, s.position",
    )
    .bind(school.as_uuid())
    .fetch_all(&mut *connection)
    .await?;
    let weekdays = weekdays(&mut *connection, school).await?;
    let year: Option<(NaiveDate, NaiveDate)> = sqlx::query_as(
        "SELECT starts_on, ends_on FROM academic_years WHERE school_id = $1 AND status = 'active' AND $2 BETWEEN starts_on AND ends_on
         ORDER BY starts_on DESC LIMIT 1",
    )
    .bind(school.as_uuid())
    .bind(today)
    .fetch_optional(&mut *connection)
    .await?;
    let (begin, end) = year.unwrap_or((today - chrono::Days::new(90), today + chrono::Days::new(90)));
    let holidays = holidays(connection, school, begin, end).await?;
    let (routes, stops): (Vec<BusRoute>, Vec<Stop>) = (plain(routes), plain(stops));
    let changed = routes.iter().map(|route| route.updated_at).chain(stops.iter().map(|stop| stop.updated_at)).max();
    Ok(Plan { agency, routes, stops, weekdays, begin, end, holidays, changed_at: changed.unwrap_or_default() })
}

/// What riders should know now: notices, delays, and trips that don't take place. Nothing that is about a student leaves the school.
pub(crate) async fn open_notices(transaction: &mut SchoolTransaction, now: Timestamp) -> Result<Vec<Alert>, StoreError> {
    let school = transaction.school_id();
    let query = "SELECT to_jsonb(a) FROM bus_alerts a LEFT JOIN bus_trips t ON t.school_id = a.school_id AND t.id = a.trip_id
        WHERE a.school_id = $1 AND a.kind NOT IN ('not_alighted', 'not_ended') AND a.student_id IS NULL AND a.resolved_at IS NULL AND (a.ends_at IS NULL OR a.ends_at > $2)
            AND (t.id IS NULL OR t.state IN ('planned', 'running') OR a.kind = 'cancelled')
        ORDER BY a.begins_at, a.id";
    let rows: Vec<Json<Alert>> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(now).fetch_all(transaction.connection()?).await?;
    Ok(plain(rows))
}
