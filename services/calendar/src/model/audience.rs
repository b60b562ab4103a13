//! For whom an event is: everybody, roles, classes, persons.

use domain::{ClassId, Fault, Faults, Role, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most entries of one list.
const MOST: usize = 200;

/// For whom an event is. Nothing said means everybody in the school. `roles` and `class_ids` narrow each other down: both must hold. `user_ids` names persons,
/// who see it whatever else is said; alone it means these persons only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// People in these roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 200)]
    pub roles: Option<Vec<Role>>,
    /// The students of these classes, their parents, and whoever teaches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 200)]
    pub class_ids: Option<Vec<ClassId>>,
    /// These persons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 200)]
    pub user_ids: Option<Vec<UserId>>,
}

/// Who reads the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The role in which they read.
    pub role: Role,
    /// The classes that they learn in, teach, or have children in; sorted, each once.
    pub classes: Vec<ClassId>,
    /// The user.
    pub user: UserId,
}

impl Reader {
    /// A reader; `classes` in any order.
    #[must_use]
    pub fn new(role: Role, user: UserId, mut classes: Vec<ClassId>) -> Self {
        classes.sort_unstable();
        classes.dedup();
        Self { role, classes, user }
    }
}

impl Audience {
    /// Everybody.
    pub const EVERYBODY: Self = Self { roles: None, class_ids: None, user_ids: None };

    /// Whether `reader` may see it. The office sees all.
    #[must_use]
    pub fn includes(&self, reader: &Reader) -> bool {
        reader.role.is_office() || self.names(reader.user) || self.is_for_group(reader)
    }

    /// Whether somebody like `reader` may see it, by role and classes.
    #[must_use]
    pub fn is_for_group(&self, reader: &Reader) -> bool {
        if self.roles.is_none() && self.class_ids.is_none() && self.user_ids.is_some() {
            return false;
        }
        self.roles.as_ref().is_none_or(|roles| roles.contains(&reader.role))
            && self.class_ids.as_ref().is_none_or(|classes| classes.iter().any(|class| reader.classes.binary_search(class).is_ok()))
    }

    /// Whether `user` is named.
    #[must_use]
    pub fn names(&self, user: UserId) -> bool {
        self.user_ids.as_ref().is_some_and(|users| users.contains(&user))
    }

    /// Every fault of the lists, as pointers below `pointer`.
    #[must_use]
    pub fn faults(&self, pointer: &str) -> Vec<Fault> {
        let mut faults = Faults::none();
        let mut bounded = |field: &str, length: Option<usize>| {
            let holds = length.is_none_or(|length| (1..=MOST).contains(&length));
            faults.require(holds, &format!("{pointer}/{field}"), format!("names from 1 to {MOST}; leave it out to mean all"));
        };
        bounded("roles", self.roles.as_ref().map(Vec::len));
        bounded("class_ids", self.class_ids.as_ref().map(Vec::len));
        bounded("user_ids", self.user_ids.as_ref().map(Vec::len));
        let no_school = self.roles.as_ref().is_some_and(|roles| roles.contains(&Role::SuperAdmin));
        faults.require(!no_school, &format!("{pointer}/roles"), "has a role that nobody has in a school");
        faults.into_result().err().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(role: Role, classes: &[ClassId]) -> Reader {
        Reader::new(role, UserId::generate(), classes.to_vec())
    }

    #[test]
    fn nothing_said_means_everybody() {
        for role in [Role::Student, Role::Parent, Role::Staff, Role::Teacher] {
            assert!(Audience::EVERYBODY.includes(&reader(role, &[])));
        }
    }

    #[test]
    fn roles_and_classes_narrow_each_other_down() {
        let (seven, eight) = (ClassId::generate(), ClassId::generate());
        let audience = Audience { roles: Some(vec![Role::Parent]), class_ids: Some(vec![seven]), user_ids: None };
        assert!(audience.includes(&reader(Role::Parent, &[eight, seven])));
        assert!(!audience.includes(&reader(Role::Parent, &[eight])));
        assert!(!audience.includes(&reader(Role::Student, &[seven])));
        assert!(audience.includes(&reader(Role::Admin, &[])), "the office sees all");
    }

    #[test]
    fn whoever_is_named_sees_it_and_names_alone_mean_nobody_else() {
        let named = reader(Role::Student, &[]);
        let audience = Audience { user_ids: Some(vec![named.user]), ..Audience::default() };
        assert!(audience.includes(&named));
        assert!(!audience.includes(&reader(Role::Student, &[])));
        let teachers_too = Audience { roles: Some(vec![Role::Teacher]), ..audience };
        assert!(teachers_too.includes(&named) && teachers_too.includes(&reader(Role::Teacher, &[])));
        assert!(!teachers_too.includes(&reader(Role::Student, &[])));
    }

    #[test]
    fn an_empty_list_is_a_fault() {
        let audience = Audience { roles: Some(vec![]), class_ids: Some(vec![]), user_ids: Some(vec![]) };
        assert_eq!(audience.faults("/audience").len(), 3);
        assert!(Audience::EVERYBODY.faults("/audience").is_empty());
    }
}
