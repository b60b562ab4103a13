//! The collection `quiz_analytics`: statistics of a quiz, one document for each set of attempts that they were computed from. The key is a hash of those
//! attempts and their versions, so a document is right for ever and is found instead of computed again.

use chrono::{DateTime, Utc};
use domain::{QuestionId, QuizId, SchoolId, SlotId, Version};
use mongodb::bson::{Bson, DateTime as BsonDateTime, Document, doc, serialize_to_bson};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{Platform, Problem};
use store::CollectionName;
use utoipa::ToSchema;

use super::mongo;
use crate::model::statistics::{Item, Whole};

/// Statistics of a quiz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Analysis {
    /// The quiz.
    pub quiz_id: QuizId,
    /// Names the attempts that they were computed from.
    pub attempts_hash: String,
    /// When they were computed.
    pub computed_at: DateTime<Utc>,
    /// The whole quiz.
    #[serde(flatten)]
    pub whole: Whole,
    /// Its questions: one line for each version that was asked in a slot.
    pub items: Vec<ItemAnalysis>,
}

/// Statistics of a question in a slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ItemAnalysis {
    /// The slot.
    pub slot_id: SlotId,
    /// The question; the one that was asked most where it was drawn.
    pub question_id: QuestionId,
    /// Its version.
    pub version: Version,
    /// How many were asked anything in this slot.
    pub n: usize,
    /// What blind guessing would earn, as a part of the marks.
    pub guess_score: Option<f64>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Item,
    /// What was answered how often: by the option's key, `right` and `wrong` where there are no options, `none` for no answer.
    pub distribution: std::collections::BTreeMap<String, u32>,
}

/// The statistics of these attempts, if they were computed before.
pub(crate) async fn find_analysis(platform: &Platform, school: SchoolId, quiz: QuizId, hash: &str) -> Result<Option<Analysis>, Problem> {
    let collection = platform.mongo().school::<Value>(CollectionName::QuizAnalytics, school);
    let found = collection.find_one(doc! { "quiz_id": quiz.to_string(), "attempts_hash": hash }).await.map_err(mongo)?;
    let Some(mut found) = found else { return Ok(None) };
    // A date of MongoDB's reads as an object; its text stands beside it.
    if let Some(fields) = found.as_object_mut()
        && let Some(text) = fields.remove("computed_at_text")
    {
        fields.insert("computed_at".to_owned(), text);
    }
    // A document of an older release is computed anew.
    Ok(serde_json::from_value(found).ok())
}

/// Keeps statistics; whoever computed the same ones first is right too.
pub(crate) async fn keep_analysis(platform: &Platform, school: SchoolId, analysis: &Analysis) -> Result<(), Problem> {
    let collection = platform.mongo().school::<Document>(CollectionName::QuizAnalytics, school);
    let mut fields = Document::new();
    for (name, value) in serde_json::to_value(analysis)?.as_object().into_iter().flatten() {
        fields.insert(name.clone(), serialize_to_bson(value).map_err(Problem::internal)?);
    }
    for key in ["quiz_id", "attempts_hash"] {
        fields.remove(key);
    }
    let text = fields.remove("computed_at").unwrap_or(Bson::Null);
    fields.insert("computed_at_text", text);
    fields.insert("computed_at", BsonDateTime::from_millis(analysis.computed_at.timestamp_millis()));
    let key = doc! { "quiz_id": analysis.quiz_id.to_string(), "attempts_hash": analysis.attempts_hash.clone() };
    match collection.upsert_one(key, doc! { "$set": fields }).await {
        Ok(_) | Err(store::MongoError::DuplicateKey(_)) => Ok(()),
        Err(error) => Err(mongo(error)),
    }
}
