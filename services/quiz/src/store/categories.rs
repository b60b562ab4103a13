//! The table `question_categories`: where questions belong. Small, and read whole.

use std::collections::BTreeSet;

use domain::{QuestionCategoryId, SchoolId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Category {
    pub(crate) id: QuestionCategoryId,
    pub(crate) school_id: SchoolId,
    pub(crate) parent_id: Option<QuestionCategoryId>,
    pub(crate) name: String,
    pub(crate) created_by: UserId,
    pub(crate) version: Version,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The categories of the transaction's school.
pub(crate) struct Categories;

impl Categories {
    /// All of them, by name.
    pub(crate) async fn all(transaction: &mut SchoolTransaction) -> Result<Vec<Category>, StoreError> {
        let rows: Vec<Json<Category>> =
            sqlx::query_scalar("SELECT to_jsonb(c) FROM question_categories c WHERE c.school_id = $1 ORDER BY c.name, c.id")
                .bind(transaction.school_id().as_uuid())
                .fetch_all(transaction.connection()?)
                .await?;
        Ok(store::plain(rows))
    }

    /// The category with this id, locked.
    pub(crate) async fn lock(transaction: &mut SchoolTransaction, id: QuestionCategoryId) -> Result<Option<Category>, StoreError> {
        let found: Option<Json<Category>> =
            sqlx::query_scalar("SELECT to_jsonb(c) FROM question_categories c WHERE c.school_id = $1 AND c.id = $2 FOR UPDATE")
                .bind(transaction.school_id().as_uuid())
                .bind(id.as_uuid())
                .fetch_optional(transaction.connection()?)
                .await?;
        Ok(found.map(|Json(row)| row))
    }

    /// Whether there is such a category.
    pub(crate) async fn exists(transaction: &mut SchoolTransaction, id: QuestionCategoryId) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM question_categories WHERE school_id = $1 AND id = $2)")
            .bind(transaction.school_id().as_uuid())
            .bind(id.as_uuid())
            .fetch_one(transaction.connection()?)
            .await?)
    }

    /// Keeps these categories from being removed until the transaction ends; the first that is not there.
    pub(crate) async fn hold(
        transaction: &mut SchoolTransaction,
        ids: impl IntoIterator<Item = QuestionCategoryId>,
    ) -> Result<Option<QuestionCategoryId>, StoreError> {
        let wanted: BTreeSet<QuestionCategoryId> = ids.into_iter().collect();
        // In one order, so that two can't wait for each other.
        let found: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM question_categories WHERE school_id = $1 AND id = ANY ($2) ORDER BY id FOR KEY SHARE")
                .bind(transaction.school_id().as_uuid())
                .bind(wanted.iter().map(|id| id.as_uuid()).collect::<Vec<_>>())
                .fetch_all(transaction.connection()?)
                .await?;
        Ok(wanted.into_iter().find(|id| !found.contains(&id.as_uuid())))
    }

    /// Adds a category, or changes the name of one that is locked.
    pub(crate) async fn save(transaction: &mut SchoolTransaction, category: &Category) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO question_categories SELECT * FROM jsonb_populate_record(NULL::question_categories, $1)
             ON CONFLICT (school_id, id) DO UPDATE SET name = excluded.name, version = excluded.version, updated_at = excluded.updated_at",
        )
        .bind(Json(category))
        .execute(transaction.connection()?)
        .await?;
        Ok(())
    }

    /// Takes a category away; one with categories in it stays.
    pub(crate) async fn remove(transaction: &mut SchoolTransaction, id: QuestionCategoryId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM question_categories WHERE school_id = $1 AND id = $2")
            .bind(transaction.school_id().as_uuid())
            .bind(id.as_uuid())
            .execute(transaction.connection()?)
            .await?;
        Ok(())
    }
}
