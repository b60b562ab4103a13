//! The activity log: who did what to which row, one document an event.
//!
//! It is a durable consumer: an event that came while the service was down for a day is written when it is back, and one that is delivered twice is
//! written once, because the event's id is unique in the collection.

use async_trait::async_trait;
use domain::{EventEnvelope, EventKind};
use events::{HandleError, Handler};
use mongodb::bson::{DateTime, Document, doc};
use store::{CollectionName, Mongo, MongoError};

/// What is logged: what somebody did to a row. An absence is told beside the register that it stands in, and is not logged a second time.
pub const KINDS: &[EventKind] = &[
    EventKind::HomeworkAssigned,
    EventKind::HomeworkSubmitted,
    EventKind::HomeworkGraded,
    EventKind::HomeworkReturned,
    EventKind::AttendanceTaken,
    EventKind::AttendanceCorrected,
    EventKind::AttendanceLocked,
    EventKind::LeaveRequested,
    EventKind::LeaveApproved,
    EventKind::LeaveRejected,
    EventKind::LeaveWithdrawn,
    EventKind::QuizAssigned,
    EventKind::QuizChanged,
    EventKind::QuizSubmitted,
    EventKind::QuizGraded,
    EventKind::QuizReleased,
    EventKind::GradeChanged,
    EventKind::RosterImported,
];

/// Writes events into `activity_logs`.
#[derive(Debug, Clone)]
pub struct Log {
    mongo: Mongo,
}

impl Log {
    /// A log in `mongo`.
    #[must_use]
    pub const fn new(mongo: Mongo) -> Self {
        Self { mongo }
    }
}

#[async_trait]
impl Handler for Log {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let log = self.mongo.school::<Document>(CollectionName::ActivityLogs, event.school_id);
        match log.insert_one(&entry(event)).await {
            // Delivered before.
            Ok(()) | Err(MongoError::DuplicateKey(_)) => Ok(()),
            Err(error @ MongoError::Unavailable(_)) => Err(HandleError::Unavailable(error.to_string())),
            Err(error) => Err(HandleError::Failed(error.to_string())),
        }
    }
}

/// The document of an event. `homework:graded` is the action `graded` on an entity of the type `homework`.
fn entry(event: &EventEnvelope) -> Document {
    let (entity, action) = event.kind.channel().split_once(':').unwrap_or((event.kind.channel(), ""));
    // What the system did by itself has an actor too, in a log that is read by who did what.
    let actor = event.actor.map_or_else(|| "system".to_owned(), |actor| actor.user_id.to_string());
    doc! {
        "school_id": event.school_id.to_string(),
        "event_id": event.id.to_string(),
        "ts": DateTime::from_millis(event.occurred_at.timestamp_millis()),
        "actor": actor,
        "action": action,
        "entity": { "type": entity, "id": event.subject.to_string() },
    }
}
