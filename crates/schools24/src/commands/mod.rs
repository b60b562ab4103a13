//! One file a command.

pub mod dead_letters;
pub mod drain;
pub mod generated;
pub mod import;
pub mod migrate;
pub mod openapi;
pub mod routes;
pub mod seed;
pub mod serve;
