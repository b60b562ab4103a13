//! QTI 2.1 assessment items (IMS Question and Test Interoperability, information model 2.1): one item as XML, or a zip of items with a manifest.
//!
//! Choice, true or false, text entry, numbers with a tolerance, matching, ordering and extended text are taken over. Feedback and what else an item's processing
//! could do is not, and is told.

mod read;
mod write;

use std::io::{Cursor, Read};

use zip::ZipArchive;

pub(super) use write::export;

use super::{Broken, Imported, MAX_QUESTIONS, text};

/// What a package may measure unpacked, and what one item may.
const UNPACKED: u64 = 32 * 1024 * 1024;
const ITEM: u64 = 2 * 1024 * 1024;

/// Reads an item, or a package of them.
pub(super) fn import(bytes: &[u8]) -> Result<Imported, Vec<Broken>> {
    let mut imported = Imported::default();
    if !bytes.starts_with(b"PK") {
        read::item(text(bytes)?, &mut imported)?;
        return Ok(imported);
    }
    let broken = |detail: String| vec![Broken::new(0, detail)];
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(format!("the zip can't be read: {error}")))?;
    if archive.len() > MAX_QUESTIONS + 500 {
        return Err(broken("the zip has too many files".to_owned()));
    }
    let (mut left, mut faults) = (UNPACKED, Vec::new());
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(|error| broken(format!("the zip can't be read: {error}")))?;
        let name = file.name().map_or_else(|_| format!("file {}", at + 1), std::borrow::Cow::into_owned);
        let is_xml = std::path::Path::new(&name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        if !file.is_file() || !is_xml || name.ends_with("imsmanifest.xml") {
            continue;
        }
        // What a zip says of its sizes is not believed: what comes out is counted.
        let most = ITEM.min(left);
        let mut item = Vec::new();
        let read = file.take(most + 1).read_to_end(&mut item).map_err(|error| broken(format!("{name} can't be unpacked: {error}")))?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        if read > most {
            return Err(broken(format!("{name} is larger than is taken")));
        }
        left -= read;
        let outcome = text(&item).and_then(|item| read::item(item, &mut imported));
        faults.extend(outcome.err().into_iter().flatten().map(|fault| Broken { detail: format!("{name}: {}", fault.detail), ..fault }));
    }
    if faults.is_empty() { Ok(imported) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::model::question::Spec;

    const ITEM: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="choice" title="Unattended Luggage" adaptive="false" timeDependent="false">
  <responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier">
    <correctResponse><value>ChoiceA</value></correctResponse>
  </responseDeclaration>
  <outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/>
  <itemBody>
    <p>Look at the text in the picture.</p>
    <choiceInteraction responseIdentifier="RESPONSE" shuffle="false" maxChoices="1">
      <prompt>What does it say?</prompt>
      <simpleChoice identifier="ChoiceA">You must stay with your luggage at all times.</simpleChoice>
      <simpleChoice identifier="ChoiceB">Do not let someone else look after your luggage.</simpleChoice>
    </choiceInteraction>
  </itemBody>
  <responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/match_correct"/>
</assessmentItem>"#;

    #[test]
    fn the_example_of_the_specification_is_read() {
        let imported = import(ITEM.as_bytes()).unwrap();
        let content = &imported.questions[0].content;
        assert_eq!(
            (content.name.as_str(), content.stem.as_str()),
            ("Unattended Luggage", "Look at the text in the picture. What does it say?")
        );
        let Spec::SingleChoice { options, shuffle: false } = &content.answer else { panic!("{:?}", content.answer) };
        assert_eq!((options[0].key.as_str(), options[0].fraction.as_f64(), options.len()), ("ChoiceA", 1.0, 2));
        assert_eq!(content.check(), Ok(()));
    }

    #[test]
    fn a_bomb_and_a_file_that_is_no_item_are_refused() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("item.xml", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![b' '; 3 * 1024 * 1024]).unwrap();
        let bomb = zip.finish().unwrap().into_inner();
        assert!(bomb.len() < 100_000, "it is small: {}", bomb.len());
        assert!(import(&bomb).unwrap_err()[0].detail.contains("larger"));
        assert!(import(b"PK and then nothing").is_err());
        assert!(import(b"<assessmentTest/>").is_err());
        assert!(import(b"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><assessmentItem>&x;</assessmentItem>").is_err());
    }
}
