//! The question bank: the collection `questions`, one document for each version of a question.
//!
//! A version's content never changes: a change adds a version, and the unique key (school, question, version) lets one of two who change the same one win. Only a
//! version's status moves, from draft to published to retired, and the mark `is_latest`, by which lists find the newest version. Content is therefore cached
//! without ever being invalidated: in the process, and in Redis, from where attempts are answered and marked while MongoDB is away.

use std::sync::Arc;
use std::time::Duration;

use domain::{QuestionCategoryId, QuestionId, SchoolId, Timestamp, UserId, Version};
use futures_util::future::try_join_all;
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::{Platform, Problem};
use store::{CollectionName, DocumentQuery, MongoError, SchoolCollection};
use utoipa::ToSchema;

use super::mongo;
use crate::model::attempt::Questions;
use crate::model::paper::Pinned;
use crate::model::question::Content;

/// How long a version stays in Redis after it was last read from MongoDB.
const TTL: Duration = Duration::from_hours(24);
/// How many versions a process keeps at hand. Pictures count as a version for every so many bytes.
const AT_HAND: u64 = 5_000;
const BYTES_OF_A_VERSION: usize = 8 * 1024;

/// Where a version of a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuestionStatus {
    /// Being written; no quiz can use it.
    Draft,
    /// Quizzes can use it.
    Published,
    /// No further quiz can use it; those that do still can.
    Retired,
}

impl QuestionStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Retired => "retired",
        }
    }
}

/// A version of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) id: QuestionId,
    pub(crate) version: Version,
    pub(crate) category_id: QuestionCategoryId,
    pub(crate) status: QuestionStatus,
    pub(crate) content: Content,
    pub(crate) tags: Vec<String>,
    /// From 1, easy, to 5, hard.
    pub(crate) difficulty: Option<u8>,
    pub(crate) author: UserId,
    /// Where it came from: a format's name.
    pub(crate) source: Option<String>,
    pub(crate) created_at: Timestamp,
}

impl Question {
    fn document(&self) -> Result<Value, Problem> {
        let mut document = json!({
            "question_id": self.id.to_string(),
            "version": self.version,
            "bank_id": self.category_id.to_string(),
            "status": self.status,
            "is_latest": true,
            "type": self.content.answer.kind(),
            "name": self.content.name,
            "stem": self.content.stem,
            "default_mark": self.content.default_mark,
            "penalty": self.content.penalty,
            "answer": serde_json::to_value(&self.content.answer)?,
            "tags": self.tags,
            "author": self.author.to_string(),
            "created_at": self.created_at,
        });
        // The validator knows these as present or absent, not as null.
        let optional = [
            ("feedback", self.content.general_feedback.clone().map(Value::from)),
            ("hints", (!self.content.hints.is_empty()).then(|| Value::from(self.content.hints.clone()))),
            ("difficulty", self.difficulty.map(Value::from)),
            ("source", self.source.clone().map(Value::from)),
        ];
        if let Some(fields) = document.as_object_mut() {
            fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        Ok(document)
    }

    fn of(stored: Stored) -> Self {
        let content = Content {
            name: if stored.name.is_empty() { stored.stem.chars().take(80).collect() } else { stored.name },
            stem: stored.stem,
            default_mark: stored.default_mark,
            penalty: stored.penalty,
            general_feedback: stored.feedback,
            hints: stored.hints,
            answer: stored.answer,
        };
        Self {
            id: stored.question_id,
            version: stored.version,
            category_id: stored.bank_id,
            status: stored.status,
            content,
            tags: stored.tags,
            difficulty: stored.difficulty,
            author: stored.author,
            source: stored.source,
            created_at: stored.created_at,
        }
    }

    pub(crate) const fn pinned(&self) -> Pinned {
        Pinned { question_id: self.id, version: self.version }
    }
}

#[derive(Deserialize)]
struct Stored {
    question_id: QuestionId,
    version: Version,
    bank_id: QuestionCategoryId,
    status: QuestionStatus,
    #[serde(default)]
    name: String,
    stem: String,
    default_mark: crate::model::mark::Mark,
    #[serde(default)]
    penalty: crate::model::mark::Fraction,
    #[serde(default)]
    feedback: Option<String>,
    #[serde(default)]
    hints: Vec<String>,
    answer: crate::model::question::Spec,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    difficulty: Option<u8>,
    author: UserId,
    #[serde(default)]
    source: Option<String>,
    created_at: Timestamp,
}

/// Which questions a list holds; always the newest version of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct BankFilter {
    pub(crate) category: Option<QuestionCategoryId>,
    pub(crate) status: Option<QuestionStatus>,
    pub(crate) tags: Vec<String>,
    pub(crate) kind: Option<String>,
    pub(crate) difficulty: Option<u8>,
    /// Words that the stem has.
    pub(crate) search: Option<String>,
    /// After this question, in the order of the list.
    pub(crate) after: Option<QuestionId>,
}

