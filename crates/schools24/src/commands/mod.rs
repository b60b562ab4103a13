//! One file a command.

pub(crate) mod dead_letters;
pub(crate) mod drain;
pub(crate) mod generated;
pub(crate) mod import;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod routes;
pub(crate) mod seed;
pub(crate) mod serve;
