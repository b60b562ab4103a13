//! Moodle XML: <https://docs.moodle.org/en/Moodle_XML_format>.

mod cloze;
mod read;
mod write;

pub(super) use read::import;
pub(super) use write::export;
