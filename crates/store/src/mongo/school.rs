//! One school's part of a collection.
//!
//! The school is in every filter, next to and not within what the caller asks for, so no `$or` reaches around it. Updates
//! that touch `school_id`, replacement documents of another school, and pipeline stages that read or write other
//! collections are refused before they are sent.

use std::marker::PhantomData;

use domain::SchoolId;
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Bson, Document, deserialize_from_document, doc, serialize_to_document};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::{CollectionName, MongoError};

const SCHOOL: &str = "school_id";

/// Stages that work on the documents that flow into them and nothing else. A list of what is safe rather than of what
/// isn't: new versions of the server bring new stages.
const STAGES: &[&str] = &[
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$count",
    "$facet",
    "$group",
    "$limit",
    "$match",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$set",
    "$setWindowFields",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unset",
    "$unwind",
];

/// Which documents, in which order, and how many.
#[derive(Debug, Clone, Default)]
pub struct DocumentQuery {
    /// What to look for, within the school.
    pub filter: Document,
    /// In which order.
    pub sort: Option<Document>,
    /// Which fields; all by default.
    pub projection: Option<Document>,
    /// At most how many; no limit by default.
    pub limit: Option<i64>,
}

impl From<Document> for DocumentQuery {
    fn from(filter: Document) -> Self {
        Self { filter, ..Self::default() }
    }
}

/// A collection, as one school sees it. `T` is what a document is read as and written from; it may have a `school_id` or not.
#[derive(Debug, Clone)]
pub struct SchoolCollection<T> {
    collection: Collection<Document>,
    name: CollectionName,
    school: SchoolId,
    document: PhantomData<fn() -> T>,
}

impl<T> SchoolCollection<T> {
    pub(super) const fn new(collection: Collection<Document>, name: CollectionName, school: SchoolId) -> Self {
        Self { collection, name, school, document: PhantomData }
    }

    /// The school.
    #[must_use]
    pub const fn school_id(&self) -> SchoolId {
        self.school
    }

    /// How many documents match.
    pub async fn count(&self, filter: Document) -> Result<u64, MongoError> {
        let count = self.collection.count_documents(self.scoped(filter));
        Ok(count.into_future().instrument(self.span("count")).await?)
    }

    /// Changes the first document that matches; whether there was one.
    pub async fn update_one(&self, filter: Document, update: Document) -> Result<bool, MongoError> {
        self.check_update(&update)?;
        let update = self.collection.update_one(self.scoped(filter), update);
        Ok(update.into_future().instrument(self.span("update")).await?.matched_count > 0)
    }

    /// Changes the document that matches, or makes one from the filter's equalities, the update and the school.
    /// Whether one was made.
    pub async fn upsert_one(&self, filter: Document, update: Document) -> Result<bool, MongoError> {
        self.check_update(&update)?;
        let update = self.collection.update_one(self.scoped(filter), update).upsert(true);
        Ok(update.into_future().instrument(self.span("upsert")).await?.upserted_id.is_some())
    }

    /// Changes all documents that match; how many did.
    pub async fn update_many(&self, filter: Document, update: Document) -> Result<u64, MongoError> {
        self.check_update(&update)?;
        let update = self.collection.update_many(self.scoped(filter), update);
        Ok(update.into_future().instrument(self.span("update")).await?.matched_count)
    }

    /// Deletes the first document that matches; whether there was one.
    pub async fn delete_one(&self, filter: Document) -> Result<bool, MongoError> {
        self.check_mutable()?;
        let delete = self.collection.delete_one(self.scoped(filter));
        Ok(delete.into_future().instrument(self.span("delete")).await?.deleted_count > 0)
    }

    /// Deletes all documents that match; how many did.
    pub async fn delete_many(&self, filter: Document) -> Result<u64, MongoError> {
        self.check_mutable()?;
        let delete = self.collection.delete_many(self.scoped(filter));
        Ok(delete.into_future().instrument(self.span("delete")).await?.deleted_count)
    }

    /// Runs a pipeline over the school's documents. Stages that reach other collections are refused.
    pub async fn aggregate(&self, pipeline: Vec<Document>) -> Result<Vec<Document>, MongoError> {
        check_pipeline(pipeline.iter())?;
        let mut stages = pipeline.into_iter().peekable();
        // The caller's first `$match` and ours are one stage: `$text` may only stand in the very first.
        let own = match stages.peek().and_then(|stage| stage.get_document("$match").ok()).cloned() {
            Some(filter) => {
                stages.next();
                filter
            }
            None => Document::new(),
        };
        let scoped: Vec<Document> = std::iter::once(doc! { "$match": self.scoped(own) }).chain(stages).collect();
        let rows = async { self.collection.aggregate(scoped).await?.try_collect().await };
        Ok(rows.instrument(self.span("aggregate")).await?)
    }

    fn span(&self, operation: &'static str) -> tracing::Span {
        tracing::info_span!(
            "mongodb",
            otel.kind = "client",
            db.system.name = "mongodb",
            db.collection.name = self.name.as_str(),
            db.operation.name = operation,
        )
    }

