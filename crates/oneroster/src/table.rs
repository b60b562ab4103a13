//! A CSV file as the standard means it: a header that names columns, rows under it, cells by name. Promises: every fault of
//! every row is noted with its line, and a refused row's sourcedId is remembered so that references to it raise no second fault.

use std::collections::{HashMap, HashSet};

use crate::archive::Limits;
use crate::cell::Cells;
use crate::file::{FileKind, Mode, Version};
use crate::records::{Broken, Record, Records};
use crate::report::{FaultCode, Log, WarningCode};
use crate::rows::Row;

/// What a file is read under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) file: FileKind,
    pub(crate) version: Version,
    pub(crate) mode: Mode,
    pub(crate) limits: &'a Limits,
}

/// What came out of a file.
#[derive(Debug)]
pub(crate) struct Loaded<T> {
    pub(crate) rows: Vec<Row<T>>,
    /// The sourcedIds of refused rows.
    pub(crate) refused: HashSet<String>,
    /// Whether every sourcedId in the file is in `rows` or `refused`, so that one in neither does not exist.
    pub(crate) complete: bool,
}

impl<T> Loaded<T> {
    pub(crate) fn nothing(complete: bool) -> Self {
        Self { rows: Vec::new(), refused: HashSet::new(), complete }
    }
}

/// Where each of the standard's columns stands in this file.
#[derive(Debug)]
pub(crate) struct Header {
    columns: &'static [&'static str],
    places: Vec<Option<usize>>,
    width: usize,
}

impl Header {
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        let index = self.columns.iter().position(|c| *c == column)?;
        *self.places.get(index)?
    }

    fn column_at(&self, place: usize) -> Option<&'static str> {
        let index = self.places.iter().position(|p| *p == Some(place))?;
        self.columns.get(index).copied()
    }
}

/// Reads every row of a file whose rows have sourcedIds; `read` turns cells into fields, noting what is wrong with them.
pub(crate) fn load<T: PartialEq>(
    bytes: &[u8],
    context: Context<'_>,
    log: &mut Log,
    mut read: impl FnMut(&mut Cells<'_>) -> Option<T>,
) -> Loaded<T> {
    let mut loaded = Loaded::<T>::nothing(true);
    let mut by_id: HashMap<String, usize> = HashMap::new();
    let file = context.file.file_name();
    let whole = each_record(bytes, context, log, |header, record, fit, log| {
        let mut cells = Cells::new(context, header, record, log);
        if !fit {
            // Enough of a broken row to know who is meant, if its first columns came through.
            match cells.peek("sourcedId") {
                Some(id) => drop(loaded.refused.insert(id)),
                None => loaded.complete = false,
            }
            return;
        }
        let id = cells.required("sourcedId");
        let (status, modified) = cells.lifecycle();
        let fields = read(&mut cells);
        let Some(id) = id else {
            loaded.complete = false;
            return;
        };
        let (Some(fields), Some(status)) = (fields, status) else {
            loaded.refused.insert(id);
            return;
        };
        let row = Row { line: record.line, sourced_id: id, status, modified, fields };
        match by_id.get(&row.sourced_id).and_then(|at| loaded.rows.get(*at)) {
            Some(first) if first.says_the_same(&row) => {
                log.warn(file, Some(record.line), None, WarningCode::DuplicateRow);
            }
            Some(_) => log.fault(file, Some(record.line), Some("sourcedId"), FaultCode::DuplicateId),
            None => {
                by_id.insert(row.sourced_id.clone(), loaded.rows.len());
                loaded.rows.push(row);
            }
        }
    });
    loaded.complete &= whole;
    loaded
}

/// Walks the rows under the header. `row` is told whether the record is fit to read; false has been noted already.
/// Says whether the walk went from a good header to the end of the file.
pub(crate) fn each_record(
    bytes: &[u8],
    context: Context<'_>,
    log: &mut Log,
    mut row: impl FnMut(&Header, &Record, bool, &mut Log),
) -> bool {
    let file = context.file.file_name();
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        log.fault(file, Some(1), None, FaultCode::WrongEncoding);
        return false;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.len() < bytes.len() {
        log.warn(file, Some(1), None, WarningCode::ByteOrderMark);
    }
    let mut records = Records::new(text, context.limits.max_field, context.limits.max_columns);
    let mut record = Record::default();
    let Some(header) = read_header(&mut records, &mut record, context, log) else { return false };

    let mut count = 0;
    while let Some(outcome) = records.next(&mut record) {
        let line = Some(record.line);
        if outcome.is_ok() && record.is_blank() {
            // The line break that ends the last row is no row, and an editor's second one is no news.
            if record.len() > 1 {
                log.warn(file, line, None, WarningCode::BlankRow);
            }
            continue;
        }
        count += 1;
        if count > context.limits.max_rows {
            log.fault(file, line, None, FaultCode::TooManyRows);
            return false;
        }
        let fit = match outcome {
            Err(broken) => {
                log.fault(file, line, None, broken.into());
                false
            }
            Ok(()) => is_fit(&header, &record, file, log),
        };
        row(&header, &record, fit, log);
    }
    true
}

impl From<Broken> for FaultCode {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Quotes => Self::BrokenQuotes,
            Broken::FieldTooLong => Self::FieldTooLong,
            Broken::TooManyFields => Self::TooManyColumns,
        }
    }
}

