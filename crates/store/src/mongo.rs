//! MongoDB: documents whose shape differs from one to the next (questions, statistics, logs, templates).
//!
//! There is no row security here, so the school is added by construction: tenant data are only reached through
//! [`SchoolCollection`], which puts its school into every filter, document and pipeline. Documents and filters may carry
//! times as [`bson::DateTime`](mongodb::bson::DateTime) only, which is what the validators expect; ids are strings.

mod client;
mod collections;
mod error;
mod school;

pub use client::Mongo;
pub use collections::CollectionName;
pub use error::MongoError;
pub use school::{DocumentQuery, SchoolCollection};
