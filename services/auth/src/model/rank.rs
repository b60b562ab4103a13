//! Who may give whom which role, and who may change whose account.

use domain::{Permission, Role};

/// Whether a caller with the role `caller` may give or take the role `role`. Nobody gives a role above their own, and office roles are given only by
/// those who may manage memberships. `super_admin` is no role in a school, so nobody gives it.
#[must_use]
pub const fn may_grant(caller: Role, role: Role) -> bool {
    match role {
        Role::SuperAdmin => false,
        Role::SchoolAdmin | Role::Admin => caller.holds(Permission::MembershipsManage),
        Role::Teacher | Role::Student | Role::Parent | Role::Staff => caller.holds(Permission::UsersManage),
    }
}

/// Of several roles, the one that a session gets when none is asked for: the one that may most.
#[must_use]
pub fn foremost(roles: impl IntoIterator<Item = Role>) -> Option<Role> {
    // `Role` is declared from the most powerful on.
    roles.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_a_role_above_their_own() {
        for caller in Role::ALL {
            assert!(!may_grant(*caller, Role::SuperAdmin));
        }
        assert!(may_grant(Role::SuperAdmin, Role::SchoolAdmin));
        assert!(may_grant(Role::SchoolAdmin, Role::SchoolAdmin));
        assert!(!may_grant(Role::Admin, Role::SchoolAdmin));
        assert!(!may_grant(Role::Admin, Role::Admin));
        assert!(may_grant(Role::Admin, Role::Teacher));
        assert!(!may_grant(Role::Teacher, Role::Student));
    }

    #[test]
    fn the_foremost_role_is_the_one_that_may_most() {
        assert_eq!(foremost([Role::Parent, Role::Teacher]), Some(Role::Teacher));
        assert_eq!(foremost([Role::Staff, Role::SchoolAdmin, Role::Admin]), Some(Role::SchoolAdmin));
        assert_eq!(foremost([]), None);
    }
}
