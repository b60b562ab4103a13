//! The rules of attendance, as functions of values: no I/O, no HTTP.

pub mod absence;
pub mod alert;
pub mod calendar_file;
pub mod code;
pub mod conflict;
pub mod correction;
pub mod day_value;
pub mod leave;
pub mod lock;
pub mod marking;
pub mod missing;
pub mod register;
pub mod roll;
pub mod school_day;
pub mod self_registration;
pub mod settings;
pub mod summary;
pub mod upload;
