//! Roles, and what each may do. Every route names one permission; this table says which roles hold it.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A user's role in a school; `super_admin` runs the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the platform: creates schools.
    SuperAdmin,
    /// Runs one school, including who its admins are.
    SchoolAdmin,
    /// The school office.
    Admin,
    /// Teaches classes.
    Teacher,
    /// Learns.
    Student,
    /// A parent or other guardian.
    Parent,
    /// A non-teaching employee: driver, librarian, nurse.
    Staff,
}

/// Not a role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no role {0:?}; the roles are super_admin, school_admin, admin, teacher, student, parent, staff")]
pub struct UnknownRole(String);

impl Role {
    /// All roles.
    pub const ALL: &'static [Self] =
        &[Self::SuperAdmin, Self::SchoolAdmin, Self::Admin, Self::Teacher, Self::Student, Self::Parent, Self::Staff];

    /// The name in tokens and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SuperAdmin => "super_admin",
            Self::SchoolAdmin => "school_admin",
            Self::Admin => "admin",
            Self::Teacher => "teacher",
            Self::Student => "student",
            Self::Parent => "parent",
            Self::Staff => "staff",
        }
    }

    /// Whether the role sees the whole of the school that it is in: the school's office, and whoever runs the platform.
    #[must_use]
    pub const fn is_office(self) -> bool {
        matches!(self, Self::SuperAdmin | Self::SchoolAdmin | Self::Admin)
    }

    /// Whether the role holds `permission`. Which *rows* it may then touch (own classes, own children) is for the service to say.
    #[must_use]
    pub const fn holds(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::SchoolsManage => matches!(self, Self::SuperAdmin),
            P::SchoolRead | P::ProfileRead | P::SessionsManage | P::AcademicsRead => true,
            P::SchoolEdit | P::MembershipsManage | P::RosterImport => matches!(self, Self::SuperAdmin | Self::SchoolAdmin),
            P::UsersManage | P::PeopleManage | P::AcademicsManage => {
                matches!(self, Self::SuperAdmin | Self::SchoolAdmin | Self::Admin)
            }
            P::PeopleRead => !matches!(self, Self::Staff),
            P::HomeworkWrite | P::HomeworkGrade => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Teacher),
            P::HomeworkRead => !matches!(self, Self::SuperAdmin | Self::Staff),
            P::HomeworkSubmit | P::QuizAttempt => matches!(self, Self::Student),
            P::QuizWrite | P::QuizGrade | P::GradesWrite => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Teacher),
            P::QuizRead | P::GradesRead => !matches!(self, Self::SuperAdmin | Self::Staff),
            P::AttendanceManage | P::ScalesManage => matches!(self, Self::SchoolAdmin | Self::Admin),
            P::AttendanceMark | P::LeaveDecide => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Teacher),
            P::AttendanceRead | P::LeaveRead => !matches!(self, Self::SuperAdmin | Self::Staff),
            P::FeesManage | P::FeesCollect => matches!(self, Self::SchoolAdmin | Self::Admin),
            P::FeesApprove => matches!(self, Self::SchoolAdmin),
            P::FeesRead | P::FeesPay => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Student | Self::Parent),
            P::CalendarRead | P::TransportRead | P::LoansRead | P::LoansReserve => !matches!(self, Self::SuperAdmin),
            P::CalendarWrite => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Teacher),
            P::CalendarManage => matches!(self, Self::SchoolAdmin | Self::Admin),
            P::AppointmentsBook => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Student | Self::Parent),
            P::TransportManage => matches!(self, Self::SchoolAdmin | Self::Admin),
            P::TransportOperate => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Staff),
            P::LeaveRequest => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Student | Self::Parent),
            P::InventoryManage => matches!(self, Self::SchoolAdmin | Self::Admin),
            P::InventoryWrite => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Staff),
            P::InventoryRead => matches!(self, Self::SchoolAdmin | Self::Admin | Self::Staff | Self::Teacher),
        }
    }
}

impl Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL.iter().copied().find(|role| role.as_str() == name).ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// Something a caller may do; each route names the one it needs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $($(#[$doc])* $variant,)+ }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The name in documentation and in a 403's detail.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }
        }
    };
}

