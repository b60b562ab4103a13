//! The documented exception to nearly every rule: a submission that was taken while PostgreSQL could not be asked whether the attempt was used, and Redis had
//! thrown the answer out. Two submissions then claim one row. Both were acknowledged, so both must be kept: one in the table, one in a dead letter. Which of
//! them reads show until somebody decides, nobody promises.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Case, Verdict, Violation};
use crate::evidence::Evidence;
use crate::faults::Effect;
use crate::history::{Entity, Operation, Outcome, State, What, token};

/// What is left to be judged by the other rules, once rows that two requests claim are set aside.
pub(super) struct Rest<'c> {
    pub(super) operations: Cow<'c, [Operation]>,
    pub(super) evidence: Cow<'c, Evidence>,
    pub(super) violations: Vec<Violation>,
}

/// Sets aside, and judges, rows that more than one request claims.
pub(super) fn set_aside(case: Case<'_>) -> Rest<'_> {
    let mut verdict = Verdict { case, violations: Vec::new(), checked: super::Checked::default() };
    let contested = contested(case);
    for (row, (entity, tokens)) in &contested {
        if !may_be(case, *entity) {
            verdict.broken("doubled", format!("{entity:?} {row} is claimed by more than one request: {tokens:?}"));
        }
        for operation in case.operations {
            if let (What::Create { state, .. }, Outcome::Done(_)) = (&operation.what, &operation.outcome)
                && tokens.contains(token(state))
                && !is_kept(case.evidence, token(state))
            {
                verdict
                    .broken("lost", format!("operation {} made {row}, and is neither in the table nor in a dead letter", operation.number));
            }
        }
    }
    let violations = verdict.violations;
    if contested.is_empty() {
        return Rest { operations: Cow::Borrowed(case.operations), evidence: Cow::Borrowed(case.evidence), violations };
    }
    let gone = |row: Uuid| contested.contains_key(&row);
    let claims = |state: &State| contested.values().any(|(_, tokens)| tokens.contains(token(state)));
    let mut operations = case.operations.to_vec();
    operations.retain(|operation| match &operation.what {
        What::Create { state, .. } => !claims(state),
        What::Change { row, .. } | What::Show { row, .. } | What::Trespass { row, .. } => !gone(*row),
        What::List { .. } => true,
    });
    for operation in &mut operations {
        if let Outcome::Listed { rows, .. } = &mut operation.outcome {
            rows.retain(|seen| !gone(seen.row));
        }
    }
    let mut evidence = case.evidence.clone();
    evidence.rows.retain(|saved| !gone(saved.seen.row));
    evidence.letters.retain(|letter| !gone(letter.row));
    evidence.commits.retain(|commit| !gone(commit.row));
    evidence.shown.retain(|shown| !gone(shown.row));
    evidence.activity.retain(|activity| !gone(activity.row));
    evidence.unsaved.retain(|row| !gone(*row));
    evidence.unexpiring.retain(|row| !gone(*row));
    Rest { operations: Cow::Owned(operations), evidence: Cow::Owned(evidence), violations }
}

fn contested(case: Case<'_>) -> BTreeMap<Uuid, (Entity, BTreeSet<String>)> {
    let mut claims: BTreeMap<Uuid, (Entity, BTreeSet<String>)> = BTreeMap::new();
    let mut claim = |entity: Entity, row: Uuid, state: &State| {
        if !token(state).is_empty() {
            claims.entry(row).or_insert_with(|| (entity, BTreeSet::new())).1.insert(token(state).to_owned());
        }
    };
    for operation in case.operations {
        if let (What::Create { entity, state, .. }, Outcome::Done(seen)) = (&operation.what, &operation.outcome) {
            claim(*entity, seen.row, state);
        }
    }
    case.evidence.commits.iter().for_each(|commit| claim(commit.entity, commit.row, &commit.state));
    for letter in &case.evidence.letters {
        letter.state.iter().for_each(|state| claim(letter.entity, letter.row, state));
    }
    claims.retain(|_, (_, tokens)| tokens.len() > 1);
    claims
}

fn may_be(case: Case<'_>, entity: Entity) -> bool {
    let there = |fits: fn(Effect) -> bool| case.windows.iter().any(|window| fits(window.effect));
    entity == Entity::Submission
        && there(|effect| matches!(effect, Effect::Postgres { .. }))
        && there(|effect| matches!(effect, Effect::Evicted | Effect::Full))
}

fn is_kept(evidence: &Evidence, wanted: &str) -> bool {
    let letters = evidence.letters.iter().filter_map(|letter| letter.state.as_ref());
    evidence.rows.iter().map(|saved| &saved.seen.state).chain(letters).any(|state| token(state) == wanted)
}
