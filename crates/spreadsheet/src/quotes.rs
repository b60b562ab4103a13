//! Quotation marks as RFC 4180 has them: around a whole cell, or twice within one. A reader that guesses at anything else makes one cell of many lines, and
//! those lines are then missing without a word.

/// A quotation mark that stands where none may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misquoted {
    /// The line of the cell, from 1: where it begins.
    pub line: usize,
    /// What is wrong with it.
    pub detail: String,
}

/// Where in a cell a byte finds itself.
#[derive(Clone, Copy)]
enum At {
    /// Before its first byte.
    Start,
    /// In a cell without quotation marks.
    Bare,
    /// Behind the mark that opened the cell in this line.
    Quoted(usize),
    /// Behind the next mark, which closes the cell or is the first of two.
    Closed(usize),
}

/// Refuses `text` at the first quotation mark out of place. Lines are counted as an editor does.
pub(crate) fn check(text: &str, delimiter: u8) -> Result<(), Misquoted> {
    let refuse = |line, detail: String| Err(Misquoted { line, detail });
    let (mut at, mut line) = (At::Start, 1);
    for byte in text.bytes() {
        let ends_cell = byte == delimiter || matches!(byte, b'\r' | b'\n');
        at = match (at, byte) {
            (At::Start, b'"') => At::Quoted(line),
            (At::Bare, b'"') => {
                return refuse(
                    line,
                    "has a quotation mark within a cell that doesn't begin with one; quote the cell, and write it twice".into(),
                );
            }
            (At::Start | At::Bare | At::Closed(_), _) if ends_cell => At::Start,
            (At::Start | At::Bare, _) => At::Bare,
            (At::Quoted(opened), b'"') => At::Closed(opened),
            (At::Quoted(opened), _) | (At::Closed(opened), b'"') => At::Quoted(opened),
            (At::Closed(opened), _) if opened == line => {
                return refuse(opened, "has text after a closing quotation mark; within a cell it is written twice".into());
            }
            (At::Closed(opened), _) => {
                return refuse(
                    opened,
                    format!("has a quotation mark that is not closed before line {line}, where text comes after the next"),
                );
            }
        };
        line += usize::from(byte == b'\n');
    }
    match at {
        At::Quoted(opened) => refuse(opened, "has a quotation mark that is never closed".into()),
        At::Start | At::Bare | At::Closed(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use csv::{QuoteStyle, Terminator, WriterBuilder};
    use proptest::prelude::*;

    use super::*;

    fn line_of(text: &str) -> Option<usize> {
        check(text, b',').err().map(|misquoted| misquoted.line)
    }

    #[test]
    fn a_quotation_mark_stands_around_a_cell_or_twice_within_one() {
        for fine in ["", "a,b\n\"x\",\"\"\r\n\"a \"\"b\"\"\",\"1\n2\"", "\"\"\"\"", "a\r\"b\"\r"] {
            assert_eq!(line_of(fine), None, "{fine:?}");
        }
        assert_eq!(line_of("a,b\n1,\"forgot\n2,x\n3,y\n"), Some(2));
        assert_eq!(line_of("a,b\n1,\"forgot\n2,x\n3,\"y\"\n"), Some(2), "the next mark is taken for the closing one");
        assert_eq!(line_of("a,b\r\n1,2\r\n3,\"x\"y\r\n"), Some(3));
        assert_eq!(line_of("\"a\"\"\n"), Some(1));
        assert_eq!(line_of("a,b\n1, \"x, y\"\n"), Some(2), "or the comma would part the cell");
        assert_eq!(line_of("\"1\n2\"\n3\"\n"), Some(3), "a cell of two lines counts as two");
        assert_eq!(check("a;\"x\"y;b", b';').map_err(|misquoted| misquoted.line), Err(1));
    }

    proptest! {
        #[test]
        fn every_file_that_is_written_is_accepted(
            rows in prop::collection::vec(prop::collection::vec("[a\",;\r\n é']{0,6}", 1..4), 0..6),
            semicolons in any::<bool>(),
            always in any::<bool>(),
            crlf in any::<bool>(),
        ) {
            let delimiter = if semicolons { b';' } else { b',' };
            let mut writer = WriterBuilder::new()
                .flexible(true)
                .delimiter(delimiter)
                .quote_style(if always { QuoteStyle::Always } else { QuoteStyle::Necessary })
                .terminator(if crlf { Terminator::CRLF } else { Terminator::Any(b'\n') })
                .from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(check(&text, delimiter), Ok(()));
        }

        #[test]
        fn a_mark_that_is_never_closed_is_found_in_its_line(before in prop::collection::vec("(\"a\"\"\n\"|b),[a-z]{0,3}\n", 0..5), after in "[a-z,\n]{0,30}") {
            let head = before.concat();
            let line = head.matches('\n').count() + 1;
            prop_assert_eq!(line_of(&format!("{head}x,\"{after}")), Some(line));
        }

        #[test]
        fn what_is_accepted_is_read_without_losing_a_mark(text in "[a\",\n]{0,12}") {
            prop_assume!(check(&text, b',').is_ok());
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let cells: Vec<String> = reader.records().flat_map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
            let within: usize = cells.iter().map(|cell| cell.matches('"').count()).sum();
            let around = text.matches('"').count() - 2 * within;
            prop_assert!(around.is_multiple_of(2) && around <= 2 * cells.len(), "{:?}", cells);
        }
    }
}
