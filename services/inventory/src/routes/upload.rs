//! Files that are taken as a whole or not at all: what all imports do the same way.

use actix_web::http::header;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use domain::{Fault, ServiceName, Version};
use serde::{Deserialize, Serialize};
use service_kit::extract::read_payload;
use service_kit::{Created, Kind, Problem};
use sha2::{Digest, Sha256};
use spreadsheet::{Line, Unreadable, csv_file};
use store::SchoolTransaction;
use utoipa::{IntoParams, ToSchema};

use crate::desk::KeepersDesk;

/// CSV.
pub(super) const CSV: &str = "text/csv";
/// A file of five hundred wrong lines needs no thousand faults in one answer.
const MOST_FAULTS: usize = 200;

/// What to do with the file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportOf {
    /// Only tell what would happen.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// A file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ImportFile(Vec<u8>);

/// The file that came with a request, and which of `media_types` it is.
pub(super) async fn file(
    request: &HttpRequest,
    payload: Payload,
    media_types: &[&'static str],
    most_bytes: usize,
) -> Result<(&'static str, Bytes), Problem> {
    let said = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default().trim();
    let media_type = media_types.iter().find(|known| said.eq_ignore_ascii_case(known));
    let media_type = media_type.ok_or_else(|| Problem::unsupported_media_type(&media_types.join(", ")))?;
    Ok((media_type, read_payload(request, payload.into_inner(), most_bytes).await?))
}

/// The lines of a CSV file.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<Line>, Problem> {
    csv_file::read(bytes).map_err(|unreadable| match unreadable {
        Unreadable::Damaged(detail) => Problem::malformed(format!("The file {detail}.")),
        Unreadable::TooLarge(detail) => Problem::new(Kind::PayloadTooLarge, format!("The file {detail}.")),
    })
}

/// All that is wrong with a file, or as much as fits.
pub(super) fn shown(mut faults: Vec<Fault>) -> Problem {
    faults.truncate(MOST_FAULTS);
    Problem::invalid(faults)
}

/// Does `work`, and nothing of it was done.
pub(super) async fn rehearse<T>(
    desk: &KeepersDesk,
    work: impl AsyncFnOnce(&mut SchoolTransaction) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut transaction = desk.platform().postgres(ServiceName::Inventory).school(desk.caller().school_id).await?;
    let done = work(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(done)
}

/// Takes a file once under its key: 201 with a report, and what came of it under `location`. A dry run does all of it, then nothing of it was done, and the
/// answer is 200.
pub(super) async fn once<T: Serialize>(
    desk: &KeepersDesk,
    request: &HttpRequest,
    dry_run: bool,
    file: &[u8],
    location: &str,
    work: impl AsyncFnOnce(&mut SchoolTransaction) -> Result<T, Problem>,
) -> Result<HttpResponse, Problem> {
    if dry_run {
        return Ok(HttpResponse::Ok().json(rehearse(desk, work).await?));
    }
    let fingerprint = (Sha256::digest(file).to_vec(), request.query_string());
    desk.create(&fingerprint, async |transaction| {
        let report = work(transaction).await?;
        Ok(Created { location: location.to_owned(), version: Version::FIRST, body: report })
    })
    .await
}
