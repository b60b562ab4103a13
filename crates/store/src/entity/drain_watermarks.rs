//! How far a partition's log is saved. Global.

use sea_orm::entity::prelude::*;

/// A row of `drain_watermarks`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "drain_watermarks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub service: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition: i32,
    #[sea_orm(column_type = "Text", nullable)]
    pub layout: Option<String>,
    pub epoch: i64,
    pub seq: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub holder: Option<String>,
    pub lease_until: Option<DateTimeUtc>,
    #[sea_orm(column_type = "Text", nullable)]
    pub halted: Option<String>,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
