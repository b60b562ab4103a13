//! The rules of homework. No I/O and no HTTP here.

pub mod grade;
pub mod homework;
pub mod late_policy;
pub mod submission;
