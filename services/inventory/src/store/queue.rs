//! The table `inventory_reservations`. A queue changes only while the books of its item are open.

use chrono::{Duration, NaiveDate};
use domain::{InventoryItemId, LoanId, ReservationId, SchoolId, StudentId, Timestamp, UserId};
use service_kit::{Platform, Problem};
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::{Books, Borrower, LoanScope, plain, refuse};
use crate::events;
use crate::model::loan::Terms;
use crate::model::penalty::PenaltyRule;
use crate::model::queue::{Change, Place, Reservation, State, settle};

impl Books<'_> {
    /// Who waits for the item, in the order of the queue.
    pub(crate) async fn queue(&mut self) -> Result<Vec<Place>, Problem> {
        let query =
            "SELECT to_jsonb(r) FROM inventory_reservations r WHERE r.school_id = $1 AND r.item_id = $2 AND r.state IN ('waiting', 'ready')
                     ORDER BY r.created_at, r.id";
        let school = self.transaction.school_id().as_uuid();
        let rows: Vec<Json<Place>> =
            sqlx::query_scalar(query).bind(school).bind(self.item.id).fetch_all(self.transaction.connection()?).await.map_err(refuse)?;
        Ok(plain(rows))
    }

    /// On which terms the item is lent: those of its category.
    pub(crate) async fn terms(&mut self) -> Result<(Terms, PenaltyRule), Problem> {
        let Some(category) = self.item.category_id else { return Ok((Terms::default(), PenaltyRule::default())) };
        let query = "SELECT loan_days, max_renewals, hold_days, penalty_per_day_minor, penalty_grace_days, penalty_cap_minor FROM inventory_categories
                     WHERE school_id = $1 AND id = $2";
        let school = self.transaction.school_id().as_uuid();
        let (loan_days, max_renewals, hold_days, per_day_minor, grace_days, cap_minor): (i32, i32, i32, i64, i32, Option<i64>) =
            sqlx::query_as(query).bind(school).bind(category).fetch_one(self.transaction.connection()?).await.map_err(refuse)?;
        let terms = Terms { loan_days: loan_days.unsigned_abs().into(), max_renewals, hold_days: hold_days.into() };
        Ok((terms, PenaltyRule { per_day_minor, grace_days, cap_minor }))
    }

    /// Brings the queue up to date with what is there: whose time is over goes, whose turn it is gets a piece kept and is told. Closing the books does it; before that
    /// only who has to know the queue as it is.
    pub(crate) async fn settle_queue(&mut self) -> Result<(), Problem> {
        let places = self.queue().await?;
        if places.is_empty() {
            return Ok(());
        }
        let changes = settle(&places, self.there(), self.now, self.today);
        if changes.is_empty() {
            return Ok(());
        }
        let (terms, _) = self.terms().await?;
        let until = self.now + Duration::days(terms.hold_days);
        let (ids, states): (Vec<Uuid>, Vec<&str>) = changes
            .iter()
            .map(|change| match change {
                Change::Expire(id) => (*id, State::Expired.as_str()),
                Change::Keep(id) => (*id, State::Ready.as_str()),
                Change::Release(id) => (*id, State::Waiting.as_str()),
            })
            .unzip();
        let update = "UPDATE inventory_reservations r SET state = n.state, version = r.version + 1, updated_at = $5,
                held_until = CASE n.state WHEN 'ready' THEN $4 WHEN 'expired' THEN r.held_until END
            FROM unnest($2::uuid[], $3::text[]) AS n (id, state), inventory_items i
            WHERE r.school_id = $1 AND r.id = n.id AND i.school_id = r.school_id AND i.id = r.item_id
            RETURNING to_jsonb(r) || jsonb_build_object('item_name', i.name)";
        let rows: Vec<Json<Reservation>> = sqlx::query_scalar(update)
            .bind(self.transaction.school_id().as_uuid())
            .bind(ids)
            .bind(states)
            .bind(until)
            .bind(self.now)
            .fetch_all(self.transaction.connection()?)
            .await
            .map_err(refuse)?;
        let mut ready: Vec<Reservation> =
            plain(rows).into_iter().filter(|reservation: &Reservation| reservation.state == State::Ready).collect();
        ready.sort_by_key(|reservation| (reservation.created_at, reservation.id.as_uuid()));
        events::reservations_ready(self, &ready).await
    }
}

/// The borrower has it now: their reservation is over.
pub(crate) async fn fulfil(books: &mut Books<'_>, borrower: UserId, loan: LoanId) -> Result<(), Problem> {
    let update = "UPDATE inventory_reservations SET state = 'fulfilled', loan_id = $4, version = version + 1, updated_at = $5
                  WHERE school_id = $1 AND item_id = $2 AND borrower_user_id = $3 AND state IN ('waiting', 'ready')";
    sqlx::query(update)
        .bind(books.transaction.school_id().as_uuid())
        .bind(books.item.id)
        .bind(borrower.as_uuid())
        .bind(loan.as_uuid())
        .bind(books.now)
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(())
}

/// In which active schools somebody's time in a queue is over, or a loan overdue of which nobody was told. Asked as the batch processor, which sees those of all
/// schools; a service sees one school at a time.
pub async fn schools_with_something_due(platform: &Platform) -> Result<Vec<SchoolId>, Problem> {
    let mut transaction = platform.batch_postgres().platform().await?;
    // Nowhere is it later than two days after it is in UTC: so much is for the indexes, the rest by the school's own day.
    let query = "SELECT o.id FROM schools o JOIN (
            SELECT school_id, due_on AS day FROM inventory_loans
                WHERE state = 'open' AND (reminded_on IS NULL OR reminded_on <= due_on) AND due_on < ($1 AT TIME ZONE 'UTC')::date + 2
            UNION SELECT school_id, expires_on FROM inventory_reservations WHERE state = 'waiting' AND expires_on < ($1 AT TIME ZONE 'UTC')::date + 2
        ) AS late ON late.school_id = o.id
        WHERE o.is_active AND late.day < ($1 AT TIME ZONE o.time_zone)::date
        UNION SELECT o.id FROM schools o JOIN inventory_reservations r ON r.school_id = o.id
        WHERE o.is_active AND r.state = 'ready' AND r.held_until <= $1
        ORDER BY id";
    let now = platform.clock().now();
    let ids: Vec<Uuid> = sqlx::query_scalar(query).bind(now).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    Ok(ids.into_iter().map(SchoolId::from_uuid).collect())
}

