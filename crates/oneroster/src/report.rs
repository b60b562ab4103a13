//! What is wrong, or merely odd, with a bundle, down to the row. Promises: every fault found is counted, the answer stays
//! small however bad the file is, and no message repeats a value from the file (they are children's names).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display};

use serde::Serialize;
use thiserror::Error;

/// Faults kept in full for one file and one code; the rest are only counted.
const KEPT_PER_CODE: usize = 100;
/// Lines kept for one warning; the rest are only counted.
const LINES_PER_WARNING: usize = 20;
/// Different warnings kept; a file of ten thousand odd columns must not make ten thousand of them.
const KEPT_WARNINGS: usize = 500;

macro_rules! codes {
    ($(#[$outer:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What to say where nothing more exact is known.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// Why a bundle is refused.
    FaultCode {
        /// Not a zip, or cut off.
        NotAZip = "this is not a complete zip file",
        /// The zip itself is too big.
        ArchiveTooLarge = "the zip file is too large",
        /// Too many entries.
        TooManyEntries = "the zip file has too many entries",
        /// `..`, an absolute path, a link, a backslash, a control character.
        UnsafePath = "the entry's name is not a plain file name",
        /// Deeper than one common top folder.
        Folder = "all files must lie at the top or in one common top folder",
        /// An archive in the archive.
        NestedArchive = "an archive inside the zip file is not read",
        /// Two entries of one name, compared without case.
        DuplicateEntry = "the zip file holds this file more than once",
        /// Encrypted.
        Encrypted = "the entry is encrypted",
        /// Bytes shared between entries, as zip bombs do.
        OverlappingEntries = "entries of the zip file overlap",
        /// Damaged, or an unknown compression.
        CorruptEntry = "the entry is damaged or is compressed in an unknown way",
        /// Inflates to more than allowed.
        TooLarge = "the file is too large when unpacked",
        /// Inflates to an absurd multiple of its compressed size.
        ZipBomb = "the file unpacks to an absurd multiple of its size",
        /// The manifest says that the file is there, or the import can't do without it.
        MissingFile = "the file is missing",
        /// The manifest says `absent`, yet it is there.
        UnexpectedFile = "the manifest says that this file is absent, but it is there",
        /// The manifest lacks a property.
        MissingProperty = "the manifest lacks a property",
        /// A property twice with different values.
        DuplicateProperty = "the manifest gives this property twice",
        /// Neither 1.1 nor 1.2.
        UnsupportedVersion = "only OneRoster 1.1 and 1.2 (manifest version 1.0) are read",
        /// UTF-16, which spreadsheets call Unicode text.
        WrongEncoding = "the file is UTF-16; save it as UTF-8",
        /// Bytes that are not UTF-8.
        InvalidUtf8 = "the row is not valid UTF-8",
        /// A NUL or another control character.
        ControlCharacter = "the row contains a NUL or another control character",
        /// A quote left open, in the middle of a field, or followed by text.
        BrokenQuotes = "a quote is left open, or stands in the middle of a field without being doubled",
        /// Fewer or more fields than the header.
        WrongFieldCount = "the row does not have as many fields as the header",
        /// A field past the limit, often an open quote.
        FieldTooLong = "a field is too long; is a quote left open?",
        /// Too many columns.
        TooManyColumns = "the row has too many columns",
        /// Too many rows.
        TooManyRows = "the file has too many rows; those from this line on were not read",
        /// No header.
        EmptyFile = "the file has no header",
        /// One column twice.
        DuplicateColumn = "the header has this column twice",
        /// A column that the standard requires is not in the header.
        MissingColumn = "the header lacks this column",
        /// A required value is empty.
        MissingValue = "must not be empty",
        /// Not a value of the standard's list.
        UnknownValue = "is not a value that the standard lists",
        /// Not `YYYY-MM-DD`.
        BadDate = "must be a date such as 2026-06-01",
        /// Not ISO 8601.
        BadDateTime = "must be a date and time such as 2026-06-01T08:00:00Z",
        /// Not a year.
        BadYear = "must be a year of four digits",
        /// Not `true` or `false`.
        BadBoolean = "must be true or false",
        /// Not an e-mail address.
        BadEmail = "must be an e-mail address or empty",
        /// One sourcedId for two different rows.
        DuplicateId = "an earlier row of this file has the same sourcedId and says something else",
        /// Points at a row that is not there.
        DanglingReference = "refers to a sourcedId that does not exist",
        /// An active row points at one that is to be deleted.
        DeletedReference = "refers to a row that is to be deleted",
        /// A parent of itself, directly or round a corner.
        ParentCycle = "is its own ancestor",
        /// Must be an org of type school.
        NotASchool = "refers to an org that is not a school",
        /// Ties rows of two schools together.
        CrossSchool = "refers to something that belongs to another school",
        /// Enrolled as what the person is not in that school.
        RoleMismatch = "the person does not hold a matching role in the school",
        /// Ends before it begins.
        EndBeforeBegin = "ends before it begins",
    }
}

codes! {
    /// What was tolerated.
    WarningCode {
        /// A standard file that a roster does not need, or a stranger.
        IgnoredFile = "the file was not read",
        /// In the zip but not in the manifest.
        UnlistedFile = "the manifest does not mention this file; it was read as bulk",
        /// The manifest has more than the standard.
        UnknownProperty = "the manifest has a property that the standard does not know",
        /// The 1.2.1 way of saying 1.2.
        PatchVersion = "the version was read without its third number",
        /// UTF-8 with a byte order mark.
        ByteOrderMark = "the file begins with a byte order mark",
        /// `sourcedid`, ` sourcedId`.
        HeaderSpelling = "a column's name was recognised without regard to case and spaces",
        /// The standard fixes an order.
        ColumnOrder = "the columns are not in the standard's order",
        /// `metadata.*` or unknown.
        ExtraColumn = "a column that is not in the standard was skipped",
        /// Optional columns left out.
        MissingOptionalColumns = "optional columns are missing and were read as empty",
        /// Nothing in it.
        BlankRow = "an empty row was skipped",
        /// Spaces around or doubled inside.
        ExtraSpaces = "has spaces around it, which were removed, or doubled inside, which were kept",
        /// `Student` for `student`.
        ValueCase = "a value was recognised without regard to case",
        /// `ext:` values of 1.2.
        ExtensionValue = "an extension value (ext:) was read as other",
        /// `inactive`, which 1.1 retired.
        RetiredValue = "the retired status inactive was read as tobedeleted",
        /// A date where a time is asked for, or no zone.
        LooseDateTime = "a date without a time or zone was read as UTC",
        /// The same row again.
        DuplicateRow = "the same row appears more than once and was read once",
        /// A bulk file should leave status empty.
        StatusInBulk = "a bulk file should leave status and dateLastModified empty; they were read as written",
        /// A password in clear text.
        PasswordIgnored = "passwords in a roster are never read; remove them from the export",
        /// The standard requires it; the import manages without.
        EmptyRequired = "the standard requires a value here; it was read as unknown",
        /// Nobody knows what this person is.
        NoRole = "the person has no role and so belongs to no school",
        /// The primary org is not among the person's roles.
        PrimaryOrg = "the person holds no role in the primary org",
        /// Two people, one user name or address.
        SharedLogin = "another person has the same user name or e-mail address",
        /// A class without a teacher.
        NoTeacher = "the class has no teacher",
        /// A class without a student.
        NoStudents = "the class has no students",
        /// More than one primary teacher, or a primary student.
        OddPrimary = "primary is for one teacher of a class",
        /// The same person in the same class in the same role and time.
        DuplicateEnrollment = "the person is already enrolled in this class in this role; only the first is kept in the roster",
        /// Dates outside what holds them.
        OutsideParent = "the dates lie outside those of the session that they belong to",
        /// A term that no school year holds.
        NoYear = "the session belongs to no school year",
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RosterFault {
    /// The file as the standard names it (`users.csv`), or the archive's entry, or `zip` for the archive as a whole.
    pub file: Cow<'static, str>,
    /// The physical line where the row begins; the header is line 1. None where the whole file is meant.
    pub line: Option<u64>,
    /// The standard's name of the column, where one is to blame.
    pub column: Option<&'static str>,
    /// What kind of fault.
    pub code: FaultCode,
    /// For a person; never repeats a value from the file.
    pub message: Cow<'static, str>,
}

impl Display for RosterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.file, self.line, self.column)?;
        f.write_str(&self.message)
    }
}

/// Something odd that was tolerated, with all the rows that share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RosterWarning {
    /// As in [`RosterFault::file`].
    pub file: Cow<'static, str>,
    /// As in [`RosterFault::column`].
    pub column: Option<&'static str>,
    /// What kind.
    pub code: WarningCode,
    /// For a person.
    pub message: Cow<'static, str>,
    /// The first 20 lines; empty where the whole file is meant.
    pub lines: Vec<u64>,
    /// How many rows share it.
    pub rows: usize,
}

