//! The grade book as a file: out as CSV, and marks back in.

use std::collections::{HashMap, HashSet};

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use domain::{ClassId, Fault, GradeItemId, Points, StudentId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use service_kit::extract::{etag, read_payload};
use service_kit::{CommonProblems, EditProblems, IdPath, IfMatch, Kind, Params, Permit, Problem, Versioned, permits};
use spreadsheet::safe::meant;
use spreadsheet::{Line, Unreadable, csv_file};
use store::entity::grade_items;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::gradebook::BookOf;
use super::totals::Reckoner;
use super::writing::{MOST, Part, Wanted, write};
use crate::model::grade::{Figures, Grade, decimal};
use crate::model::total::Viewpoint;
use crate::store::{Book, Grades, book, grades_of, is_locked};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(export).service(import);
}

/// The largest file.
const LIMIT: usize = 1024 * 1024;
const CSV: &str = "text/csv";
/// Columns that are for people.
const KNOWN: [&str; 5] = ["student_id", "admission_number", "name", "total_percent", "letter"];

/// The grade book as CSV: a line for each student, a column for each item.
///
/// The heading of an item is its id and its name; a cell holds the marks that count, or nothing. What a spreadsheet would take for a formula is made harmless.
/// The `ETag` is the book's, for an import.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class."), BookOf),
    responses((status = 200, body = String, content_type = "text/csv", description = "UTF-8, commas, CRLF."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/classes/{id}/gradebook.csv")]
async fn export(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<ClassId>,
    rooms: Data<Rooms>,
    params: Params<BookOf>,
) -> Result<HttpResponse, Problem> {
    let caller = permit.caller();
    Viewer::of(&rooms.platform, caller).await?.keep(*id).await?;
    let grades = grades_of(&rooms.platform, caller.school_id, *id).await?;
    let book = book(&rooms.platform, caller.school_id, *id, params.term_id).await?;
    let totals = Reckoner::of(&book);
    let mut heading = vec!["student_id".to_owned(), "admission_number".to_owned(), "name".to_owned()];
    heading.extend(book.items.iter().map(|item| format!("{} {}", item.id, item.name)));
    heading.extend(["total_percent".to_owned(), "letter".to_owned()]);
    let line = |pupil: &crate::store::Pupil| {
        let mut cells = vec![pupil.student_id.to_string(), pupil.admission_number.clone(), pupil.name.clone()];
        cells.extend(book.items.iter().map(|item| {
            let grade = grades.get(item.id.into(), pupil.student_id);
            grade.and_then(|grade| grade.override_points.or(grade.points)).map(|points| points.to_string()).unwrap_or_default()
        }));
        let (percent, letter) = totals.of_student(&grades, pupil.student_id, Viewpoint::Teacher).overall();
        cells.extend([percent.unwrap_or_default(), letter.unwrap_or_default()]);
        cells
    };
    let rows = std::iter::once(heading).chain(book.pupils.iter().map(line)).collect::<Vec<_>>();
    let bytes = csv_file::write(rows).map_err(Problem::internal)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"));
    response.insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"gradebook.csv\""));
    response.insert_header((header::ETAG, etag(grades.version(|_| true))));
    Ok(response.body(bytes))
}

/// What to do with the file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportOf {
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// A file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
struct GradeFile(Vec<u8>);

/// What the file did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// Lines below the heading.
    rows: usize,
    /// Grades that changed, or would.
    changed: usize,
    /// The book's version afterwards; the `ETag` is this number as `"v3"`.
    version: Version,
}

/// Takes marks from a file of the form that the export has, all or nothing.
///
/// Columns that begin with an item's id hold marks, an empty cell says nothing. A fault's `pointer` names line and column of the file, `/rows/4/3`. Items that
/// are locked or that homework or a quiz feeds take no marks.
#[utoipa::path(
    params(
        ("id" = ClassId, Path, description = "The class."),
        ImportOf,
        ("If-Match" = String, Header, description = "The book's `ETag` that was read."),
    ),
    request_body(content = GradeFile, content_type = "text/csv", description = "UTF-8, commas or semicolons, at most 1 MiB, 500 lines and 1,000 grades that change."),
    responses((status = 200, body = ImportReport), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/classes/{id}/gradebook/import")]
async fn import(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<ClassId>,
    seen: IfMatch,
    params: Params<ImportOf>,
    request: HttpRequest,
    payload: Payload,
    rooms: Data<Rooms>,
) -> Result<Versioned<ImportReport>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(CSV) {
        return Err(Problem::unsupported_media_type(CSV));
    }
    // Before anything is read: who doesn't keep this book has no business here.
    Viewer::of(platform, caller).await?.keep(*id).await?;
    let bytes = read_payload(&request, payload.into_inner(), LIMIT).await?;
    let lines = csv_file::read(&bytes).map_err(unreadable)?;
    let wanted = |book: &Book, grades: &Grades, now: Timestamp| {
        seen.require(grades.version(|_| true))?;
        interpret(&lines, book, grades, *id, now)
    };
    let changed = if params.dry_run {
        let book = book(platform, caller.school_id, *id, None).await?;
        wanted(&book, &grades_of(platform, caller.school_id, *id).await?, platform.clock().now())?.len()
    } else {
        write(platform, caller, *id, Part::Book, wanted).await?
    };
    let version = grades_of(platform, caller.school_id, *id).await?.version(|_| true);
    Ok(Versioned(ImportReport { dry_run: params.dry_run, rows: lines.len().saturating_sub(1), changed, version }, version))
}

