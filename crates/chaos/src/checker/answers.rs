//! What clients were answered: a refusal has a cause and says when to come back, nothing fails in a way that nobody foresaw, and without PostgreSQL buffered writes and cached reads
//! go on.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::rows::{Chains, text};
use super::{POISON, Verdict};
use crate::faults::Effect;
use crate::history::{Answered, Micros, Operation, Outcome, Try, What};

/// What `Retry-After` says when there is no room; elsewhere it says 1.
const NO_ROOM: u32 = 2;

pub(super) fn check(verdict: &mut Verdict<'_>, chains: &Chains) {
    let facts = Facts::new(verdict);
    for operation in verdict.case.operations {
        for one in &operation.tries {
            answer(verdict, operation, one);
            unhurt(verdict, chains, &facts, operation, one);
        }
        false_conflict(verdict, chains, operation);
    }
}

fn answer(verdict: &mut Verdict<'_>, operation: &Operation, one: &Try) {
    let (case, number, process) = (verdict.case, operation.number, one.process);
    let mine = |of: Option<usize>| of.is_none_or(|of| of == process);
    let excused = case.during(one, |effect| match effect {
        Effect::Redis(of) | Effect::Postgres { process: of, .. } => mine(of),
        Effect::Service(of) => of == process,
        Effect::Full | Effect::Evicted | Effect::Nothing => false,
    });
    let full = case.during(one, |effect| effect == Effect::Full);
    match &one.answered {
        Answered::Nothing { why } if !excused => {
            verdict.broken("unanswered", format!("operation {number} got no answer from service-{process}, and nothing was wrong: {why}"));
        }
        Answered::Status { status: 503, retry_after: None, detail } => {
            verdict.broken("retry-after", format!("operation {number} was sent away without Retry-After: {detail}"));
        }
        Answered::Status { status: 503, retry_after: Some(NO_ROOM), detail } => {
            verdict.checked.busy += 1;
            if !full && written(verdict, operation.school, one.to) < case.backlog {
                verdict.broken("room", format!("operation {number} was sent away for want of room, and there was room: {detail}"));
            }
        }
        Answered::Status { status: 503, detail, .. } if !excused && !full => {
            verdict.broken("refused", format!("operation {number} was sent away by service-{process}, and nothing was wrong: {detail}"));
        }
        Answered::Status { status: 404, detail, .. } if matches!(operation.what, What::Create { .. } | What::Change { .. }) => {
            if !case.redis_away(one) {
                verdict.broken("answers", format!("operation {number} was told that its row or its parent is not there: {detail}"));
            }
        }
        // Poison that took the detour is refused at once.
        Answered::Status { status, detail, .. } if *status != 500 || !is_poison(operation) || !case.redis_away(one) => {
            if !matches!(status, 200 | 201 | 404 | 409 | 412 | 503) {
                verdict.broken("answers", format!("operation {number} was answered {status}: {detail}"));
            }
        }
        Answered::Nothing { .. } | Answered::Status { .. } => {}
    }
}

fn is_poison(operation: &Operation) -> bool {
    let What::Create { state, .. } = &operation.what else { return false };
    text(state.get("title")).starts_with(POISON) || text(state.get("token")).starts_with(POISON)
}

/// Writes of the school's partition that may have been waiting by `now`.
fn written(verdict: &Verdict<'_>, school: Uuid, now: Micros) -> usize {
    let partition = |school: Uuid| verdict.case.schools.iter().find(|(id, _)| *id == school).map(|(_, partition)| *partition);
    let counts = |operation: &&Operation| {
        let write = matches!(operation.what, What::Create { .. } | What::Change { .. });
        write
            && operation.invoked < now
            && partition(operation.school) == partition(school)
            && !matches!(operation.outcome, Outcome::Refused { .. })
    };
    verdict.case.operations.iter().filter(counts).count()
}

