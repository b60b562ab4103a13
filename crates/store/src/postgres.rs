//! Pools that act as one database role, and the transactions that they hand out.
//!
//! A transaction costs two round trips besides its statements: `BEGIN` travels together with the settings that name the
//! school, and a check that nothing has failed travels together with `COMMIT`. A transaction that only reads needn't be
//! committed: dropped, it is rolled back behind the caller's back.

mod config;
mod pool;
mod transaction;

pub use config::{Identity, PostgresConfig, SslMode};
pub use pool::Postgres;
pub use transaction::{Login, LoginTransaction, Platform, PlatformTransaction, School, SchoolTransaction, Transaction};
