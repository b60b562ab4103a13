//! iCalendar (RFC 5545, RFC 7986): feeds that others subscribe to, and files of theirs to take in. The `icalendar` crate reads content lines and the
//! `ics` crate writes them; what they mean is here.

mod file;
mod read;
#[cfg(test)]
mod reference;
mod vtimezone;
mod whole;
mod write;

pub use file::{MOST_COMPONENTS, Piece, Unreadable, components};
pub use read::{Found, Refused, Replaces, understand};
pub use vtimezone::vtimezone;
pub use whole::{Line, MOST_OCCURRENCES, read};
pub use write::{Entry, calendar};
