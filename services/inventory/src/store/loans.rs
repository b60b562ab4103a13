//! The table `inventory_loans`.

use chrono::NaiveDate;
use domain::{Amount, Fault, InventoryItemId, InventoryLocationId, LoanId, StudentId, UserId};
use service_kit::{Kind, Problem};
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::{Books, Borrower, plain, refuse};
use crate::events;
use crate::model::loan::{Loan, State};
use crate::model::penalty::PenaltyRule;

macro_rules! select_loans {
    ($rest:literal) => {
        concat!(
            "SELECT to_jsonb(l) || jsonb_build_object('item_name', i.name, 'serial_number', u.serial_number, 'borrower_name', b.full_name)
             FROM inventory_loans l JOIN inventory_items i ON i.school_id = l.school_id AND i.id = l.item_id
             LEFT JOIN inventory_units u ON u.school_id = l.school_id AND u.id = l.unit_id LEFT JOIN users b ON b.id = l.borrower_user_id ",
            $rest
        )
    };
}

/// Whose loans a caller may see: everybody's, or their own and those of these children.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoanScope {
    pub(crate) own: Option<UserId>,
    pub(crate) children: Vec<StudentId>,
}

impl LoanScope {
    pub(crate) fn children(&self) -> Vec<Uuid> {
        self.children.iter().map(|child| child.as_uuid()).collect()
    }
}

/// Writes down a loan; what is lent is moved by the caller, in the same transaction.
pub(crate) async fn open_loan(
    books: &mut Books<'_>,
    unit: Option<Uuid>,
    quantity: i32,
    from: InventoryLocationId,
    borrower: Borrower,
    due_on: NaiveDate,
    penalty: PenaltyRule,
) -> Result<LoanId, Problem> {
    let id = LoanId::generate();
    let insert = "INSERT INTO inventory_loans (school_id, id, item_id, unit_id, location_id, borrower_user_id, student_id, quantity, lent_at, due_on, lent_by,
            currency, penalty_per_day_minor, penalty_grace_days, penalty_cap_minor, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $9, $9)";
    sqlx::query(insert)
        .bind(books.transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(books.item.id)
        .bind(unit)
        .bind(from.as_uuid())
        .bind(borrower.user.as_uuid())
        .bind(borrower.student.map(StudentId::as_uuid))
        .bind(quantity)
        .bind(books.now)
        .bind(due_on)
        .bind(books.by())
        .bind(&books.item.currency)
        .bind(penalty.per_day_minor)
        .bind(penalty.grace_days)
        .bind(penalty.cap_minor)
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(id)
}

/// The loan, if the caller may see it; else 404.
pub(crate) async fn find_loan(transaction: &mut SchoolTransaction, id: LoanId, scope: &LoanScope) -> Result<Loan, Problem> {
    let query =
        select_loans!("WHERE l.school_id = $1 AND l.id = $2 AND ($3::uuid IS NULL OR l.borrower_user_id = $3 OR l.student_id = ANY($4))");
    let found: Option<Json<Loan>> = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(scope.own.map(UserId::as_uuid))
        .bind(scope.children())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(refuse)?;
    found.map(|Json(loan)| loan).ok_or_else(|| Problem::not_found("loan"))
}

/// The loan, which nobody else changes until the transaction ends. The books of its item are opened before.
pub(crate) async fn lock_loan(books: &mut Books<'_>, id: LoanId) -> Result<Loan, Problem> {
    let query = select_loans!("WHERE l.school_id = $1 AND l.id = $2 FOR NO KEY UPDATE OF l");
    let school = books.transaction.school_id().as_uuid();
    let found: Option<Json<Loan>> =
        sqlx::query_scalar(query).bind(school).bind(id.as_uuid()).fetch_optional(books.transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(loan)| loan).ok_or_else(|| Problem::not_found("loan"))
}

