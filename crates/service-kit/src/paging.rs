//! Which page of which list, for whom. A cursor holds the place of the last row shown; it opens for nobody else, and under no other filter.

use std::borrow::Cow;

use domain::{Role, SchoolId, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cursor::{Cursor, CursorKey};
use crate::extract::Caller;
use crate::page::{Limit, Page};
use crate::platform::Platform;
use crate::problem::Problem;

/// A list's query parameters. What it serializes to is all that decides what the list holds: everything but the limit and the cursor.
pub trait Filter: Serialize {
    /// How many to a page.
    fn limit(&self) -> Limit;
    /// Where the page starts.
    fn cursor(&self) -> Option<&str>;
}

/// Implements [`Filter`](crate::Filter) by the fields `limit` and `cursor`.
#[macro_export]
macro_rules! filters {
    ($($filter:ident),+) => {$(
        impl $crate::Filter for $filter {
            fn limit(&self) -> $crate::Limit {
                self.limit
            }
            fn cursor(&self) -> Option<&str> {
                self.cursor.as_deref()
            }
        }
    )+};
}

/// One page of a list: where it starts, how many rows to read for it, and the page that they make. `A` is what was asked.
pub struct Paging<'a, A> {
    key: &'a CursorKey,
    list: Cow<'a, str>,
    // Another role sees other rows.
    identity: (SchoolId, UserId, Role, A),
    limit: Limit,
    cursor: Option<&'a str>,
}

impl<'a, F: Filter> Paging<'a, &'a F> {
    /// The page of `list` that `filter` asks for.
    pub fn of(platform: &'a Platform, caller: &Caller, list: impl Into<Cow<'a, str>>, filter: &'a F) -> Self {
        Self::asking(platform, caller, list, filter, filter.limit(), filter.cursor())
    }
}

impl<'a, A: Serialize> Paging<'a, A> {
    /// The page of `list` that starts behind `cursor`, for a list that `asked` decides: more than what stands in the query, such as the days that are meant
    /// if it says none.
    pub fn asking(
        platform: &'a Platform,
        caller: &Caller,
        list: impl Into<Cow<'a, str>>,
        asked: A,
        limit: Limit,
        cursor: Option<&'a str>,
    ) -> Self {
        let identity = (caller.school_id, caller.user_id, caller.role, asked);
        Self { key: platform.cursor_key(), list: list.into(), identity, limit, cursor }
    }

    /// After which row the page starts; 400 `invalid-cursor` for a cursor that is not of this list.
    pub fn after<K: Serialize + DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        self.cursor.map(|cursor| Cursor::open(self.key, &self.list, &self.identity, cursor)).transpose()
    }

    /// How many rows to read: one more than are shown, which tells whether there is a next page.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit.plus_one()
    }

    /// The page of `rows`; `place` tells where a row stands.
    pub fn page<R, K: Serialize + DeserializeOwned>(&self, rows: Vec<R>, place: impl FnOnce(&R) -> K) -> Page<R> {
        Page::of(rows, self.limit, |last| Cursor::seal(self.key, &self.list, &self.identity, &place(last)))
    }
}
