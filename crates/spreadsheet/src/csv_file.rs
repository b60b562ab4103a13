//! CSV (RFC 4180), in UTF-8 with or without a byte order mark, separated by commas or, as spreadsheets of half of the world write it, semicolons.

pub use crate::quotes::Misquoted;
use crate::{Line, MAX_CELL, MAX_COLUMNS, MAX_ROWS, Unreadable, quotes};

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It can be read in more than one way, from this line on.
    Misquoted(Misquoted),
    /// It can't be read at all.
    Unreadable(Unreadable),
}

impl From<Unreadable> for Refused {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl From<Refused> for Unreadable {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Misquoted(Misquoted { line, detail }) => Self::Damaged(format!("{detail} (line {line})")),
            Refused::Unreadable(unreadable) => unreadable,
        }
    }
}

/// The lines of `bytes`; empty ones are left out.
pub fn read(bytes: &[u8]) -> Result<Vec<Line>, Unreadable> {
    Ok(read_lines(bytes)?)
}

/// The same, for who wants to point at the line that is quoted wrongly.
pub fn read_lines(bytes: &[u8]) -> Result<Vec<Line>, Refused> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Unreadable::Damaged(format!("is not UTF-8 at byte {}", error.valid_up_to() + 1)))?;
    // The reader would skip one more, and see a quotation mark at the beginning of a cell that was none before.
    let text = text.trim_start_matches('\u{feff}');
    let heading = text.lines().next().unwrap_or_default();
    let delimiter = if heading.contains(';') && !heading.contains(',') { b';' } else { b',' };
    quotes::check(text, delimiter).map_err(Refused::Misquoted)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut lines = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut place = Place { text, at: 0, line: 1 };
    loop {
        let more = reader.read_record(&mut record).map_err(|_| Unreadable::Damaged("is no CSV".to_owned()))?;
        if !more {
            return Ok(lines);
        }
        let number = place.line_of(record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX)));
        if record.len() > MAX_COLUMNS {
            return Err(Unreadable::TooLarge(format!("has more than {MAX_COLUMNS} columns in line {number}")).into());
        }
        if record.iter().any(|cell| cell.len() > MAX_CELL * 4) {
            return Err(Unreadable::TooLarge(format!("has a cell of more than {MAX_CELL} characters in line {number}")).into());
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if lines.len() > MAX_ROWS {
            return Err(Unreadable::TooLarge(format!("has more than {MAX_ROWS} rows")).into());
        }
        lines.push(Line { number, cells: record.iter().map(|cell| cell.trim().to_owned()).collect(), uncalculated: Vec::new() });
    }
}

/// Counts lines as an editor shows them. The reader's own count takes CR for the end of a line and finds the LF at the head of the next record.
struct Place<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl Place<'_> {
    /// The line in which the record begins that the reader found at `byte`; records come in order.
    fn line_of(&mut self, byte: usize) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let ahead = byte.saturating_sub(self.at).min(rest.len());
        let (passed, rest) = rest.split_at(ahead);
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let between = rest.get(..ends).unwrap_or_default();
        self.line += passed.iter().chain(between).filter(|byte| **byte == b'\n').count();
        self.at += ahead + ends;
        self.line
    }
}

/// `rows` as CSV, with cells that a spreadsheet would take for formulas made harmless.
pub fn write<'r>(rows: impl IntoIterator<Item = Vec<String>> + 'r) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| crate::safe::harmless(cell).into_owned()))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quotation_mark_that_is_forgotten_swallows_no_line() {
        let forgotten = b"admission_number,code,note\nN0,P,\"forgot\nN1,A,\nN2,A,\n";
        assert!(matches!(read_lines(forgotten), Err(Refused::Misquoted(Misquoted { line: 2, .. }))));
        assert!(matches!(read(forgotten), Err(Unreadable::Damaged(detail)) if detail.ends_with("(line 2)")));
        let twice_marked = "\u{feff}\u{feff}\"code\nP".as_bytes();
        assert!(matches!(read_lines(twice_marked), Err(Refused::Misquoted(Misquoted { line: 1, .. }))));
        assert!(matches!(read_lines(b"code;note\nP;\"x\"y\n"), Err(Refused::Misquoted(Misquoted { line: 2, .. }))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(rows in prop::collection::vec(prop::collection::vec("[a\",;\r\n é=-]{0,8}", 3), 1..6)) {
            let rows: Vec<Vec<String>> = std::iter::once(["a", "b", "c"].map(str::to_owned).to_vec()).chain(rows).collect();
            let lines = read_lines(&write(rows.clone()).unwrap()).unwrap();
            let cells = |row: &Vec<String>| row.iter().map(|cell| crate::safe::harmless(cell).trim().to_owned()).collect::<Vec<_>>();
            let expected: Vec<Vec<String>> = rows.iter().map(cells).filter(|row| row.iter().any(|cell| !cell.is_empty())).collect();
            prop_assert_eq!(lines.into_iter().map(|line| line.cells).collect::<Vec<_>>(), expected);
        }
    }
}