/// A change that was told of a newer version: there must be one.
fn false_conflict(verdict: &mut Verdict<'_>, chains: &Chains, operation: &Operation) {
    let (What::Change { row, base, .. }, Outcome::Refused { status: 412 }) = (&operation.what, &operation.outcome) else { return };
    let Some(chain) = chains.get(*row) else { return };
    let newest = chain.possible.keys().next_back().copied().unwrap_or(0);
    if newest <= *base && !operation.tries.iter().any(|one| verdict.case.redis_away(one)) {
        verdict.broken(
            "conflict",
            format!("operation {} was told that version {base} of {row} is not the present one, and it is", operation.number),
        );
    }
}

/// When who could do what.
struct Facts<'h> {
    /// From when on each client has done each kind of thing: the directory knows them since.
    done: BTreeMap<(&'h str, &'static str), Micros>,
    /// From when on a row is known, and so in Redis.
    known: BTreeMap<Uuid, Micros>,
    /// Since when a process has served.
    serves: BTreeSet<(usize, Micros)>,
    /// From when on Redis may lack something, or a process have forgotten it.
    shaken: Micros,
}

impl<'h> Facts<'h> {
    fn new(verdict: &Verdict<'h>) -> Self {
        let mut facts = Self { done: BTreeMap::new(), known: BTreeMap::new(), serves: BTreeSet::new(), shaken: Micros::MAX };
        for operation in verdict.case.operations {
            if let Outcome::Done(seen) = &operation.outcome {
                let at = facts.done.entry((&operation.client, kind(&operation.what))).or_insert(Micros::MAX);
                *at = operation.ended.min(*at);
                let at = facts.known.entry(seen.row).or_insert(Micros::MAX);
                *at = operation.ended.min(*at);
                facts.serves.extend(operation.tries.last().map(|one| (one.process, one.to)));
            }
        }
        let harmless = |effect| matches!(effect, Effect::Nothing | Effect::Postgres { refused: true, .. });
        let first = verdict.case.windows.iter().filter(|window| !harmless(window.effect)).map(|window| window.from).min();
        facts.shaken = first.unwrap_or(Micros::MAX);
        facts
    }
}

const fn kind(what: &What) -> &'static str {
    match what {
        What::Create { .. } => "create",
        What::Change { .. } => "change",
        What::Show { .. } => "show",
        What::List { .. } => "list",
        What::Trespass { .. } => "trespass",
    }
}

/// While PostgreSQL is down, and nothing else is or was, a read of a row that is in Redis and a buffered write succeed.
fn unhurt(verdict: &mut Verdict<'_>, chains: &Chains, facts: &Facts<'_>, operation: &Operation, one: &Try) {
    let down = verdict.case.windows.iter().any(|window| {
        matches!(window.effect, Effect::Postgres { process, refused: true } if process.is_none_or(|process| process == one.process))
            && window.from <= one.from
            && one.to <= window.healed
    });
    let before = |at: Option<&Micros>| at.is_some_and(|at| *at < one.from);
    let familiar = before(facts.done.get(&(operation.client.as_str(), kind(&operation.what))))
        && facts.serves.iter().any(|(process, at)| *process == one.process && *at < one.from);
    let cached = match &operation.what {
        What::Create { state, .. } => {
            let parent: Option<Uuid> = text(state.get("homework_id")).parse().ok();
            parent.is_none_or(|parent| before(facts.known.get(&parent)))
        }
        What::Change { row, .. } | What::Show { row, .. } => {
            let parent = chains.get(*row).and_then(super::rows::Chain::parent);
            before(facts.known.get(row)) && parent.is_none_or(|parent| before(facts.known.get(&parent)))
        }
        What::List { .. } | What::Trespass { .. } => false,
    };
    if !down || !familiar || !cached || facts.shaken <= one.to {
        return;
    }
    verdict.checked.outage += 1;
    match &one.answered {
        Answered::Status { status: 503, retry_after: Some(NO_ROOM), .. } => {}
        Answered::Status { status: 503, detail, .. } => {
            verdict.broken(
                "outage",
                format!("operation {} was sent away because PostgreSQL was down, which it need not be: {detail}", operation.number),
            );
        }
        Answered::Nothing { why } => {
            verdict.broken("outage", format!("operation {} got no answer because PostgreSQL was down: {why}", operation.number));
        }
        Answered::Status { .. } => {}
    }
}
