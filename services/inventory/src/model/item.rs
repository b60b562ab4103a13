//! Items and their units, as people see them.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{InventoryCategoryId, InventoryItemId, InventoryLocationId, InventoryUnitId, SupplierId, UserId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::Book;
use super::valuation::Valuation;

/// What kind of thing an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Is used up.
    Consumable,
    /// Stays, and can be lent.
    Asset,
}

impl ItemKind {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consumable => "consumable",
            Self::Asset => "asset",
        }
    }
}

/// Whether something is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In use.
    Active,
    /// Kept for its history only.
    Inactive,
}

impl Status {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// How many are at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnShelf {
    /// The place.
    pub location_id: InventoryLocationId,
    /// How many.
    pub on_hand: i32,
}

/// Something that the school keeps: a title, a kind of equipment, a consumable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// Its id.
    pub id: InventoryItemId,
    /// What it is called.
    pub name: String,
    /// What kind of thing it is.
    pub kind: ItemKind,
    /// What it is counted in.
    pub unit: String,
    /// The school's stock number.
    pub sku: Option<String>,
    /// The barcode that is printed on it.
    pub barcode: Option<String>,
    /// Its category.
    pub category_id: Option<InventoryCategoryId>,
    /// From whom it is usually bought.
    pub supplier_id: Option<SupplierId>,
    /// Whether each has a serial number of its own.
    pub is_serialised: bool,
    /// At so many or fewer it is to be ordered again; 0: never.
    pub reorder_level: i32,
    /// What a borrower owes for one that is lost, in minor units.
    pub replacement_cost_minor: Option<i64>,
    /// What the catalogue says of it, if it is a book.
    pub book: Option<Book>,
    /// The currency of all amounts, ISO 4217.
    pub currency: String,
    /// Whether it is in use.
    pub status: Status,
    /// How many are on the shelves, all places together.
    pub on_hand: i32,
    /// How many the school owns: on the shelves, on loan and in repair.
    pub owned: i32,
    /// What those cost, in minor units, by moving average.
    pub value_minor: i64,
    /// What one costs on average, in minor units, rounded half up to four decimals; null if there are none.
    #[serde(default, with = "rust_decimal::serde::float_option")]
    #[schema(value_type = Option<f64>)]
    pub unit_cost_minor: Option<Decimal>,
    /// Where they are.
    pub stock: Vec<OnShelf>,
    /// One more with each change of the item itself; stock is not part of it.
    pub version: i32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

impl Item {
    /// With its average.
    #[must_use]
    pub fn valued(mut self) -> Self {
        self.unit_cost_minor = Valuation::new(self.owned, self.value_minor).unit_cost();
        self
    }
}

/// Where a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// Written down, and not received yet.
    New,
    /// On a shelf.
    InStock,
    /// With a borrower.
    OnLoan,
    /// Handed out.
    Issued,
    /// Being mended.
    InRepair,
    /// Between two places.
    Moving,
    /// Written off, lost, or missing at a stock-take.
    Gone,
}

impl UnitState {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InStock => "in_stock",
            Self::OnLoan => "on_loan",
            Self::Issued => "issued",
            Self::InRepair => "in_repair",
            Self::Moving => "moving",
            Self::Gone => "gone",
        }
    }
}

/// One thing among others of its kind: a copy of a book, a microscope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unit {
    /// Its id.
    pub id: InventoryUnitId,
    /// Of which item.
    pub item_id: InventoryItemId,
    /// Its serial or accession number, which also stands on its label.
    pub serial_number: String,
    /// Where it is.
    pub state: UnitState,
    /// On which shelf.
    pub location_id: Option<InventoryLocationId>,
    /// Who has it.
    pub holder_user_id: Option<UserId>,
    /// Until when the seller answers for it.
    pub warranty_until: Option<NaiveDate>,
    /// What else is worth knowing.
    pub note: Option<String>,
    /// One more with each change and each movement.
    pub version: i32,
    /// When it was written down.
    pub created_at: DateTime<Utc>,
    /// When it was changed or moved last.
    pub updated_at: DateTime<Utc>,
}
