//! The rows of the table, one file each. To add one: a file with `run`, a variant of [`Row`] and its line in [`Row::run`].

mod buses;
mod connections;
mod create;
mod drain;
mod exam;
mod idle;
mod mixed;
mod read;
mod registers;
mod statements;
mod storm;

use crate::bench::Bench;
use crate::figures::Finding;
use crate::sides::Side;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Row {
    /// Creating homework, acknowledged and fsynced, against the same route committing to PostgreSQL.
    Create,
    /// The same with Redis syncing once a second.
    Everysec,
    /// A cached read against its uncached read, and against a bare JSON echo.
    Read,
    /// Rows a second that the batch processor saves, against one insert after another.
    Drain,
    /// Statements in PostgreSQL for each thousand buffered writes.
    Statements,
    /// 1,234 mixed unsaved records.
    Mixed,
    /// 10,000 open connections.
    Connections,
    /// Memory, start-up and size of a process that has nothing to do.
    Idle,
    /// Other requests while a thousand people log in.
    Storm,
    /// Marking registers of 40, against the same route committing to PostgreSQL.
    Registers,
    /// 2,000 students begin an exam, save 20 answers each and hand in, against write-through mode.
    Exam,
    /// 500 buses, one position a second each, watched by 5,000.
    Buses,
}

/// What a row brought.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    pub(crate) sides: Vec<Side>,
    /// How it was measured, and what else there is to know.
    pub(crate) notes: Vec<String>,
}

impl Row {
    pub(crate) const ALL: [Self; 12] = [
        Self::Create,
        Self::Everysec,
        Self::Read,
        Self::Drain,
        Self::Statements,
        Self::Mixed,
        Self::Connections,
        Self::Idle,
        Self::Storm,
        Self::Registers,
        Self::Exam,
        Self::Buses,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Everysec => "everysec",
            Self::Read => "read",
            Self::Drain => "drain",
            Self::Statements => "statements",
            Self::Mixed => "mixed",
            Self::Connections => "connections",
            Self::Idle => "idle",
            Self::Storm => "storm",
            Self::Registers => "registers",
            Self::Exam => "exam",
            Self::Buses => "buses",
        }
    }

    pub(crate) async fn run(self, bench: &Bench) -> anyhow::Result<Outcome> {
        match self {
            Self::Create => create::run(bench, create::Fsync::Always).await,
            Self::Everysec => create::run(bench, create::Fsync::EverySecond).await,
            Self::Read => read::run(bench).await,
            Self::Drain => drain::run(bench).await,
            Self::Statements => statements::run(bench).await,
            Self::Mixed => mixed::run(bench).await,
            Self::Connections => connections::run(bench).await,
            Self::Idle => idle::run(bench).await,
            Self::Storm => storm::run(bench).await,
            Self::Registers => registers::run(bench).await,
            Self::Exam => exam::run(bench).await,
            Self::Buses => buses::run(bench).await,
        }
    }
}
