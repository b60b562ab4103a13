//! A register as a file: CSV or an Excel workbook. What it says goes the same way as a `PUT` of the register's marks.

use actix_web::http::header;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use chrono::NaiveDate;
use directory::Glance;
use domain::{ClassId, Fault, Text};
use serde::{Deserialize, Serialize};
use service_kit::extract::{etag, read_payload};
use service_kit::{CommonProblems, EditProblems, IfMatch, Kind, Params, Permit, Problem, permits};
use spreadsheet::csv_file::{Misquoted, Refused};
use spreadsheet::{Line, Unreadable, csv_file, xlsx};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::sessions::RegisterView;
use super::taking::{Basis, RegisterPlace, Taking};
use crate::model::correction::Change;
use crate::model::marking::Sheet;
use crate::model::register::Place;
use crate::model::upload::interpret;
use crate::store::look_for_register;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(upload);
}

/// The largest file.
const LIMIT: usize = 1024 * 1024;
const CSV: &str = "text/csv";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Which register the file is of, and what to do with it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UploadOf {
    /// The class.
    #[param(inline)]
    class_id: ClassId,
    /// The day.
    held_on: NaiveDate,
    /// The period; left out means the register of the whole day.
    #[param(minimum = 0, maximum = 99)]
    period: Option<u8>,
    /// Only tell what would happen. Needs neither `If-Match` nor `If-None-Match`.
    #[serde(default)]
    dry_run: bool,
    /// The code of everybody whom the file doesn't name and who has no mark yet.
    #[param(value_type = Option<String>, min_length = 1, max_length = 16)]
    others: Option<Text<16>>,
    /// Why a locked register is corrected; required then.
    #[param(value_type = Option<String>, min_length = 1, max_length = 1000)]
    reason: Option<Text<1000>>,
}

/// A file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
struct RegisterFile(Vec<u8>);

/// What the file did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// Lines below the heading.
    rows: usize,
    /// The marks that changed, or would.
    changes: Vec<Change>,
    /// The register as it is now, or would be.
    register: RegisterView,
}

