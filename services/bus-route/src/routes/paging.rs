//! Pages of what commits in PostgreSQL.

use ::records::Filter;
use serde::Serialize;
use service_kit::{Cursor, Page, Problem};
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{self, Record};

/// How a list is sorted: by an expression over the row `t`, written out as text, and by id.
pub(super) struct Sort<R> {
    pub(super) by: &'static str,
    /// The same of a row at hand.
    pub(super) key: fn(&R) -> String,
}

/// A cursor is for one caller's view of one list: another role sees other rows.
pub(super) fn identity<P>(desk: &Desk<P>, filter: &impl Serialize) -> impl Serialize {
    let caller = desk.caller();
    (caller.school_id, caller.user_id, caller.role, serde_json::to_value(filter).unwrap_or_default())
}

/// The page of `list` that `filter` asks for; `condition` finds the filter's fields in `$5`.
pub(super) async fn page<R: Record, P>(
    desk: &Desk<P>,
    list: &str,
    filter: &impl Filter,
    sort: Sort<R>,
    condition: &str,
) -> Result<Page<R>, Problem> {
    let (key, identity) = (desk.platform().cursor_key(), identity(desk, filter));
    let after = filter.cursor().map(|cursor| Cursor::<(String, Uuid)>::open(key, list, &identity, cursor)).transpose()?;
    let mut transaction = desk.read().await?;
    let filters = serde_json::to_value(filter)?;
    let rows: Vec<R> = store::page(&mut transaction, sort.by, condition, &filters, after, filter.limit().plus_one()).await?;
    Ok(Page::of(rows, filter.limit(), |last| Cursor::seal(key, list, &identity, &((sort.key)(last), last.id()))))
}
