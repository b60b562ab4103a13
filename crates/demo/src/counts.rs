//! How much there is, as the tables say.

use domain::{SchoolId, ServiceName};
use service_kit::Platform;
use sqlx::AssertSqlSafe;

use crate::ids::{Kind, id};
use crate::spec::Spec;

/// What is counted: whose tables, what they are called to people, and the table.
const KINDS: &[(ServiceName, &[(&str, &str)])] = &[
    (
        ServiceName::Auth,
        &[
            ("students", "students"),
            ("teachers", "teachers"),
            ("staff", "staff"),
            ("guardianships", "student_guardians"),
            ("classes", "classes"),
            ("subjects", "subjects"),
            ("enrolments", "enrollments"),
        ],
    ),
    (ServiceName::Homework, &[("homework", "homework"), ("submissions", "homework_submissions")]),
    (
        ServiceName::Attendance,
        &[("registers", "attendance_sessions"), ("marks", "attendance_records"), ("leave requests", "leave_requests")],
    ),
    (
        ServiceName::Calendar,
        &[
            ("events", "calendar_events"),
            ("rooms", "rooms"),
            ("lessons a week", "timetable_entries"),
            ("appointments", "appointment_slots"),
        ],
    ),
    (
        ServiceName::BusRoute,
        &[("buses", "vehicles"), ("stops", "route_stops"), ("bus seats taken", "bus_assignments"), ("bus trips", "bus_trips")],
    ),
    (ServiceName::Fee, &[("invoices", "invoices"), ("payments", "payments"), ("ledger entries", "ledger_entries")]),
    (
        ServiceName::Inventory,
        &[("inventory items", "inventory_items"), ("copies and instruments", "inventory_units"), ("loans", "inventory_loans")],
    ),
    (ServiceName::Quiz, &[("quizzes", "quizzes"), ("quiz attempts", "quiz_attempts"), ("quiz answers", "quiz_answers")]),
    (ServiceName::Report, &[("graded items", "grade_items"), ("grades", "grades")]),
];

/// What there is in a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolCounts {
    /// The school's name.
    pub name: &'static str,
    /// Its code.
    pub code: &'static str,
    /// How many there are of each kind.
    pub counts: Vec<(&'static str, i64)>,
}

impl SchoolCounts {
    /// How many there are of `kind`.
    #[must_use]
    pub fn count(&self, kind: &str) -> i64 {
        self.counts.iter().find(|(name, _)| *name == kind).map_or(0, |(_, count)| *count)
    }
}

/// Counts what is in the school of `spec`.
pub(crate) async fn of(platform: &Platform, spec: &Spec) -> anyhow::Result<SchoolCounts> {
    let school = SchoolId::from_uuid(id(spec.number, Kind::School, 0));
    let mut counts = Vec::new();
    for (service, kinds) in KINDS {
        let mut transaction = platform.postgres(*service).school_read(school).await?;
        for (kind, table) in *kinds {
            let sql = format!("SELECT count(*) FROM {table}");
            counts.push((*kind, sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(transaction.connection()?).await?));
        }
    }
    Ok(SchoolCounts { name: spec.name, code: spec.code, counts })
}
