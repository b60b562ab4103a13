//! Pages of lists that SQL makes: sorted by one key and, where that is equal, by id.

use chrono::{Datelike, NaiveDate};
use records::Filter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::{Cursor, Page, Problem};
use uuid::Uuid;

use crate::desk::Desk;

/// A cursor is for one caller's view of one list: another role sees other rows.
fn identity<'f, F: Filter, P>(desk: &Desk<P>, filter: &'f F) -> impl Serialize + use<'f, F, P> {
    let caller = desk.caller();
    (caller.school_id, caller.user_id, caller.role, filter)
}

/// Where the page starts: behind this key and id.
pub(super) fn after<F: Filter, P, K: Serialize + DeserializeOwned>(
    desk: &Desk<P>,
    list: &str,
    filter: &F,
) -> Result<(Option<K>, Option<Uuid>), Problem> {
    match filter.cursor() {
        None => Ok((None, None)),
        Some(cursor) => {
            let (key, id) = Cursor::open(desk.platform().cursor_key(), list, &identity(desk, filter), cursor)?;
            Ok((Some(key), Some(id)))
        }
    }
}

/// The page of `rows`, of which there is one more than asked for if there is a next page.
pub(super) fn page<F: Filter, P, K: Serialize + DeserializeOwned, R>(
    desk: &Desk<P>,
    list: &str,
    filter: &F,
    rows: Vec<R>,
    place: impl FnOnce(&R) -> (K, Uuid),
) -> Page<R> {
    let key = desk.platform().cursor_key();
    Page::of(rows, filter.limit(), |last| Cursor::seal(key, list, &identity(desk, filter), &place(last)))
}

/// Refuses days that no book has, and that the database can't reckon with.
pub(super) fn days_of_ours(days: &[(&str, Option<NaiveDate>)]) -> Result<(), Problem> {
    let mut faults = domain::Faults::none();
    for (pointer, day) in days {
        faults.require(day.is_none_or(|day| (1900..=2200).contains(&day.year())), pointer, "must be of a year from 1900 to 2200");
    }
    faults.into_result().map_err(Problem::invalid)
}

/// How many rows to read.
pub(super) fn rows<F: Filter>(filter: &F) -> i64 {
    i64::try_from(filter.limit().plus_one()).unwrap_or(i64::MAX)
}