impl BankFilter {
    fn document(&self) -> Document {
        let mut filter = doc! { "is_latest": true };
        match self.status {
            Some(status) => filter.insert("status", status.as_str()),
            None => filter.insert("status", doc! { "$ne": QuestionStatus::Retired.as_str() }),
        };
        if let Some(category) = self.category {
            filter.insert("bank_id", category.to_string());
        }
        if !self.tags.is_empty() {
            filter.insert("tags", doc! { "$all": self.tags.clone() });
        }
        if let Some(kind) = &self.kind {
            filter.insert("type", kind.as_str());
        }
        if let Some(difficulty) = self.difficulty {
            filter.insert("difficulty", i32::from(difficulty));
        }
        if let Some(search) = &self.search {
            filter.insert("$text", doc! { "$search": search.as_str() });
        }
        if let Some(after) = self.after {
            filter.insert("question_id", doc! { "$lt": after.to_string() });
        }
        filter
    }
}

/// The bank. Cheap to clone; clones share what is at hand.
#[derive(Debug, Clone)]
pub(crate) struct Bank {
    platform: Platform,
    at_hand: moka::sync::Cache<(SchoolId, Pinned), Arc<Content>>,
}

impl Bank {
    pub(crate) fn new(platform: Platform) -> Self {
        let weight = |_: &(SchoolId, Pinned), content: &Arc<Content>| {
            u32::try_from(1 + content.answer.picture_bytes() / BYTES_OF_A_VERSION).unwrap_or(u32::MAX)
        };
        Self { platform, at_hand: moka::sync::Cache::builder().max_capacity(AT_HAND).weigher(weight).build() }
    }

    fn collection(&self, school: SchoolId) -> SchoolCollection<Value> {
        self.platform.mongo().school(CollectionName::Questions, school)
    }

    /// Adds new questions, each in its first version.
    pub(crate) async fn insert(&self, school: SchoolId, questions: &[Question]) -> Result<(), Problem> {
        let documents = questions.iter().map(Question::document).collect::<Result<Vec<_>, _>>()?;
        self.collection(school).insert_many(&documents).await.map_err(mongo)
    }

    /// Adds a version; false if there is one of that number already. The versions before it are marked as such afterwards: a process that dies in between
    /// leaves two newest versions in lists until the next change, and never none.
    pub(crate) async fn add_version(&self, school: SchoolId, question: &Question) -> Result<bool, Problem> {
        match self.collection(school).insert_one(&question.document()?).await {
            Ok(()) => {}
            Err(MongoError::DuplicateKey(_)) => return Ok(false),
            Err(error) => return Err(mongo(error)),
        }
        let older = doc! { "question_id": question.id.to_string(), "version": { "$lt": question.version.get() }, "is_latest": true };
        self.collection(school).update_many(older, doc! { "$set": { "is_latest": false } }).await.map_err(mongo)?;
        Ok(true)
    }

