//! Moodle XML: <https://docs.moodle.org/en/Moodle_XML_format>.

mod calculated;
mod cloze;
mod drag;
mod read;
mod write;

pub(super) use read::import;
pub(super) use write::{absolute, export, not_absolute};
