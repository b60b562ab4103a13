//! A page of a list, sorted by one column and, where that is equal, by id. A page starts after the last row of the one before, so that rows that come and
//! go meanwhile are neither shown twice nor skipped.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::{Cursor, Limit, Page, Problem};
use uuid::Uuid;

use crate::desk::Desk;

/// A list's query parameters. What it serializes to is all that decides what the list holds: everything but the limit and the cursor.
pub(crate) trait Filter: Serialize {
    fn limit(&self) -> Limit;
    fn cursor(&self) -> Option<&str>;
}

/// Implements [`Filter`] by the fields `limit` and `cursor`.
macro_rules! filters {
    ($($filter:ident),+) => {$(
        impl $crate::store::listing::Filter for $filter {
            fn limit(&self) -> service_kit::Limit {
                self.limit
            }
            fn cursor(&self) -> Option<&str> {
                self.cursor.as_deref()
            }
        }
    )+};
}
pub(crate) use filters;

/// Where a page starts and how long it is; `K` is what the list is sorted by.
pub(crate) struct Listing<'a, P, F, K> {
    desk: &'a Desk<P>,
    name: String,
    filter: &'a F,
    after: Option<(K, Uuid)>,
}

impl<'a, P, F: Filter, K: Serialize + DeserializeOwned + Clone + Into<Value>> Listing<'a, P, F, K> {
    /// The page of the list `name` that `filter` asks for.
    pub(crate) fn open(desk: &'a Desk<P>, name: &str, filter: &'a F) -> Result<Self, Problem> {
        let mut listing = Self { desk, name: name.to_owned(), filter, after: None };
        if let Some(cursor) = filter.cursor() {
            let opened = Cursor::open(desk.platform().cursor_key(), name, &listing.identity(), cursor)?;
            listing.after = Some(opened);
        }
        Ok(listing)
    }

    /// Narrows `select` down to the page, and one row more that tells whether there is a next one.
    pub(crate) fn slice<S: QueryFilter + QueryOrder + QuerySelect>(&self, select: S, sort: impl ColumnTrait, id: impl ColumnTrait) -> S {
        let select = match &self.after {
            None => select,
            Some((key, last)) => {
                let place = Expr::tuple([Expr::col(sort.as_column_ref()), Expr::col(id.as_column_ref())]);
                select.filter(place.gt(Expr::tuple([Expr::val(key.clone()), Expr::val(*last)])))
            }
        };
        select.order_by_asc(sort).order_by_asc(id).limit(self.filter.limit().plus_one())
    }

    /// The page of `rows`; `place` tells where a row stands.
    pub(crate) fn page<R>(&self, rows: Vec<R>, place: impl FnOnce(&R) -> (K, Uuid)) -> Page<R> {
        let key = self.desk.platform().cursor_key();
        Page::of(rows, self.filter.limit(), |last| Cursor::seal(key, &self.name, &self.identity(), &place(last)))
    }

    /// A cursor is for one caller's view of one list: another role sees other rows.
    fn identity(&self) -> impl Serialize + '_ {
        let caller = self.desk.caller();
        (caller.school_id, caller.user_id, caller.role, self.filter)
    }
}
