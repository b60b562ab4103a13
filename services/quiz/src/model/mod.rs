//! The rules. No file here knows HTTP or a store; times and chance are given to them.

pub mod admission;
pub mod asked;
pub mod attempt;
pub mod calculated;
pub mod certainty;
pub mod checked;
pub mod drag;
pub mod formula;
pub mod grade;
pub mod leaderboard;
pub mod mark;
pub mod number;
pub mod paper;
pub mod password;
pub mod picture;
pub mod question;
pub mod quiz;
pub mod random;
pub mod response;
pub mod review;
pub mod scoring;
pub mod statistics;
pub mod terms;
#[cfg(test)]
pub(crate) mod testing;
pub mod timing;
mod validate;

pub use validate::MAX_PARTS;
