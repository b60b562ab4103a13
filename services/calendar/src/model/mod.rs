//! The rules of the calendar: functions of values and the time.

pub mod audience;
pub mod conflict;
pub mod event;
pub mod ics;
pub mod lesson;
pub mod month;
pub mod occurrence;
#[cfg(test)]
mod occurrence_tests;
pub mod rule;
pub mod slot;
pub mod token;
pub mod zone;
