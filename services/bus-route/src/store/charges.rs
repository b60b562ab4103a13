//! Telling fee what a seat costs: each student once a month in each direction, however often the seat changes, with the event in the transaction that notes it. A
//! month that was charged stays charged when the seat is given back.

use chrono::NaiveDate;
use domain::{Actor, BusAssignmentId, BusFeeSlabId, EventKind, SchoolId, StudentId, Timestamp};
use serde::Serialize;
use service_kit::Problem;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::natural_id;

use super::plain;
use crate::model::fee::{FeeSlab, Month};
use crate::model::route::Assignment;

#[derive(Serialize)]
struct FeeDue<'d> {
    student_id: StudentId,
    allocation_id: BusAssignmentId,
    amount_minor: i64,
    currency: &'d str,
    period: String,
    description: String,
    due_on: NaiveDate,
}

/// What a charge is worked out from.
struct Charge {
    id: Uuid,
    school: SchoolId,
    assignment: BusAssignmentId,
    student: StudentId,
    slab: BusFeeSlabId,
    due_on: NaiveDate,
}

/// Charges a seat that was just taken for the month that it begins in, or for the present one if it began earlier. Nothing if no slab says what it costs, if the seat is
/// over, or if it begins after the next month, which is charged when it comes.
pub(crate) async fn charge(
    transaction: &mut SchoolTransaction,
    seat: &Assignment,
    route: &str,
    metres: Option<i32>,
    by: Option<Actor>,
    today: NaiveDate,
    now: Timestamp,
) -> Result<bool, Problem> {
    let month = Month::of(seat.begin_date.max(today));
    if !month.may_be_charged_on(today) || seat.end_date.is_some_and(|end| end < today) {
        return Ok(false);
    }
    let slabs = slabs(transaction).await?;
    charge_one(transaction, seat, route, metres, month, &slabs, by, now).await
}

/// Charges everybody who has a seat on a day of `month` and was not charged for it yet; how many were.
pub(crate) async fn charge_month(
    transaction: &mut SchoolTransaction,
    month: Month,
    by: Option<Actor>,
    now: Timestamp,
) -> Result<usize, Problem> {
    let school = transaction.school_id();
    // Two who charge at once: the second waits, and finds nothing left to charge.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('bus fees ' || $1::text, 24))")
        .bind(school.as_uuid())
        .execute(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let rows: Vec<(Json<Assignment>, String, Option<i32>)> = sqlx::query_as(
        "SELECT to_jsonb(a), r.name, s.distance_metres FROM bus_assignments a
         JOIN bus_routes r ON r.school_id = a.school_id AND r.id = a.route_id
         JOIN route_stops s ON s.school_id = a.school_id AND s.id = a.stop_id
         WHERE a.school_id = $1 AND a.status = 'active' AND daterange(a.begin_date, a.end_date, '[]') && daterange($2, $3, '[]')
            AND NOT EXISTS (SELECT FROM bus_fee_charges c WHERE c.school_id = a.school_id AND c.student_id = a.student_id
                AND c.direction = a.direction AND c.period = $4)
         ORDER BY a.id",
    )
    .bind(school.as_uuid())
    .bind(month.first())
    .bind(month.last())
    .bind(month.to_string())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let slabs = slabs(transaction).await?;
    let mut charged = 0;
    for (Json(seat), route, metres) in rows {
        charged += usize::from(charge_one(transaction, &seat, &route, metres, month, &slabs, by, now).await?);
    }
    Ok(charged)
}

async fn slabs(transaction: &mut SchoolTransaction) -> Result<Vec<FeeSlab>, StoreError> {
    let school = transaction.school_id();
    let query = sqlx::query_scalar("SELECT to_jsonb(s) FROM bus_fee_slabs s WHERE s.school_id = $1");
    Ok(plain(query.bind(school.as_uuid()).fetch_all(transaction.connection()?).await?))
}

#[allow(clippy::too_many_arguments)] // what a charge is made of, and no two of a type
async fn charge_one(
    transaction: &mut SchoolTransaction,
    seat: &Assignment,
    route: &str,
    metres: Option<i32>,
    month: Month,
    slabs: &[FeeSlab],
    by: Option<Actor>,
    now: Timestamp,
) -> Result<bool, Problem> {
    let day = seat.begin_date.max(month.first());
    let Some(metres) = metres else { return Ok(false) };
    let Some(slab) = slabs.iter().find(|slab| slab.holds(metres, day)) else { return Ok(false) };
    let period = month.to_string();
    let charge = Charge {
        id: natural_id("bus_fee_charge", &[seat.student_id.as_uuid().as_bytes(), seat.direction.as_str().as_bytes(), period.as_bytes()]),
        school: seat.school_id,
        assignment: seat.id,
        student: seat.student_id,
        slab: slab.id,
        due_on: month.due_on(seat.begin_date),
    };
    let noted = sqlx::query(
        "INSERT INTO bus_fee_charges (id, school_id, assignment_id, student_id, slab_id, period, currency, amount_minor, due_on, created_at, updated_at, direction)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11) ON CONFLICT (school_id, student_id, direction, period) DO NOTHING",
    )
    .bind(charge.id)
    .bind(charge.school.as_uuid())
    .bind(charge.assignment.as_uuid())
    .bind(charge.student.as_uuid())
    .bind(charge.slab.as_uuid())
    .bind(&period)
    .bind(&slab.currency)
    .bind(slab.amount_minor)
    .bind(charge.due_on)
    .bind(now)
    .bind(seat.direction.as_str())
    .execute(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    if noted.rows_affected() == 0 {
        return Ok(false);
    }
    let data = FeeDue {
        student_id: charge.student,
        allocation_id: charge.assignment,
        amount_minor: slab.amount_minor,
        currency: &slab.currency,
        description: format!("Bus, {route}, {}, {period}", seat.direction.in_words()),
        period,
        due_on: charge.due_on,
    };
    let event = events::envelope(EventKind::TransportFeeDue, charge.school, by, charge.id, now, &data)?;
    events::outbox::enqueue(&*transaction, &event).await.map_err(Problem::internal)?;
    Ok(true)
}
