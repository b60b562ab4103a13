//! One row of a school, with its version. Row security keeps to the school; the school is named all the same, because the primary key starts with it.

use domain::{Patch, Timestamp, Version};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Value};
use service_kit::{IfMatch, Kind, Problem};
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use crate::rules::{Rule, refuse};

/// A tenant table, which all have the same five columns.
pub trait Table: EntityTrait {
    /// What a row is called.
    const NOUN: &'static str;
    /// The column `school_id`.
    const SCHOOL: Self::Column;
    /// The column `id`.
    const ID: Self::Column;
    /// The column `status`.
    const STATUS: Self::Column;
    /// The column `version`.
    const VERSION: Self::Column;
    /// The column `updated_at`.
    const UPDATED_AT: Self::Column;

    /// The row's id.
    fn id(row: &Self::Model) -> Uuid;
    /// The row's version.
    fn version(row: &Self::Model) -> Result<Version, Problem>;
}

/// All rows of the school.
pub fn rows<E: Table>(transaction: &SchoolTransaction) -> sea_orm::Select<E> {
    E::find().filter(E::SCHOOL.eq(transaction.school_id().as_uuid()))
}

/// The row, or 404.
pub async fn find<E: Table>(transaction: &SchoolTransaction, id: Uuid) -> Result<E::Model, Problem> {
    rows::<E>(transaction).filter(E::ID.eq(id)).one(transaction).await?.ok_or_else(|| Problem::not_found(E::NOUN))
}

/// The row, which nobody else changes until the transaction ends. Rows may still be added that refer to it.
pub async fn lock<E: Table>(transaction: &SchoolTransaction, id: Uuid) -> Result<Option<E::Model>, Problem> {
    Ok(rows::<E>(transaction).filter(E::ID.eq(id)).lock(LockType::NoKeyUpdate).one(transaction).await?)
}

/// The row, which nobody changes until the transaction ends, though many may hold on to it so at once.
pub async fn hold<E: Table>(transaction: &SchoolTransaction, id: Uuid) -> Result<Option<E::Model>, Problem> {
    Ok(rows::<E>(transaction).filter(E::ID.eq(id)).lock(LockType::Share).one(transaction).await?)
}

/// The row, locked, if it still has the version that the change is based on; else 404 or 412.
pub async fn edit<E: Table>(transaction: &SchoolTransaction, id: Uuid, based_on: IfMatch) -> Result<E::Model, Problem> {
    let row = lock::<E>(transaction, id).await?.ok_or_else(|| Problem::not_found(E::NOUN))?;
    based_on.require(E::version(&row)?)?;
    Ok(row)
}

/// Adds a row; a violated constraint is refused in the words of `rules`.
pub async fn insert<A>(transaction: &SchoolTransaction, rules: &[Rule], row: A) -> Result<<A::Entity as EntityTrait>::Model, Problem>
where
    A: ActiveModelTrait,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    A::Entity::insert(row).exec_with_returning(transaction).await.map_err(|error| refuse(rules, error))
}

/// Writes what `change` sets, as the version after that of `current`.
pub async fn save<A>(
    transaction: &SchoolTransaction,
    rules: &[Rule],
    current: &<A::Entity as EntityTrait>::Model,
    change: A,
    now: Timestamp,
) -> Result<<A::Entity as EntityTrait>::Model, Problem>
where
    A: ActiveModelTrait,
    A::Entity: Table,
{
    let version = <A::Entity as Table>::version(current)?;
    let saved = A::Entity::update_many()
        .set(change)
        .col_expr(<A::Entity as Table>::VERSION, Expr::val(version.next().get()))
        .col_expr(<A::Entity as Table>::UPDATED_AT, Expr::val(now))
        .filter(<A::Entity as Table>::SCHOOL.eq(transaction.school_id().as_uuid()))
        .filter(<A::Entity as Table>::ID.eq(<A::Entity as Table>::id(current)))
        .filter(<A::Entity as Table>::VERSION.eq(version.get()))
        .exec_with_returning(transaction)
        .await
        .map_err(|error| refuse(rules, error))?;
    // The row is locked since its version was read, so it can't be missing.
    saved.into_iter().next().ok_or_else(|| Problem::not_found(<A::Entity as Table>::NOUN))
}

/// Removes the row if it has the version that the caller saw. What is referred to stays: 409.
pub async fn remove<E: Table>(transaction: &SchoolTransaction, id: Uuid, based_on: IfMatch) -> Result<(), Problem> {
    edit::<E>(transaction, id, based_on).await?;
    let removed = E::delete_many().filter(E::SCHOOL.eq(transaction.school_id().as_uuid())).filter(E::ID.eq(id)).exec(transaction).await;
    match removed.map_err(StoreError::from) {
        Ok(_) => Ok(()),
        Err(StoreError::ForeignKeyViolation { .. }) => {
            Err(Problem::conflict(Kind::StillInUse, format!("Something else still refers to this {}.", E::NOUN)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a `PATCH` does to a column that may be empty.
pub fn patch<T: Into<V>, V>(field: Patch<T>) -> ActiveValue<Option<V>>
where
    Option<V>: Into<Value>,
{
    match field {
        Patch::Keep => ActiveValue::NotSet,
        Patch::Clear => ActiveValue::Set(None),
        Patch::Set(value) => ActiveValue::Set(Some(value.into())),
    }
}

/// What a `PATCH` does to a column that always holds something.
pub fn patch_required<T: Into<V>, V: Into<Value>>(field: Option<T>) -> ActiveValue<V> {
    field.map_or(ActiveValue::NotSet, |value| ActiveValue::Set(value.into()))
}
