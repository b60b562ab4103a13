//! Order: what PostgreSQL holds is at every instant a prefix of what a school's clients were acknowledged. If a write was acknowledged before another one was
//! asked for, its transaction is not the later one. And no row goes back to an older version.
//!
//! A create that took the detour (Redis was away, so it was committed in PostgreSQL before the answer) may overtake what waits in Redis.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Verdict;
use crate::evidence::Act;
use crate::history::{Micros, Outcome, What, token};

/// A write with its place.
struct Write {
    operation: usize,
    invoked: Micros,
    ended: Micros,
    order: u64,
    detour: bool,
}

pub(super) fn check(verdict: &mut Verdict<'_>) {
    back(verdict);
    let case = verdict.case;
    let mut schools: BTreeMap<Uuid, Vec<Write>> = BTreeMap::new();
    let mut requested: BTreeMap<&str, Micros> = BTreeMap::new();
    let mut repeated: BTreeSet<&str> = BTreeSet::new();
    for operation in case.operations {
        let (version, invoked) = match &operation.what {
            // A request that was repeated happened at its first time, or at the second: between the first one's beginning and the first answer.
            What::Create { state, .. } => (1, *requested.entry(token(state)).or_insert(operation.invoked)),
            What::Change { base, .. } => (base + 1, operation.invoked),
            _ => continue,
        };
        let Outcome::Done(seen) = &operation.outcome else { continue };
        if let What::Create { state, .. } = &operation.what
            && !repeated.insert(token(state))
        {
            continue;
        }
        // The first transaction that held this version, or a newer one: it was saved, or put aside.
        let first =
            case.evidence.commits.iter().find(|commit| commit.row == seen.row && commit.version >= version && commit.act != Act::Deleted);
        if let Some(commit) = first {
            let (order, detour) = (commit.order, commit.detour);
            let write = Write { operation: operation.number, invoked, ended: operation.ended, order, detour };
            schools.entry(operation.school).or_default().push(write);
        }
    }
    for writes in schools.values_mut() {
        verdict.checked.ordered += writes.len();
        let mut ends: Vec<(Micros, u64, usize)> = writes.iter().map(|write| (write.ended, write.order, write.operation)).collect();
        ends.sort_unstable();
        writes.sort_unstable_by_key(|write| write.invoked);
        let mut ends = ends.into_iter().peekable();
        let mut last: (u64, usize) = (0, 0);
        for write in writes {
            while let Some((_, order, operation)) = ends.next_if(|(ended, ..)| *ended < write.invoked) {
                last = last.max((order, operation));
            }
            if write.order < last.0 && !write.detour {
                let about = format!(
                    "operation {} was acknowledged before operation {} began, and reached PostgreSQL later (transaction {} after {})",
                    last.1, write.operation, last.0, write.order
                );
                verdict.broken("order", about);
            }
        }
    }
}

/// Versions as they were saved.
fn back(verdict: &mut Verdict<'_>) {
    let mut versions: BTreeMap<Uuid, u32> = BTreeMap::new();
    for commit in verdict.case.evidence.commits.iter().filter(|commit| commit.act == Act::Saved) {
        let last = versions.insert(commit.row, commit.version).unwrap_or(0);
        if commit.version <= last {
            verdict.broken(
                "back",
                format!("{:?} {} was saved in version {last}, and then in version {}", commit.entity, commit.row, commit.version),
            );
        }
    }
}
