//! Pages of lists that SQL of our own reads: a cursor holds the place of the last row shown.

use records::Filter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::{Cursor, MayHold, Page, Problem};

use crate::desk::Desk;

/// Which page of which list, for whom: a cursor opens for nobody else, and under no other filter.
pub(super) struct Paging<'a, F, P> {
    desk: &'a Desk<P>,
    list: String,
    filter: &'a F,
}

impl<'a, F: Filter, P: MayHold> Paging<'a, F, P> {
    pub(super) fn of(desk: &'a Desk<P>, list: impl Into<String>, filter: &'a F) -> Self {
        Self { desk, list: list.into(), filter }
    }

    /// After which row the page starts.
    pub(super) fn after<K: Serialize + DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let open = |cursor| Cursor::open(self.desk.platform().cursor_key(), &self.list, &self.identity(), cursor);
        self.filter.cursor().map(open).transpose()
    }

    /// How many rows to read.
    pub(super) fn limit(&self) -> u64 {
        self.filter.limit().plus_one()
    }

    /// The page of `rows`; `place` tells where a row stands.
    pub(super) fn page<R, K: Serialize + DeserializeOwned>(&self, rows: Vec<R>, place: impl FnOnce(&R) -> K) -> Page<R> {
        let key = self.desk.platform().cursor_key();
        Page::of(rows, self.filter.limit(), |last| Cursor::seal(key, &self.list, &self.identity(), &place(last)))
    }

    fn identity(&self) -> impl Serialize + '_ {
        let caller = self.desk.caller();
        (caller.school_id, caller.user_id, caller.role, self.filter)
    }
}
