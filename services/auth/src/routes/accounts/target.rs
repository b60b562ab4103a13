//! A user of the school whom the office wants to change, and whether it may.

use domain::{Permission, Role, UserId};
use service_kit::{Caller, Problem};
use sqlx::PgConnection;
use store::StoreError;

use crate::model::rank;

/// A user with any membership in the school of the transaction.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    user: UserId,
    is_super_admin: bool,
    /// The roles in this school, suspended ones included.
    roles: Vec<Role>,
}

/// The user, if the school of the transaction has such a member; 404 otherwise, whether or not there is such a user elsewhere.
pub(crate) async fn find(connection: &mut PgConnection, user: UserId) -> Result<Target, Problem> {
    read(connection, user).await?.ok_or_else(|| Problem::not_found("user"))
}

async fn read(connection: &mut PgConnection, user: UserId) -> Result<Option<Target>, StoreError> {
    let select = "SELECT u.is_super_admin, array_agg(m.role) FROM memberships m JOIN users u ON u.id = m.user_id \
                  WHERE m.school_id = current_school() AND m.user_id = $1 GROUP BY u.id";
    let row: Option<(bool, Vec<String>)> = sqlx::query_as(select).bind(user.as_uuid()).fetch_optional(connection).await?;
    let target = |(is_super_admin, roles): (bool, Vec<String>)| Target {
        user,
        is_super_admin,
        roles: roles.iter().filter_map(|role| role.parse().ok()).collect(),
    };
    Ok(row.map(target))
}

impl Target {
    /// 403 if the user stands above the caller: whoever may not give a role may not change those who have it.
    pub(crate) fn require_manageable_by(&self, caller: &Caller) -> Result<(), Problem> {
        let above = self.is_super_admin && caller.role != Role::SuperAdmin;
        let outranked = self.roles.iter().any(|role| !rank::may_grant(caller.role, *role));
        if (above || outranked) && self.user != caller.user_id { Err(Problem::forbidden(Permission::MembershipsManage)) } else { Ok(()) }
    }
}