/// Writes what has changed of a loan that is locked: state, due day, renewals, penalty.
pub(crate) async fn change_loan(books: &mut Books<'_>, loan: &Loan) -> Result<(), Problem> {
    let update = "UPDATE inventory_loans SET state = $3, due_on = $4, renewals = $5, penalty_minor = $6, closed_by = $7,
            returned_at = CASE $3 WHEN 'returned' THEN $8 END, lost_at = CASE $3 WHEN 'lost' THEN $8 END, split_at = CASE $3 WHEN 'split' THEN $8 END,
            version = version + 1, updated_at = $8
        WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(books.transaction.school_id().as_uuid())
        .bind(loan.id.as_uuid())
        .bind(loan.state.as_str())
        .bind(loan.due_on)
        .bind(loan.renewals)
        .bind(loan.penalty_minor)
        .bind((loan.state != State::Open).then_some(books.by()))
        .bind(books.now)
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(())
}

/// Closes a loan that is open; else 409. Its borrower owes what being late costs, and `more`; a student's debt is told to fee. 422 if that is more than can be
/// charged: then the loan stays open.
pub(crate) async fn closing(books: &mut Books<'_>, id: LoanId, state: State, more: i64) -> Result<Loan, Problem> {
    let mut loan = lock_open(books, id).await?;
    let owed = loan.owed_on(books.today).saturating_add(more);
    if owed > Amount::MAX {
        let pointer = if more > 0 { "/charge_replacement" } else { "/loan_id" };
        let detail = format!("what is owed comes to {owed}, and an invoice to at most {}; split the loan first", Amount::MAX);
        return Err(Problem::invalid(vec![Fault::new(pointer, detail)]));
    }
    loan.state = state;
    loan.penalty_minor = Some(owed);
    change_loan(books, &loan).await?;
    events::penalty_due(books, &loan).await?;
    Ok(loan)
}

/// The loan, locked; 409 unless it is open.
pub(crate) async fn lock_open(books: &mut Books<'_>, id: LoanId) -> Result<Loan, Problem> {
    let loan = lock_loan(books, id).await?;
    if loan.state == State::Open { Ok(loan) } else { Err(Problem::conflict(Kind::Conflict, "The loan is closed already.")) }
}

/// Writes down that two loans take the place of one that is locked and open: of these pieces, to the same borrower, on the same terms, due when it was. It owes
/// nothing; what being late costs goes on in its parts. What is lent is moved by the caller, in the same transaction.
pub(crate) async fn split_loan(books: &mut Books<'_>, mut loan: Loan, quantities: [i32; 2]) -> Result<[LoanId; 2], Problem> {
    loan.state = State::Split;
    loan.penalty_minor = Some(0);
    change_loan(books, &loan).await?;
    let parts = [LoanId::generate(), LoanId::generate()];
    let insert = "INSERT INTO inventory_loans (school_id, id, quantity, split_of, item_id, location_id, borrower_user_id, student_id, lent_at, due_on, lent_by,
            renewals, currency, penalty_per_day_minor, penalty_grace_days, penalty_cap_minor, reminded_on, created_at, updated_at)
        SELECT l.school_id, n.id, n.quantity, l.id, l.item_id, l.location_id, l.borrower_user_id, l.student_id, l.lent_at, l.due_on, l.lent_by,
            l.renewals, l.currency, l.penalty_per_day_minor, l.penalty_grace_days, l.penalty_cap_minor, l.reminded_on, $5, $5
        FROM inventory_loans l CROSS JOIN unnest($3::uuid[], $4::int[]) AS n (id, quantity) WHERE l.school_id = $1 AND l.id = $2";
    sqlx::query(insert)
        .bind(books.transaction.school_id().as_uuid())
        .bind(loan.id.as_uuid())
        .bind(parts.map(LoanId::as_uuid).to_vec())
        .bind(quantities.to_vec())
        .bind(books.now)
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(parts)
}