/// Items whose queue has somebody whose time is over. Time passes without anybody doing anything.
pub(crate) async fn overdue_queues(transaction: &mut SchoolTransaction, now: Timestamp, today: NaiveDate) -> Result<Vec<Uuid>, Problem> {
    let query = "SELECT DISTINCT item_id FROM inventory_reservations WHERE school_id = $1
                 AND ((state = 'ready' AND held_until <= $2) OR (state = 'waiting' AND expires_on < $3)) ORDER BY item_id LIMIT 200";
    let school = transaction.school_id().as_uuid();
    sqlx::query_scalar(query).bind(school).bind(now).bind(today).fetch_all(transaction.connection()?).await.map_err(refuse)
}

// A reservation as it stands at `$4`, written down or not: whose time is over has expired, and as many of the others as there are pieces are ready, the first
// of the queue first. It is what `settle` comes to.
macro_rules! select_reservations {
    ($rest:literal) => {
        concat!(
            "SELECT to_jsonb(r) || jsonb_build_object('item_name', i.name, 'borrower_name', b.full_name, 'state', shown.state)
             FROM inventory_reservations r JOIN inventory_items i ON i.school_id = r.school_id AND i.id = r.item_id
             JOIN schools o ON o.id = r.school_id
             LEFT JOIN users b ON b.id = r.borrower_user_id
             CROSS JOIN LATERAL (SELECT ($4 AT TIME ZONE o.time_zone)::date AS today) AS day
             CROSS JOIN LATERAL (SELECT CASE
                WHEN r.state NOT IN ('waiting', 'ready') THEN r.state
                WHEN CASE r.state WHEN 'ready' THEN r.held_until <= $4 ELSE r.expires_on < day.today END THEN 'expired'
                WHEN (SELECT count(*) FROM inventory_reservations a WHERE a.school_id = r.school_id AND a.item_id = r.item_id
                        AND a.state IN ('waiting', 'ready') AND (a.created_at, a.id) < (r.created_at, r.id)
                        AND NOT CASE a.state WHEN 'ready' THEN a.held_until <= $4 ELSE a.expires_on < day.today END)
                    < (SELECT coalesce(sum(s.on_hand), 0) FROM inventory_stock s WHERE s.school_id = r.school_id AND s.item_id = r.item_id) THEN 'ready'
                ELSE 'waiting' END AS state) AS shown
             WHERE r.school_id = $1 AND ($2::uuid IS NULL OR r.borrower_user_id = $2 OR r.student_id = ANY($3)) ",
            $rest
        )
    };
}

/// Puts somebody at the end of the queue.
pub(crate) async fn reserve(books: &mut Books<'_>, who: Borrower, expires_on: NaiveDate) -> Result<ReservationId, Problem> {
    let id = ReservationId::generate();
    let insert = "INSERT INTO inventory_reservations (school_id, id, item_id, borrower_user_id, student_id, expires_on, reserved_by, created_at, updated_at)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    sqlx::query(insert)
        .bind(books.transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(books.item.id)
        .bind(who.user.as_uuid())
        .bind(who.student.map(StudentId::as_uuid))
        .bind(expires_on)
        .bind(books.by())
        .bind(books.now)
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(id)
}

/// Takes somebody out of the queue.
pub(crate) async fn cancel_reservation(books: &mut Books<'_>, id: ReservationId) -> Result<(), Problem> {
    let update =
        "UPDATE inventory_reservations SET state = 'cancelled', version = version + 1, updated_at = $3 WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(books.transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(books.now)
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(())
}

/// The reservation as it stands at `now`, if the caller may see it; else 404.
pub(crate) async fn find_reservation(
    transaction: &mut SchoolTransaction,
    id: ReservationId,
    scope: &LoanScope,
    now: Timestamp,
) -> Result<Reservation, Problem> {
    let query = select_reservations!("AND r.id = $5");
    let found: Option<Json<Reservation>> = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(scope.own.map(UserId::as_uuid))
        .bind(scope.children())
        .bind(now)
        .bind(id.as_uuid())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(refuse)?;
    found.map(|Json(reservation)| reservation).ok_or_else(|| Problem::not_found("reservation"))
}

/// Which reservations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueFilter {
    pub(crate) item: Option<InventoryItemId>,
    pub(crate) state: Option<State>,
}

/// Reservations as they stand at `now`, in the order in which they were made.
pub(crate) async fn list_reservations(
    transaction: &mut SchoolTransaction,
    scope: &LoanScope,
    filter: QueueFilter,
    now: Timestamp,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Reservation>, Problem> {
    let query = select_reservations!(
        "AND ($5::uuid IS NULL OR r.item_id = $5) AND ($6::text IS NULL OR shown.state = $6) AND ($7::uuid IS NULL OR r.id > $7) ORDER BY r.id LIMIT $8"
    );
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(scope.own.map(UserId::as_uuid))
        .bind(scope.children())
        .bind(now)
        .bind(filter.item.map(InventoryItemId::as_uuid))
        .bind(filter.state.map(State::as_str))
        .bind(after)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}
