//! A student's answer to a piece of homework. Buffered.

use sea_orm::entity::prelude::*;

/// A row of `homework_submissions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "homework_submissions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub homework_id: Uuid,
    pub student_id: Uuid,
    pub attempt: i32,
    #[sea_orm(column_type = "Text")]
    pub status: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub content: Option<String>,
    pub submitted_at: Option<DateTimeUtc>,
    pub is_late: bool,
    pub late_seconds: i64,
    #[sea_orm(column_type = "Decimal(Some((7, 2)))", nullable)]
    pub points: Option<Decimal>,
    #[sea_orm(column_type = "Decimal(Some((7, 2)))", nullable)]
    pub points_after_penalty: Option<Decimal>,
    #[sea_orm(column_type = "Text", nullable)]
    pub feedback: Option<String>,
    pub graded_by: Option<Uuid>,
    pub graded_at: Option<DateTimeUtc>,
    pub returned_at: Option<DateTimeUtc>,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
