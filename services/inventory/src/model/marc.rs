//! Catalogue records as libraries exchange them: MARC 21 in its binary form (ISO 2709) and as MARCXML.
//!
//! A file comes from outside: every length and offset in it is checked against what is there, and an XML document may have neither a document type nor entities
//! of its own. Text is UTF-8; records in MARC-8, an encoding of the sixties that most systems can be told to leave, are taken as long as they are plain ASCII.
//! Source: <https://www.loc.gov/marc/specifications/specrecstruc.html> and <https://www.loc.gov/standards/marcxml/>.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// The most records in a file.
pub const MOST_RECORDS: usize = 500;
/// The most fields in a record.
const MOST_FIELDS: usize = 2_000;
const LEADER: usize = 24;
const DIRECTORY_ENTRY: usize = 12;
const END_OF_FIELD: u8 = 0x1e;
const END_OF_RECORD: u8 = 0x1d;
const SUBFIELD: char = '\u{1f}';

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Control fields: tag and content.
    pub control: Vec<(String, String)>,
    /// Data fields: tag, and subfields by their code.
    pub data: Vec<(String, Vec<(char, String)>)>,
}

impl Record {
    /// The content of a control field.
    #[must_use]
    pub fn control(&self, tag: &str) -> Option<&str> {
        self.control.iter().find(|(own, _)| own == tag).map(|(_, content)| content.as_str())
    }

    /// The subfields of each field `tag`.
    pub fn fields<'r>(&'r self, tag: &'r str) -> impl Iterator<Item = &'r [(char, String)]> {
        self.data.iter().filter(move |(own, _)| own == tag).map(|(_, subfields)| subfields.as_slice())
    }

    /// All values of a subfield.
    pub fn values<'r>(&'r self, tag: &'r str, code: char) -> impl Iterator<Item = &'r str> {
        self.fields(tag).flatten().filter(move |(own, _)| *own == code).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Why a file can't be read: which record, from 1, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The record.
    pub record: usize,
    /// What is wrong.
    pub detail: &'static str,
}

/// Reads a binary file.
pub fn read_binary(bytes: &[u8]) -> Result<Vec<Record>, Broken> {
    let (mut records, mut rest) = (Vec::new(), bytes);
    loop {
        // Between records there may be line breaks, which the format doesn't know and many programs write.
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(records);
        }
        let broken = |detail: &'static str| Broken { record: records.len() + 1, detail };
        if records.len() == MOST_RECORDS {
            return Err(broken("is one too many: a file has at most 500"));
        }
        let length = rest.get(..5).and_then(number).ok_or_else(|| broken("does not begin with its length"))?;
        let (record, more) = rest.split_at_checked(length).ok_or_else(|| broken("is shorter than it says"))?;
        let (end, record) = record.split_last().ok_or_else(|| broken("is empty"))?;
        if *end != END_OF_RECORD {
            return Err(broken("does not end where it says"));
        }
        records.push(binary_record(record).map_err(broken)?);
        rest = more;
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    digits.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

/// A record without its end.
fn binary_record(bytes: &[u8]) -> Result<Record, &'static str> {
    let leader = bytes.get(..LEADER).ok_or("has no leader")?;
    let is_unicode = leader.get(9) == Some(&b'a');
    if !is_unicode && !bytes.is_ascii() {
        return Err("is in MARC-8, which is read only as far as it is ASCII; have the file written as UTF-8");
    }
    let base = leader.get(12..17).and_then(number).ok_or("does not say where its data begins")?;
    let directory = bytes.get(LEADER..base).and_then(|directory| directory.split_last()).ok_or("has no directory")?;
    let (entries, remainder) = directory.1.as_chunks::<DIRECTORY_ENTRY>();
    if *directory.0 != END_OF_FIELD || !remainder.is_empty() || entries.len() > MOST_FIELDS {
        return Err("has a damaged directory");
    }
    let data = bytes.get(base..).ok_or("has no data")?;
    let mut record = Record::default();
    for entry in entries {
        let (tag, place) = entry.split_at(3);
        let (length, start) = place.split_at(4);
        let (length, start) = number(length).zip(number(start)).ok_or("has a damaged directory")?;
        let field = start.checked_add(length).and_then(|end| data.get(start..end)).ok_or("has a field beyond its end")?;
        let field = field.strip_suffix(&[END_OF_FIELD]).ok_or("has a field that does not end")?;
        let tag =
            std::str::from_utf8(tag).ok().filter(|tag| tag.bytes().all(|byte| byte.is_ascii_alphanumeric())).ok_or("has a wrong tag")?;
        let field = std::str::from_utf8(field).map_err(|_| "says that it is UTF-8, and is not")?;
        if tag.starts_with("00") {
            record.control.push((tag.to_owned(), field.to_owned()));
        } else {
            // What stands before the first subfield are the indicators.
            let subfields = field.split(SUBFIELD).skip(1).filter_map(subfield).collect();
            record.data.push((tag.to_owned(), subfields));
        }
    }
    Ok(record)
}

fn subfield(text: &str) -> Option<(char, String)> {
    let mut characters = text.chars();
    Some((characters.next()?, characters.as_str().to_owned()))
}

/// Where in a MARCXML document the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Control,
    Subfield,
}

