//! A student's extension or exemption.

use sea_orm::entity::prelude::*;

/// A row of `homework_overrides`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "homework_overrides")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub homework_id: Uuid,
    pub student_id: Uuid,
    pub due_at: Option<DateTimeUtc>,
    pub cutoff_at: Option<DateTimeUtc>,
    pub max_attempts: Option<i32>,
    pub is_exempt: bool,
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    pub created_by: Uuid,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
