//! What happened is in the activity log: once for each acknowledged write that is told, and never for one that did not happen.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Verdict;
use crate::history::{Entity, Operation, Outcome, What, token};

type Counts = BTreeMap<(String, Uuid), usize>;

/// How often each action must be in the log at least.
pub(crate) fn least(operations: &[Operation]) -> Counts {
    count(operations, true)
}

fn count(operations: &[Operation], certain: bool) -> Counts {
    let mut counts = Counts::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for operation in operations {
        let key = match (&operation.what, &operation.outcome) {
            // However often it was repeated.
            (What::Create { entity: Entity::Submission, state, .. }, Outcome::Done(seen)) if told.insert(token(state)) => {
                ("submitted".to_owned(), seen.row)
            }
            (What::Change { row, event: Some(event), .. }, Outcome::Done(_)) => ((*event).to_owned(), *row),
            (What::Change { row, event: Some(event), .. }, Outcome::Unknown) if !certain => ((*event).to_owned(), *row),
            _ => continue,
        };
        *counts.entry(key).or_default() += 1;
    }
    counts
}

pub(super) fn check(verdict: &mut Verdict<'_>) {
    let (case, evidence) = (verdict.case, verdict.case.evidence);
    let (least, most) = (count(case.operations, true), count(case.operations, false));
    let mut found = Counts::new();
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for activity in &evidence.activity {
        if !ids.insert(&activity.event) {
            verdict.broken("events", format!("the event {} is in the activity log twice", activity.event));
        }
        *found.entry((activity.action.clone(), activity.row)).or_default() += 1;
    }
    for (key @ (action, row), least) in &least {
        verdict.checked.events += least;
        let found = found.get(key).copied().unwrap_or(0);
        if found < *least {
            verdict.broken("events", format!("{row} was {action} {least} times, and the activity log has {found}"));
        }
    }
    // A submission whose answer nobody saw may have been made, and told.
    let unknown: BTreeSet<&str> = case
        .operations
        .iter()
        .filter_map(|operation| match (&operation.what, &operation.outcome) {
            (What::Create { state, .. }, Outcome::Unknown) => Some(token(state)),
            _ => None,
        })
        .collect();
    for (key @ (action, row), found) in &found {
        let maybe = evidence.commits.iter().any(|commit| commit.row == *row && unknown.contains(token(&commit.state)));
        let most = most.get(key).copied().unwrap_or(0).max(usize::from(maybe && action == "submitted"));
        if *found > most {
            verdict.broken("events", format!("{row} was {action} {most} times at most, and the activity log has {found}"));
        }
    }
    if evidence.dead_events > 0 {
        verdict.broken("events", format!("{} events were put aside", evidence.dead_events));
    }
}
