//! Questions in the formats of others: GIFT, Moodle XML, QTI 2.1 items.
//!
//! What a format can't say is reported as a [`Loss`], question by question, and so is what a file says that a question here can't. A file that can't be read is
//! refused with the lines at fault, all of them where that is possible. Nothing of a file is ever fetched: XML with a document type or with entities of its own is
//! refused before anything is expanded.

pub mod gift;
pub mod moodle;
pub mod qti;
mod xml;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::question::Content;

/// The most questions in one file.
pub const MAX_QUESTIONS: usize = 2_000;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Format {
    /// GIFT, text: <https://docs.moodle.org/en/GIFT_format>.
    #[serde(rename = "gift")]
    Gift,
    /// Moodle XML: <https://docs.moodle.org/en/Moodle_XML_format>.
    #[serde(rename = "moodle-xml")]
    MoodleXml,
    /// QTI 2.1: one assessment item as XML, or a zip of items: <https://www.imsglobal.org/question/>.
    #[serde(rename = "qti")]
    Qti,
}

impl Format {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gift => "gift",
            Self::MoodleXml => "moodle-xml",
            Self::Qti => "qti",
        }
    }

    /// The media type of an export.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Gift => "text/plain; charset=utf-8",
            Self::MoodleXml => "application/xml; charset=utf-8",
            Self::Qti => "application/zip",
        }
    }

    /// Reads a file.
    pub fn import(self, bytes: &[u8]) -> Result<Imported, Vec<Broken>> {
        let mut imported = match self {
            Self::Gift => gift::import(text(bytes)?)?,
            Self::MoodleXml => moodle::import(text(bytes)?)?,
            Self::Qti => qti::import(bytes)?,
        };
        if imported.questions.len() > MAX_QUESTIONS {
            return Err(vec![Broken::new(0, format!("a file has at most {MAX_QUESTIONS} questions"))]);
        }
        if self == Self::MoodleXml {
            imported.questions.iter_mut().for_each(Draft::take_difficulty);
        }
        Ok(imported)
    }

    /// Writes a file.
    #[must_use]
    pub fn export(self, questions: &[Draft]) -> Exported {
        let mut exported = match self {
            Self::Gift => gift::export(questions),
            Self::MoodleXml => moodle::export(&questions.iter().map(Draft::with_difficulty_tag).collect::<Vec<_>>()),
            Self::Qti => qti::export(questions),
        };
        for draft in questions {
            let mut lose = |what: &str| exported.losses.push(Loss::new(&draft.content.name, what));
            match self {
                Self::Gift | Self::Qti if draft.difficulty.is_some() => lose("the difficulty"),
                Self::MoodleXml if draft.tags.iter().any(|tag| difficulty_of(tag).is_some()) => {
                    lose("a tag that is read back as the difficulty");
                }
                _ => {}
            }
            // No reader keeps them: lines are indented, and elements stand on lines of their own.
            if serde_json::to_value(&draft.content).is_ok_and(|content| has_blank_ends(&content)) {
                lose("blanks at the beginning or the end of a text");
            }
        }
        exported
    }
}

/// The tag that says the difficulty where a format has tags and no difficulty: `difficulty:3`.
const DIFFICULTY: &str = "difficulty:";

fn difficulty_of(tag: &str) -> Option<u8> {
    tag.strip_prefix(DIFFICULTY)?.parse().ok().filter(|level| (1..=5).contains(level))
}

fn has_blank_ends(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.trim() != text,
        serde_json::Value::Array(items) => items.iter().any(has_blank_ends),
        serde_json::Value::Object(fields) => fields.values().any(has_blank_ends),
        _ => false,
    }
}

fn text(bytes: &[u8]) -> Result<&str, Vec<Broken>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        vec![Broken::new(line_of(before), "is not valid UTF-8")]
    })?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// The line that follows what was read so far.
fn line_of(before: &[u8]) -> usize {
    before.split(|byte| *byte == b'\n').count()
}

/// A question on its way in or out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it begins, from 1; 0 on the way out.
    pub line: usize,
    /// The category's path, outermost first, if the file names one.
    pub category: Vec<String>,
    /// What it says.
    pub content: Content,
    /// What it is about.
    pub tags: Vec<String>,
    /// From 1, easy, to 5, hard.
    pub difficulty: Option<u8>,
}