/// The open loan of the unit with this serial number.
pub(crate) async fn loan_of_serial(transaction: &mut SchoolTransaction, serial: &str) -> Result<Loan, Problem> {
    let query = select_loans!("WHERE l.school_id = $1 AND l.state = 'open' AND u.serial_number = $2");
    let school = transaction.school_id().as_uuid();
    let found: Option<Json<Loan>> =
        sqlx::query_scalar(query).bind(school).bind(serial).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    let fault = || Problem::conflict(Kind::Conflict, "No loan of a unit with this serial number is open.");
    found.map(|Json(loan)| loan).ok_or_else(fault)
}

/// What a list of loans is narrowed down to.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoanFilter {
    pub(crate) item: Option<InventoryItemId>,
    pub(crate) borrower: Option<UserId>,
    pub(crate) student: Option<StudentId>,
    pub(crate) state: Option<State>,
}

/// Loans, the latest first.
pub(crate) async fn list_loans(
    transaction: &mut SchoolTransaction,
    scope: &LoanScope,
    filter: &LoanFilter,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Loan>, Problem> {
    let query = select_loans!(
        "WHERE l.school_id = $1 AND ($2::uuid IS NULL OR l.borrower_user_id = $2 OR l.student_id = ANY($3))
           AND ($4::uuid IS NULL OR l.item_id = $4) AND ($5::uuid IS NULL OR l.borrower_user_id = $5) AND ($6::uuid IS NULL OR l.student_id = $6)
           AND ($7::text IS NULL OR l.state = $7) AND ($8::uuid IS NULL OR l.id < $8) ORDER BY l.id DESC LIMIT $9"
    );
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(scope.own.map(UserId::as_uuid))
        .bind(scope.children())
        .bind(filter.item.map(InventoryItemId::as_uuid))
        .bind(filter.borrower.map(UserId::as_uuid))
        .bind(filter.student.map(StudentId::as_uuid))
        .bind(filter.state.map(State::as_str))
        .bind(before)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}

/// Loans that are open after their due day, the longest overdue first.
pub(crate) async fn overdue_loans(
    transaction: &mut SchoolTransaction,
    scope: &LoanScope,
    today: NaiveDate,
    after: Option<(NaiveDate, Uuid)>,
    limit: u64,
) -> Result<Vec<Loan>, Problem> {
    let query = select_loans!(
        "WHERE l.school_id = $1 AND ($2::uuid IS NULL OR l.borrower_user_id = $2 OR l.student_id = ANY($3)) AND l.state = 'open' AND l.due_on < $4
           AND ($5::date IS NULL OR (l.due_on, l.id) > ($5, $6)) ORDER BY l.due_on, l.id LIMIT $7"
    );
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(scope.own.map(UserId::as_uuid))
        .bind(scope.children())
        .bind(today)
        .bind(after.map(|(day, _)| day))
        .bind(after.map(|(_, id)| id))
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}

/// Overdue loans of whose present due day nobody was told; they count as told from now on. What somebody else is at is left for later.
pub(crate) async fn take_unreminded(transaction: &mut SchoolTransaction, today: NaiveDate, limit: i64) -> Result<Vec<Loan>, Problem> {
    let school = transaction.school_id().as_uuid();
    let update = "UPDATE inventory_loans SET reminded_on = $2 WHERE school_id = $1 AND id IN (
            SELECT l.id FROM inventory_loans l WHERE l.school_id = $1 AND l.state = 'open' AND l.due_on < $2
                AND (l.reminded_on IS NULL OR l.reminded_on <= l.due_on)
            ORDER BY l.due_on LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id";
    let ids: Vec<Uuid> =
        sqlx::query_scalar(update).bind(school).bind(today).bind(limit).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    let query = select_loans!("WHERE l.school_id = $1 AND l.id = ANY($2) ORDER BY l.id");
    let rows = sqlx::query_scalar(query).bind(school).bind(ids).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    Ok(plain(rows))
}
