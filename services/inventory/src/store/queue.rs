//! The table `inventory_reservations`. A queue changes only while the books of its item are open.

use chrono::{Duration, NaiveDate};
use domain::{InventoryItemId, LoanId, ReservationId, StudentId, Timestamp, UserId};
use service_kit::Problem;
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

    /// Brings the queue up to date with what is there: whose time is over goes, whose turn it is gets a piece kept and is told.
    pub(crate) async fn settle_queue(&mut self) -> Result<(), Problem> {
        let places = self.queue().await?;
        if places.is_empty() {
            return Ok(());
        }
        let there = self.on_hand(None).await?;
        let changes = settle(&places, there, self.now, self.today);
        if changes.is_empty() {
            return Ok(());
        }
        let (terms, _) = self.terms().await?;
        let until = self.now + Duration::days(terms.hold_days);
        for change in changes {
            let (id, state, held): (Uuid, &str, Option<Timestamp>) = match change {
                Change::Expire(id) => (id, "expired", None),
                Change::Keep(id) => (id, "ready", Some(until)),
            };
            let update = "UPDATE inventory_reservations r SET state = $3, held_until = coalesce($4, r.held_until), version = r.version + 1, updated_at = $5
                FROM inventory_items i WHERE i.school_id = r.school_id AND i.id = r.item_id AND r.school_id = $1 AND r.id = $2
                RETURNING to_jsonb(r) || jsonb_build_object('item_name', i.name)";
            let Json(reservation) = sqlx::query_scalar::<_, Json<Reservation>>(update)
                .bind(self.transaction.school_id().as_uuid())
                .bind(id)
                .bind(state)
                .bind(held)
                .bind(self.now)
                .fetch_one(self.transaction.connection()?)
                .await
                .map_err(refuse)?;
            if held.is_some() {
                events::reservation_ready(self, &reservation).await?;
            }
        }
        Ok(())
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

/// Items whose queue has somebody whose time is over. Time passes without anybody doing anything, so whoever looks at queues settles these first.
pub(crate) async fn overdue_queues(transaction: &mut SchoolTransaction, now: Timestamp, today: NaiveDate) -> Result<Vec<Uuid>, Problem> {
    let query = "SELECT DISTINCT item_id FROM inventory_reservations WHERE school_id = $1
                 AND ((state = 'ready' AND held_until <= $2) OR (state = 'waiting' AND expires_on < $3)) ORDER BY item_id LIMIT 200";
    let school = transaction.school_id().as_uuid();
    sqlx::query_scalar(query).bind(school).bind(now).bind(today).fetch_all(transaction.connection()?).await.map_err(refuse)
}

macro_rules! select_reservations {
    ($rest:literal) => {
        concat!(
            "SELECT to_jsonb(r) || jsonb_build_object('item_name', i.name, 'borrower_name', b.full_name)
             FROM inventory_reservations r JOIN inventory_items i ON i.school_id = r.school_id AND i.id = r.item_id
             LEFT JOIN users b ON b.id = r.borrower_user_id
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

/// The reservation, if the caller may see it; else 404.
pub(crate) async fn find_reservation(
    transaction: &mut SchoolTransaction,
    id: ReservationId,
    scope: &LoanScope,
) -> Result<Reservation, Problem> {
    let query = select_reservations!("AND r.id = $4");
    let found: Option<Json<Reservation>> = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(scope.own.map(UserId::as_uuid))
        .bind(scope.children())
        .bind(id.as_uuid())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(refuse)?;
    found.map(|Json(reservation)| reservation).ok_or_else(|| Problem::not_found("reservation"))
}

/// Reservations in the order in which they were made.
pub(crate) async fn list_reservations(
    transaction: &mut SchoolTransaction,
    scope: &LoanScope,
    item: Option<InventoryItemId>,
    state: Option<State>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Reservation>, Problem> {
    let query = select_reservations!(
        "AND ($4::uuid IS NULL OR r.item_id = $4) AND ($5::text IS NULL OR r.state = $5) AND ($6::uuid IS NULL OR r.id > $6) ORDER BY r.id LIMIT $7"
    );
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(scope.own.map(UserId::as_uuid))
        .bind(scope.children())
        .bind(item.map(InventoryItemId::as_uuid))
        .bind(state.map(State::as_str))
        .bind(after)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}
