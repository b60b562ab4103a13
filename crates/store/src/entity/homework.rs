//! A piece of homework. Buffered.

use sea_orm::entity::prelude::*;

/// A row of `homework`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "homework")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub class_id: Uuid,
    pub subject_id: Option<Uuid>,
    pub teacher_id: Option<Uuid>,
    pub created_by: Uuid,
    #[sea_orm(column_type = "Text")]
    pub title: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub instructions: Option<String>,
    #[sea_orm(column_type = "Decimal(Some((7, 2)))")]
    pub max_points: Decimal,
    pub assigned_at: Option<DateTimeUtc>,
    pub due_at: DateTimeUtc,
    pub cutoff_at: Option<DateTimeUtc>,
    pub allow_late: bool,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub late_policy: Option<Json>,
    pub max_attempts: i32,
    #[sea_orm(column_type = "Text")]
    pub status: String,
    pub published_at: Option<DateTimeUtc>,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
