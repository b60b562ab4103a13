//! Seats. Whoever takes one has the route to themselves until the commit; the exclusion constraints stand behind.

use chrono::{Days, NaiveDate};
use domain::{BusRouteId, StudentId, Timestamp};
use records::refuse;
use service_kit::{Kind, Problem};
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::{insert, plain, rules, save};
use crate::model::route::{Assignment, BusRoute, Direction};
use crate::model::seating::{Seating, Span, pack, seat};

/// Gives `wish` a seat on `route`, which is locked: a new one, or one that is to be held for another time than before. 409 if the bus is full on one of its days.
pub(crate) async fn take_seat(
    transaction: &mut SchoolTransaction,
    route: &BusRoute,
    mut wish: Assignment,
    is_new: bool,
) -> Result<Assignment, Problem> {
    fits_trips(transaction, &wish).await?;
    // All seats that are ever taken: reseating some for a part of their time would not do.
    let taken = taken(transaction, route, wish.direction, Some(wish.id.as_uuid())).await?;
    let spans: Vec<(Span, i32)> = taken.iter().map(|(_, span, seat)| (*span, *seat)).collect();
    match seat(&spans, Span { begin: wish.begin_date, end: wish.end_date }, route.capacity) {
        Seating::Free(seat) => wish.seat = seat,
        Seating::Full(day) => {
            return Err(Problem::conflict(Kind::Conflict, format!("All {} seats are taken on {day}.", route.capacity)));
        }
        Seating::Reseated(mut seats) => {
            wish.seat = seats.pop().unwrap_or_default();
            reseat(transaction, &taken, &seats, wish.updated_at).await?;
        }
    }
    if is_new {
        insert(transaction, &wish).await?;
    } else {
        save(transaction, &wish).await?;
    }
    settle(transaction).await?;
    Ok(wish)
}

