//! An acknowledged write that could not be saved. Only the batch processor may read it.

use sea_orm::entity::prelude::*;

/// A row of `dead_letters`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letters")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub school_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub service: String,
    pub partition: i32,
    pub seq: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub entity: Option<String>,
    pub row_id: Option<Uuid>,
    pub row_version: Option<i32>,
    #[sea_orm(column_type = "Text", nullable)]
    pub operation: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub sqlstate: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub payload: Option<Json>,
    #[sea_orm(column_type = "Blob", nullable)]
    pub raw: Option<Vec<u8>>,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub created_at: DateTimeUtc,
    pub resolved_at: Option<DateTimeUtc>,
    #[sea_orm(column_type = "Text", nullable)]
    pub resolved_by: Option<String>,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
