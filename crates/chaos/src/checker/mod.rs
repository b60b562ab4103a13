//! Judges a round: were the guarantees kept? A pure function of what clients were told, when faults were there, and what the stores hold in the end.
//!
//! - [`rows`] — every acknowledged write is in its table or a dead letter, once, with what was written (guarantees 1, 4, 5);
//! - [`reads`] — every read shows what was acknowledged before it, or something newer (2);
//! - [`order`] — a school's writes reach PostgreSQL in the order of their acknowledgement, and no row goes back (3);
//! - [`answers`] — refusals have a reason and say when to come back; during outages goes on what must (6, 7);
//! - [`books`] — both stores agree on how far the log is saved, and nothing is left over;
//! - [`events`] — what happened is told once;
//! - [`contested`] — the documented exception, which is set aside first.
//!
//! A rule that excuses something says for which fault and for how long. [`Checked`] counts what was really judged, so that a rule that excuses everything
//! would show.

mod answers;
mod books;
mod contested;
mod events;
mod order;
mod reads;
mod rows;
#[cfg(test)]
mod tests;

use std::ops::AddAssign;

use serde::Serialize;
use uuid::Uuid;

use crate::evidence::Evidence;
use crate::faults::{Effect, Window};
use crate::history::{Operation, Try};
pub(crate) use events::least as expected_events;
use rows::Chains;

/// Rows that PostgreSQL must refuse begin with this word.
pub(crate) const POISON: &str = "Poison";

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'c> {
    pub(crate) operations: &'c [Operation],
    pub(crate) windows: &'c [Window],
    pub(crate) evidence: &'c Evidence,
    /// Schools and their partitions.
    pub(crate) schools: &'c [(Uuid, u16)],
    /// Unsaved writes that a partition may hold.
    pub(crate) backlog: usize,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    /// Which rule.
    pub(crate) rule: &'static str,
    pub(crate) about: String,
}

/// How much was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Checked {
    /// Acknowledged writes that were found again.
    pub(crate) writes: usize,
    /// Reads that had to show what was acknowledged.
    pub(crate) strict_reads: usize,
    /// Reads that were excused, because Redis did not answer.
    pub(crate) relaxed_reads: usize,
    /// Writes whose place in the order of commits was checked.
    pub(crate) ordered: usize,
    /// Requests that PostgreSQL's absence must not have hurt.
    pub(crate) outage: usize,
    /// Requests that were sent away for want of room.
    pub(crate) busy: usize,
    /// Events that had to be told.
    pub(crate) events: usize,
    /// Dead letters that were decided about.
    pub(crate) decided: usize,
}

impl AddAssign for Checked {
    fn add_assign(&mut self, other: Self) {
        self.writes += other.writes;
        self.strict_reads += other.strict_reads;
        self.relaxed_reads += other.relaxed_reads;
        self.ordered += other.ordered;
        self.outage += other.outage;
        self.busy += other.busy;
        self.events += other.events;
        self.decided += other.decided;
    }
}

/// All broken promises of a round.
pub(crate) fn check(case: Case<'_>) -> (Vec<Violation>, Checked) {
    let rest = contested::set_aside(case);
    let case = Case { operations: &rest.operations, evidence: &rest.evidence, ..case };
    let mut verdict = Verdict { case, violations: rest.violations, checked: Checked::default() };
    let chains = Chains::build(&mut verdict);
    rows::check(&mut verdict, &chains);
    reads::check(&mut verdict, &chains);
    order::check(&mut verdict);
    answers::check(&mut verdict, &chains);
    books::check(&mut verdict, &chains);
    events::check(&mut verdict);
    (verdict.violations, verdict.checked)
}

struct Verdict<'c> {
    case: Case<'c>,
    violations: Vec<Violation>,
    checked: Checked,
}

impl Verdict<'_> {
    fn broken(&mut self, rule: &'static str, about: impl Into<String>) {
        self.violations.push(Violation { rule, about: about.into() });
    }
}

impl Case<'_> {
    /// Whether a window for which `effect` holds touches a request.
    fn during(&self, one: &Try, effect: impl Fn(Effect) -> bool) -> bool {
        self.windows.iter().any(|window| effect(window.effect) && window.touches(one.from, one.to))
    }

    /// Whether Redis may not have answered the process that was asked, or not yet again.
    fn redis_away(&self, one: &Try) -> bool {
        self.during(one, |effect| matches!(effect, Effect::Redis(process) if process.is_none_or(|process| process == one.process)))
    }
}