/// 409 if a trip that is planned or runs has a vehicle without room for `wish`, though the route has. Days on which the seat is held already don't count.
async fn fits_trips(transaction: &mut SchoolTransaction, wish: &Assignment) -> Result<(), Problem> {
    // Trips that were planned before yesterday start no more.
    let from = wish.begin_date.max(wish.updated_at.date_naive() - Days::new(2));
    let full: Option<(NaiveDate, i32)> = sqlx::query_as(
        "SELECT t.service_date, v.capacity FROM bus_trips t JOIN vehicles v ON v.school_id = t.school_id AND v.id = t.vehicle_id
         WHERE t.school_id = $1 AND t.route_id = $2 AND t.direction = $3 AND t.state IN ('planned', 'running')
            AND t.service_date >= $4 AND ($5::date IS NULL OR t.service_date <= $5)
            AND NOT EXISTS (SELECT FROM bus_assignments a WHERE a.school_id = t.school_id AND a.id = $6 AND a.status = 'active'
                AND a.begin_date <= t.service_date AND (a.end_date IS NULL OR a.end_date >= t.service_date))
            AND v.capacity <= (SELECT count(*) FROM bus_assignments a WHERE a.school_id = t.school_id AND a.route_id = t.route_id
                AND a.direction = t.direction AND a.status = 'active' AND a.id <> $6
                AND a.begin_date <= t.service_date AND (a.end_date IS NULL OR a.end_date >= t.service_date))
         ORDER BY t.service_date LIMIT 1",
    )
    .bind(wish.school_id.as_uuid())
    .bind(wish.route_id.as_uuid())
    .bind(wish.direction.as_str())
    .bind(from)
    .bind(wish.end_date)
    .bind(wish.id.as_uuid())
    .fetch_optional(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    match full {
        None => Ok(()),
        Some((day, capacity)) => {
            Err(Problem::conflict(Kind::Conflict, format!("All {capacity} seats of the vehicle of that day's trip are taken on {day}.")))
        }
    }
}

/// Gives everybody on `route`, which is locked, the lowest seat that does: before seats are taken out.
pub(crate) async fn pack_seats(transaction: &mut SchoolTransaction, route: &BusRoute, now: Timestamp) -> Result<(), Problem> {
    for direction in Direction::ALL {
        let taken = taken(transaction, route, direction, None).await?;
        let spans: Vec<Span> = taken.iter().map(|(_, span, _)| *span).collect();
        reseat(transaction, &taken, &pack(&spans), now).await?;
        settle(transaction).await?;
    }
    Ok(())
}

type Taken = (Uuid, Span, i32);

async fn taken(
    transaction: &mut SchoolTransaction,
    route: &BusRoute,
    direction: Direction,
    except: Option<Uuid>,
) -> Result<Vec<Taken>, StoreError> {
    let school = transaction.school_id();
    let rows: Vec<(Uuid, NaiveDate, Option<NaiveDate>, i32)> = sqlx::query_as(
        "SELECT id, begin_date, end_date, seat FROM bus_assignments
         WHERE school_id = $1 AND route_id = $2 AND direction = $3 AND status = 'active' AND id IS DISTINCT FROM $4 ORDER BY begin_date, id",
    )
    .bind(school.as_uuid())
    .bind(route.id.as_uuid())
    .bind(direction.as_str())
    .bind(except)
    .fetch_all(transaction.connection()?)
    .await?;
    Ok(rows.into_iter().map(|(id, begin, end, seat)| (id, Span { begin, end }, seat)).collect())
}

async fn reseat(transaction: &mut SchoolTransaction, taken: &[Taken], seats: &[i32], now: Timestamp) -> Result<(), Problem> {
    let school = transaction.school_id();
    let ids: Vec<Uuid> = taken.iter().map(|(id, ..)| *id).collect();
    let connection = transaction.connection()?;
    let moved = async {
        // Until all have moved, two may sit on one seat.
        sqlx::query("SET CONSTRAINTS bus_assignments_one_a_seat DEFERRED").execute(&mut *connection).await?;
        sqlx::query(
            "UPDATE bus_assignments a SET seat = n.seat, version = a.version + 1, updated_at = $4
             FROM unnest($2::uuid[], $3::int[]) AS n (id, seat) WHERE a.school_id = $1 AND a.id = n.id AND a.seat <> n.seat",
        )
        .bind(school.as_uuid())
        .bind(ids)
        .bind(seats)
        .bind(now)
        .execute(&mut *connection)
        .await
    };
    moved.await.map(drop).map_err(|error: sqlx::Error| refuse(rules::RULES, StoreError::from(error)))
}

async fn settle(transaction: &mut SchoolTransaction) -> Result<(), Problem> {
    let settled = sqlx::query("SET CONSTRAINTS bus_assignments_one_a_seat IMMEDIATE").execute(transaction.connection()?).await;
    settled.map(drop).map_err(|error| refuse(rules::RULES, StoreError::from(error)))
}

/// Which seats a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct AssignmentFilter {
    pub(crate) route: Option<BusRouteId>,
    pub(crate) student: Option<StudentId>,
    pub(crate) direction: Option<Direction>,
    /// Held on this day.
    pub(crate) on: Option<NaiveDate>,
    pub(crate) after: Option<Uuid>,
}

/// The first `limit` seats, by their ids: in the order in which they were taken.
pub(crate) async fn list_assignments(
    transaction: &mut SchoolTransaction,
    filter: &AssignmentFilter,
    limit: u64,
) -> Result<Vec<Assignment>, StoreError> {
    let school = transaction.school_id();
    let query = "SELECT to_jsonb(a) FROM bus_assignments a
        WHERE a.school_id = $1 AND ($2::uuid IS NULL OR a.route_id = $2) AND ($3::uuid IS NULL OR a.student_id = $3) AND ($4::text IS NULL OR a.direction = $4)
            AND ($5::date IS NULL OR (a.status = 'active' AND a.begin_date <= $5 AND (a.end_date IS NULL OR a.end_date >= $5)))
            AND ($6::uuid IS NULL OR a.id > $6)
        ORDER BY a.id LIMIT $7";
    let rows: Vec<Json<Assignment>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(filter.route.map(Uuid::from))
        .bind(filter.student.map(Uuid::from))
        .bind(filter.direction.map(Direction::as_str))
        .bind(filter.on)
        .bind(filter.after)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(plain(rows))
}
