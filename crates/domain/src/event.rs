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
