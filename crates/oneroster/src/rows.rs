//! The rows of a bundle, typed, with the versions' differences gone: a 1.1 user's `role` and `orgSourcedIds` are
//! [`UserRole`]s here, as if they had come from a 1.2 `roles.csv`.

use std::ops::Deref;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Email, Role};
use serde::Serialize;

/// What all rows have, around what is theirs alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row<T> {
    /// Physical line in its file; the header is line 1.
    #[serde(skip)]
    pub line: u64,
    /// The source's id: unique in its file, stable from export to export, compared with case.
    pub sourced_id: String,
    /// Whether the row is to be there.
    pub status: Status,
    /// `dateLastModified`.
    pub modified: Option<DateTime<Utc>>,
    /// The file's own columns.
    #[serde(flatten)]
    pub fields: T,
}

impl<T> Row<T> {
    /// Whether the row is to be there.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}

impl<T: PartialEq> Row<T> {
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        (self.status, self.modified) == (other.status, other.modified) && self.fields == other.fields
    }
}

impl<T> Deref for Row<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.fields
    }
}

/// A value of one of the standard's lists.
pub(crate) trait Listed: Sized + Copy + 'static {
    /// The standard's names.
    const NAMES: &'static [(&'static str, Self)];
    /// What to say of a value that is none of them.
    const EXPECTED: &'static str;
    /// What a 1.2 extension (`ext:…`) is read as; None where none is allowed.
    const EXTENSION: Option<Self> = None;
}

macro_rules! listed {
    ($(#[$outer:meta])* $name:ident $(else $other:ident)? { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            $(/// An extension value (`ext:…`) of 1.2.
            $other,)?
        }

        impl $name {
            /// The standard's name; an extension is written `ext:other`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ $(Self::$other => "ext:other",)? }
            }
        }

        impl Listed for $name {
            const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)+];
            const EXPECTED: &'static str = concat!("must be one of:" $(, " ", $text)+);
            $(const EXTENSION: Option<Self> = Some(Self::$other);)?
        }
    };
}

listed! {
    /// Whether a row is to be there; empty means active.
    Status {
        /// It is.
        Active = "active",
        /// It is gone at the source.
        ToBeDeleted = "tobedeleted",
    }
}

listed! {
    /// What an org is.
    OrgType else Other {
        /// A department.
        Department = "department",
        /// A school: what this importer makes one of its schools of.
        School = "school",
        /// A district.
        District = "district",
        /// A local authority.
        Local = "local",
        /// A state.
        State = "state",
        /// A nation.
        National = "national",
    }
}

listed! {
    /// What stretch of time an academic session is.
    SessionType else Other {
        /// A school year; the root of the others.
        SchoolYear = "schoolYear",
        /// A semester.
        Semester = "semester",
        /// A term.
        Term = "term",
        /// A grading period.
        GradingPeriod = "gradingPeriod",
    }
}

listed! {
    /// What a class is for.
    ClassType else Other {
        /// Where students are registered.
        Homeroom = "homeroom",
        /// What is taught to a timetable.
        Scheduled = "scheduled",
    }
}

listed! {
    /// A person's role in an org (`roles.csv` of 1.2, `users.csv` of 1.1) or in a class (`enrollments.csv`).
    /// All names of both versions are read in both.
    RosterRole else Other {
        /// 1.1's administrator, which 1.2 splits up; still in enrolments.
        Administrator = "administrator",
        /// Helps a teacher or a student.
        Aide = "aide",
        /// Counsels.
        Counselor = "counselor",
        /// Administers a district.
        DistrictAdministrator = "districtAdministrator",
        /// A guardian.
        Guardian = "guardian",
        /// A parent.
        Parent = "parent",
        /// Heads a school.
        Principal = "principal",
        /// Watches over tests.
        Proctor = "proctor",
        /// A relative.
        Relative = "relative",
        /// Administers a school.
        SiteAdministrator = "siteAdministrator",
        /// Learns.
        Student = "student",
        /// Administers the computers.
        SystemAdministrator = "systemAdministrator",
        /// Teaches.
        Teacher = "teacher",
    }
}

impl RosterRole {
    /// The role to give in a school. A roster never makes a `school_admin` or `super_admin`: whoever may upload one
    /// must not be able to raise themselves by it.
    #[must_use]
    pub const fn in_school(self) -> Role {
        match self {
            Self::Student => Role::Student,
            Self::Teacher => Role::Teacher,
            Self::Parent | Self::Guardian | Self::Relative => Role::Parent,
            Self::Administrator | Self::Principal | Self::SiteAdministrator => Role::Admin,
            Self::Aide | Self::Counselor | Self::Proctor | Self::DistrictAdministrator | Self::SystemAdministrator | Self::Other => {
                Role::Staff
            }
        }
    }

    /// Parent, guardian or other relative.
    #[must_use]
    pub const fn is_family(self) -> bool {
        matches!(self, Self::Parent | Self::Guardian | Self::Relative)
    }
}

listed! {
    /// Which of a person's roles counts first.
    RoleType {
        /// The first.
        Primary = "primary",
        /// Another.
        Secondary = "secondary",
    }
}

