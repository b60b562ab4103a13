//! What can happen to stock. The database knows the same kinds by the same names, and keeps what is said here of them.

use chrono::{DateTime, Utc};
use domain::{
    ClassId, InventoryItemId, InventoryLocationId, InventoryUnitId, LoanId, MovementId, RepairId, StockTakeId, SupplierId, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What kind of movement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Bought or given to the school.
    Receive,
    /// Handed out to be used up or kept.
    Issue,
    /// Of what was issued, something came back.
    Return,
    /// Left for another place of the school.
    TransferOut,
    /// Came from another place of the school.
    TransferIn,
    /// The books were put right.
    Adjust,
    /// Broken, expired, stolen.
    WriteOff,
    /// Lent.
    Loan,
    /// Came back from a loan.
    LoanReturn,
    /// Went to be mended.
    Repair,
    /// Came back from there.
    RepairReturn,
}

impl Kind {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Issue => "issue",
            Self::Return => "return",
            Self::TransferOut => "transfer_out",
            Self::TransferIn => "transfer_in",
            Self::Adjust => "adjust",
            Self::WriteOff => "write_off",
            Self::Loan => "loan",
            Self::LoanReturn => "loan_return",
            Self::Repair => "repair",
            Self::RepairReturn => "repair_return",
        }
    }

    /// Whether it changes what the school owns, and not only where that is.
    #[must_use]
    pub const fn changes_ownership(self) -> bool {
        matches!(self, Self::Receive | Self::Issue | Self::Return | Self::Adjust | Self::WriteOff)
    }
}

/// A movement of stock. Nobody takes one back; what was wrong is put right by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    /// Its id.
    pub id: MovementId,
    /// Of what.
    pub item_id: InventoryItemId,
    /// The unit, if the item has serial numbers.
    pub unit_id: Option<InventoryUnitId>,
    /// To where, or from where.
    pub location_id: InventoryLocationId,
    /// What happened.
    pub kind: Kind,
    /// How many came; negative: went.
    pub quantity: i32,
    /// How many were at the location then.
    pub balance: i32,
    /// By how much the value of what is owned changed, in minor units of the item's currency.
    pub value_minor: i64,
    /// What one cost, if that was said.
    pub unit_cost_minor: Option<i64>,
    /// What the two sides of a transfer have in common.
    pub transfer_id: Option<Uuid>,
    /// The loan that began or ended with it.
    pub loan_id: Option<LoanId>,
    /// The repair that began or ended with it.
    pub repair_id: Option<RepairId>,
    /// The issue of which this is a return.
    pub returns_id: Option<MovementId>,
    /// The stock-take whose difference it is.
    pub stock_take_id: Option<StockTakeId>,
    /// From whom it was bought.
    pub supplier_id: Option<SupplierId>,
    /// To whom it went, or who brought it back.
    pub party_user_id: Option<UserId>,
    /// The class that used it up.
    pub class_id: Option<ClassId>,
    /// What it was used up for.
    pub purpose: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who entered it.
    pub moved_by: UserId,
    /// When.
    pub moved_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_in_tables_and_on_the_wire() {
        use Kind::*;
        for kind in [Receive, Issue, Return, TransferOut, TransferIn, Adjust, WriteOff, Loan, LoanReturn, Repair, RepairReturn] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