/// Uploads a register
///
/// The body is the file itself, at most 1 MiB: `text/csv` (UTF-8, commas or semicolons) or an Excel workbook, whose first sheet counts. The first row names the
/// columns: `student_id` or `admission_number`, `code`, and if you like `minutes_late`, `note`; `name` and `roll_number` may be there. At most 500 rows.
/// `GET /api/v1/attendance/sheet.csv` gives a file to fill in.
///
/// All or nothing, like marking by `PUT`, with the same headers. A fault's `pointer` names line and column: `/rows/4/code`. With `dry_run=true` the answer is
/// what would come of it.
#[utoipa::path(
    params(
        UploadOf,
        ("If-Match" = Option<String>, Header, description = "The register's `ETag` that was read."),
        ("If-None-Match" = Option<String>, Header, description = "`*` for a register that nobody has opened yet."),
    ),
    request_body(content = RegisterFile, content_type = "text/csv",
        description = "The file; a workbook as `application/vnd.openxmlformats-officedocument.spreadsheetml.sheet`."),
    responses(
        (status = 200, body = UploadReport, description = "Marked, or what would be marked."),
        (status = 201, body = UploadReport, description = "Opened and marked."),
        CommonProblems, EditProblems
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/uploads")]
async fn upload(
    permit: Permit<permits::AttendanceMark>,
    params: Params<UploadOf>,
    request: HttpRequest,
    payload: Payload,
    rooms: Data<Rooms>,
) -> Result<HttpResponse, Problem> {
    let format = Format::of(&request)?;
    let caller = permit.caller();
    let look = async |glance: &Glance<'_>| rooms.viewer_at(glance, caller).await;
    // Before anything is unpacked: who may not mark this class has no business here.
    if !rooms.directory.consult(caller.school_id, look).await?.may_mark(params.class_id) {
        return Err(Problem::invalid(vec![Fault::new("query:class_id", "is no class that you teach")]));
    }
    let place = Place { held_on: params.held_on, class_id: params.class_id, period: params.period };
    let id = place.id(permit.school_id);
    let basis = if params.dry_run {
        match look_for_register(&rooms.platform, None, permit.school_id, id).await?.row() {
            Some(register) => Basis::Seen(IfMatch(register.version)),
            None => Basis::Fresh,
        }
    } else {
        <Basis as actix_web::FromRequest>::extract(&request).await?
    };
    let bytes = read_payload(&request, payload.into_inner(), LIMIT).await?;
    let lines = format.read(bytes).await?;
    let others = params.others.as_ref().map(|code| code.as_str().to_owned());
    let place = RegisterPlace {
        class_id: params.class_id,
        held_on: params.held_on,
        period: params.period,
        subject_id: None,
        starts_at: None,
        ends_at: None,
    };
    let taking = Taking {
        id,
        basis,
        place: Some(("query:", place)),
        sheet: &|_, ground| Ok(Sheet { entries: interpret(&lines, ground.seats()).map_err(shown)?, others: others.clone() }),
        reason: params.reason.as_ref().map(|reason| reason.as_str().to_owned()),
        dry_run: params.dry_run,
    };
    let taken = rooms.take(caller, &taking).await.map_err(in_terms_of_the_file)?;
    let report = UploadReport {
        dry_run: params.dry_run,
        rows: lines.len().saturating_sub(1),
        changes: taken.changes,
        register: RegisterView::of(&taken.register, &taken.ground.rules, taken.ground.today),
    };
    if params.dry_run {
        return Ok(HttpResponse::Ok().json(report));
    }
    let mut response = if taken.is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    if taken.is_new {
        response.insert_header((header::LOCATION, format!("/api/v1/attendance/sessions/{id}")));
    }
    Ok(response.insert_header((header::ETAG, etag(taken.register.version))).json(report))
}

/// A file of five hundred wrong lines needs no two thousand faults in one answer.
const SHOWN: usize = 200;

fn shown(mut faults: Vec<Fault>) -> Problem {
    faults.truncate(SHOWN);
    Problem::invalid(faults)
}

/// The rules that are shared with the JSON route point into its body; here the same things stand in the query string or in the file.
fn in_terms_of_the_file(problem: Problem) -> Problem {
    if problem.kind() != Kind::ValidationFailed {
        return problem;
    }
    let moved = |fault: &Fault| {
        let pointer = match fault.pointer.as_str() {
            "/records" => "/rows".to_owned(),
            "/others" => "query:others".to_owned(),
            "/reason" => "query:reason".to_owned(),
            other => other.strip_prefix("query:/").map_or_else(|| other.to_owned(), |field| format!("query:{field}")),
        };
        Fault::new(pointer, fault.detail.clone())
    };
    Problem::invalid(problem.faults().iter().map(moved).collect())
}

/// What kind of file it is, as the client says.
#[derive(Debug, Clone, Copy)]
enum Format {
    Csv,
    Xlsx,
}

impl Format {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let text = |name| request.headers().get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("?"));
        let essence = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).map(str::trim).unwrap_or_default();
        let plain = text(header::CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
        match essence.to_ascii_lowercase().as_str() {
            CSV if plain => Ok(Self::Csv),
            XLSX if plain => Ok(Self::Xlsx),
            _ => Err(Problem::unsupported_media_type(&format!("{CSV} or {XLSX}"))),
        }
    }

    async fn read(self, bytes: Bytes) -> Result<Vec<Line>, Problem> {
        // Unpacking takes as long as it takes: other requests of this worker go on meanwhile.
        let read = tokio::task::spawn_blocking(move || match self {
            Self::Csv => csv_file::read_lines(&bytes),
            Self::Xlsx => xlsx::read(&bytes).map_err(Refused::from),
        });
        let refuse = |refused| match refused {
            Refused::Misquoted(Misquoted { line, detail }) => Problem::invalid(vec![Fault::new(format!("/rows/{line}"), detail)]),
            Refused::Unreadable(Unreadable::Damaged(detail)) => Problem::malformed(format!("The file {detail}.")),
            Refused::Unreadable(Unreadable::TooLarge(detail)) => Problem::new(Kind::PayloadTooLarge, format!("The file {detail}.")),
        };
        // A reader that gives up with a panic says no more about a file than one that gives up with an error.
        read.await.unwrap_or_else(|_| Err(Unreadable::Damaged("can't be read".to_owned()).into())).map_err(refuse)
    }
}
