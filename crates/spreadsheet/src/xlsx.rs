//! An Excel workbook: the first sheet, cell by cell. A formula counts with the value that Excel last gave it; nothing is run, and one that never got a value
//! is told apart from an empty cell.
//!
//! A workbook is a zip of XML, and both can be made to explode. So the archive is unpacked once for counting, with a limit that holds whatever its directory
//! claims, before anything parses it; and cells are read as a stream, because a sheet that says it has a cell in its last corner would otherwise be laid out
//! in memory in full.

use std::io::{Cursor, Read};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use crate::{Line, MAX_CELL, MAX_COLUMNS, MAX_ROWS, Unreadable};

/// The most that a workbook may unpack to.
const MAX_UNPACKED: u64 = 8 * 1024 * 1024;
/// The most files in it.
const MAX_FILES: usize = 200;

/// The lines of the first sheet; empty ones are left out.
pub fn read(bytes: &[u8]) -> Result<Vec<Line>, Unreadable> {
    check_size(bytes)?;
    let damaged = |_| Unreadable::Damaged("is no Excel workbook (.xlsx) that can be read".to_owned());
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(damaged)?;
    let Some(sheet) = workbook.sheet_names().first().cloned() else {
        return Err(Unreadable::Damaged("has no sheet".to_owned()));
    };
    let mut cells = workbook.worksheet_cells_reader(&sheet).map_err(damaged)?;
    let mut lines: Vec<Line> = Vec::new();
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(damaged)? {
        let text = text_of(&cell.value);
        let is_uncalculated = cell.formula.is_some() && matches!(cell.value, DataRef::Empty);
        if text.is_empty() && !is_uncalculated {
            continue;
        }
        let (row, column) = cell.pos;
        let (number, column) =
            (usize::try_from(row).unwrap_or(usize::MAX).saturating_add(1), usize::try_from(column).unwrap_or(usize::MAX));
        if column >= MAX_COLUMNS {
            return Err(Unreadable::TooLarge(format!("has more than {MAX_COLUMNS} columns in line {number}")));
        }
        if text.chars().nth(MAX_CELL).is_some() {
            return Err(Unreadable::TooLarge(format!("has a cell of more than {MAX_CELL} characters in line {number}")));
        }
        if lines.last().is_none_or(|line| line.number != number) {
            if lines.last().is_some_and(|line| line.number > number) {
                return Err(Unreadable::Damaged("has rows out of order".to_owned()));
            }
            if lines.len() > MAX_ROWS {
                return Err(Unreadable::TooLarge(format!("has more than {MAX_ROWS} rows")));
            }
            lines.push(Line { number, cells: Vec::new(), uncalculated: Vec::new() });
        }
        if let Some(line) = lines.last_mut() {
            if is_uncalculated {
                line.uncalculated.push(column);
            }
            if line.cells.len() <= column {
                line.cells.resize(column + 1, String::new());
            }
            if let Some(place) = line.cells.get_mut(column) {
                *place = text;
            }
        }
    }
    Ok(lines)
}

/// A cell as a person sees it.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::DateTime(date) => date.as_f64().to_string(),
        // An error value is called what it is; who expects something else will refuse it.
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// Unpacks everything into nothing, up to the limit.
fn check_size(bytes: &[u8]) -> Result<(), Unreadable> {
    let damaged = || Unreadable::Damaged("is no Excel workbook (.xlsx): it can't be unpacked".to_owned());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
    if archive.len() > MAX_FILES {
        return Err(Unreadable::TooLarge(format!("has more than {MAX_FILES} files in it")));
    }
    let mut left = MAX_UNPACKED;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|_| damaged())?;
        let unpacked = std::io::copy(&mut file.take(left + 1), &mut std::io::sink()).map_err(|_| damaged())?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| Unreadable::TooLarge(format!("unpacks to more than {} MiB", MAX_UNPACKED / 1024 / 1024)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const SHEET: &str = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>code</t></is></c></row><row r="3"><c r="B3"><v>12</v></c></row>"#;

    fn book(rows: &str) -> Vec<u8> {
        let sheet = format!(
            r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
        );
        let parts = [
            (
                "_rels/.rels",
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
            ),
            (
                "xl/workbook.xml",
                r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#,
            ),
            (
                "xl/_rels/workbook.xml.rels",
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/s.xml"/></Relationships>"#,
            ),
            ("xl/worksheets/s.xml", sheet.as_str()),
        ];
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in parts {
            zip.start_file(name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn cells_keep_their_places_and_lines_their_numbers() {
        let lines = read(&book(SHEET)).unwrap();
        let line =
            |number, cells: &[&str]| Line { number, cells: cells.iter().map(|cell| (*cell).to_owned()).collect(), uncalculated: vec![] };
        assert_eq!(lines, [line(1, &["code"]), line(3, &["", "12"])]);
    }

    #[test]
    fn a_formula_counts_with_its_value_and_one_without_is_told_apart_from_an_empty_cell() {
        let rows = r#"<row r="1"><c r="A1" t="str"><f>"P"</f><v>P</v></c><c r="B1" t="str"><f>""</f><v></v></c><c r="C1"/></row>
            <row r="2"><c r="B2"><f t="shared" si="18446744073709551615" ref="B2:B9">A1</f></c><c r="C2"><f>1+1</f><v></v></c></row>"#;
        let lines = read(&book(rows)).unwrap();
        let found: Vec<_> = lines.iter().map(|line| (line.number, line.cells.join("|"), line.uncalculated.as_slice())).collect();
        assert_eq!(found, [(1, "P".to_owned(), [].as_slice()), (2, "||".to_owned(), [1, 2].as_slice())]);
    }

    proptest! {
        #[test]
        fn a_damaged_workbook_is_refused_or_read_and_never_a_panic(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = book(SHEET);
            let at = at.index(bytes.len());
            bytes[at] = with;
            let _ = read(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            let _ = read(&bytes);
        }
    }
}
