//! Fixtures as maps of files that a test spoils in one place.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use oneroster::{Bundle, FaultCode, Limits, Report, WarningCode, write_csv_zip};

/// The files of a bundle, in memory.
#[derive(Clone)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files {
    pub(crate) fn fixture(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            files.insert(entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
        }
        Self(files)
    }

    pub(crate) fn contoso() -> Self {
        Self::fixture("contoso")
    }

    /// A small 1.1 bundle with LF line ends.
    pub(crate) fn small() -> Self {
        Self::fixture("small-1.1")
    }

    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8(self.0[file].clone()).unwrap()
    }

    pub(crate) fn set(mut self, file: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(file.to_owned(), content.into());
        self
    }

    pub(crate) fn without(mut self, file: &str) -> Self {
        self.0.remove(file).unwrap();
        self
    }

    /// Replaces text that must be there.
    pub(crate) fn swap(self, file: &str, from: &str, to: &str) -> Self {
        let text = self.text(file);
        assert!(text.contains(from), "{file} has no {from:?}");
        self.set(file, text.replacen(from, to, 1))
    }

    pub(crate) fn append(self, file: &str, rows: &str) -> Self {
        let text = self.text(file) + rows;
        self.set(file, text)
    }

    pub(crate) fn zip(&self) -> Vec<u8> {
        write_csv_zip(Cursor::new(Vec::new()), &self.0).unwrap().into_inner()
    }

    pub(crate) fn read(&self) -> Result<Bundle, Report> {
        read(&self.zip())
    }
}

pub(crate) fn read(zip: &[u8]) -> Result<Bundle, Report> {
    Bundle::read(Cursor::new(zip), &Limits::default())
}

/// A fault without its words.
pub(crate) type Found<'a> = (&'a str, Option<u64>, Option<&'a str>, FaultCode);

pub(crate) fn found(report: &Report) -> Vec<Found<'_>> {
    report.faults.iter().map(|fault| (&*fault.file, fault.line, fault.column, fault.code)).collect()
}

/// A warning without its words: file, column, code, first line, rows.
pub(crate) type Odd<'a> = (&'a str, Option<&'a str>, WarningCode, Option<u64>, usize);

pub(crate) fn odd(bundle: &Bundle) -> Vec<Odd<'_>> {
    let odd = |w: &'_ oneroster::RosterWarning| (w.column, w.code, w.lines.first().copied(), w.rows);
    bundle
        .warnings
        .iter()
        .map(|w| {
            let (c, k, l, r) = odd(w);
            (&*w.file, c, k, l, r)
        })
        .collect()
}
