//! Typed ids. A `StudentId` is not a `TeacherId`, and the compiler knows.
//!
//! New rows get UUIDv7 ids: they sort by creation time, which keeps B-tree inserts at the right-hand edge.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, UUIDv7 from the current time.
            #[must_use]
            pub fn generate() -> Self { Self(Uuid::now_v7()) }
            /// Takes over an id that was read from a store or a request.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self { Self(id) }
            /// The untyped id, for a store.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid { self.0 }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> { s.parse().map(Self) }
        }
        impl From<Uuid> for $name { fn from(id: Uuid) -> Self { Self(id) } }
        impl From<$name> for Uuid { fn from(id: $name) -> Self { id.0 } }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
                ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).into()
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    )+};
}

ids! {
    /// A school: the tenant.
    SchoolId,
    /// A person who can log in; may belong to several schools.
    UserId,
    /// A login session, `sid` in the access token.
    SessionId,
    /// A user's role in a school.
    MembershipId,
    /// A student of a school.
    StudentId,
    /// A teacher of a school.
    TeacherId,
    /// A non-teaching employee of a school.
    StaffId,
    /// A link between a student and a parent or other guardian.
    GuardianLinkId,
    /// An academic year of a school.
    AcademicYearId,
    /// A term within an academic year.
    TermId,
    /// A subject that a school teaches.
    SubjectId,
    /// A class: the group of students that is taught together.
    ClassId,
    /// A subject taught in a class, by a teacher.
    ClassSubjectId,
    /// A student's enrolment in a class.
    EnrollmentId,
    /// A piece of homework.
    HomeworkId,
    /// A student's answer to a piece of homework.
    SubmissionId,
    /// A school's attendance code.
    AttendanceCodeId,
    /// An attendance register: a class on a day, or in one of its periods.
    RegisterId,
    /// A correction of a register.
    CorrectionId,
    /// A request for leave.
    LeaveRequestId,
    /// A rule that says when a school is told of a student's attendance.
    AlertRuleId,
    /// What a school was told of a student's attendance.
    AlertId,
    /// A quiz or an exam.
    QuizId,
    /// A place for a question in a quiz.
    SlotId,
    /// A student's attempt at a quiz.
    AttemptId,
    /// A student's answer to a question of a quiz.
    AnswerId,
    /// An exception from a quiz's terms, for a student or a group.
    QuizOverrideId,
    /// A question of the bank, in all of its versions.
    QuestionId,
    /// A category of the question bank.
    QuestionCategoryId,
    /// A category of a class's grade book.
    GradeCategoryId,
    /// Something that is graded.
    GradeItemId,
    /// A student's grade for an item.
    GradeId,
    /// A change of a grade.
    GradeChangeId,
    /// A scale: what percentages are called.
    GradeScaleId,
    /// A category of the inventory.
    InventoryCategoryId,
    /// A supplier.
    SupplierId,
    /// A place where things are kept.
    InventoryLocationId,
    /// A thing that the school keeps: a title, a consumable, a kind of equipment.
    InventoryItemId,
    /// A single unit of an item, with a serial number of its own.
    InventoryUnitId,
    /// What a member of the staff keeps.
    KeeperId,
    /// A movement of stock.
    MovementId,
    /// A loan.
    LoanId,
    /// A place in the queue for an item.
    ReservationId,
    /// A repair.
    RepairId,
    /// A stock-take.
    StockTakeId,
    /// A fee structure: what a group of students owes, and when.
    FeeStructureId,
    /// A head of a fee structure in one of its instalments.
    FeeItemId,
    /// A concession.
    ConcessionId,
    /// A rule for fines.
    FineRuleId,
    /// An invoice.
    InvoiceId,
    /// A run that makes many invoices.
    InvoiceRunId,
    /// A payment.
    PaymentId,
    /// A refund.
    RefundId,
    /// A day's books, closed.
    DayClosingId,
    /// An event of the school's calendar.
    CalendarEventId,
    /// A room of the school.
    RoomId,
    /// A booking of a room.
    RoomBookingId,
    /// A lesson of the timetable, or the cover of one.
    TimetableEntryId,
    /// A bell of the timetable: when the periods of a day are.
    TimetableColumnId,
    /// A time that can be booked: an exam's, or a meeting with a teacher.
    AppointmentSlotId,
    /// A booking of such a time.
    AppointmentBookingId,
    /// A subscription to somebody's calendar.
    CalendarFeedId,
    /// A vehicle of the school: a bus.
    VehicleId,
    /// A piece of work on a vehicle.
    MaintenanceId,
    /// A driver, as the school's transport knows them.
    DriverId,
    /// A bus route.
    BusRouteId,
    /// A stop of a bus route.
    StopId,
    /// A student's seat on a route, in one direction, for a time.
    BusAssignmentId,
    /// What a seat costs at a distance.
    BusFeeSlabId,
    /// One run of a bus along its route.
    BusTripId,
    /// Something to know about the buses: a delay, a detour, a child who was left behind.
    BusAlertId,
    /// Somebody's wish to be told before the bus is at a child's stop.
    BusAlarmId,
    /// Something that is wrong with a bus trip or a stop, as somebody told the school.
    BusProblemId,
    /// Something that students are to learn.
    OutcomeId,
    /// A rule that says who is on the honour roll.
    HonourRuleId,
    /// An event.
    EventId,
    /// A record that could not be saved.
    DeadLetterId,
}
