//! What the catalogue says of a book, and what of that stands in a MARC 21 record.

use std::collections::BTreeSet;

use domain::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::barcode::Barcode;
use super::marc::Record;

/// The most subjects of a book.
pub const MOST_SUBJECTS: usize = 50;
/// Where libraries write the numbers of their copies: holdings (MARC 21) and items (Koha).
const COPIES: [(&str, char); 3] = [("852", 'p'), ("876", 'p'), ("952", 'p')];

/// What the catalogue says of an item that is a book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Book {
    /// Who wrote it.
    pub author: Option<String>,
    /// Who published it.
    pub publisher: Option<String>,
    /// In which year.
    pub published_year: Option<i32>,
    /// Which edition.
    pub edition: Option<String>,
    /// Its language, ISO 639-2, such as `eng`.
    pub language: Option<String>,
    /// Where it stands, by classification.
    pub call_number: Option<String>,
    /// What it is about.
    #[serde(default)]
    pub subjects: Vec<String>,
    /// Under which number its catalogue record is known where it came from (MARC 001).
    pub control_number: Option<String>,
}

/// A record as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// What it is called.
    pub name: Text<200>,
    /// Its ISBN, as the barcode that is printed on it.
    pub isbn: Option<Barcode>,
    /// What else the catalogue says.
    pub book: Book,
    /// The numbers on the labels of its copies.
    pub copies: Vec<Text<64>>,
    /// What was in the record and could not be taken.
    pub notes: Vec<String>,
}

/// What `record` says; none if it has no title.
#[must_use]
pub fn interpret(record: &Record) -> Option<Title> {
    let mut notes = Vec::new();
    let main = record.values("245", 'a').next()?;
    let name = record.values("245", 'b').next().map_or_else(|| bare(main).to_owned(), |rest| format!("{}: {}", bare(main), bare(rest)));
    let isbn = isbn(record, &mut notes);
    let first = |places: &[(&'static str, char)]| places.iter().find_map(|(tag, code)| record.values(tag, *code).next()).map(bare);
    let mut copies = BTreeSet::new();
    let mut numbers = Vec::new();
    for number in COPIES.iter().flat_map(|(tag, code)| record.values(tag, *code)) {
        match Text::<64>::try_from(number) {
            Ok(text) if copies.insert(text.as_str().to_owned()) => numbers.push(text),
            Ok(_) => {}
            Err(error) => notes.push(format!("the copy {number:?}: {error}")),
        }
    }
    let language = record.values("041", 'a').next().or_else(|| record.control("008")?.get(35..38));
    let year = first(&[("264", 'c'), ("260", 'c')]).or_else(|| record.control("008")?.get(7..11)).and_then(year);
    let mut seen = BTreeSet::new();
    let book = Book {
        author: first(&[("100", 'a'), ("110", 'a'), ("111", 'a'), ("700", 'a')]).and_then(fit::<300>),
        publisher: first(&[("264", 'b'), ("260", 'b')]).and_then(fit::<300>),
        published_year: year,
        edition: first(&[("250", 'a')]).and_then(fit::<200>),
        language: language.filter(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_lowercase())).map(str::to_owned),
        call_number: first(&[("082", 'a'), ("050", 'a'), ("852", 'h')]).and_then(fit::<64>),
        subjects: record
            .values("650", 'a')
            .filter_map(|subject| fit::<200>(bare(subject)))
            .filter(|subject| seen.insert(subject.clone()))
            .take(MOST_SUBJECTS)
            .collect(),
        control_number: record.control("001").and_then(|number| fit::<64>(number.trim())),
    };
    Some(Title { name: Text::try_from(fit::<200>(&name)?).ok()?, isbn, book, copies: numbers, notes })
}

/// Without the punctuation that cataloguing rules put between a field's parts: "Title / " and "London :".
fn bare(text: &str) -> &str {
    text.trim().trim_end_matches([' ', '/', ':', ';', ',', '=']).trim()
}

/// As much of a text as there is room for; none if nothing is left of it.
fn fit<const MOST: usize>(text: &str) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(MOST).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// The first four digits in a row: "c1998.", "[2003?]".
fn year(text: &str) -> Option<i32> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 4)?;
    digits.parse().ok().filter(|year| (1000..=2999).contains(year))
}

