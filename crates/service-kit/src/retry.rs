//! Beginning a buffered write anew when somebody got in between: a write that is refused for that has changed nothing.

use std::time::Duration;

use store::StoreError;
use write_behind::WriteError;

use crate::Problem;

/// What a write is begun anew for, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    tries: usize,
    counts_conflicts: bool,
}

impl Retries {
    /// For a write that is based on the version which the client named: its row left Redis between being read and being written, or something was settled since it
    /// was seen to be free. In a busy partition that is not rare. A row that has moved on is for the client to know.
    pub const UNLESS_CHANGED: Self = Self { tries: 8, counts_conflicts: false };

    /// For a write that holds whatever the row has become: also when the row has moved on, or two met at what there may be only one of. A class that begins at the
    /// same second makes the batch processor settle many times in a moment, and each time what was seen must be seen anew.
    pub const EVEN_IF_CHANGED: Self = Self { tries: 16, counts_conflicts: true };

    /// The same, but so often in all.
    #[must_use]
    pub const fn times(self, tries: usize) -> Self {
        Self { tries, ..self }
    }

    /// How often in all.
    #[must_use]
    pub const fn tries(self) -> usize {
        self.tries
    }

    /// Nothing, if an attempt that was refused is worth another one; else what to answer. Counts `tries` up.
    pub fn again(self, refusal: Refusal, tries: &mut usize) -> Result<(), Problem> {
        *tries += 1;
        match refusal {
            Refusal::Write(error) if *tries < self.tries && self.is_worth(&error) => Ok(()),
            // Nobody named a version that could have been wrong.
            Refusal::Write(WriteError::Conflict(_) | WriteError::Exists) if self.counts_conflicts => {
                Err(Problem::unavailable(Duration::from_secs(1), "The row, which is being changed by others,"))
            }
            Refusal::Write(error) => Err(error.into()),
            Refusal::Problem(problem) => Err(problem),
        }
    }

    const fn is_worth(self, error: &WriteError) -> bool {
        match error {
            WriteError::Evicted | WriteError::Exists => true,
            // A violation: without the buffer, two that make the same row may meet at its natural key before they meet at its id.
            WriteError::Conflict(_) | WriteError::Store(StoreError::UniqueViolation { .. }) => self.counts_conflicts,
            _ => false,
        }
    }
}

/// Runs `attempt` until nobody got in between, as often as `retries` says. What it reads, it must read anew each time.
pub async fn retried<T>(retries: Retries, mut attempt: impl AsyncFnMut() -> Result<T, Refusal>) -> Result<T, Problem> {
    let mut tries = 0;
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(refusal) => retries.again(refusal, &mut tries)?,
        }
    }
}

/// Why an attempt to write did not succeed.
#[derive(Debug)]
pub enum Refusal {
    /// The buffer did not take it.
    Write(WriteError),
    /// It never came to that.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

#[cfg(test)]
mod tests {
    use domain::Version;

    use super::*;
    use crate::Kind;

    /// How often an attempt is made that is refused so each time, and with what kind of problem it ends.
    async fn ends(retries: Retries, refuse: impl Fn() -> Refusal) -> (usize, Kind) {
        let mut tries = 0;
        let ended = retried(retries, async || {
            tries += 1;
            Err::<(), _>(refuse())
        });
        let kind = ended.await.unwrap_err().kind();
        (tries, kind)
    }

    fn violation() -> StoreError {
        StoreError::UniqueViolation { constraint: "one_attempt".to_owned(), source: std::sync::Arc::new(sqlx::Error::RowNotFound) }
    }

    #[tokio::test]
    async fn a_row_that_left_redis_is_written_anew_and_one_that_has_moved_on_only_where_nobody_named_its_version() {
        let (named, any) = (Retries::UNLESS_CHANGED, Retries::EVEN_IF_CHANGED);
        assert_eq!(ends(named, || Refusal::Write(WriteError::Evicted)).await, (8, Kind::Unavailable));
        assert_eq!(ends(named, || Refusal::Write(WriteError::Exists)).await, (8, Kind::AlreadyExists));
        assert_eq!(ends(named, || Refusal::Write(WriteError::Conflict(Version::FIRST))).await, (1, Kind::PreconditionFailed));
        assert_eq!(ends(named, || Refusal::Write(WriteError::Store(violation()))).await, (1, Kind::AlreadyExists));
        assert_eq!(ends(any, || Refusal::Write(WriteError::Evicted)).await, (16, Kind::Unavailable));
        assert_eq!(ends(any, || Refusal::Write(WriteError::Exists)).await, (16, Kind::Unavailable));
        assert_eq!(ends(any.times(200), || Refusal::Write(WriteError::Conflict(Version::FIRST))).await, (200, Kind::Unavailable));
        assert_eq!(ends(any, || Refusal::Write(WriteError::Store(violation()))).await, (16, Kind::AlreadyExists));
    }

    #[tokio::test]
    async fn what_no_other_try_can_mend_is_answered_at_once_and_what_succeeds_is_done_once() {
        for retries in [Retries::UNLESS_CHANGED, Retries::EVEN_IF_CHANGED] {
            assert_eq!(ends(retries, || Problem::not_found("homework").into()).await, (1, Kind::NotFound));
            assert_eq!(ends(retries, || Refusal::Write(WriteError::KeyReused)).await, (1, Kind::IdempotencyKeyReused));
            assert_eq!(ends(retries, || Refusal::Write(WriteError::Outdated)).await, (1, Kind::Unavailable));
            let mut tries = 0;
            let done = retried(retries, async || {
                tries += 1;
                if tries < 3 { Err(Refusal::Write(WriteError::Evicted)) } else { Ok(tries) }
            });
            assert_eq!(done.await.unwrap(), 3);
        }
    }
}
