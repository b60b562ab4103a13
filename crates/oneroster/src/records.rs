//! RFC 4180 records with the physical line where each begins. The `csv` crate reads any bytes as some table, so a quote
//! left open swallows rows without a word; this scanner is strict, says where, and goes on with the next line.
//! Promises: it never fails and never looks at a byte more than a few times.

/// One record: its fields, unquoted, end to end.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Physical line where it begins, from 1.
    pub(crate) line: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Record {
    /// How many fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A field as it stands.
    pub(crate) fn raw(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.bytes.get(start..end)
    }

    /// A field as text; None if there is none or it is not UTF-8.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        std::str::from_utf8(self.raw(index)?).ok()
    }

    /// Whether there is nothing in it: an empty line, or only commas and spaces.
    pub(crate) fn is_blank(&self) -> bool {
        self.bytes.iter().all(|b| matches!(b, b' ' | b'\t'))
    }
}

/// Why a record can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Quotes,
    FieldTooLong,
    TooManyFields,
}

/// Walks the records of a file.
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
    max_field: usize,
    max_fields: usize,
}

impl<'a> Records<'a> {
    pub(crate) fn new(bytes: &'a [u8], max_field: usize, max_fields: usize) -> Self {
        Self { bytes, at: 0, line: 1, max_field, max_fields }
    }

    /// The next record, or None at the end. After a broken one, `record` holds the whole fields before the break, and the
    /// walk goes on with the physical line after the one where it began.
    pub(crate) fn next(&mut self, record: &mut Record) -> Option<Result<(), Broken>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let (start, line) = (self.at, self.line);
        record.line = line;
        record.bytes.clear();
        record.ends.clear();
        let outcome = self.fields(record);
        if outcome.is_err() {
            record.bytes.truncate(record.ends.last().copied().unwrap_or(0));
            let rest = self.bytes.get(start..).unwrap_or_default();
            self.at = rest.iter().position(|b| *b == b'\n').map_or(self.bytes.len(), |end| start + end + 1);
            self.line = line + 1;
        }
        Some(outcome)
    }

    fn fields(&mut self, record: &mut Record) -> Result<(), Broken> {
        loop {
            let start = record.bytes.len();
            if self.peek() == Some(b'"') {
                self.at += 1;
                self.quoted(record, start)?;
            } else {
                self.bare(record, start)?;
            }
            record.ends.push(record.bytes.len());
            let next = self.peek();
            self.at += 1;
            match next {
                Some(b',') if record.ends.len() >= self.max_fields => return Err(Broken::TooManyFields),
                Some(b',') => {}
                Some(b'\r') if self.peek() == Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                    return Ok(());
                }
                Some(b'\n') => {
                    self.line += 1;
                    return Ok(());
                }
                None => return Ok(()),
                Some(_) => return Err(Broken::Quotes),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes bytes up to one of `stops` or the end, at most one more than a field may have.
    fn take_until(&mut self, record: &mut Record, start: usize, stops: &[u8]) -> Result<(), Broken> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let room = self.max_field.saturating_sub(record.bytes.len() - start);
        let window = rest.get(..=room).unwrap_or(rest);
        let length = window.iter().position(|b| stops.contains(b)).unwrap_or(window.len());
        if length > room {
            return Err(Broken::FieldTooLong);
        }
        record.bytes.extend_from_slice(window.get(..length).unwrap_or_default());
        self.at += length;
        Ok(())
    }

    fn bare(&mut self, record: &mut Record, start: usize) -> Result<(), Broken> {
        self.take_until(record, start, b",\n\"")?;
        if self.peek() == Some(b'"') {
            return Err(Broken::Quotes);
        }
        // The line end's CR is not the field's; a CR elsewhere stays and is refused as a control character.
        if self.peek() != Some(b',') && record.bytes.len() > start && record.bytes.last() == Some(&b'\r') {
            record.bytes.pop();
        }
        Ok(())
    }

    fn quoted(&mut self, record: &mut Record, start: usize) -> Result<(), Broken> {
        loop {
            let from = record.bytes.len();
            self.take_until(record, start, b"\"")?;
            self.line += record.bytes.iter().skip(from).map(|b| u64::from(*b == b'\n')).sum::<u64>();
            if self.peek().is_none() {
                return Err(Broken::Quotes);
            }
            self.at += 1;
            if self.peek() != Some(b'"') {
                return Ok(());
            }
            record.bytes.push(b'"');
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = (u64, Result<Vec<String>, Broken>);

    fn all(bytes: &[u8]) -> Vec<Read> {
        let mut records = Records::new(bytes, 100, 50);
        let mut record = Record::default();
        let mut out = Vec::new();
        while let Some(outcome) = records.next(&mut record) {
            let fields = (0..record.len()).map(|i| String::from_utf8_lossy(record.raw(i).unwrap()).into_owned()).collect();
            out.push((record.line, outcome.map(|()| fields)));
        }
        out
    }

    fn fields(line: u64, texts: &[&str]) -> Read {
        (line, Ok(texts.iter().map(|t| (*t).to_owned()).collect()))
    }

    #[test]
    fn lines_are_physical_even_after_a_field_with_line_breaks() {
        let read = all(b"a,b\r\n\"x\r\ny\"\"z\",2\n\n3,");
        let expected = [fields(1, &["a", "b"]), fields(2, &["x\r\ny\"z", "2"]), fields(4, &[""]), fields(5, &["3", ""])];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_quote_left_open_costs_one_line_not_the_rest_of_the_file() {
        let read = all(b"a,b\n1,\"open\n2,two\n3,th\"ree\n4,\"four\"x\n5,five\n");
        let broken: Vec<u64> = read.iter().filter(|(_, r)| *r == Err(Broken::Quotes)).map(|(l, _)| *l).collect();
        assert_eq!(broken, [2, 4, 5]);
        assert_eq!(read.iter().filter(|(_, r)| r.is_ok()).count(), 3);
    }

    #[test]
    fn a_field_past_the_limit_is_refused_and_the_next_line_is_read() {
        let mut bytes = vec![b'x'; 101];
        bytes.extend_from_slice(b"\nok\n");
        assert_eq!(all(&bytes), [(1, Err(Broken::FieldTooLong)), fields(2, &["ok"])]);
        assert!(all(&[b'x'; 100])[0].1.is_ok());
    }

    #[test]
    fn a_row_with_too_many_fields_is_refused() {
        assert_eq!(all(",".repeat(49).as_bytes())[0].1.as_ref().unwrap().len(), 50);
        assert_eq!(all(",".repeat(50).as_bytes())[0].1, Err(Broken::TooManyFields));
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_reads_back(rows in prop::collection::vec(prop::collection::vec("[a-z\",\n é]{0,8}", 2..5), 1..20)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let read = all(&writer.into_inner().unwrap());
            let read: Vec<_> = read.into_iter().map(|(_, fields)| fields.unwrap()).collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn any_bytes_end_and_lines_never_run_backwards(bytes in prop::collection::vec(prop::sample::select(b"a,\"\n\r\0\xff".to_vec()), 0..300)) {
            let read = all(&bytes);
            prop_assert!(read.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let lines = bytes.split(|b| *b == b'\n').count();
            prop_assert!(read.len() <= lines);
        }
    }
}