impl Draft {
    /// The same with its difficulty among its tags.
    fn with_difficulty_tag(&self) -> Self {
        let tag = self.difficulty.map(|level| format!("{DIFFICULTY}{level}"));
        Self { tags: self.tags.iter().cloned().chain(tag).collect(), ..self.clone() }
    }

    /// Takes the difficulty out of its tags; the last one counts, which is where it is written.
    fn take_difficulty(&mut self) {
        self.difficulty = self.tags.iter().rev().find_map(|tag| difficulty_of(tag));
        self.tags.retain(|tag| difficulty_of(tag).is_none());
    }
}

/// What could be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// The questions.
    pub questions: Vec<Draft>,
    /// What could not be taken over.
    pub losses: Vec<Loss>,
}

/// What could be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The file.
    pub file: Vec<u8>,
    /// What could not be said in it.
    pub losses: Vec<Loss>,
}

/// What got lost on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Loss {
    /// The question's name.
    pub question: String,
    /// What of it.
    pub detail: String,
}

impl Loss {
    fn new(question: &str, detail: impl Into<String>) -> Self {
        Self { question: question.to_owned(), detail: detail.into() }
    }
}

/// Why a file can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub detail: String,
}

impl Broken {
    fn new(line: usize, detail: impl Into<String>) -> Self {
        Self { line, detail: detail.into() }
    }
}

/// A name for a question that has none: the beginning of what it asks.
fn name_of(stem: &str) -> String {
    let plain = stem.split_whitespace().collect::<Vec<_>>().join(" ");
    let name: String = plain.chars().filter(|c| !c.is_control()).take(60).collect();
    if name.is_empty() { "Question".to_owned() } else { name }
}

