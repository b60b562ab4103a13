//! Following a sourcedId from one file into another. Promises: linear in the rows, however they are tied together.

use std::collections::HashMap;

use crate::file::{FileKind, Mode};
use crate::load::may_exist_elsewhere;
use crate::report::{FaultCode, Log};
use crate::rows::{AcademicSession, Org, Row};
use crate::table::Loaded;

/// How far up a chain of parents is followed. Real ones have four or five levels.
const MAX_LEVELS: usize = 32;

/// A file's rows by sourcedId.
pub(crate) struct Index<'a, T> {
    rows: HashMap<&'a str, &'a Row<T>>,
    loaded: &'a Loaded<T>,
    open: bool,
}

/// Where a reference stands.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    file: FileKind,
    delta: bool,
    line: u64,
    active: bool,
}

impl Place {
    pub(crate) fn of<T>(file: FileKind, mode: Mode, row: &Row<T>) -> Self {
        Self { file, delta: mode == Mode::Delta, line: row.line, active: row.is_active() }
    }

    pub(crate) fn fault(self, log: &mut Log, column: &'static str, code: FaultCode) {
        log.fault(self.file.file_name(), Some(self.line), Some(column), code);
    }
}

impl<'a, T> Index<'a, T> {
    pub(crate) fn new(loaded: &'a Loaded<T>, mode: Mode) -> Self {
        let rows = loaded.rows.iter().map(|row| (row.sourced_id.as_str(), row)).collect();
        Self { rows, loaded, open: may_exist_elsewhere(loaded, mode) }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&'a Row<T>> {
        self.rows.get(id).copied()
    }

    /// The row that `id` means. Notes a fault if there can be none, or if an active row means one that is to be deleted.
    pub(crate) fn follow(&self, log: &mut Log, from: Place, column: &'static str, id: &str) -> Option<&'a Row<T>> {
        let Some(row) = self.get(id) else {
            if !self.open && !from.delta && !self.loaded.refused.contains(id) {
                from.fault(log, column, FaultCode::DanglingReference);
            }
            return None;
        };
        if from.active && !row.is_active() {
            from.fault(log, column, FaultCode::DeletedReference);
        }
        Some(row)
    }
}

/// Rows that form a tree.
pub(crate) trait Child {
    fn parent(&self) -> Option<&str>;
}

impl Child for Org {
    fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }
}

impl Child for AcademicSession {
    fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }
}

/// Walks from a row to its parent, the parent's parent and so on: the row itself first, at most 33 rows.
pub(crate) fn upwards<'a, T: Child>(find: impl Fn(&str) -> Option<&'a Row<T>>, row: &'a Row<T>) -> impl Iterator<Item = &'a Row<T>> {
    std::iter::successors(Some(row), move |row| find(row.parent()?)).take(MAX_LEVELS + 1)
}

/// Checks every row's parent: that it exists and that the way up ends.
pub(crate) fn check_parents<T: Child>(index: &Index<'_, T>, file: FileKind, mode: Mode, log: &mut Log) {
    for row in &index.loaded.rows {
        let Some(parent) = row.parent() else { continue };
        let place = Place::of(file, mode, row);
        index.follow(log, place, "parentSourcedId", parent);
        if upwards(|id| index.get(id), row).count() > MAX_LEVELS {
            log.fault_because(
                file.file_name(),
                Some(row.line),
                Some("parentSourcedId"),
                FaultCode::ParentCycle,
                "is its own ancestor, or has more than 32 of them",
            );
        }
    }
}