permissions! {
    /// Create schools and see all of them.
    SchoolsManage = "schools:manage";
    /// See one's own school.
    SchoolRead = "school:read";
    /// Change one's own school's name, zone and settings.
    SchoolEdit = "school:edit";
    /// See one's own profile.
    ProfileRead = "profile:read";
    /// List and end one's own sessions.
    SessionsManage = "sessions:manage";
    /// Create and change users of the school.
    UsersManage = "users:manage";
    /// Give and take roles.
    MembershipsManage = "memberships:manage";
    /// See students, teachers, staff and guardians, as far as the role's own rows go.
    PeopleRead = "people:read";
    /// Create and change students, teachers, staff and guardians.
    PeopleManage = "people:manage";
    /// See years, terms, subjects, classes and enrolments.
    AcademicsRead = "academics:read";
    /// Create and change years, terms, subjects, classes and enrolments.
    AcademicsManage = "academics:manage";
    /// Import a roster.
    RosterImport = "roster:import";
    /// Create, change and publish homework.
    HomeworkWrite = "homework:write";
    /// See homework and submissions, as far as the role's own rows go.
    HomeworkRead = "homework:read";
    /// Hand in homework.
    HomeworkSubmit = "homework:submit";
    /// Grade and return submissions.
    HomeworkGrade = "homework:grade";
    /// See the grade book, as far as the role's own rows go.
    GradesRead = "grades:read";
    /// Keep the grade book of a class.
    GradesWrite = "grades:write";
    /// Keep the school's grading scales.
    ScalesManage = "scales:manage";
    /// Create, change and publish quizzes and exams, and keep the question bank.
    QuizWrite = "quiz:write";
    /// See quizzes, attempts and results, as far as the role's own rows go.
    QuizRead = "quiz:read";
    /// Sit quizzes and exams.
    QuizAttempt = "quiz:attempt";
    /// Mark attempts, and see what the questions are worth.
    QuizGrade = "quiz:grade";
    /// See attendance, as far as the role's own rows go.
    AttendanceRead = "attendance:read";
    /// Take and lock registers.
    AttendanceMark = "attendance:mark";
    /// Decide on codes and rules, and correct registers that are locked.
    AttendanceManage = "attendance:manage";
    /// See requests for leave, as far as the role's own rows go.
    LeaveRead = "leave:read";
    /// Ask for leave.
    LeaveRequest = "leave:request";
    /// Grant or refuse leave.
    LeaveDecide = "leave:decide";
    /// Keep vehicles, drivers, routes, seats and bus fees, and read the feeds.
    TransportManage = "transport:manage";
    /// Run the trips that one drives: start, positions, boarding, end.
    TransportOperate = "transport:operate";
    /// See buses, as far as the role's own rows go.
    TransportRead = "transport:read";
    /// See the calendar, the timetable and rooms, as far as they are for oneself.
    CalendarRead = "calendar:read";
    /// Put events into the calendar and offer times to be booked, as far as the role's own classes go.
    CalendarWrite = "calendar:write";
    /// Keep holidays, rooms and the timetable, and import calendars.
    CalendarManage = "calendar:manage";
    /// Book and give up the times that exams and meetings offer, for oneself or one's children.
    AppointmentsBook = "appointments:book";
    /// Say who of the staff keeps what.
    InventoryManage = "inventory:manage";
    /// Keep items and stock, and lend; staff as far as they are keepers.
    InventoryWrite = "inventory:write";
    /// See items, stock and its history.
    InventoryRead = "inventory:read";
    /// See loans and reservations, as far as the role's own rows go.
    LoansRead = "loans:read";
    /// Wait for a thing, for oneself or one's children.
    LoansReserve = "loans:reserve";
    /// See invoices, payments and statements, as far as the role's own rows go.
    FeesRead = "fees:read";
    /// Keep fee structures, concessions and fines, and make, issue and cancel invoices.
    FeesManage = "fees:manage";
    /// Decide on concessions, and give up what is owed.
    FeesApprove = "fees:approve";
    /// Take payments, give money back, close the day.
    FeesCollect = "fees:collect";
    /// Pay online.
    FeesPay = "fees:pay";
}

impl Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_held_by_someone_and_none_but_the_open_ones_by_all() {
        for permission in Permission::ALL {
            assert!(Role::ALL.iter().any(|role| role.holds(*permission)), "{permission} is held by nobody");
        }
        assert!(!Role::Student.holds(Permission::HomeworkGrade));
        assert!(!Role::Parent.holds(Permission::HomeworkSubmit));
        assert!(!Role::SchoolAdmin.holds(Permission::SchoolsManage));
    }

    #[test]
    fn a_role_reads_back_from_its_name() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), *role);
        }
        assert!("root".parse::<Role>().is_err());
    }
}