/// The record's first ISBN that is right, as ISBN-13.
fn isbn(record: &Record, notes: &mut Vec<String>) -> Option<Barcode> {
    for value in record.values("020", 'a') {
        // "0306406152 (paperback)"
        let digits: String = value.split(' ').next().unwrap_or_default().chars().filter(|c| *c != '-').collect();
        match isbn_13(&digits) {
            Some(isbn) => return Some(isbn),
            None => notes.push(format!("{digits:?} is no ISBN")),
        }
    }
    None
}

/// An ISBN of 10 or 13 digits as the GTIN that it is since 2007.
fn isbn_13(digits: &str) -> Option<Barcode> {
    if !matches!(digits.len(), 10 | 13) {
        return None;
    }
    Barcode::try_from(digits).ok().filter(Barcode::is_gtin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, &[(char, &str)])]) -> Record {
        let data = fields
            .iter()
            .map(|(tag, subfields)| ((*tag).to_owned(), subfields.iter().map(|(code, value)| (*code, (*value).to_owned())).collect()));
        let fixed = "850101c19989999enk           000 0 eng d";
        Record { control: vec![("001".to_owned(), " 92005291 ".to_owned()), ("008".to_owned(), fixed.to_owned())], data: data.collect() }
    }

    #[test]
    fn a_record_says_what_the_book_is_and_which_copies_there_are() {
        let record = record(&[
            ("020", &[('a', "0306406152 (paperback)")]),
            ("082", &[('a', "811.52")]),
            ("100", &[('a', "Sandburg, Carl,"), ('d', "1878-1967.")]),
            ("245", &[('a', "Arithmetic /"), ('b', "a poem ;"), ('c', "Carl Sandburg.")]),
            ("250", &[('a', "1st ed.")]),
            ("260", &[('a', "San Diego :"), ('b', "Harcourt Brace Jovanovich,"), ('c', "c1993.")]),
            ("650", &[('a', "Arithmetic")]),
            ("650", &[('a', "Children's poetry, American.")]),
            ("650", &[('a', "Arithmetic")]),
            ("852", &[('p', "B-1")]),
            ("952", &[('p', "B-2"), ('p', "B-1")]),
        ]);
        let title = interpret(&record).unwrap();
        assert_eq!((title.name.as_str(), title.isbn.unwrap().as_str()), ("Arithmetic: a poem", "9780306406157"));
        let book = title.book;
        assert_eq!((book.author.as_deref(), book.publisher.as_deref()), (Some("Sandburg, Carl"), Some("Harcourt Brace Jovanovich")));
        assert_eq!((book.published_year, book.language.as_deref(), book.call_number.as_deref()), (Some(1993), Some("eng"), Some("811.52")));
        assert_eq!((book.edition.as_deref(), book.control_number.as_deref()), (Some("1st ed."), Some("92005291")));
        assert_eq!(book.subjects, ["Arithmetic", "Children's poetry, American."]);
        assert_eq!(title.copies.iter().map(Text::as_str).collect::<Vec<_>>(), ["B-1", "B-2"]);
        assert_eq!(title.notes, Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_or_wrong_is_left_out_and_said() {
        assert_eq!(interpret(&record(&[("100", &[('a', "Nobody")])])), None, "nothing without a title");
        let long = "x".repeat(300);
        let title = interpret(&record(&[("245", &[('a', &long)]), ("020", &[('a', "0306406153")]), ("852", &[('p', &long)])])).unwrap();
        assert_eq!((title.name.as_str().len(), title.isbn), (200, None));
        assert_eq!(title.notes.len(), 2);
        assert_eq!(title.book.published_year, Some(1998), "as the fixed field says");
    }

    #[test]
    fn an_isbn_of_ten_digits_becomes_the_one_of_thirteen() {
        let thirteen = |ten: &str| isbn_13(ten).map(String::from);
        assert_eq!(thirteen("080442957X").as_deref(), Some("9780804429573"));
        assert_eq!(thirteen("9780306406157").as_deref(), Some("9780306406157"));
        for wrong in ["0804429570", "X804429570", "9780306406158", "123", ""] {
            assert_eq!(thirteen(wrong), None, "{wrong}");
        }
    }
}
