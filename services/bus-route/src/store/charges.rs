//! Telling fee what a seat costs: each student once a month in each direction, however often the seat changes, with the event in the transaction that notes it. A
//! month that was charged stays charged when the seat is given back.

use std::collections::HashSet;

use chrono::NaiveDate;
use domain::{Actor, BusAssignmentId, BusFeeSlabId, EventKind, StudentId, Timestamp};
use serde::Serialize;
use service_kit::Problem;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::natural_id;

use super::plain;
use crate::model::fee::{FeeSlab, Month};
use crate::model::route::{Assignment, Direction};

#[derive(Serialize)]
struct FeeDue<'d> {
    student_id: StudentId,
    allocation_id: BusAssignmentId,
    amount_minor: i64,
    currency: &'d str,
    period: &'d str,
    description: &'d str,
    due_on: NaiveDate,
}

/// What is to be charged.
struct Charge {
    id: Uuid,
    assignment: BusAssignmentId,
    student: StudentId,
    direction: Direction,
    slab: BusFeeSlabId,
    amount_minor: i64,
    currency: String,
    due_on: NaiveDate,
    description: String,
}

impl Charge {
    /// What a seat costs in a month; nothing if no slab says so.
    fn of(seat: &Assignment, route: &str, metres: Option<i32>, month: Month, slabs: &[FeeSlab]) -> Option<Self> {
        let (metres, day) = (metres?, seat.begin_date.max(month.first()));
        let slab = slabs.iter().find(|slab| slab.holds(metres, day))?;
        let period = month.to_string();
        Some(Self {
            id: natural_id(
                "bus_fee_charge",
                &[seat.student_id.as_uuid().as_bytes(), seat.direction.as_str().as_bytes(), period.as_bytes()],
            ),
            assignment: seat.id,
            student: seat.student_id,
            direction: seat.direction,
            slab: slab.id,
            amount_minor: slab.amount_minor,
            currency: slab.currency.clone(),
            due_on: month.due_on(seat.begin_date),
            description: format!("Bus, {route}, {}, {period}", seat.direction.in_words()),
        })
    }
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
    let charges: Vec<Charge> = Charge::of(seat, route, metres, month, &slabs).into_iter().collect();
    Ok(note(transaction, &charges, month, by, now).await? > 0)
}

/// Charges every student of the school who has a seat on a day of `month` and was not charged for it yet; how many were.
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
         JOIN students p ON p.school_id = a.school_id AND p.id = a.student_id AND p.status = 'active'
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
    let charge = |(Json(seat), route, metres): (Json<Assignment>, String, Option<i32>)| Charge::of(&seat, &route, metres, month, &slabs);
    // A student may have had two seats in the month, one after the other: the first counts.
    let mut known = HashSet::new();
    let charges: Vec<Charge> = rows.into_iter().filter_map(charge).filter(|charge| known.insert(charge.id)).collect();
    note(transaction, &charges, month, by, now).await
}

async fn slabs(transaction: &mut SchoolTransaction) -> Result<Vec<FeeSlab>, StoreError> {
    let school = transaction.school_id();
    let query = sqlx::query_scalar("SELECT to_jsonb(s) FROM bus_fee_slabs s WHERE s.school_id = $1");
    Ok(plain(query.bind(school.as_uuid()).fetch_all(transaction.connection()?).await?))
}

/// Notes what is charged for `month` and tells fee; how many had not been charged before. However many there are, it is two statements.
async fn note(
    transaction: &mut SchoolTransaction,
    charges: &[Charge],
    month: Month,
    by: Option<Actor>,
    now: Timestamp,
) -> Result<usize, Problem> {
    let (school, period) = (transaction.school_id(), month.to_string());
    let noted: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO bus_fee_charges (id, school_id, assignment_id, student_id, direction, slab_id, currency, amount_minor, due_on, period, created_at, updated_at)
         SELECT c.id, $1, c.assignment, c.student, c.direction, c.slab, c.currency, c.amount, c.due_on, $2, $3, $3
         FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::uuid[], $9::text[], $10::bigint[], $11::date[])
            AS c (id, assignment, student, direction, slab, currency, amount, due_on)
         ON CONFLICT (school_id, student_id, direction, period) DO NOTHING RETURNING id",
    )
    .bind(school.as_uuid())
    .bind(&period)
    .bind(now)
    .bind(charges.iter().map(|charge| charge.id).collect::<Vec<_>>())
    .bind(charges.iter().map(|charge| charge.assignment.as_uuid()).collect::<Vec<_>>())
    .bind(charges.iter().map(|charge| charge.student.as_uuid()).collect::<Vec<_>>())
    .bind(charges.iter().map(|charge| charge.direction.as_str()).collect::<Vec<_>>())
    .bind(charges.iter().map(|charge| charge.slab.as_uuid()).collect::<Vec<_>>())
    .bind(charges.iter().map(|charge| charge.currency.as_str()).collect::<Vec<_>>())
    .bind(charges.iter().map(|charge| charge.amount_minor).collect::<Vec<_>>())
    .bind(charges.iter().map(|charge| charge.due_on).collect::<Vec<_>>())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let noted: HashSet<Uuid> = noted.into_iter().collect();
    let event = |charge: &Charge| {
        let data = FeeDue {
            student_id: charge.student,
            allocation_id: charge.assignment,
            amount_minor: charge.amount_minor,
            currency: &charge.currency,
            period: &period,
            description: &charge.description,
            due_on: charge.due_on,
        };
        events::envelope(EventKind::TransportFeeDue, school, by, charge.id, now, &data)
    };
    let told = charges.iter().filter(|charge| noted.contains(&charge.id)).map(event).collect::<Result<Vec<_>, _>>()?;
    events::outbox::enqueue_all(&*transaction, &told).await.map_err(Problem::internal)?;
    Ok(told.len())
}