/// Reads a MARCXML document: a record, or a collection of them.
pub fn read_xml(document: &str) -> Result<Vec<Record>, Broken> {
    let mut reader = Reader::from_str(document);
    let (mut records, mut record): (Vec<Record>, Option<Record>) = (Vec::new(), None);
    let (mut within, mut depth) = (Within::Nothing, 0_usize);
    loop {
        let broken = |detail: &'static str| Broken { record: records.len() + 1, detail };
        match reader.read_event().map_err(|_| broken("is in XML that is not well formed"))? {
            Event::Start(tag) => {
                depth += 1;
                within = begin(&tag, &mut record).map_err(broken)?;
            }
            Event::Empty(tag) => {
                begin(&tag, &mut record).map_err(broken)?;
                end(tag.local_name().into_inner(), &mut record, &mut records)?;
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                within = Within::Nothing;
                end(tag.local_name().into_inner(), &mut record, &mut records)?;
            }
            Event::Text(text) => push(&text, within, record.as_mut()),
            Event::CData(text) => push(&text, within, record.as_mut()),
            Event::GeneralRef(reference) => {
                let known = match &*reference {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                let known = known.ok_or_else(|| broken("has an entity that is not one of the five of XML"))?;
                push(known.encode_utf8(&mut [0; 4]), within, record.as_mut());
            }
            Event::DocType(_) => return Err(broken("has a document type, which is refused")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if depth == 0 && record.is_none() => return Ok(records),
            Event::Eof => return Err(broken("does not end")),
        }
    }
}

fn begin(tag: &BytesStart<'_>, record: &mut Option<Record>) -> Result<Within, &'static str> {
    let attribute = |name: &str| {
        let found = tag.attributes().flatten().find(|attribute| attribute.key.local_name().into_inner() == name)?;
        found.normalized_value(XmlVersion::Implicit1_0).ok().map(std::borrow::Cow::into_owned)
    };
    match (tag.local_name().into_inner(), record) {
        ("record", Some(_)) => return Err("has a record within it"),
        ("record", record @ None) => *record = Some(Record::default()),
        ("controlfield", Some(record)) => {
            record.control.push((attribute("tag").ok_or("has a field without a tag")?, String::new()));
            return Ok(Within::Control);
        }
        ("datafield", Some(record)) => {
            if record.data.len() == MOST_FIELDS {
                return Err("has too many fields");
            }
            record.data.push((attribute("tag").ok_or("has a field without a tag")?, Vec::new()));
        }
        ("subfield", Some(record)) => {
            let (_, subfields) = record.data.last_mut().ok_or("has a subfield without a field")?;
            let code = attribute("code").and_then(|code| code.chars().next()).ok_or("has a subfield without a code")?;
            subfields.push((code, String::new()));
            return Ok(Within::Subfield);
        }
        _ => {}
    }
    Ok(Within::Nothing)
}

fn end(name: &str, record: &mut Option<Record>, records: &mut Vec<Record>) -> Result<(), Broken> {
    if name != "record" {
        return Ok(());
    }
    if records.len() == MOST_RECORDS {
        return Err(Broken { record: records.len() + 1, detail: "is one too many: a file has at most 500" });
    }
    records.extend(record.take());
    Ok(())
}

fn push(text: &str, within: Within, record: Option<&mut Record>) {
    let Some(record) = record else { return };
    let content = match within {
        Within::Nothing => None,
        Within::Control => record.control.last_mut().map(|(_, content)| content),
        Within::Subfield => record.data.last_mut().and_then(|(_, subfields)| subfields.last_mut()).map(|(_, content)| content),
    };
    if let Some(content) = content {
        content.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use marctk::{Controlfield, Field, Record as Theirs};
    use proptest::prelude::*;

    use super::*;

    /// A record as an independent library writes it.
    fn theirs(record: &Record) -> Theirs {
        let mut theirs = Theirs::new();
        theirs.set_leader("00000nam a2200000 a 4500").unwrap();
        for (tag, content) in &record.control {
            theirs.control_fields_mut().push(Controlfield::new(tag.as_str(), content.as_str()).unwrap());
        }
        for (tag, subfields) in &record.data {
            let mut field = Field::new(tag.as_str()).unwrap();
            for (code, value) in subfields {
                field.add_subfield(code.to_string(), value.as_str()).unwrap();
            }
            theirs.fields_mut().push(field);
        }
        theirs
    }

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let value = "[ -~äßéअक€😀]{1,20}";
        let subfields = prop::collection::vec(("[a-z0-9]".prop_map(|code: String| code.chars().next().unwrap()), value), 1..5);
        let data = prop::collection::vec(("[1-9][0-9]{2}", subfields), 0..8);
        let control = prop::collection::vec(("00[1-9]", value), 1..3);
        prop::collection::vec((control, data).prop_map(|(control, data)| Record { control, data }), 0..5)
    }

    proptest! {
        #[test]
        fn what_an_independent_library_writes_is_read_as_it_was_meant(records in records()) {
            let binary: Vec<u8> = records.iter().flat_map(|record| theirs(record).to_binary().unwrap()).collect();
            prop_assert_eq!(read_binary(&binary), Ok(records.clone()));
            let xml: String = records.iter().map(|record| theirs(record).to_xml_string()).collect();
            prop_assert_eq!(read_xml(&format!("<?xml version=\"1.0\"?><collection>{xml}</collection>")), Ok(records));
        }

        #[test]
        fn whatever_the_bytes_are_reading_ends(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (read_binary(&bytes), read_xml(&String::from_utf8_lossy(&bytes)));
        }

        #[test]
        fn a_damaged_record_is_refused_or_read_and_never_read_beyond(records in records(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut binary: Vec<u8> = records.iter().flat_map(|record| theirs(record).to_binary().unwrap()).collect();
            if !binary.is_empty() {
                let at = at.index(binary.len());
                binary[at] = byte;
                let _ = read_binary(&binary);
                let _ = read_binary(&binary[..at]);
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_by_record() {
        let good = theirs(&Record { control: vec![("001".to_owned(), "1".to_owned())], data: Vec::new() }).to_binary().unwrap();
        let broken = |bytes: &[u8]| read_binary(bytes).unwrap_err();
        assert_eq!(broken(b"<html>").record, 1);
        assert_eq!(broken(&[good.as_slice(), b"\r\n99999"].concat()), Broken { record: 2, detail: "is shorter than it says" });
        let mut marc8 = good.clone();
        (marc8[9], marc8[37]) = (b' ', 0xe1);
        assert!(broken(&marc8).detail.contains("MARC-8"));
        let xml = |document: &str| read_xml(document).unwrap_err().detail;
        assert!(xml("<!DOCTYPE r [<!ENTITY a \"b\">]><record/>").contains("document type"));
        assert!(xml("<record><datafield tag=\"245\"><subfield code=\"a\">&a;</subfield></datafield></record>").contains("entity"));
        assert!(xml("<record><subfield code=\"a\"/></record>").contains("without a field"));
        assert!(xml("<record>").contains("does not end"));
        assert_eq!(read_xml("<html/>"), Ok(Vec::new()));
    }
}
