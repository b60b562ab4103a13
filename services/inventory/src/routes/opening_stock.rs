//! Opening stock: what is on the shelves on the day on which the books begin, from a file.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, post};
use serde::Serialize;
use service_kit::{CommonProblems, EditProblems, IdempotencyKey, Params, Problem};
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::upload::{CSV, ImportFile, ImportOf, file, lines, once, shown};
use crate::desk::KeepersDesk;
use crate::model::opening::interpret;
use crate::store::open_stock;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(import);
}

/// The largest file.
const LIMIT: usize = 1024 * 1024;

/// What the file did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpeningReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// Lines below the heading.
    rows: usize,
    /// Items of which there is something now.
    items: usize,
    /// Pieces and units.
    pieces: i64,
    /// What they cost together, in minor units of the school's currency.
    value_minor: i64,
}

/// Takes what is on the shelves when the books begin. Columns: `sku` and `location` (by name), `quantity` and `unit_cost_minor`; for an item with serial numbers
/// a line for each unit with its `serial_number`, and `warranty_until` if you like; and a `note` for the history. An item that has moved at a place before has
/// an opening there no more: enter a movement. All or nothing; a fault's `pointer` names line and column, `/rows/4/sku`.
#[utoipa::path(
    params(ImportOf, ("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")),
    request_body(content = ImportFile, content_type = "text/csv", description = "UTF-8, commas or semicolons, at most 1 MiB and 500 lines."),
    responses(
        (status = 200, body = OpeningReport, description = "A dry run."),
        (status = 201, body = OpeningReport),
        CommonProblems,
        EditProblems
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/opening-stock/import")]
async fn import(
    desk: KeepersDesk,
    _key: IdempotencyKey,
    params: Params<ImportOf>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (_, bytes) = file(&request, payload, &[CSV], LIMIT).await?;
    let piles = interpret(&lines(&bytes)?).map_err(shown)?;
    let work = async |transaction: &mut SchoolTransaction| {
        let opened = open_stock(&desk, transaction, &piles).await?;
        let (items, pieces, value_minor) = (opened.items, opened.pieces, opened.value_minor);
        Ok(OpeningReport { dry_run: params.dry_run, rows: piles.len(), items, pieces, value_minor })
    };
    once(&desk, &request, params.dry_run, &bytes, "/api/v1/inventory/movements?kind=receive", work).await
}
