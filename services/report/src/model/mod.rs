//! The rules of the grade book: pure, exact, and without any store.
//!
//! - [`grade`] — a grade, its id, and what a change leaves behind;
//! - [`sheet`] — what writers of grades and a change of their item agree on;
//! - [`share`] — marks as an exact share of what was possible, and how it is rounded for people;
//! - [`selection`] — which results count: drop the lowest, keep the highest, ties decided;
//! - [`aggregation`] — one figure from the results of a category;
//! - [`total`] — a student's totals, from the leaves of the category tree to its root;
//! - [`scale`] — letters and grade points for a percentage;
//! - [`rank`] — places in a class by total;
//! - [`concern`] — where a student falls short of a target, or of effort;
//! - [`honour`] — who is on the honour roll;
//! - [`outcome`] — what a student has learnt of an outcome;
//! - [`outline`] — what a change of items, categories and the rest has changed;
//! - [`feeding`] — what taking over from homework or a quiz does to a grade.

pub mod aggregation;
pub mod concern;
pub mod feeding;
pub mod grade;
pub mod honour;
pub mod outcome;
pub mod outline;
pub mod rank;
pub mod scale;
pub mod selection;
pub mod share;
pub mod sheet;
pub mod total;
