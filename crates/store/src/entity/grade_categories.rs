//! A category of a class's grade book.

use sea_orm::entity::prelude::*;

/// A row of `grade_categories`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grade_categories")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub class_id: Uuid,
    pub term_id: Option<Uuid>,
    pub parent_category_id: Option<Uuid>,
    pub name: String,
    pub aggregation: String,
    pub weight: Decimal,
    pub drop_lowest: i32,
    pub keep_highest: Option<i32>,
    pub source_id: Option<String>,
    pub status: String,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
