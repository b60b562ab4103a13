//! Concessions.

use chrono::{DateTime, NaiveDate, Utc};
use service_kit::Problem;
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::db;
use crate::model::concession::{Concession, For, Relief};

/// A row of `concessions`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ConcessionRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) student_id: Option<Uuid>,
    pub(crate) category: Option<String>,
    pub(crate) class_id: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) head: Option<String>,
    pub(crate) percent_basis_points: Option<i32>,
    pub(crate) amount_minor: Option<i64>,
    pub(crate) currency: Option<String>,
    pub(crate) cap_minor: Option<i64>,
    pub(crate) stacking_order: i32,
    pub(crate) valid_from: NaiveDate,
    pub(crate) valid_to: Option<NaiveDate>,
    pub(crate) status: String,
    pub(crate) requested_by: Option<Uuid>,
    pub(crate) approved_by: Option<Uuid>,
    pub(crate) decided_at: Option<DateTime<Utc>>,
    pub(crate) reason: Option<String>,
    pub(crate) version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl ConcessionRow {
    fn concession(self) -> Option<Concession> {
        let whom = match self.kind.as_str() {
            "student" => For::Student(self.student_id?),
            "category" => For::Category(self.category?),
            "class" => For::Class(self.class_id?),
            "sibling" => For::Sibling(self.student_id),
            "staff" => For::Staff(self.student_id),
            _ => return None,
        };
        let relief = match (self.percent_basis_points, self.amount_minor) {
            (Some(basis_points), _) => Relief::Percent(u32::try_from(basis_points).ok()?),
            (None, amount) => Relief::Amount(amount?),
        };
        Some(Concession {
            id: self.id,
            name: self.name,
            whom,
            head: self.head,
            relief,
            cap: self.cap_minor,
            order: self.stacking_order,
            from: self.valid_from,
            to: self.valid_to,
        })
    }
}

/// What was approved and holds on `day` for invoices in `currency`. A percentage without a cap holds in all currencies.
pub(crate) async fn approved(transaction: &mut SchoolTransaction, currency: &str, day: NaiveDate) -> Result<Vec<Concession>, Problem> {
    let rows: Vec<ConcessionRow> = sqlx::query_as(
        "SELECT * FROM concessions WHERE school_id = $1 AND status = 'approved' AND (currency IS NULL OR currency = $2)
             AND valid_from <= $3 AND (valid_to IS NULL OR valid_to >= $3)",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(currency)
    .bind(day)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(rows.into_iter().filter_map(ConcessionRow::concession).collect())
}
