//! A file of lines under a heading, read cell by cell: every fault is named by line and column, and all of them are told together.

use std::collections::HashMap;

use domain::{Fault, Text};
use spreadsheet::Line;
use spreadsheet::safe::meant;

/// Lines below a heading that names their columns.
#[derive(Debug)]
pub(super) struct Sheet<'l> {
    columns: HashMap<&'static str, usize>,
    rest: std::slice::Iter<'l, Line>,
    faults: Vec<Fault>,
}

impl<'l> Sheet<'l> {
    /// Reads the heading: it must have the `needed` of the `known` columns, in any order; those that are only `shown` by an export are not read.
    pub(super) fn open(
        lines: &'l [Line],
        known: &'static [&'static str],
        shown: &[&str],
        needed: &[&'static str],
    ) -> Result<Self, Vec<Fault>> {
        let Some((heading, rows)) = lines.split_first() else { return Err(vec![Fault::new("", "is empty")]) };
        let (mut columns, mut faults) = (HashMap::new(), Vec::new());
        for (place, cell) in heading.cells.iter().enumerate() {
            let name = meant(cell).trim().to_ascii_lowercase();
            let at = || format!("/rows/{}/{}", heading.number, place + 1);
            match known.iter().find(|known| **known == name) {
                Some(known) if columns.insert(*known, place).is_some() => faults.push(Fault::new(at(), "names a column a second time")),
                Some(_) => {}
                None if shown.contains(&name.as_str()) => {}
                None => faults.push(Fault::new(at(), format!("is none of {}", known.join(", ")))),
            }
        }
        let missing = needed.iter().filter(|needed| !columns.contains_key(*needed));
        faults.extend(missing.map(|needed| Fault::new(format!("/rows/{}", heading.number), format!("needs a column {needed}"))));
        if faults.is_empty() { Ok(Self { columns, rest: rows.iter(), faults }) } else { Err(faults) }
    }

    /// The next line.
    pub(super) fn next_row(&mut self) -> Option<Row<'_>> {
        let line = self.rest.next()?;
        Some(Row { line, columns: &self.columns, faults: &mut self.faults })
    }

    /// What was read, or all that is wrong with it.
    pub(super) fn settle<T>(self, read: T) -> Result<T, Vec<Fault>> {
        if self.faults.is_empty() { Ok(read) } else { Err(self.faults) }
    }
}

/// A cell was wrong, and its fault is noted.
pub(super) struct Wrong;

/// A line.
pub(super) struct Row<'s> {
    line: &'s Line,
    columns: &'s HashMap<&'static str, usize>,
    faults: &'s mut Vec<Fault>,
}

impl Row<'_> {
    /// Its number in the file.
    pub(super) const fn number_in_file(&self) -> usize {
        self.line.number
    }

    /// What stands in the column, if anything does.
    pub(super) fn filled(&self, column: &str) -> Option<&str> {
        let cell = self.line.cells.get(*self.columns.get(column)?)?;
        Some(meant(cell).trim()).filter(|cell| !cell.is_empty())
    }

    /// Something is wrong with the cell.
    pub(super) fn fault(&mut self, column: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(format!("/rows/{}/{column}", self.line.number), detail.into()));
    }

    /// A text that must be there.
    pub(super) fn text<const MAX: usize>(&mut self, column: &str) -> Option<Text<MAX>> {
        let read = Text::try_from(self.filled(column).unwrap_or_default());
        read.map_err(|error| self.fault(column, error.to_string())).ok()
    }

    /// A value that may be missing.
    pub(super) fn optional<T>(&mut self, column: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Wrong> {
        match self.filled(column).map(read).transpose() {
            Ok(value) => Ok(value),
            Err(detail) => {
                self.fault(column, detail);
                Err(Wrong)
            }
        }
    }

    /// One of `values`, by name; `without` one, if there is such.
    pub(super) fn one_of<T: Copy>(&mut self, column: &str, values: &[(&str, T)], without: Option<T>) -> Option<T> {
        let cell = self.filled(column).map(str::to_ascii_lowercase);
        let found = match &cell {
            None => without,
            Some(cell) => values.iter().find(|(name, _)| name == cell).map(|(_, value)| *value),
        };
        if found.is_none() {
            let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            self.fault(column, format!("must be one of {}", names.join(", ")));
        }
        found
    }

    /// A whole number from 0 on that may be missing.
    pub(super) fn number(&mut self, column: &str, most: i64) -> Result<Option<i64>, Wrong> {
        self.optional(column, |cell| {
            let number = cell.parse::<i64>().ok().filter(|number| (0..=most).contains(number));
            number.ok_or_else(|| format!("must be a whole number from 0 to {most}"))
        })
    }
}