listed! {
    /// As the standard has it.
    Sex else Extension {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Other, since 1.2.
        Other = "other",
        /// Not said, since 1.2.
        Unspecified = "unspecified",
    }
}

/// A row of `orgs.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Org {
    /// `name`
    pub name: String,
    /// `type`
    pub kind: OrgType,
    /// `identifier`, such as a national school number.
    pub identifier: Option<String>,
    /// `parentSourcedId`: an org.
    pub parent: Option<String>,
}

/// A row of `academicSessions.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcademicSession {
    /// `title`
    pub title: String,
    /// `type`
    pub kind: SessionType,
    /// `startDate`: the first day.
    pub start: NaiveDate,
    /// `endDate`, never before `start`. The standard means the day after the last, most exports the last; taken as the last.
    pub end: NaiveDate,
    /// `parentSourcedId`: a session.
    pub parent: Option<String>,
    /// `schoolYear`: the year in which the school year ends.
    pub school_year: Option<u16>,
}

/// A row of `courses.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Course {
    /// `schoolYearSourcedId`: a session.
    pub school_year: Option<String>,
    /// `title`
    pub title: String,
    /// `courseCode`
    pub code: Option<String>,
    /// `grades`
    pub grades: Vec<String>,
    /// `orgSourcedId`: the school, or a district that shares its courses.
    pub org: String,
    /// `subjects`
    pub subjects: Vec<String>,
    /// `subjectCodes`
    pub subject_codes: Vec<String>,
}

/// A row of `classes.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Class {
    /// `title`
    pub title: String,
    /// `grades`
    pub grades: Vec<String>,
    /// `courseSourcedId`; the standard requires it, real exports leave it out.
    pub course: Option<String>,
    /// `classCode`
    pub code: Option<String>,
    /// `classType`
    pub kind: ClassType,
    /// `location`
    pub location: Option<String>,
    /// `schoolSourcedId`: an org of type school.
    pub school: String,
    /// `termSourcedIds`; the standard requires one, real exports leave it out.
    pub terms: Vec<String>,
    /// `subjects`; if empty, the course's count.
    pub subjects: Vec<String>,
    /// `subjectCodes`
    pub subject_codes: Vec<String>,
    /// `periods`
    pub periods: Vec<String>,
}

/// A row of `users.csv`, without what only 1.1 has there. A password is never read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// `enabledUser`: whether the person may log in; empty is yes.
    pub enabled: bool,
    /// `username`
    pub username: Option<String>,
    /// `userIds`, each `{type:id}`
    pub user_ids: Vec<String>,
    /// `givenName`; of this and `family_name` one may be empty, for people of one name.
    pub given_name: String,
    /// `familyName`
    pub family_name: String,
    /// `middleName`
    pub middle_name: Option<String>,
    /// `identifier`: the number that the school itself uses. Another person's `sourced_id` may look the same.
    pub identifier: Option<String>,
    /// `email`
    pub email: Option<Email>,
    /// `sms`
    pub sms: Option<String>,
    /// `phone`
    pub phone: Option<String>,
    /// `agentSourcedIds`: users; for a student the family, for a parent the children.
    pub agents: Vec<String>,
    /// `grades`
    pub grades: Vec<String>,
    /// `preferredGivenName`, 1.2
    pub preferred_given_name: Option<String>,
    /// `preferredMiddleName`, 1.2
    pub preferred_middle_name: Option<String>,
    /// `preferredFamilyName`, 1.2
    pub preferred_family_name: Option<String>,
    /// `primaryOrgSourcedId`, 1.2; the first of `orgSourcedIds` in 1.1.
    pub primary_org: Option<String>,
    /// `pronouns`, 1.2
    pub pronouns: Option<String>,
}

/// A row of `roles.csv`; in 1.1 made of a user's `role` and one of its `orgSourcedIds`, with the line in `users.csv`
/// and a `sourced_id` made of the user's, the org's and the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserRole {
    /// `userSourcedId`
    pub user: String,
    /// `roleType`; in 1.1 the first org is primary.
    pub kind: RoleType,
    /// `role`
    pub role: RosterRole,
    /// `beginDate`
    pub begin: Option<NaiveDate>,
    /// `endDate`
    pub end: Option<NaiveDate>,
    /// `orgSourcedId`
    pub org: String,
}

/// A row of `enrollments.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enrollment {
    /// `classSourcedId`
    pub class: String,
    /// `schoolSourcedId`: the class's school.
    pub school: String,
    /// `userSourcedId`
    pub user: String,
    /// `role`
    pub role: RosterRole,
    /// `primary`: the class's main teacher; empty is no.
    pub primary: bool,
    /// `beginDate`
    pub begin: Option<NaiveDate>,
    /// `endDate`
    pub end: Option<NaiveDate>,
}

/// A row of `demographics.csv`, whose `sourced_id` is the user's. Its columns on ethnicity and birthplace are not read:
/// nothing here needs them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Demographics {
    /// `birthDate`
    pub birth_date: Option<NaiveDate>,
    /// `sex`
    pub sex: Option<Sex>,
}
