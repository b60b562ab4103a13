//! Real stores for tests: a fresh PostgreSQL database, a Redis server and a MongoDB database for each test, so that all of them run at once.
//!
//! `scripts/test` starts PostgreSQL and MongoDB and says where they are (`TEST_POSTGRES_URL`, `TEST_MONGODB_URI`). A database is a copy of
//! a migrated template, made in some 100 ms. A Redis server costs less than that, and a test that kills it needs one of its own anyway.

// What a test needs and can't have is a failed test: there is nobody to hand an error to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, clippy::indexing_slicing)]

mod attack;
mod disk;
mod fleet;
pub mod people;
mod postgres;
mod process;
mod redis;
mod relay;

pub use attack::{Attacker, count, statuses};
pub use disk::SmallDisk;
pub use fleet::{Answer, Api, Fleet, PASSWORD};
pub use postgres::{PostgresServer, TestDatabase};
pub use process::{Process, run};
pub use redis::RedisServer;
pub use relay::Relay;

/// A MongoDB database of the test's own, as a URI.
#[must_use]
pub fn mongodb_uri() -> String {
    let server = variable("TEST_MONGODB_URI");
    format!("{}/s24_{}", server.trim_end_matches('/'), uuid::Uuid::now_v7().simple())
}

#[allow(clippy::disallowed_methods)]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with scripts/test"))
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
