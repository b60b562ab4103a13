//! In which school, and as what, a session is: of the places that a user has, the one that was asked for.

use domain::{Fault, MembershipId, Role, SchoolId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rank;

/// A role that a user has in a school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OwnMembership)]
pub struct Membership {
    /// The membership.
    pub id: MembershipId,
    /// The school.
    pub school_id: SchoolId,
    /// The school's name.
    pub school_name: String,
    /// The school's code.
    pub school_code: String,
    /// The role there.
    pub role: Role,
}

/// What a login or a switch asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The school by its id.
    pub school_id: Option<SchoolId>,
    /// The school by its code.
    pub school_code: Option<String>,
    /// The role.
    pub role: Option<Role>,
}

impl Asked {
    /// Whether a school is named.
    #[must_use]
    pub const fn names_school(&self) -> bool {
        self.school_id.is_some() || self.school_code.is_some()
    }

    fn fits(&self, membership: &Membership) -> bool {
        self.school_id.is_none_or(|id| id == membership.school_id)
            && self.school_code.as_ref().is_none_or(|code| code.eq_ignore_ascii_case(&membership.school_code))
            && self.role.is_none_or(|role| role == membership.role)
    }
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The school; a super admin may be in none.
    pub school_id: Option<SchoolId>,
    /// The role.
    pub role: Role,
}

/// Why there is no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlace {
    /// The user is in no active school at all.
    Nowhere,
    /// Not in the one that was asked for.
    Asked(Fault),
}

/// The place that `asked` names among `memberships` (the active ones). With nothing asked: where the user was last, else the first, in the role that may most.
pub fn choose(memberships: &[Membership], asked: &Asked, last: Option<Place>) -> Result<Place, NoPlace> {
    if memberships.is_empty() {
        return Err(NoPlace::Nowhere);
    }
    let fitting: Vec<&Membership> = memberships.iter().filter(|membership| asked.fits(membership)).collect();
    let place = |membership: &Membership| Place { school_id: Some(membership.school_id), role: membership.role };
    if let Some(last) = last.filter(|last| fitting.iter().any(|membership| place(membership) == *last)) {
        return Ok(last);
    }
    let Some(first) = fitting.first() else {
        let pointer = match (asked.school_id, &asked.school_code) {
            (Some(_), _) => "/school_id",
            (None, Some(_)) => "/school_code",
            (None, None) => "/role",
        };
        return Err(NoPlace::Asked(Fault::new(pointer, "is not among the account's memberships")));
    };
    let roles = fitting.iter().filter(|membership| membership.school_id == first.school_id).map(|membership| membership.role);
    let role = rank::foremost(roles).unwrap_or(first.role);
    Ok(Place { school_id: Some(first.school_id), role })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(school: SchoolId, code: &str, role: Role) -> Membership {
        Membership { id: MembershipId::generate(), school_id: school, school_name: code.to_owned(), school_code: code.to_owned(), role }
    }

    #[test]
    fn what_is_asked_for_is_what_one_gets_or_nothing() {
        let (a, b) = (SchoolId::generate(), SchoolId::generate());
        let all = [membership(a, "A", Role::Parent), membership(a, "A", Role::Teacher), membership(b, "B", Role::Admin)];
        let place = |school, role| Ok(Place { school_id: Some(school), role });
        assert_eq!(choose(&all, &Asked::default(), None), place(a, Role::Teacher));
        assert_eq!(choose(&all, &Asked { school_code: Some("b".into()), ..Asked::default() }, None), place(b, Role::Admin));
        assert_eq!(choose(&all, &Asked { role: Some(Role::Parent), ..Asked::default() }, None), place(a, Role::Parent));
        let last = Place { school_id: Some(b), role: Role::Admin };
        assert_eq!(choose(&all, &Asked::default(), Some(last)), Ok(last));
        assert_eq!(choose(&all, &Asked { school_id: Some(a), ..Asked::default() }, Some(last)), place(a, Role::Teacher));
        let gone = Place { school_id: Some(b), role: Role::Staff };
        assert_eq!(choose(&all, &Asked::default(), Some(gone)), place(a, Role::Teacher));
        let wrong = choose(&all, &Asked { school_id: Some(SchoolId::generate()), ..Asked::default() }, None);
        assert!(matches!(wrong, Err(NoPlace::Asked(fault)) if fault.pointer == "/school_id"));
        assert_eq!(choose(&[], &Asked::default(), None), Err(NoPlace::Nowhere));
    }
}
