//! Students, teachers, staff and guardians.
//!
//! The office sees all of them and changes them. A teacher sees the students of own classes and their guardians; a student sees their own record, a parent
//! those of the children, and both the names of the teachers of their classes. Anybody else is as good as not there.
//!
//! Somebody becomes a student, teacher, staff member or guardian either as a member of the school (`user_id`) or by `email` and `full_name`: then a user and
//! a membership are made along with the record. Users are global, so an address that is known from another school is the same user.

mod guardians;
mod staff;
mod student_view;
mod students;
mod teachers;

use domain::Text;
use sea_orm::sea_query::extension::postgres::PgExpr;
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait, JoinType, QueryFilter, QuerySelect, Select, SelectTwo};
use service_kit::{Platform, Problem};
use store::SchoolTransaction;
use store::entity::users;
use utoipa_actix_web::service_config::ServiceConfig;

use records::Table;
use records::rows::rows;

/// Registers the routes.
pub fn configure(_platform: &Platform, config: &mut ServiceConfig<'_>) {
    students::configure(config);
    guardians::configure(config);
    teachers::configure(config);
    staff::configure(config);
}

/// The rows of the school with their users.
fn with_users<E: Table>(transaction: &SchoolTransaction, user: E::Column) -> SelectTwo<E, users::Entity> {
    let relation = E::belongs_to(users::Entity).from(user).to(users::Column::Id);
    let select: Select<E> = rows::<E>(transaction).join(JoinType::InnerJoin, relation.into());
    select.select_also(users::Entity)
}

/// A row and its user. The join finds one for each row.
fn joined<M>((row, user): (M, Option<users::Model>)) -> Result<(M, users::Model), Problem> {
    user.map(|user| (row, user)).ok_or_else(|| Problem::internal(anyhow::anyhow!("a row has no user")))
}

/// The row within sight, with its user, or 404.
async fn visible<E: Table>(
    transaction: &SchoolTransaction,
    user: E::Column,
    id: uuid::Uuid,
    sight: Condition,
) -> Result<(E::Model, users::Model), Problem> {
    let select = with_users::<E>(transaction, user).filter(E::ID.eq(id)).filter(sight);
    joined(select.one(transaction).await?.ok_or_else(|| Problem::not_found(E::NOUN))?)
}

/// Rows whose `columns` begin with `prefix`, upper and lower case alike.
fn begins_with<const N: usize, const MAX: usize>(prefix: &Text<MAX>, columns: [(sea_orm::DynIden, sea_orm::DynIden); N]) -> Condition {
    let escaped = prefix.as_str().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let pattern = format!("{escaped}%");
    columns.into_iter().fold(Condition::any(), |any, column| any.add(Expr::col(column).ilike(pattern.clone())))
}
