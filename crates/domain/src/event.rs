//! Events: what happened, told to whoever listens.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{EventId, Role, SchoolId, Timestamp, UserId};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// What happened, `<entity>:<verb>`; also the name of the pub/sub channel.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventKind { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl EventKind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The channel, such as `homework:assigned`.
            #[must_use]
            pub const fn channel(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }
        }
    };
}

kinds! {
    /// Homework was published to its class.
    HomeworkAssigned = "homework:assigned";
    /// Published homework was changed in what others keep of it: its title, its marks, its due time.
    HomeworkChanged = "homework:changed";
    /// A student handed in.
    HomeworkSubmitted = "homework:submitted";
    /// A submission was graded.
    HomeworkGraded = "homework:graded";
    /// A graded submission was given back to the student.
    HomeworkReturned = "homework:returned";
    /// A register was taken for the first time.
    AttendanceTaken = "attendance:taken";
    /// A student was marked absent; told once for each register, whether it was marked first or corrected later.
    AttendanceAbsent = "attendance:absent";
    /// A mark of a register that had been taken was changed.
    AttendanceCorrected = "attendance:corrected";
    /// A register was locked by hand.
    AttendanceLocked = "attendance:locked";
    /// A rule about a student's attendance came true; told once for each rule, student and episode.
    AttendanceAlerted = "attendance:alerted";
    /// Leave was asked for.
    LeaveRequested = "leave:requested";
    /// Leave was granted.
    LeaveApproved = "leave:approved";
    /// Leave was refused.
    LeaveRejected = "leave:rejected";
    /// A request for leave was taken back.
    LeaveWithdrawn = "leave:withdrawn";
    /// A quiz was published to its class.
    QuizAssigned = "quiz:assigned";
    /// A quiz that the class has was changed in what others keep of it: its title, its marks, its close, which attempt counts.
    QuizChanged = "quiz:changed";
    /// A student submitted an attempt, or its time was up.
    QuizSubmitted = "quiz:submitted";
    /// What counts of a student's attempts at a quiz is known, or has changed.
    QuizGraded = "quiz:graded";
    /// An exam's results were released to students and parents.
    QuizReleased = "quiz:released";
    /// A grade in the grade book was entered or changed.
    GradeChanged = "grade:changed";
    /// Invoices are to be made for everybody whom a fee structure concerns.
    InvoiceRunRequested = "invoice_run:requested";
    /// Every invoice that is late is to be fined by a rule.
    FineRunRequested = "fine_run:requested";
    /// An invoice was issued.
    InvoiceIssued = "invoice:issued";
    /// An invoice was cancelled.
    InvoiceCancelled = "invoice:cancelled";
    /// Somebody is to be reminded of an invoice that is due.
    InvoiceReminded = "invoice:reminded";
    /// Money came in.
    PaymentCaptured = "payment:captured";
    /// An attempt to pay failed.
    PaymentFailed = "payment:failed";
    /// A cheque was not honoured.
    PaymentBounced = "payment:bounced";
    /// A payment that was entered by mistake was taken back.
    PaymentVoided = "payment:voided";
    /// A payment changed otherwise: a cheque was cleared, or credit was set against an invoice.
    PaymentChanged = "payment:changed";
    /// A provider is to give money back.
    RefundRequested = "refund:requested";
    /// Money was given back.
    RefundSucceeded = "refund:succeeded";
    /// Money could not be given back.
    RefundFailed = "refund:failed";
    /// A loan that came back late, damaged or not at all is to be paid for.
    InventoryPenaltyDue = "inventory:penalty_due";
    /// A seat on the bus is to be paid for.
    TransportFeeDue = "transport:fee_due";
    /// An event of the calendar was put in or changed.
    CalendarChanged = "calendar:changed";
    /// An event of the calendar, or one of its occurrences, was called off.
    CalendarCancelled = "calendar:cancelled";
    /// Somebody stands in for a teacher.
    TimetableCovered = "timetable:covered";
    /// Nobody stands in any more.
    TimetableUncovered = "timetable:uncovered";
    /// A lesson was put on the timetable, changed, or taken off.
    TimetableChanged = "timetable:changed";
    /// A lesson is called off on one day.
    TimetableCancelled = "timetable:cancelled";
    /// A lesson is at another time, in another period or in another room on one day.
    TimetableMoved = "timetable:moved";
    /// A lesson that was called off or moved on one day is as usual again.
    TimetableRestored = "timetable:restored";
    /// An exam's or a meeting's time was booked.
    AppointmentBooked = "appointment:booked";
    /// A booking of an exam's or a meeting's time was cancelled.
    AppointmentCancelled = "appointment:cancelled";
    /// An exam's or a meeting's time that somebody has booked is at another time or in another room; told once for each booking.
    AppointmentMoved = "appointment:moved";
    /// A thing that somebody waited for is kept for them.
    ReservationReady = "reservation:ready";
    /// A loan is open after its due day; told once for each due day.
    LoanOverdue = "loan:overdue";
    /// Something was lost, by a borrower or otherwise.
    ItemLost = "item:lost";
    /// Something went to be mended.
    RepairStarted = "repair:started";
    /// Something is mended and back, or beyond mending.
    RepairFinished = "repair:finished";
    /// There are no more of an item than its reorder level.
    StockLow = "stock:low";
    /// A bus has begun a trip.
    TransportTripStarted = "transport:trip_started";
    /// A bus has ended a trip.
    TransportTripEnded = "transport:trip_ended";
    /// A bus has reached a stop; told once for each stop of a trip.
    TransportArrived = "transport:arrived";
    /// A trip that was planned does not take place.
    TransportTripCancelled = "transport:trip_cancelled";
    /// A trip that was planned has another vehicle or another driver.
    TransportTripChanged = "transport:trip_changed";
    /// A bus is late; told once for each trip.
    TransportDelayed = "transport:delayed";
    /// A student has boarded a bus.
    TransportBoarded = "transport:boarded";
    /// A student has got off a bus.
    TransportAlighted = "transport:alighted";
    /// A trip has ended, or should have long ago, and a student who boarded has not got off; told once for each student and trip.
    TransportNotAlighted = "transport:not_alighted";
    /// A bus will soon be at a stop, as a parent wished to be told; told once for each wish and trip.
    TransportAlarmRung = "transport:alarm_rung";
    /// Somebody told the school that something is wrong with a bus trip or a stop.
    TransportProblemReported = "transport:problem_reported";
    /// A session was revoked; every pod must stop accepting its tokens.
    SessionRevoked = "session:revoked";
    /// A roster was imported; anything cached about the school's people and classes is stale.
    RosterImported = "roster:imported";
}

/// Who caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user.
    pub user_id: UserId,
    /// The role in which the user acted.
    pub role: Role,
}

/// An event as it travels: in the stream, on the channel, in the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventEnvelope {
    /// The event's own id; consumers are idempotent by it.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The school it happened in.
    pub school_id: SchoolId,
    /// Who did it; absent for what the system did by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// When, by the server's clock.
    pub occurred_at: Timestamp,
    /// The row that it is about.
    pub subject: Uuid,
    /// W3C `traceparent` of the request that caused it, so that a consumer's span continues the trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Kind-specific fields, as a JSON text: a consumer that doesn't know the kind needn't parse it.
    pub data: String,
}
