//! The rules of the buses, as functions of values: no I/O, no HTTP.

pub mod alarm;
pub mod alert;
pub mod boarding;
pub mod documents;
pub mod eta;
pub mod fee;
pub mod fence;
pub mod fleet;
pub mod forgotten;
pub mod geo;
pub mod occupancy;
pub mod planning;
pub mod position;
pub mod problem;
pub mod progress;
pub mod route;
pub mod seating;
pub mod timetable;
pub mod trip;
