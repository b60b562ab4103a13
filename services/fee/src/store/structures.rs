//! Fee structures with their items, and rules for fines.

use chrono::{DateTime, NaiveDate, Utc};
use service_kit::Problem;
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::rows_of;
use crate::model::charge::Charge;
use crate::model::fine;

/// A row of `fee_structures`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct StructureRow {
    pub(crate) id: Uuid,
    pub(crate) academic_year_id: Uuid,
    pub(crate) term_id: Option<Uuid>,
    pub(crate) class_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) category: Option<String>,
    pub(crate) currency: String,
    pub(crate) status: String,
    pub(crate) version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// A row of `fee_items`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ItemRow {
    pub(crate) id: Uuid,
    pub(crate) fee_structure_id: Uuid,
    pub(crate) head: String,
    pub(crate) instalment: i32,
    pub(crate) amount_minor: i64,
    pub(crate) tax_basis_points: i32,
    pub(crate) due_on: NaiveDate,
    pub(crate) is_optional: bool,
}

impl ItemRow {
    /// As it is charged.
    pub(crate) fn charge(&self) -> Charge {
        Charge {
            fee_item_id: Some(self.id),
            head: self.head.clone(),
            amount: self.amount_minor,
            tax_basis_points: u32::try_from(self.tax_basis_points).unwrap_or(0),
        }
    }
}

/// A row of `fine_rules`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct FineRuleRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) currency: String,
    pub(crate) amount_minor: Option<i64>,
    pub(crate) basis_points: Option<i32>,
    pub(crate) grace_days: i32,
    pub(crate) cap_minor: Option<i64>,
    pub(crate) is_active: bool,
    pub(crate) version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl FineRuleRow {
    /// As it is reckoned.
    pub(crate) fn rule(&self) -> fine::Rule {
        let amount = self.amount_minor.unwrap_or(0);
        let kind = match self.kind.as_str() {
            "per_day" => fine::Kind::PerDay(amount),
            "percent" => fine::Kind::Percent(self.basis_points.and_then(|points| u32::try_from(points).ok()).unwrap_or(0)),
            _ => fine::Kind::Fixed(amount),
        };
        fine::Rule { kind, grace_days: u16::try_from(self.grace_days).unwrap_or(0), cap: self.cap_minor }
    }
}

/// Those of the structures that there are.
pub(crate) async fn structures_named(transaction: &mut SchoolTransaction, ids: &[Uuid]) -> Result<Vec<StructureRow>, Problem> {
    rows_of(transaction, "SELECT * FROM fee_structures WHERE school_id = $1 AND id = ANY($2)", ids).await
}

/// Those of the items that there are.
pub(crate) async fn items_named(transaction: &mut SchoolTransaction, ids: &[Uuid]) -> Result<Vec<ItemRow>, Problem> {
    rows_of(transaction, "SELECT * FROM fee_items WHERE school_id = $1 AND id = ANY($2)", ids).await
}

/// The items of structures, by instalment and head.
pub(crate) async fn items_of(transaction: &mut SchoolTransaction, structures: &[Uuid]) -> Result<Vec<ItemRow>, Problem> {
    let sql = "SELECT * FROM fee_items WHERE school_id = $1 AND fee_structure_id = ANY($2) ORDER BY instalment, id";
    rows_of(transaction, sql, structures).await
}