impl Display for RosterWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.file, self.lines.first().copied(), self.column)?;
        f.write_str(&self.message)?;
        if self.rows > 1 { write!(f, " ({} rows)", self.rows) } else { Ok(()) }
    }
}

fn place(f: &mut fmt::Formatter<'_>, file: &str, line: Option<u64>, column: Option<&str>) -> fmt::Result {
    f.write_str(file)?;
    if let Some(line) = line {
        write!(f, ":{line}")?;
    }
    if let Some(column) = column {
        write!(f, " {column}")?;
    }
    f.write_str(": ")
}

/// How many faults of one code a file has, kept or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultCount {
    /// The file.
    pub file: Cow<'static, str>,
    /// The code.
    pub code: FaultCode,
    /// How many.
    pub count: usize,
}

/// Everything wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Error)]
#[error("the roster has {total} faults")]
pub struct Report {
    /// In order of file, then line; at most [`crate::Limits::max_faults`], and 100 of one code in one file.
    pub faults: Vec<RosterFault>,
    /// How many there are, kept or not.
    pub total: usize,
    /// The same by file and code.
    pub counts: Vec<FaultCount>,
    /// What was odd besides.
    pub warnings: Vec<RosterWarning>,
}

type WarningKey = (Cow<'static, str>, Option<&'static str>, WarningCode);

