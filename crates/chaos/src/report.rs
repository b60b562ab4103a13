//! What is printed: a line a round, and the sum at the end.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

use crate::checker::Checked;
use crate::history::{Operation, Outcome, What};
use crate::round::Played;

/// Operations by how they ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    acknowledged: usize,
    refused: usize,
    unknown: usize,
    reads: usize,
}

impl Counts {
    fn of(operations: &[Operation]) -> Self {
        let mut counts = Self::default();
        for operation in operations {
            let count = match (&operation.what, &operation.outcome) {
                (What::Show { .. } | What::List { .. } | What::Trespass { .. }, _) => &mut counts.reads,
                (_, Outcome::Refused { .. } | Outcome::Absent) => &mut counts.refused,
                (_, Outcome::Unknown) => &mut counts.unknown,
                (_, Outcome::Done(_) | Outcome::Listed { .. }) => &mut counts.acknowledged,
            };
            *count += 1;
        }
        counts
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, refused, unknown, reads } = self;
        write!(f, "{acknowledged} acknowledged, {refused} refused, {unknown} unknown, {reads} reads")
    }
}

/// A round's line.
pub(crate) fn line(number: u64, played: &Played) -> String {
    let verdict = if played.violations.is_empty() { "ok".to_owned() } else { format!("FAILED ({})", played.violations.len()) };
    format!(
        "{number:>4}  seed {:<14} {}; {} rows, {} dead letters; saved after {:.1} s: {verdict}  [{}]",
        played.plan.seed,
        Counts::of(&played.operations),
        played.evidence.rows.len(),
        played.evidence.letters.len(),
        played.recovery.as_secs_f64(),
        played.plan,
    )
}

/// A run's sum.
#[derive(Default)]
pub(crate) struct Summary {
    rounds: usize,
    failed: Vec<u64>,
    operations: Vec<usize>,
    counts: Counts,
    rows: usize,
    letters: usize,
    recoveries: Vec<Duration>,
    faults: BTreeMap<&'static str, usize>,
    checked: Checked,
}

impl Summary {
    pub(crate) fn add(&mut self, played: &Played) {
        self.rounds += 1;
        if !played.violations.is_empty() {
            self.failed.push(played.plan.seed);
        }
        self.operations.push(played.operations.len());
        let counts = Counts::of(&played.operations);
        self.counts.acknowledged += counts.acknowledged;
        self.counts.refused += counts.refused;
        self.counts.unknown += counts.unknown;
        self.counts.reads += counts.reads;
        self.rows += played.evidence.rows.len();
        self.letters += played.evidence.letters.len();
        self.recoveries.push(played.recovery);
        for window in &played.windows {
            *self.faults.entry(window.name).or_default() += 1;
        }
        self.checked += played.checked;
    }

    pub(crate) const fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }

    pub(crate) fn failed(&self) -> &[u64] {
        &self.failed
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.operations.iter().min().unwrap_or(&0), self.operations.iter().max().unwrap_or(&0));
        let slowest = self.recoveries.iter().max().copied().unwrap_or_default();
        let quickest = self.recoveries.iter().min().copied().unwrap_or_default();
        let total: usize = self.operations.iter().sum();
        writeln!(f, "{} rounds, {} failed", self.rounds, self.failed.len())?;
        writeln!(f, "  operations  {total} ({least} to {most} a round): {}", self.counts)?;
        writeln!(f, "  stored      {} rows, {} dead letters", self.rows, self.letters)?;
        writeln!(f, "  saved after {:.1} to {:.1} s", quickest.as_secs_f64(), slowest.as_secs_f64())?;
        let Checked { writes, strict_reads, relaxed_reads, ordered, outage, busy, events, decided } = self.checked;
        writeln!(
            f,
            "  checked     {writes} versions found again, {ordered} in order, {strict_reads} reads strictly ({relaxed_reads} excused while Redis was away), \
             {outage} requests that PostgreSQL's absence must not hurt, {busy} refusals for want of room, {events} events, {decided} decisions about dead letters"
        )?;
        let faults: Vec<String> = self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(f, "  faults      {}", if faults.is_empty() { "none".to_owned() } else { faults.join(", ") })
    }
}
