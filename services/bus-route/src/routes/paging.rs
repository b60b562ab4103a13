//! Pages of what commits in PostgreSQL.

use service_kit::{Filter, Page, Problem};
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{self, Record};

/// How a list is sorted: by an expression over the row `t`, written out as text, and by id.
pub(super) struct Sort<R> {
    pub(super) by: &'static str,
    /// The same of a row at hand.
    pub(super) key: fn(&R) -> String,
}

/// The page of `list` that `filter` asks for; `condition` finds the filter's fields in `$5`.
pub(super) async fn page<R: Record, P>(
    desk: &Desk<P>,
    list: &str,
    filter: &impl Filter,
    sort: Sort<R>,
    condition: &str,
) -> Result<Page<R>, Problem> {
    let paging = desk.paging(list, filter);
    let after: Option<(String, Uuid)> = paging.after()?;
    let mut transaction = desk.read().await?;
    let filters = serde_json::to_value(filter)?;
    let rows: Vec<R> = store::page(&mut transaction, sort.by, condition, &filters, after, paging.limit()).await?;
    Ok(paging.page(rows, |last| ((sort.key)(last), last.id())))
}
