//! The rules of the calendar: functions of values and the time.

pub mod action;
pub mod audience;
pub mod bell;
pub mod conflict;
pub mod event;
pub mod given;
pub mod ics;
pub mod lesson;
pub mod lesson_day;
pub mod lesson_event;
pub mod month;
pub mod occurrence;
#[cfg(test)]
mod occurrence_tests;
pub mod rotation;
pub mod rule;
pub mod schedule;
pub mod slot;
pub mod token;
pub mod zone;