fn unreadable(reason: Unreadable) -> Problem {
    let (Unreadable::Damaged(detail) | Unreadable::TooLarge(detail)) = reason;
    Problem::new(Kind::ValidationFailed, format!("The file {detail}.")).with_faults(vec![Fault::new("", detail)])
}

/// What the file changes, against the book; or everything that is wrong with it.
fn interpret(lines: &[Line], book: &Book, grades: &Grades, class: ClassId, now: Timestamp) -> Result<Vec<Wanted>, Problem> {
    let Some((heading, rows)) = lines.split_first() else { return Err(unreadable(Unreadable::Damaged("is empty".to_owned()))) };
    let (mut faults, mut columns, mut who) = (Vec::new(), Vec::new(), HashMap::new());
    for (place, cell) in heading.cells.iter().enumerate() {
        let name = meant(cell);
        let at = || format!("/rows/{}/{}", heading.number, place + 1);
        if let Some(known) = KNOWN.iter().find(|known| name.eq_ignore_ascii_case(known)) {
            who.insert(*known, place);
            continue;
        }
        let id = name.split_whitespace().next().and_then(|id| id.parse::<GradeItemId>().ok());
        match id.and_then(|id| book.item(id)) {
            Some(item) if columns.iter().any(|(_, known): &(usize, &grade_items::Model)| known.id == item.id) => {
                faults.push(Fault::new(at(), "names an item a second time"));
            }
            Some(item) => columns.push((place, item)),
            None => faults
                .push(Fault::new(at(), "is neither an item of this class nor student_id, admission_number, name, total_percent or letter")),
        }
    }
    if !who.contains_key("student_id") && !who.contains_key("admission_number") {
        faults.push(Fault::new(format!("/rows/{}", heading.number), "needs a column student_id or admission_number"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let (mut wanted, mut named) = (Vec::new(), HashSet::new());
    for line in rows {
        let cell =
            |place: Option<&usize>| meant(place.and_then(|place| line.cells.get(*place)).map(String::as_str).unwrap_or_default().trim());
        let (id, number) = (cell(who.get("student_id")), cell(who.get("admission_number")));
        let pupil = book.pupils.iter().find(|pupil| {
            if id.is_empty() { !number.is_empty() && pupil.admission_number == number } else { pupil.student_id.to_string() == id }
        });
        let Some(pupil) = pupil else {
            faults.push(Fault::new(format!("/rows/{}", line.number), "names nobody of this class"));
            continue;
        };
        if !named.insert(pupil.student_id) {
            faults.push(Fault::new(format!("/rows/{}", line.number), "names somebody a second time"));
            continue;
        }
        for place in line.unnamed(heading) {
            let detail = "stands in a column that the heading has no name for";
            faults.push(Fault::new(format!("/rows/{}/{}", line.number, place + 1), detail));
        }
        for (place, item) in &columns {
            let text = cell(Some(place));
            if text.is_empty() {
                continue;
            }
            match marks(text, item, grades, pupil.student_id, now) {
                Ok(Some(figures)) => wanted.push(Wanted { item: item.id.into(), class, student: pupil.student_id, figures, is_fed: false }),
                Ok(None) => {}
                Err(detail) => faults.push(Fault::new(format!("/rows/{}/{}", line.number, place + 1), detail)),
            }
        }
    }
    if wanted.len() > MOST {
        faults.push(Fault::new("", format!("changes more than {MOST} grades: send it in parts")));
    }
    if faults.is_empty() { Ok(wanted) } else { Err(Problem::invalid(faults)) }
}

/// What a grade says with the marks of a cell; none if they are the present ones.
fn marks(text: &str, item: &grade_items::Model, grades: &Grades, student: StudentId, now: Timestamp) -> Result<Option<Figures>, String> {
    let number: f64 = text.replace(',', ".").parse().map_err(|_| "is not a number".to_owned())?;
    let points = Points::try_from(number).map_err(|error| error.to_string())?;
    let before = grades.get(item.id.into(), student).map(Grade::figures).unwrap_or_default();
    if before.override_points.or(before.points) == Some(points) {
        return Ok(None);
    }
    if is_locked(item, now) {
        return Err("is of an item that is locked".to_owned());
    }
    if item.source_kind != "manual" {
        return Err(format!("is of an item that a {} feeds", item.source_kind));
    }
    if decimal(points) > item.max_points && !item.is_extra_credit {
        return Err(format!("must be at most {}", item.max_points.normalize()));
    }
    Ok(Some(Figures { points: Some(points), override_points: None, ..before }))
}
