//! A page of a list, sorted by one column and, where that is equal, by id. A page starts after the last row of the one before, so that rows that come and
//! go meanwhile are neither shown twice nor skipped.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::{Caller, Cursor, Limit, Page, Platform, Problem};
use uuid::Uuid;

use crate::desk::{Desk, Keeper};

/// A list's query parameters. What it serializes to is all that decides what the list holds: everything but the limit and the cursor.
pub trait Filter: Serialize {
    /// How many to a page.
    fn limit(&self) -> Limit;
    /// Where the page starts.
    fn cursor(&self) -> Option<&str>;
}

/// Implements [`Filter`] by the fields `limit` and `cursor`.
#[macro_export]
macro_rules! filters {
    ($($filter:ident),+) => {$(
        impl $crate::Filter for $filter {
            fn limit(&self) -> ::service_kit::Limit {
                self.limit
            }
            fn cursor(&self) -> Option<&str> {
                self.cursor.as_deref()
            }
        }
    )+};
}

/// Where a page starts and how long it is; `K` is what the list is sorted by.
pub struct Listing<'a, F, K> {
    platform: &'a Platform,
    caller: Caller,
    name: String,
    filter: &'a F,
    after: Option<(K, Uuid)>,
}

impl<'a, F: Filter, K: Serialize + DeserializeOwned + Clone + Into<Value>> Listing<'a, F, K> {
    /// The page of the list `name` that `filter` asks for.
    pub fn open<S: Keeper, P>(desk: &'a Desk<S, P>, name: &str, filter: &'a F) -> Result<Self, Problem> {
        let mut listing = Self { platform: desk.platform(), caller: *desk.caller(), name: name.to_owned(), filter, after: None };
        if let Some(cursor) = filter.cursor() {
            let opened = Cursor::open(desk.platform().cursor_key(), name, &listing.identity(), cursor)?;
            listing.after = Some(opened);
        }
        Ok(listing)
    }

    /// Narrows `select` down to the page, and one row more that tells whether there is a next one.
    pub fn slice<Q: QueryFilter + QueryOrder + QuerySelect>(&self, select: Q, sort: impl ColumnTrait, id: impl ColumnTrait) -> Q {
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
    pub fn page<R>(&self, rows: Vec<R>, place: impl FnOnce(&R) -> (K, Uuid)) -> Page<R> {
        let key = self.platform.cursor_key();
        Page::of(rows, self.filter.limit(), |last| Cursor::seal(key, &self.name, &self.identity(), &place(last)))
    }

    /// A cursor is for one caller's view of one list: another role sees other rows.
    fn identity(&self) -> impl Serialize + '_ {
        let caller = &self.caller;
        (caller.school_id, caller.user_id, caller.role, self.filter)
    }
}
