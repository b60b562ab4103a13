//! What is counted: a title, a kind of equipment, a consumable.

use sea_orm::entity::prelude::*;

/// A row of `inventory_items`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inventory_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub kind: String,
    pub unit: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub reorder_level: i32,
    pub currency: String,
    pub category_id: Option<Uuid>,
    pub supplier_id: Option<Uuid>,
    pub is_serialised: bool,
    pub replacement_cost_minor: Option<i64>,
    pub status: String,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
