//! Read your writes: a read that begins after a write was acknowledged, or after another read showed it, shows that version or a newer one. To everybody,
//! through every process, and whatever was killed in between.
//!
//! Excused is one thing: a read through a process that Redis does not answer, or not yet again. It sees what is saved.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Verdict;
use super::rows::{Chains, shown};
use crate::evidence::Act;
use crate::history::{Entity, Micros, Operation, Outcome, What};

/// What was known of a row at which time: the newest version that any answer had shown by then.
#[derive(Debug, Default)]
struct Told(Vec<(Micros, u32)>);

impl Told {
    fn at(&self, now: Micros) -> u32 {
        let count = self.0.partition_point(|(at, _)| *at < now);
        count.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, version)| *version)
    }
}

fn told(operations: &[Operation]) -> BTreeMap<Uuid, Told> {
    let mut told: BTreeMap<Uuid, Told> = BTreeMap::new();
    for operation in operations {
        for (_, seen) in shown(operation) {
            told.entry(seen.row).or_default().0.push((operation.ended, seen.version));
        }
    }
    for told in told.values_mut() {
        told.0.sort_unstable();
        let mut newest = 0;
        for (_, version) in &mut told.0 {
            newest = newest.max(*version);
            *version = newest;
        }
    }
    told
}

pub(super) fn check(verdict: &mut Verdict<'_>, chains: &Chains) {
    let told = told(verdict.case.operations);
    for operation in verdict.case.operations {
        for (entity, seen) in shown(operation) {
            if !chains.get(seen.row).is_some_and(|chain| chain.entity == entity && chain.school == operation.school && chain.allows(seen)) {
                let possible = chains.get(seen.row).map(|chain| &chain.possible);
                let number = operation.number;
                verdict.broken("reads", format!("operation {number} was shown what nobody wrote: {seen:?}; possible: {possible:?}"));
            }
        }
        fresh(verdict, chains, &told, operation);
        if let (What::Trespass { row, .. }, Outcome::Done(_) | Outcome::Listed { .. }) = (&operation.what, &operation.outcome) {
            verdict.broken("schools", format!("operation {} was shown {row}, which belongs to another school", operation.number));
        }
    }
    finally(verdict, chains);
}

fn fresh(verdict: &mut Verdict<'_>, chains: &Chains, told: &BTreeMap<Uuid, Told>, operation: &Operation) {
    let (number, now) = (operation.number, operation.invoked);
    let relaxed = operation.tries.iter().any(|one| verdict.case.redis_away(one));
    let due = |row: Uuid| told.get(&row).map_or(0, |told| told.at(now));
    let mut missed: Vec<String> = Vec::new();
    match (&operation.what, &operation.outcome) {
        (What::Show { row, .. }, Outcome::Done(seen)) => {
            if seen.version < due(*row) {
                missed.push(format!("{row} in version {}, after version {} had been answered", seen.version, due(*row)));
            }
        }
        (What::Show { row, .. }, Outcome::Absent) => {
            if due(*row) > 0 {
                missed.push(format!("no {row}, after version {} had been answered", due(*row)));
            }
        }
        (What::List { entity: Entity::Submission, of }, Outcome::Absent) => {
            if due(*of) > 0 {
                missed.push(format!("no {of}, after version {} had been answered", due(*of)));
            }
        }
        (What::List { entity, of }, Outcome::Listed { rows, complete }) => {
            for seen in rows {
                if seen.version < due(seen.row) {
                    missed.push(format!("{} in version {}, after version {} had been answered", seen.row, seen.version, due(seen.row)));
                }
            }
            for (row, chain) in chains.iter().filter(|_| *complete) {
                let belongs =
                    chain.entity == *entity && chain.school == operation.school && chain.parent().is_none_or(|parent| parent == *of);
                if belongs && due(row) > 0 && !rows.iter().any(|seen| seen.row == row) {
                    missed.push(format!("no {row}, after version {} had been answered", due(row)));
                }
            }
        }
        _ => return,
    }
    if relaxed {
        verdict.checked.relaxed_reads += 1;
        return;
    }
    verdict.checked.strict_reads += 1;
    for missed in missed {
        verdict.broken("stale", format!("operation {number} was shown {missed}"));
    }
}

/// Once all is saved, every service shows what the table holds, or the newer version that waits in a dead letter.
fn finally(verdict: &mut Verdict<'_>, chains: &Chains) {
    let evidence = verdict.case.evidence;
    for shown in &evidence.shown {
        let saved = evidence.rows.iter().find(|saved| saved.seen.row == shown.row);
        let buried = evidence.commits.iter().any(|commit| commit.act == Act::Buried && commit.row == shown.row);
        let (row, process) = (shown.row, shown.process);
        match (&shown.seen, saved) {
            (None, _) if chains.get(row).is_some() => verdict.broken("shown", format!("service-{process} knows no {row}")),
            (Some(seen), Some(saved)) if !buried && (seen.version != saved.seen.version || seen.state != saved.seen.state) => {
                verdict.broken("shown", format!("service-{process} shows {seen:?}, and the table holds {:?}", saved.seen));
            }
            (Some(seen), _) if chains.get(row).is_some_and(|chain| !chain.allows(seen) || seen.version < chain.told) => {
                verdict.broken("shown", format!("service-{process} shows {seen:?}"));
            }
            _ => {}
        }
    }
}
