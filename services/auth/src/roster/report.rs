//! What an import did, or would do, or why it couldn't.

use std::borrow::Cow;
use std::fmt::{self, Display};

use domain::SchoolId;
use oneroster::{RosterFault, RosterWarning};
use serde::Serialize;
use utoipa::ToSchema;

/// How many rows of one kind became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RosterCounts)]
pub struct Counts {
    /// Rows that are new.
    pub created: usize,
    /// Rows that were there and differ now.
    pub changed: usize,
    /// Rows that were there and are as they were.
    pub unchanged: usize,
    /// Rows that were withdrawn or deactivated.
    pub removed: usize,
}

impl Counts {
    /// Whether any row differs from before.
    #[must_use]
    pub const fn moved(&self) -> bool {
        self.created + self.changed + self.removed > 0
    }
}

/// Whether a school was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RosterOutcome)]
pub enum Outcome {
    /// It was, or in a dry run would be.
    Imported,
    /// It was not, and is as it was; `faults` says why.
    Refused,
}

/// One school of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SchoolReport {
    /// The school; in a dry run of a school that does not exist, a made-up id.
    pub school_id: SchoolId,
    /// The org's sourcedId.
    pub source_id: String,
    /// The org's name.
    pub name: String,
    /// Whether it was imported.
    pub outcome: Outcome,
    /// The school's own row.
    pub school: Counts,
    /// Academic years.
    pub academic_years: Counts,
    /// Terms, semesters and grading periods.
    pub terms: Counts,
    /// Subjects.
    pub subjects: Counts,
    /// Accounts, whatever the roles.
    pub users: Counts,
    /// Roles of accounts in the school.
    pub memberships: Counts,
    /// Students.
    pub students: Counts,
    /// Teachers.
    pub teachers: Counts,
    /// Staff.
    pub staff: Counts,
    /// Ties between students and their families.
    pub guardians: Counts,
    /// Classes.
    pub classes: Counts,
    /// Who teaches what in which class.
    pub class_subjects: Counts,
    /// Students' places in classes.
    pub enrollments: Counts,
    /// Why it was refused: the first of them.
    pub faults: Vec<ImportFault>,
    /// How many faults there are.
    pub total_faults: usize,
}

impl SchoolReport {
    /// Nothing done yet.
    pub(super) fn new(school_id: SchoolId, source_id: String, name: String) -> Self {
        let none = Counts::default();
        Self {
            school_id,
            source_id,
            name,
            outcome: Outcome::Imported,
            school: none,
            academic_years: none,
            terms: none,
            subjects: none,
            users: none,
            memberships: none,
            students: none,
            teachers: none,
            staff: none,
            guardians: none,
            classes: none,
            class_subjects: none,
            enrollments: none,
            faults: Vec::new(),
            total_faults: 0,
        }
    }

    /// Every kind's counts.
    #[must_use]
    pub const fn counts(&self) -> [Counts; 13] {
        [
            self.school,
            self.academic_years,
            self.terms,
            self.subjects,
            self.users,
            self.memberships,
            self.students,
            self.teachers,
            self.staff,
            self.guardians,
            self.classes,
            self.class_subjects,
            self.enrollments,
        ]
    }

    /// Whether any row of the school differs from before.
    #[must_use]
    pub fn moved(&self) -> bool {
        self.counts().iter().any(Counts::moved)
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportReport {
    /// Whether it was rolled back at the end.
    pub dry_run: bool,
    /// The schools, in the order of the file.
    pub schools: Vec<SchoolReport>,
    /// What was odd, and tolerated.
    pub warnings: Vec<ImportWarning>,
}

impl ImportReport {
    /// Whether a school was refused.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.schools.iter().any(|school| school.outcome == Outcome::Refused)
    }
}

/// Something that stops a school's import, down to the row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct ImportFault {
    /// The file, such as `users.csv`.
    pub file: String,
    /// The line where the row begins; the header is line 1.
    pub line: Option<u64>,
    /// The column.
    pub column: Option<String>,
    /// What is wrong; never repeats a value of the file.
    pub message: String,
}

impl ImportFault {
    /// The place as one word: `users.csv:17/email`.
    #[must_use]
    pub fn pointer(&self) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let column = self.column.as_ref().map(|column| format!("/{column}")).unwrap_or_default();
        format!("{}{line}{column}", self.file)
    }
}

impl Display for ImportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer(), self.message)
    }
}

impl From<&RosterFault> for ImportFault {
    fn from(fault: &RosterFault) -> Self {
        Self { file: fault.file.to_string(), line: fault.line, column: fault.column.map(str::to_owned), message: fault.message.to_string() }
    }
}

/// Something odd that did not stop the import, with the rows that share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportWarning {
    /// The file.
    pub file: String,
    /// The column.
    pub column: Option<String>,
    /// What is odd.
    pub message: String,
    /// The first twenty lines.
    pub lines: Vec<u64>,
    /// How many rows share it.
    pub rows: usize,
}

impl ImportWarning {
    pub(super) fn of_file(file: &str, message: impl Into<Cow<'static, str>>, rows: usize) -> Self {
        Self { file: file.to_owned(), column: None, message: message.into().into_owned(), lines: Vec::new(), rows }
    }
}

impl From<&RosterWarning> for ImportWarning {
    fn from(warning: &RosterWarning) -> Self {
        Self {
            file: warning.file.to_string(),
            column: warning.column.map(str::to_owned),
            message: warning.message.to_string(),
            lines: warning.lines.clone(),
            rows: warning.rows,
        }
    }
}
