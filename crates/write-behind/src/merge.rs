//! Lists: saved rows from PostgreSQL, merged with the unsaved ones from Redis.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::BuildHasher;

use uuid::Uuid;

use crate::entity::Buffered;
use crate::mechanism::{Mechanism, on};

/// A list's rows as they are now. `saved` are PostgreSQL's, read *after* `unsaved` were, and at least `unsaved.len()` more than the page
/// holds: an unsaved version may push a saved row out of the page. `keep` is the list's filter, the cursor included, which PostgreSQL
/// has applied to the saved versions; `order` is its order.
#[must_use]
pub fn merge<T: Buffered, S: BuildHasher>(
    saved: Vec<T>,
    mut unsaved: HashMap<Uuid, T, S>,
    keep: impl Fn(&T) -> bool,
    order: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut rows: Vec<T> = saved
        .into_iter()
        .map(|row| match unsaved.remove(&row.id()) {
            Some(newer) if newer.version() > row.version() && on(Mechanism::MergeKeepsTheNewer) => newer,
            _ => row,
        })
        .collect();
    rows.extend(unsaved.into_values());
    rows.retain(|row| keep(row));
    rows.sort_by(order);
    rows
}
