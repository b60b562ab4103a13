//! How a class is graded.

use sea_orm::entity::prelude::*;

/// A row of `grade_book_settings`; its id is the class's.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grade_book_settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub scale_id: Option<Uuid>,
    pub shows_totals: bool,
    pub shows_effort: bool,
    pub shows_targets: bool,
    pub effort_concern_below: Option<i32>,
    pub status: String,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
