//! A page of a list, sorted by one column and, where that is equal, by id. A page starts after the last row of the one before, so that rows that come and
//! go meanwhile are neither shown twice nor skipped.

use std::borrow::Cow;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::{Filter, Page, Paging, Problem};
use uuid::Uuid;

use crate::desk::{Desk, Keeper};

/// Where a page starts and how long it is; `K` is what the list is sorted by.
pub struct Listing<'a, F, K> {
    paging: Paging<'a, &'a F>,
    after: Option<(K, Uuid)>,
}

impl<'a, F: Filter, K: Serialize + DeserializeOwned + Clone + Into<Value>> Listing<'a, F, K> {
    /// The page of the list `name` that `filter` asks for.
    pub fn open<S: Keeper, P>(desk: &'a Desk<S, P>, name: impl Into<Cow<'a, str>>, filter: &'a F) -> Result<Self, Problem> {
        let paging = desk.paging(name, filter);
        Ok(Self { after: paging.after()?, paging })
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
        select.order_by_asc(sort).order_by_asc(id).limit(self.paging.limit())
    }

    /// The page of `rows`; `place` tells where a row stands.
    pub fn page<R>(&self, rows: Vec<R>, place: impl FnOnce(&R) -> (K, Uuid)) -> Page<R> {
        self.paging.page(rows, place)
    }
}
