//! What the clients of a school know of its rows. They tell each other, as people do: so that they meet on the same rows.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use uuid::Uuid;

use crate::history::{Entity, Seen};

/// A row, as somebody saw it last.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) row: Uuid,
    pub(crate) version: u32,
    pub(crate) status: String,
    pub(crate) title: String,
}

/// All of them, in the order in which they became known.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<Entity, Vec<Known>>>);

impl Board {
    fn inner(&self) -> MutexGuard<'_, BTreeMap<Entity, Vec<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody saw a row.
    pub(crate) fn saw(&self, entity: Entity, seen: &Seen) {
        let text = |name: &str| seen.state.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = Known { row: seen.row, version: seen.version, status: text("status"), title: text("title") };
        let mut inner = self.inner();
        let rows = inner.entry(entity).or_default();
        match rows.iter_mut().find(|other| other.row == seen.row) {
            // A student is not shown the status.
            Some(older) if older.version < known.version || (older.version == known.version && older.status.is_empty()) => *older = known,
            Some(_) => {}
            None => rows.push(known),
        }
    }

    pub(crate) fn rows(&self, entity: Entity) -> Vec<Known> {
        self.inner().get(&entity).cloned().unwrap_or_default()
    }
}
