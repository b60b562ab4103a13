//! What time brings to light: trips that may have been forgotten, and the seats of those who have left the school.

use chrono::{Days, NaiveDate};
use domain::{BusTripId, SchoolId, Timestamp};
use sqlx::PgConnection;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use crate::model::forgotten::{QUIET, WAITED_FOR};
use crate::model::progress::DELAY_TOLD;

/// The trips that may have been forgotten: those that run though their last stop was due a while ago, and those that have not begun though their first one was. Of the latter
/// only those that nothing is told of yet. Which of them were is in [`crate::model::forgotten`].
pub(crate) async fn maybe_forgotten(
    connection: &mut PgConnection,
    school: SchoolId,
    today: NaiveDate,
    now: Timestamp,
) -> Result<Vec<BusTripId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT t.id FROM bus_trips t JOIN schools o ON o.id = t.school_id
         CROSS JOIN LATERAL (SELECT min(CASE t.direction WHEN 'pickup' THEN s.pickup_time ELSE s.drop_time END) AS first,
                max(CASE t.direction WHEN 'pickup' THEN s.pickup_time ELSE s.drop_time END) AS last
            FROM route_stops s WHERE s.school_id = t.school_id AND s.route_id = t.route_id) c
         WHERE t.school_id = $1 AND (
            (t.state = 'running' AND greatest((t.service_date + c.last) AT TIME ZONE o.time_zone, t.started_at) <= $3)
            OR (t.state = 'planned' AND t.service_date BETWEEN $2 - 1 AND $2 AND (t.service_date + c.first) AT TIME ZONE o.time_zone BETWEEN $4 AND $5
                AND NOT EXISTS (SELECT FROM bus_alerts a WHERE a.school_id = t.school_id AND a.trip_id = t.id AND a.kind = 'delay')))
         ORDER BY t.id",
    )
    .bind(school.as_uuid())
    .bind(today)
    .bind(now - QUIET)
    .bind(now - WAITED_FOR)
    .bind(now - DELAY_TOLD)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(BusTripId::from_uuid).collect())
}

/// The condition on seats `a` that are held on `$2` or later by somebody who is no student of the school any more.
macro_rules! of_leavers {
    () => {
        "a.school_id = $1 AND a.status = 'active' AND (a.end_date IS NULL OR a.end_date >= $2)
         AND EXISTS (SELECT FROM students s WHERE s.school_id = a.school_id AND s.id = a.student_id AND s.status <> 'active')"
    };
}

/// Whether somebody who has left the school has a seat on `today` or later.
pub(crate) async fn has_leavers(connection: &mut PgConnection, school: SchoolId, today: NaiveDate) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar(concat!("SELECT EXISTS (SELECT FROM bus_assignments a WHERE ", of_leavers!(), ")"));
    Ok(query.bind(school.as_uuid()).bind(today).fetch_one(connection).await?)
}

/// Ends the seats of those who have left the school with the day before `today`, and gives those back that begin later; how many there were.
pub(crate) async fn end_seats_of_leavers(
    transaction: &mut SchoolTransaction,
    today: NaiveDate,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let school = transaction.school_id();
    let connection = transaction.connection()?;
    // The routes first, and in one order, as whoever takes a seat does.
    sqlx::query(concat!(
        "SELECT FROM bus_routes r WHERE r.school_id = $1 AND r.id IN (SELECT a.route_id FROM bus_assignments a WHERE ",
        of_leavers!(),
        ") ORDER BY r.id FOR NO KEY UPDATE"
    ))
    .bind(school.as_uuid())
    .bind(today)
    .execute(&mut *connection)
    .await?;
    let ended = sqlx::query(concat!(
        "UPDATE bus_assignments a SET end_date = CASE WHEN a.begin_date < $2 THEN $3 ELSE a.end_date END,
            status = CASE WHEN a.begin_date < $2 THEN a.status ELSE 'cancelled' END, version = a.version + 1, updated_at = $4 WHERE ",
        of_leavers!()
    ))
    .bind(school.as_uuid())
    .bind(today)
    .bind(today - Days::new(1))
    .bind(now)
    .execute(connection)
    .await?;
    Ok(usize::try_from(ended.rows_affected()).unwrap_or(usize::MAX))
}
