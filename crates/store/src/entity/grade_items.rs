//! Something that is graded.

use sea_orm::entity::prelude::*;

/// A row of `grade_items`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grade_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub class_id: Uuid,
    pub category_id: Option<Uuid>,
    pub subject_id: Option<Uuid>,
    pub name: String,
    pub source_kind: String,
    pub source_ref: Option<Uuid>,
    pub max_points: Decimal,
    pub weight: Decimal,
    pub is_extra_credit: bool,
    pub is_hidden: bool,
    pub locked_at: Option<DateTimeUtc>,
    pub due_on: Option<Date>,
    pub hides_from_parents: bool,
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