/// Collects faults and warnings while a bundle is read.
#[derive(Debug)]
pub(crate) struct Log {
    max_faults: usize,
    faults: Vec<RosterFault>,
    counts: BTreeMap<(Cow<'static, str>, FaultCode), usize>,
    warnings: Vec<RosterWarning>,
    places: HashMap<WarningKey, usize>,
}

impl Log {
    pub(crate) fn new(max_faults: usize) -> Self {
        Self { max_faults, faults: Vec::new(), counts: BTreeMap::new(), warnings: Vec::new(), places: HashMap::new() }
    }

    /// Notes a fault in the code's own words.
    pub(crate) fn fault(&mut self, file: impl Into<Cow<'static, str>>, line: Option<u64>, column: Option<&'static str>, code: FaultCode) {
        self.fault_because(file, line, column, code, code.message());
    }

    pub(crate) fn fault_because(
        &mut self,
        file: impl Into<Cow<'static, str>>,
        line: Option<u64>,
        column: Option<&'static str>,
        code: FaultCode,
        message: impl Into<Cow<'static, str>>,
    ) {
        let file = file.into();
        let count = self.counts.entry((file.clone(), code)).or_default();
        *count += 1;
        if *count <= KEPT_PER_CODE && self.faults.len() < self.max_faults {
            self.faults.push(RosterFault { file, line, column, code, message: message.into() });
        }
    }

    /// Notes something odd; rows that share file, column and code share one warning.
    pub(crate) fn warn(&mut self, file: impl Into<Cow<'static, str>>, line: Option<u64>, column: Option<&'static str>, code: WarningCode) {
        let file = file.into();
        let key = (file.clone(), column, code);
        let at = match self.places.get(&key) {
            Some(&at) => at,
            None if self.warnings.len() >= KEPT_WARNINGS => return,
            None => {
                let message = code.message().into();
                self.warnings.push(RosterWarning { file, column, code, message, lines: Vec::new(), rows: 0 });
                self.places.insert(key, self.warnings.len() - 1);
                self.warnings.len() - 1
            }
        };
        if let Some(warning) = self.warnings.get_mut(at) {
            warning.rows += 1;
            if warning.lines.len() < LINES_PER_WARNING {
                warning.lines.extend(line);
            }
        }
    }

    /// Whether a file has been noted as missing or unfit, so that nothing is known of what it would hold.
    pub(crate) fn misses(&self, file: &'static str) -> bool {
        self.counts.keys().any(|(faulty, _)| faulty.eq_ignore_ascii_case(file))
    }

    fn faulty(&self) -> bool {
        !self.counts.is_empty()
    }

    /// The warnings if there was no fault, else everything.
    pub(crate) fn finish(mut self) -> Result<Vec<RosterWarning>, Report> {
        if !self.faulty() {
            return Ok(self.warnings);
        }
        self.faults.sort();
        Err(Report {
            faults: self.faults,
            total: self.counts.values().sum(),
            counts: self.counts.into_iter().map(|((file, code), count)| FaultCount { file, code, count }).collect(),
            warnings: self.warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_faults_are_counted_but_few_are_kept() {
        let mut log = Log::new(150);
        for line in 0..100_000 {
            log.fault("users.csv", Some(line), Some("role"), FaultCode::UnknownValue);
            log.fault("orgs.csv", Some(line), None, FaultCode::MissingValue);
        }
        let report = log.finish().unwrap_err();
        assert_eq!((report.total, report.faults.len()), (200_000, 150));
        assert_eq!(report.counts.iter().map(|c| c.count).collect::<Vec<_>>(), [100_000, 100_000]);
    }

    #[test]
    fn rows_that_share_a_warning_share_one_entry() {
        let mut log = Log::new(1);
        for line in 2..102 {
            log.warn("users.csv", Some(line), Some("status"), WarningCode::StatusInBulk);
        }
        let warnings = log.finish().unwrap();
        assert_eq!((warnings.len(), warnings[0].rows, warnings[0].lines.len()), (1, 100, 20));
        assert!(warnings[0].to_string().starts_with("users.csv:2 status: "));
    }
}