    /// Moves one version to another status.
    pub(crate) async fn set_status(
        &self,
        school: SchoolId,
        pinned: Pinned,
        from: &[QuestionStatus],
        to: QuestionStatus,
    ) -> Result<bool, Problem> {
        let from: Vec<&str> = from.iter().map(|status| status.as_str()).collect();
        let filter = doc! { "question_id": pinned.question_id.to_string(), "version": pinned.version.get(), "status": { "$in": from } };
        self.collection(school).update_one(filter, doc! { "$set": { "status": to.as_str() } }).await.map_err(mongo)
    }

    /// Takes all versions of a question out of use.
    pub(crate) async fn retire(&self, school: SchoolId, id: QuestionId) -> Result<(), Problem> {
        let filter = doc! { "question_id": id.to_string() };
        self.collection(school)
            .update_many(filter, doc! { "$set": { "status": QuestionStatus::Retired.as_str() } })
            .await
            .map_err(mongo)?;
        Ok(())
    }

    /// The newest version.
    pub(crate) async fn latest(&self, school: SchoolId, id: QuestionId) -> Result<Option<Question>, Problem> {
        Ok(self.versions(school, id).await?.into_iter().next())
    }

    /// All versions, newest first.
    pub(crate) async fn versions(&self, school: SchoolId, id: QuestionId) -> Result<Vec<Question>, Problem> {
        let query = DocumentQuery {
            filter: doc! { "question_id": id.to_string() },
            sort: Some(doc! { "version": -1 }),
            ..DocumentQuery::default()
        };
        self.read(school, query).await
    }

    /// One version, as it is now: for what its status decides.
    pub(crate) async fn version(&self, school: SchoolId, pinned: Pinned) -> Result<Option<Question>, Problem> {
        let filter = doc! { "question_id": pinned.question_id.to_string(), "version": pinned.version.get() };
        Ok(self.read(school, filter.into()).await?.into_iter().next())
    }

    /// The newest versions of the questions that `filter` holds, latest first.
    pub(crate) async fn list(&self, school: SchoolId, filter: &BankFilter, limit: u64) -> Result<Vec<Question>, Problem> {
        let query = DocumentQuery {
            filter: filter.document(),
            sort: Some(doc! { "question_id": -1 }),
            limit: i64::try_from(limit).ok(),
            ..DocumentQuery::default()
        };
        self.read(school, query).await
    }

    /// How many questions of a category are not retired.
    pub(crate) async fn count(&self, school: SchoolId, category: QuestionCategoryId) -> Result<u64, Problem> {
        let filter = doc! { "bank_id": category.to_string(), "is_latest": true, "status": { "$ne": QuestionStatus::Retired.as_str() } };
        self.collection(school).count(filter).await.map_err(mongo)
    }

    async fn read(&self, school: SchoolId, query: DocumentQuery) -> Result<Vec<Question>, Problem> {
        let documents = self.collection(school).find(query).await.map_err(mongo)?;
        let stored = documents.into_iter().map(serde_json::from_value::<Stored>).collect::<Result<Vec<_>, _>>()?;
        Ok(stored.into_iter().map(Question::of).collect())
    }

    /// What a version says, from memory, Redis or MongoDB.
    pub(crate) async fn content(&self, school: SchoolId, pinned: Pinned) -> Result<Arc<Content>, Problem> {
        if let Some(content) = self.at_hand.get(&(school, pinned)) {
            return Ok(content);
        }
        let key = format!("question:{{{school}}}:{}:{}", pinned.question_id, pinned.version);
        let load = || async move { Ok::<_, Problem>(self.version(school, pinned).await?.map(|question| question.content)) };
        // Seldom, and large: not worth its room in every request.
        let content: Option<Content> = Box::pin(self.platform.cache().get_or_load(key, TTL, load)).await?;
        let content = Arc::new(content.ok_or_else(|| Problem::not_found("question"))?);
        self.at_hand.insert((school, pinned), Arc::clone(&content));
        Ok(content)
    }

    /// What all of these versions say.
    pub(crate) async fn contents(&self, school: SchoolId, pinned: &[Pinned]) -> Result<Questions, Problem> {
        let contents = try_join_all(pinned.iter().map(|pinned| self.content(school, *pinned))).await?;
        Ok(pinned.iter().copied().zip(contents).collect())
    }
}