/// A key for the n-th part, which tells nothing but the place in the file.
fn key(at: usize) -> String {
    format!("k{}", at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::question::{Blank, Spec};
    use crate::model::testing::one_of_each;

    /// The same with keys that say where a part stands, so that two questions compare by what they say.
    fn plain(mut content: Content) -> Content {
        let rename = |keys: Vec<&mut String>| keys.into_iter().enumerate().for_each(|(at, own)| *own = key(at));
        match &mut content.answer {
            Spec::SingleChoice { options, .. } | Spec::MultipleChoice { options, .. } => {
                rename(options.iter_mut().map(|o| &mut o.key).collect());
            }
            Spec::Matching { pairs, distractors, .. } => {
                rename(
                    pairs
                        .iter_mut()
                        .flat_map(|p| [&mut p.key, &mut p.target_key])
                        .chain(distractors.iter_mut().map(|d| &mut d.key))
                        .collect(),
                );
            }
            Spec::SelectWords { choices, .. } | Spec::DragWords { choices, .. } => rename(choices.iter_mut().map(|c| &mut c.key).collect()),
            Spec::DragOntoPicture { places, choices, .. } => {
                rename(places.iter_mut().map(|p| &mut p.key).chain(choices.iter_mut().map(|c| &mut c.key)).collect());
            }
            Spec::DragMarkers { markers, .. } => rename(markers.iter_mut().map(|m| &mut m.key).collect()),
            Spec::Ordering { items, .. } => rename(items.iter_mut().map(|i| &mut i.key).collect()),
            Spec::Cloze { gaps } => {
                for gap in gaps {
                    if let Blank::Choice { options } = &mut gap.blank {
                        rename(options.iter_mut().map(|o| &mut o.key).collect());
                    }
                }
            }
            _ => {}
        }
        content
    }

    fn draft(content: Content) -> Draft {
        Draft { line: 0, category: Vec::new(), content, tags: Vec::new(), difficulty: None }
    }

    /// What comes back of a question.
    fn round_trip(format: Format, content: &Content) -> (Option<Content>, Vec<Loss>) {
        let exported = format.export(&[draft(content.clone())]);
        let imported =
            format.import(&exported.file).unwrap_or_else(|broken| panic!("{broken:?}\n{}", String::from_utf8_lossy(&exported.file)));
        (imported.questions.into_iter().next().map(|draft| draft.content), exported.losses)
    }

    #[test]
    fn each_type_comes_back_as_it_went_or_its_loss_is_told() {
        for format in [Format::Gift, Format::MoodleXml, Format::Qti] {
            for content in one_of_each() {
                let (back, losses) = round_trip(format, &content);
                match back {
                    Some(back) if losses.is_empty() => assert_eq!(plain(back), plain(content), "{format:?}"),
                    Some(back) => assert_eq!(back.answer.kind(), content.answer.kind(), "{format:?}: {losses:?}"),
                    None => assert!(!losses.is_empty(), "{format:?} drops {} in silence", content.name),
                }
            }
        }
    }

    #[test]
    fn a_file_of_the_largest_size_is_read_or_refused_in_seconds_whatever_it_holds() {
        let most = 4 * 1024 * 1024;
        let long = |head: &str, body: &str, tail: &str| format!("{head}{}{tail}", body.repeat(most / body.len()));
        let files = [
            (Format::MoodleXml, long("<quiz>", "<a/>\n\n", "</quiz>")),
            (Format::MoodleXml, long("<quiz>", "<question type=\"essay\"/>", "</quiz>")),
            (
                Format::MoodleXml,
                long("<quiz><question type=\"cloze\"><questiontext><text>", "{1:SA:=a}", "</text></questiontext></question></quiz>"),
            ),
            (Format::MoodleXml, long("<quiz>", "&amp;", "</quiz>")),
            (Format::Qti, long("<assessmentItem><itemBody>", "<choiceInteraction/>", "</itemBody></assessmentItem>")),
            (Format::Gift, long("Q {", "~a", "}")),
            (Format::Gift, long("Q {=a", "->", "}")),
            (Format::Gift, long("", "a {T}\n\n", "")),
            (Format::Gift, long("", "{", "")),
            (Format::Gift, long("", "::", "")),
            (Format::Gift, long("Q {#", "=1:", "}")),
        ];
        for (format, file) in files {
            let begun = std::time::Instant::now();
            if let Ok(imported) = format.import(file.as_bytes()) {
                let faults: usize = imported.questions.iter().map(|draft| draft.content.check().err().unwrap_or_default().len()).sum();
                assert!(faults < 10_000, "{format:?}: {}", &file[..40]);
            }
            assert!(begun.elapsed().as_secs() < 20, "{format:?} took {:?} for {}", begun.elapsed(), &file[..40]);
        }
    }

    #[test]
    fn the_difficulty_comes_back_or_its_loss_is_told() {
        for content in one_of_each() {
            for format in [Format::Gift, Format::MoodleXml, Format::Qti] {
                let sent = Draft { difficulty: Some(4), tags: vec!["biology".to_owned()], ..draft(content.clone()) };
                let exported = format.export(std::slice::from_ref(&sent));
                let back = format.import(&exported.file).unwrap().questions;
                let told = exported.losses.iter().any(|loss| loss.detail == "the difficulty");
                let kept = back.first().is_none_or(|back| back.difficulty == Some(4) && back.tags == ["biology"]);
                assert!(kept != told || back.is_empty(), "{format:?}: {back:?} {:?}", exported.losses);
            }
        }
        let own = Draft { tags: vec!["difficulty:2".to_owned(), "difficulty:9".to_owned()], ..draft(one_of_each().remove(0)) };
        let exported = Format::MoodleXml.export(&[own]);
        assert!(exported.losses.iter().any(|loss| loss.detail.contains("a tag")), "{:?}", exported.losses);
        let back = Format::MoodleXml.import(&exported.file).unwrap().questions.remove(0);
        assert_eq!((back.difficulty, back.tags), (Some(2), vec!["difficulty:9".to_owned()]));
    }

    #[test]
    fn blanks_at_the_ends_of_a_text_are_told_as_lost() {
        for format in [Format::Gift, Format::MoodleXml, Format::Qti] {
            let told = |text: &str| {
                let options = serde_json::json!([{"key": "a", "text": text, "fraction": 1}, {"key": "b", "text": "b"}]);
                let content = serde_json::json!({"name": "n", "stem": "s", "answer": {"type": "single_choice", "options": options}});
                round_trip(format, &serde_json::from_value(content).unwrap()).1.iter().any(|loss| loss.detail.contains("blanks at"))
            };
            // Behind a blank that is lost, a text must not begin to mean something.
            assert!(told(" %50") && told(" [html]"), "{format:?}");
            assert!(told(" a") && told("a ") && !told("a a"), "{format:?}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        // Whatever a format gives a meaning to, and blanks before and within.
        " ?[a-zA-Z0-9é=~#{}:\\\\<>&\"'%*|\\->$/.,\\]\\[]([a-zA-Z0-9é=~#{}:\\\\<>&\"'%*|\\->$/.,\\]\\[ ]{0,20}[a-zA-Z0-9é=~#{}:\\\\<>&\"'%|.,])?"
    }

    fn question() -> impl Strategy<Value = Content> {
        use crate::model::mark::{Fraction, Mark};
        use crate::model::question::{Accepted, Choice, Pair};
        let options = proptest::collection::vec((text(), 0_i64..10, proptest::option::of(text())), 1..5);
        let answers = options.prop_flat_map(|parts| {
            let choices = |first: i64| {
                parts
                    .iter()
                    .enumerate()
                    .map(|(at, (text, worth, feedback))| Choice {
                        key: key(at),
                        text: format!("{text}{at}"),
                        fraction: if at == 0 { Fraction::from_steps(first) } else { Fraction::from_steps(-worth * 1_000_000) },
                        feedback: feedback.clone(),
                    })
                    .chain([Choice { key: "last".into(), text: "the last".into(), fraction: Fraction::ZERO, feedback: None }])
                    .collect::<Vec<_>>()
            };
            let accepted: Vec<Accepted> = parts
                .iter()
                .enumerate()
                .map(|(at, (text, worth, feedback))| Accepted {
                    text: text.replace(['*', '\\'], "x"),
                    fraction: if at == 0 { Fraction::ONE } else { Fraction::from_steps(worth * 1_000_000) },
                    feedback: feedback.clone(),
                })
                .collect();
            let pairs: Vec<Pair> = parts
                .iter()
                .enumerate()
                .map(|(at, (text, _, _))| Pair {
                    key: key(at),
                    premise: format!("{text}?"),
                    target_key: key(at + 50),
                    target: format!("{text}{at}"),
                })
                .chain([Pair { key: "z".into(), premise: "last".into(), target_key: "zz".into(), target: "the last".into() }])
                .collect();
            prop_oneof![
                Just(Spec::SingleChoice { options: choices(10_000_000), shuffle: true }),
                Just(Spec::MultipleChoice { options: choices(10_000_000), shuffle: true, all_or_nothing: false }),
                Just(Spec::ShortAnswer { accepted, case_sensitive: false }),
                Just(Spec::Matching { pairs, distractors: Vec::new(), shuffle: true }),
                any::<bool>().prop_map(|correct| Spec::TrueFalse { correct, feedback_true: None, feedback_false: None }),
            ]
        });
        (text(), text(), answers).prop_map(|(name, stem, answer)| Content {
            name,
            stem,
            default_mark: Mark::ONE,
            penalty: Fraction::ZERO,
            general_feedback: None,
            hints: Vec::new(),
            answer,
        })
    }

    proptest! {
        #[test]
        fn whatever_a_question_says_comes_back(content in question()) {
            for format in [Format::Gift, Format::MoodleXml, Format::Qti] {
                let (back, losses) = round_trip(format, &content);
                if losses.is_empty() {
                    prop_assert_eq!(plain(back.unwrap()), plain(content.clone()), "{:?}", format);
                }
            }
        }

        #[test]
        fn no_file_makes_a_reader_panic(file in ".{0,300}", marks in "[{}=~#:\\n%>-]{0,60}") {
            for format in [Format::Gift, Format::MoodleXml, Format::Qti] {
                let _ = format.import(file.as_bytes());
                let _ = format.import(marks.as_bytes());
                let _ = format.import(format!("<quiz>{file}</quiz>").as_bytes());
            }
        }
    }
}
