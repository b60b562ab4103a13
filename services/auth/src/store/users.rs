//! How a person becomes a member of a school. Users are global: whoever is known already, in whatever school, stays the same user, and whether they were
//! known is not told.

use domain::{Email, Fault, MembershipId, Role, Text, Timestamp, UserId};
use sea_orm::EntityTrait;
use service_kit::Problem;
use store::entity::users;
use store::{SchoolTransaction, StoreError};

/// Who is to be a student, teacher, staff member or guardian.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// A member of the school.
    Member(UserId),
    /// Anybody, by address.
    Person {
        /// The address.
        email: Email,
        /// The name, if the address is new.
        full_name: Text<255>,
    },
}

impl Who {
    /// Exactly one of `user_id` and the pair `email`, `full_name`.
    pub(crate) fn of(user_id: Option<UserId>, email: Option<&Email>, full_name: Option<&Text<255>>) -> Result<Self, Vec<Fault>> {
        match (user_id, email, full_name) {
            (Some(user), None, None) => Ok(Self::Member(user)),
            (None, Some(email), Some(full_name)) => Ok(Self::Person { email: email.clone(), full_name: full_name.clone() }),
            (Some(_), email, full_name) => {
                let superfluous = [email.map(|_| "/email"), full_name.map(|_| "/full_name")];
                Err(superfluous.into_iter().flatten().map(|pointer| Fault::new(pointer, "can't be given together with user_id")).collect())
            }
            (None, None, None) => Err(vec![Fault::new("/user_id", "is required, or email and full_name")]),
            (None, None, Some(_)) => Err(vec![Fault::new("/email", "is required with full_name")]),
            (None, Some(_), None) => Err(vec![Fault::new("/full_name", "is required with email")]),
        }
    }
}

/// Makes `who` a member of the school in `role`, and a user before that if need be. A membership that an administrator has switched off stays off.
pub(crate) async fn admit(transaction: &mut SchoolTransaction, who: &Who, role: Role, now: Timestamp) -> Result<users::Model, Problem> {
    let school = transaction.school_id().as_uuid();
    let user = match who {
        Who::Member(user) => {
            let member: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM memberships WHERE school_id = $1 AND user_id = $2 AND is_active AND status = 'active')",
            )
            .bind(school)
            .bind(user.as_uuid())
            .fetch_one(transaction.connection()?)
            .await
            .map_err(StoreError::from)?;
            if !member {
                return Err(Problem::invalid(vec![Fault::new("/user_id", "is not a member of this school")]));
            }
            user.as_uuid()
        }
        Who::Person { email, full_name } => {
            sqlx::query("INSERT INTO users (id, email, full_name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) ON CONFLICT (email) DO NOTHING")
                .bind(UserId::generate().as_uuid())
                .bind(email.as_str())
                .bind(full_name.as_str())
                .bind(now)
                .execute(transaction.connection()?)
                .await
                .map_err(StoreError::from)?;
            sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
                .bind(email.as_str())
                .fetch_one(transaction.connection()?)
                .await
                .map_err(StoreError::from)?
        }
    };
    sqlx::query(
        "INSERT INTO memberships AS m (id, school_id, user_id, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
         ON CONFLICT (school_id, user_id, role) DO UPDATE SET status = 'active', version = m.version + 1, updated_at = $5 WHERE m.status <> 'active'",
    )
    .bind(MembershipId::generate().as_uuid())
    .bind(school)
    .bind(user)
    .bind(role.as_str())
    .bind(now)
    .execute(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    find(transaction, user).await
}

/// The user; only for somebody who is known to be of the school.
pub(crate) async fn find(transaction: &SchoolTransaction, user: uuid::Uuid) -> Result<users::Model, Problem> {
    users::Entity::find_by_id(user).one(transaction).await?.ok_or_else(|| Problem::not_found("user"))
}
