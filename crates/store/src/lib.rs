//! Where the fleet's data lives: PostgreSQL for what must be true, MongoDB for documents.
//!
//! **A tenant table can't be queried without a school.** Rows carry `school_id`, row level security is forced, and the only
//! ways to a connection are the transactions of [`Postgres`]: [`Postgres::school`] says whose rows are meant,
//! [`Postgres::login`] whose memberships, and [`Postgres::platform`] sees no tenant row at all. MongoDB has no row
//! security, so [`SchoolCollection`] puts the school into every filter and document itself.
//!
//! **A service writes only its own tables.** Each pool acts as one database role (see [`Identity`]) and the grants in
//! `migrations/` say what that role may do; the batch processor's role writes the buffered tables.
//!
//! What is here:
//! - [`Postgres`], [`Transaction`], [`StoreError`]: pools, transactions, and what can go wrong with them;
//! - [`entity`]: sea-orm entities, one file a table; ids are plain `Uuid`s here and typed at the repositories' edges;
//! - [`migrate`]: the schema, up and down;
//! - [`Mongo`], [`SchoolCollection`]: the five collections with their validators and indexes.
//!
//! To add a table: write it into a new pair of files in `migrations/`, call `adopt_tenant_table` on it there, list the pair in
//! [`migrate`], and add the entity. The catalogue test fails until row security, keys and grants are right.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod entity;
mod error;
pub mod migrate;
mod mongo;
mod postgres;
mod values;

pub use error::StoreError;
pub use mongo::{CollectionName, DocumentQuery, Mongo, MongoError, SchoolCollection};
pub use postgres::{
    Identity, Login, LoginTransaction, Platform, PlatformTransaction, Postgres, PostgresConfig, School, SchoolTransaction, SslMode,
    Transaction,
};
pub use values::{plain, uuids};
