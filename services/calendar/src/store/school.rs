//! What others' tables tell of the school: its zone and its terms. The calendar reads them and writes none.

use std::time::Duration;

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{SchoolId, TermId};
use serde::{Deserialize, Serialize};
use service_kit::Platform;
use sqlx::types::Json;
use store::StoreError;
use utoipa::ToSchema;

use super::{plain, reading};
use crate::model::zone;

/// How long a school's change of zone may stay unseen.
const TTL: Duration = Duration::from_mins(5);

/// A term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Term {
    /// Its id.
    id: TermId,
    /// What it is called.
    name: String,
    /// `semester`, `term` or `grading_period`.
    kind: String,
    /// The first day.
    starts_on: NaiveDate,
    /// The last day.
    ends_on: NaiveDate,
}

/// The zone whose days are the school's.
pub(crate) async fn zone_of(platform: &Platform, school: SchoolId) -> Result<Tz, StoreError> {
    let load = || async move {
        let mut transaction = reading(platform, school).await?;
        let query = sqlx::query_scalar("SELECT time_zone FROM schools WHERE id = $1").bind(school.as_uuid());
        let name: Option<String> = query.fetch_optional(transaction.connection()?).await?;
        Ok::<_, StoreError>(name)
    };
    let name = platform.cache().get_or_load(format!("calendar:zone:{school}"), TTL, load).await?;
    Ok(name.map_or(Tz::UTC, |name| zone::named(&name)))
}

/// The terms that touch the days from `from` to `to`.
pub(crate) async fn terms_between(platform: &Platform, school: SchoolId, from: NaiveDate, to: NaiveDate) -> Result<Vec<Term>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT jsonb_build_object('id', id, 'name', name, 'kind', kind, 'starts_on', starts_on, 'ends_on', ends_on) FROM terms
        WHERE school_id = $1 AND status = 'active' AND starts_on <= $3 AND ends_on >= $2 ORDER BY starts_on, ends_on DESC, id";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(from).bind(to);
    let rows: Vec<Json<Term>> = query.fetch_all(transaction.connection()?).await?;
    Ok(plain(rows))
}
