//! CSV (RFC 4180), in UTF-8 with or without a byte order mark, separated by commas or, as spreadsheets of half of the world write it, semicolons.

use crate::{Line, MAX_CELL, MAX_COLUMNS, MAX_ROWS, Unreadable};

/// The lines of `bytes`; empty ones are left out.
pub fn read(bytes: &[u8]) -> Result<Vec<Line>, Unreadable> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Unreadable::Damaged(format!("is not UTF-8 at byte {}", error.valid_up_to() + 1)))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let heading = text.lines().next().unwrap_or_default();
    let delimiter = if heading.contains(';') && !heading.contains(',') { b';' } else { b',' };
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
            return Err(Unreadable::TooLarge(format!("has more than {MAX_COLUMNS} columns in line {number}")));
        }
        if record.iter().any(|cell| cell.len() > MAX_CELL * 4) {
            return Err(Unreadable::TooLarge(format!("has a cell of more than {MAX_CELL} characters in line {number}")));
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if lines.len() > MAX_ROWS {
            return Err(Unreadable::TooLarge(format!("has more than {MAX_ROWS} rows")));
        }
        lines.push(Line { number, cells: record.iter().map(|cell| cell.trim().to_owned()).collect() });
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
