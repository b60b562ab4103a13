//! Faults and warnings of one school's import, bounded.

use oneroster::FileKind;

use super::report::{ImportFault, ImportWarning};

/// Faults kept for a school; the rest are counted.
const KEPT: usize = 200;
const LINES_PER_WARNING: usize = 20;

/// A row of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: FileKind,
    pub(super) line: u64,
}

/// Where a row is.
pub(super) const fn at(file: FileKind, line: u64) -> Place {
    Place { file, line }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) faults: Vec<ImportFault>,
    pub(super) total: usize,
    pub(super) warnings: Vec<ImportWarning>,
}

impl Log {
    pub(super) fn fault(&mut self, place: Place, column: Option<&str>, message: impl Into<String>) {
        self.total += 1;
        if self.faults.len() < KEPT {
            let column = column.map(str::to_owned);
            let (file, line) = (place.file.file_name().to_owned(), Some(place.line));
            self.faults.push(ImportFault { file, line, column, message: message.into() });
        }
    }

    /// Rows that share file, column and message share one warning. The messages are few, so that a search is enough.
    pub(super) fn warn(&mut self, place: Place, column: &str, message: &str) {
        let file = place.file.file_name();
        let same = |w: &&mut ImportWarning| w.file == file && w.column.as_deref() == Some(column) && w.message == message;
        if let Some(warning) = self.warnings.iter_mut().find(same) {
            warning.rows += 1;
            if warning.lines.len() < LINES_PER_WARNING {
                warning.lines.push(place.line);
            }
            return;
        }
        let (file, column, message) = (file.to_owned(), Some(column.to_owned()), message.to_owned());
        self.warnings.push(ImportWarning { file, column, message, lines: vec![place.line], rows: 1 });
    }
}
