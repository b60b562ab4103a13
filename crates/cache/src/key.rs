//! Key names. They follow the brief (`write_buffer:homework:…`, `session:…`, `dashboard:…`), with the partition's hash tag in the names of
//! the write buffer, so that everything a write touches lives on one node of a Redis Cluster.

use std::fmt::Display;

use domain::{Partition, ServiceName};

/// An unsaved or recently saved row: `write_buffer:homework:{p17}:<id>`.
#[must_use]
pub fn value(entity: &str, partition: Partition, id: impl Display) -> String {
    format!("write_buffer:{entity}:{partition}:{id}")
}

/// The stream of pointers to written rows, in the order of their acknowledgement.
#[must_use]
pub fn log(service: ServiceName, partition: Partition) -> String {
    format!("write_log:{service}:{partition}")
}

/// The number of the partition's last write.
#[must_use]
pub fn sequence(service: ServiceName, partition: Partition) -> String {
    format!("write_seq:{service}:{partition}")
}

/// The number up to which writes are known to be in PostgreSQL and may be evicted.
#[must_use]
pub fn settled(service: ServiceName, partition: Partition) -> String {
    format!("write_settled:{service}:{partition}")
}

/// Answers to operations that carried an idempotency key, one hash a day: `write_ops:homework:{p17}:20560`. The write script appends the day.
#[must_use]
pub fn operations(service: ServiceName, partition: Partition) -> String {
    format!("write_ops:{service}:{partition}:")
}

/// Ids of the unsaved rows of one list, such as a class's homework: `unsaved:homework:{p17}:class:<id>`.
#[must_use]
pub fn unsaved(entity: &str, partition: Partition, scope: &str) -> String {
    format!("unsaved:{entity}:{partition}:{scope}")
}

/// The partition's events, for consumers that must miss none.
#[must_use]
pub fn events(partition: Partition) -> String {
    format!("events:{partition}")
}

/// Events that a consumer group gave up on.
#[must_use]
pub fn dead_events(group: &str) -> String {
    format!("events_dead:{group}")
}

/// Sessions that were revoked before their access tokens expire: member is the session, score the unix second at which it may be forgotten.
pub const REVOKED_SESSIONS: &str = "sessions:revoked";

/// A leaderboard: `leaderboard:class:<id>`.
#[must_use]
pub fn leaderboard(scope: &str) -> String {
    format!("leaderboard:{scope}")
}

/// The name of the buffer, `1:64:<id>`: layout version, partitions, and an id made when Redis was empty. The batch processor stops partitions whose
/// watermark counts the writes of another buffer.
pub const LAYOUT: &str = "write_layout";
