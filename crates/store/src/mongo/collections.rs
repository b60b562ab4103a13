//! The five collections: what a document must have, and how it is found.
//!
//! The schemas name what every document has and of what type; fields beyond these are welcome. `school_id` leads every
//! index except the two that let documents expire: MongoDB expires by a single field only. A document without `expires_at`
//! stays for ever, so how long logs and archives are kept is up to who writes them.

use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;

/// A collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CollectionName {
    /// The question bank, one document for each version of a question.
    Questions,
    /// Statistics of a quiz, one document for each set of attempts that they were computed from.
    QuizAnalytics,
    /// Who did what. Only ever added to.
    ActivityLogs,
    /// Templates of report cards.
    ReportTemplates,
    /// Notifications that were sent.
    NotificationArchive,
}

impl CollectionName {
    /// All five.
    pub const ALL: &'static [Self] =
        &[Self::Questions, Self::QuizAnalytics, Self::ActivityLogs, Self::ReportTemplates, Self::NotificationArchive];

    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Questions => "questions",
            Self::QuizAnalytics => "quiz_analytics",
            Self::ActivityLogs => "activity_logs",
            Self::ReportTemplates => "report_templates",
            Self::NotificationArchive => "notification_archive",
        }
    }

    /// Whether documents are never changed or deleted, short of expiring.
    #[must_use]
    pub const fn is_append_only(self) -> bool {
        matches!(self, Self::ActivityLogs)
    }

    /// What every document of the collection must look like.
    pub(super) fn schema(self) -> Document {
        let (required, properties): (&[&str], Document) = match self {
            Self::Questions => (
                &["question_id", "version", "bank_id", "status", "type", "stem", "default_mark"],
                doc! {
                    "question_id": id(),
                    "bank_id": id(),
                    "version": { "bsonType": ["int", "long"], "minimum": 1 },
                    "status": { "enum": ["draft", "published", "retired"] },
                    "type": text(64),
                    "stem": { "bsonType": "string", "minLength": 1, "maxLength": 100_000 },
                    "options": { "bsonType": "array" },
                    "answer": { "bsonType": "object" },
                    "default_mark": { "bsonType": ["int", "long", "double", "decimal"], "minimum": 0 },
                    "penalty": { "bsonType": ["int", "long", "double", "decimal"], "minimum": 0, "maximum": 1 },
                    "feedback": { "bsonType": ["object", "string"] },
                    "tags": { "bsonType": "array", "maxItems": 100, "uniqueItems": true, "items": text(100) },
                    "difficulty": { "bsonType": ["int", "long", "double"] },
                    "author": id(),
                    "source": { "bsonType": ["object", "string"] },
                },
            ),
            Self::QuizAnalytics => (
                &["quiz_id", "computed_at", "attempts_hash", "n", "items"],
                doc! {
                    "quiz_id": id(),
                    "computed_at": { "bsonType": "date" },
                    "attempts_hash": text(128),
                    "n": { "bsonType": ["int", "long"], "minimum": 0 },
                    "mean": { "bsonType": ["double", "null"] },
                    "sd": { "bsonType": ["double", "null"], "minimum": 0 },
                    // Cronbach's alpha can be negative, but never exceeds 1.
                    "alpha": { "bsonType": ["double", "null"], "maximum": 1 },
                    "items": { "bsonType": "array", "items": {
                        "bsonType": "object",
                        "required": ["question_id", "version"],
                        "properties": {
                            "question_id": id(),
                            "version": { "bsonType": ["int", "long"], "minimum": 1 },
                            "facility": { "bsonType": ["double", "null"] },
                            "discrimination": { "bsonType": ["double", "null"] },
                            "efficiency": { "bsonType": ["double", "null"] },
                            "distribution": { "bsonType": ["object", "array"] },
                        },
                    } },
                },
            ),
            Self::ActivityLogs => (
                &["ts", "actor", "action", "entity", "event_id"],
                doc! {
                    "ts": { "bsonType": "date" },
                    "actor": text(128),
                    "action": text(128),
                    "entity": { "bsonType": "object", "required": ["type", "id"], "properties": { "type": text(64), "id": text(128) } },
                    "before": { "bsonType": ["object", "null"] },
                    "after": { "bsonType": ["object", "null"] },
                    "ip": text(64),
                    "request_id": text(128),
                    "prev_hash": text(128),
                    "event_id": id(),
                    "expires_at": { "bsonType": "date" },
                },
            ),
            Self::ReportTemplates => (
                &["code", "version", "locale", "sections", "engine", "status"],
                doc! {
                    "code": text(100),
                    "version": { "bsonType": ["int", "long"], "minimum": 1 },
                    "locale": text(35),
                    "sections": { "bsonType": "array", "items": { "bsonType": "object" } },
                    "engine": text(32),
                    "params": { "bsonType": "object" },
                    "status": { "enum": ["draft", "published", "retired"] },
                },
            ),
            Self::NotificationArchive => (
                &["notification_id", "recipient", "channel", "sent_at", "state"],
                doc! {
                    "notification_id": id(),
                    "recipient": id(),
                    "channel": { "enum": ["in_app", "email", "sms", "push"] },
                    "template": text(100),
                    "sent_at": { "bsonType": "date" },
                    "state": { "enum": ["sent", "delivered", "read", "failed"] },
                    "provider_id": text(255),
                    "expires_at": { "bsonType": "date" },
                },
            ),
        };
        let mut all = doc! { "school_id": id() };
        all.extend(properties);
        let required: Vec<&str> = ["school_id"].iter().chain(required).copied().collect();
        doc! { "bsonType": "object", "required": required, "properties": all }
    }

    /// How documents are found, and what there may be only one of.
    pub(super) fn indexes(self) -> Vec<IndexModel> {
        match self {
            Self::Questions => vec![
                unique(doc! { "school_id": 1, "question_id": 1, "version": 1 }),
                index(doc! { "school_id": 1, "tags": 1 }),
                index(doc! { "school_id": 1, "bank_id": 1, "status": 1 }),
                index(doc! { "school_id": 1, "stem": "text" }),
            ],
            Self::QuizAnalytics => vec![unique(doc! { "school_id": 1, "quiz_id": 1, "attempts_hash": 1 })],
            Self::ActivityLogs => vec![
                unique(doc! { "school_id": 1, "event_id": 1 }),
                index(doc! { "school_id": 1, "entity.type": 1, "entity.id": 1, "ts": 1 }),
                index(doc! { "school_id": 1, "actor": 1, "ts": 1 }),
                expiring(),
            ],
            Self::ReportTemplates => vec![unique(doc! { "school_id": 1, "code": 1, "version": 1, "locale": 1 })],
            Self::NotificationArchive => vec![
                unique(doc! { "school_id": 1, "notification_id": 1 }),
                index(doc! { "school_id": 1, "recipient": 1, "sent_at": 1 }),
                expiring(),
            ],
        }
    }
}

/// An id as MongoDB keeps it: the lower-case text of a UUID.
fn id() -> Document {
    doc! { "bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" }
}

fn text(max: i32) -> Document {
    doc! { "bsonType": "string", "minLength": 1, "maxLength": max }
}

fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

fn unique(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().unique(true).build()).build()
}

/// Removes a document once its `expires_at` has passed.
fn expiring() -> IndexModel {
    let options = IndexOptions::builder().expire_after(Duration::ZERO).build();
    IndexModel::builder().keys(doc! { "expires_at": 1 }).options(options).build()
}
