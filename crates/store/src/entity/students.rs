//! A student of a school.

use sea_orm::entity::prelude::*;

/// A row of `students`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "students")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub school_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub admission_number: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub roll_number: Option<String>,
    pub class_id: Option<Uuid>,
    #[sea_orm(column_type = "Text", nullable)]
    pub section: Option<String>,
    pub date_of_birth: Option<Date>,
    #[sea_orm(column_type = "Text", nullable)]
    pub gender: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub blood_group: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub address: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub parent_name: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub parent_email: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub parent_phone: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub emergency_contact: Option<String>,
    pub admission_date: Option<Date>,
    #[sea_orm(column_type = "Text", nullable)]
    pub academic_year: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub source_id: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub status: String,
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

/// None: joins are spelt out where they are made.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
