//! What may be in a row at each of its versions, and what is.
//!
//! Every write carries a mark that no other write has, and every change names the version that it is based on. So each version of a row has one acknowledged
//! author, or else one of those whose outcome is unknown; what the row says tells which.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::{POISON, Verdict};
use crate::evidence::Act;
use crate::history::{Entity, Operation, Outcome, Seen, State, What, token};

/// The versions of a row.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) entity: Entity,
    pub(super) school: Uuid,
    /// What may stand in each version.
    pub(super) possible: BTreeMap<u32, Vec<State>>,
    /// The newest version that a write made and that was acknowledged.
    pub(super) acknowledged: u32,
    /// The newest version that any answer showed.
    pub(super) told: u32,
}

impl Chain {
    /// Whether `seen` may be what it says.
    pub(super) fn allows(&self, seen: &Seen) -> bool {
        self.possible.get(&seen.version).is_some_and(|states| states.iter().any(|state| agree(state, &seen.state)))
    }

    /// Whether PostgreSQL must refuse this version, whichever it is.
    fn is_poison(&self, version: u32) -> bool {
        self.possible.get(&version).is_some_and(|states| !states.is_empty() && states.iter().all(is_poison))
    }

    /// Whether it may have to refuse some version.
    fn may_be_poison(&self) -> bool {
        self.possible.values().flatten().any(is_poison)
    }

    pub(super) fn parent(&self) -> Option<Uuid> {
        self.possible.get(&1)?.first()?.get("homework_id")?.as_str()?.parse().ok()
    }
}

fn is_poison(state: &State) -> bool {
    [state.get("title"), state.get("token")].into_iter().flatten().any(|text| text.as_str().is_some_and(|text| text.starts_with(POISON)))
}

/// Whether two views agree in what both of them show.
fn agree(one: &State, other: &State) -> bool {
    other.iter().all(|(name, value)| one.get(name).is_none_or(|mine| mine == value))
}

fn with(state: &State, sets: &State) -> State {
    let mut state = state.clone();
    state.extend(sets.iter().map(|(name, value)| (name.clone(), value.clone())));
    state
}

/// All rows that any client may have made.
pub(super) struct Chains {
    rows: BTreeMap<Uuid, Chain>,
    /// Tokens of requests that were refused and must not have done anything.
    refused: BTreeSet<String>,
}

/// Every row that an answer showed.
pub(super) fn shown(operation: &Operation) -> impl Iterator<Item = (Entity, &Seen)> {
    let entity = match operation.what {
        What::Create { entity, .. } | What::Change { entity, .. } | What::Show { entity, .. } | What::List { entity, .. } => Some(entity),
        What::Trespass { .. } => None,
    };
    let one = if let Outcome::Done(seen) = &operation.outcome { Some(seen) } else { None };
    let many = if let Outcome::Listed { rows, .. } = &operation.outcome { rows.as_slice() } else { &[] };
    one.into_iter().chain(many).filter_map(move |seen| Some((entity?, seen)))
}

impl Chains {
    pub(super) fn get(&self, row: Uuid) -> Option<&Chain> {
        self.rows.get(&row)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Uuid, &Chain)> {
        self.rows.iter().map(|(row, chain)| (*row, chain))
    }

