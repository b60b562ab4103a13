//! What things are filed under, and how they are lent.

use sea_orm::entity::prelude::*;

/// A row of `inventory_categories`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inventory_categories")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub loan_days: i32,
    pub max_renewals: i32,
    pub hold_days: i32,
    pub penalty_per_day_minor: i64,
    pub penalty_grace_days: i32,
    pub penalty_cap_minor: Option<i64>,
    pub status: String,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