/// Whether a record has the right number of fields and nothing but text in them.
fn is_fit(header: &Header, record: &Record, file: &'static str, log: &mut Log) -> bool {
    let line = Some(record.line);
    if record.len() != header.width {
        // Empty surplus is refused too: `Doe, Jr` without quotes shifts a row whose last cell is empty by one.
        log.fault(file, line, None, FaultCode::WrongFieldCount);
        return false;
    }
    let bad_control = |b: &u8| (b.is_ascii_control() && !matches!(b, b'\n' | b'\t')) || *b == 0x7f;
    if record.bytes().is_ascii() && !record.bytes().iter().any(bad_control) {
        return true;
    }
    let mut fit = true;
    for index in 0..record.len() {
        let column = header.column_at(index);
        match record.text(index) {
            None => log.fault(file, line, column, FaultCode::InvalidUtf8),
            Some(text) if text.replace("\r\n", "\n").chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => {
                log.fault(file, line, column, FaultCode::ControlCharacter);
            }
            Some(_) => continue,
        }
        fit = false;
    }
    fit
}

fn read_header(records: &mut Records<'_>, record: &mut Record, context: Context<'_>, log: &mut Log) -> Option<Header> {
    let file = context.file.file_name();
    match records.next(record) {
        None => {
            log.fault(file, Some(1), None, FaultCode::EmptyFile);
            return None;
        }
        Some(Err(broken)) => {
            log.fault(file, Some(1), None, broken.into());
            return None;
        }
        Some(Ok(())) if record.is_blank() => {
            log.fault(file, Some(1), None, FaultCode::EmptyFile);
            return None;
        }
        Some(Ok(())) => {}
    }
    let columns = context.file.columns(context.version);
    let mut header = Header { columns, places: vec![None; columns.len()], width: record.len() };
    let (mut good, mut last) = (true, None);
    for place in 0..record.len() {
        let Some(name) = record.text(place) else {
            log.fault(file, Some(1), None, FaultCode::InvalidUtf8);
            good = false;
            continue;
        };
        let Some(index) = columns.iter().position(|c| c.eq_ignore_ascii_case(name.trim())) else {
            log.warn(file, Some(1), None, WarningCode::ExtraColumn);
            continue;
        };
        let column = columns.get(index).copied();
        if column != Some(name) {
            log.warn(file, Some(1), column, WarningCode::HeaderSpelling);
        }
        if last.is_some_and(|last| index < last) {
            log.warn(file, Some(1), None, WarningCode::ColumnOrder);
        }
        last = Some(index);
        if let Some(slot) = header.places.get_mut(index) {
            if slot.is_some() {
                log.fault(file, Some(1), column, FaultCode::DuplicateColumn);
                good = false;
            }
            *slot = Some(place);
        }
    }
    let separated = record.len() == 1 && record.bytes().iter().any(|b| matches!(b, b';' | b'\t' | b'|'));
    for column in context.file.required(context.version) {
        if header.place(column).is_none() {
            let why = if separated { "the header's columns must be separated by commas" } else { FaultCode::MissingColumn.message() };
            log.fault_because(file, Some(1), Some(column), FaultCode::MissingColumn, why);
            good = false;
        }
    }
    if good && header.places.contains(&None) {
        log.warn(file, Some(1), None, WarningCode::MissingOptionalColumns);
    }
    good.then_some(header)
}