    fn scoped(&self, filter: Document) -> Document {
        let mut scoped = doc! { SCHOOL: self.school.to_string() };
        if !filter.is_empty() {
            scoped.insert("$and", vec![filter]);
        }
        scoped
    }

    fn check_mutable(&self) -> Result<(), MongoError> {
        if self.name.is_append_only() {
            return Err(MongoError::Refused(format!("{} is only ever added to", self.name.as_str())));
        }
        Ok(())
    }

    fn check_update(&self, update: &Document) -> Result<(), MongoError> {
        self.check_mutable()?;
        for (operator, fields) in update {
            // A field at the top level would make this a replacement; replace_one is for that.
            let Some(fields) = fields.as_document().filter(|_| operator.starts_with('$')) else {
                return Err(MongoError::Refused(format!("an update has operators with fields, and {operator:?} is none")));
            };
            let renamed_onto = fields.values().any(|target| operator == "$rename" && names_school(target.as_str().unwrap_or_default()));
            if renamed_onto || fields.keys().any(|field| names_school(field)) {
                return Err(MongoError::Refused("an update may not touch school_id".to_owned()));
            }
        }
        Ok(())
    }
}

impl<T: Serialize> SchoolCollection<T> {
    /// Adds a document to the school.
    pub async fn insert_one(&self, document: &T) -> Result<(), MongoError> {
        let document = self.owned(document)?;
        self.collection.insert_one(document).into_future().instrument(self.span("insert")).await?;
        Ok(())
    }

    /// Adds documents to the school, in order, until one is refused.
    pub async fn insert_many(&self, documents: &[T]) -> Result<(), MongoError> {
        if documents.is_empty() {
            return Ok(());
        }
        let documents = documents.iter().map(|document| self.owned(document)).collect::<Result<Vec<_>, _>>()?;
        self.collection.insert_many(documents).into_future().instrument(self.span("insert")).await?;
        Ok(())
    }

    /// Puts the document in the place of the first that matches; whether there was one.
    pub async fn replace_one(&self, filter: Document, document: &T) -> Result<bool, MongoError> {
        self.check_mutable()?;
        let document = self.owned(document)?;
        let replace = self.collection.replace_one(self.scoped(filter), document);
        Ok(replace.into_future().instrument(self.span("replace")).await?.matched_count > 0)
    }

    /// The document, marked as this school's; refused if it says that it is another's.
    fn owned(&self, document: &T) -> Result<Document, MongoError> {
        let mut document = serialize_to_document(document)?;
        let school = Bson::String(self.school.to_string());
        match document.get(SCHOOL) {
            None => {
                document.insert(SCHOOL, school);
            }
            Some(claimed) if *claimed == school => {}
            Some(_) => return Err(MongoError::OtherSchool),
        }
        Ok(document)
    }
}

impl<T: DeserializeOwned> SchoolCollection<T> {
    /// The first document that matches.
    pub async fn find_one(&self, query: impl Into<DocumentQuery>) -> Result<Option<T>, MongoError> {
        let query = DocumentQuery { limit: Some(1), ..query.into() };
        Ok(self.find(query).await?.into_iter().next())
    }

    /// The documents that match.
    pub async fn find(&self, query: impl Into<DocumentQuery>) -> Result<Vec<T>, MongoError> {
        let DocumentQuery { filter, sort, projection, limit } = query.into();
        let mut find = self.collection.find(self.scoped(filter));
        if let Some(sort) = sort {
            find = find.sort(sort);
        }
        if let Some(projection) = projection {
            find = find.projection(projection);
        }
        if let Some(limit) = limit {
            find = find.limit(limit);
        }
        let rows = async { find.await?.try_collect::<Vec<Document>>().await };
        let rows = rows.instrument(self.span("find")).await?;
        rows.into_iter().map(|row| deserialize_from_document(row).map_err(MongoError::from)).collect()
    }
}

fn names_school(field: &str) -> bool {
    field == SCHOOL || field.strip_prefix(SCHOOL).is_some_and(|rest| rest.starts_with('.'))
}

fn check_pipeline<'p>(pipeline: impl Iterator<Item = &'p Document>) -> Result<(), MongoError> {
    for stage in pipeline {
        for (name, content) in stage {
            if !STAGES.contains(&name.as_str()) {
                return Err(MongoError::Refused(format!("a school's pipeline has no {name:?} stage")));
            }
            let branches = content.as_document().filter(|_| name == "$facet");
            for branch in branches.into_iter().flat_map(Document::values) {
                let stages = branch.as_array().map(Vec::as_slice).unwrap_or_default();
                check_pipeline(stages.iter().filter_map(Bson::as_document))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_cannot_reach_another_collection_however_deep_it_hides() {
        let refused = |stage: Document| check_pipeline([stage].iter()).is_err();
        assert!(refused(doc! { "$lookup": { "from": "questions" } }));
        assert!(refused(doc! { "$out": "questions" }));
        assert!(refused(doc! { "$facet": { "a": [{ "$unionWith": "questions" }] } }));
        assert!(!refused(doc! { "$facet": { "a": [{ "$match": {} }] } }));
    }
}
