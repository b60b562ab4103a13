//! What seeding tells whoever ran it.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::counts::SchoolCounts;
use crate::spec::{GREENFIELD, Part, RIVERSIDE, ROOT};

/// Somebody whom one can log in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The role.
    pub role: &'static str,
    /// The address.
    pub email: &'static str,
    /// The password.
    pub password: &'static str,
    /// Who that is.
    pub who: &'static str,
}

/// What was seeded, or was there already.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The schools, and what is in them.
    pub schools: Vec<SchoolCounts>,
    /// Whom one can log in as.
    pub logins: Vec<Login>,
    /// What could not be seeded now, and why.
    pub notes: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// The documented logins.
pub(crate) fn logins() -> Vec<Login> {
    let login = |part: Part, email, who| Login { role: part.role(), email, password: part.password(), who };
    let mut logins = vec![login(Part::Admin, GREENFIELD.admin, "runs Greenfield Public School")];
    if let Some(known) = GREENFIELD.known {
        logins.extend([
            login(Part::Teacher, known.teacher, "teaches Grade 8 A"),
            login(Part::Student, known.student, "is in Grade 8 A"),
            login(Part::Parent, known.parent, "that student's parent, with a second child in Grade 2 B"),
            login(Part::Staff, known.staff, "works in the office"),
        ]);
    }
    logins.push(login(Part::Admin, RIVERSIDE.admin, "runs Riverside School"));
    logins.push(login(Part::SuperAdmin, ROOT, "runs the platform"));
    logins
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for school in &self.schools {
            let counts: Vec<String> =
                school.counts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{count} {kind}")).collect();
            writeln!(f, "{} ({}): {}", school.name, school.code, counts.join(", "))?;
        }
        for note in &self.notes {
            writeln!(f, "Note: {note}")?;
        }
        writeln!(f, "\nLogins (everybody else in a role has the same password):")?;
        for Login { role, email, password, who } in &self.logins {
            writeln!(f, "  {role:<13} {email:<28} {password:<11} {who}")?;
        }
        write!(f, "\nSeeded in {:.1} s", self.took.as_secs_f64())
    }
}