    /// Puts together who wrote which version.
    pub(super) fn build(verdict: &mut Verdict<'_>) -> Self {
        let case = verdict.case;
        let ids = ids(verdict);
        let mut chains = Self { rows: BTreeMap::new(), refused: BTreeSet::new() };
        let mut acknowledged: BTreeSet<&str> = BTreeSet::new();
        let mut refused: BTreeSet<&str> = BTreeSet::new();
        for operation in case.operations {
            let What::Create { entity, state, .. } = &operation.what else { continue };
            match operation.outcome {
                Outcome::Refused { .. } => refused.insert(token(state)),
                _ => acknowledged.insert(token(state)),
            };
            let Some(row) = ids.get(token(state)) else { continue };
            let fresh = || Chain { entity: *entity, school: operation.school, possible: BTreeMap::new(), acknowledged: 0, told: 0 };
            let chain = chains.rows.entry(*row).or_insert_with(fresh);
            let first = chain.possible.entry(1).or_default();
            if !first.contains(state) {
                first.push(state.clone());
            }
            if matches!(operation.outcome, Outcome::Done(_)) {
                chain.acknowledged = chain.acknowledged.max(1);
            }
        }
        chains.refused = refused.difference(&acknowledged).map(|token| (*token).to_owned()).collect();
        let mut changes: BTreeMap<(Uuid, u32), Vec<&Operation>> = BTreeMap::new();
        for operation in case.operations {
            if let What::Change { row, base, .. } = operation.what
                && !matches!(operation.outcome, Outcome::Refused { .. } | Outcome::Absent)
            {
                changes.entry((row, base)).or_default().push(operation);
            }
        }
        // In the order of versions, so that each finds what it is based on.
        for ((row, base), operations) in changes {
            let Some(chain) = chains.rows.get_mut(&row) else {
                verdict.broken("rows", format!("row {row} was changed, and nobody has made it"));
                continue;
            };
            chain.extend(verdict, row, base, &operations);
        }
        for operation in case.operations {
            for (_, seen) in shown(operation) {
                if let Some(chain) = chains.rows.get_mut(&seen.row) {
                    chain.told = chain.told.max(seen.version);
                }
            }
        }
        chains
    }
}

impl Chain {
    /// Adds what the changes of version `base` may have made.
    fn extend(&mut self, verdict: &mut Verdict<'_>, row: Uuid, base: u32, operations: &[&Operation]) {
        let before = self.possible.get(&base).cloned().unwrap_or_default();
        let after = |operation: &Operation| match &operation.what {
            What::Change { sets, .. } => before.iter().map(|state| with(state, sets)).collect::<Vec<State>>(),
            _ => Vec::new(),
        };
        let done: Vec<(&Operation, &Seen)> = operations
            .iter()
            .filter_map(|operation| if let Outcome::Done(seen) = &operation.outcome { Some((*operation, seen)) } else { None })
            .collect();
        if let [(one, _), (other, _), ..] = done.as_slice() {
            verdict.broken(
                "rows",
                format!("row {row}: version {} was acknowledged twice, to operations {} and {}", base + 1, one.number, other.number),
            );
        }
        let mut states: Vec<State> = Vec::new();
        for (operation, seen) in &done {
            self.acknowledged = self.acknowledged.max(base + 1);
            let fitting: Vec<State> = after(operation).into_iter().filter(|state| agree(state, &seen.state)).collect();
            if seen.version != base + 1 || fitting.is_empty() {
                let (number, version) = (operation.number, seen.version);
                verdict.broken(
                    "rows",
                    format!("row {row}: operation {number} changed version {base} and was shown version {version}: {seen:?}"),
                );
            }
            states.extend(if fitting.is_empty() { vec![seen.state.clone()] } else { fitting });
        }
        if done.is_empty() {
            states = operations.iter().flat_map(|operation| after(operation)).collect();
        }
        states.dedup();
        self.possible.insert(base + 1, states);
    }
}

/// The id of each token's row, from whoever knows it. Two ids for one token: a request was carried out twice.
fn ids(verdict: &mut Verdict<'_>) -> BTreeMap<String, Uuid> {
    let case = verdict.case;
    let mut ids: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
    let mut know = |state: &State, row: Uuid| {
        if !token(state).is_empty() {
            ids.entry(token(state).to_owned()).or_default().insert(row);
        }
    };
    for operation in case.operations {
        if let (What::Create { state, .. }, Outcome::Done(seen)) = (&operation.what, &operation.outcome) {
            know(state, seen.row);
        }
        shown(operation).for_each(|(_, seen)| know(&seen.state, seen.row));
    }
    case.evidence.rows.iter().for_each(|row| know(&row.seen.state, row.seen.row));
    case.evidence.commits.iter().for_each(|commit| know(&commit.state, commit.row));
    for letter in &case.evidence.letters {
        letter.state.iter().for_each(|state| know(state, letter.row));
    }
    let mut one = BTreeMap::new();
    for (token, rows) in ids {
        if rows.len() > 1 {
            verdict.broken("doubled", format!("the request {token} has made more than one row: {rows:?}"));
        }
        one.extend(rows.first().map(|row| (token, *row)));
    }
    one
}

/// What the tables and the dead letters hold, against what was acknowledged.
pub(super) fn check(verdict: &mut Verdict<'_>, chains: &Chains) {
    let evidence = verdict.case.evidence;
    let mut tokens: BTreeMap<&str, usize> = BTreeMap::new();
    for saved in &evidence.rows {
        *tokens.entry(token(&saved.seen.state)).or_default() += 1;
        match chains.get(saved.seen.row) {
            None => verdict.broken("invented", format!("nobody has made {:?} {}: {:?}", saved.entity, saved.seen.row, saved.seen.state)),
            Some(chain) if chain.school != saved.school => verdict.broken("schools", format!("{} is in another school", saved.seen.row)),
            Some(chain) if !chain.allows(&saved.seen) => {
                verdict.broken(
                    "content",
                    format!("the table holds what nobody wrote as that version: {:?}, but {:?}", saved.seen, chain.possible),
                );
            }
            Some(_) => {}
        }
    }
    for (token, count) in tokens {
        if count > 1 {
            verdict.broken("doubled", format!("{count} rows in the table come from the request {token}"));
        }
        if chains.refused.contains(token) {
            verdict.broken("refused", format!("the request {token} was refused, and its row is there"));
        }
    }
    for commit in &evidence.commits {
        if commit.act == Act::Deleted {
            verdict.broken("deleted", format!("{:?} {} was deleted", commit.entity, commit.row));
        }
    }
    letters(verdict, chains);
    for (row, chain) in chains.iter() {
        found_again(verdict, chains, row, chain);
    }
}

fn found_again(verdict: &mut Verdict<'_>, chains: &Chains, row: Uuid, chain: &Chain) {
    let evidence = verdict.case.evidence;
    let saved = evidence.rows.iter().find(|saved| saved.seen.row == row).map_or(0, |saved| saved.seen.version);
    let buried = evidence.letters.iter().filter(|letter| letter.row == row).map(|letter| letter.version).max().unwrap_or(0);
    let (newest, entity) = (chain.acknowledged.max(chain.told), chain.entity);
    if saved.max(buried) < newest {
        let version = chain.acknowledged;
        verdict.broken(
            "lost",
            format!("{entity:?} {row}: version {version} was acknowledged and version {newest} seen; the table has {saved}, dead letters {buried}"),
        );
        return;
    }
    verdict.checked.writes += chain.acknowledged as usize;
    // A child can't be saved without its parent.
    let orphan = chain.parent().and_then(|parent| chains.get(parent)).is_some_and(Chain::may_be_poison);
    if saved < newest && !orphan && !(saved + 1..=newest).any(|version| chain.is_poison(version)) {
        verdict.broken("buried", format!("{entity:?} {row}: version {newest} is only in a dead letter, and nothing is wrong with it"));
    }
}

/// Dead letters are for rows that PostgreSQL must refuse.
fn letters(verdict: &mut Verdict<'_>, chains: &Chains) {
    for letter in &verdict.case.evidence.letters {
        let Some(chain) = chains.get(letter.row) else {
            // Of another round's school, if it has no school at all.
            if letter.state.as_ref().is_some_and(|state| !token(state).is_empty()) {
                verdict.broken("invented", format!("a dead letter of a row that nobody has made: {letter:?}"));
            }
            continue;
        };
        let Some(state) = &letter.state else {
            verdict.broken("unreadable", format!("what was acknowledged can't be read any more: {letter:?}"));
            continue;
        };
        let seen = Seen { row: letter.row, version: letter.version, state: state.clone() };
        if !chain.allows(&seen) {
            verdict.broken("content", format!("a dead letter holds what nobody wrote as that version: {letter:?}"));
        }
        let orphan = chain.parent().and_then(|parent| chains.get(parent)).is_some_and(Chain::may_be_poison);
        if !is_poison(state) && !orphan {
            verdict.broken("buried", format!("nothing is wrong with what is in a dead letter: {letter:?}"));
        }
    }
}

/// For messages.
pub(super) fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}
